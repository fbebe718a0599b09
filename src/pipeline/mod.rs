//! What the user wrote, resolved: stages, their graph, and the lock that records them. Pure: it
//! reads through a `Snapshot` and writes nothing.

mod error;
mod graph;
mod loader;
mod lock;
mod params;
mod schema;
mod stage;

pub(crate) use error::Error;
pub(crate) use graph::{Graph, StageIndex};
pub(crate) use loader::{PARAMS_FILE, PIPELINE_FILE, Pipeline};
pub use lock::{Content, Lock, OutEntry, StageEntry};
pub(crate) use lock::{LOCK_FILE, LockError};
pub(crate) use params::{ParamFiles, parse_values};
pub(crate) use schema::ReportSettings;
pub use stage::StageName;
pub(crate) use stage::{Dep, Out, PlotProperties, Stage};
