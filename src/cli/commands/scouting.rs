//! Asks what is at the URLs that stages read, for the engine, which knows nothing of networks.

use crate::base::cancel::CancelToken;
use crate::cli::error::CliError;
use crate::imports;
use crate::remote;
use crate::workspace::{Unreached, UrlState, Workspace};

/// Asks what is at some URLs.
pub(super) fn scout(workspace: &Workspace, urls: &[&str], cancel: &CancelToken) -> Vec<UrlState> {
    let place = (workspace.root(), workspace.settings());
    let states = imports::states(urls, place, cancel).into_iter();
    states.map(|state| state.map_err(unreached)).collect()
}

fn unreached(error: imports::Error) -> Unreached {
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
    }
}
