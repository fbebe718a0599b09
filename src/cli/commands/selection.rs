//! The arguments that say which stages a run is about.

use clap::Args;

use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::error::CliError;
use crate::engine::{Aim, Reach, Selection};
use crate::workspace::Workspace;

#[derive(Debug, Default, Args)]
pub(crate) struct SelectionArgs {
    /// Stages to bring up to date, or paths that stages make [default: all of the folder's own
    /// pipeline file, or of the project]
    targets: Vec<String>,

    /// Run the targets alone, not what they need
    #[arg(short, long, requires = "targets", conflicts_with = "downstream")]
    single_item: bool,

    /// Run the targets and all that need them
    #[arg(long, requires = "targets")]
    downstream: bool,

    /// Run all that hangs together with the targets: what they need and what needs them
    #[arg(short, long, conflicts_with_all = ["single_item", "downstream"])]
    pipeline: bool,

    /// Run all stages of the project, whatever the current folder
    #[arg(
        short = 'P',
        long,
        conflicts_with_all = ["targets", "pipeline", "recursive", "glob"]
    )]
    all_pipelines: bool,

    /// Take targets as folders: run all stages of the pipeline files in them and below
    #[arg(short = 'R', long, conflicts_with = "glob")]
    recursive: bool,

    /// Take targets as patterns of stage names, as in `train@*`
    #[arg(long, requires = "targets")]
    glob: bool,
}

impl SelectionArgs {
    /// Makes the arguments that name one stage and all that it needs.
    pub(crate) fn of(stage: &str) -> Self {
        Self {
            targets: vec![stage.to_owned()],
            ..Self::default()
        }
    }

    /// Makes the selection that they ask for.
    pub(crate) fn choose(
        &self,
        workspace: &Workspace,
        context: &Context,
    ) -> Result<Selection, CliError> {
        let reach = match (self.single_item, self.downstream, self.pipeline) {
            (true, ..) => Reach::Nowhere,
            (_, true, _) => Reach::Downstream,
            (.., true) => Reach::Connected,
            _ => Reach::Upstream,
        };
        let aim = match (self.recursive, self.glob) {
            (true, _) => Aim::Folders,
            (_, true) => Aim::Patterns,
            _ => Aim::Names,
        };
        let folder = if self.all_pipelines {
            RepoPath::root()
        } else {
            context.path(workspace, ".")?
        };
        Ok(Selection {
            targets: self.targets.clone(),
            aim,
            folder,
            reach,
        })
    }
}
