//! Remotes on real servers: a round trip over each, and a proxy that makes trouble on the way.
//!
//! A server that is not installed is skipped, loudly; in CI that is a failure.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::remote::{Yard, assert_same, cloned, sample, with_remote};
use crate::support::{Output, Project, files};

/// A server that ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Finds a port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    listener.local_addr().expect("has one").port()
}

/// Starts a server and waits until it listens; `None`, told loudly, where it is not installed.
fn start(program: &str, arguments: impl Fn(u16) -> Vec<String>) -> Option<Server> {
    let port = free_port();
    let mut command = Command::new(program);
    command.args(arguments(port)).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(child) = command.spawn() else {
        skip(program);
        return None;
    };
    let server = Server { child, port };
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begin.elapsed() < Duration::from_mins(1),
            "{program} does not listen"
        );
        thread::sleep(Duration::from_millis(20));
    }
    Some(server)
}

/// Nobody must believe that it was tested.
fn skip(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what} is not installed");
    let line = format!("SKIPPED: nothing was tested with {what}, which is not installed\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("a standard error");
}

fn s3(yard: &Yard) -> Option<Server> {
    fs::create_dir_all(yard.path("s3/bucket")).expect("makes");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci-s3s/bin/s3s-fs");
    let named = std::env::var("MLPIPE_TEST_S3S");
    let program = match (named, own.is_file()) {
        (Ok(named), _) => named,
        (_, true) => own.to_str().expect("UTF-8").to_owned(),
        _ => "s3s-fs".to_owned(),
    };
    let folder = yard.text("s3");
    start(&program, |port| {
        let port = port.to_string();
        let all = [
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            "--access-key",
            "test",
            "--secret-key",
            "testtesttest",
            &folder,
        ];
        all.map(str::to_owned).to_vec()
    })
}

fn rclone(kind: &str, folder: &str) -> Option<Server> {
    start("rclone", |port| {
        let address = format!("127.0.0.1:{port}");
        let all = ["serve", kind, folder, "--addr", &address];
        all.map(str::to_owned).to_vec()
    })
}

/// Makes the remote `store` of a bucket, by keys that are not committed.
fn with_s3(project: &Project, port: u16) {
    with_remote(project, "s3://bucket/some/folder");
    let endpoint = format!("http://127.0.0.1:{port}");
    project
        .run(&["remote", "modify", "store", "endpointurl", &endpoint])
        .success();
    project.commit();
    log_in(project, "testtesttest");
}

fn log_in(project: &Project, key: &str) {
    for (option, value) in [("access_key_id", "test"), ("secret_access_key", key)] {
        project
            .run(&["remote", "modify", "--local", "store", option, value])
            .success();
    }
}

#[test]
fn a_round_trip_over_s3() {
    let yard = Yard::new();
    let Some(server) = s3(&yard) else { return };
    let project = sample(200);
    with_s3(&project, server.port);
    project.run(&["push"]).success();
    let text = project.run(&["push"]).success();
    assert!(text.contains("nothing to push"), "{text}");
    let clone = cloned(&project);
    log_in(&clone, "testtesttest");
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
    clone.run(&["fsck", "--cloud"]).data();
    let text = clone.run(&["status", "-c"]).data();
    assert!(text.contains("are the same"), "{text}");

    log_in(&clone, "another");
    let text = clone.run(&["push"]).failure(1);
    assert!(
        text.contains("no permission") && !text.contains("another"),
        "{text}"
    );
}

#[test]
fn four_thousand_small_files_cost_few_requests() {
    let yard = Yard::new();
    let Some(server) = s3(&yard) else { return };
    let proxy = Proxy::before(server.port);
    let project = sample(4000);
    with_s3(&project, proxy.port);
    project.run(&["push"]).success();
    let pushed = proxy.requests.swap(0, Ordering::SeqCst);
    assert!(pushed < 80, "{pushed} requests");
    let clone = cloned(&project);
    log_in(&clone, "testtesttest");
    clone.run(&["fetch"]).success();
    let fetched = proxy.requests.load(Ordering::SeqCst);
    assert!(fetched < 80, "{fetched} requests");
}

