//! How long a change is watched before it is judged: as long as the cause needs to show itself again.

use std::time::Duration;

use paramedic_domain::{
    diagnosis::{Category, Diagnosis},
    plan::Plan,
};
use serde_json::Value;

use super::{
    read::{count, each},
    verify::{limit_after, slope_before},
};

/// What the operator allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Never shorter.
    pub least: Duration,
    /// Never longer.
    pub most: Duration,
}

/// How long, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// From the end of the workflow to the measurement.
    pub length: Duration,
    /// What it was chosen for.
    pub reason: String,
}

/// Probes fail and succeed in rounds: one to fail, and one more to see that it does not come back.
const ROUNDS: u32 = 2;

/// The window for what was diagnosed, after what was done. `templates`: pod templates, as they are now, of the workloads that are measured.
#[must_use]
pub fn window(diagnosis: &Diagnosis, plan: &Plan, templates: &[Value], bounds: Bounds) -> Window {
    let (mut length, mut reason) = needed(diagnosis.category);
    if diagnosis.category == Category::MemoryLeak {
        match time_to_fill(diagnosis, plan) {
            Some(time) => {
                (length, reason) = (
                    time,
                    "the leak fills the whole limit in this time: without a kill by then it is over",
                )
            }
            // Not known when it will show again: as long as may be.
            None => length = bounds.most,
        }
    }
    if let Some(probes) = templates.iter().map(rounds).max().filter(|probes| *probes > length) {
        (length, reason) = (probes, "the probes of its containers need this long to fail, and to fail again");
    }
    let reason = match length {
        length if length < bounds.least => format!("{reason}; never less than analysis.verification_window_seconds"),
        length if length > bounds.most => format!(
            "{reason}, which is {} min; never more than analysis.verification_most_seconds",
            length.as_secs() / 60
        ),
        _ => reason.to_owned(),
    };
    Window {
        length: length.max(bounds.least).min(bounds.most),
        reason,
    }
}

/// How long a cause may hide after a change that did not mend it. `docs/services/analysis.md` has the same table.
fn needed(category: Category) -> (Duration, &'static str) {
    let (minutes, reason) = match category {
        Category::BadRelease
        | Category::BadConfig
        | Category::MissingObject
        | Category::ProbeMisconfig
        | Category::AuthRbac
        | Category::CertExpiry => (
            11,
            "a crash loop restarts every 5 min at the latest, and its back-off is forgotten after 10 min",
        ),
        Category::ImagePull => (6, "pulls of an image are tried again every 5 min at the latest"),
        Category::Scheduling | Category::QuotaPolicy | Category::StorageProvisioning => {
            (6, "what could not be placed is tried again every 5 min at the latest")
        }
        Category::NetworkPolicy | Category::Dns | Category::ServiceMisroute => {
            (6, "rates over 5 min must be made of requests after the change alone")
        }
        Category::CpuThrottle | Category::DependencyFailure | Category::External | Category::ControlPlane => {
            (10, "clients come back with growing pauses, and rates over 5 min follow them")
        }
        Category::TrafficSurge => (
            11,
            "an autoscaler takes replicas away after 5 min of calm, and rates over 5 min follow it",
        ),
        Category::OomLimitTooLow | Category::MemoryLeak => (15, "memory is used when load comes, some minutes after a start"),
        Category::DbPoolExhaustion | Category::DbDeadlock => (15, "a pool fills, and locks meet, when all clients are back"),
        Category::StorageFull => (15, "what fills the volume goes on writing"),
        Category::NodeFailure | Category::ZoneFailure => (15, "pods leave a lost node after 5 min, and others have to start"),
        Category::ChangeRequest | Category::Cost | Category::NoFault => (5, "what was asked for is there, or it is not"),
    };
    (Duration::from_secs(minutes * 60), reason)
}

/// How long the leak needs for the limit that holds now, beginning with nothing.
fn time_to_fill(diagnosis: &Diagnosis, plan: &Plan) -> Option<Duration> {
    let slope = slope_before(diagnosis, &plan.criteria).filter(|slope| *slope > 0.0)?;
    let hours = limit_after(plan, &plan.criteria)? / slope;
    Duration::try_from_secs_f64(hours * 3600.0).ok()
}

/// How long the slowest container of a template needs until its probes have failed twice, its start included.
fn rounds(template: &Value) -> Duration {
    let round = |container: &Value, probe: &str| {
        let number = |key: &str, default: u32| count(container, &format!("/{probe}/{key}")).unwrap_or(default);
        container.get(probe).map_or(0, |_| {
            let each = number("periodSeconds", 10).saturating_mul(number("failureThreshold", 3));
            each.saturating_add(number("initialDelaySeconds", 0))
        })
    };
    let of = |container: &Value| {
        let running = round(container, "livenessProbe").max(round(container, "readinessProbe"));
        running.saturating_mul(ROUNDS).saturating_add(round(container, "startupProbe"))
    };
    let slowest = each(template, "/spec/containers").map(of).max();
    Duration::from_secs(slowest.unwrap_or(0).into())
}
