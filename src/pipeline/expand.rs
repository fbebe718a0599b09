//! Makes the stages of `foreach` and `matrix`: their names, and what `item` and `key` are in each.

use indexmap::IndexMap;

use crate::base::document::Node;
use crate::base::problem::Problem;
use crate::base::value::{Map, Value};
use crate::pipeline::python_text::as_text;
use crate::pipeline::reader::Reader;

/// One stage of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Instance {
    /// What stands behind the `@` in its name.
    pub(super) suffix: String,
    /// What `${item}` is.
    pub(super) item: Value,
    /// What `${key}` is, where there is one.
    pub(super) key: Option<Value>,
}

/// Makes one instance for each item of a list or entry of a map.
pub(super) fn foreach(node: &Node<'_>, reader: &Reader<'_>) -> Result<Vec<Instance>, Problem> {
    match reader.tree(node, "foreach")? {
        Value::List(items) => Ok(of_list(items)),
        Value::Map(map) => {
            let instance = |(key, item): (String, Value)| Instance {
                key: Some(Value::Text(key.clone())),
                suffix: key,
                item,
            };
            Ok(map.into_iter().map(instance).collect())
        }
        other => Err(not_iterable(node, reader, "foreach", &other)),
    }
}

/// Plain values name their stages; as soon as one is composite, positions do. Of items with the
/// same name the last one counts.
fn of_list(items: Vec<Value>) -> Vec<Instance> {
    let by_position = items.iter().any(is_composite);
    let mut named: IndexMap<String, Value> = IndexMap::with_capacity(items.len());
    for (position, item) in items.into_iter().enumerate() {
        let name = if by_position {
            position.to_string()
        } else {
            as_text(&item)
        };
        named.insert(name, item);
    }
    let instance = |(suffix, item)| Instance {
        suffix,
        item,
        key: None,
    };
    named.into_iter().map(instance).collect()
}

/// Makes one instance for each combination of the axes' values, the last axis fastest.
pub(super) fn matrix(node: &Node<'_>, reader: &Reader<'_>) -> Result<Vec<Instance>, Problem> {
    let mut axes: Vec<(String, Vec<Value>)> = Vec::new();
    for (name, axis) in node.entries("`matrix`")? {
        let values = match reader.tree(&axis, "matrix")? {
            Value::List(values) => values,
            // The keys, as DVC takes them.
            Value::Map(map) => map.into_keys().map(Value::Text).collect(),
            other => return Err(not_iterable(&axis, reader, "matrix", &other)),
        };
        axes.push((
            reader.key(name, &axis.origin, "matrix")?.into_owned(),
            values,
        ));
    }
    if axes.is_empty() {
        let problem = node.problem(format!("`{}.matrix` has no values", reader.part));
        return Err(problem.help("name what differs, as in `matrix: {lr: [0.1, 0.01]}`"));
    }
    let mut named = IndexMap::new();
    for choice in combinations(&axes) {
        let mut item = Map::new();
        let mut parts = Vec::with_capacity(axes.len());
        for ((axis, values), position) in axes.iter().zip(choice) {
            let value = &values[position];
            let is_composite = is_composite(value);
            parts.push(if is_composite {
                format!("{axis}{position}")
            } else {
                as_text(value)
            });
            item.insert(axis.clone(), value.clone());
        }
        named.insert(parts.join("-"), Value::Map(item));
    }
    let instance = |(suffix, item): (String, Value)| Instance {
        key: Some(Value::Text(suffix.clone())),
        suffix,
        item,
    };
    Ok(named.into_iter().map(instance).collect())
}

/// Counts through the positions of all axes.
fn combinations(axes: &[(String, Vec<Value>)]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let is_empty = axes.iter().any(|(_, values)| values.is_empty());
    let mut next = (!is_empty).then(|| vec![0; axes.len()]);
    std::iter::from_fn(move || {
        let here = next.take()?;
        let mut following = here.clone();
        for (position, (_, values)) in following.iter_mut().zip(axes).rev() {
            *position += 1;
            if *position < values.len() {
                next = Some(following);
                break;
            }
            *position = 0;
        }
        Some(here)
    })
}

fn is_composite(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Map(_))
}