#[test]
fn a_round_trip_over_webdav_and_http() {
    let yard = Yard::new();
    fs::create_dir_all(yard.path("dav")).expect("makes");
    let Some(dav) = rclone("webdav", &yard.text("dav")) else {
        return;
    };
    let Some(http) = rclone("http", &yard.text("dav")) else {
        return;
    };
    let project = sample(100);
    write_huge(&project);
    project.commit();
    with_remote(
        &project,
        &format!("webdav://127.0.0.1:{}/some/folder", dav.port),
    );
    project.run(&["push"]).success();
    let clone = cloned(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
    assert_eq!(clone.read("huge.bin"), project.read("huge.bin"));

    let url = format!("http://127.0.0.1:{}/some/folder", http.port);
    let reader = cloned(&project);
    reader
        .run(&["remote", "modify", "store", "url", &url])
        .success();
    reader.run(&["pull"]).success();
    assert_same(&reader, &project);
    reader.write("data/f1", "new\n");
    reader.run(&["add", "data"]).success();
    let text = reader.run(&["push"]).failure(1);
    assert!(text.contains("can only be read"), "{text}");
}

#[test]
fn a_round_trip_over_ssh() {
    let yard = Yard::new();
    let Some(server) = sshd(&yard) else { return };
    let with = |project: &Project, arguments: &[&str]| {
        let mut command = project.command(arguments);
        // The user's own settings and known hosts are no business of a test's.
        let path = std::env::var("PATH").expect("is set");
        command.env("PATH", format!("{}:{path}", yard.text("bin")));
        Output::of(&mut command)
    };
    let project = sample(100);
    let folder = yard.text("sftp");
    with_remote(
        &project,
        &format!("ssh://127.0.0.1:{}{folder}", server.port),
    );
    with(&project, &["push"]).success();
    let text = with(&project, &["push"]).success();
    assert!(text.contains("nothing to push"), "{text}");
    let clone = cloned(&project);
    with(&clone, &["pull"]).success();
    assert_same(&clone, &project);
}

/// Starts OpenSSH, and puts a client into `bin` that logs in to it.
fn sshd(yard: &Yard) -> Option<Server> {
    let make_key = |name: &str| {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-f", &yard.text(name)]);
        command.status().is_ok_and(|status| status.success())
    };
    if !make_key("key") || !make_key("host") || !Path::new("/usr/sbin/sshd").is_file() {
        skip("sshd");
        return None;
    }
    for folder in ["sftp", "bin"] {
        fs::create_dir_all(yard.path(folder)).expect("makes");
    }
    // Where its unprivileged half is locked up; a package that was never started has not made it.
    let _exists = fs::create_dir_all("/run/sshd");
    fs::copy(yard.path("key.pub"), yard.path("authorized")).expect("copies");
    let settings = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
         PidFile none\nSubsystem sftp internal-sftp\n",
        yard.text("host"),
        yard.text("authorized"),
    );
    fs::write(yard.path("sshd_config"), settings).expect("writes");
    let file = yard.text("sshd_config");
    let server = start("/usr/sbin/sshd", |port| {
        let port = port.to_string();
        let address = "ListenAddress=127.0.0.1";
        let all = ["-D", "-e", "-f", &file, "-p", &port, "-o", address];
        all.map(str::to_owned).to_vec()
    })?;
    let host = fs::read_to_string(yard.path("host.pub")).expect("is there");
    let host: Vec<&str> = host.split(' ').take(2).collect();
    let known = format!("[127.0.0.1]:{} {}\n", server.port, host.join(" "));
    fs::write(yard.path("known"), known).expect("writes");
    let (key, known) = (yard.text("key"), yard.text("known"));
    let client = format!(
        "#!/bin/sh\nexec /usr/bin/ssh -F none -i {key} -o UserKnownHostsFile={known} \"$@\"\n"
    );
    fs::write(yard.path("bin/ssh"), client).expect("writes");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(yard.path("bin/ssh"), mode).expect("sets");
    Some(server)
}

