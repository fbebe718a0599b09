//! Which plots are drawn: those of the pipelines, those that targets name, and what the command line
//! says of them.

use std::collections::BTreeSet;

use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::pipeline::{self, Pipeline, Plot, PlotX};
use crate::plots::frame::has_points;
use crate::plots::gallery::Side;
use crate::plots::image;

/// What the command line says of all plots that it shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    /// The template.
    pub(crate) template: Option<String>,
    /// The column of the x axis.
    pub(crate) x: Option<String>,
    /// The columns of the y axis.
    pub(crate) y: Vec<String>,
    /// The title.
    pub(crate) title: Option<String>,
    /// What stands at the x axis.
    pub(crate) x_label: Option<String>,
    /// What stands at the y axis.
    pub(crate) y_label: Option<String>,
    /// Whether tables begin with data.
    pub(crate) no_header: bool,
}

/// A plot to draw.
#[derive(Debug)]
pub(super) struct Definition {
    /// The plot.
    pub(super) plot: Plot,
    /// Its files are images.
    pub(super) is_image: bool,
}

/// Finds the plots to draw of `sides`, the newest of which comes last; all where there are no
/// targets. A target that names nothing is a fault.
pub(super) fn find(
    sides: &[Side<'_>],
    pipelines: &[Option<Pipeline>],
    targets: &[RepoPath],
    overrides: &Overrides,
    faults: &mut Vec<pipeline::Error>,
) -> Result<Vec<Definition>, pipeline::Error> {
    let all = merged(pipelines);
    let mut chosen = Vec::new();
    for target in targets {
        let found = choose(&all, target, sides)?;
        if found.is_empty() {
            let message = format!("`{target}` is neither a plot nor a file");
            let help =
                "`mlpipe plots show --json` lists the plots; `mlpipe checkout` brings files back";
            faults.push(Problem::new(target.as_str(), "", message).help(help).into());
        }
        chosen.extend(found);
    }
    if targets.is_empty() {
        chosen.clone_from(&all);
    }
    let named: BTreeSet<&RepoPath> = all.iter().flat_map(Plot::files).collect();
    let mut definitions = Vec::new();
    for plot in chosen {
        for mut plot in expand(plot, &named, sides)? {
            let is_image = image::is_image(plot.sources[0].path.name());
            override_with(&mut plot, overrides);
            definitions.push(Definition { plot, is_image });
        }
    }
    Ok(definitions)
}

/// Returns the plots of all pipelines: the newest says how each is drawn.
fn merged(pipelines: &[Option<Pipeline>]) -> Vec<Plot> {
    let mut all: Vec<Plot> = Vec::new();
    for pipeline in pipelines.iter().rev().flatten() {
        let known: BTreeSet<String> = all.iter().map(|plot| plot.id.clone()).collect();
        let new = pipeline.plots().filter(|plot| !known.contains(&plot.id));
        all.extend(new.cloned());
    }
    all
}

/// Returns what a target names: a plot by its id, those of a file, those in a folder, or else a file
/// that no pipeline draws.
fn choose(
    all: &[Plot],
    target: &RepoPath,
    sides: &[Side<'_>],
) -> Result<Vec<Plot>, pipeline::Error> {
    let select = |is_meant: &dyn Fn(&Plot) -> bool| -> Vec<Plot> {
        all.iter().filter(|plot| is_meant(plot)).cloned().collect()
    };
    if target.is_root() {
        return Ok(all.to_vec());
    }
    let by_id = select(&|plot| plot.id == target.as_str());
    if !by_id.is_empty() {
        return Ok(by_id);
    }
    let mut found = select(&|plot| {
        plot.sources
            .iter()
            .any(|source| source.path.is_within(target))
    });
    let around = |plot: &&Plot| {
        let [source] = plot.sources.as_slice() else {
            return false;
        };
        target.is_within(&source.path) && target != &source.path
    };
    if found.is_empty() {
        for side in sides {
            // A folder cannot be read as a file can.
            let is_folder = !side.files_below(target)?.is_empty();
            let is_there = is_folder || side.snapshot.read(target)?.is_some();
            if is_there && found.is_empty() {
                let mut plot = Plot::of_file(target.clone());
                // A file of a folder is drawn as the folder's files are.
                if let Some(folder) = all.iter().find(around) {
                    plot.x = folder.x.clone();
                    plot.style = folder.style.clone();
                    plot.sources[0].column.clone_from(&folder.sources[0].column);
                }
                found.push(plot);
            }
        }
    }
    Ok(found)
}

/// Replaces a plot of a folder by plots of the files in it that have none of their own.
fn expand(
    plot: Plot,
    named: &BTreeSet<&RepoPath>,
    sides: &[Side<'_>],
) -> Result<Vec<Plot>, pipeline::Error> {
    let [source] = plot.sources.as_slice() else {
        return Ok(vec![plot]);
    };
    let mut files = BTreeSet::new();
    for side in sides {
        files.extend(side.files_below(&source.path)?);
    }
    if files.is_empty() {
        return Ok(vec![plot]);
    }
    let is_drawn = |file: &RepoPath| {
        let name = file.name();
        !named.contains(file) && (image::is_image(name) || has_points(name))
    };
    let of_file = |path: RepoPath| {
        let mut inner = plot.clone();
        inner.id = path.to_string();
        inner.sources[0].path = path;
        inner
    };
    Ok(files.into_iter().filter(is_drawn).map(of_file).collect())
}

fn override_with(plot: &mut Plot, overrides: &Overrides) {
    let Overrides {
        template,
        x,
        y,
        title,
        x_label,
        y_label,
        no_header,
    } = overrides;
    let replace = |old: &mut Option<String>, new: &Option<String>| {
        if new.is_some() {
            old.clone_from(new);
        }
    };
    replace(&mut plot.style.template, template);
    replace(&mut plot.style.title, title);
    replace(&mut plot.style.x_label, x_label);
    replace(&mut plot.style.y_label, y_label);
    plot.style.no_header |= no_header;
    if let Some(x) = x {
        plot.x = PlotX::Column(x.clone());
    }
    if !y.is_empty() {
        let mut sources = Vec::new();
        for source in &plot.sources {
            for column in y {
                let mut source = source.clone();
                source.column = Some(column.clone());
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
        }
        plot.sources = sources;
    }
}
