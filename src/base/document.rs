//! `Document` and `Node`: a file of values read as a tree whose every value knows where it came from.

use std::fmt::{self, Display};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base::formats;
use crate::base::fs;
use crate::base::problem::Problem;
use crate::base::value::Value;
use crate::base::yaml::{self, Part, Step};

/// A file of values of the user's: its name, its text and its values.
#[derive(Debug)]
pub(crate) struct Document {
    file: String,
    text: Arc<str>,
    root: Value,
}

impl Document {
    /// Parses `text`, the content of `file`.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Arc<Self>, Problem> {
        let root = yaml::parse(file, text)?;
        Ok(Arc::new(Self {
            file: file.to_owned(),
            text: Arc::from(text),
            root,
        }))
    }

    /// Parses `text`, the content of `file`, in the format that the file's ending names.
    pub(crate) fn parse_any(file: &str, text: &str) -> Result<Arc<Self>, Problem> {
        let root = formats::parse(file, text)?;
        Ok(Arc::new(Self {
            file: file.to_owned(),
            text: Arc::from(text),
            root,
        }))
    }

    /// Returns the text that it was read from.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the whole tree.
    pub(crate) fn value(&self) -> &Value {
        &self.root
    }

    /// Returns the top of the tree.
    pub(crate) fn root(self: &Arc<Self>) -> Node<'_> {
        Node {
            value: &self.root,
            origin: Origin::Read {
                document: Arc::clone(self),
                trail: None,
            },
        }
    }
}

/// The steps from a document's root to a value, shared between siblings.
pub(crate) type Trail = Option<Arc<Link>>;

/// One step of a trail.
#[derive(Debug)]
pub(crate) struct Link {
    above: Trail,
    step: Step,
}

/// Where a value stands: a document and the way down to it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// In a document that was read.
    Read {
        /// The document.
        document: Arc<Document>,
        /// The way.
        trail: Trail,
    },
    /// In a document that was read by an earlier process and has not changed since.
    Stored {
        /// The project, in which the document is found again when somebody has to be told of it.
        root: Option<Arc<Path>>,
        /// The document's name and the way, as [`StoredOrigin`] is written.
        place: Box<[u8]>,
    },
}

/// What is written of an origin.
#[derive(Serialize, Deserialize)]
struct StoredOrigin<'a> {
    file: &'a str,
    steps: Vec<Step>,
}

impl Origin {
    /// Makes a problem at the value.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        self.problem_at(Part::Value, message)
    }

    /// Makes a problem at the value's key.
    pub(crate) fn key_problem(&self, message: impl Into<String>) -> Problem {
        self.problem_at(Part::Key, message)
    }

    /// Makes a problem at the value or at its key.
    pub(crate) fn problem_at(&self, part: Part, message: impl Into<String>) -> Problem {
        match self {
            Self::Read { document, trail } => {
                let Document { file, text, .. } = &**document;
                let place = yaml::locate(text, &steps(trail), part);
                Problem::new(file, text, message).at(place)
            }
            Self::Stored { root, place } => {
                let StoredOrigin { file, steps } = StoredOrigin::decode(place);
                let text = root.as_ref().and_then(|root| read_again(&root.join(file)));
                let text = text.unwrap_or_default();
                let place = yaml::locate(&text, &steps, part);
                Problem::new(file, &text, message).at(place)
            }
        }
    }

    /// Says which project's documents a stored origin names.
    pub(crate) fn attach(&mut self, to: &Arc<Path>) {
        if let Self::Stored { root, .. } = self {
            *root = Some(Arc::clone(to));
        }
    }

    /// Returns the value that is there, if one is.
    pub(crate) fn value(&self) -> Option<Value> {
        match self {
            Self::Read { document, trail } => yaml::follow(&document.root, &steps(trail)).cloned(),
            Self::Stored { root, place } => {
                let StoredOrigin { file, steps } = StoredOrigin::decode(place);
                let text = read_again(&root.as_ref()?.join(file))?;
                yaml::follow(&yaml::parse(file, &text).ok()?, &steps).cloned()
            }
        }
    }

    /// Returns the way down from the document's root.
    pub(crate) fn steps(&self) -> Vec<Step> {
        match self {
            Self::Read { trail, .. } => steps(trail),
            Self::Stored { place, .. } => StoredOrigin::decode(place).steps,
        }
    }

    /// Returns the origin of what stands one step below the value.
    pub(crate) fn below(&self, step: Step) -> Self {
        match self {
            Self::Read { document, trail } => {
                let link = Link {
                    above: trail.clone(),
                    step,
                };
                Self::Read {
                    document: Arc::clone(document),
                    trail: Some(Arc::new(link)),
                }
            }
            Self::Stored { root, place } => {
                let mut stored = StoredOrigin::decode(place);
                stored.steps.push(step);
                Self::Stored {
                    root: root.clone(),
                    place: stored.encode(),
                }
            }
        }
    }
}

