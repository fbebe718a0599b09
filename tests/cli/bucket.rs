//! `Bucket`: a small S3 within the test, which reads as a plain web server too. Each client has a door
//! of its own, at which a test can hold a request, end the answers, or set the clock.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::remote::cloned;
use crate::support::{Project, sha256};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where the remote lies in the bucket.
const FOLDER: &str = "some/folder/";

/// What is in the bucket, shared by all who have a door to it.
#[derive(Clone, Default)]
pub(crate) struct Bucket(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    doors: Vec<Rules>,
    gates: Vec<Rule>,
    log: Vec<String>,
}

#[derive(Clone)]
struct Object {
    bytes: Vec<u8>,
    modified: i64,
}

/// What holds for the requests at a door.
#[derive(Default)]
struct Rules {
    /// By how many seconds the clock is wrong that stamps what is written.
    skew: i64,
    /// So many changes are let in yet; for none, all.
    allowance: Option<usize>,
    /// Whether a change was not let in any more.
    is_spent: bool,
    /// Whether nothing may be deleted.
    may_not_delete: bool,
    /// So many times something cannot be deleted for the moment.
    failures: usize,
    /// How long the indexes take to be listed.
    delay: Duration,
    /// Whether another index has come whenever they are named.
    is_crowded: bool,
}

struct Rule {
    door: usize,
    method: String,
    prefix: String,
    is_reached: bool,
    is_open: bool,
}

/// A client's way in.
#[derive(Clone)]
pub(crate) struct Door {
    bucket: Bucket,
    number: usize,
    port: u16,
}

/// Holds the first request of its kind until it is opened.
pub(crate) struct Gate {
    bucket: Bucket,
    number: usize,
}

