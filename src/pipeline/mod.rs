//! What the user wrote, resolved: stages, their graph, and the lock that records them. Pure: it
//! reads through a `Snapshot` and writes nothing.

mod amended;
mod attempts;
mod better;
mod discover;
mod draft;
mod error;
mod expand;
mod gates;
mod graph;
mod interpolate;
mod key_pattern;
mod loader;
mod locator;
mod lock;
mod lock_merge;
mod lock_text;
mod needs;
mod params;
mod pattern;
mod plot;
mod predictions;
mod python_text;
mod reader;
mod schema;
mod sections;
mod shape;
mod stage;
mod stages;
mod statistic;
mod tracked;
mod vars;

pub(crate) use amended::Amended;
pub(crate) use better::{Better, Directions};
pub(crate) use discover::{DVC_FILE, PIPELINE_FILE, find_files};
pub(crate) use draft::{OutDraft, ParamDraft, StageDraft};
pub(crate) use error::Error;
pub(crate) use gates::{Burden, Gate, Level, Limit, MissingBase, Proof};
pub(crate) use graph::{Graph, StageIndex};
#[cfg(test)]
pub(crate) use key_pattern::KeyPattern;
pub(crate) use loader::{PARAMS_FILE, Pipeline};
pub use lock::{Content, Lock, StageEntry};
pub(crate) use lock::{LOCK_FILE, LockError, is_reserved};
pub(crate) use lock_merge::{LockMerge, merge, merge_records};
pub(crate) use needs::Amount;
pub(crate) use params::{ParamFiles, parse_values};
pub(crate) use pattern::Pattern;
pub(crate) use plot::{Plot, PlotSource, PlotStyle, PlotX};
pub(crate) use predictions::{MetricRef, PredictionFile};
pub(crate) use python_text::quote;
pub(crate) use sections::ReportSettings;
pub use stage::StageName;
pub(crate) use stage::{Dep, Out, OutKind, Stage};
pub(crate) use statistic::{Measure, Over, Statistic};
pub(crate) use tracked::{Capitals, Data, tracked_around, tracked_below};
