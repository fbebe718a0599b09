//! The merge driver of `data.lock`: a line in `.gitattributes` and two of git's local settings.

use git2::{Config, ConfigLevel, ErrorCode};

use crate::base::fs;
use crate::pipeline::LOCK_FILE;
use crate::scm::block::{Block, Spot};
use crate::scm::error::Error;
use crate::scm::repo::Repo;

/// What git is told of the driver. `%P` is only for messages; git quotes it.
const SETTINGS: [(&str, &str); 2] = [
    ("merge.mlpipe.name", "data.lock, stage by stage"),
    ("merge.mlpipe.driver", "mlpipe git merge-lock %O %A %B %P"),
];

impl Repo {
    /// Lets git merge each `data.lock` of the repository by the driver.
    pub(crate) fn install_merge_driver(&self) -> Result<(), Error> {
        let mut settings = self.local_settings()?;
        for (name, value) in SETTINGS {
            settings.set_str(name, value)?;
        }
        let path = self.top().join(".gitattributes");
        let text = fs::read(&path)?.unwrap_or_default();
        let text = attribute().put_into(&text, Spot::End);
        Ok(fs::write_if_changed(&path, &text)?)
    }

    /// Undoes [`Self::install_merge_driver`].
    pub(crate) fn uninstall_merge_driver(&self) -> Result<(), Error> {
        let mut settings = self.local_settings()?;
        for (name, _) in SETTINGS {
            match settings.remove(name) {
                Err(error) if error.code() != ErrorCode::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        let path = self.top().join(".gitattributes");
        let text = fs::read(&path)?.unwrap_or_default();
        match attribute().take_out_of(&text) {
            None => Ok(()),
            Some(rest) if rest.is_empty() => Ok(fs::remove(&path)?),
            Some(rest) => Ok(fs::write_atomic(&path, &rest)?),
        }
    }

    /// Returns whether git merges `data.lock` by the driver.
    pub(super) fn has_merge_driver(&self) -> Result<bool, Error> {
        let (name, _) = SETTINGS[1];
        let is_set = match self.git().config()?.get_string(name) {
            Ok(_) => true,
            Err(error) if error.code() == ErrorCode::NotFound => false,
            Err(error) => return Err(error.into()),
        };
        let text = fs::read(&self.top().join(".gitattributes"))?.unwrap_or_default();
        Ok(is_set && attribute().take_out_of(&text).is_some())
    }

    fn local_settings(&self) -> Result<Config, Error> {
        Ok(self.git().config()?.open_level(ConfigLevel::Local)?)
    }
}

/// Without a slash it is true of every folder: a repository may hold many projects.
fn attribute() -> Block {
    Block(vec![format!("{LOCK_FILE} merge=mlpipe")])
}
