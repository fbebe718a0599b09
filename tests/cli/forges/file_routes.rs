//! What the stub answers about files on branches.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::forge_routes::missing;
use super::stub::{Branch, Forge, Request, Response, World, decode};

pub(crate) fn route(world: &mut World, request: &Request, parts: &[&str]) -> Response {
    match (world.forge, request.method.as_str(), parts) {
        (Forge::Github | Forge::Gitlab | Forge::Gitea, "GET", [""]) => Response::json(
            200,
            &json!({"default_branch": "main", "path_with_namespace": "o/r"}),
        ),
        (Forge::Bitbucket, "GET", [""]) => {
            Response::json(200, &json!({"mainbranch": {"name": "main"}}))
        }
        (Forge::Github, "GET", ["git", "ref", "heads", name @ ..]) => {
            let tip = world
                .branches
                .get(&name.join("/"))
                .map(|branch| &branch.sha);
            tip.map_or_else(missing, |sha| {
                Response::json(200, &json!({"object": {"sha": sha}}))
            })
        }
        (Forge::Github, "GET", ["git", "commits", sha]) => {
            let tree = world.objects.get(*sha).map(|commit| commit["tree"].clone());
            Response::json(
                200,
                &json!({"tree": {"sha": tree.unwrap_or(json!("empty"))}}),
            )
        }
        (Forge::Github, "POST", ["git", kind @ ("blobs" | "trees" | "commits")]) => {
            git_object(world, kind, request.json())
        }
        (Forge::Github, "POST", ["git", "refs"]) => {
            let body = request.json();
            let name = body["ref"].as_str().expect("a name");
            let name = name.strip_prefix("refs/heads/").expect("a branch");
            move_branch(world, name, &body)
        }
        (Forge::Github, "PATCH", ["git", "refs", "heads", name @ ..]) => {
            move_branch(world, &name.join("/"), &request.json())
        }
        (Forge::Github | Forge::Gitea, "GET", ["contents", path @ ..]) => {
            read(world, &request.query["ref"], &path.join("/"))
        }
        (Forge::Gitlab, "GET", ["repository", "files", path]) => {
            read(world, &request.query["ref"], &decode(path))
        }
        (Forge::Gitlab, "GET", ["repository", "branches", name]) => tip(world, &decode(name)),
        (Forge::Gitea, "GET", ["branches", name @ ..])
        | (Forge::Bitbucket, "GET", ["refs", "branches", name @ ..]) => tip(world, &name.join("/")),
        (Forge::Bitbucket, "GET", ["src", commit, path @ ..]) => {
            let branch = world.branches.values().find(|branch| branch.sha == *commit);
            let file = branch.and_then(|branch| branch.files.get(&path.join("/")));
            file.map_or_else(missing, |content| Response {
                status: 200,
                headers: Vec::new(),
                body: content.clone(),
            })
        }
        (Forge::Gitlab, "POST", ["repository", "commits"]) => gitlab_commit(world, request),
        (Forge::Gitea, "POST", ["contents"]) => gitea_commit(world, request),
        (Forge::Bitbucket, "POST", ["src"]) => bitbucket_commit(world, request),
        _ => missing(),
    }
}

/// Names what a file has.
fn version(encoded: &str) -> String {
    name_of(&json!(encoded))
}

/// Returns whether a file is as it was when it was read.
fn is_as_read(branch: &Branch, path: &str, read: &Value) -> bool {
    let content = branch
        .files
        .get(path)
        .map(|content| STANDARD.encode(content));
    content
        .map(|content| json!(version(&content)))
        .unwrap_or_default()
        == *read
}

