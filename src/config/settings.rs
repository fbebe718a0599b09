//! `Settings`: what counts in a project once all layers are read, as one typed struct.

use std::path::{Path, PathBuf};

use crate::config::error::Error;
use crate::config::layer::{Layer, effective};
use crate::config::level::{Level, STATE_FOLDER};
use crate::config::setting::{Setting, Sharing};
use crate::store::LinkType;

/// The settings of a project.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Those of the cache.
    pub(crate) cache: CacheSettings,
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
        };
        for entry in effective(layers) {
            settings.apply(&entry.setting);
        }
        settings
    }

    fn apply(&mut self, setting: &Setting) {
        match setting {
            Setting::CacheDir(dir) => self.cache.dir.clone_from(dir),
            Setting::LinkTypes(types) => self.cache.types.clone_from(types),
            Setting::Sharing(sharing) => self.cache.sharing = *sharing,
        }
    }
}
