//! `Shape`: what a value of a pipeline file may look like, checked before any template is resolved.
//!
//! The check walks plain values and builds a place only for a mistake, so that a file without
//! mistakes costs nothing but the walk.

use std::fmt::Display;

use crate::base::document::Node;
use crate::base::problem::{Problem, did_you_mean};
use crate::base::value::{Map, Value};
use crate::base::yaml::{Part, Step};
use crate::pipeline::interpolate;

/// What is allowed somewhere.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything.
    Any,
    /// Anything without templates.
    Plain,
    /// Nothing, as in `all.yaml:`.
    Null,
    /// Text, templates included.
    Text,
    /// Text or a number.
    Scalar,
    /// `true` or `false`, written out.
    Flag,
    /// A list of such values.
    List(&'static Shape),
    /// A map with keys of the user's own; the word says what a value is.
    Each(&'static str, &'static Shape),
    /// A map with these keys and no others.
    Record(&'static [&'static [Field]]),
    /// A map with at least these keys.
    Open(&'static [Field]),
    /// The first of these that is of the value's kind.
    Either(&'static [Shape]),
    /// A map of the first shape if it has one of the keys, else of the second.
    When(&'static [&'static str], &'static Shape, &'static Shape),
}

/// A key that a map may have.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) shape: Shape,
    /// What to write where the key is missing and must not be.
    pub(super) required: Option<&'static str>,
}

/// A key that may be left out.
pub(super) const fn field(key: &'static str, shape: Shape) -> Field {
    Field {
        key,
        shape,
        required: None,
    }
}

/// A key that must be there; `help` says what to write.
pub(super) const fn required(key: &'static str, shape: Shape, help: &'static str) -> Field {
    Field {
        key,
        shape,
        required: Some(help),
    }
}

/// A mistake on its way up to where its place is known.
struct Fault {
    /// The way down to it, innermost step first.
    steps: Vec<Step>,
    part: Part,
    message: String,
    help: Option<String>,
}

impl Shape {
    /// Checks a value and all that is in it.
    pub(super) fn check(&self, node: &Node<'_>, what: impl Display) -> Result<(), Problem> {
        self.judge(node.value, &what).map_err(|fault| {
            let steps = fault.steps.into_iter().rev();
            let origin = steps.fold(node.origin.clone(), |origin, step| origin.below(step));
            let problem = origin.problem_at(fault.part, fault.message);
            match fault.help {
                Some(help) => problem.help(help),
                None => problem,
            }
        })
    }