/// Takes what git pushes, as git does: by git itself.
pub(crate) fn push(world: &mut World, request: &Request) -> Response {
    let user = match world.forge {
        Forge::Bitbucket => "x-token-auth",
        _ => "oauth2",
    };
    let wanted = format!(
        "Basic {}",
        STANDARD.encode(format!("{user}:{}", super::TOKEN))
    );
    assert_eq!(request.path, "/o/r.git/git-receive-pack");
    if !world.takes_pushes || request.headers.get("authorization") != Some(&wanted) {
        return Response::json(403, &json!({"message": "pushing over HTTP is off"}));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.current_dir(folder.path()).args(arguments);
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    };
    let made = git(&["init", "-q", "--bare"]).status().expect("git runs");
    assert!(made.success());
    let mut receiver = git(&["receive-pack", "--stateless-rpc", "."])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("git runs");
    let mut input = receiver.stdin.take().expect("a pipe");
    input.write_all(&request.body).expect("git reads");
    drop(input);
    let answer = receiver.wait_with_output().expect("git ends");
    let show = |arguments: &[&str]| git(arguments).output().expect("git runs").stdout;
    let parents = show(&["log", "--format=%P", "badges"]);
    assert_eq!(parents, b"\n", "one commit, without parents");
    let sha = String::from_utf8(show(&["rev-parse", "badges"])).expect("text");
    let names = String::from_utf8(show(&["ls-tree", "--name-only", "badges"])).expect("text");
    let files = names.lines().map(|name| {
        let content = show(&["cat-file", "-p", &format!("badges:{name}")]);
        (name.to_owned(), content)
    });
    let branch = Branch {
        sha: sha.trim().to_owned(),
        files: files.collect(),
    };
    world.branches.insert("badges".to_owned(), branch);
    Response {
        status: 200,
        headers: Vec::new(),
        body: answer.stdout,
    }
}

fn name_of(value: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    format!("{:040x}", hasher.finish())
}

fn git_object(world: &mut World, kind: &str, mut body: Value) -> Response {
    if kind == "trees" {
        let mut files = match body["base_tree"].as_str() {
            Some(base) => world.objects.get(base).cloned().unwrap_or(json!({})),
            None => json!({}),
        };
        for entry in body["tree"].as_array().expect("entries") {
            files[entry["path"].as_str().expect("a path")] = entry["sha"].clone();
        }
        body = files;
    }
    let name = name_of(&body);
    world.objects.insert(name.clone(), body);
    Response::json(201, &json!({"sha": name}))
}

fn move_branch(world: &mut World, name: &str, body: &Value) -> Response {
    let sha = body["sha"].as_str().expect("a commit").to_owned();
    let commit = world.objects[&sha].clone();
    let parent = commit["parents"][0].as_str();
    let tip = world.branches.get(name).map(|branch| branch.sha.as_str());
    if tip.is_some() && tip != parent {
        return Response::json(422, &json!({"message": "Update is not a fast forward"}));
    }
    let tree = &world.objects[commit["tree"].as_str().expect("a tree")];
    let files = tree.as_object().expect("files").iter().map(|(path, blob)| {
        let blob = &world.objects[blob.as_str().expect("a name")];
        let content = blob["content"].as_str().expect("content");
        (path.clone(), STANDARD.decode(content).expect("base64"))
    });
    let files: BTreeMap<_, _> = files.collect();
    world
        .branches
        .insert(name.to_owned(), Branch { sha, files });
    Response::json(200, &json!({}))
}

fn read(world: &World, branch: &str, path: &str) -> Response {
    let of_commit = || world.branches.values().find(|tip| tip.sha == branch);
    let branch = world.branches.get(branch).or_else(of_commit);
    let file = branch.and_then(|branch| branch.files.get(path));
    file.map_or_else(missing, |content| {
        let content = STANDARD.encode(content);
        Response::json(
            200,
            &json!({
                "content": content, "encoding": "base64",
                "sha": version(&content), "last_commit_id": version(&content),
            }),
        )
    })
}

fn tip(world: &World, branch: &str) -> Response {
    let branch = world.branches.get(branch);
    branch.map_or_else(missing, |branch| {
        let sha = &branch.sha;
        Response::json(
            200,
            &json!({"commit": {"id": sha}, "target": {"hash": sha}}),
        )
    })
}

