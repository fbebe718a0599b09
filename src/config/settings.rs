//! `Settings`: what counts in a project once all layers are read, as one typed struct.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::problem::did_you_mean;
use crate::config::error::Error;
use crate::config::layer::{Layer, effective};
use crate::config::level::{Level, STATE_FOLDER};
use crate::config::remotes;
use crate::config::setting::{Setting, Sharing};
use crate::remote::{self, Options};
use crate::store::LinkType;

/// The settings of a project.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Those of the cache.
    pub(crate) cache: CacheSettings,
    /// The remotes with their options, by name.
    pub(crate) remotes: BTreeMap<String, Options>,
    /// The one that is meant where none is named.
    pub(crate) default_remote: Option<String>,
}

/// Where and how the content of outs is kept.
#[derive(Clone, Debug)]
pub(crate) struct CacheSettings {
    /// Its folder, as an absolute path.
    pub(crate) dir: PathBuf,
    /// How files of the workspace are made of the cache's, best first; never empty.
    pub(crate) types: Vec<LinkType>,
    /// With whom it is shared.
    pub(crate) sharing: Sharing,
}

impl Settings {
    /// Reads the settings of the project at `root`; the first thing that is wrong is an error.
    pub(crate) fn load(root: &Path) -> Result<Self, Error> {
        let mut layers = Vec::new();
        for level in Level::ALL {
            let mut layer = Layer::read(level, Some(root))?;
            if !layer.problems.is_empty() {
                return Err(layer.problems.swap_remove(0).into());
            }
            layers.push(layer);
        }
        Ok(Self::of(root, &layers))
    }

    /// Makes settings of what can be read of these layers.
    pub(crate) fn of(root: &Path, layers: &[Layer]) -> Self {
        let mut settings = Self {
            cache: CacheSettings {
                dir: root.join(STATE_FOLDER).join("cache"),
                types: vec![LinkType::Reflink, LinkType::Copy],
                sharing: Sharing::Private,
            },
            remotes: remotes::merged(layers),
            default_remote: None,
        };
        for entry in effective(layers) {
            settings.apply(&entry.setting);
        }
        settings
    }

    /// Returns a remote with its options: the one that is named, else the default, else the only one.
    pub(crate) fn remote(&self, name: Option<&str>) -> Result<(&str, &Options), remote::Error> {
        let name = match (name.or(self.default_remote.as_deref()), self.remotes.len()) {
            (Some(name), _) => name,
            (None, 1) => self.remotes.keys().next().map_or("", String::as_str),
            (None, 0) => {
                let help = "`mlpipe remote add --default NAME URL` names one".to_owned();
                return Err(remote::Error::NoRemote { help });
            }
            (None, _) => {
                let names: Vec<&str> = self.remotes.keys().map(String::as_str).collect();
                let help = format!(
                    "there are {}: `--remote NAME` says which; `mlpipe remote default NAME` once and for all",
                    names.join(", ")
                );
                return Err(remote::Error::NoRemote { help });
            }
        };
        let found = self.remotes.get_key_value(name);
        let found = found.map(|(name, options)| (name.as_str(), options));
        found.ok_or_else(|| no_such_remote(name, self.remotes.keys().map(String::as_str)))
    }

    fn apply(&mut self, setting: &Setting) {
        match setting {
            Setting::CacheDir(dir) => self.cache.dir.clone_from(dir),
            Setting::LinkTypes(types) => self.cache.types.clone_from(types),
            Setting::Sharing(sharing) => self.cache.sharing = *sharing,
            Setting::DefaultRemote(name) => self.default_remote = Some(name.clone()),
        }
    }
}

/// Makes the error of a remote that is not among those of these names.
pub(crate) fn no_such_remote<'n>(
    name: &str,
    known: impl Iterator<Item = &'n str>,
) -> remote::Error {
    let known: Vec<&str> = known.collect();
    let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
        if known.is_empty() {
            return "`mlpipe remote add NAME URL` makes one".to_owned();
        }
        format!("remotes: {}", known.join(", "))
    });
    let name = name.to_owned();
    remote::Error::NoSuchRemote { name, help }
}
