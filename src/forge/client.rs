//! `Client`: speaks HTTP with one forge. The token goes to its origin and nowhere else; pauses and
//! repeated requests follow the forges' rules.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use reqwest::blocking::{Client as Http, Response};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LINK, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Method, Proxy, StatusCode};
use serde_json::Value;
use url::Url;

use crate::base::human;
use crate::base::markup::is_invisible;
use crate::forge::body::Body;
use crate::forge::error::{Error, Refusal};
use crate::forge::kind::Kind;
use crate::forge::model::Author;
use crate::forge::patience::{Patience, is_out_of_order, wanted_pause};
use crate::forge::permission::Permission;
use crate::forge::place::{Access, Connection, Token};
use crate::forge::reading::text;
use crate::forge::request::{Repeat, Request};

/// The most that an answer may hold.
const LONGEST_ANSWER: usize = 64 << 20;

/// The most pages of a list.
const MOST_PAGES: usize = 1000;

/// How often a forge may send on to another address of its own.
const MOST_REDIRECTS: usize = 5;

/// The longest message of a forge that is shown, in characters.
const LONGEST_MESSAGE: usize = 400;

/// What a client has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Telling<'a> {
    /// It pauses, or the token is in danger.
    Note(&'a str),
    /// This would be sent.
    Request(&'a str),
}

/// Whether requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They are.
    Send,
    /// They are told. Those that only read are sent too where there is a token; else nothing is there.
    Dry,
}

/// Speaks with one forge.
pub(crate) struct Client {
    http: Http,
    kind: Kind,
    base: Url,
    access: Access,
    mode: Mode,
    patience: Patience,
    /// How long it has paused so far.
    paused: Cell<Duration>,
    tell: Box<dyn Fn(Telling<'_>)>,
}

/// An answer that is no refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    headers: HeaderMap,
    bytes: Vec<u8>,
    request: String,
    host: String,
}

impl Answer {
    /// Reads the answer as JSON; nothing is null.
    pub(crate) fn json(&self) -> Result<Value, Error> {
        if self.bytes.trim_ascii().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.bytes).map_err(|_| self.unlike("it is no JSON"))
    }

    /// Returns the answer as it came.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn unlike(&self, what: &str) -> Error {
        Error::Answer {
            host: self.host.clone(),
            request: self.request.clone(),
            what: what.to_owned(),
        }
    }
}

/// What came of one try.
enum Outcome {
    Answer(StatusCode, HeaderMap, Vec<u8>),
    /// The request did not get there.
    Unsent(Error),
    /// The request was sent, and then the connection broke or was silent.
    Broken(Error),
}