    fn judge(&self, value: &Value, what: &dyn Display) -> Result<(), Fault> {
        if !self.admits(value) {
            let wanted = self.wanted();
            let message = format!("{what} must be {wanted}, not {}", value.kind());
            return Err(Fault::new(Part::Value, message).help(self.advice(value)));
        }
        match (self, value) {
            (Self::Text | Self::Scalar, Value::Text(text)) => {
                interpolate::check(text).map_err(|fault| {
                    let problem = Fault::new(Part::Value, format!("{what}: {}", fault.message));
                    problem.help(fault.help)
                })
            }
            (Self::Plain, _) => refuse_templates(value, what),
            (Self::List(shape), Value::List(items)) => {
                let item = format_args!("an item of {what}");
                for (index, value) in items.iter().enumerate() {
                    let outcome = shape.judge(value, &item);
                    outcome.map_err(|fault| fault.below(Step::Index(index)))?;
                }
                Ok(())
            }
            (Self::Each(noun, shape), Value::Map(map)) => each(map, |key, value| {
                shape.judge(value, &format_args!("{noun} `{key}`"))
            }),
            (Self::Record(groups), Value::Map(map)) => record(groups, map, what),
            (Self::Open(fields), Value::Map(map)) => open(fields, map, what),
            (Self::Either(shapes), _) => match shapes.iter().find(|shape| shape.admits(value)) {
                Some(shape) => shape.judge(value, what),
                None => Ok(()),
            },
            (Self::When(keys, with, without), Value::Map(map)) => {
                let has = keys.iter().any(|key| map.contains_key(*key));
                if has { with } else { without }.judge(value, what)
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the value is of the right kind, whatever is in it.
    fn admits(&self, value: &Value) -> bool {
        match self {
            Self::Any | Self::Plain => true,
            Self::Null => value.is_null(),
            Self::Text => matches!(value, Value::Text(_)),
            Self::Scalar => matches!(
                value,
                Value::Text(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_)
            ),
            Self::Flag => matches!(value, Value::Bool(_)),
            Self::List(_) => matches!(value, Value::List(_)),
            Self::Each(..) | Self::Record(_) | Self::Open(_) | Self::When(..) => {
                matches!(value, Value::Map(_))
            }
            Self::Either(shapes) => shapes.iter().any(|shape| shape.admits(value)),
        }
    }

    /// Returns how to write what was meant with a value of the wrong kind.
    fn advice(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Each(noun, _), _) => Some(format!(
                "put each {noun} below a name of its own, as in `NAME: …`"
            )),
            (Self::List(_), Value::Text(text)) if !text.contains(['\n', ',', '[', '`']) => {
                Some(format!("one alone is a list of one: `[{text}]`"))
            }
            _ => None,
        }
    }

    fn wanted(&self) -> String {
        match self {
            Self::Any | Self::Plain => "anything".to_owned(),
            Self::Null => "nothing".to_owned(),
            Self::Text | Self::Scalar => "text".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Each(..) | Self::Record(_) | Self::Open(_) | Self::When(..) => "a map".to_owned(),
            Self::Either(shapes) => {
                let wanted: Vec<String> = shapes.iter().map(Self::wanted).collect();
                wanted.join(" or ")
            }
        }
    }
}

fn each(map: &Map, mut judge: impl FnMut(&str, &Value) -> Result<(), Fault>) -> Result<(), Fault> {
    for (key, value) in map {
        judge(key, value).map_err(|fault| fault.below(Step::Key(key.clone())))?;
    }
    Ok(())
}

fn record(groups: &[&[Field]], map: &Map, what: &dyn Display) -> Result<(), Fault> {
    let fields = || groups.iter().copied().flatten();
    each(map, |key, value| {
        if let Some(field) = fields().find(|field| field.key == key) {
            return field.shape.judge(value, &format_args!("`{key}`"));
        }
        let known: Vec<&str> = fields().map(|field| field.key).collect();
        let message = format!("unknown key `{key}` in {what}");
        let help = did_you_mean(key, known.iter().copied())
            .unwrap_or_else(|| format!("known keys: {}", known.join(", ")));
        Err(Fault::new(Part::Key, message).help(Some(help)))
    })?;
    fields().try_for_each(|field| field.demand(map, what))
}

fn open(fields: &[Field], map: &Map, what: &dyn Display) -> Result<(), Fault> {
    for field in fields {
        field.demand(map, what)?;
        if let Some(value) = map.get(field.key) {
            let outcome = field
                .shape
                .judge(value, &format_args!("`{}` of {what}", field.key));
            outcome.map_err(|fault| fault.below(Step::Key(field.key.to_owned())))?;
        }
    }
    Ok(())
}

fn refuse_templates(value: &Value, what: &dyn Display) -> Result<(), Fault> {
    match value {
        Value::Text(text) if interpolate::has_templates(text) => {
            let message = format!("{what} cannot have `${{…}}` in it");
            Err(Fault::new(Part::Value, message).help(Some(
                "values can be used in stages; a value cannot be made of others".to_owned(),
            )))
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let outcome = refuse_templates(item, what);
                outcome.map_err(|fault| fault.below(Step::Index(index)))?;
            }
            Ok(())
        }
        Value::Map(map) => each(map, |key, value| {
            refuse_templates(&Value::Text(key.to_owned()), what)?;
            refuse_templates(value, what)
        }),
        _ => Ok(()),
    }
}

impl Field {
    fn demand(&self, map: &Map, what: &dyn Display) -> Result<(), Fault> {
        match self.required {
            Some(help) if !map.contains_key(self.key) => {
                let message = format!("{what} has no `{}`", self.key);
                Err(Fault::new(Part::Key, message).help(Some(help.to_owned())))
            }
            _ => Ok(()),
        }
    }
}

impl Fault {
    fn new(part: Part, message: String) -> Self {
        Self {
            steps: Vec::new(),
            part,
            message,
            help: None,
        }
    }

    fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    fn below(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}
