//! Jobs.

use serde_json::Value;

use super::{Progress, condition, holds, text};

/// Whether a Job has completed.
pub(super) fn job(object: &Value) -> Progress {
    let count = |name: &str| object.pointer(&format!("/status/{name}")).and_then(Value::as_i64).unwrap_or(0);
    let failed = condition(object, "Failed");
    if holds(failed) {
        return Progress::Stuck(format!("{}: {}", text(failed, "reason"), text(failed, "message")));
    }
    let wanted = object.pointer("/spec/completions").and_then(Value::as_i64).unwrap_or(1);
    let state = format!(
        "{} of {wanted} completed, {} active, {} failed",
        count("succeeded"),
        count("active"),
        count("failed")
    );
    if holds(condition(object, "Complete")) {
        Progress::Done(state)
    } else {
        Progress::Progressing(state)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_done_by_its_condition_and_not_by_its_counts() {
        let job_with = |conditions: Value| json!({"spec": {"completions": 1}, "status": {"succeeded": 1, "conditions": conditions}});
        assert!(matches!(job(&job_with(json!([]))), Progress::Progressing(_)));
        assert!(matches!(
            job(&job_with(json!([{"type": "Complete", "status": "True"}]))),
            Progress::Done(_)
        ));
        let failed = json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}]);
        assert_eq!(job(&job_with(failed)), Progress::Stuck("BackoffLimitExceeded: too often".into()));
    }
}
