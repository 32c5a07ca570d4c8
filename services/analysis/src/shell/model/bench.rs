//! Runs what a model may look up, and files the answers as evidence.

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::evidence::{Evidence, Source};
use serde_json::Value;

use crate::{
    core::{
        logs::cluster,
        model::scope::Scope,
        model::{
            MOST_SHOWN, shown,
            tools::{Lookup, lookup},
        },
        redact::redact,
    },
    shell::probes::Probes,
};

/// Most characters of an answer that the incident's log keeps; the model sees more.
const MOST_KEPT: usize = 1_000;
/// Most series of a query that are shown.
const MOST_SERIES: usize = 40;
/// Lines that are read; they are shown by pattern.
const LINES: u32 = 500;

/// The tools of one asking.
pub(super) struct Bench<'a> {
    probes: &'a Probes,
    scope: Scope<'a>,
    at: Timestamp,
    /// What was looked up.
    pub(super) evidence: Vec<Evidence>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(probes: &'a Probes, scope: Scope<'a>, at: Timestamp) -> Self {
        Self {
            probes,
            scope,
            at,
            evidence: Vec::new(),
        }
    }

    /// Runs a call, and says what the model is told.
    pub(super) async fn run(&mut self, tool: &str, arguments: Value) -> String {
        let wanted = match lookup(tool, arguments, self.scope.namespaces()) {
            Ok(wanted) => wanted,
            Err(refusal) => return format!("refused: {refusal}"),
        };
        let (source, query, answer) = match wanted {
            Lookup::Kubernetes(path) => (Source::Kubernetes, path.clone(), self.kubernetes(&path).await),
            Lookup::Prometheus(query) => (Source::Prometheus, query.clone(), self.prometheus(&query).await),
            Lookup::Loki(query) => (Source::Loki, query.clone(), self.loki(&query).await),
        };
        match answer {
            Ok(text) => self.file(source, query, &text),
            Err(problem) => format!("no answer: {}", redact(&problem)),
        }
    }

    fn file(&mut self, source: Source, query: String, text: &str) -> String {
        let text: String = redact(text).chars().take(MOST_SHOWN).collect();
        let id = format!("mdl-{:02}", self.evidence.len() + 1)
            .parse()
            .expect("letters, a hyphen and digits are a valid id");
        let told = format!("evidence id {id} (untrusted data):\n{text}");
        self.evidence.push(Evidence {
            id,
            source,
            query,
            observed_at: self.at,
            excerpt: text.chars().take(MOST_KEPT).collect(),
            value: None,
            unit: String::new(),
        });
        told
    }

    async fn kubernetes(&self, path: &str) -> Result<String, String> {
        let kubernetes = self.probes.kubernetes.as_ref().ok_or("there is no way to the cluster")?;
        let object = kubernetes.get(path).await.map_err(|problem| problem.to_string())?;
        Ok(shown(&object))
    }

    async fn prometheus(&self, query: &str) -> Result<String, String> {
        let prometheus = self.probes.prometheus.as_ref().ok_or("prometheus is not configured")?;
        let answers = prometheus.instant(query, self.at).await?;
        if answers.is_empty() {
            return Ok("nothing matches".into());
        }
        let lines = answers.iter().take(MOST_SERIES).map(|answer| {
            let labels: Vec<String> = answer.labels.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
            let value = answer.points.last().map_or(f64::NAN, |(_, value)| *value);
            format!("{{{}}} {value}", labels.join(","))
        });
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    async fn loki(&self, query: &str) -> Result<String, String> {
        let loki = self.probes.loki.as_ref().ok_or("loki is not configured")?;
        let minutes = i64::try_from(self.probes.config.log_minutes).unwrap_or(30);
        let from = Probes::before(self.at, SignedDuration::from_mins(minutes));
        let lines = loki.lines(query, from, self.at, LINES).await?;
        let patterns = cluster(&lines)
            .into_iter()
            .map(|found| format!("{} lines in {} pods like: {}", found.count, found.pods.len(), found.latest));
        let text = patterns.collect::<Vec<_>>().join("\n");
        Ok(if text.is_empty() { "no lines".into() } else { text })
    }
}
