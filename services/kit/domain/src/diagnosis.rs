//! A diagnosis: what is wrong, with what, how sure, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::{Evidence, Source},
    id::{EvidenceId, IncidentId},
    object::ObjectRef,
    plan::{PlanOption, Recommendation},
    verification::Criterion,
};

/// The closed vocabulary of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each word is the field's own name for the cause")]
pub enum Category {
    OomLimitTooLow,
    MemoryLeak,
    CpuThrottle,
    BadRelease,
    BadConfig,
    MissingObject,
    ImagePull,
    ProbeMisconfig,
    Scheduling,
    QuotaPolicy,
    StorageFull,
    StorageProvisioning,
    NetworkPolicy,
    Dns,
    ServiceMisroute,
    NodeFailure,
    ZoneFailure,
    DependencyFailure,
    DbPoolExhaustion,
    DbDeadlock,
    TrafficSurge,
    CertExpiry,
    AuthRbac,
    External,
    ControlPlane,
    ChangeRequest,
    Cost,
    NoFault,
}

/// One reason for or against the diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// The sentence a person reads.
    pub text: String,
    /// Share of confidence it adds (or takes, when negative).
    pub weight: f64,
    /// Evidence it rests on; never empty.
    pub evidence: Vec<EvidenceId>,
}

/// Another cause that was considered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// Cause.
    pub category: Category,
    /// The object that would be at fault.
    pub target: ObjectRef,
    /// 0 to 1.
    pub confidence: f64,
    /// One or two sentences.
    pub summary: String,
}

/// Something that happened, as one source tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// Who tells it.
    pub source: Source,
    /// What it happened to: an object of the cluster or, in traces, a service.
    pub object: String,
    /// What happened, in one line.
    pub what: String,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// Name of the artifact that holds what an investigation saw.
#[must_use]
pub fn seen(incident: &IncidentId, attempt: u32) -> String {
    format!("{incident}/analysis/attempt-{attempt}.json")
}

/// What an engine concluded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Cause.
    pub category: Category,
    /// The object at fault, not necessarily the alert's.
    pub target: ObjectRef,
    /// 0 to 1.
    pub confidence: f64,
    /// One or two sentences.
    pub summary: String,
    /// Cause first, symptom last.
    pub causal_chain: Vec<String>,
    /// Why this confidence.
    pub factors: Vec<Factor>,
    /// Everything the factors cite.
    pub evidence: Vec<Evidence>,
    /// Sources that could not be asked, with the reason; each lowered the confidence, but `model: ...`, which is no source of evidence.
    pub missing_sources: Vec<String>,
    /// What the engine would do.
    pub recommendations: Vec<Recommendation>,
    /// Up to three ways out, best first; the first one's steps are `recommendations`. Empty: there is only that one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<PlanOption>,
    /// Other causes that would explain it, most likely first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// What would show that it is wrong; empty: the engine does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wrong_if: String,
    /// What happened, from all sources, by time and then source; the most telling of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Happening>,
    /// How many less telling happenings were left out of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timeline_left_out: u32,
    /// How to tell that it worked.
    pub criteria: Vec<Criterion>,
    /// Which engine said so.
    pub engine: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
