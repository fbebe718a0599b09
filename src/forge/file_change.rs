//! `FileChange`: a file to write, as it is or made from what the branch has.

use std::rc::Rc;

use crate::base::problem::Problem;
use crate::forge::error::Error;

/// Makes a content from what the file has on the branch, which is empty where there is none.
type Making = Rc<dyn Fn(&[u8]) -> Result<Vec<u8>, Problem>>;

/// A file to write.
#[derive(Clone)]
pub(crate) struct FileChange {
    /// Its path in the repository.
    pub(crate) path: String,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Whole(Vec<u8>),
    From(Making),
}

impl FileChange {
    /// Writes a file as it is given.
    pub(crate) fn whole(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            content: Content::Whole(content.into()),
        }
    }

    /// Writes what `make` makes of the file as the branch has it. It is called anew whenever somebody
    /// else was faster, so that nothing of theirs is lost.
    pub(crate) fn made(
        path: impl Into<String>,
        make: impl Fn(&[u8]) -> Result<Vec<u8>, Problem> + 'static,
    ) -> Self {
        Self {
            path: path.into(),
            content: Content::From(Rc::new(make)),
        }
    }

    /// Returns whether the content depends on what the branch has.
    pub(super) fn needs_old(&self) -> bool {
        matches!(self.content, Content::From(_))
    }

    /// Returns what is to be written where the branch has `old`; `None` where that is it already.
    pub(crate) fn after(&self, old: Option<&[u8]>) -> Result<Option<Vec<u8>>, Error> {
        let new = match &self.content {
            Content::Whole(content) => content.clone(),
            Content::From(make) => make(old.unwrap_or_default())?,
        };
        Ok((old != Some(&new)).then_some(new))
    }
}
