//! The sections of systems outside of the cluster.

use std::path::PathBuf;

use paramedic_catalogue::{
    external::External,
    systems::{self, Forge, Systems, TrackerKind},
};
use paramedic_runtime::config::Invalid;
use serde::{Deserialize, Serialize};

/// The `[executor.alertmanager]` section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Base URL, without `/api/v2`; empty: there is none, and nothing is silenced.
    pub url: String,
    /// File with a bearer token; empty: none is sent.
    pub token_file: PathBuf,
}

/// One `[[executor.trackers]]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracker {
    /// Its name in plans.
    pub name: String,
    /// What it speaks.
    pub kind: TrackerKind,
    /// Jira: its base URL. GitHub, GitLab, Gitea: base URL of the API (`https://api.github.com`, `https://gitlab.com/api/v4`,
    /// `https://HOST/api/v1`). Webhook: where the ticket is posted.
    pub url: String,
    /// File with the token; empty: none is sent.
    #[serde(default)]
    pub token_file: PathBuf,
    /// User of the token, for Jira Cloud; empty: the token is sent as a bearer.
    #[serde(default)]
    pub user: String,
    /// Project of tickets that name none.
    #[serde(default)]
    pub project: String,
    /// Labels of every ticket.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Type of issue in Jira.
    #[serde(default = "task")]
    pub issue_type: String,
}

fn task() -> String {
    "Task".into()
}

/// One `[[executor.repositories]]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Its name in plans.
    pub name: String,
    /// Where it is cloned from and pushed to: `https://...`, `ssh://...` or `file:///...`.
    pub url: String,
    /// The branch that changes are proposed for.
    pub base: String,
    /// File with the token of both Git and the API; empty: none is sent.
    #[serde(default)]
    pub token_file: PathBuf,
    /// User of the token in Git; empty: what the forge expects.
    #[serde(default)]
    pub user: String,
    /// What asks for the merge.
    pub forge: Forge,
    /// Base URL of the forge's API, as for trackers.
    #[serde(default)]
    pub api_url: String,
    /// `owner/name` (GitLab: `group/name`) there.
    #[serde(default)]
    pub project: String,
    /// Branches that are never pushed to, besides the base; `*` stands for any characters.
    #[serde(default)]
    pub protected: Vec<String>,
    /// Who commits, `Name <mail>`.
    #[serde(default = "author")]
    pub author: String,
}

fn author() -> String {
    "Paramedic <paramedic@localhost>".into()
}

impl super::Config {
    /// The names and bounds that drafts know.
    #[must_use]
    pub fn systems(&self) -> Systems {
        Systems {
            alertmanager: !self.alertmanager.url.is_empty(),
            tcp: !self.tcp_networks.is_empty(),
            trackers: self
                .trackers
                .iter()
                .map(|tracker| systems::Tracker {
                    name: tracker.name.clone(),
                    kind: tracker.kind,
                    project: tracker.project.clone(),
                    labels: tracker.labels.clone(),
                })
                .collect(),
            repositories: self
                .repositories
                .iter()
                .map(|repository| systems::Repository {
                    name: repository.name.clone(),
                    base: repository.base.clone(),
                    protected: repository.protected.clone(),
                    forge: repository.forge,
                })
                .collect(),
            modules: self
                .modules
                .iter()
                .map(|module| systems::Module {
                    name: module.name.clone(),
                    workspace: module.workspace.clone(),
                })
                .collect(),
            accounts: self.accounts.iter().map(|account| account.id.clone()).collect(),
        }
    }

    /// The registered actions; reads the files that they name.
    ///
    /// # Errors
    /// The key that cannot be used.
    pub fn external_actions(&self) -> Result<Vec<External>, Invalid> {
        self.actions
            .iter()
            .enumerate()
            .map(|(index, action)| action.read(&format!("executor.actions[{index}]")))
            .collect()
    }

    pub(super) fn validate_systems(&self) -> Result<(), Invalid> {
        if !self.alertmanager.url.is_empty() {
            http_url("executor.alertmanager.url", &self.alertmanager.url)?;
        }
        let names = |key: &str, names: Vec<&str>| {
            let mut seen = std::collections::BTreeSet::new();
            match names.iter().find(|name| name.is_empty() || !seen.insert(**name)) {
                Some(name) => Err(Invalid::new(key, format!("name {name:?} is empty or used twice"))),
                None => Ok(()),
            }
        };
        names(
            "executor.trackers",
            self.trackers.iter().map(|tracker| tracker.name.as_str()).collect(),
        )?;
        names(
            "executor.repositories",
            self.repositories.iter().map(|it| it.name.as_str()).collect(),
        )?;
        names("executor.modules", self.modules.iter().map(|it| it.name.as_str()).collect())?;
        names("executor.accounts", self.accounts.iter().map(|it| it.id.as_str()).collect())?;
        for (index, account) in self.accounts.iter().enumerate() {
            account.validate(&format!("executor.accounts[{index}]"))?;
        }
        for (index, module) in self.modules.iter().enumerate() {
            module.validate(&format!("executor.modules[{index}]"))?;
        }
        for (index, tracker) in self.trackers.iter().enumerate() {
            http_url(&format!("executor.trackers[{index}].url"), &tracker.url)?;
        }
        for (index, repository) in self.repositories.iter().enumerate() {
            repository.validate(&format!("executor.repositories[{index}]"))?;
        }
        Ok(())
    }
}

