//! `DvcConfig`: where a project's DVC keeps its cache and its remotes, as `.dvc/config` says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::path::RepoPath;
use crate::base::problem::{Place, Problem, did_you_mean};
use crate::base::source::{Snapshot, read_text};
use crate::dvc::error::Error;
use crate::pipeline;

/// The folder of DVC's state, by which its projects are known.
pub(crate) const DVC_FOLDER: &str = ".dvc";

/// The settings that matter here.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct DvcConfig {
    sections: BTreeMap<String, BTreeMap<String, String>>,
}

/// A remote of DVC's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DvcRemote {
    /// Its name.
    pub(crate) name: String,
    /// All its settings, `url` among them.
    pub(crate) settings: BTreeMap<String, String>,
}

impl DvcConfig {
    /// Reads the settings of `snapshot`; those of this machine only go before those of the project.
    pub(crate) fn read(snapshot: &dyn Snapshot) -> Result<Self, Error> {
        let mut config = Self::default();
        for name in [".dvc/config", ".dvc/config.local"] {
            let path = RepoPath::parse(name).expect("invariant: a plain path");
            if let Some(text) = read_text(snapshot, &path).map_err(pipeline::Error::from)? {
                config.add(&snapshot.label(&path), &text)?;
            }
        }
        Ok(config)
    }

    fn add(&mut self, label: &str, text: &str) -> Result<(), Problem> {
        let mut section = None;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let wrong = || {
                let place = Place {
                    line: number + 1,
                    column: 1,
                };
                let problem = Problem::new(label, text, "this is no setting");
                problem
                    .at(Some(place))
                    .help("`dvc config --list` says whether DVC can read it")
            };
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                section = Some(name.trim().trim_matches('\'').to_owned());
                continue;
            }
            let (Some(section), Some((key, value))) = (&section, line.split_once('=')) else {
                return Err(wrong());
            };
            let value = value.trim();
            let value = unquoted(value).unwrap_or(value);
            let settings = self.sections.entry(section.clone()).or_default();
            settings.insert(key.trim().to_owned(), value.to_owned());
        }
        Ok(())
    }

    fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.sections.get(section)?.get(key).map(String::as_str)
    }

    /// Returns where the cache is, of the project at `root`.
    pub(crate) fn cache(&self, root: &Path) -> PathBuf {
        let folder = root.join(DVC_FOLDER);
        folder.join(self.get("cache", "dir").unwrap_or("cache"))
    }

    /// Returns the remote with this name, or the one that DVC takes where none is named.
    pub(crate) fn remote(&self, name: Option<&str>) -> Result<Option<DvcRemote>, Error> {
        let names: Vec<&str> = self
            .sections
            .keys()
            .filter_map(|name| remote_name(name))
            .collect();
        let chosen = match name.or_else(|| self.get("core", "remote")) {
            Some(name) => name,
            None => match names.as_slice() {
                [only] => only,
                _ => return Ok(None),
            },
        };
        if !names.contains(&chosen) {
            let known = || format!("its remotes: {}", names.join(", "));
            return Err(Error::UnknownRemote {
                name: chosen.to_owned(),
                help: did_you_mean(chosen, names.iter().copied()).unwrap_or_else(known),
            });
        }
        let settings = self.sections.get(&format!("remote \"{chosen}\""));
        Ok(Some(DvcRemote {
            name: chosen.to_owned(),
            settings: settings.cloned().unwrap_or_default(),
        }))
    }
}

impl DvcRemote {
    /// Returns the folder that it is, for the project at `root`; `None` if it is somewhere else.
    pub(crate) fn folder(&self, root: &Path) -> Option<PathBuf> {
        let url = self.settings.get("url")?;
        let path = url.strip_prefix("file://").unwrap_or(url);
        // DVC takes paths from where its settings are.
        (!path.contains("://")).then(|| root.join(DVC_FOLDER).join(path))
    }
}

fn remote_name(section: &str) -> Option<&str> {
    unquoted(section.strip_prefix("remote ")?.trim())
}

fn unquoted(text: &str) -> Option<&str> {
    let strip = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    strip('"').or_else(|| strip('\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_as_dvc_writes_them() {
        let mut config = DvcConfig::default();
        let text = "[core]\n    remote = storage\n# a remark\n['remote \"storage\"']\n    url = ../../store\n    region = \"x\"\n";
        config.add("config", text).expect("is well");
        config
            .add("config.local", "[cache]\ndir = /far\n")
            .expect("is well");
        let remote = config.remote(None).expect("is well").expect("is there");
        assert_eq!(remote.settings["region"], "x");
        let folder = remote.folder(Path::new("/p"));
        assert_eq!(folder, Some(PathBuf::from("/p/.dvc/../../store")));
        assert_eq!(config.cache(Path::new("/p")), PathBuf::from("/far"));
        assert!(config.remote(Some("storag")).is_err());
        assert!(config.add("config", "[core]\nnonsense\n").is_err());
    }

    #[test]
    fn without_a_default_the_only_remote_is_meant() {
        let mut config = DvcConfig::default();
        assert_eq!(config.remote(None).expect("is well"), None);
        config
            .add("config", "[remote \"a\"]\nurl = s3://b/c\n")
            .expect("is well");
        let remote = config.remote(None).expect("is well").expect("is there");
        assert_eq!(remote.folder(Path::new("/p")), None);
        config
            .add("config", "[remote \"b\"]\nurl = /x\n")
            .expect("is well");
        assert_eq!(config.remote(None).expect("is well"), None);
    }
}