impl Client {
    /// Makes a client for a forge.
    pub(crate) fn new(
        connection: Connection,
        tell: impl Fn(Telling<'_>) + 'static,
    ) -> Result<Self, Error> {
        let Connection {
            kind,
            api,
            access,
            mode,
            patience,
        } = connection;
        let mut headers = api_headers(kind);
        if let Access::Token(token) = &access {
            let (name, value) = token.header(kind)?;
            headers.insert(name, value);
        }
        let http = Http::builder()
            .user_agent(concat!("mlpipe/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(patience.connect())
            .timeout(patience.answer);
        let http = match &access {
            Access::Proxy(proxy) => {
                Proxy::all(proxy.clone()).and_then(|proxy| http.proxy(proxy).build())
            }
            Access::Token(_) | Access::Nothing => http.build(),
        };
        let host = host(&api);
        let http = http.map_err(|source| Error::Unreachable { host, source })?;
        let client = Self {
            http,
            kind,
            base: api,
            access,
            mode,
            patience,
            paused: Cell::default(),
            tell: Box::new(tell),
        };
        client.warn_of_eavesdroppers();
        Ok(client)
    }

    /// Returns the variable that the token is from; `None` where there is no token.
    pub(crate) fn variable(&self) -> Option<&str> {
        self.token().map(|token| token.variable.as_str())
    }

    fn token(&self) -> Option<&Token> {
        match &self.access {
            Access::Token(token) => Some(token),
            Access::Proxy(_) | Access::Nothing => None,
        }
    }

    /// Returns whether a proxy lets us in, which does not let us in everywhere.
    pub(crate) fn is_proxied(&self) -> bool {
        matches!(self.access, Access::Proxy(_))
    }

    /// Returns whether requests are only told.
    pub(crate) fn is_dry(&self) -> bool {
        self.mode == Mode::Dry
    }

    /// Says something about what is done.
    pub(crate) fn note(&self, text: &str) {
        (self.tell)(Telling::Note(text));
    }

    /// Sends a request until it is answered, within the forge's rules and our patience.
    pub(crate) fn send(&self, request: &Request) -> Result<Answer, Error> {
        let url = match &request.body {
            Body::Pack(_) => self.git_url(&request.path)?,
            _ => self.url(&request.path)?,
        };
        match self.mode {
            Mode::Send => self.exchange(request, url),
            Mode::Dry => self.rehearse(request, url),
        }
    }

    /// Tells what would be sent. What only reads is sent, too, for what follows depends on it; if that
    /// does not work, nothing counts as being there.
    fn rehearse(&self, request: &Request, url: Url) -> Result<Answer, Error> {
        let shown = format!("{} {url}\n{}", request.method, request.body.show());
        (self.tell)(Telling::Request(&self.mask(&shown)));
        let nothing = self.answer(request, HeaderMap::new(), Vec::new());
        if request.method != Method::GET || self.token().is_none() {
            return Ok(nothing);
        }
        match self.exchange(request, url) {
            Err(error) if !error.is_missing() => {
                self.note(&error.to_string());
                Ok(nothing)
            }
            outcome => outcome,
        }
    }

    fn exchange(&self, request: &Request, mut url: Url) -> Result<Answer, Error> {
        let mut redirects = 0;
        let mut attempt = 1;
        loop {
            let wait = match self.attempt(request, &url) {
                Outcome::Answer(status, headers, bytes) if status.is_success() => {
                    return Ok(self.answer(request, headers, bytes));
                }
                Outcome::Answer(status, headers, _) if status.is_redirection() => {
                    redirects += 1;
                    url = self.follow(request, status, &headers, redirects)?;
                    continue;
                }
                Outcome::Answer(status, headers, bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    self.after_refusal(request, attempt, &(status, headers, text))?
                }
                Outcome::Broken(error) if request.repeat == Repeat::Never => {
                    return Err(self.uncertain(request, &error.to_string()));
                }
                Outcome::Unsent(error) | Outcome::Broken(error) => {
                    self.pause_before(attempt).ok_or(error)?
                }
            };
            self.pause(wait)?;
            attempt += 1;
        }
    }

    /// Returns how long to pause before the try after this one. Nobody waits for a rehearsal.
    fn pause_before(&self, attempt: u32) -> Option<Duration> {
        self.patience
            .pause(attempt)
            .filter(|_| self.mode == Mode::Send)
    }

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
            let (page, following) = page(&answer)?;
            items.extend(page);
            next = following;
        }
        Ok(items)
    }

    /// Returns the address below which git clones repositories.
    pub(crate) fn git_root(&self) -> String {
        match self.base.host_str() {
            Some("api.bitbucket.org") => "https://bitbucket.org".to_owned(),
            _ => self.base.origin().ascii_serialization(),
        }
    }

    /// Checks that a URL is where git clones from.
    fn git_url(&self, text: &str) -> Result<Url, Error> {
        let url = Url::parse(text).ok();
        let is_there = |url: &Url| url.origin().ascii_serialization() == self.git_root();
        match url.filter(is_there) {
            Some(url) => Ok(url),
            None => self.url(text),
        }
    }

    /// Makes the URL of a path, or checks that a URL given by the forge is its own.
    fn url(&self, path: &str) -> Result<Url, Error> {
        let is_whole = path.contains("://") && !path.starts_with('/');
        let text = if is_whole {
            path.to_owned()
        } else {
            format!("{}{path}", self.base.as_str().trim_end_matches('/'))
        };
        let url = Url::parse(&text).map_err(|error| Error::BadUrl {
            url: self.mask(&text),
            what: error.to_string(),
        })?;
        if url.origin() == self.base.origin() {
            return Ok(url);
        }
        Err(Error::Elsewhere {
            host: host(&self.base),
            other: self.mask(&host(&url)),
        })
    }

    /// Returns where a redirect leads, if that is the same origin.
    fn follow(
        &self,
        request: &Request,
        status: StatusCode,
        headers: &HeaderMap,
        redirects: usize,
    ) -> Result<Url, Error> {
        let place = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let place = place.and_then(|place| self.base.join(place).ok());
        let keeps_method = matches!(status.as_u16(), 307 | 308) || request.method == Method::GET;
        let Some(place) = place.filter(|_| redirects <= MOST_REDIRECTS) else {
            return Err(self.moved(request));
        };
        let url = self.url(place.as_str())?;
        if keeps_method {
            Ok(url)
        } else {
            Err(self.moved(request))
        }
    }

    fn attempt(&self, request: &Request, url: &Url) -> Outcome {
        let mut sent = self.http.request(request.method.clone(), url.clone());
        if let Some((kind, bytes)) = Body::bytes(&request.body) {
            sent = sent.header(CONTENT_TYPE, kind).body(bytes);
        }
        if let (Body::Pack(_), Some(token)) = (&request.body, self.token()) {
            match token.git_header(self.kind) {
                Ok((name, value)) => sent = sent.header(name, value).header(ACCEPT, "*/*"),
                Err(error) => return Outcome::Broken(error),
            }
        }
        let response = match sent.send() {
            Ok(response) => response,
            Err(error) => {
                let is_unsent = error.is_connect() || error.is_builder();
                let error = self.explain(error);
                return if is_unsent {
                    Outcome::Unsent(error)
                } else {
                    Outcome::Broken(error)
                };
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        match self.read(request, response) {
            Ok(bytes) => Outcome::Answer(status, headers, bytes),
            // What it said to a request that it carried out matters, what it refused it did not.
            Err(_) if !status.is_success() => Outcome::Answer(status, headers, Vec::new()),
            Err(error) => Outcome::Broken(error),
        }
    }

    /// Reads an answer, which must come in time and be of a sensible size.
    fn read(&self, request: &Request, mut response: Response) -> Result<Vec<u8>, Error> {
        let end = Instant::now() + self.patience.answer * 4;
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = response.read(&mut buffer).map_err(|error| Error::Answer {
                host: host(&self.base),
                request: name(request),
                what: self.mask(&format!("it broke off ({error})")),
            })?;
            if length == 0 {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&buffer[..length]);
            if bytes.len() > LONGEST_ANSWER {
                return Err(self.unlike(request, "it is too long"));
            }
            if Instant::now() > end {
                return Err(self.silent());
            }
        }
    }

    /// Decides what follows from an answer that is a refusal: how long to pause, or an error.
    fn after_refusal(
        &self,
        request: &Request,
        attempt: u32,
        (status, headers, text): &(StatusCode, HeaderMap, String),
    ) -> Result<Duration, Error> {
        let refusal = self.refusal(request, *status, text);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |time| time.as_secs());
        let refused = |refusal| Error::Refused(Box::new(refusal));
        if let Some(wait) = wanted_pause(*status, headers, &refusal.message, now) {
            return match self.pause_before(attempt) {
                Some(pause) => Ok(wait.max(pause)),
                None => Err(refused(refusal)),
            };
        }
        if !is_out_of_order(*status) {
            return Err(refused(refusal));
        }
        if request.repeat == Repeat::Never {
            return Err(self.uncertain(request, &format!("it answered {}", status.as_u16())));
        }
        self.pause_before(attempt).ok_or_else(|| refused(refusal))
    }

    /// Pauses, if that is within what all pauses may take.
    fn pause(&self, wait: Duration) -> Result<(), Error> {
        let paused = self.paused.get() + wait;
        let host = host(&self.base);
        if paused > self.patience.pauses() {
            return Err(Error::Busy { host, wait });
        }
        self.paused.set(paused);
        if wait >= Duration::from_secs(1) {
            let time = human::duration(wait);
            self.note(&format!(
                "{host} is busy or out of order; asked again in {time}"
            ));
        }
        thread::sleep(wait);
        Ok(())
    }

    fn refusal(&self, request: &Request, status: StatusCode, text: &str) -> Refusal {
        Refusal {
            kind: self.kind,
            request: name(request),
            status,
            message: self.quote(&message(text)),
            variable: self.variable().map(str::to_owned),
            need: Permission::Read,
        }
    }

    fn explain(&self, error: reqwest::Error) -> Error {
        if error.is_timeout() {
            return self.silent();
        }
        Error::Unreachable {
            host: host(&self.base),
            source: error.without_url(),
        }
    }

    fn silent(&self) -> Error {
        Error::Silent {
            host: host(&self.base),
            time: self.patience.answer,
        }
    }

    /// Makes the error after which whoever asked looks what is there, when the forge has had time to
    /// get well.
    fn uncertain(&self, request: &Request, what: &str) -> Error {
        if let Some(Err(error)) = self.patience.pause(1).map(|wait| self.pause(wait)) {
            return error;
        }
        Error::Uncertain {
            host: host(&self.base),
            request: name(request),
            what: what.to_owned(),
        }
    }

    fn moved(&self, request: &Request) -> Error {
        Error::Moved {
            host: host(&self.base),
            request: name(request),
        }
    }

    fn unlike(&self, request: &Request, what: &str) -> Error {
        self.answer(request, HeaderMap::new(), Vec::new())
            .unlike(what)
    }

    fn answer(&self, request: &Request, headers: HeaderMap, bytes: Vec<u8>) -> Answer {
        Answer {
            headers,
            bytes,
            request: name(request),
            host: host(&self.base),
        }
    }

    /// Makes one line without the token of what a forge said.
    pub(super) fn quote(&self, text: &str) -> String {
        self.mask(&one_line(text))
    }

    /// Takes the token out of a text.
    fn mask(&self, text: &str) -> String {
        match self.token() {
            Some(token) => token.mask(text),
            None => text.to_owned(),
        }
    }

    /// Says that a token goes over a line where others may read it.
    fn warn_of_eavesdroppers(&self) {
        let is_local = matches!(
            self.base.host_str(),
            Some("localhost" | "127.0.0.1" | "[::1]")
        );
        if let (Some(token), "http", false) = (self.token(), self.base.scheme(), is_local) {
            let (variable, host) = (&token.variable, host(&self.base));
            self.note(&format!(
                "the token in {variable} goes to {host} unencrypted: its address begins with http"
            ));
        }
    }
}

/// Returns the items of a page, and where the next one is.
fn page(answer: &Answer) -> Result<(Vec<Value>, Option<String>), Error> {
    match answer.json()? {
        Value::Null => Ok((Vec::new(), None)),
        Value::Array(items) => Ok((items, next_link(&answer.headers))),
        Value::Object(mut page) if page.get("values").is_some_and(Value::is_array) => {
            let next = page.get("next").and_then(Value::as_str).map(str::to_owned);
            let Some(Value::Array(items)) = page.remove("values") else {
                return Ok((Vec::new(), next));
            };
            Ok((items, next))
        }
        _ => Err(answer.unlike("it is no list")),
    }
}

/// Returns method and path of a request, for people.
fn name(request: &Request) -> String {
    let path = request.path.split('?').next().unwrap_or_default();
    format!("{} {path}", request.method)
}

/// Returns the host of a URL with its port, if that is an unusual one.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

fn api_headers(kind: Kind) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if kind == Kind::Github {
        let accepted = HeaderValue::from_static("application/vnd.github+json");
        headers.insert(ACCEPT, accepted);
        // The one that all versions of GitHub Enterprise know.
        let version = HeaderValue::from_static("2022-11-28");
        headers.insert("x-github-api-version", version);
    } else {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    }
    headers
}

