//! Imported data that is not downloaded, or that has changed where it came from.

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::CliError;
use crate::cli::ui;
use crate::cli::ui::diagnostics;
use crate::cli::ui::progress::Spinner;
use crate::data::{State, Tracked};
use crate::imports::{self, Destination, Moved, Overwrite, Wish};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct UpdatesArgs {
    /// Also ask where data was imported from whether it has changed there
    #[arg(long)]
    updates: bool,
}

/// What is to be said of imports.
#[derive(Default)]
pub(super) struct Imports {
    /// Those that are not as they could be.
    pub(super) tracked: Vec<Tracked>,
    /// Whether some source could not be asked; the user has been told.
    pub(super) has_failed: bool,
}

impl UpdatesArgs {
    /// Looks at all imports; over the network only if that is wanted.
    pub(super) fn look(
        &self,
        workspace: &Workspace,
        context: &Context,
    ) -> Result<Imports, CliError> {
        let (absent, has_any) = workspace.preview_lock(|lock| {
            let paths = lock.sources.keys();
            let absent = paths.filter(|path| !lock.data.contains_key(*path));
            (
                absent.cloned().collect::<Vec<_>>(),
                !lock.sources.is_empty(),
            )
        })?;
        let undownloaded = |path| Tracked {
            path,
            state: State::Undownloaded,
        };
        let mut imports = Imports {
            tracked: absent.into_iter().map(undownloaded).collect(),
            has_failed: false,
        };
        if self.updates && has_any {
            imports.ask(workspace, context)?;
        }
        Ok(imports)
    }
}

impl Imports {
    fn ask(&mut self, workspace: &Workspace, context: &Context) -> Result<(), CliError> {
        let wish = Wish {
            paths: &[],
            rev: None,
            overwrite: Overwrite::Never,
            destination: Destination::Nowhere,
            is_dry: true,
        };
        let mut access = context.access(workspace)?;
        let spinner = Spinner::new("asking", context.quiet);
        let all = imports::update(&mut access, workspace, &wish, spinner.meter())?;
        drop(spinner);
        for updated in all {
            let path = updated.path;
            match updated.outcome {
                Ok(Moved::Would) if access.data.contains_key(&path) => {
                    let state = State::Behind;
                    self.tracked.push(Tracked { path, state });
                }
                Ok(_) => {}
                Err(error) => {
                    ui::eprint(&diagnostics::render(&CliError::from(error)));
                    self.has_failed = true;
                }
            }
        }
        Ok(())
    }
}
