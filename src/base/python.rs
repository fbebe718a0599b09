//! Parameters in a Python file: assignments of literals at the top level, in class bodies and, as
//! `self.x`, in `__init__`. Whatever is computed is skipped, as nothing is run.

use crate::base::python_literal::literal;
use crate::base::value::{Map, Value};

/// Reads the parameters of `text`.
pub(crate) fn parse(text: &str) -> Value {
    let mut blocks = vec![Block::new(Kind::Values, String::new())];
    for line in logical_lines(text) {
        // The body of a block is indented deeper than its head; the first line sets how deep.
        while blocks.len() > 1
            && blocks
                .last()
                .is_some_and(|block| line.indent <= block.indent)
        {
            close(&mut blocks);
        }
        let kind = blocks.last().map_or(Kind::Values, |block| block.kind);
        if let Some(mut block) = opened_block(line.text, kind) {
            block.indent = line.indent;
            blocks.push(block);
        } else if kind != Kind::Skipped {
            let assigned = line.statements().filter_map(|text| assignment(text, kind));
            let assigned: Vec<_> = assigned.collect();
            if let Some(block) = blocks.last_mut() {
                block.values.extend(assigned);
            }
        }
    }
    while blocks.len() > 1 {
        close(&mut blocks);
    }
    Value::Map(blocks.pop().map(|block| block.values).unwrap_or_default())
}

/// What the lines of a block are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `name = literal`: the file itself and class bodies.
    Values,
    /// `self.name = literal`: the body of `__init__`.
    Fields,
    /// Nothing.
    Skipped,
}

#[derive(Debug)]
struct Block {
    kind: Kind,
    /// The class's name; empty for a body whose values belong to the block around it.
    name: String,
    indent: usize,
    values: Map,
}

impl Block {
    fn new(kind: Kind, name: String) -> Self {
        Self {
            kind,
            name,
            indent: 0,
            values: Map::new(),
        }
    }
}

/// Ends the innermost block: its values go where they belong.
fn close(blocks: &mut Vec<Block>) {
    let (Some(block), Some(outer)) = (blocks.pop(), blocks.last_mut()) else {
        return;
    };
    match block.kind {
        Kind::Values => drop(outer.values.insert(block.name, Value::Map(block.values))),
        Kind::Fields => outer.values.extend(block.values),
        Kind::Skipped => {}
    }
}

/// Recognises the head of a block.
fn opened_block(line: &str, around: Kind) -> Option<Block> {
    let word = line
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default();
    let rest = line[word.len()..].trim_start();
    let name: String = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    // A body on the same line, as in `class A: x = 1`, is too rare to be worth reading.
    let opens = line.ends_with(':');
    match word {
        _ if !opens => None,
        "class" if around == Kind::Values => Some(Block::new(Kind::Values, name)),
        "def" if around == Kind::Values && name == "__init__" => {
            Some(Block::new(Kind::Fields, String::new()))
        }
        _ => Some(Block::new(Kind::Skipped, String::new())),
    }
}

/// Reads `name = literal` or `name: type = literal`.
fn assignment(statement: &str, kind: Kind) -> Option<(String, Value)> {
    let (target, value) = split_assignment(statement)?;
    let target = target
        .split_once(':')
        .map_or(target, |(name, _)| name)
        .trim();
    let name = match (kind, target.strip_prefix("self.")) {
        (_, Some(field)) => field,
        (Kind::Values, None) => target,
        _ => return None,
    };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then_some(())?;
    Some((name.to_owned(), literal(value)?))
}

/// Splits at the first `=` that assigns, which `==` and `+=` do not.
fn split_assignment(statement: &str) -> Option<(&str, &str)> {
    let (target, value) = statement.split_once('=')?;
    let assigns = !value.starts_with('=')
        && !target.ends_with([
            '+', '-', '*', '/', '%', '&', '|', '^', '<', '>', '!', '@', ':',
        ]);
    assigns.then_some((target, value))
}

/// A line as Python sees it: strings and brackets may carry it over several lines of text.
#[derive(Debug)]
struct Line<'a> {
    indent: usize,
    text: &'a str,
    /// Where `;` separates statements.
    semicolons: Vec<usize>,
}

impl<'a> Line<'a> {
    fn statements(&self) -> impl Iterator<Item = &'a str> {
        let starts = std::iter::once(0).chain(self.semicolons.iter().map(|at| at + 1));
        let ends = self.semicolons.iter().copied();
        let ends = ends.chain(std::iter::once(self.text.len()));
        let text = self.text;
        starts
            .zip(ends)
            .map(move |(start, end)| text[start..end].trim())
    }
}

fn logical_lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let indent = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let body = &rest[indent..];
        let (end, comment, semicolons) = scan_line(body);
        let text = body[..comment].trim_end();
        if !text.is_empty() {
            lines.push(Line {
                indent,
                text,
                semicolons,
            });
        }
        rest = &body[end..];
    }
    lines
}

/// Returns where the logical line ends, where its trailing comment starts, and its semicolons.
fn scan_line(text: &str) -> (usize, usize, Vec<usize>) {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut semicolons) = (0, 0_usize, Vec::new());
    let mut comment = None;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' if depth == 0 => return (at + 1, comment.unwrap_or(at), semicolons),
            b'#' => {
                if depth == 0 {
                    comment = Some(at);
                }
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            b'"' | b'\'' => {
                at += string_length(&text[at..]);
                continue;
            }
            b'\\' => at += 1,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => semicolons.push(at),
            _ => {}
        }
        at += 1;
    }
    (text.len(), comment.unwrap_or(text.len()), semicolons)
}

/// Returns the length of the string that `text` starts with, quotes included.
pub(super) fn string_length(text: &str) -> usize {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let (end, start) = if text.starts_with(&triple) {
        (triple.as_str(), 3)
    } else {
        (quote, 1)
    };
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            at += 2;
        } else if text.as_bytes()[at..].starts_with(end.as_bytes()) {
            return at + end.len();
        } else {
            at += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_params_file_holds() {
        let text = "\"\"\"Doc: x = 1\n\"\"\"\nimport os\nLR: float = 1e-3  # rate\nNAMES = ['a', \"b#c\",  # both\n  'd']\n\
                    SIZE = (1, -2)\nON = True; OFF = None\nPATH = os.getcwd()\nN = 2 * 3\na = b = 4\nx, y = 1, 2\n\
                    if ON:\n    HIDDEN = 1\nclass Train:\n    \"\"\"Doc.\"\"\"\n    epochs = 70\n\n    class Inner:\n        deep = {'k': [1]}\n\n    \
                    def __init__(self, z=1):\n        self.layers = 5\n        local = 6\n        if z:\n            self.not_seen = 1\n\n    \
                    def other(self):\n        self.no = 1\nLAST = 'end'\n";
        let shown: Vec<String> = parse(text)
            .flatten()
            .into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let wanted = [
            "LR=0.001",
            "NAMES=[\"a\",\"b#c\",\"d\"]",
            "SIZE=[1,-2]",
            "ON=true",
            "OFF=null",
            "Train.epochs=70",
            "Train.Inner.deep.k=[1]",
            "Train.layers=5",
            "LAST=end",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn broken_text_does_no_harm() {
        for text in [
            "x = '",
            "x = [1, (",
            "class",
            "x = \"é\\",
            "\\",
            "def :",
            "=",
            "é = 'ü'",
        ] {
            assert!(matches!(parse(text), Value::Map(_)));
        }
    }
}
