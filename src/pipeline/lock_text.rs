//! Reads the text of a lock as mlpipe writes it, many times faster than YAML in general is read.
//!
//! The text is cut into stages. A stage that is not plain (quotes, blocks, hands that edited it)
//! goes through the YAML parser alone, and so does tracked data; whatever is not of the shape of a
//! lock at all is left to the caller, who has the words for it.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Lines;

use serde::de::DeserializeOwned;

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::yaml;
use crate::pipeline::lock::{Content, StageEntry};
use crate::pipeline::source::Source;
use crate::pipeline::stage::StageName;

/// Words that YAML takes for values of other kinds, now or in its past.
const WORDS: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

type Data = BTreeMap<RepoPath, Content>;
type Sources = BTreeMap<RepoPath, Source>;
type Stages = BTreeMap<StageName, StageEntry>;

/// Returns the data, their sources and the stages of a lock that begins with `header`; `None` where the text is not
/// as it should be.
pub(super) fn read(text: &str, header: &str) -> Option<(Data, Sources, Stages)> {
    let text = text.strip_prefix(header)?;
    let (data, stages) = match text.strip_prefix("data:\n") {
        None => (Data::new(), text),
        Some(text) => {
            let (data, stages) = text.split_at(section_end(text));
            (read_data(data)?, stages)
        }
    };
    let (sources, stages) = match stages.strip_prefix("sources:\n") {
        None => (Sources::new(), stages),
        Some(text) => {
            let (sources, stages) = text.split_at(section_end(text));
            (yaml::decode("", sources).ok()?, stages)
        }
    };
    let stages = match stages.strip_prefix("stages:\n") {
        Some(stages) => read_stages(stages)?,
        None if stages.is_empty() && !data.is_empty() => Stages::new(),
        None => return None,
    };
    Some((data, sources, stages))
}

/// Returns where the first line stands that is not indented.
fn section_end(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !line.starts_with(' ') {
            break;
        }
        at += line.len();
    }
    at
}

/// Most paths are plain; one that is not sends all of them to the YAML parser.
fn read_data(text: &str) -> Option<Data> {
    let mut lines = text.lines().peekable();
    let plain = contents(&mut lines, "  ", path).filter(|_| lines.next().is_none());
    plain.or_else(|| yaml::decode("", text).ok())
}

fn read_stages(text: &str) -> Option<Stages> {
    let chunks = split(text)?;
    let stages: Vec<(StageName, StageEntry)> =
        chunks.into_iter().map(read_stage).collect::<Option<_>>()?;
    // Names that come twice are a mistake, which only the YAML parser has a place for.
    let is_sorted = stages.is_sorted_by(|(one, _), (next, _)| one < next);
    is_sorted.then(|| stages.into_iter().collect())
}

/// Cuts the text where a line is indented by two; nothing may stand at the margin.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut chunks, mut start, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        let bytes = line.as_bytes();
        let is_blank = line == "\n";
        if !is_blank && !bytes.starts_with(b"  ") || bytes.contains(&b'\r') {
            return None;
        }
        if !is_blank && bytes.get(2) != Some(&b' ') && at > start {
            chunks.push(&text[start..at]);
            start = at;
        }
        at += line.len();
    }
    chunks.extend((at > start).then(|| &text[start..]));
    Some(chunks)
}

fn read_stage(chunk: &str) -> Option<(StageName, StageEntry)> {
    read_plain(chunk).or_else(|| {
        let stages: Stages = yaml::decode("", chunk).ok()?;
        let mut stages = stages.into_iter();
        stages.next().filter(|_| stages.next().is_none())
    })
}

fn read_plain(chunk: &str) -> Option<(StageName, StageEntry)> {
    let mut lines = chunk.lines().peekable();
    let name = key(lines.next()?, "  ")?;
    let mut entry = StageEntry::default();
    let mut cmd = None;
    let mut seen: Vec<&str> = Vec::with_capacity(7);
    while let Some(line) = lines.next() {
        let (name, value) = line.strip_prefix("    ")?.split_once(':')?;
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            ("cmd", value) => cmd = Some(plain_text(value.strip_prefix(' ')?)?),
            ("wdir", value) => entry.wdir = Some(path(value.strip_prefix(' ')?)?),
            ("deps", "") => entry.deps = contents(&mut lines, "      ", any_path)?,
            ("outs", "") => entry.outs = contents(&mut lines, "      ", any_path)?,
            ("commands", "") => entry.commands = commands(&mut lines)?,
            ("urls", "") => entry.urls = decoded(&mut lines)?,
            ("params", "") => entry.params = decoded(&mut lines)?,
            _ => return None,
        }
    }
    entry.cmd.push(cmd?.to_owned());
    Some((StageName::new(name), entry))
}

/// Takes the lines that belong to the field before them.
fn below<'a>(lines: &mut Peekable<Lines<'a>>) -> impl Iterator<Item = &'a str> {
    std::iter::from_fn(|| lines.next_if(|line| line.starts_with("      ")))
}

/// Reads what belongs to the field before it with the YAML parser.
fn decoded<T: DeserializeOwned>(lines: &mut Peekable<Lines<'_>>) -> Option<T> {
    let block: Vec<&str> = below(lines).collect();
    yaml::decode("", &block.join("\n")).ok()
}

