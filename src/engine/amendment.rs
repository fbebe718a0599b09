//! `Amendment`: files of the user's as they are to become. The pipeline must load from them before
//! anything is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::cancel::CancelToken;
use crate::base::fs;
use crate::base::ignore_rules::IgnorePattern;
use crate::base::lockfile::{FileLock, Presence};
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::source::read_text;
use crate::base::yaml_edit::YamlText;
use crate::engine::claim::Claims;
use crate::engine::error::Error;
use crate::engine::event::Event;
use crate::engine::repro::refuse_nesting;
use crate::pipeline::{self, Amended, Pipeline};
use crate::workspace::{Ledger, Unreached, Workspace};

/// Why a file of the user's is not edited.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AmendError {
    /// A name that a stage on the command line could not be told by.
    #[error("`{name}` cannot be the name of a stage")]
    StageName {
        /// The name.
        name: String,
    },
    /// The name is taken.
    #[error("there is a stage `{name}` in `{file}` already")]
    StageExists {
        /// The name.
        name: String,
        /// The file.
        file: RepoPath,
    },
    /// Nobody would ever read the file.
    #[error("a pipeline in `{file}` would not be found")]
    OutOfSight {
        /// The file.
        file: RepoPath,
    },
    /// One of the stages that a group stands for has no text of its own.
    #[error("`{stage}` is one of the stages of `{group}` and cannot be edited alone")]
    GroupItem {
        /// The stage.
        stage: String,
        /// The group.
        group: String,
    },
    /// A dep of a stage names something that nobody could ever ask for.
    #[error("`{url}` cannot be a dep")]
    Url {
        /// What it names.
        url: String,
        /// Why.
        source: Unreached,
    },
    /// Only outs and tracked data are moved.
    #[error("`{path}` is neither an out of a stage nor tracked data")]
    NotAnOut {
        /// The path.
        path: RepoPath,
        /// What may have been meant.
        help: Option<String>,
    },
    /// Only plots are drawn.
    #[error("`{path}` is no plot of a stage, nor one beside the stages")]
    NotAPlot {
        /// The path or id.
        path: RepoPath,
        /// What may have been meant.
        help: Option<String>,
    },
    /// Tracked data would lie in other tracked data.
    #[error("`{path}` has something in common with `{tracked}`, which is tracked data")]
    OverlapsData {
        /// The place.
        path: RepoPath,
        /// What is tracked there.
        tracked: RepoPath,
    },
    /// Something is where an out is to go.
    #[error("`{path}` exists already")]
    Occupied {
        /// The place.
        path: RepoPath,
    },
    /// Git has something where an out is to go, be it deleted in the workspace.
    #[error("git tracks `{path}`")]
    InGit {
        /// The place.
        path: RepoPath,
    },
    /// What goes there would be no data.
    #[error("`{path}` is no place for data: `{pattern}` excludes it")]
    NoPlace {
        /// The place.
        path: RepoPath,
        /// Why it is none.
        pattern: IgnorePattern,
    },
    /// A folder cannot be moved into itself.
    #[error("`{path}` cannot be moved into itself")]
    IntoItself {
        /// The folder.
        path: RepoPath,
    },
    /// A parameter that is to be set is not there.
    #[error("there is no param `{key}` in `{file}`")]
    NoParam {
        /// The key.
        key: String,
        /// The file.
        file: RepoPath,
        /// What may have been meant.
        help: Option<String>,
    },
    /// Rewriting the file would change more than is wanted.
    #[error("`{file}` holds numbers or texts that would be written in another way")]
    Spelling {
        /// The file.
        file: RepoPath,
    },
    /// Only some formats are written.
    #[error("params in `{file}` cannot be set from here")]
    Format {
        /// The file.
        file: RepoPath,
    },
}

/// Edits that wait to be checked and written.
pub(crate) struct Amendment<'a> {
    /// The project.
    pub(super) workspace: &'a Workspace,
    texts: BTreeMap<RepoPath, String>,
    _held: Presence,
    /// One edits at a time, or the second would undo what the first has written.
    _editing: FileLock,
}

