//! How fast the network answers. These numbers differ from run to run, so that they are kept out of
//! every file that a pipeline records.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::ml::batch::{Examples, Normaliser};
use crate::ml::dataset::Part;
use crate::ml::error::Error;
use crate::ml::model::Network;
use crate::ml::report::significant;

/// One image is asked for this often, or for this long.
const REPEATS: usize = 200;
const PATIENCE: Duration = Duration::from_millis(400);

/// What was measured on this machine just now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Speed {
    /// The images of a whole part that are answered in a second.
    pub(crate) images_per_second: f64,
    /// The median time for one image alone, in microseconds.
    pub(crate) latency_us: f64,
    /// The threads that computed.
    pub(crate) threads: usize,
}

impl Speed {
    /// Measures single images; `batch` is how long the whole part took.
    pub(crate) fn measure(
        network: &Network,
        part: &Part,
        normaliser: &Normaliser,
        batch: Duration,
    ) -> Result<Self, Error> {
        let start = Instant::now();
        let mut times = Vec::new();
        while times.len() < REPEATS && (times.is_empty() || start.elapsed() < PATIENCE) {
            let position = times.len() % part.len();
            let begin = Instant::now();
            network.predict(&Examples {
                part,
                normaliser,
                positions: &[position],
                chance: None,
            })?;
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        let median = times[times.len() / 2];
        #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
        let count = part.len() as f64;
        Ok(Self {
            images_per_second: significant(count / batch.as_secs_f64().max(1e-9)),
            latency_us: significant(median.as_secs_f64() * 1e6),
            threads: rayon::current_num_threads(),
        })
    }
}