/// Reads paths, indented by `indent`, each with its content below it.
fn contents<K: Ord, M: FromIterator<(K, Content)>>(
    lines: &mut Peekable<Lines<'_>>,
    indent: &str,
    path: impl Fn(&str) -> Option<K>,
) -> Option<M> {
    // One is what most stages have.
    let mut contents: Vec<(K, Content)> = Vec::with_capacity(1);
    while let Some(line) = lines.next_if(|line| line.starts_with(indent)) {
        let path = path(line.strip_prefix(indent)?.strip_suffix(':')?)?;
        let mut field = |name: &str| {
            let field = lines.peek()?.strip_prefix(indent)?.strip_prefix("  ")?;
            let value = field.strip_prefix(name)?.strip_prefix(": ")?;
            lines.next();
            Some(value)
        };
        contents.push((
            path,
            Content {
                sha256: field("sha256")?.parse().ok()?,
                size: field("size")?.parse().ok()?,
                files: match field("files") {
                    Some(files) => Some(files.parse().ok()?),
                    None => None,
                },
                executable: match field("executable") {
                    Some("true") => true,
                    Some(_) => return None,
                    None => false,
                },
            },
        ));
    }
    if contents.is_empty() {
        return None;
    }
    collect(contents)
}

fn commands(lines: &mut Peekable<Lines<'_>>) -> Option<BTreeMap<String, Digest>> {
    let command = |line: &str| {
        let (cmd, digest) = line.strip_prefix("      ")?.rsplit_once(": ")?;
        Some((plain_text(cmd)?.to_owned(), digest.parse().ok()?))
    };
    collect(below(lines).map(command).collect::<Option<_>>()?)
}

fn collect<K: Ord, V, M: FromIterator<(K, V)>>(pairs: Vec<(K, V)>) -> Option<M> {
    let is_sorted = pairs.is_sorted_by(|(one, _), (next, _)| one < next);
    is_sorted.then(|| pairs.into_iter().collect())
}

/// Returns the key of a line that holds nothing else.
fn key<'a>(line: &'a str, indent: &str) -> Option<&'a str> {
    plain_text(line.strip_prefix(indent)?.strip_suffix(':')?)
}

/// Returns a path that is in its normal form already.
fn path(text: &str) -> Option<RepoPath> {
    RepoPath::from_normal(plain_text(text)?)
}

/// Returns a path that is in its normal form already: what leads out of the project begins with
/// `/` or `../`, which mean nothing to YAML.
fn any_path(text: &str) -> Option<AnyPath> {
    if let Some(path) = path(text) {
        return Some(path.into());
    }
    let inner = text.strip_prefix('/');
    plain_text(inner.unwrap_or_else(|| text.trim_start_matches("../")))?;
    let path = AnyPath::parse(text).ok()?;
    (path.as_str() == text).then_some(path)
}

/// Returns text that YAML takes for itself, to the letter: it begins with a letter, and nothing in
/// it has a meaning of its own.
fn plain_text(text: &str) -> Option<&str> {
    let begins_well = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_safe = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b':' | b'#');
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_plain = begins_well && !is_word && text.bytes().all(|byte| is_safe(&byte));
    (is_plain && !text.ends_with(' ')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "schema: 1\n";
    const HEADER: &str = "schema: 1\nstages:\n";

    #[test]
    fn plain_stages_are_read_without_the_yaml_parser() {
        let digest = Digest::of(b"x");
        let chunk = format!(
            "  train@a:\n    cmd: python train.py --lr 0.1\n    deps:\n      ../up:\n        sha256: {digest}\n        size: 1\n      /far:\n        sha256: {digest}\n        size: 1\n      data/in:\n        sha256: {digest}\n        size: 3\n        files: 2\n    commands:\n      python --version: {digest}\n    urls:\n      s3://b/x: etag 1\n    params:\n      params.yaml:\n        lr: 0.1\n"
        );
        let (name, entry) = read_plain(&chunk).expect("is plain");
        assert_eq!(name.as_str(), "train@a");
        let (_, expected) = read_stage(&chunk).expect("is valid");
        assert_eq!(entry, expected);
        let stages: Stages = yaml::decode("", &chunk).expect("is YAML");
        assert_eq!(stages[&name], entry);
    }

    #[test]
    fn what_is_no_lock_is_left_to_the_caller() {
        for text in [
            "  a:\n    cmd: x\n  a:\n    cmd: x\n",
            "  a:\n    cmd: x\n    typo: 1\n",
            "  a:\n    cmd: x\n# a remark\n",
            "<<<<<<< ours\n",
            "  a:\n    cmd: x\r\n",
            "  a: {cmd: x}\n  b:\n",
        ] {
            assert!(read(&format!("{HEADER}{text}"), SCHEMA).is_none(), "{text}");
        }
        assert!(read(SCHEMA, SCHEMA).is_none());
        for text in ["    outs:\n", "    wdir: a\n    wdir: b\n"] {
            assert!(read_plain(&format!("  a:\n    cmd: x\n{text}")).is_none());
        }
        let whole = format!("{HEADER}  a:\n    cmd: |-\n      x\n\n      y\n    wdir: b\n");
        assert_eq!(read(&whole, SCHEMA).expect("is a lock").2.len(), 1);
        // A file that is just being written may end anywhere.
        for end in 0..whole.len() {
            let _nothing_breaks = read(&whole[..end], SCHEMA);
        }
    }
}
