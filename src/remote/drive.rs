//! Where to send a file to Google Drive that is not in memory, which the client lacks: Google's "Drive
//! API v3", resumable uploads.

use reqwest::Method;
use reqwest::header::LOCATION;
use serde_json::{Value, json};
use url::Url;

use crate::base::cancel::CancelToken;
use crate::remote::asking::{ask, text_of};
use crate::remote::place::Place;

/// Where Drive answers.
const DRIVE: &str = "https://www.googleapis.com";

/// Where tokens are given out.
const TOKENS: &str = "https://oauth2.googleapis.com/token";

/// A place of which we know how to speak for its owner.
struct Drive<'p> {
    place: &'p Place,
    cancel: &'p CancelToken,
    token: String,
}

/// Begins an upload of so many bytes; returns where they are to be sent. The folder must be there.
pub(super) fn begin_upload(
    place: &Place,
    path: &str,
    size: u64,
    cancel: &CancelToken,
) -> Result<String, String> {
    let token = token(place, cancel)?;
    let drive = Drive {
        place,
        cancel,
        token,
    };
    let root = place.settings.get("root").map_or("", String::as_str);
    let full = format!("{root}/{path}");
    let mut parts: Vec<&str> = full.split('/').filter(|part| !part.is_empty()).collect();
    let name = parts.pop().unwrap_or_default();
    let mut folder = "root".to_owned();
    for part in parts {
        let found = drive.find(&folder, part)?;
        folder = found.ok_or_else(|| format!("there is no folder `{part}`"))?;
    }
    match drive.find(&folder, name)? {
        Some(id) => drive.begin(&Method::PATCH, &format!("/{id}"), size, &json!({})),
        None => drive.begin(
            &Method::POST,
            "",
            size,
            &json!({"name": name, "parents": [folder]}),
        ),
    }
}

/// Returns what says to Google who we are.
fn token(place: &Place, cancel: &CancelToken) -> Result<String, String> {
    if let Some(token) = place.settings.get("access_token") {
        return Ok(token.clone());
    }
    let mut url = Url::parse(TOKENS).map_err(|error| error.to_string())?;
    for name in ["refresh_token", "client_id", "client_secret"] {
        let value = place.settings.get(name).map_or("", String::as_str);
        url.query_pairs_mut().append_pair(name, value);
    }
    url.query_pairs_mut()
        .append_pair("grant_type", "refresh_token");
    let request = |client: &reqwest::blocking::Client| client.post(url.clone()).body("");
    let answer = parsed(&text_of(ask(place, cancel, request)?)?)?;
    let token = answer["access_token"].as_str();
    token
        .map(str::to_owned)
        .ok_or_else(|| "Google gave no token".to_owned())
}

impl Drive<'_> {
    /// Returns the id of what has this name in a folder, the same one as the client finds.
    fn find(&self, folder: &str, name: &str) -> Result<Option<String>, String> {
        let mut url = Url::parse(DRIVE).map_err(|error| error.to_string())?;
        url.set_path("/drive/v3/files");
        let name = name.replace('\\', "\\\\").replace('\'', "\\'");
        let query = format!("name = '{name}' and '{folder}' in parents and trashed = false");
        url.query_pairs_mut()
            .append_pair("q", &query)
            .append_pair("orderBy", "modifiedTime desc,createdTime desc")
            .append_pair("pageSize", "1");
        let request =
            |client: &reqwest::blocking::Client| client.get(url.clone()).bearer_auth(&self.token);
        let answer = parsed(&text_of(ask(self.place, self.cancel, request)?)?)?;
        Ok(answer["files"][0]["id"].as_str().map(str::to_owned))
    }

    fn begin(
        &self,
        method: &Method,
        file: &str,
        size: u64,
        metadata: &Value,
    ) -> Result<String, String> {
        let url = format!("{DRIVE}/upload/drive/v3/files{file}?uploadType=resumable");
        let request = |client: &reqwest::blocking::Client| {
            let request = client.request(method.clone(), &url);
            let request = request.bearer_auth(&self.token);
            let request = request.header("X-Upload-Content-Length", size);
            let request = request.header("Content-Type", "application/json; charset=UTF-8");
            request.body(metadata.to_string())
        };
        let answer = ask(self.place, self.cancel, request)?;
        let location = answer.headers().get(LOCATION);
        location
            .and_then(|location| location.to_str().ok())
            .map(str::to_owned)
            .ok_or_else(|| "the answer does not say where to send it".to_owned())
    }
}

fn parsed(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|_| "the answer is not JSON".to_owned())
}
