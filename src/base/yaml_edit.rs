//! `YamlText`: a YAML file that is edited as text, so that comments, blank lines, quotes and the order
//! of keys stay as they are. No edit is believed: its result is read again and must be the tree that
//! was meant.

use crate::base::problem::Problem;
use crate::base::value::{Map, Value};
use crate::base::yaml::{self, Part, Step};
use crate::base::yaml_splice::{Refusal, Splice, Splicer};
use crate::base::yaml_tree::Layout;

/// The text of a YAML file and the tree that it holds.
#[derive(Debug)]
pub(crate) struct YamlText {
    file: String,
    text: String,
    value: Value,
}

impl YamlText {
    /// Reads `text`, the content of `file`.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Problem> {
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            value: yaml::parse(file, text)?,
        })
    }

    /// Returns the tree.
    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the text as it has become.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Puts `value` at `path`. Maps that are missing on the way are made; a new key comes last.
    pub(crate) fn set(&mut self, path: &[Step], value: &Value) -> Result<(), Problem> {
        let mut intended = self.value.clone();
        put(&mut intended, path, value).map_err(|message| self.problem(path, message))?;
        // Texts of several lines can swallow what follows them; in brackets they are in quotes.
        let splices = [Layout::Block, Layout::Flow]
            .map(|layout| Splicer::new(&self.text, layout)?.set(path, value));
        self.apply(path, splices, intended)
    }

    /// Removes `key` from the map at `path`, with the comment right above it. It must be there.
    pub(crate) fn remove(&mut self, path: &[Step], key: &str) -> Result<(), Problem> {
        let whole = with_key(path, key);
        let mut intended = self.value.clone();
        let map = map_at(&mut intended, path);
        if map.and_then(|map| map.shift_remove(key)).is_none() {
            return Err(self.problem(path, format!("there is no `{key}`")));
        }
        let splice = self.splicer().and_then(|splicer| splicer.remove(path, key));
        self.apply(&whole, [splice], intended)
    }

    /// Gives `key` of the map at `path` another name. It must be there, and the new one must not.
    pub(crate) fn rename(&mut self, path: &[Step], key: &str, name: &str) -> Result<(), Problem> {
        let whole = with_key(path, key);
        let mut intended = self.value.clone();
        if let Some(map) = map_at(&mut intended, path).filter(|map| !map.contains_key(name))
            && let Some(value) = map.shift_remove(key)
        {
            map.insert(name.to_owned(), value);
        } else {
            let message = format!("`{key}` cannot be renamed to `{name}`");
            return Err(self.problem(&whole, message));
        }
        let splice = self
            .splicer()
            .and_then(|splicer| splicer.rename(path, key, name));
        self.apply(&whole, [splice], intended)
    }

    fn splicer(&self) -> Result<Splicer<'_>, Refusal> {
        Splicer::new(&self.text, Layout::Block)
    }

    /// Makes the first edit that makes the tree that was meant of the text, and nothing else.
    fn apply<const N: usize>(
        &mut self,
        path: &[Step],
        splices: [Result<Splice, Refusal>; N],
        intended: Value,
    ) -> Result<(), Problem> {
        for splice in splices {
            let splice = splice.map_err(|Refusal(reason)| self.refuse(path, &reason))?;
            if let Some(edited) = self.attempt(splice, &intended) {
                self.text = edited;
                self.value = intended;
                return Ok(());
            }
        }
        Err(self.refuse(path, "it would change something else as well"))
    }

    fn attempt(&self, splice: Splice, intended: &Value) -> Option<String> {
        let Splice { range, text } = splice;
        let mut edited = self.text.clone();
        edited.replace_range(range, &text);
        let is_meant = |edited: &str| matches!(yaml::parse(&self.file, edited), Ok(value) if value == *intended);
        if !is_meant(&edited) {
            // The end of a text's last line belongs to the text.
            edited.push('\n');
        }
        is_meant(&edited).then_some(edited)
    }

    fn refuse(&self, path: &[Step], reason: &str) -> Problem {
        let problem = self.problem(
            path,
            format!("cannot edit `{}` here: {reason}", shown(path)),
        );
        problem.help("edit it by hand; nothing was written")
    }

    /// Makes a problem at the nearest thing on the way to `path` that is there.
    fn problem(&self, path: &[Step], message: impl Into<String>) -> Problem {
        let place = (1..=path.len())
            .rev()
            .find_map(|depth| yaml::locate(&self.text, &path[..depth], Part::Key));
        Problem::new(&self.file, &self.text, message).at(place)
    }
}

