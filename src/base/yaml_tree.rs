//! `Tree`: the nodes of a YAML text with where each begins and ends in it. The only file that names
//! the parser that knows; values are read in `yaml` alone.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

/// A node: a value or a key as it is written.
#[derive(Debug)]
pub(super) struct Node {
    /// Its bytes in the text, an anchor and a tag included. A text in block style begins after its
    /// `|` or `>`; what is not written is empty and stands behind its key.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A reference to an anchor.
    Alias,
    /// A scalar: its text, and how it is written.
    Scalar(String, Style),
    /// A list.
    List(Layout, Vec<Node>),
    /// A map: its keys and values.
    Map(Layout, Vec<(Node, Node)>),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Not at all: `key:` has such a value.
    Empty,
    /// Plain or in quotes.
    Inline,
    /// On lines of its own below `|` or `>`.
    Block,
}

/// How a list or a map is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// By indentation.
    Block,
    /// In brackets.
    Flow,
}

impl Node {
    /// Returns whether this is the scalar `text`.
    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(&self.kind, Kind::Scalar(own, _) if own == text)
    }

    /// Returns whether nothing is written.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.kind, Kind::Scalar(_, Style::Empty))
    }

    /// Returns whether lines of its own are what it is written on.
    pub(super) fn is_block(&self) -> bool {
        matches!(
            self.kind,
            Kind::Scalar(_, Style::Block)
                | Kind::List(Layout::Block, _)
                | Kind::Map(Layout::Block, _)
        )
    }
}

/// All nodes of a text.
#[derive(Debug)]
pub(super) struct Tree {
    /// The outermost; a text may hold none.
    pub(super) root: Option<Node>,
}

/// Reads the nodes of `text`; `None` where the parser does not understand it.
pub(super) fn parse(text: &str) -> Option<Tree> {
    let mut offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).collect();
    offsets.push(text.len());
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        text,
        offsets,
    };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::StreamEnd | Event::DocumentEnd, _) => return Some(Tree { root: None }),
            (event, span) => {
                let node = reader.node(event, span)?;
                let root = Some(node).filter(|node| !node.is_empty());
                return Some(Tree { root });
            }
        }
    }
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    text: &'t str,
    /// Where each character begins: the parser counts characters.
    offsets: Vec<usize>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Option<(Event<'t>, Range<usize>)> {
        let (event, Span { start, end }) = self.events.next_event()?.ok()?;
        let offset = |index: usize| self.offsets.get(index).copied();
        Some((event, offset(start.index())?..offset(end.index())?))
    }

    fn node(&mut self, event: Event<'t>, span: Range<usize>) -> Option<Node> {
        match event {
            Event::Alias(_) => Some(Node {
                span,
                kind: Kind::Alias,
            }),
            Event::Scalar(text, style, ..) => Some(self.scalar(text.into_owned(), style, span)),
            Event::SequenceStart(..) => self.list(&span),
            Event::MappingStart(..) => self.map(&span),
            _ => None,
        }
    }

    fn scalar(&self, text: String, style: ScalarStyle, mut span: Range<usize>) -> Node {
        if let Some(quote) = quote_of(style) {
            span.end = span.start + end_of_quoted(&self.text[span.clone()], quote);
        }
        let style = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
            _ if span.is_empty() => Style::Empty,
            _ => Style::Inline,
        };
        // Empty lines at the end belong to a text in block style only if it says so with `+`.
        if style == Style::Block && !text.ends_with("\n\n") && text != "\n" {
            span.end = span.start + self.text[span.clone()].trim_end().len();
        } else if style == Style::Block {
            // The parser may have gone on to where the next line's content begins.
            let whole = self.text[span.clone()].trim_end_matches(' ');
            let without = whole.strip_suffix('\n').unwrap_or(whole);
            span.end = span.start + without.strip_suffix('\r').unwrap_or(without).len();
        }
        Node {
            span,
            kind: Kind::Scalar(text, style),
        }
    }

    fn list(&mut self, start: &Range<usize>) -> Option<Node> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => {
                    let last = items.last().map(|item: &Node| item.span.end);
                    let (layout, span) = self.close(start, &end, last);
                    let kind = Kind::List(layout, items);
                    return Some(Node { span, kind });
                }
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self, start: &Range<usize>) -> Option<Node> {
        let mut entries = Vec::new();
        loop {
            match self.next()? {
                (Event::MappingEnd, end) => {
                    let last = entries.last().map(|(key, value): &(Node, Node)| {
                        end_of_entry(self.text, key, value).unwrap_or(value.span.end)
                    });
                    let (layout, span) = self.close(start, &end, last);
                    let kind = Kind::Map(layout, entries);
                    return Some(Node { span, kind });
                }
                (event, span) => {
                    let key = self.node(event, span)?;
                    let (event, span) = self.next()?;
                    entries.push((key, self.node(event, span)?));
                }
            }
        }
    }

    /// Says how a list or map is written and where it ends: at its bracket or with its last item.
    fn close(
        &self,
        start: &Range<usize>,
        end: &Range<usize>,
        last: Option<usize>,
    ) -> (Layout, Range<usize>) {
        if self.text[start.clone()].ends_with(['[', '{']) {
            (Layout::Flow, start.start..end.start + 1)
        } else {
            (Layout::Block, start.start..last.unwrap_or(start.end))
        }
    }
}

