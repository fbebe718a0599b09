//! Data from elsewhere: other git repositories, of mlpipe's or of DVC's, and URLs. What comes is
//! verified; where it came from is recorded, so that it can be brought up to date.

mod donor;
mod error;
mod import;
mod passing;
mod state;
mod target;
mod update;
mod web;

pub(crate) use donor::Donor;
pub(crate) use donor::Stock;
pub(crate) use error::Error;
pub(crate) use import::{Imported, check_place, import, import_absent, refuse_secret};
pub(crate) use passing::pass_on;
pub(crate) use state::{Patience, states};
pub(crate) use target::{Overwrite, Target};
pub(crate) use update::{Destination, Moved, Wish, update};
pub(crate) use web::{Origin, Part, check_url};
