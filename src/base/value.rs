//! A tree of values as people write them in YAML or JSON, with dotted keys. Keeps the order of keys.

use std::fmt;

use indexmap::IndexMap;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// The keys and values of a map, in the order of the text.
pub type Map = IndexMap<String, Value>;

/// One value of a tree.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing: `null`, `~` or an empty value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(Map),
}

impl Value {
    /// Returns what stands under a dotted key (`train.lr`, `layers.0.kind`), if anything does.
    pub fn find(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(self, |value, part| match value {
            Self::Map(map) => map.get(part),
            Self::List(items) => items.get(part.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Returns the leaves with their dotted keys, in order. Lists are leaves; empty maps vanish.
    pub fn flatten(&self) -> Vec<(String, &Value)> {
        fn walk<'a>(prefix: &str, value: &'a Value, leaves: &mut Vec<(String, &'a Value)>) {
            match value {
                Value::Map(map) => {
                    for (key, value) in map {
                        let dot = if prefix.is_empty() { "" } else { "." };
                        walk(&format!("{prefix}{dot}{key}"), value, leaves);
                    }
                }
                _ => leaves.push((prefix.to_owned(), value)),
            }
        }
        let mut leaves = Vec::new();
        walk("", self, &mut leaves);
        leaves
    }

    /// Returns the value as a number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "metrics are compared as floats")]
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Writes the value so that equal values, and only those, have equal texts.
    pub(crate) fn canonical(&self) -> String {
        match self {
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::canonical).collect();
                format!("[{}]", items.join(","))
            }
            Self::Map(map) => {
                let pair =
                    |(key, value): (&String, &Self)| format!("{key:?}:{}", value.canonical());
                let mut pairs: Vec<String> = map.iter().map(pair).collect();
                pairs.sort();
                format!("{{{}}}", pairs.join(","))
            }
            Self::Text(text) => format!("{text:?}"),
            Self::Float(number) => format!("float {:?}", number + 0.0),
            scalar => format!("{} {scalar}", scalar.kind()),
        }
    }

    /// Returns whether this is nothing.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the text of a text value.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// Returns the kind of the value, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// As values of parameters are compared: of the same kind, and NaN is equal to itself.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Int(one), Self::Int(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => {
                one == other || (one.is_nan() && other.is_nan())
            }
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::List(one), Self::List(other)) => one == other,
            (Self::Map(one), Self::Map(other)) => one == other,
            _ => false,
        }
    }
}

/// Writes scalars as in YAML and anything deeper as compact JSON.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => out.write_str("null"),
            Self::Bool(value) => value.fmt(out),
            Self::Int(value) => value.fmt(out),
            Self::Float(value) => write_float(*value, out),
            Self::Text(value) => out.write_str(value),
            Self::List(_) | Self::Map(_) => {
                out.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
            }
        }
    }
}

fn write_float(value: f64, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if value.is_nan() {
        out.write_str("nan")
    } else if value != 0.0 && !(1e-5..1e16).contains(&value.abs()) {
        write!(out, "{value:e}")
    } else {
        write!(out, "{value:?}")
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => items.serialize(serializer),
            Self::Map(map) => map.serialize(serializer),
        }
    }
}

impl<'de> de::Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.visit_u128(value.into())
    }

    // What does not fit stays exact as text, so that a change of its last digit is seen.
    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Value, E> {
        let number = i64::try_from(value);
        Ok(number.map_or_else(|_| Value::Text(value.to_string()), Value::Int))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        let number = i64::try_from(value);
        Ok(number.map_or_else(|_| Value::Text(value.to_string()), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        while let Some(key) = access.next_key_seed(KeySeed { taken: &map })? {
            if key == "<<" {
                merged = merge_sources(access.next_value()?).map_err(de::Error::custom)?;
            } else {
                map.insert(key, access.next_value()?);
            }
        }
        for (key, value) in merged {
            map.entry(key).or_insert(value);
        }
        Ok(Value::Map(map))
    }
}

/// Returns the pairs that a merge key (`<<`) brings; among several sources the first one wins.
fn merge_sources(value: Value) -> Result<Vec<(String, Value)>, &'static str> {
    match value {
        Value::Map(map) => Ok(map.into_iter().collect()),
        Value::List(items) => {
            let pairs: Result<Vec<_>, _> = items.into_iter().map(merge_sources).collect();
            Ok(pairs?.into_iter().flatten().collect())
        }
        _ => Err("the merge key `<<` takes a map or a list of maps"),
    }
}

/// Reads a key as text and refuses one that the map has already, at the key's own place.
struct KeySeed<'a> {
    taken: &'a Map,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = String;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        if self.taken.contains_key(key) {
            return Err(E::custom(format_args!("duplicate key `{key}`")));
        }
        Ok(key.to_owned())
    }

    fn visit_bool<E: de::Error>(self, key: bool) -> Result<String, E> {
        self.visit_str(&key.to_string())
    }

    fn visit_i64<E: de::Error>(self, key: i64) -> Result<String, E> {
        self.visit_str(&key.to_string())
    }

    fn visit_u64<E: de::Error>(self, key: u64) -> Result<String, E> {
        self.visit_str(&key.to_string())
    }

    fn visit_f64<E: de::Error>(self, key: f64) -> Result<String, E> {
        self.visit_str(&Value::Float(key).to_string())
    }

    fn visit_unit<E: de::Error>(self) -> Result<String, E> {
        self.visit_str("null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("valid JSON")
    }

    #[test]
    fn finds_dotted_keys_through_maps_and_lists() {
        let value = json(r#"{"a": {"b": [10, {"c": true}]}}"#);
        assert_eq!(value.find("a.b.0"), Some(&Value::Int(10)));
        assert_eq!(value.find("a.b.1.c"), Some(&Value::Bool(true)));
        assert_eq!(value.find("a.x"), None);
        assert_eq!(value.find("a.b.0.c"), None);
    }

    #[test]
    fn flattens_to_leaves_in_order() {
        let value = json(r#"{"z": 1, "a": {"b": 2, "c": [3]}}"#);
        let keys: Vec<String> = value.flatten().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["z", "a.b", "a.c"]);
    }

    #[test]
    fn equal_values_have_one_canonical_text() {
        let (one, other) = (
            json(r#"{"a": [1, "x"], "b": 0.0}"#),
            json(r#"{"b": -0.0, "a": [1, "x"]}"#),
        );
        assert_eq!(one, other);
        assert_eq!(one.canonical(), other.canonical());
        assert_eq!(Value::Float(f64::NAN), Value::Float(f64::NAN));
        for (one, other) in [
            ("1", "1.0"),
            ("1", "\"1\""),
            ("[1,2]", "[12]"),
            ("null", "\"null\""),
        ] {
            assert_ne!(json(one), json(other));
            assert_ne!(json(one).canonical(), json(other).canonical());
        }
    }

    #[test]
    fn small_and_large_floats_are_written_with_exponents() {
        assert_eq!(Value::Float(1e-8).to_string(), "1e-8");
        assert_eq!(Value::Float(0.01).to_string(), "0.01");
        assert_eq!(Value::Float(2.0).to_string(), "2.0");
        assert_eq!(Value::Float(f64::NAN).to_string(), "nan");
    }
}