fn quote_of(style: ScalarStyle) -> Option<char> {
    match style {
        ScalarStyle::SingleQuoted => Some('\''),
        ScalarStyle::DoubleQuoted => Some('"'),
        _ => None,
    }
}

/// Returns where a text in quotes ends; the parser counts what follows on its last line as well.
fn end_of_quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip_while(|(_, c)| *c != quote).skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            let end = at + quote.len_utf8();
            if quote == '"' || !text[end..].starts_with(quote) {
                return end;
            }
            characters.next();
        }
    }
    text.len()
}

/// Returns where the entry of a map ends: with its value, else with its colon.
pub(super) fn end_of_entry(text: &str, key: &Node, value: &Node) -> Option<usize> {
    if value.is_empty() {
        after_colon(text, key)
    } else {
        Some(value.span.end)
    }
}

/// Returns where the colon behind `key` ends, if one is written.
pub(super) fn after_colon(text: &str, key: &Node) -> Option<usize> {
    let at = skip_blank(text, key.span.end);
    text[at..].starts_with(':').then_some(at + 1)
}

/// Returns where the next thing stands that is neither blank nor a comment.
pub(super) fn skip_blank(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        if !text[at..].starts_with('#') {
            return at;
        }
        at += text[at..].find('\n').unwrap_or(text.len() - at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, path: &[&str]) -> String {
        let mut node = parse(text).expect("YAML").root.expect("not empty");
        for key in path {
            let Kind::Map(_, entries) = node.kind else {
                panic!("no map above {key}")
            };
            let found = entries.into_iter().find(|(known, _)| known.is_text(key));
            node = found.expect("the key").1;
        }
        text[node.span].to_owned()
    }

    #[test]
    fn every_style_ends_where_it_ends() {
        let text = "a: 'é\n  it''s' # it's\nb: |\n  x\n\n# c\nc: {u: [1, 2] , v: }  # d\nd:\n- p\n- q: &n 1\n  r:\n# e\n\ne: !!str 12\n";
        assert_eq!(written(text, &["a"]), "'é\n  it''s'");
        assert_eq!(written(text, &["b"]), "x");
        assert_eq!(written(text, &["c"]), "{u: [1, 2] , v: }");
        assert_eq!(written(text, &["c", "u"]), "[1, 2]");
        assert_eq!(written(text, &["d"]), "p\n- q: &n 1\n  r:");
        assert_eq!(written(text, &["e"]), "!!str 12");
    }

    #[test]
    fn a_text_without_values_has_no_root() {
        assert!(parse("# only this\n").expect("YAML").root.is_none());
        assert!(parse("---\n").expect("YAML").root.is_none());
        assert!(parse("a: [1\n").is_none());
    }
}
