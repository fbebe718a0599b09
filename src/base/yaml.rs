//! Reading and writing YAML; the only file that names the YAML crate.
//!
//! A tree carries no places. They are looked up when an error needs one, by reading the text again
//! down to the key in question: the common path, in which nothing is wrong, pays nothing.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::base::problem::{Place, Problem, did_you_mean};
use crate::base::value::{Map, Value};
use crate::base::yaml_advice::advice;
use crate::base::yaml_words::reworded;

/// Parses `text`, the content of `file`, into a tree. An empty text is an empty map.
pub(crate) fn parse(file: &str, text: &str) -> Result<Value, Problem> {
    match decode(file, text)? {
        Value::Null => Ok(Value::Map(Map::new())),
        value => Ok(value),
    }
}

/// Parses `text`, the content of `file`, into a typed value.
pub(crate) fn decode<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_yaml::from_str(text).map_err(|error| problem(file, text, &error))
}

/// Writes `value` as YAML: block style, keys in their own order, long lines kept whole.
pub(crate) fn write(value: &impl Serialize) -> String {
    serde_yaml::to_string(value).expect("invariant: our own types have no shape that YAML lacks")
}

fn problem(file: &str, text: &str, error: &serde_yaml::Error) -> Problem {
    let place = error.location().map(|at| Place {
        line: at.line(),
        column: at.column(),
    });
    let whole = error.to_string();
    if whole.contains("more than one document") {
        let problem = Problem::new(file, text, "the file holds more than one document");
        return problem
            .at(second_document(text))
            .help("keep one: what stands behind `---` has no meaning here");
    }
    let message = match whole.find(" at line ") {
        Some(end) => &whole[..end],
        None => &whole,
    };
    let syntax = advice(message, text, place).map(str::to_owned);
    let (message, help) = friendly(message);
    let help = help.or(syntax);
    let problem = Problem::new(file, text, message).at(place);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Returns where the line stands that begins another document.
fn second_document(text: &str) -> Option<Place> {
    let is_content = |line: &str| !line.trim().is_empty() && !line.starts_with(['#', '%', '-']);
    let start = text.lines().position(is_content)?;
    let mut rest = text.lines().enumerate().skip(start);
    let (index, _) = rest.find(|(_, line)| line.starts_with("---"))?;
    Some(Place {
        line: index + 1,
        column: 1,
    })
}

/// Turns serde's "unknown field" into our words, with the nearest of the fields that it lists.
fn friendly(message: &str) -> (String, Option<String>) {
    let mut words = message.split('`');
    let (start, field) = (words.next().unwrap_or_default(), words.next());
    match field {
        Some(field) if start.ends_with("unknown field ") => {
            let known: Vec<&str> = words.skip(1).step_by(2).collect();
            let prefix = start.trim_end_matches("unknown field ");
            let list = format!("known keys: {}", known.join(", "));
            let help = did_you_mean(field, known.iter().copied()).unwrap_or(list);
            (format!("{prefix}unknown key `{field}`"), Some(help))
        }
        _ => (reworded(message), None),
    }
}

/// One step down a tree: a key of a map or an index of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// The value under a key.
    Key(String),
    /// The item at an index.
    Index(usize),
}

/// Which part of the last step's pair a place is wanted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The key itself.
    Key,
    /// The value under it.
    Value,
}

/// Returns what stands in `root` at `steps`, if anything does.
pub(crate) fn follow<'v>(root: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    steps
        .iter()
        .try_fold(root, |value, step| match (value, step) {
            (Value::Map(map), Step::Key(key)) => map.get(key),
            (Value::List(items), Step::Index(index)) => items.get(*index),
            _ => None,
        })
}

/// Returns where in `text` the key or value at `steps` stands, or `None` if nothing is there.
pub(crate) fn locate(text: &str, steps: &[Step], part: Part) -> Option<Place> {
    let found = Cell::new(false);
    let seed = Locate {
        steps,
        part,
        found: &found,
    };
    let outcome = seed.deserialize(serde_yaml::Deserializer::from_str(text));
    let error = outcome.err().filter(|_| found.get())?;
    let at = error.location()?;
    Some(Place {
        line: at.line(),
        column: at.column(),
    })
}

