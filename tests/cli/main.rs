//! Behaviour as a user sees it: the binary in a throw-away git repository.

#![expect(
    clippy::disallowed_methods,
    reason = "tests lay out and damage files as users do"
)]

mod support;

mod attempts;
mod checkout;
mod commit;
mod dag;
mod errors;
mod faults;
mod freeze;
mod init;
mod install;
mod interactive;
mod merge;
mod metrics;
mod missing;
mod moving;
mod outside;
mod random;
mod remove;
mod report;
mod repro;
mod resources;
mod restore;
mod schema;
mod selection;
mod set_param;
mod stage;
mod status;
mod templating;
