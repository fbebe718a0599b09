//! How a metric went over the last runs on the base's branch.

use std::collections::BTreeMap;
use std::slice;

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::path::RepoPath;
use crate::base::value::Value;
use crate::pipeline::{LOCK_FILE, Lock, parse_values};
use crate::report::history::History;
use crate::scm::{self, Moment, Repo};
use crate::store::Cache;

/// The most runs that a trend shows.
pub(crate) const RUNS: usize = 12;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The values of one metric in the runs that are committed on a branch, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trend {
    /// The metric's file.
    pub(crate) path: String,
    /// Its dotted key.
    pub(crate) key: String,
    /// The first digits of the commits.
    pub(crate) commits: Vec<String>,
    /// The value in each.
    #[serde(deserialize_with = "numbers")]
    pub(crate) values: Vec<f64>,
    /// One bar a value.
    pub(crate) sparkline: String,
}

/// Reads numbers; JSON has no word for what is none, and writes null.
fn numbers<'d, D: Deserializer<'d>>(source: D) -> Result<Vec<f64>, D::Error> {
    let numbers = Vec::<Option<f64>>::deserialize(source)?;
    let number = |number: Option<f64>| number.unwrap_or(f64::NAN);
    Ok(numbers.into_iter().map(number).collect())
}

impl Trend {
    /// Makes the trend of a metric; `None` of fewer than two values, which show none.
    pub(crate) fn new(path: &str, key: &str, points: Vec<(String, f64)>) -> Option<Self> {
        if points.len() < 2 {
            return None;
        }
        let (commits, values): (Vec<String>, Vec<f64>) = points.into_iter().unzip();
        Some(Self {
            path: path.to_owned(),
            key: key.to_owned(),
            sparkline: sparkline(&values),
            commits,
            values,
        })
    }
}

/// Reads how metrics, each a file and a dotted key, went over the last runs of a branch; in the
/// order in which they were asked for. Files that git does not have are looked up in the cache.
pub(crate) fn trends(
    repo: &Repo,
    branch: &str,
    cache: &Cache,
    wanted: &[(&RepoPath, &str)],
) -> Result<Vec<Trend>, scm::Error> {
    let mut runs: BTreeMap<&RepoPath, Vec<Run>> = BTreeMap::new();
    let mut trends = Vec::new();
    for (file, key) in wanted {
        if !runs.contains_key(file) {
            runs.insert(file, runs_of(file, repo, branch, cache)?);
        }
        let point = |(commit, values): &Run| Some((commit.clone(), values.find(key)?.as_number()?));
        let points = runs[file].iter().filter_map(point).collect();
        trends.extend(Trend::new(file.as_str(), key, points));
    }
    Ok(trends)
}

/// Returns of each wanted metric the trend with more runs: the committed or the published one.
pub(crate) fn longest(
    wanted: &[(&RepoPath, &str)],
    committed: &[Trend],
    published: &History,
) -> Vec<Trend> {
    let trend = |(file, key): &(&RepoPath, &str)| {
        let points = published.points(file.as_str(), key, RUNS);
        let published = Trend::new(file.as_str(), key, points);
        let is_same = |trend: &&Trend| trend.path == file.as_str() && trend.key == *key;
        let committed = committed.iter().find(is_same).cloned();
        // Of two that are as long git's is the last: nobody can have changed it.
        let both = published.into_iter().chain(committed);
        both.max_by_key(|trend| trend.values.len())
    };
    wanted.iter().filter_map(trend).collect()
}

/// A commit, and what the file of metrics said in it.
type Run = (String, Value);

/// Reads the last versions of a file of metrics, oldest first.
fn runs_of(
    file: &RepoPath,
    repo: &Repo,
    branch: &str,
    cache: &Cache,
) -> Result<Vec<Run>, scm::Error> {
    let mut moments = repo.moments(branch, slice::from_ref(file), RUNS)?;
    let is_in_git = !moments.is_empty();
    if !is_in_git {
        let lock = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
        moments = repo.moments(branch, &[lock], RUNS)?;
    }
    let run = |moment: Moment| {
        let bytes = moment.files.into_iter().next()??;
        let bytes = if is_in_git {
            bytes.to_vec()
        } else {
            cached(file, &bytes, cache)?
        };
        let text = String::from_utf8(bytes).ok()?;
        Some((moment.commit, parse_values(file.as_str(), &text).ok()?))
    };
    Ok(moments.into_iter().rev().filter_map(run).collect())
}

/// Reads from the cache what a lock of old says that the file was.
fn cached(file: &RepoPath, lock: &[u8], cache: &Cache) -> Option<Vec<u8>> {
    let lock = Lock::read(lock).ok()?;
    let mut outs = lock.stages.values().map(|entry| &entry.outs);
    let content = outs.find_map(|outs| outs.get(file.as_str()))?;
    cache.read(content.sha256).ok()?
}

/// Draws values as bars between the least and the greatest; equal values are all in the middle, and
/// what is no finite number is a gap.
pub(crate) fn sparkline(values: &[f64]) -> String {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: f64| {
        if !value.is_finite() {
            return '·';
        }
        let spread = high - low;
        // Of two huge numbers of either sign the difference is no number.
        let share = if spread > 0.0 && spread.is_finite() {
            (value - low) / spread
        } else {
            0.5
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of one"
        )]
        let index = (share * 8.0) as usize;
        BARS[index.min(7)]
    };
    values.iter().copied().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_span_the_values() {
        assert_eq!(sparkline(&[0.0, 0.5, 1.0]), "▁▅█");
        assert_eq!(sparkline(&[2.0, 2.0]), "▅▅");
        assert_eq!(sparkline(&[1.0, f64::NAN, 3.0]), "▁·█");
        assert_eq!(sparkline(&[f64::MAX, f64::MIN]).chars().count(), 2);
    }
}
