//! `Plot`: what of which files is drawn, and how, as stages and the `plots:` section say it.

use serde::{Deserialize, Serialize};

use crate::base::document::Node;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::value::Value;
use crate::pipeline::interpolate::Use;
use crate::pipeline::python_text::as_text;
use crate::pipeline::reader::{Reader, join};

/// A plot of the pipeline's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Plot {
    /// The name that people know it by: an id of their own, or the file.
    pub(crate) id: String,
    /// What the y axis shows; each of them is a curve, and there is at least one.
    pub(crate) sources: Vec<PlotSource>,
    /// What the x axis shows.
    pub(crate) x: PlotX,
    /// How it is drawn.
    pub(crate) style: PlotStyle,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlotSource {
    /// The file; a folder stands for all the files in it.
    pub(crate) path: RepoPath,
    /// The column; the last one where none is named.
    pub(crate) column: Option<String>,
}

/// What the x axis of a plot shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PlotX {
    /// The steps: nothing else is named.
    #[default]
    Steps,
    /// A column of each file.
    Column(String),
    /// Columns of other files: one for all sources, or one for each.
    Of(Vec<PlotSource>),
}

/// How a plot is drawn.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PlotStyle {
    /// The template's name, as in `confusion`, or its file.
    pub(crate) template: Option<String>,
    /// The title.
    pub(crate) title: Option<String>,
    /// What stands at the x axis.
    pub(crate) x_label: Option<String>,
    /// What stands at the y axis.
    pub(crate) y_label: Option<String>,
    /// `linear` or `log`.
    pub(crate) x_scale: Option<String>,
    /// `linear` or `log`.
    pub(crate) y_scale: Option<String>,
    /// Whether the first row of a table is one of data.
    pub(crate) no_header: bool,
}

impl Plot {
    /// Makes the plot of a whole file, as it is drawn when nobody says how.
    pub(crate) fn of_file(path: RepoPath) -> Self {
        Self {
            id: path.to_string(),
            sources: vec![PlotSource { path, column: None }],
            ..Self::default()
        }
    }

    /// Returns the x axis' column, if the plot's own files have it.
    pub(crate) fn x_column(&self) -> Option<&str> {
        match &self.x {
            PlotX::Column(column) => Some(column),
            PlotX::Steps | PlotX::Of(_) => None,
        }
    }

    /// Returns all files that it is drawn from.
    pub(crate) fn files(&self) -> impl Iterator<Item = &RepoPath> {
        let others = match &self.x {
            PlotX::Of(others) => others.as_slice(),
            PlotX::Steps | PlotX::Column(_) => &[],
        };
        self.sources.iter().chain(others).map(|source| &source.path)
    }

    /// Reads how a stage wants its out `path` to be drawn.
    pub(super) fn read_out(
        path: &RepoPath,
        node: &Node<'_>,
        reader: &Reader<'_>,
    ) -> Result<Self, Problem> {
        let text = |key| reader.text_of(node, key);
        if let Some(y) = node.get("y")
            && matches!(y.value, Value::List(_) | Value::Map(_))
        {
            let problem = y.wrong("one column", "`y` of a stage's plot");
            let help = format!(
                "plots beside the stages draw several, as in `plots: [all: {{y: {{{path}: [a, b]}}}}]`"
            );
            return Err(problem.help(help));
        }
        Ok(Self {
            id: path.to_string(),
            sources: vec![PlotSource {
                path: path.clone(),
                column: text("y")?,
            }],
            x: text("x")?.map_or(PlotX::Steps, PlotX::Column),
            style: PlotStyle::read(node, reader)?,
        })
    }

    /// Reads the list form, `[path, {id: properties}]`, and the map form of older files.
    pub(super) fn read_section(
        node: &Node<'_>,
        folder: &RepoPath,
        reader: &Reader<'_>,
    ) -> Result<Vec<Self>, Problem> {
        let mut plots = Vec::new();
        let mut read_all = |entries: Vec<(&str, Node<'_>)>| -> Result<(), Problem> {
            for (id, plot) in entries {
                plots.push(Self::read(id, &plot, folder, reader)?);
            }
            Ok(())
        };
        if let Some(entries) = node.as_entries() {
            read_all(entries)?;
            return Ok(plots);
        }
        for item in node.items("plots")? {
            if let Some(entries) = item.as_entries() {
                read_all(entries)?;
            } else {
                let path = reader.text(&item, "plots")?;
                read_all(vec![(path.as_str(), item)])?;
            }
        }
        Ok(plots)
    }

