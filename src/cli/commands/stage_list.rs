//! `mlpipe stage list`.

use clap::Args;
use serde_json::{Value, json};

use crate::base::shown::Shown;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::table::{Column, aligned};
use crate::pipeline::{Dep, OutKind, Pipeline, Stage, StageIndex};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Stages, groups, pipeline files, or paths that stages make [default: all of the project]
    targets: Vec<String>,

    /// Print only the names
    #[arg(long, conflicts_with = "json")]
    name_only: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists stages in the order of their files.
pub(crate) fn run(args: &ListArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let pipeline = Pipeline::load(&workspace.worktree)?;
    let folder = context.folder_of(&workspace, &args.targets)?;
    let mut chosen: Vec<StageIndex> = Vec::new();
    for target in &args.targets {
        chosen.extend(pipeline.graph.resolve_in(&folder, target)?);
    }
    let is_chosen = |index: StageIndex| args.targets.is_empty() || chosen.contains(&index);
    let stages = pipeline.stages.iter().enumerate();
    let stages: Vec<&Stage> = stages
        .filter(|(index, _)| is_chosen(*index))
        .map(|(_, stage)| stage)
        .collect();
    let text = if args.json {
        let stages: Vec<Value> = stages.iter().map(|stage| as_json(stage)).collect();
        format!("{:#}\n", Value::Array(stages))
    } else if args.name_only {
        let names = stages.iter().map(|stage| format!("{}\n", stage.name));
        names.collect()
    } else {
        table(&stages)
    };
    ui::print(&text)?;
    Ok(Exit::Success)
}

fn table(stages: &[&Stage]) -> String {
    if stages.is_empty() {
        return "the pipeline has no stages\n".to_owned();
    }
    let column = |name| Column {
        name,
        is_number: false,
    };
    let rows: Vec<Vec<String>> = stages
        .iter()
        .map(|stage| vec![stage.name.to_string(), about(stage)])
        .collect();
    aligned(&[column("stage"), column("about")], &rows)
}

/// Says what a stage is for: in its own words, else by what it makes and reads.
fn about(stage: &Stage) -> String {
    let frozen = if stage.frozen { "(frozen) " } else { "" };
    if let Some(desc) = &stage.desc {
        let lines: Vec<String> = desc
            .trim()
            .lines()
            .map(|line| Shown(line).to_string())
            .collect();
        return format!("{frozen}{}", lines.join("\n"));
    }
    let of_kind = |wanted: fn(&OutKind) -> bool| {
        let outs = stage.outs.iter().filter(|out| wanted(&out.kind));
        outs.map(|out| out.path.to_string()).collect::<Vec<_>>()
    };
    let parts = [
        ("Outputs", of_kind(|kind| matches!(kind, OutKind::Plain))),
        ("Reports", of_kind(|kind| !matches!(kind, OutKind::Plain))),
        ("Depends on", stage.deps.iter().map(dep_text).collect()),
    ];
    let parts = parts.iter().filter(|(_, items)| !items.is_empty());
    let parts: Vec<String> = parts
        .map(|(word, items)| format!("{word} {}", items.join(", ")))
        .collect();
    if parts.is_empty() {
        return format!("{frozen}No outs or deps");
    }
    format!("{frozen}{}", Shown(&parts.join("; ")))
}

fn dep_text(dep: &Dep) -> String {
    match dep {
        Dep::Path { path, .. } => path.to_string(),
        Dep::Glob { pattern, .. } => pattern.to_string(),
        Dep::Url { url, .. } => url.clone(),
        Dep::Command { cmd } => format!("`{cmd}`"),
    }
}

fn as_json(stage: &Stage) -> Value {
    let outs = stage.outs.iter().map(|out| {
        let kind = match out.kind {
            OutKind::Plain => "out",
            OutKind::Metric => "metric",
            OutKind::Plot(_) => "plot",
        };
        json!({"path": out.path, "kind": kind, "cache": out.cache, "persist": out.persist})
    });
    let deps = stage.deps.iter().map(|dep| match dep {
        Dep::Command { cmd } => json!({"cmd": cmd}),
        Dep::Url { url, .. } => json!({"url": url}),
        dep => json!({"path": dep_text(dep)}),
    });
    let params = stage.params.iter();
    json!({
        "name": stage.name,
        "file": stage.file,
        "desc": stage.desc,
        "cmd": stage.cmd,
        "wdir": stage.wdir,
        "deps": deps.collect::<Vec<_>>(),
        "params": params.map(|param| json!({"file": param.file, "key": param.key})).collect::<Vec<_>>(),
        "outs": outs.collect::<Vec<_>>(),
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
    })
}
