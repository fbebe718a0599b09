//! `Section`: a map of the params file, read key by key. Each complaint says what a key takes, what
//! was written instead, and where.

use std::ops::RangeInclusive;

use crate::base::problem::{Problem, did_you_mean};
use crate::base::value::{Map, Value};
use crate::base::yaml::Step;
use crate::ml::params_file::ParamsFile;

/// Which numbers a key takes.
#[derive(Clone, Copy)]
pub(crate) struct Within {
    rule: &'static str,
    holds: fn(f64) -> bool,
}

/// Greater than 0, and finite.
pub(crate) const POSITIVE: Within = Within {
    rule: "a number greater than 0",
    holds: |value| value > 0.0 && value.is_finite(),
};
/// At least 0, and finite.
pub(crate) const NOT_NEGATIVE: Within = Within {
    rule: "a number of 0 or more",
    holds: |value| value >= 0.0 && value.is_finite(),
};
/// From 0 to 1.
pub(crate) const SHARE: Within = Within {
    rule: "a number from 0 to 1",
    holds: |value| (0.0..=1.0).contains(&value),
};
/// From 0 to below 1.
pub(crate) const BELOW_ONE: Within = Within {
    rule: "a number from 0 to below 1",
    holds: |value| (0.0..1.0).contains(&value),
};
/// Between 0 and 1, neither of them.
pub(crate) const BETWEEN: Within = Within {
    rule: "a number between 0 and 1",
    holds: |value| value > 0.0 && value < 1.0,
};
/// A distance in an image.
pub(crate) const PIXELS: Within = Within {
    rule: "a number of pixels from 0 to 100",
    holds: |value| (0.0..=100.0).contains(&value),
};
/// An angle.
pub(crate) const DEGREES: Within = Within {
    rule: "a number of degrees from 0 to 90",
    holds: |value| (0.0..=90.0).contains(&value),
};

/// A map of the params file. A null in it is as good as nothing.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    file: &'a ParamsFile,
    steps: Vec<Step>,
    /// What stands in front of a key where it is named, with an open backtick.
    prefix: String,
    map: Option<&'a Map>,
}

/// A name alone, or a name with its numbers: `cosine`, or `cosine: {to: 0.1}`.
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
    pub(crate) numbers: Section<'a>,
}

impl<'a> Section<'a> {
    /// Takes the section at the top of the file under `name`, if there is one.
    pub(crate) fn top(file: &'a ParamsFile, name: &str) -> Result<Option<Self>, Problem> {
        let whole = Self {
            file,
            steps: Vec::new(),
            prefix: "`".to_owned(),
            map: file.map(),
        };
        match whole.map.and_then(|map| map.get(name)) {
            None => Ok(None),
            Some(Value::Map(map)) => Ok(Some(whole.below(name, map))),
            Some(_) => Err(whole.misfit(name, "a section with keys")),
        }
    }

    fn below(&self, key: &str, map: &'a Map) -> Self {
        Self {
            file: self.file,
            steps: self.place(key),
            prefix: format!("{}{key}.", self.prefix),
            map: Some(map),
        }
    }

    fn place(&self, key: &str) -> Vec<Step> {
        let mut steps = self.steps.clone();
        steps.push(Step::Key(key.to_owned()));
        steps
    }

