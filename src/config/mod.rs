//! Settings in layers: those of the machine, the user, the project, the clone, and the environment.
//! A later layer wins key by key. A file that is not there is an empty layer.

mod edit;
mod error;
mod key;
mod layer;
mod level;
mod remotes;
mod setting;
mod settings;

pub(crate) use edit::{set, unset};
pub(crate) use error::Error;
pub(crate) use key::Key;
pub(crate) use layer::{Entry, Layer, effective};
pub(crate) use level::{Level, STATE_FOLDER};
pub(crate) use remotes::{RemoteEntry, URL, is_secret, rename_remote, set_remote, unset_remote};
pub(crate) use setting::Sharing;
pub(crate) use settings::{Settings, no_such_remote};
