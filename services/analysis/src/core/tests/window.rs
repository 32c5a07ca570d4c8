//! How long a fix is watched, by cause.

use std::time::Duration;

use paramedic_domain::{
    diagnosis::{Category, Diagnosis},
    verification::Criterion,
};
use serde_json::{Value, json};

use super::{
    fixtures::{GIB, MIB, knobs, leaking},
    verification::plan,
};
use crate::core::{
    contest::diagnose,
    window::{Bounds, Window, window},
};

const MINUTE: Duration = Duration::from_secs(60);
const WIDE: Bounds = Bounds {
    least: MINUTE,
    most: Duration::from_secs(7 * 86_400),
};

fn of(category: Category, templates: &[Value], bounds: Bounds) -> Window {
    let diagnosis = Diagnosis {
        category,
        ..diagnose(&leaking("production", "payment-service"), &knobs()).unwrap()
    };
    window(&diagnosis, &plan(&diagnosis), templates, bounds)
}

#[test]
fn every_cause_has_a_window_of_its_own_within_the_bounds() {
    let table = [
        (Category::BadConfig, 11),
        (Category::ImagePull, 6),
        (Category::DbPoolExhaustion, 15),
        (Category::NoFault, 5),
    ];
    for (category, minutes) in table {
        assert_eq!(of(category, &[], WIDE).length, minutes * MINUTE, "{category:?}");
    }
    let narrow = Bounds {
        least: 10 * MINUTE,
        most: 12 * MINUTE,
    };
    let short = of(Category::NoFault, &[], narrow);
    assert_eq!(short.length, narrow.least);
    assert!(short.reason.contains("never less than"), "{}", short.reason);
    let long = of(Category::DbDeadlock, &[], narrow);
    assert_eq!(long.length, narrow.most);
    assert!(long.reason.contains("which is 15 min; never more than"), "{}", long.reason);
}

#[test]
fn probes_that_take_their_time_are_waited_for() {
    let slow = json!({"spec": {"containers": [
        {"name": "proxy"},
        {"name": "web", "livenessProbe": {"initialDelaySeconds": 60, "periodSeconds": 60, "failureThreshold": 5},
            "readinessProbe": {"periodSeconds": 5}, "startupProbe": {"failureThreshold": 30}}]}});
    // twice (60 + 5 x 60), and 30 x 10 of the start
    let window = of(Category::ProbeMisconfig, std::slice::from_ref(&slow), WIDE);
    assert_eq!(window.length, Duration::from_secs(2 * 360 + 300));
    assert!(window.reason.starts_with("the probes"), "{}", window.reason);
    assert_eq!(of(Category::DbDeadlock, &[Value::Null], WIDE).length, 15 * MINUTE);
}

/// The leak of 50 MiB/h with a limit after the plan, and another slope.
fn leak(slope: f64, limit: f64, bounds: Bounds) -> Window {
    let mut diagnosis = diagnose(&leaking("production", "payment-service"), &knobs()).unwrap();
    let change = |criterion: &mut Criterion| {
        if criterion.unit == "bytes/h" {
            criterion.before = Some(slope);
        }
    };
    diagnosis.criteria.iter_mut().for_each(change);
    let mut plan = plan(&diagnosis);
    plan.steps[0].parameters["memory"] = json!(limit.to_string());
    window(&diagnosis, &plan, &[], bounds)
}

#[test]
fn a_leak_is_watched_until_it_would_have_killed_again_or_as_long_as_may_be() {
    let slow = leak(50.0 * MIB, 3.0 * GIB, WIDE);
    assert_eq!(slow.length.as_secs(), 3 * 1024 * 3600 / 50, "61.4 h: a kill by then, or it is over");
    let fast = leak(6.0 * 1024.0 * MIB, GIB, WIDE);
    assert_eq!(fast.length, 10 * MINUTE);
    let bounds = Bounds {
        least: 20 * MINUTE,
        most: 60 * MINUTE,
    };
    assert_eq!(leak(50.0 * MIB, 3.0 * GIB, bounds).length, bounds.most);
    assert_eq!(leak(6.0 * 1024.0 * MIB, GIB, bounds).length, bounds.least);
}