    /// Reads a plot: of the files that `y` names, else of the one that the id names.
    fn read(
        id: &str,
        node: &Node<'_>,
        folder: &RepoPath,
        reader: &Reader<'_>,
    ) -> Result<Self, Problem> {
        reader.tree(node, "plots")?;
        let id = reader.key(id, &node.origin, "plots")?.into_owned();
        let sources = match sources_at("y", node, folder, reader)? {
            Some(sources) => sources,
            None => sources_of_id(&id, node, folder, reader)?,
        };
        if sources.is_empty() {
            let y = node.get("y");
            let problem = y.as_ref().unwrap_or(node);
            let problem = problem.problem(format!("plot `{id}` has no column on y"));
            return Err(problem.help("name one, or leave `y` out: then it is the last column"));
        }
        let x = match sources_at("x", node, folder, reader)? {
            Some(others) => PlotX::Of(as_many(others, sources.len(), &id, node)?),
            None => (reader.text_of(node, "x")?).map_or(PlotX::Steps, PlotX::Column),
        };
        let in_folder = if folder.is_root() {
            id
        } else {
            format!("{folder}/{id}")
        };
        Ok(Self {
            id: in_folder,
            sources,
            x,
            style: PlotStyle::read(node, reader)?,
        })
    }
}

/// Reads the columns of files, as in `{y: {loss.csv: [train, test]}}`; `None` where no files are named.
fn sources_at(
    key: &str,
    node: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
) -> Result<Option<Vec<PlotSource>>, Problem> {
    let Some(entries) = node.get(key).and_then(|node| node.as_entries()) else {
        return Ok(None);
    };
    let mut sources = Vec::new();
    for (file, columns) in entries {
        let file = reader.key(file, &columns.origin, "plots")?;
        let path = join(folder, &file, &columns.origin)?;
        sources.extend(columns_of(&columns, reader)?.into_iter().map(|column| {
            let path = path.clone();
            PlotSource { path, column }
        }));
    }
    Ok(Some(sources))
}

/// Reads the columns of the file that the id names.
fn sources_of_id(
    id: &str,
    node: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
) -> Result<Vec<PlotSource>, Problem> {
    let path = join(folder, id, &node.origin)?;
    let columns = match node.get("y") {
        Some(y) => columns_of(&y, reader)?,
        None => vec![None],
    };
    let source = |column| PlotSource {
        path: path.clone(),
        column,
    };
    Ok(columns.into_iter().map(source).collect())
}

/// Checks that there is one column on x for all on y, or one for each.
fn as_many(
    on_x: Vec<PlotSource>,
    on_y: usize,
    id: &str,
    node: &Node<'_>,
) -> Result<Vec<PlotSource>, Problem> {
    if on_x.len() == 1 || on_x.len() == on_y {
        return Ok(on_x);
    }
    let on_x = on_x.len();
    let problem = node.problem(format!(
        "plot `{id}` has {on_x} columns on x for {on_y} on y"
    ));
    Err(problem.help("name one for all, or one for each"))
}

/// Reads one column or a list of them.
fn columns_of(node: &Node<'_>, reader: &Reader<'_>) -> Result<Vec<Option<String>>, Problem> {
    let value = reader.value(node, "plots", Use::Items)?;
    Ok(match &*value {
        Value::List(items) => items.iter().map(|item| Some(as_text(item))).collect(),
        column => vec![Some(as_text(column))],
    })
}

impl PlotStyle {
    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Result<Self, Problem> {
        let text = |key| reader.text_of(node, key);
        let scale = |key: &str| match node.get(key) {
            Some(node) => {
                let scale = reader.text(&node, key)?;
                if scale != "linear" && scale != "log" {
                    let message = format!("`{key}` must be `linear` or `log`, not `{scale}`");
                    return Err(node.problem(message));
                }
                Ok(Some(scale))
            }
            None => Ok(None),
        };
        let header = node.get("header");
        Ok(Self {
            template: text("template")?,
            title: text("title")?,
            x_label: text("x_label")?,
            y_label: text("y_label")?,
            x_scale: scale("x_scale")?,
            y_scale: scale("y_scale")?,
            no_header: header.is_some_and(|node| matches!(node.value, Value::Bool(false))),
        })
    }
}