impl Bucket {
    /// Opens a door.
    pub(crate) fn door(&self) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = listener.local_addr().expect("has one").port();
        let mut state = self.state();
        let number = state.doors.len();
        state.doors.push(Rules::default());
        drop(state);
        let bucket = self.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let bucket = bucket.clone();
                thread::spawn(move || bucket.serve(&client, number));
            }
        });
        Door {
            bucket: self.clone(),
            number,
            port,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no test has panicked in here")
    }

    /// Waits until something holds of the state.
    fn wait<'s>(
        &'s self,
        state: MutexGuard<'s, State>,
        is_true: impl Fn(&State) -> bool,
    ) -> MutexGuard<'s, State> {
        let lacks = |state: &mut State| !is_true(state);
        let waited = self.0.changed.wait_timeout_while(state, PATIENCE, lacks);
        let (state, timeout) = waited.expect("no test has panicked in here");
        assert!(!timeout.timed_out(), "it never came: {:#?}", state.log);
        state
    }

    /// Returns the paths at the remote that begin like this.
    pub(crate) fn paths(&self, prefix: &str) -> Vec<String> {
        let prefix = format!("{FOLDER}{prefix}");
        let state = self.state();
        let keys = state.objects.keys().filter(|key| key.starts_with(&prefix));
        keys.map(|key| key[FOLDER.len()..].to_owned()).collect()
    }

    /// Returns what is at a path.
    pub(crate) fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let object = state.objects.get(&format!("{FOLDER}{path}"));
        object.map(|object| object.bytes.clone())
    }

    /// Puts something there, as of now.
    pub(crate) fn put(&self, path: &str, bytes: Vec<u8>) {
        let modified = now();
        let object = Object { bytes, modified };
        self.state()
            .objects
            .insert(format!("{FOLDER}{path}"), object);
    }

    /// Takes something away.
    pub(crate) fn remove(&self, path: &str) {
        self.state().objects.remove(&format!("{FOLDER}{path}"));
    }

    /// Puts what the one index names into so many, as if as many pushes had each brought a share of it.
    pub(crate) fn share_out(&self, count: usize) {
        let is_index = |path: &String| !path.ends_with("names");
        let indexes = self.paths("index/").into_iter().filter(is_index);
        let [path] = &indexes.collect::<Vec<_>>()[..] else {
            panic!("there is not just one index");
        };
        let text = String::from_utf8(self.bytes(path).expect("is there")).expect("UTF-8");
        let (mut lines, mut pack) = (text.lines(), "");
        let head = [lines.next(), lines.next()].map(|line| line.expect("has a head"));
        let mut shares = vec![format!("{}\n{}\n", head[0], head[1]); count];
        let mut entry = 0;
        for line in lines {
            if line.starts_with("pack ") {
                pack = line;
                continue;
            }
            let share = &mut shares[entry % count];
            entry += 1;
            if !line.starts_with("object ") && !share.contains(pack) {
                *share += &format!("{pack}\n");
            }
            *share += &format!("{line}\n");
        }
        assert!(entry >= count, "too little for {count} indexes");
        let mut names: Vec<String> = shares.iter().map(|share| sha256(share)).collect();
        for (name, share) in names.iter().zip(shares) {
            self.put(&format!("index/{name}"), share.into_bytes());
        }
        self.remove(path);
        names.sort();
        self.put("index/names", (names.join("\n") + "\n").into_bytes());
    }

    /// Returns all that is there, to put it back.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::default();
        copy.state().objects = self.state().objects.clone();
        copy
    }

    /// Puts back all that was there.
    pub(crate) fn put_back(&self, copy: &Self) {
        self.state().objects = copy.state().objects.clone();
    }

    /// Lets what is there be so many hours older.
    pub(crate) fn age(&self, prefix: &str, hours: i64) {
        let prefix = format!("{FOLDER}{prefix}");
        let mut state = self.state();
        let objects = state.objects.iter_mut();
        for (_, object) in objects.filter(|(key, _)| key.starts_with(&prefix)) {
            object.modified -= hours * 3600;
        }
    }

    fn serve(&self, client: &TcpStream, door: usize) {
        let mut reader = BufReader::new(client);
        while let Some(request) = Request::read(&mut reader) {
            let Some(answer) = self.answer(door, request) else {
                return;
            };
            let mut client = client;
            if client.write_all(&answer).is_err() {
                return;
            }
        }
    }

    /// Does what is asked; `None` if the door does not answer any more.
    fn answer(&self, door: usize, request: Request) -> Option<Vec<u8>> {
        let key = request.key();
        let path = key.strip_prefix(FOLDER).unwrap_or(&key).to_owned();
        if path == "index/" {
            let delay = self.state().doors[door].delay;
            thread::sleep(delay);
        }
        let mut state = self.state();
        state.log.push(format!("{door} {} {path}", request.method));
        let is_it = |rule: &Rule| {
            let is_same = rule.door == door && rule.method == request.method;
            is_same && !rule.is_open && path.starts_with(&rule.prefix)
        };
        if let Some(number) = state.gates.iter().position(is_it) {
            state.gates[number].is_reached = true;
            self.0.changed.notify_all();
            state = self.wait(state, |state| state.gates[number].is_open);
        }
        if matches!(&*request.method, "PUT" | "DELETE" | "POST") {
            let rules = &mut state.doors[door];
            if rules.allowance == Some(0) {
                rules.is_spent = true;
                self.0.changed.notify_all();
                return None;
            }
            rules.allowance = rules.allowance.map(|left| left - 1);
        }
        let modified = now() + state.doors[door].skew;
        let answer = match &*request.method {
            "PUT" => {
                let bytes = request.body;
                state.objects.insert(key, Object { bytes, modified });
                if path == "index/names" && state.doors[door].is_crowded {
                    let key = format!("{FOLDER}index/{:064x}", state.log.len());
                    let bytes = Vec::new();
                    state.objects.insert(key, Object { bytes, modified });
                }
                reply("200 OK", &[("ETag", "\"new\"".to_owned())], b"")
            }
            "DELETE" if state.doors[door].may_not_delete => {
                let body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
                reply("403 Forbidden", &[], body.as_bytes())
            }
            "DELETE" if state.doors[door].failures > 0 => {
                state.doors[door].failures -= 1;
                reply("503 Service Unavailable", &[], b"")
            }
            "DELETE" => {
                state.objects.remove(&key);
                reply("204 No Content", &[], b"")
            }
            "GET" if request.query.contains("list-type=2") => state.list(&request.query),
            _ => state.read(&key, &request),
        };
        self.0.changed.notify_all();
        Some(answer)
    }
}

