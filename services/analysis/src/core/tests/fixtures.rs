//! Facts as the probes would gather them, with the numbers of the leak that has seven recommended actions.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    diagnosis::Diagnosis,
    evidence::Source,
    object::ObjectRef,
};

use crate::core::{
    contest::diagnose,
    engines::Knobs,
    facts::{Container, Ended, Facts, Hpa, Nodes, Pod, Quota, Revision, Series, Workload},
    families,
    logs::Pattern,
    rules::{self, RuleSet},
    trial,
};

pub(super) const MIB: f64 = 1_048_576.0;
pub(super) const GIB: f64 = 1024.0 * MIB;

pub(super) fn at() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

pub(super) fn ago(span: SignedDuration) -> Timestamp {
    at().checked_sub(span).unwrap()
}

pub(super) fn knobs() -> Knobs {
    /// They are compiled once for all that a test does.
    static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(RuleSet::load(&[]).unwrap()));
    Knobs {
        rules: RULES.clone(),
        debug_flags: vec!["--memory-profile=true".into()],
    }
}

pub(super) fn alert(name: &str, description: &str) -> Alert {
    Alert {
        fingerprint: "f1".into(),
        status: AlertStatus::Firing,
        labels: BTreeMap::from([("alertname".into(), name.into())]),
        annotations: BTreeMap::from([("description".into(), description.into())]),
        starts_at: ago(SignedDuration::from_mins(1)),
        ends_at: None,
        generator_url: String::new(),
        group_key: "{}".into(),
    }
}

pub(super) fn oom(minutes_ago: i64) -> Ended {
    Ended {
        reason: "OOMKilled".into(),
        exit_code: 137,
        at: Some(ago(SignedDuration::from_mins(minutes_ago))),
    }
}

pub(super) fn exit_1() -> Ended {
    Ended {
        reason: "Error".into(),
        exit_code: 1,
        at: Some(ago(SignedDuration::from_mins(2))),
    }
}

pub(super) fn pod(facts: &mut Facts, name: &str, revision: &str, restarts: u32, ended: Option<Ended>, waiting: Option<&str>) {
    let container = facts.workload.as_ref().unwrap().container.clone();
    let evidence = facts.cite(Source::Kubernetes, "/api/v1/pods", format!("pod {name}"), None);
    facts.pods.push(Pod {
        name: name.into(),
        revision: revision.into(),
        created: Some(ago(SignedDuration::from_hours(48))),
        ready: waiting.is_none(),
        containers: vec![Container {
            name: container,
            restarts,
            waiting: waiting.map(|reason| (reason.to_owned(), String::new())),
            ended,
        }],
        evidence,
    });
}

/// A workload with this limit and nothing else known.
pub(super) fn facts(namespace: &str, name: &str, container: &str, limit: f64) -> Facts {
    let mut facts = Facts::new(
        at(),
        vec![alert("OOMKilled", "container was killed because it reached its memory limit")],
    );
    let evidence = facts.cite(
        Source::Kubernetes,
        format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}"),
        name,
        None,
    );
    let mut object = ObjectRef::new("apps/v1", "Deployment", Some(namespace), name);
    object.uid = Some("u-1".into());
    facts.workload = Some(Workload {
        object,
        container: container.into(),
        labels: BTreeMap::from([("team".into(), "payments".into())]),
        desired: 4,
        ready: 3,
        limit: Some(limit),
        request: Some(limit / 2.0),
        has_args: true,
        scratch: vec!["/var/log/payments".into()],
        counted: families::usual(),
        surge: 1,
        evidence,
    });
    facts
}

pub(super) fn revision(facts: &mut Facts, number: u64, age: SignedDuration, ready: u32, changes: &[&str]) {
    let evidence = facts.cite(Source::Kubernetes, "/apis/apps/v1/replicasets", format!("revision {number}"), None);
    facts.revisions.push(Revision {
        number,
        name: format!("rs-{number}"),
        created: ago(age),
        replicas: ready,
        ready,
        changes: changes.iter().map(ToString::to_string).collect(),
        evidence,
    });
}

