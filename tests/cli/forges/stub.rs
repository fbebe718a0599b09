//! `Stub`: a server that behaves as the four forges do, and at times as they do on bad days.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use base64::Engine as _;
use serde_json::Value;

use super::file_routes::push;
use super::forge_routes::route;

/// Which forge the stub is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forge {
    Github,
    Gitlab,
    Bitbucket,
    Gitea,
}

pub(crate) const FORGES: [Forge; 4] =
    [Forge::Github, Forge::Gitlab, Forge::Bitbucket, Forge::Gitea];

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn is_write(&self) -> bool {
        self.method != "GET"
    }
}

/// What is sent back.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// What goes wrong with a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This is answered, and nothing is done.
    Answer(Response),
    /// Nothing is ever answered, and nothing is done.
    Hang,
    /// All is done, and then the connection breaks.
    BreakAfter,
    /// Somebody has deleted all comments a moment before.
    Vanish,
    /// Another run has written the same comment a moment before.
    OtherFirst,
    /// Another job has published a line of the history a moment before.
    OtherLine,
}

#[derive(Clone, Debug)]
pub(crate) struct StoredComment {
    pub(crate) id: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    /// A note of the system's (GitLab), or a comment that is deleted (Bitbucket).
    pub(crate) is_void: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct StoredPull {
    pub(crate) number: u64,
    pub(crate) owner: String,
    pub(crate) branch: String,
    pub(crate) sha: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Branch {
    pub(crate) sha: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// All that the forge knows.
pub(crate) struct World {
    pub(crate) forge: Forge,
    pub(crate) base: String,
    pub(crate) comments: Vec<StoredComment>,
    pub(crate) pulls: Vec<StoredPull>,
    pub(crate) branches: BTreeMap<String, Branch>,
    /// Objects of git's, by their names.
    pub(crate) objects: BTreeMap<String, Value>,
    /// Bodies of statuses, check runs and reports, in their order.
    pub(crate) checks: Vec<Value>,
    pub(crate) log: Vec<Request>,
    /// Faults for requests of this method whose path ends so; each happens once.
    pub(crate) faults: Vec<(&'static str, &'static str, Fault)>,
    /// Who the token belongs to.
    pub(crate) me: String,
    /// Whether the token may ask who it belongs to.
    pub(crate) knows_itself: bool,
    /// Whether the token may only read.
    pub(crate) is_readonly: bool,
    /// Whether the token is an app's, as only these have check runs.
    pub(crate) is_app: bool,
    /// Whether git may push.
    pub(crate) takes_pushes: bool,
    /// The most characters of a comment.
    pub(crate) limit: usize,
    pub(crate) next_id: u64,
}

pub(crate) struct Stub {
    pub(crate) address: String,
    world: Arc<Mutex<World>>,
}

impl Stub {
    pub(crate) fn new(forge: Forge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let base = format!("http://{address}{}", prefix(forge));
        let world = World {
            forge,
            base,
            comments: Vec::new(),
            pulls: Vec::new(),
            branches: BTreeMap::from([("main".to_owned(), Branch::default())]),
            objects: BTreeMap::new(),
            checks: Vec::new(),
            log: Vec::new(),
            faults: Vec::new(),
            me: "the-bot".to_owned(),
            knows_itself: true,
            is_readonly: false,
            is_app: true,
            takes_pushes: true,
            limit: if forge == Forge::Bitbucket {
                32_768
            } else {
                65_536
            },
            next_id: 1000,
        };
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        // It ends with the process: nobody has to wait for it.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let world = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &world));
            }
        });
        let stub = Self { address, world };
        stub.world()
            .branches
            .entry("main".to_owned())
            .or_default()
            .sha = "m".repeat(40);
        stub
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panicked within")
    }

    /// The address of the interface.
    pub(crate) fn api(&self) -> String {
        self.world().base.clone()
    }

    /// Requests that change something, as `METHOD path`.
    pub(crate) fn writes(&self) -> Vec<String> {
        let world = self.world();
        let writes = world.log.iter().filter(|request| request.is_write());
        let prefix = prefix(world.forge);
        writes
            .map(|request| {
                let path = request.path.strip_prefix(prefix).unwrap_or(&request.path);
                format!("{} {path}", request.method)
            })
            .collect()
    }

