//! Spans of traces: where the time goes, what fails, who calls whom.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paramedic_domain::{evidence::Source, object::ObjectRef};
use serde_json::Value;

use super::{
    read::{each, text},
    snapshot::{Snapshot, reference},
    stats::median,
    subjects::{Quote, owners::WORKLOADS},
};

/// A span takes its usual time up to this multiple of it.
const SLOWER: f64 = 2.0;
/// A span that takes less of its traces' time is not what is waited for.
const MIN_SHARE: f64 = 0.5;
/// Time that nobody waits for, seconds.
const UNFELT: f64 = 0.05;
/// Share of a span's runs that fail, from which it is said.
const MIN_FAILED: f64 = 0.2;
/// OTLP's number of spans that ask somebody else.
const CLIENT: i64 = 3;
/// OTLP's number of the status of spans that failed.
const FAILED: i64 = 2;
/// Attributes of a client's span that name whom it asks, the newest convention first.
const PEERS: [&str; 3] = ["server.address", "peer.service", "net.peer.name"];

/// One span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its trace.
    pub trace: String,
    /// Its id.
    pub id: String,
    /// The span that it is part of; empty: it is the root.
    pub parent: String,
    /// The service that recorded it.
    pub service: String,
    /// What was done.
    pub name: String,
    /// Unix seconds.
    pub start: f64,
    /// Seconds.
    pub seconds: f64,
    /// Whether it failed.
    pub failed: bool,
    /// Whom it asked, if it is a client's.
    pub peer: Option<String>,
}

/// A span that stands out of its traces.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The service in which it happens: whom a client's span asks, else who recorded it.
    pub service: String,
    /// The span.
    pub span: String,
    /// When it was first seen so.
    pub at: Timestamp,
    /// How it stands out.
    pub what: String,
    /// What says so.
    pub quote: Quote,
}

/// What traces say of the time of the incident.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Traced {
    /// The span that takes the time.
    pub slow: Option<Finding>,
    /// The deepest span that fails.
    pub failing: Option<Finding>,
}

impl Traced {
    /// The first span that stands out in a service of this name.
    #[must_use]
    pub fn within(&self, object: &ObjectRef) -> Option<&Finding> {
        [&self.slow, &self.failing]
            .into_iter()
            .flatten()
            .find(|finding| finding.service == object.name)
    }
}

/// The spans of OTLP's JSON, as Jaeger and Tempo write it; what is no span is left out.
#[must_use]
pub fn spans(body: &Value) -> Vec<Span> {
    let lists = ["/result/resourceSpans", "/resourceSpans", "/trace/resourceSpans", "/batches"];
    let resources = lists.iter().flat_map(|pointer| each(body, pointer));
    let mut all = Vec::new();
    for resource in resources {
        let about = attributes(&resource["resource"]);
        let service = about.get("service.name").map(|name| first_label(name)).unwrap_or_default();
        let scopes = each(resource, "/scopeSpans").chain(each(resource, "/instrumentationLibrarySpans"));
        all.extend(
            scopes
                .flat_map(|scope| each(scope, "/spans"))
                .filter_map(|span| read(&service, span)),
        );
    }
    all
}

fn read(service: &str, span: &Value) -> Option<Span> {
    let seconds = |key: &str| {
        let nanos = &span[key];
        let nanos = nanos.as_str().map_or_else(|| nanos.as_f64(), |text| text.parse().ok())?;
        Some(nanos / 1e9)
    };
    let (start, end) = (seconds("startTimeUnixNano")?, seconds("endTimeUnixNano")?);
    let is = |value: &Value, number: i64, word: &str| value.as_i64() == Some(number) || value.as_str() == Some(word);
    let own = attributes(span);
    let asks = is(&span["kind"], CLIENT, "SPAN_KIND_CLIENT");
    Some(Span {
        trace: text(span, "/traceId").to_owned(),
        id: text(span, "/spanId").to_owned(),
        parent: text(span, "/parentSpanId").to_owned(),
        service: service.to_owned(),
        name: text(span, "/name").to_owned(),
        start,
        seconds: (end - start).max(0.0),
        failed: is(&span["status"]["code"], FAILED, "STATUS_CODE_ERROR"),
        peer: PEERS
            .iter()
            .filter(|_| asks)
            .find_map(|key| own.get(*key))
            .map(|host| first_label(host)),
    })
}

