//! `PredictionFile`: an entry of `predictions`: a file with what a model said of each example.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::document::{Node, Origin};
use crate::base::path::RepoPath;
use crate::base::problem::{Problem, did_you_mean};
use crate::pipeline::reader::{Reader, join};
use crate::pipeline::statistic::Statistic;

/// A file with a row for each example of the test set, and what is known of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PredictionFile {
    /// The file.
    pub(crate) path: RepoPath,
    /// What its columns are called, where they are named.
    pub(crate) columns: Columns,
    /// The class that scores are of.
    pub(crate) positive: Option<String>,
    /// The dep or the tracked data that must be the same on both sides of a comparison.
    pub(crate) test_set: Option<RepoPath>,
    /// Which metrics the predictions tell, where that is said.
    pub(crate) metrics: Vec<Declared>,
    /// The metric files of the stage that makes it.
    pub(crate) made_with: BTreeSet<RepoPath>,
}

/// A metric of which the pipeline says what it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Declared {
    /// What it is.
    pub(crate) statistic: Statistic,
    /// The metric.
    pub(crate) metric: MetricRef,
    /// Where that is written.
    pub(crate) origin: Origin,
}

/// The names of columns; `None` for the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Columns {
    /// What tells examples apart.
    pub(crate) id: Option<String>,
    /// The true class.
    pub(crate) actual: Option<String>,
    /// The predicted class.
    pub(crate) predicted: Option<String>,
    /// The score of the positive class.
    pub(crate) score: Option<String>,
    /// The loss.
    pub(crate) loss: Option<String>,
}

/// A metric: a key of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct MetricRef {
    /// The file.
    pub(crate) file: RepoPath,
    /// The dotted key.
    pub(crate) key: String,
}

impl PredictionFile {
    /// Makes the entry of a file of which nothing more is said.
    pub(crate) fn new(path: RepoPath) -> Self {
        Self {
            path,
            columns: Columns::default(),
            positive: None,
            test_set: None,
            metrics: Vec::new(),
            made_with: BTreeSet::new(),
        }
    }

    /// Returns where things are written, to be attached to the project.
    pub(super) fn origins_mut(&mut self) -> impl Iterator<Item = &mut Origin> {
        self.metrics.iter_mut().map(|declared| &mut declared.origin)
    }
}

/// Checks that the metrics of predictions are in files of metrics, which `listed` are.
pub(super) fn check_files(
    predictions: &[PredictionFile],
    listed: &BTreeSet<&RepoPath>,
) -> Result<(), Problem> {
    let mut declared = predictions.iter().flat_map(|file| &file.metrics);
    let unknown = declared.find(|declared| !listed.contains(&declared.metric.file));
    let Some(Declared { metric, origin, .. }) = unknown else {
        return Ok(());
    };
    let problem = origin.problem(format!("`{}` is no file of metrics", metric.file));
    let help = did_you_mean(
        metric.file.as_str(),
        listed.iter().map(|path| path.as_str()),
    );
    Err(problem.help(
        help.unwrap_or_else(|| "list it below `metrics` of the stage that makes it".to_owned()),
    ))
}

/// Reads `predictions` of a pipeline file in `folder`.
pub(super) fn read_predictions(
    root: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
) -> Result<Vec<PredictionFile>, Problem> {
    let Some(section) = root.get("predictions") else {
        return Ok(Vec::new());
    };
    let entries = section.entries("`predictions`")?;
    let entries = entries.iter().map(|(name, node)| {
        let name = reader.key(name, &node.origin, "predictions")?;
        let path = join(folder, &name, &node.origin)?;
        read_entry(path, node, folder, reader)
    });
    entries.collect()
}