/// Makes the steps of a dotted key, as in `train.layers.0`: a part is an index where `value` has a
/// list.
pub(crate) fn steps(value: &Value, key: &str) -> Vec<Step> {
    let mut here = Some(value);
    let step = |part: &str| match here {
        Some(Value::List(items)) if part.parse::<usize>().is_ok() => {
            let index = part.parse().unwrap_or_default();
            here = items.get(index);
            Step::Index(index)
        }
        _ => {
            here = here.and_then(|value| value.find(part));
            Step::Key(part.to_owned())
        }
    };
    key.split('.').map(step).collect()
}

fn with_key(path: &[Step], key: &str) -> Vec<Step> {
    [path, &[Step::Key(key.to_owned())]].concat()
}

fn shown(path: &[Step]) -> String {
    let part = |step: &Step| match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => index.to_string(),
    };
    path.iter().map(part).collect::<Vec<_>>().join(".")
}

fn map_at<'v>(value: &'v mut Value, path: &[Step]) -> Option<&'v mut Map> {
    let found = path
        .iter()
        .try_fold(value, |value, step| match (value, step) {
            (Value::Map(map), Step::Key(key)) => map.get_mut(key),
            (Value::List(items), Step::Index(index)) => items.get_mut(*index),
            _ => None,
        })?;
    if let Value::Map(map) = found {
        Some(map)
    } else {
        None
    }
}

