//! Renaming in HDFS by its REST interface (Hadoop's "`WebHDFS` REST API"), which the client lacks.

use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::Client;
use url::Url;

use crate::base::cancel::CancelToken;
use crate::remote::error::{Error, Reason};
use crate::remote::place::Place;

/// How often a request is sent that does not get through.
const ATTEMPTS: u32 = 4;

/// The pause behind the first attempt; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// Gives the file at `from` the name `to`, in place of what may have it. Only who replaces something
/// leaves a moment in which nothing has the name.
pub(super) fn rename(
    place: &Place,
    from: &str,
    to: &str,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let ask = |method: Method, path: &str, query: &[(&str, &str)]| {
        let answered = ask(place, (&method, path, query), cancel);
        answered.map_err(|reason| Error::Failed {
            action: "write",
            path: to.to_owned(),
            url: place.url.clone(),
            source: Box::new(Reason(reason)),
        })
    };
    let target = full(place, to);
    let move_it = || {
        let query = [("op", "RENAME"), ("destination", target.as_str())];
        ask(Method::PUT, &full(place, from), &query)
    };
    if move_it()? {
        return Ok(());
    }
    let folder = target.rsplit_once('/').map_or("/", |(folder, _)| folder);
    ask(Method::PUT, folder, &[("op", "MKDIRS")])?;
    ask(Method::DELETE, &target, &[("op", "DELETE")])?;
    if move_it()? {
        return Ok(());
    }
    Err(Error::Failed {
        action: "write",
        path: to.to_owned(),
        url: place.url.clone(),
        source: Box::new(Reason("it does not let itself be renamed".to_owned())),
    })
}

/// Returns a path as HDFS knows it.
fn full(place: &Place, path: &str) -> String {
    let root = place.settings.get("root").map_or("", String::as_str);
    format!("/{}/{path}", root.trim_matches('/')).replace("//", "/")
}

/// Sends a request until it gets through; returns whether the answer is yes.
fn ask(
    place: &Place,
    (method, path, query): (&Method, &str, &[(&str, &str)]),
    cancel: &CancelToken,
) -> Result<bool, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let endpoint = place.settings.get("endpoint").map_or("", String::as_str);
    let mut url = Url::parse(endpoint).map_err(|error| text(&error))?;
    url.set_path(&format!("/webhdfs/v1{path}"));
    url.query_pairs_mut().extend_pairs(query);
    for (setting, name) in [("user_name", "user.name"), ("delegation", "delegation")] {
        if let Some(value) = place.settings.get(setting) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    let client = Client::builder().timeout(
        place
            .timeout
            .map_or(Duration::from_mins(1), Duration::from_secs),
    );
    let client = client.build().map_err(|error| text(&error))?;
    let mut pause = PAUSE;
    for attempt in 1.. {
        let sent = client.request(method.clone(), url.clone()).send();
        let answer = sent.and_then(|answer| answer.error_for_status()?.text());
        match answer {
            Ok(answer) => return Ok(answer.contains("true")),
            // The URL may hold a token.
            Err(error) if attempt == ATTEMPTS || !cancel.pause(pause) => {
                return Err(error.without_url().to_string());
            }
            Err(_) => pause *= 2,
        }
    }
    Err("nobody answered".to_owned())
}
