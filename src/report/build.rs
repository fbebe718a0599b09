//! Gathers what a report says from two sides and the last run.

use std::borrow::Cow;

use crate::metrics::{Backing, Difference, Judgement, collect_params, diff};
use crate::pipeline::Pipeline;
use crate::report::code::CodeChange;
use crate::report::code::code_changes;
use crate::report::confusions::confusions;
use crate::report::dataset::DataChange;
use crate::report::dataset::{data_change, is_data};
use crate::report::error::Error;
use crate::report::headline::{headline, main_metric};
use crate::report::history::History;
use crate::report::mermaid::{self, flowchart, line_chart};
use crate::report::model::{Base, Chart, GateRow, Report, Row, StageRow, run_summary, tell_apart};
use crate::report::side::{Changed, Side, changed_inputs};
use crate::report::tensors::model_changes;
use crate::report::trend::{Trend, longest, trends};
use crate::scm::Repo;

/// What a report is made of.
pub(crate) struct ReportRequest<'a> {
    /// The side that is reported on.
    pub(crate) here: Side<'a>,
    /// Its pipeline.
    pub(crate) pipeline: &'a Pipeline,
    /// Its commit, where that is what was run.
    pub(crate) head: Option<String>,
    /// The side that it is compared with, and its commit.
    pub(crate) base: Option<(Side<'a>, String)>,
    /// Where the base's history is, and the branch that the trend is of.
    pub(crate) history: Option<(&'a Repo, &'a str)>,
    /// What was published of earlier runs, which counts where it has more than git.
    pub(crate) published: Option<&'a History>,
    /// The metrics of both sides.
    pub(crate) metrics: Vec<Difference>,
    /// What predictions say of them.
    pub(crate) backing: &'a Backing,
    /// How the gates were met.
    pub(crate) judgements: &'a [Judgement],
    /// What a reader must know besides.
    pub(crate) notes: Vec<String>,
    /// The stages of the last run.
    pub(crate) stages: Vec<StageRow>,
}

/// Gathers the report. A file that cannot be read is noted; the rest still comes.
pub(crate) fn build(request: ReportRequest<'_>) -> Result<Report, Error> {
    let ReportRequest {
        here,
        pipeline,
        head,
        base,
        history,
        published,
        metrics,
        backing,
        judgements,
        mut notes,
        stages,
    } = request;
    let base_side = base.as_ref().map(|(side, _)| *side);
    let params = compare_params(here, base_side, &mut notes)?;
    let gates: Vec<GateRow> = judgements.iter().map(GateRow::new).collect();
    notes.extend(
        backing
            .obstacles
            .iter()
            .map(|(path, why)| format!("{path} shows no significance: {why}")),
    );
    let metric_row = |one: &Difference| {
        let finding = backing.get(&one.path, &one.key);
        Row::of_metric(one, None).with_evidence(finding)
    };
    let has_base = base.is_some();
    let changed = base_side.map(|base| changed_inputs(base, here));
    let inputs = Inputs::of(base_side, here, changed.as_deref().unwrap_or_default());
    let trends = trends_of(&metrics, here, (history, published), &mut notes);
    let mut report = Report {
        verdict: Cow::Borrowed(verdict(&gates)),
        headline: headline(&metrics, has_base, backing, &gates),
        reproduce: reproduce(head.as_deref()),
        head,
        base: base.map(|(base, commit)| Base {
            name: base.snapshot.name().to_owned(),
            commit,
        }),
        gates,
        unchanged_metrics: metrics.iter().filter(|one| one.is_same()).count(),
        metrics: rows(&metrics, |one| !one.is_same(), metric_row),
        same: rows(&metrics, Difference::is_same, metric_row),
        params: rows(&params, |one| has_base && !one.is_equal(), Row::of_param),
        data: inputs.data,
        code: inputs.code,
        models: base_side.map_or_else(Vec::new, |base| model_changes(base, here)),
        run: run_summary(&stages),
        graph: graph(pipeline, &stages),
        stages,
        charts: charts(&trends),
        trends,
        confusions: confusions(pipeline, here, base_side, &mut notes),
        notes,
        left_out: Vec::new(),
    };
    tell_apart(report.metrics.iter_mut().chain(&mut report.same));
    tell_apart(report.params.iter_mut());
    Ok(report)
}

