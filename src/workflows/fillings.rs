//! `Fillings`: what is filled into the templates. YAML, shells, Groovy and CI systems all read these
//! texts, each by its own rules of quoting; so only what means itself to all of them is taken.

/// What differs from one repository to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fillings {
    /// The main branch.
    branch: String,
    /// The metric that names models and is on the badge.
    metric: String,
    /// The model's file or folder.
    model: String,
    /// The version of mlpipe that is installed.
    version: String,
}

/// A text that some reader of the templates would take for more than a text.
#[derive(Debug, thiserror::Error)]
#[error("the {what} `{text}` cannot be written into a workflow as it is")]
pub(crate) struct Unsuited {
    what: &'static str,
    text: String,
}

impl Fillings {
    /// Takes what is to be filled in; each text must be of letters, digits and `. _ / : + -`, and
    /// must not begin like an option.
    pub(crate) fn new(branch: &str, metric: &str, model: &str) -> Result<Self, Unsuited> {
        Ok(Self {
            branch: suited("branch", branch)?,
            metric: suited("metric", metric)?,
            model: suited("model", model)?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// Fills in a template.
    pub(super) fn fill(&self, template: &str) -> String {
        template
            .replace("@BRANCH@", &self.branch)
            .replace("@METRIC@", &self.metric)
            .replace("@MODEL@", &self.model)
            .replace("@VERSION@", &self.version)
    }
}

fn suited(what: &'static str, text: &str) -> Result<String, Unsuited> {
    let is_suited =
        |character: char| character.is_ascii_alphanumeric() || "._/:+-".contains(character);
    let is_option = text.starts_with('-');
    if text.is_empty() || is_option || !text.chars().all(is_suited) {
        let text = text.to_owned();
        return Err(Unsuited { what, text });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_could_take_for_more_is_refused() {
        for text in [
            "", "-rf", "a b", "a'b", "a\"b", "$x", "${{ x }}", "a`b", "a\nb", "a\\b", "@METRIC@",
            "ä",
        ] {
            assert!(Fillings::new("main", text, "models").is_err(), "{text}");
            assert!(Fillings::new("main", "acc", text).is_err(), "{text}");
            assert!(Fillings::new(text, "acc", "models").is_err(), "{text}");
        }
        let fine = Fillings::new("release/1.x", "reports/m.json:test.f1", "models/a+b.bin");
        assert!(fine.is_ok());
    }
}
