//! The streams and buckets of Paramedic, by name.

use std::time::Duration;

use crate::{Bus, Error, StreamSpec};

/// The incident logs: one subject per incident and kind of event.
pub const INCIDENTS: &str = "INCIDENTS";
/// Normalised alerts as received.
pub const ALERTS: &str = "ALERTS";
/// Messages that a consumer gave up.
pub const DEADLETTERS: &str = "DEADLETTERS";

/// One remediation per target.
pub const LEASES: &str = "leases";
/// Who is changing what in a cluster or namespace, and who did within the last hour.
pub const LIMITS: &str = "limits";
/// Which replica does what only one should do.
pub const LEADERS: &str = "leaders";
/// Bucket of the kill switch.
pub const SWITCHES: &str = "switches";
/// Deliveries of a message that ended without a verdict.
pub const STRIKES: &str = "strikes";
/// How far the alerts of each cluster are correlated.
pub const CORRELATORS: &str = "correlators";
/// Alerts of Kubernetes' warning events that fire.
pub const WARNINGS: &str = "warnings";
/// Nonces of signed links.
pub const APPROVALS: &str = "approvals";
/// Success statistics by alert kind and action.
pub const OUTCOMES: &str = "outcomes";
/// What models were paid, by incident and by day.
pub const SPENDING: &str = "spending";
/// Blobs: logs, dumps, plan files.
pub const ARTIFACTS: &str = "artifacts";

/// How long a message id is remembered: an Alertmanager retries and repeats well within it.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Creates the streams that do not exist yet, with `replicas` copies (JetStream).
///
/// # Errors
/// When the bus is unavailable, or a stream of that name owns other subjects.
pub async fn ensure_all(bus: &dyn Bus, replicas: usize) -> Result<(), Error> {
    for (name, subject) in [
        (INCIDENTS, "paramedic.incident.>"),
        (ALERTS, "paramedic.alert.>"),
        (DEADLETTERS, "paramedic.deadletter.>"),
    ] {
        bus.ensure_stream(&StreamSpec {
            name: name.into(),
            subjects: vec![subject.into()],
            duplicate_window: DUPLICATE_WINDOW,
            replicas,
        })
        .await?;
    }
    Ok(())
}
