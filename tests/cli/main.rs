//! Behaviour as a user sees it: the binary in a throw-away git repository.

mod support;

mod dag;
mod errors;
mod faults;
mod init;
mod metrics;
mod report;
mod repro;
mod restore;
mod status;
