//! `mlpipe gate`.

use clap::Args;

use crate::base::problem::did_you_mean;
use crate::cli::commands::Context;
use crate::cli::commands::base::{Base, BaseArgs};
use crate::cli::commands::sides::Side;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::gates::Verdicts;
use crate::cli::ui::table::Form;
use crate::metrics::{Effect, FindEvidence, Query, Sides, Subject, judge};
use crate::pipeline::Gate;
use crate::scm::Revision;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// Judge only these gates, called as in the pipeline
    names: Vec<String>,

    #[command(flatten)]
    base: BaseArgs,

    /// Print JSON
    #[arg(long, conflicts_with = "md")]
    json: bool,

    /// Print a markdown table
    #[arg(long)]
    md: bool,
}

/// Judges the metrics by the pipeline's gates; ends with 4 where one fails.
pub(crate) fn run(args: &GateArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let pipeline = workspace.load_pipeline()?;
    let gates = choose(&pipeline.gates, &args.names)?;
    let query = Query::all(Subject::Metrics);
    let here = Side::here(&workspace, &query)?;
    let default = pipeline.report.unwrap_or_default().base;
    let Base {
        revision,
        mut notes,
    } = args.base.find(&workspace, &default)?;
    let base = revision.as_ref();
    let base_side = base.and_then(|revision| read_base(&workspace, &query, revision, &mut notes));
    let judgements = judge(
        &gates,
        &Sides {
            here: &here.collection,
            base: base_side.as_ref().map(|side| &side.collection),
            evidence: &no_evidence(),
        },
    );
    let failed = judgements.iter().any(|one| one.effect == Effect::Fail);
    let verdicts = Verdicts {
        base: base_side.as_ref().map(|side| side.name.as_str()),
        commit: base.map(Revision::short_commit),
        judgements,
        notes,
    };
    let text = match Form::choose(args.json, args.md) {
        Form::Json => verdicts.json(),
        form if context.quiet => verdicts.failures().table(form),
        form => verdicts.table(form),
    };
    ui::print(&text)?;
    let exit = here.tell(&[], Subject::Metrics);
    Ok(if failed { Exit::GateFailed } else { exit })
}

/// Until examples are compared, nothing is known of how sure a number is.
fn no_evidence() -> Box<FindEvidence<'static>> {
    Box::new(|_, _, _| Err("nothing is known of the single examples".to_owned()))
}

/// Reads the base's metrics. What is wrong there is noted: the base is not what is judged.
fn read_base(
    workspace: &Workspace,
    query: &Query,
    revision: &Revision,
    notes: &mut Vec<String>,
) -> Option<Side> {
    let side = match Side::at(workspace, query, revision) {
        Ok(side) => side,
        Err(error) => {
            let place = error
                .problem
                .as_ref()
                .map(|problem| format!(" ({})", problem.file));
            notes.push(format!(
                "the base cannot be read: {}{}",
                error.message,
                place.unwrap_or_default()
            ));
            return None;
        }
    };
    let faults = side.collection.faults.iter().map(ToString::to_string);
    notes.extend(faults);
    let lost = side.lost.iter();
    notes.extend(lost.map(|path| format!("`{path}` of the base is not in the cache")));
    Some(side)
}

/// Returns the gates of these names, all if there is none.
fn choose<'a>(gates: &'a [Gate], names: &[String]) -> Result<Vec<&'a Gate>, CliError> {
    if gates.is_empty() {
        return Err(CliError::failed(
            "the pipeline has no gates".to_owned(),
            "say in pipeline.yaml what its metrics have to be:\n\ngates:\n  accuracy: {min: 0.95, max_drop: 0.002}",
        ));
    }
    for name in names {
        if !gates.iter().any(|gate| gate.name == *name) {
            let known = gates.iter().map(|gate| gate.name.as_str());
            let all: Vec<&str> = known.clone().collect();
            let hint = did_you_mean(name, known);
            let hint = hint.unwrap_or_else(|| format!("there are: {}", all.join(", ")));
            return Err(CliError::usage(format!("there is no gate `{name}`"), &hint));
        }
    }
    let is_meant = |gate: &&Gate| names.is_empty() || names.contains(&gate.name);
    Ok(gates.iter().filter(is_meant).collect())
}
