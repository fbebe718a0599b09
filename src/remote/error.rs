//! What can go wrong between here and a remote.

use crate::base::{fs, lockfile};
use crate::store;

/// Why something elsewhere cannot be read or written. No text of these has a credential in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No remote has this name.
    #[error("there is no remote `{name}`")]
    NoSuchRemote {
        /// The name.
        name: String,
        /// Which there are.
        help: String,
    },
    /// No remote was named, and none is the default.
    #[error("no remote is set up")]
    NoRemote {
        /// What to do about it.
        help: String,
    },
    /// Nothing is known of URLs that begin like this.
    #[error("`{url}` begins with `{scheme}://`, which is no storage that mlpipe knows")]
    UnknownScheme {
        /// The URL.
        url: String,
        /// Its scheme.
        scheme: String,
        /// What it may be instead.
        help: String,
    },
    /// This program was built without the client.
    #[error("this mlpipe was built without `{scheme}://`")]
    NotBuilt {
        /// The scheme.
        scheme: String,
    },
    /// The URL or an option makes no sense.
    #[error("{message}")]
    Setting {
        /// What is wrong.
        message: String,
        /// What may be written.
        help: String,
    },
    /// Nobody has said who we are.
    #[error("there are no credentials for `{url}`")]
    NoCredentials {
        /// Where they are needed.
        url: String,
        /// The variables, files and options that were looked at.
        looked: Vec<String>,
    },
    /// The other side does not let us.
    #[error("no permission to {action} `{path}` in `{url}`")]
    Denied {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// Where.
        url: String,
        /// What the other side says.
        reason: String,
    },
    /// The bucket, container or server's folder is not there.
    #[error("`{url}` is not there")]
    NoPlace {
        /// Where it should be.
        url: String,
        /// What the other side says.
        reason: String,
    },
    /// Only reading is possible.
    #[error("`{url}` can only be read: nothing can be written over http")]
    ReadOnly {
        /// Where.
        url: String,
    },
    /// It did not work, again and again.
    #[error("cannot {action} {}`{url}`", within(path))]
    Failed {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// Where.
        url: String,
        /// Why.
        source: Box<Reason>,
    },
    /// Something that must be there is not.
    #[error("`{path}` is missing from `{url}`")]
    Missing {
        /// What.
        path: String,
        /// Where.
        url: String,
    },
    /// What came is not what was asked for.
    #[error("what `{url}` has at `{path}` is not what it should be: {what}")]
    Wrong {
        /// What was asked for.
        path: String,
        /// Where.
        url: String,
        /// How it differs.
        what: String,
    },
    /// Another, later mlpipe writes this remote.
    #[error("`{url}` was written by a newer mlpipe (its layout is version {version})")]
    Newer {
        /// Where.
        url: String,
        /// What it says.
        version: String,
    },
    /// It is laid out otherwise than the settings say.
    #[error("`{url}` has the layout `{found}`, and the settings say `{wanted}`")]
    OtherLayout {
        /// Where.
        url: String,
        /// What it has.
        found: &'static str,
        /// What the settings say.
        wanted: &'static str,
    },
    /// Something else is kept there.
    #[error("`{url}` holds something else: its `{path}` is not of mlpipe's")]
    Foreign {
        /// Where.
        url: String,
        /// The file.
        path: String,
    },
    /// Not possible with what is there.
    #[error("{message}")]
    Refused {
        /// What, and why.
        message: String,
        /// What to do instead.
        help: String,
    },
    /// The user stopped it.
    #[error("stopped; what was transferred stays, and the next time goes on from there")]
    Cancelled,
    /// A local file cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// The cache cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A lock was not to be had.
    #[error(transparent)]
    Lock(#[from] lockfile::Error),
}

/// What the other side, or the way there, says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Reason(pub(super) String);

/// Names a file of a place; nothing where the place itself is meant.
fn within(path: &str) -> String {
    match path {
        "" => String::new(),
        path => format!("`{path}` in "),
    }
}

impl Error {
    /// Makes the error of an operation of the client's.
    pub(super) fn of(error: &opendal::Error, action: &'static str, path: &str, url: &str) -> Self {
        use opendal::ErrorKind;
        let (path, url) = (path.to_owned(), url.to_owned());
        let reason = reason(error);
        match error.kind() {
            ErrorKind::PermissionDenied => Self::Denied {
                action,
                path,
                url,
                reason,
            },
            ErrorKind::NotFound if is_bucket(&reason) => Self::NoPlace { url, reason },
            ErrorKind::NotFound => Self::Missing { path, url },
            ErrorKind::ConfigInvalid => Self::Setting {
                message: format!("`{url}` cannot be used: {reason}"),
                help: "`mlpipe remote list` says what is set; `mlpipe remote modify` changes it"
                    .to_owned(),
            },
            _ => Self::Failed {
                action,
                path,
                url,
                source: Box::new(Reason(reason)),
            },
        }
    }
}

/// Returns whether the other side misses the bucket, not the object.
fn is_bucket(reason: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]
        .iter()
        .any(|sign| reason.contains(sign))
}

/// Returns what the client says, without what may hold credentials: the addresses that it asked.
fn reason(error: &opendal::Error) -> String {
    use std::error::Error as _;
    const MOST: usize = 240;
    let mut text = error.message().to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let shown = words.iter().map(|word| without_query(word));
    let text = shown.collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Cuts the part off an address that may have a signature or a token.
fn without_query(word: &str) -> &str {
    match word.split_once('?') {
        Some((address, _)) if address.contains("://") => address,
        _ => word,
    }
}