/// Returns the next page of a `Link` header, as in `<https://…>; rel="next", <…>; rel="last"`.
fn next_link(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links
        .split(',')
        .find(|link| link.contains("rel=\"next\""))?;
    let (_, rest) = next.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}

/// Finds what a refusal says in its many shapes: `{"message": "…", "errors": […]}`, `{"message":
/// {"field": ["…"]}}`, `{"error": "…"}`, `{"error": {"message": "…"}}` or plain text.
fn message(text: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let said = ["/error/message", "/message", "/error_description", "/error"];
    let said = said.iter().find_map(|place| value.pointer(place));
    let mut message = match said {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    for more in ["/errors", "/error/detail"] {
        match value.pointer(more) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => message += &format!(" ({text})"),
            Some(other) => message += &format!(" {other}"),
        }
    }
    message
}

fn one_line(text: &str) -> String {
    let visible = |character: char| match character {
        '\n' | '\r' | '\t' => Some(' '),
        character => (!is_invisible(character)).then_some(character),
    };
    let text: String = text.chars().filter_map(visible).collect();
    text.trim().chars().take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_of_refusal_is_read() {
        for (text, said) in [
            (r#"{"message": "Not Found", "status": "404"}"#, "Not Found"),
            (
                r#"{"message": {"note": ["is too long"]}}"#,
                r#"{"note":["is too long"]}"#,
            ),
            (r#"{"error": "insufficient_scope"}"#, "insufficient_scope"),
            (
                r#"{"type": "error", "error": {"message": "No", "detail": "why"}}"#,
                "No (why)",
            ),
            ("<html>\u{1b}[31m\nbad", "<html>[31m bad"),
        ] {
            assert_eq!(one_line(&message(text)), said);
        }
    }

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let mut headers = HeaderMap::new();
        let links = r#"<https://x/?page=1>; rel="prev", <https://x/?page=3>; rel="next""#;
        headers.insert(LINK, links.parse().expect("a value"));
        assert_eq!(next_link(&headers).as_deref(), Some("https://x/?page=3"));
    }
}
