//! Traces of simulated requests, computed when they are asked for, the same ones every time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::jaeger::Traces;
use crate::{
    scenario::{Scenario, Trace, TraceSpan},
    world::{
        World,
        ledger::{Ledger, PodRecord, WorkloadKey},
        locked::read,
        model::{Run, hash},
        obj::{at_secs, secs},
        onset::Sight,
    },
};

/// Most traces one search looks at.
const MOST: i64 = 20_000;

/// One recorded operation.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) service: String,
    pub(crate) operation: String,
    /// Seconds since 1970.
    pub(crate) start: f64,
    /// Seconds.
    pub(crate) duration: f64,
    pub(crate) tags: BTreeMap<String, Value>,
    pub(crate) failed: bool,
}

/// One request and everything below it.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) id: String,
    /// The first span is the root.
    pub(crate) spans: Vec<Span>,
    /// The trace as it was read, if it was not computed.
    pub(crate) otlp: Option<Vec<Value>>,
}

impl Traces for World {
    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn operations(&self) -> BTreeMap<String, Vec<String>> {
        operations(self.scenario())
    }

    fn calls(&self) -> Value {
        json!(calls(self.scenario()))
    }

    fn by_id(&self, id: &str) -> Option<Recorded> {
        by_id(self, id)
    }

    fn between(&self, start: f64, end: f64, keep: &dyn Fn(&Recorded) -> bool, limit: usize) -> Vec<Recorded> {
        between(self, start, end, keep, limit)
    }
}

fn between(world: &World, start: f64, end: f64, keep: &dyn Fn(&Recorded) -> bool, limit: usize) -> Vec<Recorded> {
    let ledger = read(world.ledger());
    let end = end.min(secs(world.clock().now()));
    let mut found = Vec::new();
    for (kind, trace) in world.scenario().traces.iter().enumerate() {
        let every = trace.every.as_secs_f64();
        let (first, last) = ((start / every).ceil() as i64, (end / every).floor() as i64);
        let mut taken = 0;
        for n in (first.max(last - MOST)..=last).rev() {
            let recorded = record(sight(world, &ledger), kind, trace, n);
            // A trace is known once its root has ended.
            let ended = recorded.spans[0].start + recorded.spans[0].duration <= end;
            if ended && keep(&recorded) {
                found.push(recorded);
                taken += 1;
                if taken == limit {
                    break;
                }
            }
        }
    }
    found.sort_by(|a, b| b.spans[0].start.total_cmp(&a.spans[0].start));
    found.truncate(limit);
    found
}

fn sight<'a>(world: &'a World, ledger: &'a Ledger) -> Sight<'a> {
    Sight {
        scenario: world.scenario(),
        ledger,
        origin: secs(world.origin()),
    }
}

fn by_id(world: &World, id: &str) -> Option<Recorded> {
    let id = format!("{id:0>32}");
    let kind = usize::from_str_radix(id.get(16..20)?, 16).ok()?;
    let n = i64::from_str_radix(id.get(20..)?, 16).ok()?;
    let trace = world.scenario().traces.get(kind)?;
    let recorded = record(sight(world, &read(world.ledger())), kind, trace, n);
    let ended = recorded.spans[0].start + recorded.spans[0].duration <= secs(world.clock().now());
    (recorded.id == id && ended).then_some(recorded)
}

fn operations(scenario: &Scenario) -> BTreeMap<String, Vec<String>> {
    fn walk(span: &TraceSpan, out: &mut BTreeMap<String, Vec<String>>) {
        let list = out.entry(span.service.clone()).or_default();
        if !list.contains(&span.operation) {
            list.push(span.operation.clone());
        }
        span.children.iter().for_each(|child| walk(child, out));
    }
    let mut out = BTreeMap::new();
    scenario.traces.iter().for_each(|trace| walk(&trace.root, &mut out));
    out
}