/// Puts `new` into a tree; says what stands in the way if something does.
pub(crate) fn put(value: &mut Value, path: &[Step], new: &Value) -> Result<(), String> {
    let Some((step, rest)) = path.split_first() else {
        *value = new.clone();
        return Ok(());
    };
    if value.is_null() {
        *value = Value::Map(Map::new());
    }
    match (value, step) {
        (Value::Map(map), Step::Key(key)) => {
            put(map.entry(key.clone()).or_insert(Value::Null), rest, new)
        }
        (Value::List(items), Step::Index(index)) if *index < items.len() => {
            put(&mut items[*index], rest, new)
        }
        (Value::List(items), Step::Index(index)) => {
            let count = items.len();
            Err(format!("there is no item {index} in a list of {count}"))
        }
        (other, step) => {
            let step = shown(std::slice::from_ref(step));
            Err(format!("there is no `{step}` in {}", other.kind()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(key: &str) -> Vec<Step> {
        let step = |part: &str| match part.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key(part.to_owned()),
        };
        key.split('.')
            .filter(|part| !part.is_empty())
            .map(step)
            .collect()
    }

    fn value(text: &str) -> Value {
        yaml::decode("value", text).expect("a value")
    }

    fn edit(text: &str, change: impl FnOnce(&mut YamlText) -> Result<(), Problem>) -> String {
        let mut yaml = YamlText::parse("p.yaml", text).expect("valid");
        change(&mut yaml).unwrap_or_else(|problem| panic!("{problem}\n{text}"));
        yaml.into_text()
    }

    fn set(text: &str, key: &str, new: &str) -> String {
        edit(text, |yaml| yaml.set(&path(key), &value(new)))
    }

    fn remove(text: &str, map: &str, key: &str) -> String {
        edit(text, |yaml| yaml.remove(&path(map), key))
    }

    #[test]
    fn a_value_is_set_and_its_comment_stays() {
        let text = "# top\na:   1   # why\n\nb: 'x'\nl: [1, 2] # l\nc:\n  # in c\n  d: {x: 1, 'y': 2}\n- \n";
        let text = text.trim_end_matches("- \n");
        assert_eq!(set(text, "a", "2"), text.replace("1   #", "2   #"));
        assert_eq!(set(text, "b", "'1'"), text.replace("'x'", "'1'"));
        assert_eq!(set(text, "l.1", "z z"), text.replace("1, 2]", "1, z z]"));
        assert_eq!(
            set(text, "c.d.y", "null"),
            text.replace("'y': 2", "'y': null")
        );
        assert_eq!(
            set(text, "c.d.z.w", "a, b"),
            text.replace("'y': 2", "'y': 2, z: {w: \"a, b\"}")
        );
        assert_eq!(
            set(text, "a", "[x, y]"),
            text.replace("a:   1   # why", "a:   # why\n- x\n- y")
        );
        assert_eq!(
            set(text, "a", "\"p\\nq\\n\""),
            text.replace("a:   1   # why", "a: |   # why\n  p\n  q")
        );
        assert_eq!(
            set("a: # why\n  b: 1\nc: 2\n", "a", "3"),
            "a: 3 # why\nc: 2\n"
        );
    }

    #[test]
    fn an_entry_comes_last_in_its_map_however_the_map_ends() {
        for (text, key, edited) in [
            ("", "a", "a: 1\n"),
            ("# c", "a", "# c\na: 1\n"),
            ("a:\n  b: 2", "a.c", "a:\n  b: 2\n  c: 1"),
            (
                "a:\r\n    b: 2 # x\r\n\r\nz: 1\r\n",
                "a.c",
                "a:\r\n    b: 2 # x\r\n    c: 1\r\n\r\nz: 1\r\n",
            ),
            (
                "a:  # none yet\nz: 1\n",
                "a.c",
                "a:  # none yet\n  c: 1\nz: 1\n",
            ),
            ("a: {}\nz: 1\n", "a.c", "a:\n  c: 1\nz: 1\n"),
            ("a: {b: {}, }\n", "a.c", "a: {b: {}, c: 1 }\n"),
            (
                "a:\n  b:\n  # on b\n",
                "a.c.d",
                "a:\n  b:\n  # on b\n  c:\n    d: 1\n",
            ),
            (
                "a:\n  x: 1\n\n  b: |\n    t\n    # t\n\n# z\nz: 1\n",
                "a.c",
                "a:\n  x: 1\n\n  b: |\n    t\n    # t\n\n  c: 1\n\n# z\nz: 1\n",
            ),
            (
                "l:\n- a: 1\n  b: 2\n- c\n",
                "l.0.c",
                "l:\n- a: 1\n  b: 2\n  c: 1\n- c\n",
            ),
            ("\u{feff}a: 2\n", "c", "\u{feff}a: 2\nc: 1\n"),
        ] {
            assert_eq!(set(text, key, "1"), edited);
        }
    }

    #[test]
    fn an_entry_goes_with_the_comment_above_it_and_all_that_is_below_it() {
        let text = "s:\n  # on a\n  a: 1\n\n  # general\n\n  # on b\n  # too\n  b:\n    x: 1\n    # in b\n\n  c: 2\n";
        assert_eq!(
            remove(text, "s", "b"),
            "s:\n  # on a\n  a: 1\n\n  # general\n\n  c: 2\n"
        );
        assert_eq!(
            remove(text, "s", "a"),
            text.replace("  # on a\n  a: 1\n", "")
        );
        assert_eq!(remove("s:\n  a: 1\nz: 2\n", "s", "a"), "s: {}\nz: 2\n");
        assert_eq!(remove("# c\na: 1\n", "", "a"), "");
        assert_eq!(
            remove("s: {a: 1, b: , c: 3}\n", "s", "c"),
            "s: {a: 1, b: }\n"
        );
        assert_eq!(remove("s: {a: 1, b: 2}\n", "s", "a"), "s: {b: 2}\n");
        assert_eq!(remove("- a: 1\n  b: 2\n- c\n", "0", "a"), "- b: 2\n- c\n");
        assert_eq!(remove("- a: 1\n- c\n", "0", "a"), "- {}\n- c\n");
    }

    #[test]
    fn a_key_gets_another_name() {
        let rename = |text: &str, map: &str, name: &str| {
            edit(text, |yaml| yaml.rename(&path(map), "a", name))
        };
        assert_eq!(
            rename("x: [{'a': 1 }] # c\n", "x.0", "b c"),
            "x: [{b c: 1 }] # c\n"
        );
        assert_eq!(rename("a:  1\nb: 2\n", "", "- x"), "'- x':  1\nb: 2\n");
        let mut yaml = YamlText::parse("p.yaml", "a: 1\nb: 2\n").expect("valid");
        assert!(yaml.rename(&[], "a", "b").is_err());
    }

    #[test]
    fn what_an_anchor_shares_is_refused_with_its_place() {
        let text = "base: &b {x: 1}\nown:\n  <<: *b\n  z: 3\nref: *b\n";
        let mut yaml = YamlText::parse("p.yaml", text).expect("valid");
        for key in ["base.x", "base", "ref.x", "ref.y"] {
            let problem = yaml.set(&path(key), &value("9")).expect_err(key);
            assert!(problem.message.starts_with("cannot edit"), "{problem}");
            assert!(problem.place.is_some(), "{problem}");
        }
        assert!(yaml.remove(&path("own"), "x").is_err());
        yaml.set(&path("own.x"), &value("9"))
            .expect("an own key wins");
        assert_eq!(yaml.into_text(), text.replace("z: 3\n", "z: 3\n  x: 9\n"));
    }

    #[test]
    fn keys_lead_into_lists_and_nowhere_else() {
        let tree = value("{a: [{b: 1}], c: {'0': 2}}");
        assert_eq!(steps(&tree, "a.0.b"), path("a.0.b"));
        assert_eq!(steps(&tree, "c.0")[1], Step::Key("0".to_owned()));
        let mut yaml = YamlText::parse("p.yaml", "a: 1\nl: [1]\n").expect("valid");
        for (key, message) in [
            ("a.b", "there is no `b` in a number"),
            ("l.7", "there is no item 7 in a list of 1"),
        ] {
            let problem = yaml.set(&path(key), &value("9")).expect_err(key);
            assert_eq!(problem.message, message);
        }
    }

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i32>().prop_map(|number| Value::Int(number.into())),
            (-1e9..1e9).prop_map(Value::Float),
            "[a-c #:{}&*,'\"|>-]{0,6}".prop_map(Value::Text),
            "[a-c ]{1,4}\n[a-c #:]{0,4}\n{0,2}".prop_map(Value::Text),
        ]
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c]{1,2}", "[a-c #:{-]{1,4}"]
    }

    fn tree() -> impl Strategy<Value = Value> {
        leaf().prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                entries(inner).prop_map(Value::Map),
            ]
        })
    }

    fn entries(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map> {
        prop::collection::vec((key(), inner), 0..4).prop_map(|pairs| pairs.into_iter().collect())
    }

    /// Trees as texts: some values in brackets, with comments and blank lines between, whatever
    /// those become, with either line end, with or without an end of the last line.
    fn texts() -> impl Strategy<Value = String> {
        let lines = prop::collection::vec(
            (any::<prop::sample::Index>(), "( {0,4}# [a-c:]{0,3})?"),
            0..5,
        );
        let flow = prop::collection::vec(any::<bool>(), 4);
        (entries(tree()), flow, lines, any::<bool>(), any::<bool>()).prop_map(
            |(map, flow, comments, windows, ended)| {
                let entry = |((key, value), flow): ((&String, &Value), &bool)| {
                    if *flow {
                        format!("{}\n", crate::base::yaml_emit::flow_entry(key, value))
                    } else {
                        yaml::write(&Map::from([(key.clone(), value.clone())]))
                    }
                };
                let text: String = map.iter().zip(flow.iter().cycle()).map(entry).collect();
                let mut lines: Vec<&str> = text.lines().collect();
                for (index, comment) in &comments {
                    lines.insert(index.index(lines.len() + 1), comment);
                }
                let end = if windows { "\r\n" } else { "\n" };
                lines.join(end) + if ended { end } else { "" }
            },
        )
    }

    /// Returns all paths of a tree.
    fn paths(value: &Value, above: &[Step]) -> Vec<Vec<Step>> {
        let below = |(step, value): (Step, &Value)| {
            let path = [above, &[step]].concat();
            [vec![path.clone()], paths(value, &path)].concat()
        };
        match value {
            Value::Map(map) => {
                let steps = map
                    .iter()
                    .map(|(key, value)| (Step::Key(key.clone()), value));
                steps.flat_map(below).collect()
            }
            Value::List(items) => {
                let steps = items.iter().enumerate();
                let steps = steps.map(|(index, value)| (Step::Index(index), value));
                steps.flat_map(below).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether all lines of `part` are lines of `whole`, in the same order.
    fn are_lines_of(part: &str, whole: &str) -> bool {
        let mut whole = whole.lines();
        part.lines().all(|line| whole.any(|own| own == line))
    }

    fn at<'v>(value: &'v Value, path: &[Step]) -> Option<&'v Value> {
        path.iter()
            .try_fold(value, |value, step| match (value, step) {
                (Value::Map(map), Step::Key(key)) => map.get(key),
                (Value::List(items), Step::Index(index)) => items.get(*index),
                _ => None,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_set_is_read_again_and_all_else_stays(
            text in texts(), new in tree(), name in key(), which in any::<prop::sample::Index>(), deeper in any::<bool>(),
        ) {
            let Ok(mut yaml) = YamlText::parse("p.yaml", &text) else { return Ok(()) };
            let before = yaml.value().clone();
            let mut candidates = paths(&before, &[]);
            candidates.push(Vec::new());
            let mut path = which.get(&candidates).clone();
            if path.is_empty() || (deeper && matches!(at(&before, &path), Some(Value::Map(_)))) {
                path.push(Step::Key(name));
            }
            let is_new = at(&before, &path).is_none();
            let outcome = yaml.set(&path, &new);
            let edited = YamlText::parse("p.yaml", &yaml.text).expect("never left broken");
            if let Err(problem) = outcome {
                prop_assert_eq!(&edited.text, &text);
                // Refused are items of lists that are written oddly, and what would give a text the
                // end of line that its last line lacks; never a plain entry.
                let in_list = path.iter().any(|step| matches!(step, Step::Index(_)));
                let is_cut = text.contains('|') && (text.contains('+') || !text.ends_with('\n'));
                prop_assert!(in_list || is_cut, "{}\n{}\n{:?} {:?}", problem, text, path, new);
                return Ok(());
            }
            prop_assert_eq!(at(edited.value(), &path), Some(&new));
            let mut expected = before;
            put(&mut expected, &path, &new).expect("put before");
            prop_assert_eq!(edited.value(), &expected);
            let is_flow = text.contains(['{', '[']);
            if is_new && !is_flow && path.len() == 1 {
                prop_assert!(are_lines_of(&text, &edited.text), "{}\n---\n{}", text, edited.text);
            }
        }

        #[test]
        fn what_is_removed_is_gone_and_all_else_stays(
            text in texts(), which in any::<prop::sample::Index>(),
        ) {
            let Ok(mut yaml) = YamlText::parse("p.yaml", &text) else { return Ok(()) };
            let before = yaml.value().clone();
            let mut candidates = paths(&before, &[]);
            candidates.retain(|path| matches!(path.last(), Some(Step::Key(_))));
            if candidates.is_empty() { return Ok(()) }
            let path = which.get(&candidates).clone();
            let (Some(Step::Key(key)), map) = (path.last(), &path[..path.len() - 1]) else { return Ok(()) };
            let outcome = yaml.remove(map, key);
            let edited = YamlText::parse("p.yaml", &yaml.text).expect("never left broken");
            if let Err(problem) = outcome {
                prop_assert_eq!(&edited.text, &text);
                let in_list = path.iter().any(|step| matches!(step, Step::Index(_)));
                prop_assert!(in_list, "{}\n{}\n{:?}", problem, text, path);
                return Ok(());
            }
            let mut expected = before;
            map_at(&mut expected, map).expect("a map").shift_remove(key);
            prop_assert_eq!(edited.value(), &expected);
            if map.is_empty() {
                prop_assert!(are_lines_of(&edited.text, &text), "{}\n---\n{}", text, edited.text);
            }
        }
    }
}
