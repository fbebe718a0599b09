//! `Followed`: up to which move of HEAD's the data has followed git, as `.mlpipe/followed` says. What
//! a commit tracked that was left goes once: what stands there later is the user's.

use serde::{Deserialize, Serialize};

use crate::base::fs::{self, failed};
use crate::scm::{Milestone, Since};
use crate::workspace::Workspace;

/// Where it is, in the state folder.
const FILE: &str = "followed";

/// Goes up when an older program could misread it.
const VERSION: u32 = 1;

/// The last move that was dealt with; none where there was no checkout yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Followed(Option<Milestone>);

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    last: Milestone,
}

impl Followed {
    /// Reads it. May be deleted: then all moves that git remembers are followed again.
    pub(super) fn load(workspace: &Workspace) -> Result<Self, fs::Error> {
        let path = workspace.state(FILE);
        let Some(bytes) = fs::read(&path)? else {
            return Ok(Self(None));
        };
        match serde_json::from_slice::<Text>(&bytes) {
            Ok(Text {
                version: VERSION,
                last,
            }) => Ok(Self(Some(last))),
            // To follow a move twice could take away what is the user's.
            Ok(_) => {
                let source = std::io::Error::other("a newer mlpipe has written it");
                Err(failed("cannot read", &path)(source))
            }
            Err(error) => Err(failed("cannot read", &path)(error.into())),
        }
    }

    /// Returns which moves are to be followed yet.
    pub(super) fn rest(&self) -> Since<'_> {
        self.0.as_ref().map_or(Since::Ever, Since::Milestone)
    }

    /// Notes that all moves up to this one have been followed.
    pub(super) fn note(self, workspace: &Workspace, last: Milestone) -> Result<(), fs::Error> {
        if self.0.as_ref() == Some(&last) {
            return Ok(());
        }
        let version = VERSION;
        let text = serde_json::to_vec(&Text { version, last });
        let text = text.expect("invariant: numbers and a digest");
        fs::write_atomic(&workspace.state(FILE), &text)
    }
}
