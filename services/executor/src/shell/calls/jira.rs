//! Issues in Jira, both kinds of it (REST API 2). The mark is a label as well, because labels are searched exactly.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use paramedic_domain::{change::Ticket, digest::Digest};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    forge::Address,
    http::Api,
    ticket::Filed,
    upload::{File, multipart},
};
use crate::{config, shell::kubernetes::Trouble};

pub(super) struct Jira<'a> {
    api: Api,
    config: &'a config::Tracker,
}

impl<'a> Jira<'a> {
    pub(super) fn new(config: &'a config::Tracker, address: Address) -> Self {
        let credentials = address.token.map(|token| {
            let value = if config.user.is_empty() {
                format!("Bearer {token}")
            } else {
                format!("Basic {}", STANDARD.encode(format!("{}:{token}", config.user)))
            };
            ("Authorization", value)
        });
        Self {
            api: Api {
                http: address.http,
                system: address.system,
                base: address.base,
                credentials,
            },
            config,
        }
    }

    pub(super) async fn find(&self, ticket: &Ticket, mark: &str) -> Result<Option<Filed>, Trouble> {
        // The project was checked to be a word when the plan was drafted; a quote in it would end the text.
        let query = format!("project = \"{}\" AND labels = \"{}\"", ticket.project.replace('"', ""), label(mark));
        let pairs = [("jql", query.as_str()), ("fields", "summary"), ("maxResults", "1")];
        // Jira Cloud has moved its search; Data Center has not.
        let found = match self.api.get("/rest/api/2/search", &pairs).await {
            Err(Trouble::Missing(_)) => self.api.get("/rest/api/2/search/jql", &pairs).await,
            answer => answer,
        }?;
        Ok(found.pointer("/issues/0/key").and_then(Value::as_str).map(|key| self.filed(key)))
    }

    pub(super) async fn file(&self, ticket: &Ticket, text: &str, mark: &str) -> Result<Filed, Trouble> {
        // Jira takes labels without spaces only.
        let mut labels: Vec<String> = ticket.labels.iter().map(|label| label.replace(' ', "-")).collect();
        labels.push(label(mark));
        let mut fields = json!({
            "project": {"key": ticket.project},
            "issuetype": {"name": self.config.issue_type},
            "summary": ticket.title.replace('\n', " ").chars().take(250).collect::<String>(),
            "description": text,
            "labels": labels,
        });
        if !ticket.priority.is_empty() {
            fields["priority"] = json!({"name": capital(&ticket.priority)});
        }
        let made = self.api.json(Method::POST, "/rest/api/2/issue", &json!({"fields": fields})).await?;
        match made["key"].as_str() {
            Some(key) => Ok(self.filed(key)),
            None => Err(Trouble::Transient {
                what: self.api.system.clone(),
                detail: "the answer does not name the new issue".into(),
                sent: true,
            }),
        }
    }

    pub(super) async fn attached(&self, filed: &Filed) -> Result<Vec<String>, Trouble> {
        let path = format!("/rest/api/2/issue/{}", filed.key);
        let issue = self.api.get(&path, &[("fields", "attachment")]).await?;
        let files = issue.pointer("/fields/attachment").and_then(Value::as_array);
        Ok(files
            .into_iter()
            .flatten()
            .filter_map(|file| Some(file["filename"].as_str()?.to_owned()))
            .collect())
    }

    pub(super) async fn attach(&self, filed: &Filed, file: File) -> Result<(), Trouble> {
        let path = format!("/rest/api/2/issue/{}/attachments", filed.key);
        let request = self.api.http.post(format!("{}{path}", self.api.base));
        // Without this header Jira takes the upload for a forged one of a browser.
        let request = multipart(request.header("X-Atlassian-Token", "no-check"), "file", &file);
        self.api.send(Method::POST, &path, request).await.map(drop)
    }

    fn filed(&self, key: &str) -> Filed {
        Filed {
            key: key.to_owned(),
            url: format!("{}/browse/{key}", self.api.base),
        }
    }
}

/// The mark as a label: labels have no spaces and no slashes that every version takes.
fn label(mark: &str) -> String {
    format!("paramedic-{}", Digest::of(mark.as_bytes()).short())
}

/// `high` as Jira writes it.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