/// `inventory-db.shop.svc` is the service `inventory-db`, as is a mesh's `inventory-db.shop`; an address stays.
fn first_label(host: &str) -> String {
    let address = host.bytes().all(|b| b.is_ascii_digit() || b == b'.') || host.matches(':').count() > 1;
    let end = if address { None } else { host.find(['.', ':']) };
    host[..end.unwrap_or(host.len())].to_owned()
}

fn attributes(value: &Value) -> BTreeMap<String, String> {
    let entries = each(value, "/attributes");
    entries
        .filter_map(|one| {
            Some((
                text(one, "/key").to_owned(),
                one.pointer("/value/stringValue")?.as_str()?.to_owned(),
            ))
        })
        .collect()
}

/// A span's time without that of its children, which may overlap each other.
fn self_time(span: &Span, children: &[&Span]) -> f64 {
    let end = span.start + span.seconds;
    let mut parts: Vec<(f64, f64)> = children
        .iter()
        .map(|child| (child.start.max(span.start), (child.start + child.seconds).min(end)))
        .filter(|(from, to)| to > from)
        .collect();
    parts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut covered, mut reached) = (0.0, span.start);
    for (from, to) in parts {
        covered += (to - from.max(reached)).max(0.0);
        reached = reached.max(to);
    }
    (span.seconds - covered).max(0.0)
}

/// One run of a span: when, its own time, whether it failed itself, and how deep in its trace.
struct Run<'s> {
    span: &'s Span,
    own: f64,
    failed: bool,
    depth: usize,
}

type Runs<'s> = BTreeMap<(String, &'s str), Vec<Run<'s>>>;

/// The runs of each span by the service in which it happens.
fn runs(spans: &[Span]) -> Runs<'_> {
    let by_id: BTreeMap<(&str, &str), &Span> = spans.iter().map(|span| ((span.trace.as_str(), span.id.as_str()), span)).collect();
    let mut children: BTreeMap<(&str, &str), Vec<&Span>> = BTreeMap::new();
    for span in spans {
        children.entry((&span.trace, &span.parent)).or_default().push(span);
    }
    let mut runs = Runs::new();
    for span in spans {
        let below = children
            .get(&(span.trace.as_str(), span.id.as_str()))
            .map_or(&[][..], Vec::as_slice);
        let (mut depth, mut above) = (0, span);
        // A trace has no circles, but this text comes from elsewhere.
        while let Some(parent) = by_id
            .get(&(above.trace.as_str(), above.parent.as_str()))
            .filter(|_| depth < spans.len())
        {
            (depth, above) = (depth + 1, parent);
        }
        let service = span.peer.clone().unwrap_or_else(|| span.service.clone());
        runs.entry((service, &span.name)).or_default().push(Run {
            span,
            own: self_time(span, below),
            failed: span.failed && !below.iter().any(|child| child.failed),
            depth,
        });
    }
    runs
}

/// What stands out in the traces of now against those of before; `query` is how the former are found again.
#[must_use]
pub fn traced(now: &[Span], before: &[Span], source: Source, query: &str) -> Traced {
    let usual: BTreeMap<(String, &str), f64> = runs(before)
        .into_iter()
        .filter_map(|(key, runs)| Some((key, median(runs.iter().map(|run| run.own).collect())?)))
        .collect();
    let now = runs(now);
    Traced {
        slow: slow(&now, &usual, (source, query)),
        failing: failing(&now, (source, query)),
    }
}

