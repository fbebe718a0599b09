//! `Client`: speaks HTTP with one forge. The token goes to its origin and nowhere else; pauses and
//! repeated requests follow the forges' rules.

use std::cell::Cell;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use reqwest::blocking::{Client as Http, Response};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Method, Proxy, StatusCode};
use url::Url;

use crate::base::human;
use crate::forge::answer::Answer;
use crate::forge::body::Body;
use crate::forge::endpoint::Endpoint;
use crate::forge::error::{Error, Refusal};
use crate::forge::kind::Kind;
use crate::forge::patience::{Patience, is_out_of_order, wanted_pause};
use crate::forge::permission::Permission;
use crate::forge::place::{Access, Connection, Token};
use crate::forge::reading::{message, one_line};
use crate::forge::request::{Repeat, Request};

/// The most that an answer may hold.
const LONGEST_ANSWER: usize = 64 << 20;

/// How often a forge may send on to another address of its own.
const MOST_REDIRECTS: usize = 5;

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
    endpoint: Endpoint,
    access: Access,
    mode: Mode,
    patience: Patience,
    /// How long it has paused so far.
    paused: Cell<Duration>,
    tell: Box<dyn Fn(Telling<'_>)>,
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
        let endpoint = Endpoint::new(api);
        let host = endpoint.host();
        let http = http.map_err(|source| Error::Unreachable { host, source })?;
        let client = Self {
            http,
            kind,
            endpoint,
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
        let elsewhere = match &request.body {
            Body::Pack(_) => self.endpoint.git_url(&request.path),
            _ => None,
        };
        let url = elsewhere.map_or_else(|| self.url(&request.path), Ok)?;
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

    /// Returns the address below which git clones repositories.
    pub(crate) fn git_root(&self) -> String {
        self.endpoint.git_root()
    }

    fn host(&self) -> String {
        self.endpoint.host()
    }

    fn url(&self, path: &str) -> Result<Url, Error> {
        self.endpoint.url(path, |text| self.mask(text))
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
        let place = place.and_then(|place| self.endpoint.join(place));
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
                host: self.host(),
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
        let host = self.host();
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
            host: self.host(),
            source: error.without_url(),
        }
    }

    fn silent(&self) -> Error {
        Error::Silent {
            host: self.host(),
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
            host: self.host(),
            request: name(request),
            what: what.to_owned(),
        }
    }

    fn moved(&self, request: &Request) -> Error {
        Error::Moved {
            host: self.host(),
            request: name(request),
        }
    }

    /// Makes the error that an answer is not what was asked for.
    pub(super) fn unlike(&self, request: &Request, what: &str) -> Error {
        self.answer(request, HeaderMap::new(), Vec::new())
            .unlike(what)
    }

    fn answer(&self, request: &Request, headers: HeaderMap, bytes: Vec<u8>) -> Answer {
        Answer {
            headers,
            bytes,
            request: name(request),
            host: self.host(),
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
        if let Some(token) = self.token().filter(|_| self.endpoint.is_open_to_others()) {
            let (variable, host) = (&token.variable, self.host());
            self.note(&format!(
                "the token in {variable} goes to {host} unencrypted: its address begins with http"
            ));
        }
    }
}

/// Returns method and path of a request, for people.
fn name(request: &Request) -> String {
    let path = request.path.split('?').next().unwrap_or_default();
    format!("{} {path}", request.method)
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
