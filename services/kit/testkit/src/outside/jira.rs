//! A stand-in for Jira's REST API 2: search by label, issues, attachments.

use anyhow::Result;
use serde_json::{Value, json};

use super::{OutsideCall, OutsideFault, StandIn};

/// Stands in for Jira on a loopback port, until it is dropped.
#[derive(Debug)]
pub struct JiraStandIn(StandIn<State>);

#[derive(Debug, Default)]
struct State {
    /// Fields of each issue; the key is its place.
    issues: Vec<Value>,
    /// It has moved its search, as Jira Cloud has.
    cloud: bool,
    /// Searches that find nothing yet: the index is late.
    late: u32,
}

impl JiraStandIn {
    /// Starts one whose search is where Jira Cloud (or Data Center) has it; only this `Authorization` is accepted.
    pub async fn start(credentials: &str, cloud: bool) -> Result<Self> {
        let state = State { cloud, ..State::default() };
        StandIn::start(state, credentials, answer).await.map(Self)
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The next changing requests fail in these ways, in order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = OutsideFault>) {
        self.0.lock().faults.extend(faults);
    }

    /// The next searches find nothing, whatever there is.
    pub fn index_late(&self, searches: u32) {
        self.0.lock().state.late = searches;
    }

    /// Fields of every issue; attachments are `{filename, content}`.
    #[must_use]
    pub fn issues(&self) -> Vec<Value> {
        self.0.lock().state.issues.clone()
    }
}

fn answer(state: &mut State, call: &OutsideCall) -> (u16, Value) {
    let search = if state.cloud {
        "/rest/api/2/search/jql"
    } else {
        "/rest/api/2/search"
    };
    let parts: Vec<&str> = call.path.trim_start_matches("/rest/api/2/").split('/').collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", _) if call.path == search && state.late > 0 => {
            state.late -= 1;
            (200, json!({"issues": []}))
        }
        ("GET", _) if call.path == search => {
            let query = call.asked("jql").unwrap_or_default();
            let label = query
                .split("labels = \"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .unwrap_or_default();
            let found = state
                .issues
                .iter()
                .position(|fields| fields["labels"].as_array().is_some_and(|labels| labels.contains(&json!(label))));
            let issues: Vec<Value> = found.map(|place| json!({"key": key(state, place)})).into_iter().collect();
            (200, json!({"issues": issues}))
        }
        ("POST", ["issue"]) => {
            let fields = &call.body["fields"];
            if fields["priority"]["name"]
                .as_str()
                .is_some_and(|name| name.starts_with(char::is_lowercase))
            {
                return (
                    400,
                    json!({"errorMessages": [], "errors": {"priority": "The priority selected is invalid."}}),
                );
            }
            state.issues.push(fields.clone());
            (201, json!({"key": key(state, state.issues.len() - 1)}))
        }
        ("GET", ["issue", wanted]) => match place(state, wanted) {
            Some(place) => (200, json!({"key": wanted, "fields": state.issues[place]})),
            None => (404, json!({"errorMessages": ["Issue does not exist"]})),
        },
        ("POST", ["issue", wanted, "attachments"]) => {
            if call.headers.get("x-atlassian-token").is_none_or(|value| value != "no-check") {
                return (403, json!({"message": "XSRF check failed"}));
            }
            match (place(state, wanted), call.file()) {
                (Some(place), Some((name, content))) => {
                    let file = json!({"filename": name, "content": String::from_utf8_lossy(&content)});
                    let files = &mut state.issues[place]["attachment"];
                    match files.as_array_mut() {
                        Some(files) => files.push(file),
                        None => *files = json!([file]),
                    }
                    (200, json!([]))
                }
                _ => (404, json!({"errorMessages": ["no such issue, or no file"]})),
            }
        }
        _ => (
            404,
            json!({"errorMessages": [format!("{} {} is not served", call.method, call.path)]}),
        ),
    }
}

fn key(state: &State, place: usize) -> String {
    let project = state.issues[place]
        .pointer("/project/key")
        .and_then(Value::as_str)
        .unwrap_or("NONE");
    format!("{project}-{}", place + 1)
}

fn place(state: &State, wanted: &str) -> Option<usize> {
    (0..state.issues.len()).find(|place| key(state, *place) == wanted)
}
