//! Changes that a person or a pipeline asks for. A request is never an alert: what alerts say can explain, but it cannot order.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    id::{IncidentId, RequestId},
    object::ObjectRef,
};

/// Somebody wants something changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRequest {
    /// The asker's own id of it: what comes again with it is the same request.
    pub id: RequestId,
    /// Who asks, by its credentials.
    pub by: String,
    /// For whom it says it asks: shown, never believed. Empty: it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub on_behalf_of: String,
    /// What is asked for.
    pub what: What,
}

/// What somebody may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum What {
    /// A release: another image of one container.
    SetImage {
        /// The workload.
        target: ObjectRef,
        /// The container; `None`: the one whose image has the same repository, or the only one.
        container: Option<String>,
        /// The image, with its tag or digest.
        image: String,
    },
    /// What an infrastructure module describes.
    ApplyModule {
        /// Name of the configured module.
        module: String,
    },
    /// A report of what a cloud account cost. Nothing changes.
    ReportCosts {
        /// The account, 12 digits.
        account: String,
        /// The month, `2026-10`.
        month: String,
    },
}

impl What {
    /// What it is about, in terms of an object: outside of the cluster, a name that no API server knows.
    #[must_use]
    pub fn target(&self) -> ObjectRef {
        match self {
            Self::SetImage { target, .. } => target.clone(),
            Self::ApplyModule { module } => ObjectRef::new("terraform", "Module", None, module),
            Self::ReportCosts { account, .. } => ObjectRef::new("aws", "Account", None, account),
        }
    }
}

impl ChangeRequest {
    /// The incident of a request that came by `source`: the same one however often it comes.
    #[must_use]
    pub fn incident(source: &str, id: &RequestId) -> IncidentId {
        IncidentId::derive(&["request", source, id.as_str()])
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetImage {
                target,
                container: Some(container),
                image,
            } => write!(f, "run container {container} of {target} from {image}"),
            Self::SetImage {
                target,
                container: None,
                image,
            } => write!(f, "run {target} from {image}"),
            Self::ApplyModule { module } => write!(f, "apply what module {module} describes"),
            Self::ReportCosts { account, month } => write!(f, "report what account {account} cost in {month}"),
        }
    }
}
