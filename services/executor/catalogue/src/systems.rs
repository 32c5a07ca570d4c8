//! The systems outside of the cluster that the operator configured, as far as a draft has to know them: names and bounds,
//! never an address or a secret.

use serde::{Deserialize, Serialize};

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Systems {
    /// Whether there is an Alertmanager.
    pub alertmanager: bool,
    /// Whether TCP connections may be opened to some network.
    pub tcp: bool,
    /// Where tickets go.
    pub trackers: Vec<Tracker>,
    /// Where manifests live.
    pub repositories: Vec<Repository>,
    /// Infrastructure modules.
    pub modules: Vec<Module>,
    /// Cloud accounts, by their ids.
    pub accounts: Vec<String>,
}

/// A module whose saved plans may be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Its workspace.
    pub workspace: String,
}

/// What a tracker speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words are the definition")]
pub enum TrackerKind {
    Jira,
    Github,
    Gitlab,
    Gitea,
    Webhook,
}

impl TrackerKind {
    /// The word for it in configuration and parameters.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Jira => "jira",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
            Self::Webhook => "webhook",
        }
    }
}

/// A tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracker {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub kind: TrackerKind,
    /// Project of tickets that name none; empty: they must.
    pub project: String,
    /// Labels of every ticket.
    pub labels: Vec<String>,
}

/// What asks for a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words are the definition")]
pub enum Forge {
    Github,
    Gitlab,
    Gitea,
    /// Branches are pushed and nobody is asked.
    None,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// The branch that changes are proposed for.
    pub base: String,
    /// Branches that are never pushed to; `*` stands for any characters.
    pub protected: Vec<String>,
    /// What asks for the merge.
    pub forge: Forge,
}

impl Repository {
    /// Whether nothing may be pushed to this branch.
    #[must_use]
    pub fn protects(&self, branch: &str) -> bool {
        branch == self.base || self.protected.iter().any(|pattern| fits(pattern, branch))
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters, none included.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|left| (0..=left.len()).any(|skip| left.is_char_boundary(skip) && fits(rest, &left[skip..]))),
    }
}

/// A file of a repository as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFile {
    /// Name of the repository.
    pub repository: String,
    /// Path in it.
    pub path: String,
    /// Commit of the base branch and the content there, or why there is none, as a sentence.
    pub seen: Result<(String, String), String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_branch_and_whatever_fits_a_pattern_are_protected() {
        let repository = Repository {
            name: "manifests".into(),
            base: "main".into(),
            protected: vec!["release/*".into(), "*-prod".into(), "live".into()],
            forge: Forge::None,
        };
        for (branch, protected) in [
            ("main", true),
            ("release/1", true),
            ("eu-prod", true),
            ("live", true),
            ("lively", false),
            ("paramedic/plan_a/rec-1", false),
            ("maintenance", false),
        ] {
            assert_eq!(repository.protects(branch), protected, "{branch}");
        }
    }
}
