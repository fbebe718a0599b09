//! `Web`: a small web server whose files the test changes, and which counts what it is asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a file says of itself besides its length.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mark {
    /// Its bytes, as its etag.
    Etag,
    /// When it was written.
    Time(&'static str),
    /// Nothing.
    Nothing,
}

/// A server at a port of its own.
pub(crate) struct Web {
    port: u16,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    files: BTreeMap<String, (String, Option<Mark>)>,
    asked: Vec<String>,
    /// Which file becomes what once another was read.
    next: BTreeMap<String, (String, String)>,
    /// So many requests must be there before any is answered.
    together: usize,
    waiting: usize,
    is_closed: bool,
    /// How many connections were closed without a word.
    refused: usize,
}

impl Web {
    /// Starts a server with nothing on it.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let shared = Arc::clone(&shelf);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shelf = Arc::clone(&shared);
                // A client that goes away is no fault of the server's.
                thread::spawn(move || drop(answer(client, &shelf)));
            }
        });
        Self { port, shelf }
    }

    /// Returns the URL of a file.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// Puts a file there, marked by its etag.
    pub(crate) fn put(&self, name: &str, text: &str) {
        self.put_marked(name, text, Mark::Etag);
    }

    pub(crate) fn put_marked(&self, name: &str, text: &str, mark: Mark) {
        let file = (text.to_owned(), Some(mark));
        lock(&self.shelf).files.insert(name.to_owned(), file);
    }

    /// Has a file become another one as soon as somebody reads the file `trigger`.
    pub(crate) fn change_by(&self, trigger: &str, name: &str, text: &str) {
        let change = (name.to_owned(), text.to_owned());
        lock(&self.shelf).next.insert(trigger.to_owned(), change);
    }

    /// Answers nobody before so many requests are there at the same time.
    pub(crate) fn answer_together(&self, count: usize) {
        let mut shelf = lock(&self.shelf);
        (shelf.together, shelf.waiting) = (count, 0);
    }

    /// Closes all connections from now on without a word, or answers again.
    pub(crate) fn close(&self, is_closed: bool) {
        lock(&self.shelf).is_closed = is_closed;
    }

    /// Returns how many connections were closed without a word since the last time.
    pub(crate) fn refused(&self) -> usize {
        std::mem::take(&mut lock(&self.shelf).refused)
    }

    /// Returns the requests since the last time, as `HEAD /x`.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shelf).asked)
    }
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut client: TcpStream, shelf: &Mutex<Shelf>) -> std::io::Result<()> {
    let is_closed = {
        let mut shelf = lock(shelf);
        shelf.refused += usize::from(shelf.is_closed);
        shelf.is_closed
    };
    if is_closed {
        return Ok(());
    }
    let mut reader = BufReader::new(client.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = first.split(' ');
    let (verb, path) = (words.next().unwrap_or_default(), words.next());
    let path = path.unwrap_or_default().trim_start_matches('/');
    wait_for_others(shelf);
    let file = {
        let mut shelf = lock(shelf);
        shelf.asked.push(format!("{verb} /{path}"));
        let file = shelf.files.get(path).cloned();
        if verb == "GET"
            && let Some((name, next)) = shelf.next.remove(path)
            && let Some((text, _)) = shelf.files.get_mut(&name)
        {
            *text = next;
        }
        file
    };
    let (status, (text, mark)) = match file {
        Some(file) => ("200 OK", file),
        None => ("404 Not Found", (String::new(), None)),
    };
    let mark = match mark {
        Some(Mark::Etag) => format!("ETag: \"{text}\"\r\n"),
        Some(Mark::Time(time)) => format!("Last-Modified: {time}\r\n"),
        Some(Mark::Nothing) | None => String::new(),
    };
    let length = text.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{mark}Connection: close\r\n\r\n");
    let body = if verb == "HEAD" { "" } else { &text };
    client.write_all(format!("{head}{body}").as_bytes())
}

/// Waits until enough are there; that they never were stands among the requests.
fn wait_for_others(shelf: &Mutex<Shelf>) {
    lock(shelf).waiting += 1;
    let begin = Instant::now();
    loop {
        let mut shelf = lock(shelf);
        if shelf.waiting >= shelf.together {
            return;
        }
        if begin.elapsed() > Duration::from_secs(10) {
            shelf.asked.push("nobody else came".to_owned());
            return;
        }
        drop(shelf);
        thread::sleep(Duration::from_millis(2));
    }
}
