//! Artifacts with their versions and stages, as tables and as JSON.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cli::ui::table::{Column, Form, aligned, markdown};
use crate::pipeline::Artifact;
use crate::registry::{History, Registry, short};

/// Writes the artifacts that are declared or have versions, by name.
pub(crate) fn list(declared: &[Artifact], registry: &Registry, form: Form) -> String {
    let names = declared.iter().map(|artifact| artifact.name.as_str());
    let names: BTreeSet<&str> = names
        .chain(registry.artifacts().map(|(name, _)| name))
        .collect();
    let find = |name: &str| declared.iter().find(|artifact| artifact.name == name);
    if form == Form::Json {
        let values: Vec<Value> = names
            .iter()
            .map(|name| value(name, find(name), registry.history(name)))
            .collect();
        return format!("{:#}\n", json!(values));
    }
    if names.is_empty() {
        return String::new();
    }
    let columns = ["artifact", "path", "type", "latest", "stages"];
    let columns = columns.map(|name| Column {
        name,
        is_number: false,
    });
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| row(name, find(name), registry.history(name)))
        .collect();
    match form {
        Form::Markdown => markdown(&columns, &rows),
        _ => aligned(&columns, &rows),
    }
}

fn row(name: &str, artifact: Option<&Artifact>, history: Option<&History>) -> Vec<String> {
    let latest = history.and_then(|history| history.versions.last());
    let path = artifact.map_or_else(|| "-".to_owned(), |artifact| artifact.path.to_string());
    let kind = artifact.and_then(|artifact| artifact.kind.clone());
    let stages = history.map(stages).filter(|text| !text.is_empty());
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        name.to_owned(),
        path,
        or_none(kind),
        or_none(latest.map(|latest| latest.version.to_string())),
        or_none(stages),
    ]
}

/// Writes what is in each stage.
fn stages(history: &History) -> String {
    let stages = history.stages.iter().map(|(stage, assignment)| {
        let version = assignment.version.as_ref();
        let version = version.map_or_else(|| short(&assignment.commit), ToString::to_string);
        format!("{stage} {version}")
    });
    stages.collect::<Vec<_>>().join(", ")
}

/// Writes all that is known of an artifact.
pub(crate) fn show(name: &str, artifact: Option<&Artifact>, history: &History) -> String {
    let mut text = format!("{name}\n");
    let mut line = |title: &str, value: Option<String>| {
        if let Some(value) = value {
            text += &format!("  {title:9} {value}\n");
        }
    };
    line("path", artifact.map(|artifact| artifact.path.to_string()));
    line("type", artifact.and_then(|artifact| artifact.kind.clone()));
    line("about", artifact.and_then(|artifact| artifact.desc.clone()));
    let labels = artifact.map(|artifact| artifact.labels.join(", "));
    line("labels", labels.filter(|labels| !labels.is_empty()));
    line("meta", artifact.and_then(|artifact| artifact.meta.clone()));
    let stages = stages(history);
    line("stages", (!stages.is_empty()).then_some(stages));
    let versions = history.versions.iter().rev();
    let versions = versions.map(|known| format!("{} {}", known.version, short(&known.commit)));
    let versions: Vec<String> = versions.collect();
    line(
        "versions",
        (!versions.is_empty()).then(|| versions.join(", ")),
    );
    for (tag, _) in history.tags.iter().rev() {
        let message = tag.message.as_deref().unwrap_or_default();
        let first = message.lines().next().unwrap_or_default();
        let line = format!("  {}  {}  {first}", short(&tag.commit), tag.name);
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Writes all that is known of an artifact.
pub(crate) fn show_json(name: &str, artifact: Option<&Artifact>, history: &History) -> String {
    let mut all = value(name, artifact, Some(history));
    all["tags"] = history
        .tags
        .iter()
        .map(|(tag, _)| {
            json!({
                "tag": tag.name,
                "commit": tag.commit,
                "time": tag.time,
                "tagger": tag.tagger,
                "message": tag.message,
            })
        })
        .collect();
    format!("{all:#}\n")
}

fn value(name: &str, artifact: Option<&Artifact>, history: Option<&History>) -> Value {
    let meta = artifact.and_then(|artifact| artifact.meta.as_deref());
    let meta: Option<Value> = meta.and_then(|meta| serde_json::from_str(meta).ok());
    let versions = history.iter().flat_map(|history| &history.versions);
    let versions: Vec<Value> = versions
        .map(|known| json!({"version": known.version.to_string(), "commit": known.commit}))
        .collect();
    let stages = history.iter().flat_map(|history| &history.stages);
    let stages: serde_json::Map<String, Value> = stages
        .map(|(stage, now)| {
            let version = now.version.as_ref().map(ToString::to_string);
            (
                stage.clone(),
                json!({"version": version, "commit": now.commit}),
            )
        })
        .collect();
    json!({
        "artifact": name,
        "path": artifact.map(|artifact| &artifact.path),
        "type": artifact.and_then(|artifact| artifact.kind.as_ref()),
        "desc": artifact.and_then(|artifact| artifact.desc.as_ref()),
        "labels": artifact.map(|artifact| &artifact.labels),
        "meta": meta,
        "versions": versions,
        "stages": stages,
    })
}
