//! `mlpipe gate`.

use clap::Args;

use crate::base::problem::did_you_mean;
use crate::cli::commands::Context;
use crate::cli::commands::base::BaseArgs;
use crate::cli::commands::judging::{Freshness, Judged};
use crate::cli::commands::sides::Side;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::gates::Verdicts;
use crate::cli::ui::table::Form;
use crate::metrics::{Effect, Subject};
use crate::pipeline::Gate;

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
    let default = pipeline.report.unwrap_or_default().base;
    let base = args.base.find(&workspace, &default)?;
    let judged = Judged::new(&workspace, base, &gates, Freshness::Unknown)?;
    let failed = judged
        .judgements
        .iter()
        .any(|one| one.effect == Effect::Fail);
    let collected = &judged.here.collection;
    let missing = collected.missing.iter();
    let missing = missing.map(|path| format!("the metrics file `{path}` is not there"));
    let faults = collected.faults.iter().chain(&judged.backing.faults);
    let errors = missing.chain(faults.map(ToString::to_string));
    let verdicts = Verdicts {
        base: judged.base.as_ref().map(|side| side.name.as_str()),
        commit: judged.base.as_ref().and_then(Side::short_commit),
        judgements: judged.judgements,
        notes: judged.notes,
        errors: errors.collect(),
    };
    let text = match Form::choose(args.json, args.md) {
        Form::Json => verdicts.json(),
        form if context.quiet => verdicts.failures(form),
        form => verdicts.table(form),
    };
    ui::print(&text)?;
    let missing = judged.here.collection.missing.clone();
    let exit = judged.here.tell(&missing, Subject::Metrics);
    let exit = ui::backing::tell_faults(judged.backing, exit);
    Ok(if failed { Exit::GateFailed } else { exit })
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
        if !gates.iter().any(|gate| is_called(gate, name)) {
            let mut all: Vec<String> = gates.iter().map(Gate::full_name).collect();
            all.dedup();
            let hint = did_you_mean(name, all.iter().map(String::as_str));
            let hint = hint.unwrap_or_else(|| format!("there are: {}", all.join(", ")));
            return Err(CliError::usage(format!("there is no gate `{name}`"), &hint));
        }
    }
    let is_meant =
        |gate: &&Gate| names.is_empty() || names.iter().any(|name| is_called(gate, name));
    Ok(gates.iter().filter(is_meant).collect())
}

/// Whether a gate has this name, as its own pipeline file writes it or as the table does.
fn is_called(gate: &Gate, name: &str) -> bool {
    gate.name == name || gate.full_name() == name
}
