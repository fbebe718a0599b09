//! Pull requests on four forges, from any CI system: comments, checks, files on branches. Knows what
//! the forges' interfaces are like; nothing of pipelines or reports.

mod answer;
mod bitbucket;
mod bitbucket_files;
mod body;
mod ci_env;
mod ci_forges;
mod ci_services;
mod client;
mod endpoint;
mod environment;
mod error;
mod event;
mod file_change;
mod gitea;
mod github;
mod github_files;
mod gitlab;
mod kind;
mod marker;
mod model;
mod open;
mod outputs;
mod pack;
mod patience;
mod permission;
mod place;
mod queries;
mod reading;
mod remote_url;
mod request;
mod secret;
mod sticky;
mod variables;

pub(crate) use ci_env::{Job, Local, Origin};
pub(crate) use client::{Mode, Telling};
pub(crate) use environment::Environment;
pub(crate) use error::{Error, Refusal, unset};
pub(crate) use file_change::FileChange;
pub(crate) use kind::Kind;
pub(crate) use marker::{Marker, ReportId};
pub(crate) use model::{
    Check, CheckState, Commit, Conclusion, Forge, Head, NewPull, Pull, Start, Written,
};
pub(crate) use outputs::{open_metrics, step_output, step_summary};
pub(crate) use pack::Pack;
pub(crate) use patience::Patience;
pub(crate) use permission::{Need, Permission};
pub(crate) use place::{Overrides, Place};
pub(crate) use sticky::{Posted, Sticky};
