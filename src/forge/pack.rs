//! `Pack`: a branch without a history, sent as git sends it: no forge but GitHub has another way.

use crate::forge::client::Client;
use crate::forge::error::Error;
use crate::forge::model::{Commit, Written};
use crate::forge::request::Request;

/// A commit without parents, as git stores it.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    /// The commit's name.
    pub(crate) commit: String,
    /// It and all that it names, in git's pack format.
    pub(crate) bytes: Vec<u8>,
}

/// Packs a commit of these files, which has no parents, with this message. This room knows no git.
pub(crate) type Packer = fn(&[(String, Vec<u8>)], &str) -> Result<Pack, String>;

/// What stands for no commit.
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// Begins a branch that is not there; `folder` is the URL that git clones. `None` where the forge does
/// not let us: its interface for files begins it at another branch.
pub(super) fn begin(
    client: &Client,
    folder: &str,
    commit: &Commit,
    packer: Packer,
) -> Result<Option<Written>, Error> {
    match push(client, folder, commit, packer) {
        Ok(written) => Ok(Some(written)),
        Err(error @ (Error::Unpacked { .. } | Error::Refused(_))) => {
            client.note(&format!(
                "the branch `{}` begins at the default branch, for the forge lets nobody push it without a \
                 history: {error}",
                commit.branch
            ));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn push(client: &Client, folder: &str, commit: &Commit, packer: Packer) -> Result<Written, Error> {
    let mut files = Vec::new();
    for file in &commit.files {
        if let Some(content) = file.after(None)? {
            files.push((file.path.clone(), content));
        }
    }
    let unlike = |what: &str| Error::Unpacked {
        branch: commit.branch.clone(),
        what: what.to_owned(),
    };
    let pack = packer(&files, &commit.message).map_err(|what| unlike(&what))?;
    let name = pack.commit.clone();
    let body = order(&commit.branch, &pack);
    let request = Request::post_pack(format!("{folder}/git-receive-pack"), body);
    let answer = client.send(&request)?.into_bytes();
    match refusal(&answer) {
        // Nobody has answered.
        _ if client.is_dry() => Ok(Written::Committed(name)),
        None => Ok(Written::Committed(name)),
        Some(what) => Err(unlike(&client.quote(&what))),
    }
}

/// Says that the branch is to be made, and what of.
fn order(branch: &str, pack: &Pack) -> Vec<u8> {
    let line = format!(
        "{NOTHING} {} refs/heads/{branch}\0 report-status",
        pack.commit
    );
    let mut bytes = format!("{:04x}{line}0000", line.len() + 4).into_bytes();
    bytes.extend(&pack.bytes);
    bytes
}

/// Reads git's answer, `unpack ok` and `ok refs/heads/…`; returns what is wrong, if anything is.
fn refusal(answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let is_done = text.contains("unpack ok") && text.contains("ok refs/heads/");
    let reason = text.split("ng refs/heads/").nth(1);
    match reason {
        Some(reason) => {
            let reason = reason.split_once(' ').map_or(reason, |(_, why)| why);
            Some(reason.lines().next().unwrap_or_default().to_owned())
        }
        None if is_done => None,
        None => Some("git's answer was not understood".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_answers_is_read() {
        assert_eq!(
            refusal(b"000eunpack ok\n0019ok refs/heads/badges\n0000"),
            None
        );
        let refused = b"000eunpack ok\n0031ng refs/heads/badges already exists\n0000";
        assert_eq!(refusal(refused).as_deref(), Some("already exists"));
        assert!(refusal(b"<html>").is_some());
    }

    #[test]
    fn an_order_counts_its_line() {
        let pack = Pack {
            commit: "a".repeat(40),
            bytes: b"PACK".to_vec(),
        };
        let order = order("b", &pack);
        let line = order
            .iter()
            .position(|byte| *byte == b'\0')
            .expect("a zero");
        let length = line + "\0 report-status".len();
        assert_eq!(&order[..4], format!("{length:04x}").as_bytes());
        assert!(order.ends_with(b"report-status0000PACK"));
    }
}