/// What the proxy does to connections.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Trouble {
    /// Nothing.
    None = 0,
    /// The first few connections are reset, later ones are not.
    Flaky = 1,
    /// Each connection ends after some bytes of an answer.
    Cut = 2,
    /// Nobody answers.
    Stall = 3,
    /// Each connection is closed at once.
    Refuse = 4,
    /// One byte of each long answer is another.
    Lie = 5,
}

/// Stands between mlpipe and a server.
struct Proxy {
    port: u16,
    requests: Arc<AtomicUsize>,
    trouble: Arc<AtomicU8>,
}

impl Proxy {
    fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = listener.local_addr().expect("has one").port();
        let (requests, trouble) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU8::new(0)));
        let (count, mode) = (Arc::clone(&requests), Arc::clone(&trouble));
        thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let (count, mode) = (Arc::clone(&count), Arc::clone(&mode));
                thread::spawn(move || relay(client, server, number, &count, &mode));
            }
        });
        Self {
            port,
            requests,
            trouble,
        }
    }

    fn make(&self, trouble: Trouble) {
        self.trouble.store(trouble as u8, Ordering::SeqCst);
    }
}

fn relay(client: TcpStream, server: u16, number: usize, count: &Arc<AtomicUsize>, mode: &AtomicU8) {
    let is = |trouble: Trouble| mode.load(Ordering::SeqCst) == trouble as u8;
    if is(Trouble::Refuse) || (is(Trouble::Flaky) && number.is_multiple_of(3)) {
        return;
    }
    if is(Trouble::Stall) {
        let mut client = client;
        // Until the client gives up.
        let _end = client.read_to_end(&mut Vec::new());
        return;
    }
    let Ok(upstream) = TcpStream::connect(("127.0.0.1", server)) else {
        return;
    };
    let (mut from, mut to) = (
        client.try_clone().expect("clones"),
        upstream.try_clone().expect("clones"),
    );
    let count = Arc::clone(count);
    // The bytes since the last request.
    let answered = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&answered);
    let up = thread::spawn(move || {
        let mut block = [0; 16384];
        while let Ok(read @ 1..) = from.read(&mut block) {
            // The first bytes that a client sends after an answer are those of a request.
            let verbs: [&[u8]; 5] = [b"GET /", b"PUT /", b"HEAD /", b"POST /", b"DELETE /"];
            if verbs.iter().any(|verb| block.starts_with(verb)) {
                count.fetch_add(1, Ordering::SeqCst);
                asked.store(0, Ordering::SeqCst);
            }
            if to.write_all(&block[..read]).is_err() {
                break;
            }
        }
        let _gone = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (upstream, client);
    let mut block = [0; 16384];
    let mut sent = 0;
    while let Ok(read @ 1..) = from.read(&mut block) {
        if is(Trouble::Cut) && sent + read > 3000 {
            let _gone = to.write_all(&block[..read / 2]);
            break;
        }
        let before = answered.fetch_add(read, Ordering::SeqCst);
        if is(Trouble::Lie) && before <= 5000 && before + read > 5000 {
            block[read - 1] ^= 1;
        }
        if to.write_all(&block[..read]).is_err() {
            break;
        }
        sent += read;
    }
    let _gone = to.shutdown(Shutdown::Both);
    let _gone = from.shutdown(Shutdown::Both);
    let _gone = up.join();
}

#[test]
fn trouble_on_the_way_ends_in_success_or_in_a_clear_error_and_a_clean_state() {
    let yard = Yard::new();
    let Some(server) = s3(&yard) else { return };
    let proxy = Proxy::before(server.port);
    let project = sample(60);
    with_s3(&project, proxy.port);
    project
        .run(&["remote", "modify", "store", "timeout", "1"])
        .success();
    project.commit();

    for trouble in [Trouble::Refuse, Trouble::Stall] {
        proxy.make(trouble);
        let text = project.run(&["push"]).failure(1);
        assert!(
            text.contains("cannot") && text.contains("tried several times"),
            "{text}"
        );
    }
    proxy.make(Trouble::Flaky);
    project.run(&["push"]).success();
    proxy.make(Trouble::None);
    project.run(&["fsck", "--cloud"]).data();

    for trouble in [Trouble::Cut, Trouble::Lie] {
        let clone = cloned(&project);
        log_in(&clone, "testtesttest");
        proxy.make(trouble);
        let output = clone.run(&["fetch"]);
        // A transfer that is cut goes on where it ended.
        let is_clear = output.stderr.contains("error: ") && output.stderr.contains("hint: ");
        assert!(output.code == Some(0) || is_clear, "{}", output.stderr);
        assert!(
            trouble == Trouble::Cut || output.code == Some(1),
            "{}",
            output.stderr
        );
        proxy.make(Trouble::None);
        // What came in spite of it is right, and what did not comes now.
        clone.run(&["pull"]).success();
        clone.run(&["fsck"]).data();
        assert_same(&clone, &project);
    }
}

#[test]
fn an_answer_without_end_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("has one").port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                let _read = client.read(&mut [0; 4096]);
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
                let mut outcome = client.write_all(head.as_bytes());
                while outcome.is_ok() {
                    outcome = client.write_all(&[b'x'; 8192]);
                }
            });
        }
    });
    let project = sample(20);
    with_remote(&project, &format!("http://127.0.0.1:{port}/x"));
    let clone = cloned(&project);
    let text = clone.run(&["pull"]).failure(1);
    assert!(text.contains("cannot read `mlpipe-remote`"), "{text}");
}