impl<'a> Amendment<'a> {
    /// Enters the project, be others at work in it; for edits that nobody who runs stages minds.
    pub(crate) fn begin(
        workspace: &'a Workspace,
        waiting: impl FnMut(&str),
    ) -> Result<Self, Error> {
        refuse_nesting(workspace)?;
        let held = workspace.enter(&CancelToken::default(), waiting)?;
        Self::new(workspace, held)
    }

    /// Enters the project once nobody else is in it; `waiting` is told who is.
    pub(crate) fn begin_alone(
        workspace: &'a Workspace,
        waiting: impl FnMut(&str),
        tell: &dyn Fn(Event),
    ) -> Result<Self, Error> {
        refuse_nesting(workspace)?;
        let held = workspace.enter_alone(&CancelToken::default(), waiting)?;
        let ledger = Ledger::open(workspace)?;
        // Outs of a killed run may still lie aside.
        Claims::new(workspace, &ledger).recover(tell)?;
        Self::new(workspace, held)
    }

    fn new(workspace: &'a Workspace, held: Presence) -> Result<Self, Error> {
        Ok(Self {
            workspace,
            texts: BTreeMap::new(),
            _held: held,
            _editing: Workspace::guard_edits(workspace.root())?,
        })
    }

    /// Returns a file as it is to become; `None` where there is none.
    pub(super) fn text(&self, path: &RepoPath) -> Result<Option<String>, Error> {
        match self.texts.get(path) {
            Some(text) => Ok(Some(text.clone())),
            None => Ok(read_text(&self.workspace.worktree, path).map_err(pipeline::Error::from)?),
        }
    }

    /// Makes `text` the content of a file.
    pub(super) fn replace(&mut self, path: &RepoPath, text: String) {
        self.texts.insert(path.clone(), text);
    }

    /// Edits a YAML file; one that does not exist is empty.
    pub(super) fn edit(
        &mut self,
        path: &RepoPath,
        change: impl FnOnce(&mut YamlText) -> Result<(), Problem>,
    ) -> Result<(), Error> {
        let text = self.text(path)?.unwrap_or_default();
        let edited = YamlText::parse(path.as_str(), &text).and_then(|mut yaml| {
            change(&mut yaml)?;
            Ok(yaml.into_text())
        });
        self.replace(path, edited.map_err(pipeline::Error::from)?);
        Ok(())
    }

    /// Loads the pipeline as it would be.
    pub(super) fn check(&self) -> Result<Pipeline, Error> {
        Ok(Pipeline::load(&Amended {
            inner: &self.workspace.worktree,
            texts: &self.texts,
        })?)
    }

    /// Writes the files that differ, all or none of them.
    pub(super) fn write(&self) -> Result<Rewritten, Error> {
        let mut begun = Vec::new();
        for (path, text) in &self.texts {
            let place = self.workspace.locate(path);
            let old = fs::read(&place)?;
            if let Some(file) = fs::begin_rewrite(&place, text.as_bytes())? {
                begun.push((place, old, file));
            }
        }
        let mut rewritten = Rewritten(Vec::new());
        for (place, old, file) in begun {
            // A file may be in its place even though the disk then failed.
            rewritten.0.push((place, old));
            if let Err(error) = file.commit() {
                rewritten.put_back();
                return Err(error.into());
            }
        }
        Ok(rewritten)
    }
}

/// The files that an amendment has written, and what they were before.
pub(super) struct Rewritten(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Rewritten {
    /// Undoes it, since something else that belongs to it has failed.
    pub(super) fn put_back(self) {
        for (place, old) in self.0 {
            // There is an error to tell of already; what cannot be undone either stays as it is.
            let _undone = match old {
                Some(old) => fs::rewrite(&place, &old),
                None => fs::remove(&place),
            };
        }
    }
}
