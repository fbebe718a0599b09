//! `Template`: the ways to draw a plot: those that are built in, and the users' own of Vega-Lite.

use crate::base::json;
use crate::base::path::RepoPath;
use crate::base::problem::{Problem, did_you_mean};
use crate::base::source::{Snapshot, read_text};
use crate::pipeline;
use crate::plots::frame::ending;

/// The folders where the users' own templates are found by name, the first first.
const FOLDERS: [&str; 2] = ["reports/templates/plots", ".dvc/plots"];

/// A way to draw a plot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Template {
    /// One that is drawn here.
    BuiltIn(Kind),
    /// A specification of Vega-Lite, drawn by Vega in the page.
    Own {
        /// Its name.
        name: String,
        /// The specification, with anchors.
        spec: serde_json::Value,
    },
}

/// The ways that are built in; the names are DVC's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Points, connected.
    #[default]
    Linear,
    /// The same, without anything to point at in DVC.
    Simple,
    /// Points.
    Scatter,
    /// Points, moved a little where many would hide each other.
    ScatterJitter,
    /// The smooth curve through the points.
    Smooth,
    /// A bar for each category.
    BarHorizontal,
    /// The same, the longest bar first.
    BarHorizontalSorted,
    /// How often x and y occur together.
    Confusion,
    /// The same, as shares of each y.
    ConfusionNormalized,
}

impl Kind {
    /// All of them, with their names and specifications of Vega-Lite.
    const ALL: [(Self, &'static str, &'static str); 9] = [
        (
            Self::Linear,
            "linear",
            include_str!("assets/templates/linear.json"),
        ),
        (
            Self::Simple,
            "simple",
            include_str!("assets/templates/simple.json"),
        ),
        (
            Self::Scatter,
            "scatter",
            include_str!("assets/templates/scatter.json"),
        ),
        (
            Self::ScatterJitter,
            "scatter_jitter",
            include_str!("assets/templates/scatter_jitter.json"),
        ),
        (
            Self::Smooth,
            "smooth",
            include_str!("assets/templates/smooth.json"),
        ),
        (
            Self::BarHorizontal,
            "bar_horizontal",
            include_str!("assets/templates/bar_horizontal.json"),
        ),
        (
            Self::BarHorizontalSorted,
            "bar_horizontal_sorted",
            include_str!("assets/templates/bar_horizontal_sorted.json"),
        ),
        (
            Self::Confusion,
            "confusion",
            include_str!("assets/templates/confusion.json"),
        ),
        (
            Self::ConfusionNormalized,
            "confusion_normalized",
            include_str!("assets/templates/confusion_normalized.json"),
        ),
    ];

    /// Returns the kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        // What some call the one that is called `linear`.
        let name = if name == "default" { "linear" } else { name };
        let found = Self::ALL.iter().find(|(_, other, _)| *other == name);
        found.map(|(kind, ..)| *kind)
    }

    /// Returns all names.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(_, name, _)| *name)
    }

    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        self.entry().1
    }

    /// Returns what draws the same with Vega-Lite, with anchors for data and columns.
    pub(crate) fn spec_text(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (Self, &'static str, &'static str) {
        let found = Self::ALL.iter().find(|(kind, ..)| *kind == self);
        found.expect("invariant: every kind is listed")
    }

    /// Whether x and y are classes that are counted.
    pub(crate) fn is_confusion(self) -> bool {
        matches!(self, Self::Confusion | Self::ConfusionNormalized)
    }

    /// Whether there is a bar for each category.
    pub(crate) fn is_bars(self) -> bool {
        matches!(self, Self::BarHorizontal | Self::BarHorizontalSorted)
    }
}

impl Template {
    /// Finds a template: a built-in name, else a file of the project's, by its path or by its name
    /// in one of the folders for templates.
    pub(crate) fn find(
        name: Option<&str>,
        snapshot: &dyn Snapshot,
    ) -> Result<Self, pipeline::Error> {
        let Some(name) = name else {
            return Ok(Self::BuiltIn(Kind::default()));
        };
        if let Some(kind) = Kind::named(name) {
            return Ok(Self::BuiltIn(kind));
        }
        for path in places(name) {
            let Ok(path) = RepoPath::parse(&path) else {
                continue;
            };
            if let Some(text) = read_text(snapshot, &path)? {
                let spec = parse(&snapshot.label(&path), &text)?;
                return Ok(Self::Own {
                    name: name.to_owned(),
                    spec,
                });
            }
        }
        let problem = Problem::new(name, "", format!("there is no plot template `{name}`"));
        let help = did_you_mean(name, Kind::names()).unwrap_or_else(|| {
            format!(
                "`mlpipe plots templates` lists those there are; own ones lie in `{}` or `{}`",
                FOLDERS[0], FOLDERS[1]
            )
        });
        Err(problem.help(help).into())
    }
}

/// Returns the names of the users' own templates.
pub(crate) fn own_names(snapshot: &dyn Snapshot) -> Result<Vec<String>, pipeline::Error> {
    let mut names = Vec::new();
    for folder in FOLDERS {
        let folder = RepoPath::parse(folder).expect("invariant: a plain path");
        let wanted = &mut |entry: &crate::base::source::Entry<'_>| {
            entry.is_folder || ending(entry.name) == "json"
        };
        let files = snapshot
            .list(&folder, wanted)
            .map_err(pipeline::Error::Read)?;
        let inner = files.iter().map(|file| file.relative_to(&folder));
        names.extend(inner.filter_map(|file| file.strip_suffix(".json").map(str::to_owned)));
    }
    Ok(names)
}

fn places(name: &str) -> impl Iterator<Item = String> {
    let inner = FOLDERS.map(|folder| format!("{folder}/{name}"));
    let named = inner.clone().map(|path| format!("{path}.json"));
    std::iter::once(name.to_owned()).chain(named).chain(inner)
}

fn parse(label: &str, text: &str) -> Result<serde_json::Value, Problem> {
    serde_json::from_str(text).map_err(|error| json::mistake(label, text, &error, 0))
}
