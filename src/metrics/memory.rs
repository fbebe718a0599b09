//! `Memory`: remembers what resampling gave, which takes longer than all else of a comparison. May be
//! lost at any time.

use std::path::PathBuf;

use serde::Serialize;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::statistics::bootstrap::Bootstrap;

/// Goes up with every change of what is drawn or how it is written.
const REVISION: u32 = 1;

/// A folder with the last result for each file of predictions.
pub(crate) struct Memory {
    /// `None` remembers nothing.
    folder: Option<PathBuf>,
}

/// Where the result for one file of predictions is kept.
pub(super) struct Place(Option<PathBuf>);

impl Memory {
    /// Remembers in `folder`, of which the parent must be there.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let has_parent = folder.parent().is_some_and(std::path::Path::is_dir);
        Self {
            folder: has_parent.then_some(folder),
        }
    }

    pub(super) fn place(&self, predictions: &RepoPath) -> Place {
        let name = Digest::of(predictions.as_str().as_bytes()).to_string();
        Place(self.folder.as_ref().map(|folder| folder.join(name)))
    }
}

impl Place {
    /// Returns the result for `input`, from the last time or else by `make`.
    pub(super) fn recall(
        &self,
        input: &impl Serialize,
        make: impl FnOnce() -> Vec<Bootstrap>,
    ) -> Vec<Bootstrap> {
        let Some(path) = &self.0 else {
            return make();
        };
        let input = postcard::to_stdvec(&(REVISION, input)).expect("invariant: plain data");
        let key = Digest::of(&input);
        let kept = fs::read(path).ok().flatten();
        if let Some(result) = kept.as_deref().and_then(|bytes| read(bytes, &key)) {
            return result;
        }
        let result = make();
        let mut bytes = key.as_bytes().to_vec();
        bytes.extend(postcard::to_stdvec(&result).expect("invariant: plain data"));
        bytes.extend(Digest::of(&bytes).as_bytes());
        // What cannot be kept costs only time, later.
        let _unsaved = fs::write_replaceable(path, &bytes);
        result
    }
}

/// Reads a result; `None` if it is of another input, or damaged.
fn read(bytes: &[u8], key: &Digest) -> Option<Vec<Bootstrap>> {
    let (content, digest) = bytes.split_last_chunk::<32>()?;
    let (found, result) = content.split_first_chunk::<32>()?;
    let holds = found == key.as_bytes() && Digest::of(content).as_bytes() == digest;
    holds.then(|| postcard::from_bytes(result).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::bootstrap::resample;

    #[test]
    fn what_was_found_is_found_again_and_damage_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let memory = Memory::new(folder.path().join("resampled"));
        let file = RepoPath::parse("p.csv").expect("a path");
        let place = memory.place(&file);
        let make = || resample(&[2, 3], |drawn| vec![f64::from(drawn[0])]);
        let made = place.recall(&[2, 3], make);
        assert_eq!(place.recall(&[2, 3], || panic!("it is remembered")), made);
        assert_eq!(place.recall(&[3, 2], Vec::new), []);
        assert_eq!(place.recall(&[2, 3], make), made);
        let path = place.0.as_ref().expect("a place");
        let mut bytes = fs::read(path).expect("reads").expect("is there");
        bytes[40] ^= 1;
        fs::write_atomic(path, &bytes).expect("writes");
        assert_eq!(place.recall(&[2, 3], Vec::new), []);
    }
}