/// Compares the parameters of both sides; files that cannot be read are noted.
fn compare_params(
    here: Side<'_>,
    base: Option<Side<'_>>,
    notes: &mut Vec<String>,
) -> Result<Vec<Difference>, Error> {
    let new = collect_params(here.snapshot)?;
    let old = base.map(|base| collect_params(base.snapshot)).transpose()?;
    let old = old.unwrap_or_default();
    let faults = new.faults.iter().chain(&old.faults);
    notes.extend(faults.map(ToString::to_string));
    Ok(diff(&old, &new))
}

fn rows(
    differences: &[Difference],
    is_wanted: impl Fn(&Difference) -> bool,
    row: impl Fn(&Difference) -> Row,
) -> Vec<Row> {
    let wanted = differences.iter().filter(|one| is_wanted(one));
    wanted.map(row).collect()
}

/// What people put in and changed.
#[derive(Default)]
struct Inputs {
    data: Vec<DataChange>,
    code: Vec<CodeChange>,
}

impl Inputs {
    fn of(base: Option<Side<'_>>, here: Side<'_>, changed: &[Changed]) -> Self {
        let Some(base) = base else {
            return Self::default();
        };
        let (data, code): (Vec<&Changed>, Vec<&Changed>) =
            changed.iter().partition(|one| is_data(base, here, one));
        let data = data.into_iter().map(|one| data_change(base, here, one));
        Self {
            data: data.collect(),
            code: code_changes(base, here, &code),
        }
    }
}

/// The worst that any gate says.
fn verdict(gates: &[GateRow]) -> &'static str {
    let has = |verdict: &str| gates.iter().any(|gate| gate.verdict == verdict);
    if gates.is_empty() {
        "none"
    } else if has("fail") {
        "fail"
    } else if has("warn") {
        "warn"
    } else {
        "pass"
    }
}

pub(super) fn reproduce(head: Option<&str>) -> String {
    match head {
        Some(commit) => format!("git switch --detach {commit} && mlpipe repro"),
        None => "mlpipe repro".to_owned(),
    }
}

/// The trends of the main metric and of those that moved.
fn trends_of(
    metrics: &[Difference],
    here: Side<'_>,
    (history, published): (Option<(&Repo, &str)>, Option<&History>),
    notes: &mut Vec<String>,
) -> Vec<Trend> {
    let mut wanted: Vec<&Difference> = main_metric(metrics).into_iter().collect();
    let is_number = |one: &&Difference| one.delta().is_some() && !one.is_equal();
    let moved = metrics.iter().filter(is_number);
    wanted.extend(
        moved
            .filter(|one| wanted.first() != Some(one))
            .collect::<Vec<_>>(),
    );
    let wanted: Vec<_> = wanted
        .iter()
        .map(|one| (&one.path, one.key.as_str()))
        .collect();
    let committed = history.map_or_else(Vec::new, |(repo, branch)| {
        trends(repo, branch, here.cache, &wanted).unwrap_or_else(|error| {
            notes.push(format!("the last runs of {branch} cannot be read: {error}"));
            Vec::new()
        })
    });
    match published {
        Some(published) => longest(&wanted, &committed, published),
        None => committed,
    }
}

pub(super) fn charts(trends: &[Trend]) -> Vec<Chart> {
    let chart = |trend: &Trend| {
        let title = format!("{} over the last {} runs", trend.key, trend.values.len());
        let mermaid = line_chart(&trend.key, &trend.commits, &trend.values)?;
        Some(Chart { title, mermaid })
    };
    trends.iter().take(1).filter_map(chart).collect()
}

/// Draws the pipeline, each stage coloured by how it went; nothing where that would be too much.
fn graph(pipeline: &Pipeline, stages: &[StageRow]) -> String {
    let class = |stage: usize| {
        let name = pipeline.stages[stage].name.as_str();
        let run = stages.iter().find(|run| run.name == name);
        Some(match run.map_or("", |run| run.outcome.as_str()) {
            "ran" => "ran",
            "restored" => "restored",
            "failed" => "failed",
            "unchanged" => "unchanged",
            _ => "",
        })
    };
    if pipeline.stages.len() < 2 || pipeline.stages.len() > 60 {
        return String::new();
    }
    let text = flowchart(pipeline, "LR", class) + mermaid::OUTCOME_CLASSES;
    if mermaid::is_short(&text) {
        text
    } else {
        String::new()
    }
}
