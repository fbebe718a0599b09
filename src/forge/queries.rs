//! What is asked of a forge, whichever it is: one thing, a list of many pages, who the token belongs to.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::forge::client::Client;
use crate::forge::error::Error;
use crate::forge::model::Author;
use crate::forge::permission::Permission;
use crate::forge::reading::text;
use crate::forge::request::Request;

/// The most pages of a list.
const MOST_PAGES: usize = 1000;

impl Client {
    /// Returns what is at a path; `None` where there is no such thing.
    pub(crate) fn find(&self, path: impl Into<String>) -> Result<Option<Value>, Error> {
        match self.send(&Request::get(path)) {
            Ok(answer) => answer.json().map(Some),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a request that needs a permission; returns its answer.
    pub(crate) fn ask(&self, request: &Request, need: Permission) -> Result<Value, Error> {
        let answer = self.send(request).map_err(|error| error.needing(need))?;
        answer.json()
    }

    /// Deletes what is at a path; that it has gone already is fine.
    pub(crate) fn delete(&self, path: impl Into<String>, need: Permission) -> Result<(), Error> {
        match self.send(&Request::delete(path)) {
            Err(error) if !error.is_missing() => Err(error.needing(need)),
            _ => Ok(()),
        }
    }

    /// Asks who the token belongs to: a user, whose name is at this place of the answer, or nobody who
    /// may ask, if `is_program` says so of the refusal.
    pub(crate) fn author(
        &self,
        place: &str,
        is_program: impl Fn(&Error) -> bool,
    ) -> Result<Author, Error> {
        if self.is_dry() && self.variable().is_none() {
            return Ok(Author::Nobody);
        }
        match self.ask(&Request::get("/user"), Permission::Comment) {
            Ok(user) => Ok(text(&user, place).map_or(Author::Nobody, Author::Named)),
            Err(error) if is_program(&error) => Ok(Author::Program),
            Err(error) => Err(error),
        }
    }

    /// Reads all pages of a list.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            if !seen.insert(path.clone()) || seen.len() > MOST_PAGES {
                let text = format!("the list `{path}` has no end");
                return Err(self.unlike(&Request::get(path), &text));
            }
            let answer = self.send(&Request::get(path))?;
            let (page, following) = answer.page()?;
            items.extend(page);
            next = following;
        }
        Ok(items)
    }
}
