//! Requests to systems outside of the cluster: exact, found again by their mark, with what takes them back.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{operation::DryRun, saved_plan::SavedPlan};
use crate::{digest::Digest, id::StepId};

/// One request to one outside system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "call")]
pub enum Call {
    /// Silences alerts in Alertmanager.
    Silence(Silence),
    /// Files a ticket.
    Ticket(Ticket),
    /// Proposes a change of files in a Git repository.
    Commit(Commit),
    /// Asks an endpoint that the operator registered as an action.
    Request(Request),
    /// Applies a saved plan of an infrastructure module.
    Apply(SavedPlan),
}

/// A silence in Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// What is silenced, one set of matchers for each silence.
    pub matchers: Vec<Matchers>,
    /// How long, unless it is ended before.
    pub lasts: Duration,
    /// Why, for who looks at Alertmanager.
    pub comment: String,
}

/// Labels and the exact values that an alert must have to be silenced: never a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matchers {
    /// Value by label name.
    pub labels: BTreeMap<String, String>,
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Name of the configured tracker.
    pub tracker: String,
    /// Project key, or `owner/name` of a repository.
    pub project: String,
    /// Headline.
    pub title: String,
    /// Text.
    pub body: String,
    /// Labels.
    pub labels: Vec<String>,
    /// Priority in the tracker's own words; empty: the tracker's default.
    pub priority: String,
    /// Steps whose artifacts go with it.
    pub attachments: Vec<StepId>,
}

/// A commit on a branch of its own, and the request to merge it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Name of the configured repository.
    pub repository: String,
    /// The branch it is proposed for; never pushed to.
    pub base: String,
    /// Commit of the base branch that the change was computed on.
    pub base_commit: String,
    /// The branch it is pushed to.
    pub branch: String,
    /// Files, complete.
    pub files: Vec<FileChange>,
    /// Message.
    pub message: String,
    /// Whether a pull request is opened.
    pub pull_request: bool,
}

/// A file before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Path in the repository.
    pub path: String,
    /// Digest of the content that was seen.
    pub before: Digest,
    /// The new content.
    pub content: String,
    /// Unified diff, for people.
    pub diff: String,
}

/// A request to a registered endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Name of the registered action.
    pub action: String,
    /// What is asked for.
    pub forward: Exchange,
    /// What takes it back.
    pub undo: Option<Exchange>,
    /// Why nothing does, when nothing does.
    pub irreversible: Option<String>,
    /// What the endpoint said to a dry run.
    pub dry_run: DryRun,
}

/// One request over HTTP or gRPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// `POST`, `PUT`, `PATCH` or `DELETE`; `GRPC` for a gRPC method.
    pub method: String,
    /// URL; for gRPC the endpoint with `/package.Service/Method`.
    pub url: String,
    /// JSON body.
    pub body: Value,
}