impl Repository {
    fn validate(&self, key: &str) -> Result<(), Invalid> {
        paramedic_runtime::git::plain_url(&format!("{key}.url"), &self.url)?;
        if self.base.is_empty() || self.base.starts_with('-') || self.base.contains([' ', ':', '*', '~', '^']) {
            return Err(Invalid::new(
                format!("{key}.base"),
                format!("{:?} is not the name of a branch", self.base),
            ));
        }
        if split_author(&self.author).is_none() {
            return Err(Invalid::new(
                format!("{key}.author"),
                format!("{:?} is not \"Name <mail>\"", self.author),
            ));
        }
        match self.forge {
            Forge::None => Ok(()),
            Forge::Github | Forge::Gitlab | Forge::Gitea => {
                http_url(&format!("{key}.api_url"), &self.api_url)?;
                if !self.project.contains('/') {
                    return Err(Invalid::new(
                        format!("{key}.project"),
                        format!("{:?} is not owner/name", self.project),
                    ));
                }
                Ok(())
            }
        }
    }
}

/// Name and mail address of `Name <mail>`.
pub(crate) fn split_author(author: &str) -> Option<(&str, &str)> {
    let (name, rest) = author.split_once(" <")?;
    let mail = rest.strip_suffix('>')?;
    (!name.is_empty() && mail.contains('@') && !mail.contains(['<', '>', ' ', '\n'])).then_some((name, mail))
}

/// Checks an address.
pub(super) fn http_url(key: &str, url: &str) -> Result<(), Invalid> {
    match url::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.password().is_none() => Ok(()),
        Ok(_) | Err(_) => Err(Invalid::new(key, format!("{url:?} is not an http(s) URL without a password"))),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, io::Write as _};

    use super::*;
    use crate::config::{Config, DEFAULTS};

    #[derive(Deserialize)]
    struct File {
        executor: Config,
    }

    fn read(text: &str) -> Config {
        let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let read: File = paramedic_runtime::config::load(&[DEFAULTS], Some(file.path()), HashMap::new(), &[]).unwrap();
        read.executor
    }

    const ACTION: &str = r#"
        [[executor.actions]]
        name = "flush_queue"
        description = "empties a queue"
        schema = '{"type": "object", "additionalProperties": false, "properties": {"queueName": {"type": "string"}}}'
        risk = "high"
        kind = "http"
        url = "https://queues.example/flush"
    "#;

    #[test]
    fn systems_and_actions_are_read_from_a_file() {
        let config = read(&format!(
            r#"
            [executor.alertmanager]
            url = "http://alertmanager:9093"
            [[executor.trackers]]
            name = "bugs"
            kind = "jira"
            url = "https://jira.example"
            [[executor.repositories]]
            name = "k8s-configs"
            url = "https://git.example/ops/k8s-configs.git"
            base = "main"
            forge = "gitea"
            api_url = "https://git.example/api/v1"
            project = "ops/k8s-configs"
            {ACTION}
            undo_url = "https://queues.example/restore"
            [executor.actions.headers]
            X-Team = "ops"
            "#
        ));
        config.validate().unwrap();
        let systems = config.systems();
        assert!(systems.alertmanager);
        assert_eq!(
            (systems.trackers[0].kind, systems.repositories[0].forge),
            (TrackerKind::Jira, Forge::Gitea)
        );
        let actions = config.external_actions().unwrap();
        assert!(
            actions[0].schema.pointer("/properties/queueName").is_some(),
            "{:?}",
            actions[0].schema
        );
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let problem = |text: &str| {
            let config = read(text);
            config
                .validate()
                .err()
                .or_else(|| config.external_actions().err())
                .map(|invalid| invalid.to_string())
        };
        let repository = |url: &str| format!("[[executor.repositories]]\nname = \"a\"\nurl = \"{url}\"\nbase = \"main\"\nforge = \"none\"");
        for (text, key) in [
            ("[executor.alertmanager]\nurl = \"am:9093\"".to_owned(), "executor.alertmanager.url"),
            ("[executor]\ntcp_networks = [\"10.0.0.0\"]".to_owned(), "executor.tcp_networks"),
            (repository("ext::sh -c x"), "executor.repositories[0].url"),
            (repository("--upload-pack=x"), "executor.repositories[0].url"),
            (repository("https://me:secret@git.example/x"), "executor.repositories[0].url"),
            (ACTION.to_owned(), "executor.actions[0]"),
            (format!("{ACTION}\nmethod = \"GET\""), "executor.actions[0].method"),
            (
                format!("{ACTION}\nirreversible = \"x\"\ndry_run = {{ query = \"dry\" }}"),
                "executor.actions[0].dry_run.query",
            ),
        ] {
            let problem = problem(&text).unwrap_or_else(|| panic!("accepted: {text}"));
            assert!(problem.contains(&format!("key {key}:")), "{problem}");
        }
        assert_eq!(problem(&repository("file:///srv/x.git")), None);
    }
}
