//! `Artifact`: a file or folder that a pipeline file gives a name, for others to find it by.

use serde::{Deserialize, Serialize};

use crate::base::document::Node;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::value::Value;
use crate::pipeline::reader::Reader;

/// A named artifact, most often a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Artifact {
    /// Its name in the project: in a file below the root behind the folder, as in `sub:model`.
    pub(crate) name: String,
    /// What it is.
    pub(crate) path: RepoPath,
    /// What kind of thing, as in `model`.
    pub(crate) kind: Option<String>,
    /// What people are told of it.
    pub(crate) desc: Option<String>,
    /// Words to find it by.
    pub(crate) labels: Vec<String>,
    /// Whatever else is said of it, as JSON.
    pub(crate) meta: Option<String>,
}

/// Reads the section `artifacts` of the pipeline file in `folder`.
pub(super) fn read_artifacts(
    root: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
) -> Result<Vec<Artifact>, Problem> {
    let Some(section) = root.get("artifacts") else {
        return Ok(Vec::new());
    };
    let entries = section.entries("`artifacts`")?.into_iter();
    entries
        .map(|(id, node)| read_artifact(id, &node, folder, reader))
        .collect()
}

fn read_artifact(
    id: &str,
    node: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
) -> Result<Artifact, Problem> {
    let name = if folder.is_root() {
        id.to_owned()
    } else {
        format!("{folder}:{id}")
    };
    let path = node.get("path").expect("invariant: the schema requires it");
    let labels = match node.get("labels") {
        Some(labels) => {
            let items = labels.items("labels")?;
            let texts = items.iter().map(|item| reader.text(item, "labels"));
            texts.collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    let meta = match node.get("meta") {
        Some(meta) => Some(reader.tree(&meta, "meta")?),
        None => None,
    };
    Ok(Artifact {
        name,
        path: reader.path(folder, &path, "path")?,
        kind: reader.text_of(node, "type")?,
        desc: reader.text_of(node, "desc")?,
        labels,
        meta: meta.map(|meta: Value| serde_json::json!(meta).to_string()),
    })
}