fn steps(trail: &Trail) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut next = trail;
    while let Some(link) = next {
        steps.push(link.step.clone());
        next = &link.above;
    }
    steps.reverse();
    steps
}

/// The text of a document that was fine when it was last read; of one that is gone, nothing.
fn read_again(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok().flatten()?;
    String::from_utf8(bytes).ok()
}

impl StoredOrigin<'_> {
    fn encode(&self) -> Box<[u8]> {
        let bytes = postcard::to_stdvec(self).expect("invariant: plain data");
        bytes.into_boxed_slice()
    }
}

impl<'a> StoredOrigin<'a> {
    fn decode(bytes: &'a [u8]) -> Self {
        postcard::from_bytes(bytes).unwrap_or(Self {
            file: "",
            steps: Vec::new(),
        })
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Read { document, trail } => {
                let (file, steps) = (document.file.as_str(), steps(trail));
                serializer.serialize_bytes(&StoredOrigin { file, steps }.encode())
            }
            Self::Stored { place, .. } => serializer.serialize_bytes(place),
        }
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(OriginVisitor)
    }
}

struct OriginVisitor;

impl de::Visitor<'_> for OriginVisitor {
    type Value = Origin;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("where a value stands")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Origin, E> {
        Ok(Origin::Stored {
            root: None,
            place: bytes.into(),
        })
    }
}

/// A value of a document together with its origin, so that every complaint has a place.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    /// The value.
    pub(crate) value: &'a Value,
    /// Where it stands.
    pub(crate) origin: Origin,
}

impl<'a> Node<'a> {
    /// Returns the value under `key`, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let Value::Map(map) = self.value else {
            return None;
        };
        map.get(key)
            .map(|value| self.child(Step::Key(key.to_owned()), value))
    }

    /// Returns the keys and values, if this is a map. Unlike [`Self::entries`] it costs nothing where
    /// it is not, for callers to whom that is no mistake.
    pub(crate) fn as_entries(&self) -> Option<Vec<(&'a str, Self)>> {
        let Value::Map(map) = self.value else {
            return None;
        };
        let child = |(key, value): (&'a String, &'a Value)| {
            (key.as_str(), self.child(Step::Key(key.clone()), value))
        };
        Some(map.iter().map(child).collect())
    }

    /// Returns the items, if this is a list.
    pub(crate) fn as_items(&self) -> Option<Vec<Self>> {
        let Value::List(items) = self.value else {
            return None;
        };
        let child = |(index, value)| self.child(Step::Index(index), value);
        Some(items.iter().enumerate().map(child).collect())
    }

    /// Returns the keys and values of what must be a map.
    pub(crate) fn entries(&self, what: impl Display) -> Result<Vec<(&'a str, Self)>, Problem> {
        self.as_entries().ok_or_else(|| self.wrong("a map", what))
    }

    /// Returns the items of what must be a list.
    pub(crate) fn items(&self, what: impl Display) -> Result<Vec<Self>, Problem> {
        self.as_items().ok_or_else(|| self.wrong("a list", what))
    }

    /// Returns the text of a text value.
    pub(crate) fn text(&self, what: impl Display) -> Result<&'a str, Problem> {
        self.value.as_text().ok_or_else(|| self.wrong("text", what))
    }

    /// Makes a problem at this value.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        self.origin.problem(message)
    }

    /// Makes the problem that another kind of value is wanted here.
    pub(crate) fn wrong(&self, wanted: &str, what: impl Display) -> Problem {
        self.problem(format!(
            "{what} must be {wanted}, not {}",
            self.value.kind()
        ))
    }

    fn child(&self, step: Step, value: &'a Value) -> Self {
        Self {
            value,
            origin: self.origin.below(step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::problem::Place;

    #[test]
    fn complaints_have_the_place_of_their_value_or_key() {
        let document = Document::parse("p.yaml", "a:\n  - x: 1\n    yy: 2\n").expect("valid");
        let item = document
            .root()
            .get("a")
            .expect("there")
            .items("a")
            .expect("a list")
            .remove(0);
        let key = item.get("yy").expect("there").origin.key_problem("no");
        assert_eq!(key.place, Some(Place { line: 3, column: 5 }));
        let wrong = item
            .get("x")
            .expect("there")
            .text("x")
            .expect_err("a number");
        assert_eq!(wrong.message, "x must be text, not a number");
        assert_eq!(wrong.place, Some(Place { line: 2, column: 8 }));
    }
}
