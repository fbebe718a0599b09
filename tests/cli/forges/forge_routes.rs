//! What the stub answers: comments, pull requests and checks as each forge has them.

use serde_json::{Value, json};

use super::file_routes;
use super::stub::{Forge, Request, Response, StoredComment, StoredPull, World};

/// Answers a request; `path` begins behind the interface's own.
pub(crate) fn route(world: &mut World, request: &Request, path: &str) -> Response {
    if !has_token(world.forge, request) {
        return Response::json(401, &json!({"message": "Bad credentials"}));
    }
    if path == "/user" {
        return user(world);
    }
    if request.is_write() && world.is_readonly {
        return readonly(world.forge);
    }
    let root = match world.forge {
        Forge::Github | Forge::Gitea => "/repos/o/r",
        Forge::Gitlab => "/projects/77",
        Forge::Bitbucket => "/repositories/o/r",
    };
    let Some(path) = path.strip_prefix(root) else {
        return missing();
    };
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let method = request.method.as_str();
    match (world.forge, method, parts.as_slice()) {
        (Forge::Github | Forge::Gitea, _, ["issues", _, "comments"])
        | (Forge::Gitlab, _, ["merge_requests", _, "notes"])
        | (Forge::Bitbucket, _, ["pullrequests", _, "comments"]) => {
            if method == "GET" {
                list_comments(world, request)
            } else {
                create_comment(world, request)
            }
        }
        (Forge::Github | Forge::Gitea, "PATCH", ["issues", "comments", id])
        | (Forge::Gitlab, "PUT", ["merge_requests", _, "notes", id])
        | (Forge::Bitbucket, "PUT", ["pullrequests", _, "comments", id]) => {
            update_comment(world, request, id.parse().expect("a number"))
        }
        (_, "DELETE", [.., "comments" | "notes", id]) => {
            let id: u64 = id.parse().expect("a number");
            world.comments.retain(|comment| comment.id != id);
            Response {
                status: 204,
                headers: Vec::new(),
                body: Vec::new(),
            }
        }
        (Forge::Github | Forge::Gitlab | Forge::Bitbucket, "POST", [.., "comments"]) => {
            create_comment(world, request)
        }
        (_, "GET", ["pulls" | "merge_requests" | "pullrequests", number]) => {
            let number: u64 = number.parse().expect("a number");
            let pull = world.pulls.iter().find(|pull| pull.number == number);
            pull.map_or_else(missing, |pull| Response::json(200, &show_pull(world, pull)))
        }
        (_, _, ["pulls" | "merge_requests" | "pullrequests"]) => pulls(world, request),
        (Forge::Github, _, ["check-runs", ..]) if !world.is_app => Response::json(
            403,
            &json!({"message": "You must authenticate via a GitHub App."}),
        ),
        (_, "POST" | "PATCH" | "PUT", ["check-runs" | "statuses", ..])
        | (Forge::Bitbucket, _, ["commit", _, "statuses" | "reports", _]) => {
            world.checks.push(request.json());
            Response::json(201, &json!({"id": 5}))
        }
        _ => file_routes::route(world, request, &parts),
    }
}

pub(crate) fn missing() -> Response {
    Response::json(404, &json!({"message": "Not Found"}))
}

fn has_token(forge: Forge, request: &Request) -> bool {
    let (header, wanted) = match forge {
        Forge::Github | Forge::Bitbucket => ("authorization", "Bearer "),
        Forge::Gitea => ("authorization", "token "),
        Forge::Gitlab => ("private-token", ""),
    };
    let wanted = format!("{wanted}{}", super::TOKEN);
    request.headers.get(header) == Some(&wanted)
}

fn user(world: &World) -> Response {
    if !world.knows_itself {
        return readonly(world.forge);
    }
    let me = &world.me;
    Response::json(200, &json!({"login": me, "username": me, "uuid": me}))
}

