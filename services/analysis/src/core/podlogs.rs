//! Which logs to read from the API server, where the log store has nothing: those of containers that crashed, and of pods that are not ready.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use jiff::Timestamp;
use paramedic_domain::{evidence::Source, object::ObjectRef};
use regex::Regex;
use serde_json::Value;

use super::{
    logs::{Line, cluster},
    read::{count, each, text},
    redact::redact,
    snapshot::Snapshot,
    subjects::{Said, owners::Owners},
};

/// What programs write when something is wrong, as an RE2 expression without backquotes: words, and status codes as tokens of their own,
/// because ids and times have the same digits in them. A 429 needs no company, a 5xx is called a status.
pub const TROUBLE: &str = concat!(
    "(?i)(error|fatal|panic|time(d )?out|deadlock|refused|fail|denied|forbidden|unauthorized|not found|no such|not resolve|resolution|expired",
    "|exception|undefined|cannot|unable|too many|no space|unknown|invalid|x509|reset by|unreachable|clusterdown|limit|shutting down|outofmemory",
    r#"|(^|[ ("\[])429([ ,;:.)"\]]|$)"#,
    r#"|(http(/[0-9.]+)?|status|code)["']?[ =:]{1,3}["']?(429|5[0-9][0-9])([^0-9a-z]|$))"#,
);
/// Longest part of a line that is kept, characters.
pub const MAX_LINE: usize = 400;
/// Most shapes of lines that rules see of one workload.
pub const MOST_SAID: usize = 8;
/// Most pods whose logs are read from the API server.
const MOST_PODS: usize = 6;
/// The newest lines and bytes of one log.
const BOUNDS: &str = "timestamps=true&tailLines=200&limitBytes=65536";

static TROUBLED: LazyLock<Regex> = LazyLock::new(|| Regex::new(TROUBLE).expect("it is a valid expression"));

/// The log of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The workload or Job of the pod.
    pub owner: ObjectRef,
    /// The pod.
    pub pod: String,
    /// Where to read: the log of the run that ended, of a container that crashed; and where that is gone, what is written now.
    pub paths: Vec<String>,
}

/// The logs that are worth a look, one of a pod: of pods in `namespaces` whose workloads are not `heard`; crashes first, a pod of every
/// workload before a second one of any.
#[must_use]
pub fn wanted(snapshot: &Snapshot, namespaces: &BTreeSet<String>, heard: &BTreeSet<&ObjectRef>) -> Vec<Asked> {
    let owners = Owners::of(snapshot);
    let mut turns: BTreeMap<&ObjectRef, usize> = BTreeMap::new();
    let mut all = Vec::new();
    let mut pods: Vec<&Value> = snapshot.of("Pod").iter().collect();
    pods.sort_by_key(|pod| (text(pod, "/metadata/namespace"), text(pod, "/metadata/name")));
    for pod in pods {
        let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
        let Some(owner) = owners.of_pod(namespace, name) else { continue };
        if !namespaces.contains(namespace) || heard.contains(owner) {
            continue;
        }
        let Some((container, crashed)) = container(pod) else { continue };
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/log?container={container}&{BOUNDS}");
        let turn = turns.entry(owner).or_default();
        *turn += 1;
        let previous = crashed.then(|| format!("{path}&previous=true"));
        let asked = Asked {
            owner: owner.clone(),
            pod: name.to_owned(),
            paths: previous.into_iter().chain([path]).collect(),
        };
        all.push((*turn, !crashed, asked));
    }
    all.sort_by_key(|(turn, whole, _)| (*turn, *whole));
    all.into_iter().map(|(.., asked)| asked).take(MOST_PODS).collect()
}

/// The container of a pod that crashed, or else one that runs and is not ready.
fn container(pod: &Value) -> Option<(&str, bool)> {
    let statuses = || each(pod, "/status/initContainerStatuses").chain(each(pod, "/status/containerStatuses"));
    let crashed = |status: &&Value| count(status, "/restartCount").unwrap_or(0) > 0 && status.pointer("/lastState/terminated").is_some();
    let failed = |status: &&Value| {
        status
            .pointer("/state/terminated/exitCode")
            .and_then(Value::as_i64)
            .is_some_and(|code| code != 0)
    };
    let unready = |status: &&Value| status["ready"] == Value::Bool(false) && status.pointer("/state/running").is_some();
    let crash = statuses().find(crashed).map(|status| (status, true));
    let (status, crashed) = crash.or_else(|| Some((statuses().find(|status| failed(status) || unready(status))?, false)))?;
    Some((text(status, "/name"), crashed))
}

/// The lines of a log with time stamps from `from` on, secrets redacted.
#[must_use]
pub fn lines(pod: &str, log: &str, from: Timestamp) -> Vec<Line> {
    let line = |line: &str| {
        let (at, said) = line.split_once(' ')?;
        let at: Timestamp = at.parse().ok()?;
        (at >= from && !said.trim().is_empty()).then(|| Line {
            pod: pod.to_owned(),
            at: at.as_millisecond() as f64 / 1000.0,
            text: redact(said).chars().take(MAX_LINE).collect(),
        })
    };
    log.lines().filter_map(line).collect()
}

/// The lines that speak of trouble.
#[must_use]
pub fn troubled(lines: &[Line]) -> Vec<Line> {
    lines.iter().filter(|line| TROUBLED.is_match(&line.text)).cloned().collect()
}

/// Lines of one workload by shape, as rules see them.
pub fn said(by: &ObjectRef, source: Source, query: &str, lines: &[Line]) -> impl Iterator<Item = Said> {
    cluster(lines).into_iter().take(MOST_SAID).map(move |found| Said {
        by: by.clone(),
        text: found.latest,
        count: i64::try_from(found.count).unwrap_or(i64::MAX),
        alarming: found.alarming,
        source,
        query: query.to_owned(),
    })
}