fn slow(now: &Runs<'_>, usual: &BTreeMap<(String, &str), f64>, asked: (Source, &str)) -> Option<Finding> {
    let whole: f64 = now.values().flatten().map(|run| run.own).sum();
    let own = |runs: &[Run<'_>]| runs.iter().map(|run| run.own).sum::<f64>();
    let (key, runs) = now.iter().max_by(|a, b| own(a.1).total_cmp(&own(b.1)))?;
    let typical = median(runs.iter().map(|run| run.own).collect())?;
    let before = usual.get(key).copied();
    if own(runs) < whole * MIN_SHARE || typical < UNFELT || before.is_some_and(|before| typical < before * SLOWER) {
        return None;
    }
    let usually = before.map_or_else(String::new, |before| format!(", usually {}", time(before)));
    let what = format!("span {:?} takes {} of its own{usually}", key.1, time(typical));
    let traces = runs.iter().map(|run| run.span.trace.as_str()).collect::<BTreeSet<_>>().len();
    let share = own(runs) / whole * 100.0;
    let shown = format!("{what}, {share:.0} % of the time of {traces} traces");
    let slow = runs.iter().filter(|run| run.own >= typical / SLOWER);
    finding(key, slow, (what, shown), (typical, "s"), asked)
}

fn failing(now: &Runs<'_>, asked: (Source, &str)) -> Option<Finding> {
    let failed = |runs: &[Run<'_>]| runs.iter().filter(|run| run.failed).count();
    let often = now
        .iter()
        .filter(|(_, runs)| failed(runs) > 0 && failed(runs) as f64 >= runs.len() as f64 * MIN_FAILED);
    let (key, runs) = often.max_by_key(|(_, runs)| (runs.iter().map(|run| run.depth).max(), failed(runs)))?;
    let what = format!("span {:?} fails in {} of {} runs", key.1, failed(runs), runs.len());
    let value = (failed(runs) as f64, "runs");
    finding(key, runs.iter().filter(|run| run.failed), (what.clone(), what), value, asked)
}

/// What stands out about a span: since the first of these runs, in a few words and as it is quoted.
fn finding<'r>(
    (service, name): &(String, &str),
    runs: impl Iterator<Item = &'r Run<'r>>,
    (what, shown): (String, String),
    (value, unit): (f64, &str),
    (source, query): (Source, &str),
) -> Option<Finding> {
    let first = runs.min_by(|a, b| a.span.start.total_cmp(&b.span.start))?.span;
    Some(Finding {
        service: service.clone(),
        span: (*name).to_owned(),
        at: Timestamp::from_nanosecond((first.start * 1e9) as i128).ok()?,
        what,
        quote: Quote {
            source,
            query: query.to_owned(),
            excerpt: format!("{service}: {shown}, for instance in trace {}", first.trace),
            value: Some((value, unit.to_owned())),
        },
    })
}

/// Who calls whom, by the names of services.
#[must_use]
pub fn calls(spans: &[Span]) -> BTreeSet<(String, String)> {
    let by_id: BTreeMap<(&str, &str), &Span> = spans.iter().map(|span| ((span.trace.as_str(), span.id.as_str()), span)).collect();
    let mut all = BTreeSet::new();
    for span in spans {
        if let Some(parent) = by_id.get(&(span.trace.as_str(), span.parent.as_str())) {
            all.insert((parent.service.clone(), span.service.clone()));
        }
        all.extend(span.peer.iter().map(|peer| (span.service.clone(), peer.clone())));
    }
    all.retain(|(caller, called)| caller != called && !caller.is_empty() && !called.is_empty());
    all
}

/// Those calls as workloads of one namespace that have the names of the services.
#[must_use]
pub fn resolved(calls: &BTreeSet<(String, String)>, snapshot: &Snapshot) -> Vec<(ObjectRef, ObjectRef)> {
    let named = |name: &str| -> Vec<ObjectRef> {
        let all = WORKLOADS
            .into_iter()
            .flat_map(|kind| snapshot.of(kind).iter().map(move |object| (kind, object)));
        let named = all.filter(|(_, object)| text(object, "/metadata/name") == name);
        named.map(|(kind, object)| reference(kind, object)).collect()
    };
    let pairs = calls.iter().flat_map(|(caller, called)| {
        let called = named(called);
        named(caller)
            .into_iter()
            .flat_map(move |caller| called.clone().into_iter().map(move |called| (caller.clone(), called)))
    });
    pairs.filter(|(caller, called)| caller.namespace == called.namespace).collect()
}

/// Seconds for people.
fn time(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.1} s")
    }
}
