//! `Template`: a text with `${…}` in it, taken apart; and values written into text as DVC does.

use std::borrow::Cow;

use crate::base::value::Value;
use crate::base::yaml;
use crate::pipeline::python_text::{as_flags, as_text};

/// What is wrong with a template or with a value for it; its place is the caller's to know.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            message,
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A text, taken apart at its `${…}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template<'t> {
    parts: Vec<Part<'t>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part<'t> {
    Text(Cow<'t, str>),
    Expression(Expression<'t>),
}

/// `${key}` or `${key:-default}`; both may have expressions inside.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression<'t> {
    /// As it is written, for messages.
    pub(super) source: &'t str,
    key: Template<'t>,
    default: Option<Template<'t>>,
}

/// Where values come from, and what may be done with them.
pub(super) trait Lookup {
    /// Returns what stands under a key that is taken apart; a fault says what does not.
    fn find(&self, key: &[&str]) -> Result<&Value, Fault>;
}

/// What a text is for, which decides what can be written into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A command: a map becomes flags.
    Command,
    /// Any other field: scalars only.
    Field,
    /// A list of items or an axis: `${x}` alone may be anything.
    Items,
}

/// Returns whether there is anything to resolve in a text.
pub(super) fn has_templates(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if !rest[..at].ends_with('\\') && rest[at..].contains('}') {
            return true;
        }
        rest = &rest[at + 2..];
    }
    false
}

/// Checks the syntax of a text's templates.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text.contains("${") {
        Template::parse(text).map(drop)
    } else {
        Ok(())
    }
}

/// Resolves a text: `${x}` alone keeps the type of the value, among other text it becomes text.
pub(super) fn resolve<'t>(
    text: &'t str,
    lookup: &dyn Lookup,
    usage: Use,
) -> Result<Cow<'t, Value>, Fault> {
    let template = Template::parse(text)?;
    if let [Part::Expression(expression)] = template.parts.as_slice() {
        let value = expression.evaluate(lookup)?;
        return match (value.as_ref(), usage) {
            (Value::Map(map), Use::Command) => Ok(Cow::Owned(Value::Text(as_flags(map)?))),
            (Value::List(_), Use::Command) | (Value::List(_) | Value::Map(_), Use::Field) => {
                Err(expression.not_text(&value))
            }
            (Value::Null, Use::Command | Use::Field) => Err(expression.is_null()),
            _ => Ok(Cow::Owned(value.into_owned())),
        };
    }
    template
        .render(lookup, usage)
        .map(|text| Cow::Owned(Value::Text(text)))
}

impl<'t> Template<'t> {
    /// Takes a text apart. A `${` that nothing closes is text.
    pub(super) fn parse(text: &'t str) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if let Some(before) = rest[..at].strip_suffix('\\') {
                push_text(&mut parts, before);
                push_text(&mut parts, "${");
                rest = &rest[at + 2..];
                continue;
            }
            let inner = &rest[at + 2..];
            let Some(end) = closing(inner) else {
                if inner.contains('}') {
                    let message = format!("`{}` has a `${{` that is not closed", &rest[at..]);
                    return Err(Fault::new(message));
                }
                break;
            };
            push_text(&mut parts, &rest[..at]);
            parts.push(Part::Expression(Expression::parse(&inner[..end])?));
            rest = &inner[end + 1..];
        }
        push_text(&mut parts, rest);
        Ok(Self { parts })
    }

    fn as_plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            [] => Some(""),
            _ => None,
        }
    }

    fn render(&self, lookup: &dyn Lookup, usage: Use) -> Result<String, Fault> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text += part,
                Part::Expression(expression) => {
                    let value = expression.evaluate(lookup)?;
                    match (value.as_ref(), usage) {
                        (Value::Map(map), Use::Command) => text += &as_flags(map)?,
                        (Value::Map(_) | Value::List(_), _) => {
                            return Err(expression.not_text(&value));
                        }
                        (Value::Null, _) => return Err(expression.is_null()),
                        (value, _) => text += &as_text(value),
                    }
                }
            }
        }
        Ok(text)
    }
}

fn push_text<'t>(parts: &mut Vec<Part<'t>>, text: &'t str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.to_mut().push_str(text),
        _ => parts.push(Part::Text(Cow::Borrowed(text))),
    }
}

/// Returns where the `}` stands that closes an expression, others inside of it not counted.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut previous = ' ';
    for (at, letter) in text.char_indices() {
        match letter {
            '{' if previous == '$' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        previous = letter;
    }
    None
}

impl<'t> Expression<'t> {
    fn parse(source: &'t str) -> Result<Self, Fault> {
        let (key, default) = match split_default(source) {
            Some((key, default)) => (key, Some(Template::parse(default)?)),
            None => (source, None),
        };
        let expression = Self {
            source,
            key: Template::parse(key)?,
            default,
        };
        if let Some(key) = expression.key.as_plain() {
            split_key(key).ok_or_else(|| expression.no_key())?;
        }
        Ok(expression)
    }

    fn evaluate<'v>(&self, lookup: &'v dyn Lookup) -> Result<Cow<'v, Value>, Fault> {
        let nested;
        let key = if let Some(key) = self.key.as_plain() {
            key
        } else {
            nested = self.key.render(lookup, Use::Field)?;
            &nested
        };
        let key = split_key(key).ok_or_else(|| self.no_key())?;
        match (lookup.find(&key), &self.default) {
            (Ok(Value::Null) | Err(_), Some(default)) => evaluate_default(default, lookup),
            (found, _) => found.map(Cow::Borrowed),
        }
    }

    fn no_key(&self) -> Fault {
        let fault = Fault::new(format!("`${{{}}}` is not a key", self.source));
        fault.help("keys are written as in `${a.b[0]}`; `\\${` is a `${` for the shell")
    }

    fn not_text(&self, value: &Value) -> Fault {
        let source = self.source;
        let fault = Fault::new(format!(
            "cannot interpolate `{source}`: it is {}",
            value.kind()
        ));
        fault.help("name one of its values; only a map in `cmd` becomes flags")
    }

    fn is_null(&self) -> Fault {
        let source = self.source;
        let fault = Fault::new(format!("cannot interpolate `{source}`: it is null"));
        fault.help(format!(
            "give it a value, or a default as in `${{{source}:-none}}`"
        ))
    }
}

/// Splits `key:-default` at the first `:-` that is in no nested expression.
fn split_default(source: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, _) in source.match_indices(['{', '}', ':']) {
        match &source[at..=at] {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ if depth == 0 && source[at..].starts_with(":-") => {
                return Some((&source[..at], &source[at + 2..]));
            }
            _ => {}
        }
    }
    None
}

/// A plain default is a YAML scalar; one with expressions inside is what they give.
fn evaluate_default<'v>(
    default: &Template<'_>,
    lookup: &'v dyn Lookup,
) -> Result<Cow<'v, Value>, Fault> {
    if let [Part::Expression(expression)] = default.parts.as_slice() {
        return expression.evaluate(lookup);
    }
    let Some(plain) = default.as_plain() else {
        return default
            .render(lookup, Use::Field)
            .map(|text| Cow::Owned(Value::Text(text)));
    };
    if plain.trim().is_empty() {
        return Ok(Cow::Owned(Value::Text(String::new())));
    }
    match yaml::decode::<Value>("", plain) {
        Ok(Value::List(_) | Value::Map(_)) | Err(_) => {
            let fault = Fault::new(format!("the default `{plain}` is not a single value"));
            Err(fault.help("write text that YAML would read otherwise in quotes"))
        }
        Ok(value) => Ok(Cow::Owned(value)),
    }
}

/// Takes `a.b[0][c]` apart; `None` if it is no key.
fn split_key(key: &str) -> Option<Vec<&str>> {
    let is_word = |word: &str| !word.trim().is_empty() && !word.contains(['[', ']']);
    let mut words = Vec::new();
    for (position, piece) in key.split('.').enumerate() {
        let (word, mut rest) = piece.split_at(piece.find('[').unwrap_or(piece.len()));
        if !is_word(word) {
            return None;
        }
        words.push(word.trim());
        while let Some(inner) = rest.trim_end().strip_prefix('[') {
            let (word, tail) = inner.split_once(']')?;
            if !is_word(word) {
                return None;
            }
            words.push(word.trim());
            rest = tail;
        }
        if !rest.trim().is_empty() {
            return None;
        }
        debug_assert!(words.len() > position, "each piece gives a word");
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::value::Map;
    use crate::pipeline::vars::{Context, Scope};

    const VALUES: &str = "s: text\nn: 3\nsmall: 1e-5\nf: 1.10\non: true\nnone: null\nday: 2026-11-21\n\
                          lst: [x, {y: 1}]\na: {b: {c: deep}, k: text}\nwhich: b\nempty: {}\n\
                          d: {foo: foo, bar: 1, bool: true, off: false, nested: {baz: b z}, list: [2, 3, q x, true], none: null, e: []}\n";

    fn context(text: &str) -> Context {
        let Ok(Value::Map(values)) = yaml::parse("params.yaml", text) else {
            panic!("a map");
        };
        let mut context = Context::default();
        context
            .merge("params.yaml".to_owned(), values)
            .expect("no conflict");
        context
    }

    fn resolved(text: &str, usage: Use) -> Result<Value, String> {
        let context = context(VALUES);
        resolve(text, &Scope::global(&context), usage)
            .map(Cow::into_owned)
            .map_err(|fault| fault.message)
    }

    fn text(template: &str) -> String {
        match resolved(template, Use::Command) {
            Ok(value) => value.to_string(),
            Err(message) => panic!("{template}: {message}"),
        }
    }

    fn error(template: &str, usage: Use) -> String {
        resolved(template, usage).expect_err(template)
    }

    #[test]
    fn keys_of_every_form() {
        assert_eq!(
            text("${s} ${lst[0]} ${lst.0} ${ s } ${a[b][c]} ${a.b.c} ${lst[-1].y}"),
            "text x x text deep deep 1"
        );
        assert_eq!(
            text("${small} ${f} ${on} ${day}"),
            "1e-05 1.1 true 2026-11-21"
        );
    }

    #[test]
    fn alone_a_value_keeps_its_type() {
        assert_eq!(resolved("${n}", Use::Field), Ok(Value::Int(3)));
        assert_eq!(resolved("${on}", Use::Field), Ok(Value::Bool(true)));
        assert_eq!(
            resolved("${n} ", Use::Field),
            Ok(Value::Text("3 ".to_owned()))
        );
        assert!(matches!(resolved("${lst}", Use::Items), Ok(Value::List(_))));
    }

    #[test]
    fn escapes_and_what_is_not_closed_stay_text() {
        assert_eq!(text("\\${HOME} ${n} \\${x}"), "${HOME} 3 ${x}");
        assert_eq!(text("echo ${n"), "echo ${n");
        assert_eq!(text("$n {n} $(n)"), "$n {n} $(n)");
    }

    #[test]
    fn a_map_in_a_command_becomes_flags() {
        let flags = "--foo foo --bar 1 --bool --nested.baz 'b z' --list 2 3 'q x' True --none None";
        assert_eq!(text("prog ${d}"), format!("prog {flags}"));
        assert_eq!(text("${d}"), flags);
        assert_eq!(text("prog ${empty}"), "prog ");
        assert_eq!(
            error("${d}", Use::Field),
            "cannot interpolate `d`: it is a map"
        );
        assert_eq!(
            error("x ${lst}", Use::Command),
            "cannot interpolate `lst`: it is a list"
        );
    }

    #[test]
    fn defaults_stand_in_for_what_is_missing_or_null() {
        assert_eq!(resolved("${nope:-0.5}", Use::Field), Ok(Value::Float(0.5)));
        assert_eq!(
            text("${nope.x:-a b} ${none:-1} ${n:-4} ${nope:-}"),
            "a b 1 3 "
        );
        assert_eq!(resolved("${nope:-${n}}", Use::Field), Ok(Value::Int(3)));
        assert_eq!(text("${nope:-${also:-${s}}/x}"), "text/x");
        assert_eq!(text("${nope:-'1'}"), "1");
        let message = error("${nope:-[1]}", Use::Field);
        assert_eq!(message, "the default `[1]` is not a single value");
    }

    #[test]
    fn expressions_nest() {
        assert_eq!(text("${a.${which}.c} ${a[${which}][c]}"), "deep deep");
        assert_eq!(
            error("${a.${none}}", Use::Field),
            "cannot interpolate `none`: it is null"
        );
        assert!(error("${a.${which}", Use::Field).contains("not closed"));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            error("${nope}", Use::Field),
            "there is no `nope` to interpolate"
        );
        assert_eq!(
            error("${a.b.x}", Use::Field),
            "there is no `a.b.x` to interpolate"
        );
        assert_eq!(
            error("${a.k.x}", Use::Field),
            "`a.k` is text: it has no `x`"
        );
        assert_eq!(
            error("x ${none}", Use::Command),
            "cannot interpolate `none`: it is null"
        );
        for bad in [
            "${}", "${a..b}", "${a[}", "${a[]}", "${a]b}", "${.a}", "${a[b]c}",
        ] {
            assert!(error(bad, Use::Field).contains("is not a key"), "{bad}");
        }
    }

    proptest! {
        /// Text that is escaped comes out as it went in.
        #[test]
        fn escaped_text_is_itself(plain in "[a-z${} ]{0,20}") {
            let escaped = plain.replace("${", "\\${");
            let context = Context::default();
            let scope = Scope::global(&context);
            let value = resolve(&escaped, &scope, Use::Field).expect("nothing to look up");
            prop_assert_eq!(value.into_owned(), Value::Text(plain));
        }

        #[test]
        fn any_text_resolves_or_is_refused(text in "[a\\\\${}:.\\[\\]-]{0,16}") {
            let context = Context::default();
            let scope = Scope::global(&context);
            let outcome = resolve(&text, &scope, Use::Command);
            prop_assert!(has_templates(&text) || outcome.is_ok(), "{:?}", outcome);
        }

        #[test]
        fn a_value_put_into_text_stands_between_what_was_around(
            before in "[a-z ]{0,5}", value in "[a-z0-9 ]{1,8}", after in "[a-z ]{0,5}",
        ) {
            let mut context = Context::default();
            let values = Map::from_iter([("k".to_owned(), Value::Text(value.clone()))]);
            context.merge("vars[0]".to_owned(), values).expect("no conflict");
            let template = format!("{before}${{k}}{after}");
            let scope = Scope::global(&context);
            let found = resolve(&template, &scope, Use::Field).expect("k is there");
            prop_assert_eq!(found.into_owned(), Value::Text(format!("{before}{value}{after}")));
        }
    }
}