fn not_iterable(node: &Node<'_>, reader: &Reader<'_>, field: &str, found: &Value) -> Problem {
    let kind = found.kind();
    let problem = node.problem(format!(
        "`{}.{field}` must be a list, not {kind}",
        reader.part
    ));
    problem.help("one value alone is a list of one, as in `[a]`")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::pipeline::sections::tests::{read, read_with};

    /// Returns `name: command` of each stage.
    fn stages(text: &str) -> Vec<String> {
        let file = read(text).unwrap_or_else(|error| panic!("{error}"));
        let shown = |stage: &crate::pipeline::Stage| format!("{}: {}", stage.name, stage.cmd[0]);
        file.stages.iter().map(shown).collect()
    }

    fn group(rest: &str) -> String {
        format!("stages:\n  a:\n    {rest}\n")
    }

    #[test]
    fn foreach_names_by_value_key_or_position() {
        let text = group("foreach: [x, 1, 1.0, true, null, 2026-11-21]\n    do: {cmd: echo}");
        let names: Vec<String> = stages(&text);
        let wanted = ["a@x", "a@1", "a@1.0", "a@true", "a@None", "a@2026-11-21"];
        assert_eq!(names, wanted.map(|name| format!("{name}: echo")));
        let text = group("foreach: {k: {f: 1}, l: {f: 2}}\n    do: {cmd: '${key} ${item.f}'}");
        assert_eq!(stages(&text), ["a@k: k 1", "a@l: l 2"]);
        let text = group("foreach: [{f: 1}, x]\n    do: {cmd: 'echo ${item}'}");
        assert_eq!(stages(&text), ["a@0: echo --f 1", "a@1: echo x"]);
        let text = group("foreach: [{f: 1}, {f: 2}]\n    do: {cmd: '${item.f}'}");
        assert_eq!(stages(&text), ["a@0: 1", "a@1: 2"]);
    }

    #[test]
    fn duplicates_are_one_stage_and_nothing_is_none() {
        let text = group("foreach: [x, y, x]\n    do: {cmd: '${item}'}");
        assert_eq!(stages(&text), ["a@x: x", "a@y: y"]);
        assert!(stages(&group("foreach: []\n    do: {cmd: x}")).is_empty());
        assert!(stages(&group("matrix: {m: [], n: [1]}\n    cmd: x")).is_empty());
    }

    #[test]
    fn a_matrix_has_every_combination() {
        let text = group("matrix: {m: [x, y], n: [1, {k: 2}]}\n    cmd: '${key} ${item.m}'");
        let wanted = [
            "a@x-1: x-1 x",
            "a@x-n1: x-n1 x",
            "a@y-1: y-1 y",
            "a@y-n1: y-n1 y",
        ];
        assert_eq!(stages(&text), wanted);
    }

    #[test]
    fn groups_take_values_from_params() {
        let files = [("params.yaml", "ms: [p, q]\nd: {u: {v: 1}}\n")];
        let names = |text: &str| {
            let file = read_with(text, &files).unwrap_or_else(|error| panic!("{error}"));
            let names = file.stages.iter().map(|stage| stage.name.to_string());
            names.collect::<Vec<_>>()
        };
        assert_eq!(
            names(&group("foreach: ${ms}\n    do: {cmd: x}")),
            ["a@p", "a@q"]
        );
        assert_eq!(names(&group("foreach: ${d}\n    do: {cmd: x}")), ["a@u"]);
        assert_eq!(
            names(&group(
                "matrix: {m: '${ms}', z: ['${ms[0]}', k]}\n    cmd: x"
            )),
            ["a@p-p", "a@p-k", "a@q-p", "a@q-k"]
        );
    }

    #[test]
    fn text_is_no_list_of_letters() {
        let error = |text: &str| read(text).expect_err("text").to_string();
        let message = error(&group("foreach: abc\n    do: {cmd: x}"));
        assert!(
            message.starts_with("`stages.a.foreach` must be a list, not text (pipeline.yaml:3:14)"),
            "{message}"
        );
        let message = error(&group("matrix: {m: abc}\n    cmd: x"));
        assert!(
            message.starts_with("`stages.a.matrix` must be a list, not text"),
            "{message}"
        );
    }

    proptest! {
        #[test]
        fn a_matrix_has_the_product_of_its_axes(sizes in prop::collection::vec(0usize..4, 1..4)) {
            let axis = |(index, size): (usize, &usize)| {
                let values: Vec<String> = (0..*size).map(|value| format!("v{value}")).collect();
                format!("x{index}: [{}]", values.join(", "))
            };
            let axes: Vec<String> = sizes.iter().enumerate().map(axis).collect();
            let text = group(&format!("matrix: {{{}}}\n    cmd: '${{key}}'", axes.join(", ")));
            let names = stages(&text);
            prop_assert_eq!(names.len(), sizes.iter().product::<usize>());
            let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
            prop_assert_eq!(distinct.len(), names.len());
        }

        #[test]
        fn foreach_has_a_stage_for_each_distinct_item(items in prop::collection::vec("[a-c]{1,2}", 0..8)) {
            let text = group(&format!("foreach: [{}]\n    do: {{cmd: 'x'}}", items.join(", ")));
            let distinct: std::collections::BTreeSet<&String> = items.iter().collect();
            prop_assert_eq!(stages(&text).len(), distinct.len());
        }
    }
}
