//! Argo CD and Flux.

use jiff::Timestamp;
use paramedic_domain::change::STEP_ANNOTATION;
use serde_json::Value;

use super::{Progress, condition, holds, text};
use crate::{patch::mark_of, references::items};

/// The annotation by which Flux is asked to reconcile now.
pub const RECONCILE: &str = "reconcile.fluxcd.io/requestedAt";

/// Whether the operation that was asked of an Argo CD Application has succeeded.
pub(super) fn synced(object: &Value, since: Option<Timestamp>) -> Progress {
    if object.get("operation").is_some() {
        return Progress::Progressing("Argo CD has not begun yet".into());
    }
    let state = object.pointer("/status/operationState");
    let ours = match asked_by(state) {
        // Argo CD keeps what an operation was told about itself, so nobody's clock matters.
        Some(step) => mark_of(object) == Some(step),
        None => {
            let started: Option<Timestamp> = text(state, "startedAt").parse().ok();
            // Argo CD writes whole seconds.
            !matches!((started, since), (Some(started), Some(since)) if started.as_second() < since.as_second())
        }
    };
    if !ours {
        return Progress::Progressing("Argo CD has not begun yet".into());
    }
    let message = text(state, "message");
    match text(state, "phase") {
        "Succeeded" => Progress::Done(format!("synced: {message}")),
        "Failed" | "Error" => Progress::Stuck(message.to_owned()),
        "" => Progress::Progressing("Argo CD has not begun yet".into()),
        phase => Progress::Progressing(format!("{phase}: {message}")),
    }
}

/// The step that asked for the operation, as it says itself.
fn asked_by(state: Option<&Value>) -> Option<&str> {
    items(state?, "/operation/info")
        .find(|info| info.get("name").and_then(Value::as_str) == Some(STEP_ANNOTATION))?
        .get("value")?
        .as_str()
}

/// Whether Flux has handled the request it was given and is ready.
pub(super) fn reconciled(object: &Value) -> Progress {
    let asked = object
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(RECONCILE))
        .and_then(Value::as_str);
    let handled = object.pointer("/status/lastHandledReconcileAt").and_then(Value::as_str);
    let ready = condition(object, "Ready");
    if asked != handled {
        return Progress::Progressing("Flux has not begun yet".into());
    }
    match text(ready, "status") {
        "True" => Progress::Done(text(ready, "message").to_owned()),
        "False" if !holds(condition(object, "Reconciling")) => Progress::Stuck(text(ready, "message").to_owned()),
        _ => Progress::Progressing(text(ready, "message").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_older_operation_of_argo_is_not_the_one_that_was_asked_for() {
        let application =
            |started: &str| json!({"status": {"operationState": {"phase": "Succeeded", "startedAt": started, "message": "ok"}}});
        let since = "2026-11-22T10:00:00.4Z".parse().ok();
        assert!(matches!(
            synced(&application("2026-11-22T09:59:59Z"), since),
            Progress::Progressing(_)
        ));
        assert!(matches!(synced(&application("2026-11-22T10:00:00Z"), since), Progress::Done(_)));
        assert!(matches!(synced(&json!({"operation": {}}), since), Progress::Progressing(_)));
    }

    #[test]
    fn an_operation_that_says_which_step_asked_for_it_needs_no_clock() {
        let application = |step: &str| {
            json!({"metadata": {"annotations": {STEP_ANNOTATION: "plan_a/sync"}}, "status": {"operationState": {"phase": "Succeeded",
                "startedAt": "2026-11-22T09:59:00Z", "operation": {"info": [{"name": STEP_ANNOTATION, "value": step}]}}}})
        };
        let since = "2026-11-22T10:00:00Z".parse().ok();
        assert!(matches!(synced(&application("plan_a/sync"), since), Progress::Done(_)));
        assert!(matches!(synced(&application("plan_b/sync"), None), Progress::Progressing(_)));
    }

    #[test]
    fn flux_is_done_when_it_handled_the_request_and_is_ready() {
        let object = |handled: &str, ready: &str| {
            json!({"metadata": {"annotations": {RECONCILE: "now"}}, "status": {"lastHandledReconcileAt": handled,
                "conditions": [{"type": "Ready", "status": ready, "message": "m"}]}})
        };
        assert!(matches!(reconciled(&object("before", "True")), Progress::Progressing(_)));
        assert!(matches!(reconciled(&object("now", "True")), Progress::Done(_)));
        assert!(matches!(reconciled(&object("now", "False")), Progress::Stuck(_)));
    }
}