    pub(crate) fn fail(&self, method: &'static str, path_end: &'static str, fault: Fault) {
        self.world().faults.push((method, path_end, fault));
    }
}

fn prefix(forge: Forge) -> &'static str {
    match forge {
        Forge::Github => "/api/v3",
        Forge::Gitlab => "/api/v4",
        Forge::Bitbucket => "/2.0",
        Forge::Gitea => "/api/v1",
    }
}

/// Publishes the value of another metric.
fn other_line(world: &mut World) {
    let line =
        "{\"schema\":1,\"path\":\"m.json\",\"key\":\"other\",\"commit\":\"c\",\"value\":1.0}\n";
    let sha = format!("{:040x}", world.next_id + 500);
    let branch = world.branches.get_mut("badges").expect("published");
    branch.sha.clone_from(&sha);
    let history = branch.files.get_mut("history.jsonl").expect("a history");
    history.extend(line.bytes());
    let mut tree = serde_json::Map::new();
    for (path, content) in branch.files.clone() {
        let content = base64::engine::general_purpose::STANDARD.encode(content);
        world.objects.insert(
            format!("other-{path}"),
            serde_json::json!({"content": content}),
        );
        tree.insert(path.clone(), Value::String(format!("other-{path}")));
    }
    world
        .objects
        .insert("other-tree".to_owned(), Value::Object(tree));
    let commit = serde_json::json!({"tree": "other-tree", "parents": []});
    world.objects.insert(sha, commit);
}

fn serve(stream: TcpStream, world: &Mutex<World>) {
    let Some(request) = read(&stream) else { return };
    let fault = {
        let mut world = world.lock().expect("no test panicked within");
        world.log.push(request.clone());
        let is_meant = |(method, end, _): &(&str, &str, Fault)| {
            *method == request.method && request.path.ends_with(end)
        };
        let at = world.faults.iter().position(is_meant);
        at.map(|at| world.faults.remove(at).2)
    };
    let answer = || {
        let mut world = world.lock().expect("no test panicked within");
        if request.path.ends_with("/git-receive-pack") {
            return push(&mut world, &request);
        }
        let path = request.path.strip_prefix(prefix(world.forge));
        let path = path.unwrap_or("/elsewhere").to_owned();
        route(&mut world, &request, &path)
    };
    match fault {
        None => write(stream, &answer()),
        Some(Fault::Answer(response)) => write(stream, &response),
        Some(Fault::BreakAfter) => drop(answer()),
        Some(Fault::Vanish) => {
            world
                .lock()
                .expect("no test panicked within")
                .comments
                .clear();
            write(stream, &answer());
        }
        Some(Fault::OtherLine) => {
            let mut locked = world.lock().expect("no test panicked within");
            other_line(&mut locked);
            drop(locked);
            write(stream, &answer());
        }
        Some(Fault::OtherFirst) => {
            let response = answer();
            let mut world = world.lock().expect("no test panicked within");
            let mut other = world.comments.last().expect("it was written").clone();
            other.id = 1;
            world.comments.insert(0, other);
            drop(world);
            write(stream, &response);
        }
        // Until the other side gives up.
        Some(Fault::Hang) => {
            let mut rest = Vec::new();
            let _gave_up = (&stream).read_to_end(&mut rest);
        }
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(name, value)| (name.to_owned(), decode(value)));
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.collect(),
        headers,
        body,
    })
}

/// Undoes percent encoding.
pub(crate) fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).expect("text")
}

fn write(mut stream: TcpStream, response: &Response) {
    let mut text = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", response.status);
    for (name, value) in &response.headers {
        text += &format!("{name}: {value}\r\n");
    }
    // To a client that has gone, nothing has to be said.
    if response.status == 204 {
        let _gone = stream.write_all(format!("{text}\r\n").as_bytes());
        return;
    }
    text += &format!("Content-Length: {}\r\n\r\n", response.body.len());
    let _gone = stream.write_all(text.as_bytes());
    let _gone = stream.write_all(&response.body);
}