/// Makes a commit on a branch that there is, or that begins at `start`.
fn commit(
    world: &mut World,
    name: &str,
    start: &str,
    files: impl Iterator<Item = (String, Vec<u8>)>,
) -> String {
    let mut branch = match world.branches.get(name) {
        Some(branch) => branch.clone(),
        None => world.branches[start].clone(),
    };
    branch.files.extend(files);
    world.next_id += 1;
    branch.sha = format!("{:040x}", world.next_id);
    let sha = branch.sha.clone();
    world.branches.insert(name.to_owned(), branch);
    sha
}

fn file_of(change: &Value, path: &str) -> (String, Vec<u8>) {
    let content = change["content"].as_str().expect("content");
    let path = change[path].as_str().expect("a path").to_owned();
    (path, STANDARD.decode(content).expect("base64"))
}

fn gitlab_commit(world: &mut World, request: &Request) -> Response {
    let body = request.json();
    let name = body["branch"].as_str().expect("a branch");
    let start = body["start_branch"].as_str().unwrap_or(name).to_owned();
    let base = world.branches[&start].clone();
    let actions = body["actions"].as_array().expect("actions");
    for action in actions {
        let is_there = base
            .files
            .contains_key(action["file_path"].as_str().expect("a path"));
        let path = action["file_path"].as_str().expect("a path");
        if is_there != (action["action"] == json!("update"))
            || !is_as_read(&base, path, &action["last_commit_id"])
        {
            return Response::json(
                400,
                &json!({"message": "A file with this name already exists"}),
            );
        }
    }
    let files = actions.iter().map(|action| file_of(action, "file_path"));
    let sha = commit(world, name, &start, files);
    Response::json(201, &json!({"id": sha}))
}

fn gitea_commit(world: &mut World, request: &Request) -> Response {
    let body = request.json();
    let start = body["branch"].as_str().expect("a branch");
    let name = body["new_branch"].as_str().unwrap_or(start);
    let files = body["files"].as_array().expect("files");
    let base = world.branches[start].clone();
    for file in files {
        let is_there = base
            .files
            .contains_key(file["path"].as_str().expect("a path"));
        let path = file["path"].as_str().expect("a path");
        if is_there != file["sha"].is_string() || !is_as_read(&base, path, &file["sha"]) {
            return Response::json(422, &json!({"message": "sha does not match"}));
        }
    }
    let files = files.iter().map(|file| file_of(file, "path"));
    let sha = commit(world, name, start, files);
    Response::json(201, &json!({"commit": {"sha": sha}}))
}

fn bitbucket_commit(world: &mut World, request: &Request) -> Response {
    let kind = &request.headers["content-type"];
    let (_, boundary) = kind.split_once("boundary=").expect("a boundary");
    let text = String::from_utf8(request.body.clone()).expect("text");
    let mut files = Vec::new();
    let (mut branch, mut parent) = (String::new(), String::new());
    for part in text.split(&format!("--{boundary}")) {
        let Some((head, value)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        let name = head.split("name=\"").nth(1).expect("a name");
        let name = name.trim_end().trim_end_matches('"');
        let value = value.strip_suffix("\r\n").expect("an end");
        match (name, name.strip_prefix('/')) {
            ("branch", _) => value.clone_into(&mut branch),
            ("parents", _) => value.clone_into(&mut parent),
            (_, Some(path)) => files.push((path.to_owned(), value.as_bytes().to_vec())),
            _ => {}
        }
    }
    if world
        .branches
        .get(&branch)
        .is_some_and(|tip| tip.sha != parent)
    {
        return Response::json(
            409,
            &json!({"type": "error", "error": {"message": "the branch has moved"}}),
        );
    }
    commit(world, &branch, "main", files.into_iter());
    Response::json(201, &Value::Null)
}