fn readonly(forge: Forge) -> Response {
    Response::json(
        403,
        &match forge {
            Forge::Github => json!({
                "message": "Resource not accessible by integration",
                "documentation_url": "https://docs.github.com/rest",
                "status": "403",
            }),
            Forge::Gitlab => json!({"message": "403 Forbidden"}),
            Forge::Bitbucket => json!({
                "type": "error",
                "error": {"message": "Your credentials lack one or more required privilege scopes."},
            }),
            Forge::Gitea => {
                json!({"message": "token does not have at least one of required scope(s)", "url": ""})
            }
        },
    )
}

fn show_comment(world: &World, comment: &StoredComment) -> Value {
    let StoredComment {
        id, author, body, ..
    } = comment;
    let page = format!("https://forge.example/c/{id}");
    let is_program = *author == world.me || author.ends_with("[bot]");
    let kind = if is_program { "Bot" } else { "User" };
    match world.forge {
        Forge::Github | Forge::Gitea => json!({
            "id": id, "user": {"login": author, "type": kind}, "body": body, "html_url": page,
        }),
        Forge::Gitlab => json!({
            "id": id, "author": {"username": author}, "body": body, "system": comment.is_void,
        }),
        Forge::Bitbucket => json!({
            "id": id,
            "user": {"uuid": author, "type": if kind == "Bot" { "app_user" } else { "user" }},
            "content": {"raw": body}, "deleted": comment.is_void, "links": {"html": {"href": page}},
        }),
    }
}

/// Each forge's own default, order and way to the next page.
fn list_comments(world: &World, request: &Request) -> Response {
    let mut comments: Vec<Value> = world
        .comments
        .iter()
        .map(|comment| show_comment(world, comment))
        .collect();
    let is_ascending = request.query.get("sort").is_some_and(|sort| sort == "asc");
    if world.forge == Forge::Gitlab && !is_ascending {
        comments.reverse();
    }
    if world.forge == Forge::Gitea {
        return Response::json(200, &Value::Array(comments));
    }
    page(world, request, &comments)
}

/// Cuts out a page.
fn page(world: &World, request: &Request, items: &[Value]) -> Response {
    let (parameter, default) = match world.forge {
        Forge::Github => ("per_page", 30),
        Forge::Gitlab => ("per_page", 20),
        Forge::Bitbucket => ("pagelen", 10),
        Forge::Gitea => ("limit", 30),
    };
    let number = |name: &str| -> Option<usize> { request.query.get(name)?.parse().ok() };
    let size = number(parameter).unwrap_or(default).min(100);
    let page = number("page").unwrap_or(1);
    let shown: Vec<Value> = items
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .cloned()
        .collect();
    let has_more = items.len() > page * size;
    let mut query: Vec<String> = request
        .query
        .iter()
        .filter(|(name, _)| *name != "page")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    query.push(format!("page={}", page + 1));
    let host = world.base.split("/api").next().expect("a host");
    let host = host.split("/2.0").next().expect("a host");
    let next = format!("{host}{}?{}", request.path, query.join("&"));
    if world.forge == Forge::Bitbucket {
        let mut body = json!({"values": shown, "page": page, "pagelen": size});
        if has_more {
            body["next"] = json!(next);
        }
        return Response::json(200, &body);
    }
    let response = Response::json(200, &Value::Array(shown));
    if has_more {
        response.with(
            "Link",
            format!("<{host}/first>; rel=\"first\", <{next}>; rel=\"next\""),
        )
    } else {
        response
    }
}

fn body_of(world: &World, request: &Request) -> String {
    let json = request.json();
    let body = match world.forge {
        Forge::Bitbucket => &json["content"]["raw"],
        _ if json["note"].is_string() => &json["note"],
        _ => &json["body"],
    };
    body.as_str().expect("a body").to_owned()
}