impl State {
    fn read(&self, key: &str, request: &Request) -> Vec<u8> {
        let Some(object) = self.objects.get(key) else {
            let body = "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>";
            let body = if request.method == "HEAD" { "" } else { body };
            return reply("404 Not Found", &[], body.as_bytes());
        };
        let length = object.bytes.len();
        let mut headers = vec![
            ("ETag", object.etag()),
            ("Last-Modified", http_date(object.modified)),
        ];
        if request.method == "HEAD" {
            headers.push(("Content-Length", length.to_string()));
            return reply("200 OK", &headers, b"");
        }
        let Some((start, end)) = request.range else {
            return reply("200 OK", &headers, &object.bytes);
        };
        if start >= length {
            return reply("416 Range Not Satisfiable", &[], b"");
        }
        let end = end.map_or(length, |end| (end + 1).min(length));
        headers.push((
            "Content-Range",
            format!("bytes {start}-{}/{length}", end - 1),
        ));
        reply("206 Partial Content", &headers, &object.bytes[start..end])
    }

    fn list(&self, query: &str) -> Vec<u8> {
        let (prefix, delimiter) = (parameter(query, "prefix="), parameter(query, "delimiter="));
        let mut entries = String::new();
        for (key, object) in &self.objects {
            let Some(rest) = key.strip_prefix(&prefix) else {
                continue;
            };
            if !delimiter.is_empty() && rest.contains(&delimiter) {
                continue;
            }
            entries += &format!(
                "<Contents><Key>{key}</Key><LastModified>{}</LastModified><ETag>{}</ETag>\
                 <Size>{}</Size></Contents>",
                iso_date(object.modified),
                object.etag().replace('"', "&quot;"),
                object.bytes.len()
            );
        }
        let body = format!(
            "<?xml version=\"1.0\"?><ListBucketResult><Name>bucket</Name><Prefix>{prefix}</Prefix>\
             <IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        );
        reply(
            "200 OK",
            &[("Content-Type", "application/xml".to_owned())],
            body.as_bytes(),
        )
    }
}

impl Object {
    fn etag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.bytes.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}

impl Door {
    /// Makes the bucket the remote of a project, through this door.
    pub(crate) fn lead(&self, project: &Project) {
        if !project.exists(".mlpipe/config.yaml")
            || !project.read(".mlpipe/config.yaml").contains("s3://")
        {
            crate::remote::with_remote(project, "s3://bucket/some/folder");
        }
        let settings = format!(
            "remotes:\n  store:\n    endpointurl: http://127.0.0.1:{}\n    access_key_id: test\n    \
             secret_access_key: testtest\n",
            self.port
        );
        project.write(".mlpipe/config.local.yaml", &settings);
    }

    /// Clones a project, with the bucket as its remote through this door.
    pub(crate) fn clone_of(&self, project: &Project) -> Project {
        let clone = cloned(project);
        self.lead(&clone);
        clone
    }

    /// Clones a project that reads the bucket as from a web server.
    pub(crate) fn reader_of(&self, project: &Project) -> Project {
        let clone = cloned(project);
        let settings = format!(
            "remotes:\n  store:\n    url: http://127.0.0.1:{}/bucket/some/folder\n",
            self.port
        );
        clone.write(".mlpipe/config.local.yaml", &settings);
        clone
    }

    /// Holds the first such request until the gate is opened. The path is that in the remote.
    pub(crate) fn hold(&self, method: &str, prefix: &str) -> Gate {
        let mut state = self.bucket.state();
        state.gates.push(Rule {
            door: self.number,
            method: method.to_owned(),
            prefix: prefix.to_owned(),
            is_reached: false,
            is_open: false,
        });
        Gate {
            bucket: self.bucket.clone(),
            number: state.gates.len() - 1,
        }
    }

    /// Lets in so many changes more, and answers none after them.
    pub(crate) fn allow(&self, changes: usize) {
        let mut state = self.bucket.state();
        let rules = &mut state.doors[self.number];
        rules.allowance = Some(changes);
        rules.is_spent = false;
    }

    /// Lets in all changes again.
    pub(crate) fn allow_all(&self) {
        self.bucket.state().doors[self.number].allowance = None;
    }

    /// Runs a command and kills it when the door does not let in a change of its any more; returns
    /// whether it was killed.
    pub(crate) fn run_and_kill(&self, project: &Project, arguments: &[&str]) -> bool {
        let mut child = project.spawn(arguments);
        loop {
            let is_spent = |state: &State| state.doors[self.number].is_spent;
            let state = self.bucket.state();
            let turn = Duration::from_millis(20);
            let waited = self
                .bucket
                .0
                .changed
                .wait_timeout_while(state, turn, |state| !is_spent(state));
            let (state, _) = waited.expect("no test has panicked in here");
            if is_spent(&state) {
                drop(state);
                child.kill().expect("is there");
                child.wait().expect("ends");
                return true;
            }
            drop(state);
            if let Some(status) = child.try_wait().expect("answers") {
                assert!(status.success(), "{arguments:?} failed by itself");
                return false;
            }
        }
    }

