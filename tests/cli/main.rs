//! Behaviour as a user sees it: the binary in a throw-away git repository.

#![expect(
    clippy::disallowed_methods,
    reason = "tests lay out and damage files as users do"
)]

mod support;

mod add;
mod artifacts;
mod attempts;
mod badge;
mod bucket;
mod check_ignore;
mod checkout;
mod ci_init;
mod commit;
mod completion;
mod config;
mod confusions;
mod dag;
mod damage;
mod data_checkout;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod data_kills;
mod data_status;
mod diff;
mod doctor;
mod errors;
mod faults;
mod forges;
mod freeze;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod fsck;
mod gate;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod gc;
mod import_dvc;
mod imports;
mod init;
mod install;
mod interactive;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod kills;
mod listing;
mod merge;
mod metrics;
mod missing;
mod moving;
mod outside;
mod plots;
mod predictions;
mod random;
mod remote;
mod remote_damage;
mod remote_races;
mod remove;
mod report;
mod repro;
mod resources;
mod restore;
mod scenarios;
mod scenarios_metrics;
mod scenarios_running;
mod schema;
mod selection;
mod servers;
mod set_param;
mod stage;
mod status;
mod templating;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tracer;
mod tracked;
#[cfg(all(feature = "ml", target_os = "linux", target_arch = "x86_64"))]
mod training_kills;
mod urls;
mod web;
