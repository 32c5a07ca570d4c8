//! A stand-in for the issues and merge requests of GitHub, GitLab and Gitea.

use anyhow::Result;
use serde_json::{Value, json};

use super::{OutsideCall, OutsideFault, StandIn, percent_decoded};

/// Whose API it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the definition")]
pub enum ForgeKind {
    Github,
    Gitlab,
    Gitea,
}

/// Stands in for a forge on a loopback port, until it is dropped.
#[derive(Debug)]
pub struct ForgeStandIn(StandIn<State>);

#[derive(Debug)]
struct State {
    kind: ForgeKind,
    issues: Vec<Value>,
    requests: Vec<Value>,
    notes: Vec<Value>,
    files: Vec<Value>,
}

impl ForgeStandIn {
    /// Starts it with one project, `ops/manifests`; only this value of its authorization header is accepted.
    pub async fn start(kind: ForgeKind, credentials: &str) -> Result<Self> {
        let state = State {
            kind,
            issues: Vec::new(),
            requests: Vec::new(),
            notes: Vec::new(),
            files: Vec::new(),
        };
        StandIn::start(state, credentials, answer).await.map(Self)
    }

    /// Base URL of its API.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The next changing requests fail in these ways, in order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = OutsideFault>) {
        self.0.lock().faults.extend(faults);
    }

    /// Every issue as it is now.
    #[must_use]
    pub fn issues(&self) -> Vec<Value> {
        self.0.lock().state.issues.clone()
    }

    /// Every request to merge as it is now.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.0.lock().state.requests.clone()
    }

    /// Names and contents of uploaded files.
    #[must_use]
    pub fn files(&self) -> Vec<Value> {
        self.0.lock().state.files.clone()
    }

    /// Notes on issues.
    #[must_use]
    pub fn notes(&self) -> Vec<Value> {
        self.0.lock().state.notes.clone()
    }

    /// Somebody merges every request.
    pub fn merge_all(&self) {
        for request in &mut self.0.lock().state.requests {
            request["state"] = json!("merged");
            request["merged_at"] = json!("2026-11-22T10:00:00Z");
        }
    }
}

fn answer(state: &mut State, call: &OutsideCall) -> (u16, Value) {
    let prefix = match state.kind {
        ForgeKind::Gitlab => "/projects/ops%2Fmanifests/",
        ForgeKind::Github | ForgeKind::Gitea => "/repos/ops/manifests/",
    };
    let Some(rest) = call.path.strip_prefix(prefix) else {
        return (404, json!({"message": format!("no project at {}", percent_decoded(&call.path))}));
    };
    let parts: Vec<&str> = rest.split('/').collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["issues"]) => (200, page(&state.issues, call)),
        ("POST", ["issues"]) => made(&mut state.issues, state.kind, call, "open"),
        ("GET", ["pulls" | "merge_requests"]) => (200, page(&state.requests, call)),
        ("POST", ["pulls" | "merge_requests"]) => request(state, call),
        ("PATCH" | "PUT", ["pulls" | "merge_requests", number]) => {
            let wanted = json!(number.parse::<u64>().unwrap_or_default());
            let close = call.body["state"] == "closed" || call.body["state_event"] == "close";
            match state.requests.iter_mut().find(|it| it["number"] == wanted || it["iid"] == wanted) {
                Some(request) if close => {
                    request["state"] = json!("closed");
                    (200, request.clone())
                }
                Some(_) => (422, json!({"message": "nothing to do"})),
                None => (404, json!({"message": "no such request"})),
            }
        }
        ("GET", ["issues", _, "notes"]) => (200, page(&state.notes, call)),
        ("POST", ["issues", _, "notes"]) => {
            state.notes.push(call.body.clone());
            (201, call.body.clone())
        }
        ("GET", ["issues", _, "assets"]) => (200, page(&state.files, call)),
        ("POST", ["issues", _, "assets"] | ["uploads"]) => match call.file() {
            Some((name, content)) => {
                state
                    .files
                    .push(json!({"name": name, "content": String::from_utf8_lossy(&content)}));
                (201, json!({"name": name, "markdown": format!("[{name}](/uploads/{name})")}))
            }
            None => (400, json!({"message": "no file"})),
        },
        _ => (404, json!({"message": format!("{} {} is not served", call.method, call.path)})),
    }
}

/// Only the first page has entries.
fn page(entries: &[Value], call: &OutsideCall) -> Value {
    if matches!(call.asked("page"), None | Some("1")) {
        json!(entries)
    } else {
        json!([])
    }
}

fn made(entries: &mut Vec<Value>, kind: ForgeKind, call: &OutsideCall, state: &str) -> (u16, Value) {
    let number = entries.len() + 1;
    let mut entry = call.body.clone();
    entry["state"] = json!(state);
    match kind {
        ForgeKind::Gitlab => {
            entry["iid"] = json!(number);
            entry["web_url"] = json!(format!("https://forge.example/ops/manifests/-/{number}"));
        }
        ForgeKind::Github | ForgeKind::Gitea => {
            entry["number"] = json!(number);
            entry["html_url"] = json!(format!("https://forge.example/ops/manifests/{number}"));
        }
    }
    entries.push(entry.clone());
    (201, entry)
}

fn request(state: &mut State, call: &OutsideCall) -> (u16, Value) {
    let branch = call
        .body
        .get("head")
        .or_else(|| call.body.get("source_branch"))
        .cloned()
        .unwrap_or_default();
    let same = |request: &&Value| request.pointer("/head/ref").or_else(|| request.get("source_branch")) == Some(&branch);
    if state.requests.iter().any(|request| same(&request) && request["state"] != "closed") {
        return (422, json!({"message": "a request for this branch exists already"}));
    }
    let opened = if state.kind == ForgeKind::Gitlab { "opened" } else { "open" };
    let (code, _) = made(&mut state.requests, state.kind, call, opened);
    let last = state.requests.len() - 1;
    if state.kind != ForgeKind::Gitlab {
        state.requests[last]["head"] = json!({"ref": branch});
    }
    (code, state.requests[last].clone())
}
