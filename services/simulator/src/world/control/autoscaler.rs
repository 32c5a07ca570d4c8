//! HorizontalPodAutoscaler on CPU and memory utilisation, with tolerance, limits and a calm way down.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::pods;
use crate::{
    store::{Gvr, Store},
    world::{
        events::{Note, tell},
        obj, quantity,
    },
};

/// Time between two looks, as the controller manager does by default.
pub(crate) const EVERY: Duration = Duration::from_secs(15);
/// A ratio this close to one changes nothing (the default).
const TOLERANCE: f64 = 0.1;
/// The highest wish of this long decides on the way down (the default).
const CALM: Duration = Duration::from_secs(300);

/// Earlier wishes by uid of the autoscaler.
pub(crate) type Wishes = BTreeMap<String, Vec<(Timestamp, i64)>>;

/// Current use of a pod by resource, in base units; `None` while it has no numbers.
pub(crate) type UsageOf<'a> = &'a dyn Fn(&Value, &str) -> Option<f64>;

/// What the metrics ask for.
struct Wish {
    replicas: i64,
    metrics: Vec<Value>,
}

/// One look at every autoscaler; true when one changed the size of its target.
pub(crate) fn step(store: &Store, wishes: &mut Wishes, usage: UsageOf<'_>, now: Timestamp) -> bool {
    let mut scaled = false;
    for scaler in store.awake(&Gvr::horizontal_pod_autoscalers()) {
        if !obj::deleting(&scaler) {
            scaled |= sync(store, wishes, usage, &scaler, now);
        }
    }
    scaled
}

fn sync(store: &Store, wishes: &mut Wishes, usage: UsageOf<'_>, scaler: &Value, now: Timestamp) -> bool {
    let ns = obj::namespace(scaler);
    let target = &scaler["spec"]["scaleTargetRef"];
    let gvr = match obj::text(target, "/kind") {
        "Deployment" => Gvr::deployments(),
        "StatefulSet" => Gvr::stateful_sets(),
        "ReplicaSet" => Gvr::replica_sets(),
        _ => return false,
    };
    let name = obj::text(target, "/name");
    let Some(workload) = store.get_shared(&gvr, Some(ns), name) else {
        let why = format!(
            "the HPA controller was unable to get the target's current scale: {} \"{name}\" not found",
            gvr.qualified()
        );
        report(
            store,
            scaler,
            None,
            [("AbleToScale", "False", "FailedGetScale", why.as_str())].as_slice(),
            now,
        );
        return false;
    };
    let current = obj::int(&workload, "/spec/replicas").unwrap_or(1);
    let least = obj::int(scaler, "/spec/minReplicas").unwrap_or(1);
    let most = obj::int(scaler, "/spec/maxReplicas").unwrap_or(least);
    if current == 0 {
        let why = "scaling is disabled since the replica count of the target is zero";
        report(
            store,
            scaler,
            Some((0, 0, &[])),
            [("ScalingActive", "False", "ScalingDisabled", why)].as_slice(),
            now,
        );
        return false;
    }
    let all = store.list_shared(&Gvr::pods(), Some(ns)).0;
    let ready: Vec<&Value> = all
        .iter()
        .map(|pod| &**pod)
        .filter(|pod| pods::active(pod) && pods::ready(pod) && obj::selects(&workload["spec"]["selector"], pod))
        .collect();
    let able = ("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size");
    let Some(wish) = wish(scaler, &ready, current, usage) else {
        let why = "the HPA was unable to compute the replica count: no metrics of ready pods";
        let conditions = [able, ("ScalingActive", "False", "FailedGetResourceMetric", why)];
        report(store, scaler, Some((current, current, &[])), &conditions, now);
        return false;
    };
    let calm = calmed(wishes, scaler, wish.replicas, now);
    let (wanted, limit) = limited(calm, current, least, most);
    let first = wish
        .metrics
        .first()
        .map_or("cpu", |metric| obj::text(metric, "/resource/name"))
        .to_owned();
    let active =
        format!("the HPA was able to successfully calculate a replica count from {first} resource utilization (percentage of request)");
    let conditions = [
        if wanted == current {
            able
        } else {
            (
                "AbleToScale",
                "True",
                "SucceededRescale",
                "the HPA controller was able to update the target scale",
            )
        },
        ("ScalingActive", "True", "ValidMetricFound", active.as_str()),
        limit,
    ];
    if wanted != current {
        obj::change(store, &gvr, ns, name, |workload| workload["spec"]["replicas"] = json!(wanted));
        let message = format!(
            "New size: {wanted}; reason: {first} resource utilization (percentage of request) {} target",
            if wanted > current { "above" } else { "below" }
        );
        tell(
            store,
            &Note {
                about: scaler,
                of: ("autoscaling/v2", "HorizontalPodAutoscaler"),
                container: None,
                warning: false,
                reason: "SuccessfulRescale",
                message: &message,
                component: "horizontal-pod-autoscaler",
                host: None,
                at: now,
            },
        );
    }
    report(store, scaler, Some((current, wanted, &wish.metrics)), &conditions, now);
    wanted != current
}