/// Hours of samples, every ten minutes: `value(hours since the first sample)`.
pub(super) fn samples(hours: u32, value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let end = at().as_second() as f64;
    (0..=hours * 6)
        .map(|i| {
            let hour = f64::from(i) / 6.0;
            (end - f64::from(hours * 3600) + hour * 3600.0, value(hour))
        })
        .collect()
}

pub(super) fn memory(facts: &mut Facts, pod: &str, points: Vec<(f64, f64)>) {
    let evidence = facts.cite(Source::Prometheus, "container_memory_working_set_bytes", pod, None);
    facts.memory.push(Series {
        of: pod.into(),
        points,
        evidence,
    });
}

pub(super) fn requests(facts: &mut Facts, points: Vec<(f64, f64)>) {
    let evidence = facts.cite(Source::Prometheus, "rate(http_requests_total)", "requests", None);
    facts.requests = Some(Series {
        of: "workload".into(),
        points,
        evidence,
    });
}

/// Room for the leaking workload as in the scenario: three nodes, neighbours, a quota, an autoscaler.
pub(super) fn room(facts: &mut Facts) {
    let evidence = facts.cite(Source::Kubernetes, "/api/v1/nodes", "nodes", None);
    facts.nodes = Some(Nodes {
        allocatable: vec![15.0 * GIB; 3],
        others: 4236.0 * MIB,
        evidence,
    });
    let evidence = facts.cite(Source::Kubernetes, "resourcequotas", "quota", None);
    facts.quotas.push(Quota {
        name: "production".into(),
        limits: Some((64.0 * GIB, 16.0 * GIB)),
        evidence,
    });
    let evidence = facts.cite(Source::Kubernetes, "horizontalpodautoscalers", "hpa", None);
    facts.hpa = Some(Hpa {
        name: "payment-service-hpa".into(),
        min: 4,
        max: 12,
        evidence,
    });
}

/// The whole leak: four pods, 50 MiB/h, a restart in one of them, a diurnal load, a growing pool.
pub(super) fn leaking(namespace: &str, name: &str) -> Facts {
    let mut facts = facts(namespace, name, name, 2.0 * GIB);
    for (i, restarts) in [3_u32, 0, 0, 0].into_iter().enumerate() {
        let ended = (restarts > 0).then(|| oom(1));
        pod(&mut facts, &format!("{name}-abc-{i}"), "rs-2", restarts, ended, None);
    }
    revision(&mut facts, 2, SignedDuration::from_hours(9 * 24), 4, &["image: 1 -> 2"]);
    revision(&mut facts, 1, SignedDuration::from_hours(37 * 24), 0, &[]);
    let noise = |hour: f64, salt: f64| 3.0 * MIB * ((hour * 7.3 + salt) * 12.9898).sin();
    for i in 0..4_u32 {
        let hours = 30 - 4 * i;
        let mut points = samples(hours, |hour| 540.0 * MIB + 50.0 * MIB * hour + noise(hour, f64::from(i)));
        if i == 0 {
            points.last_mut().unwrap().1 = 300.0 * MIB;
        }
        memory(&mut facts, &format!("{name}-abc-{i}"), points);
    }
    requests(
        &mut facts,
        samples(30, |hour| 320.0 * (1.0 + 0.4 * (hour * std::f64::consts::TAU / 24.0).sin())),
    );
    room(&mut facts);
    let evidence = facts.cite(Source::Loki, "{namespace}", "coroutine pool size 18231", None);
    facts.logs.push(Pattern {
        shape: "coroutine pool size #".into(),
        count: 200,
        pods: vec![format!("{name}-abc-1")],
        latest: "coroutine pool size 18231".into(),
        growing: Some((17_900.0, 18_231.0)),
        alarming: false,
        evidence,
    });
    facts
}

/// What is found in a test of the shipped rules.
pub(super) fn shipped(name: &str) -> Diagnosis {
    let tests = trial::read(rules::shipped::TESTS.iter().copied()).unwrap();
    let named = tests.iter().find(|named| named.test.name == name).unwrap();
    let facts = trial::facts(&named.test).unwrap();
    diagnose(&facts, &knobs()).unwrap()
}
