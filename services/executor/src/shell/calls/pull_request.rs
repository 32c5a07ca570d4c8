//! Requests to merge a branch, found again by the branch.

use paramedic_catalogue::systems::Forge;
use paramedic_domain::change::Commit;
use reqwest::Method;
use serde_json::{Value, json};

use super::{forge::Address, http::Api};
use crate::shell::kubernetes::Trouble;

/// Pages of requests that are looked through, newest first.
const PAGES: u32 = 5;

/// The requests to merge of one project.
pub(super) struct PullRequests {
    api: Api,
    forge: Forge,
    path: String,
    owner: String,
}

/// Where a request to merge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Closed,
    Merged,
}

/// A request to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PullRequest {
    number: u64,
    pub(super) url: String,
    pub(super) state: State,
}

impl PullRequests {
    pub(super) fn new(address: Address, forge: Forge) -> Self {
        let owner = address.project.split('/').next().unwrap_or_default().to_owned();
        let (api, project) = address.of_forge(forge);
        let requests = if forge == Forge::Gitlab { "merge_requests" } else { "pulls" };
        Self {
            api,
            forge,
            path: format!("{project}/{requests}"),
            owner,
        }
    }

    pub(super) async fn find(&self, commit: &Commit) -> Result<Option<PullRequest>, Trouble> {
        let head = format!("{}:{}", self.owner, commit.branch);
        for page in 1..=PAGES {
            let page = page.to_string();
            let mut pairs = vec![("state", "all"), ("page", &*page)];
            match self.forge {
                Forge::Github | Forge::None => pairs.extend([("per_page", "100"), ("head", &*head)]),
                Forge::Gitlab => pairs.extend([("per_page", "100"), ("source_branch", &*commit.branch)]),
                Forge::Gitea => pairs.extend([("limit", "50"), ("sort", "recentupdate")]),
            }
            let listed = self.api.get(&self.path, &pairs).await?;
            let all = listed.as_array().map_or(&[][..], Vec::as_slice);
            let ours = |request: &&Value| {
                let branch = request.pointer("/head/ref").or_else(|| request.get("source_branch"));
                branch.and_then(Value::as_str) == Some(&commit.branch)
            };
            if let Some(request) = all.iter().find(ours) {
                return Ok(Some(read(request)));
            }
            if all.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    pub(super) async fn open(&self, commit: &Commit) -> Result<PullRequest, Trouble> {
        let (title, text) = commit.message.split_once('\n').unwrap_or((&commit.message, ""));
        let text = text.trim();
        let body = match self.forge {
            Forge::Github | Forge::Gitea | Forge::None => {
                json!({"title": title, "body": text, "head": commit.branch, "base": commit.base})
            }
            Forge::Gitlab => json!({"title": title, "description": text, "source_branch": commit.branch, "target_branch": commit.base}),
        };
        let made = self.api.json(Method::POST, &self.path, &body).await?;
        Ok(read(&made))
    }

    pub(super) async fn close(&self, request: &PullRequest) -> Result<(), Trouble> {
        let path = format!("{}/{}", self.path, request.number);
        let (method, body) = match self.forge {
            Forge::Github | Forge::Gitea | Forge::None => (Method::PATCH, json!({"state": "closed"})),
            Forge::Gitlab => (Method::PUT, json!({"state_event": "close"})),
        };
        self.api.json(method, &path, &body).await.map(drop)
    }
}

fn read(request: &Value) -> PullRequest {
    let number = ["iid", "number"]
        .iter()
        .find_map(|name| request[*name].as_u64())
        .unwrap_or_default();
    let url = ["html_url", "web_url"]
        .iter()
        .find_map(|name| request[*name].as_str())
        .unwrap_or_default();
    let merged = request["merged"] == true || request["merged_at"].is_string() || request["state"] == "merged";
    PullRequest {
        number,
        url: url.to_owned(),
        state: match request["state"].as_str() {
            _ if merged => State::Merged,
            Some("open" | "opened") => State::Open,
            Some(_) | None => State::Closed,
        },
    }
}