fn too_long(world: &World) -> Response {
    let limit = world.limit;
    match world.forge {
        Forge::Bitbucket => Response::json(
            400,
            &json!({"type": "error", "error": {"message": "The comment is too long"}}),
        ),
        Forge::Gitlab => Response::json(
            400,
            &json!({"message": {"note": [format!("is too long (maximum is {limit} characters)")]}}),
        ),
        Forge::Github | Forge::Gitea => Response::json(
            422,
            &json!({
                "message": "Validation Failed",
                "errors": [{"message": format!("Body is too long (maximum is {limit} characters)")}],
            }),
        ),
    }
}

fn create_comment(world: &mut World, request: &Request) -> Response {
    let body = body_of(world, request);
    if body.chars().count() > world.limit {
        return too_long(world);
    }
    world.next_id += 1;
    let comment = StoredComment {
        id: world.next_id,
        author: world.me.clone(),
        // As a form of a browser would send it.
        body: body.trim_end().replace('\n', "\r\n"),
        is_void: false,
    };
    world.comments.push(comment.clone());
    Response::json(201, &show_comment(world, &comment))
}

fn update_comment(world: &mut World, request: &Request, id: u64) -> Response {
    let body = body_of(world, request);
    if body.chars().count() > world.limit {
        return too_long(world);
    }
    let me = world.me.clone();
    let Some(comment) = world.comments.iter_mut().find(|comment| comment.id == id) else {
        return missing();
    };
    if comment.author != me {
        return Response::json(403, &json!({"message": "Must have admin rights"}));
    }
    comment.body = body;
    let comment = comment.clone();
    Response::json(200, &show_comment(world, &comment))
}

fn show_pull(world: &World, pull: &StoredPull) -> Value {
    let StoredPull {
        number,
        owner,
        branch,
        sha,
    } = pull;
    let page = format!("https://forge.example/p/{number}");
    match world.forge {
        Forge::Github | Forge::Gitea => json!({
            "number": number, "html_url": page,
            "head": {"sha": sha, "ref": branch, "repo": {"owner": {"login": owner}}},
        }),
        Forge::Gitlab => json!({"iid": number, "sha": sha, "web_url": page}),
        Forge::Bitbucket => json!({
            "id": number, "source": {"commit": {"hash": &sha[..sha.len().min(12)]}},
            "links": {"html": {"href": page}},
        }),
    }
}

fn pulls(world: &mut World, request: &Request) -> Response {
    if request.method == "GET" {
        let is_meant = |pull: &&StoredPull| match world.forge {
            Forge::Github => {
                let head = format!("{}:{}", pull.owner, pull.branch);
                request.query.get("head") == Some(&head)
            }
            Forge::Gitlab => request.query.get("source_branch") == Some(&pull.branch),
            Forge::Bitbucket => request.query["q"].contains(&format!("\"{}\"", pull.branch)),
            Forge::Gitea => true,
        };
        let pulls = world.pulls.iter().filter(is_meant);
        let pulls: Vec<Value> = pulls.map(|pull| show_pull(world, pull)).collect();
        return page(world, request, &pulls);
    }
    let body = request.json();
    let branch = match world.forge {
        Forge::Github | Forge::Gitea => &body["head"],
        Forge::Gitlab => &body["source_branch"],
        Forge::Bitbucket => &body["source"]["branch"]["name"],
    };
    let branch = branch.as_str().expect("a branch").to_owned();
    if world.pulls.iter().any(|pull| pull.branch == branch) {
        let status = if world.forge == Forge::Github {
            422
        } else {
            409
        };
        return Response::json(status, &json!({"message": "A pull request already exists"}));
    }
    let Some(tip) = world.branches.get(&branch) else {
        return missing();
    };
    world.next_id += 1;
    let pull = StoredPull {
        number: world.next_id,
        owner: "o".to_owned(),
        branch,
        sha: tip.sha.clone(),
    };
    world.pulls.push(pull.clone());
    Response::json(201, &show_pull(world, &pull))
}
