//! Reads the text of a lock as mlpipe writes it, many times faster than YAML in general is read.
//!
//! The text is cut into stages. A stage that is not plain (quotes,
//! blocks, hands that edited it) goes through the YAML parser alone; whatever is not of the shape
//! of a lock at all is left to the caller, who has the words for it.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Lines;

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::sorted_map::SortedMap;
use crate::base::yaml;
use crate::pipeline::lock::{Content, StageEntry};
use crate::pipeline::stage::StageName;

/// Words that YAML takes for values of other kinds, now or in its past.
const WORDS: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

type Stages = BTreeMap<StageName, StageEntry>;

/// Returns the stages of a lock whose first lines are `header`; `None` where the text is not as it
/// should be.
pub(super) fn read(text: &str, header: &str) -> Option<Stages> {
    let chunks = split(text.strip_prefix(header)?)?;
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
    let mut seen: Vec<&str> = Vec::with_capacity(6);
    while let Some(line) = lines.next() {
        let (name, value) = line.strip_prefix("    ")?.split_once(':')?;
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            ("cmd", value) => cmd = Some(plain_text(value.strip_prefix(' ')?)?),
            ("wdir", value) => entry.wdir = Some(path(value.strip_prefix(' ')?)?),
            ("deps", "") => entry.deps = contents(&mut lines)?,
            ("outs", "") => entry.outs = contents(&mut lines)?,
            ("commands", "") => entry.commands = commands(&mut lines)?,
            ("params", "") => {
                let block: Vec<&str> = below(&mut lines).collect();
                entry.params = yaml::decode("", &block.join("\n")).ok()?;
            }
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

fn contents(lines: &mut Peekable<Lines<'_>>) -> Option<SortedMap<AnyPath, Content>> {
    // One is what most stages have.
    let mut contents: Vec<(AnyPath, Content)> = Vec::with_capacity(1);
    let mut block = below(lines).peekable();
    while let Some(line) = block.next() {
        let path = any_path(line.strip_prefix("      ")?.strip_suffix(':')?)?;
        let sha256 = block.next()?.strip_prefix("        sha256: ")?;
        let size = block.next()?.strip_prefix("        size: ")?;
        let mut content = Content {
            sha256: sha256.parse().ok()?,
            size: size.parse().ok()?,
            files: None,
            executable: false,
        };
        while let Some(line) = block.next_if(|line| line.starts_with("        ")) {
            match line.trim_start().split_once(": ")? {
                ("files", files) if content.files.is_none() => {
                    content.files = Some(files.parse().ok()?);
                }
                ("executable", "true") if !content.executable => content.executable = true,
                _ => return None,
            }
        }
        contents.push((path, content));
    }
    collect(contents).filter(|contents: &SortedMap<_, _>| !contents.is_empty())
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

    const HEADER: &str = "schema: 1\nstages:\n";

    #[test]
    fn plain_stages_are_read_without_the_yaml_parser() {
        let digest = Digest::of(b"x");
        let chunk = format!(
            "  train@a:\n    cmd: python train.py --lr 0.1\n    deps:\n      ../up:\n        sha256: {digest}\n        size: 1\n      /far:\n        sha256: {digest}\n        size: 1\n      data/in:\n        sha256: {digest}\n        size: 3\n        files: 2\n    commands:\n      python --version: {digest}\n    params:\n      params.yaml:\n        lr: 0.1\n"
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
            assert!(read(&format!("{HEADER}{text}"), HEADER).is_none(), "{text}");
        }
        assert!(read("schema: 1\n", HEADER).is_none());
        for text in ["    outs:\n", "    wdir: a\n    wdir: b\n"] {
            assert!(read_plain(&format!("  a:\n    cmd: x\n{text}")).is_none());
        }
        let whole = format!("{HEADER}  a:\n    cmd: |-\n      x\n\n      y\n    wdir: b\n");
        assert_eq!(read(&whole, HEADER).expect("is a lock").len(), 1);
        // A file that is just being written may end anywhere.
        for end in 0..whole.len() {
            let _nothing_breaks = read(&whole[..end], HEADER);
        }
    }
}