/// Calls between services, counted over a day.
fn calls(scenario: &Scenario) -> Vec<Value> {
    fn walk(span: &TraceSpan, times: u64, out: &mut BTreeMap<(String, String), u64>) {
        for child in &span.children {
            if child.service != span.service {
                *out.entry((span.service.clone(), child.service.clone())).or_default() += times;
            }
            walk(child, times, out);
        }
    }
    let mut out = BTreeMap::new();
    for trace in &scenario.traces {
        walk(&trace.root, (86_400.0 / trace.every.as_secs_f64()) as u64, &mut out);
    }
    let shown = |((parent, child), count)| json!({"parent": parent, "child": child, "callCount": count});
    out.into_iter().map(shown).collect()
}

fn record(sight: Sight<'_>, kind: usize, trace: &Trace, n: i64) -> Recorded {
    // The id says which trace it is, so that it can be found again.
    let id = format!("{:016x}{kind:04x}{n:012x}", hash(&sight.scenario.name, n));
    let start = trace.every.as_secs_f64() * n as f64;
    let mut maker = Maker {
        sight,
        id: &id,
        spans: Vec::new(),
    };
    maker.make(&trace.root, None, start);
    Recorded {
        spans: maker.spans,
        otlp: None,
        id,
    }
}

struct Maker<'a> {
    sight: Sight<'a>,
    id: &'a str,
    spans: Vec<Span>,
}

impl Maker<'_> {
    /// Records a span and its children; answers when it ends and whether it failed.
    fn make(&mut self, plan: &TraceSpan, parent: Option<String>, start: f64) -> (f64, bool) {
        let index = self.spans.len();
        let id = format!("{:016x}", hash(self.id, index as i64));
        let (own, failed, tags) = self.work(plan, index, at_secs(start));
        self.spans.push(Span {
            id: id.clone(),
            parent,
            service: plan.service.clone(),
            operation: plan.operation.clone(),
            start,
            duration: own,
            tags,
            failed,
        });
        // Work before the first call, and after the last.
        let mut at = start + own * 0.4;
        let mut broken = failed;
        for child in &plan.children {
            let (ended, child_failed) = self.make(child, Some(id.clone()), at);
            at = ended;
            broken |= child_failed;
        }
        let ended = at + own * 0.6;
        self.spans[index].duration = ended - start;
        self.spans[index].failed = broken;
        (ended, broken)
    }

    /// Own time of a span, whether it failed, and its tags.
    fn work(&self, plan: &TraceSpan, index: usize, at: Timestamp) -> (f64, bool, BTreeMap<String, Value>) {
        let chance = |salt: &str| hash(&format!("{}{salt}", self.id), index as i64) as f64 / u64::MAX as f64;
        let mut tags = plan.tags.clone();
        let fixed = plan.own_ms.map(|ms| ms / 1000.0 * (0.7 + 0.6 * chance("time")));
        let Some((namespace, name)) = plan.workload.as_deref().and_then(|workload| workload.split_once('/')) else {
            return (fixed.unwrap_or(0.002), false, tags);
        };
        let serves = |pod: &&PodRecord| is_of(&pod.workload, namespace, name) && pod.ready_at(at);
        let pods: Vec<&PodRecord> = self.sight.ledger.pods.iter().filter(serves).collect();
        let pick = (chance("pod") * pods.len() as f64) as usize;
        let Some(pod) = pods.get(pick.min(pods.len().saturating_sub(1))) else {
            tags.insert("error.message".to_owned(), "connection refused: no endpoint is ready".into());
            return (0.001, true, tags);
        };
        tags.insert("k8s.pod.name".to_owned(), pod.name.clone().into());
        tags.insert("k8s.namespace.name".to_owned(), pod.namespace.clone().into());
        let served = pod.containers.iter().find(|container| container.behaviour.is_some());
        let run = served.and_then(|container| {
            Some(Run {
                scenario: self.sight.scenario,
                container,
                instance: container.instance_at(at)?,
            })
        });
        let Some(run) = run else {
            return (fixed.unwrap_or(0.002), false, tags);
        };
        let biting = self.sight.biting(&run, secs(at));
        let failed = chance("failure") < run.error_rate(&biting);
        tags.insert("http.status_code".to_owned(), if failed { 500 } else { 200 }.into());
        (fixed.unwrap_or_else(|| run.latency(&biting).quantile(chance("time"))), failed, tags)
    }
}

fn is_of(key: &WorkloadKey, namespace: &str, name: &str) -> bool {
    key.namespace == namespace && key.name == name
}