#[test]
fn a_push_that_is_killed_leaves_a_remote_that_all_can_use() {
    let (project, yard) = (sample(300), Yard::new());
    with_remote(&project, &yard.text("store"));
    for delay in [0, 5, 10, 20, 40, 80] {
        let mut child = project.spawn(&["push"]);
        thread::sleep(Duration::from_millis(delay));
        let _ended = child.kill();
        child.wait().expect("ends");
        let clone = cloned(&project);
        let output = clone.run(&["pull"]);
        if output.code == Some(0) {
            assert_same(&clone, &project);
        }
        clone.run(&["fsck", "--cloud"]).data();
    }
    project.run(&["push"]).success();
    let clone = cloned(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

/// What is done to the bytes of a file.
type Damage = fn(&[u8]) -> Vec<u8>;

#[test]
fn a_remote_that_lies_is_not_believed() {
    let (project, yard) = (sample(60), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.run(&["push"]).success();
    let kept = files(&yard.path("store"));
    let of = |folder: &str| {
        kept.iter()
            .find(|path| {
                path.parent().is_some_and(|parent| parent.ends_with(folder))
                    && !path.ends_with("names")
            })
            .expect("one")
            .clone()
    };
    let damages: [(&str, Damage); 3] = [
        ("truncated", |bytes| bytes[..bytes.len() / 2].to_vec()),
        ("longer", |bytes| [bytes, b"more"].concat()),
        ("other bytes", |bytes| {
            let mut bytes = bytes.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        }),
    ];
    for folder in ["packs", "objects", "index"] {
        let path = of(folder);
        let good = fs::read(&path).expect("reads");
        for (what, damage) in damages {
            fs::write(&path, damage(&good)).expect("writes");
            let clone = cloned(&project);
            let output = clone.run(&["pull"]);
            // A pack or an object may still have what is wanted; nothing wrong is ever taken.
            if output.code == Some(0) {
                assert_same(&clone, &project);
            } else {
                assert!(
                    output.stderr.contains("error: "),
                    "{what}: {}",
                    output.stderr
                );
            }
            let wrong = clone.run(&["fsck", "--cloud"]);
            assert_ne!(wrong.code, Some(0), "{folder} {what}");
        }
        fs::write(&path, &good).expect("writes");
    }
    let clone = cloned(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

#[test]
fn what_is_corrupt_makes_way_and_is_pushed_again() {
    let (project, yard) = (sample(300), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.run(&["push"]).success();
    let pack = files(&yard.path("store/packs"))[0].clone();
    let mut bytes = fs::read(&pack).expect("reads");
    bytes[50] ^= 1;
    fs::write(&pack, bytes).expect("writes");
    project.run(&["fsck", "-c", "--delete-corrupt"]).failure(1);
    project.run(&["push"]).success();
    project.run(&["fsck", "-c"]).data();
    let clone = cloned(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

#[test]
fn a_remote_of_a_newer_version_or_of_others_is_left_alone() {
    let (project, yard) = (sample(20), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.run(&["push"]).success();
    let marker = yard.path("store/mlpipe-remote");
    fs::write(&marker, "mlpipe-remote 2 packs\n").expect("writes");
    let clone = cloned(&project);
    for command in ["push", "pull", "fetch"] {
        let text = clone.run(&[command]).failure(1);
        assert!(text.contains("newer mlpipe"), "{command}: {text}");
    }
    fs::write(&marker, "photos\n").expect("writes");
    let text = project.run(&["push"]).failure(1);
    assert!(text.contains("holds something else"), "{text}");
}

#[test]
fn sweeping_takes_two_phases_and_only_what_is_ours() {
    let yard = Yard::new();
    let (project, other) = (sample(40), sample(41));
    other.write("data/f1", "of the other\n");
    other.run(&["add", "data"]).success();
    other.commit();
    for one in [&project, &other] {
        with_remote(one, &yard.text("store"));
    }
    project.write("data/f2", "only in the first version\n");
    project.run(&["add", "data"]).success();
    project.run(&["push"]).success();
    other.run(&["push"]).success();
    project.write("data/f2", "in the second\n");
    project.write("more/x", &"x".repeat(100_000));
    project.run(&["add", "data", "more"]).success();
    project.run(&["push"]).success();
    project.write("more/x", &"y".repeat(100_000));
    project.run(&["add", "more"]).success();
    let before = files(&yard.path("store/objects")).len();

    let text = project.run(&["gc", "--cloud", "-w", "--dry"]).success();
    assert!(text.contains("would mark"), "{text}");
    let text = project.run(&["gc", "--cloud", "-w", "-f"]).success();
    assert!(text.contains("marked"), "{text}");
    assert_eq!(
        files(&yard.path("store/objects")).len(),
        before,
        "nothing goes at once"
    );
    let text = project.run(&["gc", "--cloud", "-w", "-f"]).success();
    assert!(text.contains("less than a day"), "{text}");
    for mark in files(&yard.path("store/gone")) {
        let old = std::time::SystemTime::now() - Duration::from_hours(48);
        let file = fs::File::options().append(true).open(mark).expect("opens");
        file.set_modified(old).expect("sets");
    }
    let text = project.run(&["gc", "--cloud", "-w", "-f"]).success();
    assert!(text.contains("deleted"), "{text}");
    assert!(files(&yard.path("store/objects")).len() < before);
    project.run(&["push"]).success();
    project.run(&["fsck", "-c"]).data();
    for one in [&project, &other] {
        fs::remove_dir_all(one.path(".mlpipe/cache")).expect("removes");
        one.remove("data");
        one.run(&["pull", "data"]).success();
    }
    assert_eq!(other.read("data/f1"), "of the other\n");
    assert_eq!(project.read("data/f2"), "in the second\n");
}

/// Starts a stub of a service, one of tests/servers, with more arguments behind its port.
fn stub(name: &str, arguments: &[&str]) -> Option<Server> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers");
    let script = script.join(name).to_str().expect("UTF-8").to_owned();
    start("python3", |port| {
        let port = port.to_string();
        let first = [script.as_str(), &port];
        let all = first.iter().chain(arguments);
        all.map(|argument| (*argument).to_owned()).collect()
    })
}

fn set_up(project: &Project, options: &[(&str, &str)]) {
    for (option, value) in options {
        project
            .run(&["remote", "modify", "--local", "store", option, value])
            .success();
    }
}

/// Tracks something longer than a part, and no multiple of it.
fn write_huge(project: &Project) {
    project.write("huge.bin", &"0123456789abcdef".repeat(1_100_001));
    project.run(&["add", "huge.bin"]).success();
}

/// Pushes a project, pulls it elsewhere, and looks at all that lies in between; `run` runs mlpipe.
fn go_round(url: &str, options: &[(&str, &str)], run: impl Fn(&Project, &[&str]) -> Output) {
    let project = sample(100);
    write_huge(&project);
    with_remote(&project, url);
    set_up(&project, options);
    run(&project, &["push"]).success();
    let text = run(&project, &["push"]).success();
    assert!(text.contains("nothing to push"), "{text}");
    let clone = cloned(&project);
    set_up(&clone, options);
    run(&clone, &["pull"]).success();
    assert_same(&clone, &project);
    assert_eq!(clone.read("huge.bin"), project.read("huge.bin"));
    run(&clone, &["fsck", "--cloud"]).data();
    let text = run(&clone, &["status", "-c"]).data();
    assert!(text.contains("are the same"), "{text}");

    // What others have pushed meanwhile is found, and what nobody needs any more goes.
    clone.write("data/new", "new\n");
    clone.run(&["add", "data"]).success();
    run(&clone, &["push"]).success();
    run(&clone, &["gc", "--cloud", "-w", "-f"]).success();
    run(&clone, &["fsck", "--cloud"]).data();
    let url = format!("remote://store/{}", "mlpipe-remote");
    run(&clone, &["get-url", &url, "marker"]).success();
    let text = run(&clone, &["get-url", "remote://store/nothing", "x"]).failure(1);
    assert!(text.contains("there is nothing at"), "{text}");
}

#[test]
fn a_round_trip_over_azure() {
    let yard = Yard::new();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci-node");
    let modules = std::env::var("MLPIPE_TEST_AZURITE").map_or(own, Into::into);
    let program = modules.join("node_modules/azurite/dist/src/blob/main.js");
    if !program.is_file() {
        skip("azurite");
        return;
    }
    let (program, folder) = (program.to_str().expect("UTF-8"), yard.text("azure"));
    let server = start("node", |port| {
        let port = port.to_string();
        let all = [
            program,
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            &port,
            "--location",
            &folder,
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--silent",
        ];
        all.map(str::to_owned).to_vec()
    });
    let Some(server) = server else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/container.py");
    let endpoint = format!("http://127.0.0.1:{}/devstoreaccount1", server.port);
    let mut make = Command::new("python3");
    make.arg(script).args([&endpoint, AZURE_KEY, "bucket"]);
    assert!(make.status().expect("runs").success());
    let options = [
        ("endpointurl", endpoint.as_str()),
        ("account_name", "devstoreaccount1"),
        ("account_key", AZURE_KEY),
    ];
    go_round("azure://bucket/some/folder", &options, Project::run);
}

/// The key that Azurite's one account has everywhere; Microsoft's documentation names it.
const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

#[test]
fn a_round_trip_over_google_cloud_storage() {
    let Some(server) = stub("gcs.py", &[]) else {
        return;
    };
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let options = [
        ("endpointurl", endpoint.as_str()),
        ("allow_anonymous_login", "true"),
    ];
    go_round("gs://bucket/some/folder", &options, Project::run);
}

#[test]
fn a_round_trip_over_webhdfs() {
    let Some(server) = stub("webhdfs.py", &[]) else {
        return;
    };
    let url = format!("webhdfs://127.0.0.1:{}/some/folder", server.port);
    go_round(&url, &[("user", "me")], Project::run);
}

/// A stub of Google Drive, with the certificate by which it speaks for Google.
struct Drive {
    server: Server,
    certificate: String,
}

impl Drive {
    fn start(yard: &Yard) -> Option<Self> {
        let (key, certificate) = (yard.text("key.pem"), yard.text("certificate.pem"));
        let mut make = Command::new("openssl");
        make.args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ]);
        make.args(["-keyout", &key, "-out", &certificate]);
        make.args(["-subj", "/CN=www.googleapis.com"]);
        make.args(["-addext", "subjectAltName=DNS:www.googleapis.com"]);
        make.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        if !make.output().is_ok_and(|output| output.status.success()) {
            skip("openssl");
            return None;
        }
        let server = stub("drive.py", &[&certificate, &key])?;
        Some(Self {
            server,
            certificate,
        })
    }

    /// Leads a command to it.
    fn lead(&self, command: &mut Command) {
        let proxy = format!("http://127.0.0.1:{}", self.server.port);
        command.env("HTTPS_PROXY", proxy);
        command.env("SSL_CERT_FILE", &self.certificate);
    }
}

#[test]
fn a_round_trip_over_google_drive() {
    let yard = Yard::new();
    let Some(drive) = Drive::start(&yard) else {
        return;
    };
    let run = |project: &Project, arguments: &[&str]| {
        let mut command = project.command(arguments);
        drive.lead(&mut command);
        Output::of(&mut command)
    };
    go_round(
        "gdrive://root/some/folder",
        &[("access_token", "token")],
        run,
    );
}

/// Runs a command; returns how much memory it took at most, in MiB. Linux says that of children alone.
fn peak_of(command: &Command) -> u64 {
    let script = "import resource, subprocess, sys\n\
                  code = subprocess.run(sys.argv[1:]).returncode\n\
                  print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n\
                  sys.exit(code)";
    let mut watched = Command::new("python3");
    watched.args(["-c", script]).arg(command.get_program());
    watched.args(command.get_args()).env_clear();
    let variables = command.get_envs();
    watched.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        watched.current_dir(folder);
    }
    let kibibytes = Output::of(&mut watched).data();
    let kibibytes: u64 = kibibytes.trim().parse().expect("a number");
    kibibytes / 1024
}

#[test]
fn a_big_object_is_at_no_time_in_memory_while_it_goes_up() {
    const SIZE: u64 = 120;
    let yard = Yard::new();
    let project = Project::new();
    project.run(&["init"]).success();
    let big = fs::File::create(project.path("big")).expect("creates");
    big.set_len(SIZE << 20).expect("sets");
    project.run(&["add", "big"]).success();
    fs::create_dir_all(yard.path("dav")).expect("makes");
    // Google Drive gets it in the same way.
    let dav = rclone("webdav", &yard.text("dav"));
    for (name, server) in [("webdav", dav), ("webhdfs", stub("webhdfs.py", &[]))] {
        let Some(server) = server else { continue };
        let url = format!("{name}://127.0.0.1:{}/some", server.port);
        project.run(&["remote", "add", name, &url]).success();
        let peak = peak_of(&project.command(&["push", "-r", name]));
        assert!(peak < SIZE / 2, "{name}: {peak} MiB");
    }
}

#[test]
fn an_object_of_s3_is_a_dep_of_a_stage() {
    let yard = Yard::new();
    let Some(server) = s3(&yard) else { return };
    let proxy = Proxy::before(server.port);
    let project = Project::with(
        "stages:\n  s:\n    cmd: echo ran >> runs.log\n    \
         deps: ['remote://store/x.csv', 'remote://store/sub/y.csv']\n",
    );
    project.run(&["init"]).success();
    with_s3(&project, proxy.port);
    fs::create_dir_all(yard.path("s3/bucket/some/folder/sub")).expect("makes");
    let write = |name: &str, text: &str| {
        fs::write(yard.path(&format!("s3/bucket/some/folder/{name}")), text).expect("writes");
    };
    write("x.csv", "1\n");
    write("sub/y.csv", "1\n");
    project.run(&["repro"]).success();
    proxy.requests.store(0, Ordering::SeqCst);
    project.run(&["repro"]).success();
    let requests = proxy.requests.load(Ordering::SeqCst);
    assert_eq!(requests, 2, "one for each");
    assert_eq!(project.runs(), ["ran"]);
    write("sub/y.csv", "another\n");
    let text = project.run(&["status"]).data();
    assert!(
        text.contains("dep remote://store/sub/y.csv changed"),
        "{text}"
    );
}