/// The largest number of replicas any metric asks for.
fn wish(scaler: &Value, ready: &[&Value], current: i64, usage: UsageOf<'_>) -> Option<Wish> {
    let mut best: Option<i64> = None;
    let mut metrics = Vec::new();
    for metric in scaler["spec"]["metrics"]
        .as_array()?
        .iter()
        .filter(|metric| metric["type"] == "Resource")
    {
        let name = obj::text(metric, "/resource/name");
        let Some(target) = obj::int(metric, "/resource/target/averageUtilization").filter(|t| *t > 0) else {
            continue;
        };
        let (mut used, mut asked, mut count) = (0.0, 0.0, 0.0);
        for pod in ready {
            let request = super::scheduler::request(pod, name);
            if let Some(value) = usage(pod, name).filter(|_| request > 0.0) {
                used += value;
                asked += request;
                count += 1.0;
            }
        }
        if count == 0.0 {
            continue;
        }
        let utilisation = (used / asked * 100.0).round();
        let ratio = utilisation / target as f64;
        let replicas = if (ratio - 1.0).abs() <= TOLERANCE {
            current
        } else {
            (ratio * count).ceil() as i64
        };
        let average = used / count;
        let average = if name == "cpu" {
            quantity::cores(average)
        } else {
            quantity::bytes(average)
        };
        metrics.push(json!({
            "type": "Resource",
            "resource": {"name": name, "current": {"averageUtilization": utilisation as i64, "averageValue": average}},
        }));
        best = best.max(Some(replicas));
    }
    best.map(|replicas| Wish { replicas, metrics })
}

/// The highest wish of the last five minutes.
fn calmed(wishes: &mut Wishes, scaler: &Value, wish: i64, now: Timestamp) -> i64 {
    let seconds = obj::int(scaler, "/spec/behavior/scaleDown/stabilizationWindowSeconds");
    let window = seconds.map_or(CALM, |s| Duration::from_secs(s.max(0).unsigned_abs()));
    let list = wishes.entry(obj::uid(scaler).to_owned()).or_default();
    list.retain(|(at, _)| obj::after(*at, window) > now);
    list.push((now, wish));
    list.iter().map(|(_, wish)| *wish).max().unwrap_or(wish)
}

type Condition<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Keeps a wish between the limits; a step up at most doubles or adds four.
fn limited(wish: i64, current: i64, least: i64, most: i64) -> (i64, Condition<'static>) {
    let step = (current * 2).max(current + 4);
    let limit = |reason, message| ("ScalingLimited", "True", reason, message);
    if wish > most {
        (
            most,
            limit(
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
            ),
        )
    } else if wish < least {
        (
            least,
            limit("TooFewReplicas", "the desired replica count is less than the minimum replica count"),
        )
    } else if wish > step {
        (
            step.min(most),
            limit(
                "ScaleUpLimit",
                "the desired replica count is increasing faster than the maximum scale rate",
            ),
        )
    } else {
        (
            wish,
            (
                "ScalingLimited",
                "False",
                "DesiredWithinRange",
                "the desired count is within the acceptable range",
            ),
        )
    }
}

fn report(store: &Store, scaler: &Value, sizes: Option<(i64, i64, &[Value])>, conditions: &[Condition<'_>], now: Timestamp) {
    obj::change(
        store,
        &Gvr::horizontal_pod_autoscalers(),
        obj::namespace(scaler),
        obj::name(scaler),
        |scaler| {
            let conditions: Vec<Value> = conditions
                .iter()
                .map(|(kind, status, reason, message)| {
                    let before = obj::condition(scaler, kind).filter(|c| c["status"] == *status);
                    let since = before.map_or_else(|| json!(obj::rfc3339(now)), |c| c["lastTransitionTime"].clone());
                    json!({"type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message})
                })
                .collect();
            let mut status = scaler["status"].clone();
            if !status.is_object() {
                status = json!({"desiredReplicas": 0, "currentMetrics": null});
            }
            status["conditions"] = json!(conditions);
            if let Some((current, wanted, metrics)) = sizes {
                if current != wanted {
                    status["lastScaleTime"] = json!(obj::rfc3339(now));
                }
                status["currentReplicas"] = json!(current);
                status["desiredReplicas"] = json!(wanted);
                status["currentMetrics"] = if metrics.is_empty() { Value::Null } else { json!(metrics) };
            }
            scaler["status"] = status;
        },
    );
}
