//! How far a change is after the API server accepted it, read from the object's status.

pub mod gitops;
mod job;
mod rollout;
mod volume;

use jiff::Timestamp;
use paramedic_domain::change::Wait;
use serde_json::Value;

/// Where a change stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Done; says what is there now.
    Done(String),
    /// On its way; says how far.
    Progressing(String),
    /// Its controller has given up; says why.
    Stuck(String),
}

/// How far `object` is. `since`: when the change was made; an older verdict of a controller is about an older change.
#[must_use]
pub fn progress(wait: Wait, object: &Value, since: Option<Timestamp>) -> Progress {
    match wait {
        Wait::Accepted => Progress::Done("accepted".into()),
        Wait::Rollout => rollout::rollout(object, since),
        Wait::JobComplete => job::job(object),
        Wait::Resized => volume::resized(object),
        Wait::PodResized => volume::pod_resized(object),
        Wait::Synced => gitops::synced(object, since),
        Wait::Reconciled => gitops::reconciled(object),
        Wait::SnapshotReady => volume::snapshot(object),
    }
}

/// The condition of that type in `/status/conditions`.
fn condition<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object
        .pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(name))
}

fn holds(condition: Option<&Value>) -> bool {
    condition.and_then(|condition| condition.get("status")).and_then(Value::as_str) == Some("True")
}

fn text<'a>(value: Option<&'a Value>, name: &str) -> &'a str {
    value.and_then(|value| value.get(name)).and_then(Value::as_str).unwrap_or_default()
}
