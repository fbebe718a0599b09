//! `Splicer`: finds which bytes of a YAML text give way to which for one edit. It need not be right
//! about everything that YAML allows: `YamlText` reads each result again.

use std::ops::Range;

use crate::base::value::{Map, Value};
use crate::base::yaml::Step;
use crate::base::yaml_emit::{Emitter, flow_entry, flow_scalar, flow_value, nest};
use crate::base::yaml_lines::Lines;
use crate::base::yaml_tree::{
    Kind, Layout, Node, Style, Tree, after_colon, end_of_entry, parse, skip_blank,
};

/// Bytes that give way to a text.
#[derive(Debug)]
pub(super) struct Splice {
    /// Which bytes.
    pub(super) range: Range<usize>,
    /// What takes their place.
    pub(super) text: String,
}

/// Why an edit cannot be made in the text.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

/// A text with its nodes.
pub(super) struct Splicer<'t> {
    text: &'t str,
    lines: Lines<'t>,
    tree: Tree,
    emitter: Emitter,
}

/// Where a walk down a path has ended.
struct Spot<'a, 'p> {
    node: &'a Node,
    /// The key that it stands under, if that is in a map.
    key: Option<&'a Node>,
    /// Whether it stands between brackets.
    layout: Layout,
    /// The steps that lead further than the text.
    rest: &'p [Step],
}

/// An entry of a map, with the map.
struct Entry<'a, 'p> {
    map: Spot<'a, 'p>,
    layout: Layout,
    entries: &'a [(Node, Node)],
    index: usize,
}

impl<'t> Splicer<'t> {
    /// Reads the nodes of `text`; new values are written in this layout.
    pub(super) fn new(text: &'t str, layout: Layout) -> Result<Self, Refusal> {
        let unclear =
            || Refusal("it is written in a way that is not understood well enough".to_owned());
        Ok(Self {
            text,
            lines: Lines(text),
            tree: parse(text).ok_or_else(unclear)?,
            emitter: Emitter::like(text, layout),
        })
    }

    /// Puts `value` at `path`.
    pub(super) fn set(&self, path: &[Step], value: &Value) -> Result<Splice, Refusal> {
        let Some(root) = &self.tree.root else {
            return Ok(self.append(&nest(path, value)));
        };
        let spot = walk(root, path)?;
        let new = nest(spot.rest, value);
        match (&spot.node.kind, spot.rest) {
            (Kind::Map(layout, entries), [Step::Key(key), rest @ ..]) if !entries.is_empty() => {
                let new = nest(rest, value);
                Ok(match layout {
                    Layout::Block => self.insert_below(entries, key, &new),
                    Layout::Flow => self.insert_between_brackets(entries, key, &new),
                })
            }
            _ => self.replace(&spot, &new),
        }
    }

    /// Removes `key` from the map at `path`.
    pub(super) fn remove(&self, path: &[Step], key: &str) -> Result<Splice, Refusal> {
        let Entry {
            map,
            layout,
            entries,
            index,
        } = self.entry(path, key)?;
        let (own, value) = &entries[index];
        let end = end_of_entry(self.text, own, value).unwrap_or(own.span.end);
        let is_on_lines = layout == Layout::Block && self.lines.indent(own.span.start).is_some();
        let is_alone = entries.len() == 1;
        let before = index.checked_sub(1).map_or(0, |before| {
            let (key, value) = &entries[before];
            end_of_entry(self.text, key, value).unwrap_or(key.span.end)
        });
        let range = match entries.get(index + 1) {
            // A map that is written under a key or in brackets is there even if it is empty.
            _ if is_alone && (map.key.is_some() || !is_on_lines) => {
                return self.replace(&map, &Value::Map(Map::new()));
            }
            _ if is_on_lines => self.lines.lines_of(own.span.start, end, before),
            // It is between brackets, or shares its line with the dash of a list.
            Some((next, _)) => own.span.start..next.span.start,
            None => skip_blank(self.text, before)..end,
        };
        Ok(Splice {
            range,
            text: String::new(),
        })
    }

    /// Renames `key` of the map at `path`.
    pub(super) fn rename(&self, path: &[Step], key: &str, name: &str) -> Result<Splice, Refusal> {
        let Entry { entries, index, .. } = self.entry(path, key)?;
        Ok(Splice {
            range: entries[index].0.span.clone(),
            text: flow_scalar(&Value::Text(name.to_owned())),
        })
    }

    /// Finds an entry of a map that is written here, and not where an alias leads.
    fn entry<'a, 'p>(&'a self, path: &'p [Step], key: &str) -> Result<Entry<'a, 'p>, Refusal> {
        let elsewhere = || Refusal(format!("`{key}` comes from an anchor elsewhere"));
        let root = self.tree.root.as_ref().ok_or_else(elsewhere)?;
        let spot = walk(root, path)?;
        match (&spot.node.kind, spot.rest) {
            (Kind::Map(layout, entries), []) => {
                let index = entries.iter().position(|(own, _)| own.is_text(key));
                let index = index.ok_or_else(elsewhere)?;
                Ok(Entry {
                    layout: *layout,
                    entries,
                    index,
                    map: spot,
                })
            }
            _ => Err(elsewhere()),
        }
    }

    /// Writes a whole tree below a text that holds none.
    fn append(&self, value: &Value) -> Splice {
        let at = self.text.len();
        let gap = if self.text.is_empty() || self.text.ends_with(['\n', '\u{feff}']) {
            ""
        } else {
            self.emitter.line_end
        };
        let text = self.emitter.lines(value, 0) + self.emitter.line_end;
        Splice {
            range: at..at,
            text: format!("{gap}{text}"),
        }
    }

