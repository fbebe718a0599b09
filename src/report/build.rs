//! Gathers what a report says from two snapshots and the last run.

use crate::base::source::{Snapshot, read_text};
use crate::base::tabular::Table;
use crate::base::value::Value;
use crate::metrics::{Collection, Confusion, Difference, collect_metrics, collect_params, diff};
use crate::pipeline::{Pipeline, Plot};
use crate::report::error::Error;
use crate::report::model::{Base, ConfusionRow, ConfusionTable, Report, Row, StageRow};

/// What a report is made of.
pub(crate) struct ReportRequest<'a> {
    /// The side that is reported on.
    pub(crate) here: &'a dyn Snapshot,
    /// The side that it is compared with, and its commit.
    pub(crate) base: Option<(&'a dyn Snapshot, String)>,
    /// Why there is no base, if there is none.
    pub(crate) notes: Vec<String>,
    /// The stages of the last run.
    pub(crate) stages: Vec<StageRow>,
}

/// Gathers the report. A file that cannot be read is noted; the rest still comes.
pub(crate) fn build(request: ReportRequest<'_>) -> Result<Report, Error> {
    let ReportRequest {
        here,
        base,
        mut notes,
        stages,
    } = request;
    let mut side = |collect: Collect| -> Result<(Collection, Collection), Error> {
        let new = collect(here)?;
        let old = base
            .as_ref()
            .map(|(base, _)| collect(*base))
            .transpose()?
            .unwrap_or_default();
        notes.extend(
            new.faults
                .iter()
                .chain(&old.faults)
                .map(ToString::to_string),
        );
        Ok((old, new))
    };
    let (old_metrics, new_metrics) = side(collect_metrics)?;
    let (old_params, new_params) = side(collect_params)?;
    let metrics = diff(&old_metrics, &new_metrics);
    let has_base = base.is_some();
    let changed = |differences: &[Difference], row: fn(&Difference) -> Row| -> Vec<Row> {
        differences
            .iter()
            .filter(|one| !one.is_equal())
            .map(row)
            .collect()
    };
    let params = diff(&old_params, &new_params);
    let params = if has_base {
        changed(&params, Row::of_param)
    } else {
        Vec::new()
    };
    Ok(Report {
        headline: headline(&metrics, has_base),
        base: base.map(|(base, commit)| Base {
            name: base.name().to_owned(),
            commit,
        }),
        unchanged_metrics: metrics.iter().filter(|one| one.is_equal()).count(),
        metrics: changed(&metrics, |one| Row::of_metric(one, None)),
        params,
        stages,
        confusions: confusions(here, &mut notes)?,
        notes,
    })
}

type Collect = fn(&dyn Snapshot) -> Result<Collection, crate::pipeline::Error>;

/// The verdict in one line: the first metric that people ask for, and how many others moved.
fn headline(metrics: &[Difference], has_base: bool) -> String {
    let has_number = |one: &&Difference| one.new.as_ref().and_then(Value::as_number).is_some();
    let is_main = |one: &&Difference| one.key.rsplit('.').next() == Some("accuracy");
    let mut candidates = metrics.iter().filter(has_number);
    let main = candidates
        .clone()
        .find(is_main)
        .or_else(|| candidates.next());
    let Some(main) = main else {
        return "no metrics".to_owned();
    };
    let row = Row::of_metric(main, None);
    let key = &main.key;
    let delta = main.delta();
    match (has_base, delta) {
        (true, Some(delta)) if delta != 0.0 => {
            let is_share = row_is_share(main);
            let share = if is_main(&main) && is_share {
                percentage_points(delta)
            } else {
                row.delta
            };
            format!("{key} {} → {} ({share})", row.old, row.new)
        }
        (true, Some(_)) => format!("{key} {}, unchanged", row.new),
        (true, None) => format!("{key} {}, new", row.new),
        (false, _) => format!("{key} {}", row.new),
    }
}

/// Whether both sides are shares of one, so that their difference is in percentage points.
fn row_is_share(difference: &Difference) -> bool {
    let sides = [&difference.old, &difference.new];
    let mut numbers = sides.into_iter().flatten().filter_map(Value::as_number);
    numbers.all(|number| (0.0..=1.0).contains(&number))
}

fn percentage_points(delta: f64) -> String {
    let sign = if delta < 0.0 { '−' } else { '+' };
    format!("{sign}{:.2} pp", delta.abs() * 100.0)
}

fn confusions(here: &dyn Snapshot, notes: &mut Vec<String>) -> Result<Vec<ConfusionTable>, Error> {
    let pipeline = Pipeline::load(here)?;
    let mut tables = Vec::new();
    let is_drawn = |plot: &&Plot| {
        let template = plot.style.template.as_deref();
        template.is_some_and(|template| template.starts_with("confusion"))
    };
    let sources = pipeline.plots().filter(is_drawn);
    let sources = sources.flat_map(|plot| plot.sources.iter().map(move |source| (plot, source)));
    for (plot, source) in sources {
        let path = &source.path;
        let text = read_text(here, path).map_err(crate::pipeline::Error::from)?;
        let Some(text) = text else { continue };
        let table = match Table::parse(&here.label(path), &text) {
            Ok(table) => table,
            Err(problem) => {
                notes.push(problem.to_string());
                continue;
            }
        };
        let actual = plot.x_column().unwrap_or("actual");
        let predicted = source.column.as_deref().unwrap_or("predicted");
        match Confusion::count(&table, actual, predicted) {
            Some(confusion) => {
                let title = plot.style.title.clone().unwrap_or_else(|| path.to_string());
                tables.push(confusion_table(title, confusion));
            }
            None => notes.push(format!(
                "{path} has no columns `{actual}` and `{predicted}`"
            )),
        }
    }
    Ok(tables)
}

fn confusion_table(title: String, confusion: Confusion) -> ConfusionTable {
    let Confusion { labels, counts } = confusion;
    let rows = counts.into_iter().zip(&labels).enumerate();
    let rows = rows.map(|(diagonal, (counts, label))| ConfusionRow {
        label: label.clone(),
        counts,
        diagonal,
    });
    ConfusionTable {
        title,
        rows: rows.collect(),
        labels,
    }
}
