//! Asks what is at the URLs that stages read, for the engine, which knows nothing of networks.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::cancel::CancelToken;
use crate::base::human;
use crate::cli::error::CliError;
use crate::cli::ui::watch::watched;
use crate::imports::{self, Patience};
use crate::remote;
use crate::workspace::{Unreached, UrlState, Workspace};

/// What a command wants to know of URLs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// To say what would run.
    Look,
    /// To run stages.
    Run,
    /// To record what is there.
    Record,
}

impl Errand {
    fn patience(self) -> Patience {
        match self {
            Self::Look => Patience::Short,
            Self::Run | Self::Record => Patience::Long,
        }
    }

    /// Returns whether the command has `--allow-missing`.
    fn may_trust_records(self) -> bool {
        self != Self::Record
    }
}

/// Makes who asks what is at some URLs, and says on a terminal that this takes a while.
pub(super) fn scout(
    errand: Errand,
    is_quiet: bool,
) -> impl Fn(&Workspace, &[&str], &CancelToken) -> Vec<UrlState> + Send + Sync + 'static {
    let has_asked = AtomicBool::new(false);
    move |workspace, urls, cancel| {
        let place = (workspace.root(), workspace.settings());
        let what = format!("asking what is at {}", human::count(urls.len(), "URL"));
        // All are asked for before anything runs; later on stages have the screen.
        let is_hidden = has_asked.swap(true, Ordering::Relaxed) || is_quiet;
        let states = watched(&what, is_hidden, |_| {
            imports::states(urls, place, errand.patience(), cancel)
        });
        let told = |state: Result<_, _>| state.map_err(|error| unreached(error, errand));
        states.into_iter().map(told).collect()
    }
}

/// Checks that a URL can be asked for at all, and asks nobody.
pub(super) fn check(workspace: &Workspace, url: &str) -> Result<(), Unreached> {
    let checked = imports::check_url(url, (workspace.root(), workspace.settings()));
    checked.map_err(|error| unreached(error, Errand::Record))
}

fn unreached(error: imports::Error, errand: Errand) -> Unreached {
    let is_mistake = is_mistake(&error);
    // Nothing is on its way that could go on.
    let is_cut_off = matches!(error, imports::Error::Remote(remote::Error::Failed { .. }));
    let mut error = CliError::from(error);
    if is_cut_off {
        error.hints = vec!["check the network and the URL".to_owned()];
    }
    let CliError {
        message,
        causes,
        hints,
        ..
    } = error;
    Unreached {
        message,
        causes,
        hints,
        may_count_as_recorded: errand.may_trust_records() && !is_mistake,
    }
}

/// Whether it is what the user has written, and not that the other side cannot be reached from here.
fn is_mistake(error: &imports::Error) -> bool {
    use remote::Error::{NoRemote, NoSuchRemote, Setting, UnknownScheme};
    matches!(
        error,
        imports::Error::NoUrl
            | imports::Error::Url { .. }
            | imports::Error::Settings(_)
            | imports::Error::Remote(
                NoRemote { .. } | NoSuchRemote { .. } | Setting { .. } | UnknownScheme { .. }
            )
    )
}
