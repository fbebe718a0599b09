//! Says in the pipeline file how a plot is drawn.

use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::base::value::{Map, Value};
use crate::base::yaml::{self, Step};
use crate::engine::amendment::{AmendError, Amendment};
use crate::engine::error::Error;
use crate::pipeline::{DVC_FILE, OutKind, PIPELINE_FILE, Pipeline, Plot};

/// A property of a plot, as in `x_label`, and its new value; `None` takes it out.
pub(crate) type PlotChange = (&'static str, Option<Value>);

/// Changes how the plot `target` is drawn: an out of a stage, or a plot beside the stages by its id.
/// Returns the file that says so.
pub(crate) fn modify_plot(
    mut amendment: Amendment<'_>,
    target: &RepoPath,
    changes: &[PlotChange],
) -> Result<RepoPath, Error> {
    let pipeline = Pipeline::load(&amendment.workspace.worktree)?;
    let (file, steps) = match find_beside(&amendment, &pipeline, target)? {
        Some(found) => found,
        None => find_out(&pipeline, target)?,
    };
    amendment.edit(&file, |yaml| {
        let old = yaml::follow(yaml.value(), &steps).cloned();
        if let Some(Value::Map(old)) = old {
            for (key, value) in changes {
                let mut path = steps.clone();
                match value {
                    Some(value) => {
                        path.push(Step::Key((*key).to_owned()));
                        yaml.set(&path, value)?;
                    }
                    None if old.contains_key(*key) => yaml.remove(&steps, key)?,
                    None => {}
                }
            }
            return Ok(());
        }
        let set = changes
            .iter()
            .filter_map(|(key, value)| Some(((*key).to_owned(), value.clone()?)));
        let properties: Map = set.collect();
        if properties.is_empty() {
            return Ok(());
        }
        match old {
            // A plain name becomes a name with properties.
            Some(Value::Text(name)) => {
                let named = Map::from_iter([(name, Value::Map(properties))]);
                yaml.set(&steps, &Value::Map(named))
            }
            _ => yaml.set(&steps, &Value::Map(properties)),
        }
    })?;
    amendment.check()?;
    amendment.write()?;
    Ok(file)
}

/// Finds the plot of a stage's out, and where its properties stand.
fn find_out(pipeline: &Pipeline, target: &RepoPath) -> Result<(RepoPath, Vec<Step>), Error> {
    for stage in &pipeline.stages {
        for out in &stage.outs {
            if matches!(out.kind, OutKind::Plot(_)) && out.path.inside() == Some(target) {
                return Ok((stage.file.clone(), out.origin.steps()));
            }
        }
    }
    let known = pipeline.plots().map(|plot: &Plot| plot.id.as_str());
    Err(AmendError::NotAPlot {
        path: target.clone(),
        help: did_you_mean(target.as_str(), known),
    }
    .into())
}

/// Finds a plot beside the stages by its id, and where its properties stand.
fn find_beside(
    amendment: &Amendment<'_>,
    pipeline: &Pipeline,
    target: &RepoPath,
) -> Result<Option<(RepoPath, Vec<Step>)>, Error> {
    let root = [PIPELINE_FILE, DVC_FILE].map(RepoPath::parse);
    let root = root.into_iter().flatten();
    let mut files: Vec<RepoPath> = root
        .chain(pipeline.stages.iter().map(|stage| stage.file.clone()))
        .collect();
    files.dedup();
    for file in files {
        let Some(text) = amendment.text(&file)? else {
            continue;
        };
        let Ok(yaml) = yaml::parse(file.as_str(), &text) else {
            continue;
        };
        let id = target.relative_to(&file.parent());
        let top = Step::Key("plots".to_owned());
        match yaml.find("plots") {
            Some(Value::Map(plots)) if plots.contains_key(&id) => {
                return Ok(Some((file, vec![top, Step::Key(id)])));
            }
            Some(Value::List(items)) => {
                let named = items
                    .iter()
                    .enumerate()
                    .find_map(|(index, item)| match item {
                        Value::Text(name) if *name == id => Some(vec![Step::Index(index)]),
                        Value::Map(map) if map.contains_key(&id) => {
                            Some(vec![Step::Index(index), Step::Key(id.clone())])
                        }
                        _ => None,
                    });
                if let Some(steps) = named {
                    return Ok(Some((file, std::iter::once(top).chain(steps).collect())));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}
