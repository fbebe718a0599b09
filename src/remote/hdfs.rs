//! What the client lacks of HDFS's REST interface (Hadoop's "`WebHDFS` REST API"): renaming, and where
//! to send a file that is not in memory.

use reqwest::Method;
use url::Url;

use crate::base::cancel::CancelToken;
use crate::remote::asking::{ask, text_of};
use crate::remote::error::{Error, Reason};
use crate::remote::place::Place;

/// Gives the file at `from` the name `to`, in place of what may have it. Only who replaces something
/// leaves a moment in which nothing has the name.
pub(super) fn rename(
    place: &Place,
    from: &str,
    to: &str,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let refused = |reason| Error::Failed {
        action: "write",
        path: to.to_owned(),
        url: place.url.clone(),
        source: Box::new(Reason(reason)),
    };
    let is_done = |method: Method, path: &str, query: &[(&str, &str)]| {
        let answer = operate(place, (&method, path, query), cancel).map_err(refused)?;
        Ok::<_, Error>(answer.contains("true"))
    };
    let target = full(place, to);
    let move_it = || {
        let query = [("op", "RENAME"), ("destination", target.as_str())];
        is_done(Method::PUT, &full(place, from), &query)
    };
    if move_it()? {
        return Ok(());
    }
    let folder = target.rsplit_once('/').map_or("/", |(folder, _)| folder);
    is_done(Method::PUT, folder, &[("op", "MKDIRS")])?;
    is_done(Method::DELETE, &target, &[("op", "DELETE")])?;
    if move_it()? {
        return Ok(());
    }
    Err(refused("it does not let itself be renamed".to_owned()))
}

/// Asks where the bytes of a file are to be sent.
pub(super) fn begin_upload(
    place: &Place,
    path: &str,
    cancel: &CancelToken,
) -> Result<String, String> {
    let query = [
        ("op", "CREATE"),
        ("overwrite", "true"),
        ("noredirect", "true"),
    ];
    let answer = operate(place, (&Method::PUT, &full(place, path), &query), cancel)?;
    let answer: serde_json::Value =
        serde_json::from_str(&answer).map_err(|_| "the answer is not JSON".to_owned())?;
    let location = answer["Location"].as_str();
    location
        .map(str::to_owned)
        .ok_or_else(|| "the answer does not say where to send it".to_owned())
}

/// Returns a path as HDFS knows it.
fn full(place: &Place, path: &str) -> String {
    let root = place.settings.get("root").map_or("", String::as_str);
    format!("/{}/{path}", root.trim_matches('/')).replace("//", "/")
}

/// Has an operation be done; returns the answer.
fn operate(
    place: &Place,
    (method, path, query): (&Method, &str, &[(&str, &str)]),
    cancel: &CancelToken,
) -> Result<String, String> {
    let endpoint = place.settings.get("endpoint").map_or("", String::as_str);
    let mut url = Url::parse(endpoint).map_err(|error| error.to_string())?;
    url.set_path(&format!("/webhdfs/v1{path}"));
    url.query_pairs_mut().extend_pairs(query);
    for (setting, name) in [("user_name", "user.name"), ("delegation", "delegation")] {
        if let Some(value) = place.settings.get(setting) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    let request = |client: &reqwest::blocking::Client| client.request(method.clone(), url.clone());
    text_of(ask(place, cancel, request)?)
}