/// Walks down `steps` and fails on purpose where they end: the parser adds the place to the error.
#[derive(Clone, Copy)]
struct Locate<'a> {
    steps: &'a [Step],
    part: Part,
    found: &'a Cell<bool>,
}

impl Locate<'_> {
    fn arrive<E: de::Error>(self) -> E {
        self.found.set(true);
        E::custom("here")
    }
}

impl<'de> DeserializeSeed<'de> for Locate<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Locate<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the place that is looked for")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        if self.steps.is_empty() {
            Err(self.arrive())
        } else {
            Ok(())
        }
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.visit_bool(true)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.visit_bool(true)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.visit_bool(true)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.visit_bool(true)
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.visit_bool(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.steps.split_first() else {
            return Err(self.arrive());
        };
        for index in 0.. {
            let more = if *step == Step::Index(index) {
                access
                    .next_element_seed(Locate {
                        steps: rest,
                        ..self
                    })?
                    .is_some()
            } else {
                access.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.steps.split_first() else {
            return Err(self.arrive());
        };
        let wanted = if let Step::Key(key) = step {
            key.as_str()
        } else {
            ""
        };
        let fail = rest.is_empty() && self.part == Part::Key;
        while let Some(hit) = access.next_key_seed(LocateKey {
            wanted,
            fail,
            locate: self,
        })? {
            if hit {
                access.next_value_seed(Locate {
                    steps: rest,
                    ..self
                })?;
            } else {
                access.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Compares a key with the wanted one; fails on it where the key's own place is asked for.
struct LocateKey<'a> {
    wanted: &'a str,
    fail: bool,
    locate: Locate<'a>,
}

impl<'de> DeserializeSeed<'de> for LocateKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for LocateKey<'_> {
    type Value = bool;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        if self.fail && key == self.wanted {
            return Err(self.locate.arrive());
        }
        Ok(key == self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "stages:\n  train:\n    cmd: x\n    deps:\n      - a\n      - b\n";

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn locates_keys_and_values() {
        let train = [key("stages"), key("train"), key("deps")];
        assert_eq!(
            locate(TEXT, &train, Part::Key),
            Some(Place { line: 4, column: 5 })
        );
        let second = [&train[..], &[Step::Index(1)]].concat();
        assert_eq!(
            locate(TEXT, &second, Part::Value),
            Some(Place { line: 6, column: 9 })
        );
        assert_eq!(locate(TEXT, &[key("nope")], Part::Key), None);
    }

    #[test]
    fn a_duplicate_key_is_an_error_at_the_second_one() {
        let error = parse("p.yaml", "a: 1\nb: 2\na: 3\n").expect_err("a stands twice");
        assert_eq!(error.message, "duplicate key `a`");
        assert_eq!(error.place, Some(Place { line: 3, column: 1 }));
    }

    #[test]
    fn merge_keys_are_applied_and_own_keys_win() {
        let value =
            parse("p.yaml", "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\n").expect("valid");
        assert_eq!(value.find("own.x"), Some(&Value::Int(1)));
        assert_eq!(value.find("own.y"), Some(&Value::Int(3)));
    }

    #[test]
    fn an_unknown_field_of_a_typed_value_gets_a_suggestion() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Train {
            #[expect(dead_code, reason = "only its name matters here")]
            epochs: u32,
        }
        let error = decode::<Train>("params.yaml", "epoch: 3\n").expect_err("unknown");
        assert_eq!(error.message, "unknown key `epoch`");
        assert_eq!(error.help.as_deref(), Some("did you mean `epochs`?"));
    }

    #[test]
    fn dates_and_odd_words_are_text() {
        let value = parse("p.yaml", "day: 2026-11-21\nyes: yes\n").expect("valid");
        assert_eq!(
            value.find("day"),
            Some(&Value::Text("2026-11-21".to_owned()))
        );
        assert_eq!(value.find("yes"), Some(&Value::Text("yes".to_owned())));
    }
}
