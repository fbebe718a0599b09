//! Plots as JSON, for programs; the shape is documented in `docs/plots.md`.

use serde_json::{Value, json};

use crate::plots::gallery::{Figure, Gallery, Series};
use crate::plots::image::Picture;
use crate::plots::template::Template;

/// Writes what is drawn, with its data points.
pub(crate) fn to_json(gallery: &Gallery) -> Value {
    let faults = gallery.faults.iter().map(ToString::to_string);
    json!({
        "revisions": gallery.revisions,
        "plots": gallery.figures.iter().map(figure).collect::<Vec<_>>(),
        "images": gallery.pictures.iter().map(picture).collect::<Vec<_>>(),
        "errors": faults.collect::<Vec<_>>(),
    })
}

fn figure(figure: &Figure) -> Value {
    let template = match &figure.template {
        Template::BuiltIn(kind) => kind.name(),
        Template::Own { name, .. } => name,
    };
    let series = |one: &Series| {
        json!({
            "revision": figure.revisions[one.revision],
            "path": one.path.as_str(),
            "x": {"column": one.x_name, "values": one.x.to_json()},
            "y": {"column": one.y_name, "values": one.y.to_json()},
        })
    };
    json!({
        "id": figure.id,
        "title": figure.title(),
        "template": template,
        "x_label": figure.x_label(),
        "y_label": figure.y_label(),
        "series": figure.series.iter().map(series).collect::<Vec<_>>(),
    })
}

fn picture(picture: &Picture) -> Value {
    let version = |(revisions, bytes): &(Vec<String>, Vec<u8>)| json!({"revisions": revisions, "bytes": bytes.len()});
    json!({
        "id": picture.id,
        "title": picture.title(),
        "path": picture.path.as_str(),
        "type": picture.mime,
        "versions": picture.versions.iter().map(version).collect::<Vec<_>>(),
    })
}