fn read_entry(
    path: RepoPath,
    node: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
) -> Result<PredictionFile, Problem> {
    let text = |key: &str| reader.text_of(node, key);
    let test_set = node.get("test_set");
    let test_set = test_set.map(|path| reader.path(folder, &path, "test_set"));
    Ok(PredictionFile {
        columns: Columns {
            id: text("id")?,
            actual: text("actual")?,
            predicted: text("predicted")?,
            score: text("score")?,
            loss: text("loss")?,
        },
        positive: text("positive")?,
        test_set: test_set.transpose()?,
        metrics: read_metrics(node, folder, reader)?,
        ..PredictionFile::new(path)
    })
}

fn read_metrics(
    node: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
) -> Result<Vec<Declared>, Problem> {
    let Some(metrics) = node.get("metrics") else {
        return Ok(Vec::new());
    };
    let entries = metrics.entries("`metrics`")?;
    let entries = entries.iter().map(|(name, node)| {
        let Some(statistic) = Statistic::candidates(name).into_iter().next() else {
            let problem = node
                .origin
                .key_problem(format!("unknown statistic `{name}`"));
            return Err(problem.help(Statistic::known(name)));
        };
        let text = reader.text(node, "metrics")?;
        let Some((file, key)) = text.split_once(':') else {
            let problem = node.problem(format!("`{text}` names no metric"));
            return Err(problem.help("write a file and a key of it, as in `metrics.json:accuracy`"));
        };
        let metric = MetricRef {
            file: join(folder, file, &node.origin)?,
            key: key.to_owned(),
        };
        let origin = node.origin.clone();
        Ok(Declared {
            statistic,
            metric,
            origin,
        })
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::sections::tests::read;

    fn error(text: &str) -> Problem {
        match read(text).expect_err("a mistake") {
            crate::pipeline::Error::Problem(problem) => problem,
            error => panic!("another error: {error}"),
        }
    }

    #[test]
    fn all_settings_are_read() {
        let text = "predictions:\n  p.csv:\n  out/q.tsv:\n    id: name\n    actual: y\n    predicted: p\n    \
                    score: s\n    positive: 1\n    loss: l\n    test_set: data/test\n    \
                    metrics: {accuracy: m.json:acc, f1.macro: 'm.json:macro.f1'}\n";
        let files = read(text).expect("valid").predictions;
        assert_eq!(files[0].path.as_str(), "p.csv");
        assert_eq!(files[0].columns, Columns::default());
        let file = &files[1];
        assert_eq!(file.columns.id.as_deref(), Some("name"));
        assert_eq!(file.positive.as_deref(), Some("1"));
        assert_eq!(
            file.test_set.as_ref().map(RepoPath::as_str),
            Some("data/test")
        );
        let metric = &file.metrics[1];
        assert_eq!(metric.statistic.to_string(), "f1.macro");
        assert_eq!(
            (metric.metric.file.as_str(), metric.metric.key.as_str()),
            ("m.json", "macro.f1")
        );
    }

    #[test]
    fn mistakes_have_places_and_hints() {
        let problem = error("predictions:\n  p.csv: {actuel: y}\n");
        assert!(
            problem.message.contains("unknown key `actuel`"),
            "{problem}"
        );
        assert_eq!(problem.help.as_deref(), Some("did you mean `actual`?"));
        let problem = error("predictions:\n  p.csv:\n    metrics:\n      kappa: m.json:k\n");
        assert_eq!(problem.message, "unknown statistic `kappa`");
        assert_eq!(
            problem.place.map(|place| (place.line, place.column)),
            Some((4, 7))
        );
        let problem = error("predictions:\n  p.csv: {metrics: {acuracy: m.json:acc}}\n");
        let help = problem.help.unwrap_or_default();
        assert!(help.starts_with("did you mean `accuracy`?"), "{help}");
        let problem = error("predictions:\n  p.csv: {metrics: {accuracy: acc}}\n");
        assert!(problem.message.contains("names no metric"), "{problem}");
        let problem = error("predictions: [p.csv]\n");
        assert!(problem.message.contains("must be a map"), "{problem}");
    }
}
