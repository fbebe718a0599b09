//! Opens the forge at a place.

use crate::forge::bitbucket::Bitbucket;
use crate::forge::client::{Client, Mode, Telling};
use crate::forge::error::Error;
use crate::forge::gitea::Gitea;
use crate::forge::github::Github;
use crate::forge::gitlab::Gitlab;
use crate::forge::kind::Kind;
use crate::forge::model::Forge;
use crate::forge::patience::Patience;
use crate::forge::permission::Permission;
use crate::forge::place::Place;

impl Place {
    /// Opens the forge, to do what `need` says; `tell` hears of pauses, and in a dry run of requests.
    pub(crate) fn open(
        &self,
        mode: Mode,
        patience: Patience,
        need: Permission,
        tell: impl Fn(Telling<'_>) + 'static,
    ) -> Result<Box<dyn Forge>, Error> {
        let client = Client::new(self.connect(mode, patience, need)?, tell)?;
        let (repo, api) = (self.repo.as_str(), self.api.as_str());
        Ok(match self.kind {
            Kind::Github => Box::new(Github::new(client, repo, api)),
            Kind::Gitlab => Box::new(Gitlab::new(client, repo, api)),
            Kind::Bitbucket => Box::new(Bitbucket::new(client, repo)),
            Kind::Gitea => Box::new(Gitea::new(client, repo, api)),
        })
    }
}