    /// Lets nothing be deleted any more.
    pub(crate) fn keep_all(&self) {
        self.bucket.state().doors[self.number].may_not_delete = true;
    }

    /// Cannot delete so many times.
    pub(crate) fn fail(&self, times: usize) {
        self.bucket.state().doors[self.number].failures = times;
    }

    /// Takes so long to list the indexes.
    pub(crate) fn delay(&self, time: Duration) {
        self.bucket.state().doors[self.number].delay = time;
    }

    /// Has another index come whenever the indexes are named.
    pub(crate) fn crowd(&self) {
        self.bucket.state().doors[self.number].is_crowded = true;
    }

    /// Stamps what comes in by a clock that is so many hours wrong.
    pub(crate) fn skew(&self, hours: i64) {
        self.bucket.state().doors[self.number].skew = hours * 3600;
    }

    /// Returns what was asked at this door, as method and path, and forgets it.
    pub(crate) fn take_log(&self) -> Vec<String> {
        let own = format!("{} ", self.number);
        let log = std::mem::take(&mut self.bucket.state().log);
        let lines = log.iter().filter_map(|line| line.strip_prefix(&own));
        lines.map(str::to_owned).collect()
    }
}

impl Gate {
    /// Waits until the request has come.
    pub(crate) fn reached(&self) {
        let state = self.bucket.state();
        drop(
            self.bucket
                .wait(state, |state| state.gates[self.number].is_reached),
        );
    }

    /// Lets it and all like it pass.
    pub(crate) fn open(&self) {
        self.bucket.state().gates[self.number].is_open = true;
        self.bucket.0.changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.open();
        }
    }
}

/// A request, as far as the bucket understands one.
struct Request {
    method: String,
    path: String,
    query: String,
    range: Option<(usize, Option<usize>)>,
    body: Vec<u8>,
}

impl Request {
    fn read(reader: &mut BufReader<&TcpStream>) -> Option<Self> {
        let mut line = String::new();
        reader
            .read_line(&mut line)
            .ok()
            .filter(|count| *count > 0)?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (decoded(path), query.to_owned());
        let (mut range, mut length) = (None, 0);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(text) = header.strip_prefix("content-length: ") {
                length = text.parse().ok()?;
            }
            if let Some(text) = header.strip_prefix("range: bytes=") {
                let (start, end) = text.split_once('-')?;
                range = Some((start.parse().ok()?, end.parse().ok()));
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            method,
            path,
            query,
            range,
            body,
        })
    }

    /// Returns the key that it is about; of a listing, the beginning of the keys.
    fn key(&self) -> String {
        if self.query.contains("list-type=2") {
            return parameter(&self.query, "prefix=");
        }
        let key = self.path.strip_prefix("/bucket/");
        key.unwrap_or_default().to_owned()
    }
}

fn reply(status: &str, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !headers.iter().any(|(name, _)| *name == "Content-Length") && !status.starts_with("204") {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    [text.as_bytes(), b"\r\n", body].concat()
}

fn parameter(query: &str, name: &str) -> String {
    let found = query.split('&').find_map(|part| part.strip_prefix(name));
    decoded(found.unwrap_or_default())
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("UTF-8")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("fits")
}

/// Returns year, month and day of a count of days since 1970: Howard Hinnant's `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn time(seconds: i64) -> String {
    let of_day = seconds.rem_euclid(86_400);
    format!(
        "{:02}:{:02}:{:02}",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

fn iso_date(seconds: i64) -> String {
    let (year, month, day) = date(seconds.div_euclid(86_400));
    format!("{year}-{month:02}-{day:02}T{}.000Z", time(seconds))
}

fn http_date(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400);
    let (year, month, day) = date(days);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let weekday = weekday[usize::try_from(days.rem_euclid(7)).expect("fits")];
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let at = usize::try_from((month - 1) * 3).expect("fits");
    let month = &months[at..at + 3];
    format!("{weekday}, {day:02} {month} {year} {} GMT", time(seconds))
}