    /// Returns what stands under `key`, null too.
    pub(crate) fn written(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key)
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.written(key).filter(|value| !value.is_null())
    }

    /// Refuses keys that are not `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let keys = self.map.into_iter().flat_map(Map::keys);
        let Some(key) = keys.into_iter().find(|key| !known.contains(&key.as_str())) else {
            return Ok(());
        };
        let help = did_you_mean(key, known.iter().copied())
            .unwrap_or_else(|| format!("known keys: {}", known.join(", ")));
        let within = match self.prefix.strip_suffix(".") {
            Some(section) => format!("{}: ", section.trim_start_matches('`')),
            None => self.prefix.trim_end_matches('`').to_owned(),
        };
        let message = format!("{within}unknown key `{key}`");
        Err(self
            .file
            .problem_of_key(&self.place(key), &message)
            .help(help))
    }

    /// Returns the number under `key`.
    pub(crate) fn number(&self, key: &str, within: Within) -> Result<Option<f64>, Problem> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = value.as_number().filter(|number| (within.holds)(*number));
        number
            .map(Some)
            .ok_or_else(|| self.misfit(key, within.rule))
    }

    /// Like [`Self::number`], where one must be there.
    pub(crate) fn needed_number(&self, key: &str, within: Within) -> Result<f64, Problem> {
        self.number(key, within)?
            .ok_or_else(|| self.missing(key, within.rule))
    }

    /// Returns the whole number under `key`.
    pub(crate) fn count(
        &self,
        key: &str,
        within: RangeInclusive<usize>,
    ) -> Result<Option<usize>, Problem> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let count = match value {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        let count = count.filter(|count| within.contains(count));
        count
            .map(Some)
            .ok_or_else(|| self.misfit(key, &whole(&within)))
    }

    /// Like [`Self::count`], where one must be there.
    pub(crate) fn needed_count(
        &self,
        key: &str,
        within: RangeInclusive<usize>,
    ) -> Result<usize, Problem> {
        self.count(key, within.clone())?
            .ok_or_else(|| self.missing(key, &whole(&within)))
    }

    /// Returns the seed, which must be there.
    pub(crate) fn seed(&self) -> Result<u64, Problem> {
        // What is larger is no whole number to the parser.
        let rule = format!("a whole number from 0 to {}", i64::MAX);
        match self.get("seed") {
            None => Err(self.missing("seed", &rule)),
            Some(Value::Int(seed)) if *seed >= 0 => Ok(seed.unsigned_abs()),
            Some(_) => Err(self.misfit("seed", &rule)),
        }
    }

    /// Returns whether `key` is true.
    pub(crate) fn truth(&self, key: &str) -> Result<Option<bool>, Problem> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(self.misfit(key, "`true` or `false`")),
        }
    }

    /// Returns the text under `key`.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, Problem> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.misfit(key, "text")),
        }
    }

    /// Returns what is meant by the name under `key`.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let name = value.as_text();
        let found = choices.iter().find(|(choice, _)| Some(*choice) == name);
        if let Some((_, choice)) = found {
            return Ok(Some(*choice));
        }
        let problem = self.misfit(key, &one_of(choices));
        let near = did_you_mean(name.unwrap_or_default(), choices.iter().map(|it| it.0));
        Err(match near {
            Some(help) => problem.help(help),
            None => problem,
        })
    }

    /// Like [`Self::choice`], where one must be there.
    pub(crate) fn needed_choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<T, Problem> {
        self.choice(key, choices)?
            .ok_or_else(|| self.missing(key, &one_of(choices)))
    }

    /// Returns the section under `key`.
    pub(crate) fn section(&self, key: &str) -> Result<Option<Self>, Problem> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Map(map)) => Ok(Some(self.below(key, map))),
            Some(_) => Err(self.misfit(key, "a section with keys")),
        }
    }

    /// Returns the name under `key` with its numbers; `rule` says what there may be.
    pub(crate) fn named(&self, key: &str, rule: &str) -> Result<Option<Named<'a>>, Problem> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let prefix = format!("{}{key}.", self.prefix);
        match Named::of(self.file, self.place(key), value, &|name| {
            format!("{prefix}{name}.")
        }) {
            Some(named) => Ok(Some(named)),
            None => Err(self.misfit(key, rule)),
        }
    }

    /// Returns a complaint: the value under `key` is not what it must be.
    pub(crate) fn misfit(&self, key: &str, rule: &str) -> Problem {
        let place = self.place(key);
        let found = match self.written(key) {
            Some(Value::Map(_)) => "is a map".to_owned(),
            Some(Value::List(items)) if items.is_empty() => "is an empty list".to_owned(),
            Some(Value::List(_)) => "is a list".to_owned(),
            _ => match self.file.written(&place) {
                Some(text) => format!("is `{text}`"),
                None => "is empty".to_owned(),
            },
        };
        let message = format!("{}{key}` must be {rule}, and {found}", self.prefix);
        self.file.problem(&place, &message)
    }

    /// Returns a complaint about the value under `key`.
    pub(crate) fn complaint(&self, key: &str, message: &str) -> Problem {
        let message = format!("{}{key}` {message}", self.prefix);
        self.file.problem(&self.place(key), &message)
    }

    /// Returns a complaint: nothing stands under `key`.
    pub(crate) fn missing(&self, key: &str, rule: &str) -> Problem {
        if self.written(key).is_some() {
            return self.misfit(key, rule);
        }
        let message = format!("{}{key}` is missing: it must be {rule}", self.prefix);
        self.file.problem_of_key(&self.steps, &message)
    }
}

impl<'a> Named<'a> {
    /// Takes `value` at `steps` for a name with or without numbers, if it is that; `prefix` says
    /// what stands before the numbers' names in complaints.
    pub(crate) fn of(
        file: &'a ParamsFile,
        mut steps: Vec<Step>,
        value: &'a Value,
        prefix: &dyn Fn(&str) -> String,
    ) -> Option<Self> {
        let (name, map) = match value {
            Value::Text(name) => (name, None),
            Value::Map(map) => match map.first() {
                Some((name, Value::Map(numbers))) if map.len() == 1 => (name, Some(numbers)),
                Some((name, Value::Null)) if map.len() == 1 => (name, None),
                _ => return None,
            },
            _ => return None,
        };
        if map.is_some() {
            steps.push(Step::Key(name.clone()));
        }
        let numbers = Section {
            file,
            steps,
            prefix: prefix(name),
            map,
        };
        Some(Self { name, numbers })
    }
}

fn whole(within: &RangeInclusive<usize>) -> String {
    format!("a whole number from {} to {}", within.start(), within.end())
}

fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<String> = choices
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
