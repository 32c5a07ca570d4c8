//! Issues of GitHub, GitLab and Gitea, which differ in words more than in deeds.

use paramedic_catalogue::systems::Forge;
use paramedic_domain::change::Ticket;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    http::Api,
    ticket::Filed,
    upload::{File, multipart},
};
use crate::shell::kubernetes::Trouble;

/// Pages of issues that are looked through for a mark, newest first.
const PAGES: u32 = 5;

/// A project in an outside system.
pub(super) struct Address {
    pub(super) http: reqwest::Client,
    /// For people: `tracker bugs`.
    pub(super) system: String,
    /// Base URL without a slash at its end.
    pub(super) base: String,
    pub(super) token: Option<String>,
    /// `owner/name`.
    pub(super) project: String,
}

impl Address {
    /// The API of a forge, its credentials, and the path of the project in it.
    pub(super) fn of_forge(self, forge: Forge) -> (Api, String) {
        let project = match forge {
            Forge::Gitlab => format!("/projects/{}", self.project.replace('/', "%2F")),
            Forge::Github | Forge::Gitea | Forge::None => format!("/repos/{}", self.project),
        };
        let credentials = self.token.map(|token| match forge {
            Forge::Gitea => ("Authorization", format!("token {token}")),
            Forge::Gitlab => ("PRIVATE-TOKEN", token),
            Forge::Github | Forge::None => ("Authorization", format!("Bearer {token}")),
        });
        let api = Api {
            http: self.http,
            system: self.system,
            base: self.base,
            credentials,
        };
        (api, project)
    }
}

/// The issues of a project.
pub(super) struct Issues {
    api: Api,
    forge: Forge,
    project: String,
}

impl Issues {
    pub(super) fn github(address: Address) -> Self {
        Self::of(address, Forge::Github)
    }

    pub(super) fn gitlab(address: Address) -> Self {
        Self::of(address, Forge::Gitlab)
    }

    pub(super) fn gitea(address: Address) -> Self {
        Self::of(address, Forge::Gitea)
    }

    fn of(address: Address, forge: Forge) -> Self {
        let (api, project) = address.of_forge(forge);
        Self { api, forge, project }
    }

    /// The issue with this mark. They are listed, not searched: search indexes are late.
    pub(super) async fn find(&self, mark: &str) -> Result<Option<Filed>, Trouble> {
        let path = format!("{}/issues", self.project);
        for page in 1..=PAGES {
            let page = page.to_string();
            let mut pairs = vec![("state", "all"), ("page", &*page)];
            match self.forge {
                Forge::Github | Forge::None => pairs.extend([("per_page", "100"), ("sort", "created"), ("direction", "desc")]),
                Forge::Gitea => pairs.extend([("limit", "50"), ("type", "issues")]),
                // GitLab looks into its database for this one.
                Forge::Gitlab => pairs.extend([("per_page", "100"), ("search", mark), ("in", "description")]),
            }
            let listed = self.api.get(&path, &pairs).await?;
            let issues = listed.as_array().map_or(&[][..], Vec::as_slice);
            let ours = |issue: &&Value| {
                ["body", "description"].iter().any(|name| {
                    issue[*name]
                        .as_str()
                        .is_some_and(|text| text.lines().any(|line| line.trim() == mark))
                })
            };
            if let Some(issue) = issues.iter().find(ours) {
                return Ok(Some(filed(issue)));
            }
            if issues.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    pub(super) async fn file(&self, ticket: &Ticket, text: &str) -> Result<Filed, Trouble> {
        let title = ticket.title.replace('\n', " ");
        let body = match self.forge {
            Forge::Github | Forge::None => json!({"title": title, "body": text, "labels": ticket.labels}),
            // Gitea wants numbers of labels; their names are in the text.
            Forge::Gitea => json!({"title": title, "body": format!("labels: {}\n\n{text}", ticket.labels.join(", "))}),
            Forge::Gitlab => json!({"title": title, "description": text, "labels": ticket.labels.join(",")}),
        };
        let made = self.api.json(Method::POST, &format!("{}/issues", self.project), &body).await?;
        Ok(filed(&made))
    }

    /// Names of the files that are attached; `None` where none can be.
    pub(super) async fn attached(&self, filed: &Filed) -> Result<Option<Vec<String>>, Trouble> {
        let listed = match self.forge {
            Forge::Github | Forge::None => return Ok(None),
            Forge::Gitea => self.api.get(&format!("{}/issues/{}/assets", self.project, filed.key), &[]).await?,
            Forge::Gitlab => {
                let path = format!("{}/issues/{}/notes", self.project, filed.key);
                self.api.get(&path, &[("per_page", "100")]).await?
            }
        };
        let name = |entry: &Value| match self.forge {
            Forge::Gitlab => {
                let (name, _) = entry["body"].as_str()?.strip_prefix('[')?.split_once(']')?;
                Some(name.to_owned())
            }
            Forge::Github | Forge::Gitea | Forge::None => Some(entry["name"].as_str()?.to_owned()),
        };
        Ok(Some(listed.as_array().into_iter().flatten().filter_map(name).collect()))
    }

    pub(super) async fn attach(&self, filed: &Filed, file: File) -> Result<(), Trouble> {
        let (path, field) = match self.forge {
            Forge::Gitlab => (format!("{}/uploads", self.project), "file"),
            Forge::Github | Forge::Gitea | Forge::None => (format!("{}/issues/{}/assets", self.project, filed.key), "attachment"),
        };
        let request = self.api.http.post(format!("{}{path}", self.api.base));
        let stored = self.api.send(Method::POST, &path, multipart(request, field, &file)).await?;
        if self.forge == Forge::Gitlab {
            // An upload belongs to the project; a note ties it to the issue.
            let note = json!({"body": stored["markdown"].as_str().unwrap_or(&file.name)});
            let path = format!("{}/issues/{}/notes", self.project, filed.key);
            self.api.json(Method::POST, &path, &note).await?;
        }
        Ok(())
    }
}

fn filed(issue: &Value) -> Filed {
    let number = ["iid", "number"].iter().find_map(|name| issue[*name].as_u64()).unwrap_or_default();
    let url = ["html_url", "web_url"]
        .iter()
        .find_map(|name| issue[*name].as_str())
        .unwrap_or_default();
    Filed {
        key: number.to_string(),
        url: url.to_owned(),
    }
}