    /// Adds an entry below the last one of a map in block style.
    fn insert_below(&self, entries: &[(Node, Node)], key: &str, value: &Value) -> Splice {
        let column = self.lines.column(entries[0].0.span.start);
        let (last, last_value) = &entries[entries.len() - 1];
        let end = end_of_entry(self.text, last, last_value).unwrap_or(last.span.end);
        let at = self.lines.end_with_comments(end, column);
        let is_spaced = entries.len() > 1 && self.lines.is_blank_above(last.span.start);
        let line_end = self.emitter.line_end;
        let gap = if is_spaced { line_end } else { "" };
        let entry = self
            .emitter
            .lines(&nest(&[Step::Key(key.to_owned())], value), column);
        let margin = " ".repeat(column);
        Splice {
            range: at..at,
            text: format!("{line_end}{gap}{margin}{entry}"),
        }
    }

    /// Adds an entry behind the last one of a map in brackets.
    fn insert_between_brackets(
        &self,
        entries: &[(Node, Node)],
        key: &str,
        value: &Value,
    ) -> Splice {
        let (last, last_value) = &entries[entries.len() - 1];
        let mut at = end_of_entry(self.text, last, last_value).unwrap_or(last.span.end);
        let comma = skip_blank(self.text, at);
        let mut text = format!(" {}", flow_entry(key, value));
        if self.text[comma..].starts_with(',') {
            at = comma + 1;
        } else {
            text.insert(0, ',');
        }
        Splice {
            range: at..at,
            text,
        }
    }

    /// Writes `value` where a walk has ended.
    fn replace(&self, spot: &Spot<'_, '_>, value: &Value) -> Result<Splice, Refusal> {
        let Spot {
            node, key, layout, ..
        } = spot;
        if *layout == Layout::Flow {
            return Ok(self.replace_between_brackets(node, *key, &flow_value(value)));
        }
        match key {
            Some(key) => self.replace_behind_key(key, node, value),
            None => self.replace_item(node, value),
        }
    }

    fn replace_behind_key(
        &self,
        key: &Node,
        node: &Node,
        value: &Value,
    ) -> Result<Splice, Refusal> {
        let unclear = || Refusal("its key has no colon".to_owned());
        let start = after_colon(self.text, key).ok_or_else(unclear)?;
        let column = self.lines.column(key.span.start);
        let new = self.emitter.behind_key(value, column);
        let (first, below) = match new.split_once(self.emitter.line_end) {
            Some((first, _)) => new.split_at(first.len()),
            None => (new.as_str(), ""),
        };
        // What is said behind the key, or behind a value that gets lines of its own, stays there.
        let (end, comment) = match (node.is_empty(), node.is_block()) {
            (true, _) => (start, self.lines.comment_behind(start)),
            (_, true) => (node.span.end, self.lines.comment_behind(start)),
            _ => (node.span.end, self.lines.comment_behind(node.span.end)),
        };
        let is_inline = !node.is_empty() && !node.is_block();
        let (range, text) = match (below, is_inline) {
            ("", true) => (node.span.clone(), first.trim_start().to_owned()),
            ("", false) if node.is_empty() => (start..end, first.to_owned()),
            _ if node.is_block() => (start..end, format!("{first}{comment}{below}")),
            _ => (
                start..end + comment.len(),
                format!("{first}{comment}{below}"),
            ),
        };
        Ok(Splice { range, text })
    }

    fn replace_between_brackets(&self, node: &Node, key: Option<&Node>, new: &str) -> Splice {
        let (range, text) = match (key, node.is_empty()) {
            (Some(key), true) => match after_colon(self.text, key) {
                Some(at) => (at..at, format!(" {new}")),
                None => (key.span.end..key.span.end, format!(": {new}")),
            },
            _ => (node.span.clone(), new.to_owned()),
        };
        Splice { range, text }
    }

    /// Writes `value` in the place of a list's item, or of the whole tree.
    fn replace_item(&self, node: &Node, value: &Value) -> Result<Splice, Refusal> {
        if node.is_empty() || matches!(node.kind, Kind::Scalar(_, Style::Block)) {
            let reason = "an item of a list that is empty or of several lines";
            return Err(Refusal(reason.to_owned()));
        }
        Ok(Splice {
            range: node.span.clone(),
            text: self
                .emitter
                .lines(value, self.lines.column(node.span.start)),
        })
    }
}

/// Walks down `path` as far as the text goes.
fn walk<'a, 'p>(root: &'a Node, path: &'p [Step]) -> Result<Spot<'a, 'p>, Refusal> {
    let mut spot = Spot {
        node: root,
        key: None,
        layout: Layout::Block,
        rest: path,
    };
    while let [step, rest @ ..] = spot.rest {
        let (layout, below) = match (&spot.node.kind, step) {
            (Kind::Alias, _) => {
                return Err(Refusal(
                    "it stands in an alias of an anchor elsewhere".to_owned(),
                ));
            }
            (Kind::Map(layout, entries), Step::Key(key)) => {
                let entry = entries.iter().find(|(own, _)| own.is_text(key));
                (*layout, entry.map(|(key, node)| (Some(key), node)))
            }
            (Kind::List(layout, items), Step::Index(index)) => {
                (*layout, items.get(*index).map(|node| (None, node)))
            }
            _ => break,
        };
        let Some((key, node)) = below else { break };
        if layout == Layout::Flow {
            spot.layout = Layout::Flow;
        }
        spot = Spot {
            node,
            key,
            rest,
            ..spot
        };
    }
    Ok(spot)
}
