//! The telemetry of a recorded world: series and streams of every state it has been in, each from when it was in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, RwLockReadGuard},
};

use jiff::Timestamp;
use promql_parser::label::Matchers;
use serde_json::{Value, json};

use super::RecordedWorld;
use crate::{
    api::backend::LogLine,
    recording::{Part, logs::Line, metrics::Samples, traces::Calls},
    telemetry::{
        jaeger::Traces,
        loki::{self, Logs},
        series::{Labels, Series},
        source::{Metrics, Source},
        traces::Recorded,
    },
    world::{locked::read, obj},
};

/// Seconds between two samples of every series.
const INTERVAL: f64 = 15.0;
/// Window over which current CPU use is measured, in seconds.
const WINDOW: f64 = 120.0;

/// A series from a time (seconds since 1970) on; `None` = there is no such series from then on.
type Spell = (f64, Option<Arc<Samples>>);

/// Everything that can be asked for.
#[derive(Debug, Default)]
pub(super) struct Sights {
    series: BTreeMap<Labels, Vec<Spell>>,
    answers: BTreeMap<String, Vec<(Labels, f64)>>,
    pub(super) lines: Vec<Line>,
    traces: Vec<Recorded>,
    calls: Vec<Calls>,
    /// The answers of the beginning, for a world that was worse for a while.
    first: BTreeMap<String, Vec<(Labels, f64)>>,
}

impl Sights {
    pub(super) fn of(part: &Part) -> Self {
        let mut sights = Self::default();
        sights.take(part, f64::NEG_INFINITY);
        sights.first = sights.answers.clone();
        sights
    }

    /// The world is like `part` from now on.
    pub(super) fn turn(&mut self, part: &Part, now: Timestamp) {
        self.take(part, obj::secs(now));
    }

    /// What `part` changed is again as it was in the beginning.
    pub(super) fn undo(&mut self, part: &Part, now: Timestamp) {
        for labels in part.metrics.series.keys() {
            if let Some(spells) = self.series.get_mut(labels) {
                let (from, first) = spells[0].clone();
                let back = first.filter(|_| from == f64::NEG_INFINITY);
                spells.push((obj::secs(now), back));
            }
        }
        self.answers.clone_from(&self.first);
    }

    fn take(&mut self, part: &Part, from: f64) {
        for (labels, samples) in &part.metrics.series {
            self.series.entry(labels.clone()).or_default().push((from, samples.clone()));
        }
        self.answers.extend(part.metrics.answers.clone());
        self.lines.extend(part.logs.iter().cloned());
        self.lines.sort_by_key(|line| line.ts);
        self.traces.extend(part.traces.all.iter().cloned());
        if !part.traces.calls.is_empty() {
            self.calls.clone_from(&part.traces.calls);
        }
    }

    /// The series of a metric that carry these labels, with their value now and a while ago.
    fn uses<'a>(&'a self, metric: &'a str, labels: [(&'a str, &'a str); 2], now: f64) -> impl Iterator<Item = (&'a Labels, f64, f64)> {
        let fits = move |one: &Labels| one.get("__name__") == metric && labels.iter().all(|(key, value)| one.get(key) == *value);
        let found = self.series.iter().filter(move |(one, _)| fits(one));
        found.filter_map(move |(one, spells)| Some((one, value(spells, now)?, value(spells, now - WINDOW)?)))
    }

    /// Bytes and cores that a pod's containers use, by container.
    pub(super) fn usage(&self, namespace: &str, pod: &str, now: f64) -> BTreeMap<String, (f64, f64)> {
        let labels = [("namespace", namespace), ("pod", pod)];
        let mut out = BTreeMap::<String, (f64, f64)>::new();
        for (labels, now, _) in self.uses("container_memory_working_set_bytes", labels, now) {
            out.entry(labels.get("container").to_owned()).or_default().0 = now;
        }
        for (labels, now, before) in self.uses("container_cpu_usage_seconds_total", labels, now) {
            out.entry(labels.get("container").to_owned()).or_default().1 = (now - before).max(0.0) / WINDOW;
        }
        out
    }
}

/// The value of a series at `t`. A counter goes on from where it stood when the world turned.
fn value(spells: &[Spell], t: f64) -> Option<f64> {
    let i = spells.partition_point(|(from, _)| *from <= t).checked_sub(1)?;
    let (from, samples) = &spells[i];
    let samples = samples.as_ref()?;
    if *from == f64::NEG_INFINITY {
        return samples.at(t);
    }
    if !samples.counts() {
        return samples.since(t);
    }
    let stood = value(&spells[..i], *from).unwrap_or(0.0);
    Some(stood + samples.since(t)? - samples.since(*from)?)
}

/// One query's view.
struct View<'w>(RwLockReadGuard<'w, Sights>);

impl Source for View<'_> {
    fn series<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Vec<Series<'a>> {
        let all = self.0.series.iter().filter(|(labels, _)| wanted(labels.get("__name__")));
        all.map(|(labels, spells)| Series::new(labels.clone(), move |t| value(spells, t)))
            .collect()
    }

    fn interval(&self) -> f64 {
        INTERVAL
    }
}

impl Metrics for RecordedWorld {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn view(&self) -> Box<dyn Source + '_> {
        Box::new(View(read(&self.sights)))
    }

    fn written(&self, query: &str) -> Option<Vec<(Labels, f64)>> {
        read(&self.sights).answers.get(query).cloned()
    }

    fn alerts(&self) -> Vec<Value> {
        Vec::new()
    }

    fn rule_groups(&self) -> Value {
        json!([])
    }

    fn help(&self, _metric: &str) -> String {
        String::new()
    }
}

impl Logs for RecordedWorld {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn lines(&self, wanted: &Matchers, from: Timestamp, to: Timestamp) -> Vec<(loki::Labels, Vec<LogLine>)> {
        let sights = read(&self.sights);
        let mut out = BTreeMap::<loki::Labels, Vec<LogLine>>::new();
        let inside = sights.lines.iter().filter(|line| line.ts >= from && line.ts <= to);
        for line in inside.filter(|line| loki::fits(wanted, &line.stream)) {
            out.entry(line.stream.clone()).or_default().push(written(line));
        }
        out.into_iter().collect()
    }

    fn labels(&self, wanted: &Matchers) -> BTreeSet<loki::Labels> {
        let sights = read(&self.sights);
        let all = sights.lines.iter().map(|line| &line.stream);
        all.filter(|labels| loki::fits(wanted, labels)).cloned().collect()
    }
}

pub(super) fn written(line: &Line) -> LogLine {
    LogLine {
        at: line.ts,
        text: line.line.clone(),
    }
}

impl Traces for RecordedWorld {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn operations(&self) -> BTreeMap<String, Vec<String>> {
        let mut out = BTreeMap::<String, Vec<String>>::new();
        for span in read(&self.sights).traces.iter().flat_map(|trace| &trace.spans) {
            let known = out.entry(span.service.clone()).or_default();
            if !known.contains(&span.operation) {
                known.push(span.operation.clone());
            }
        }
        out
    }

    fn calls(&self) -> Value {
        json!(read(&self.sights).calls)
    }

    fn by_id(&self, id: &str) -> Option<Recorded> {
        let bare = |id: &str| id.trim_start_matches('0').to_lowercase();
        read(&self.sights).traces.iter().find(|trace| bare(&trace.id) == bare(id)).cloned()
    }

    fn between(&self, start: f64, end: f64, keep: &dyn Fn(&Recorded) -> bool, limit: usize) -> Vec<Recorded> {
        let end = end.min(obj::secs(self.clock.now()));
        let sights = read(&self.sights);
        let began = |trace: &&Recorded| trace.spans[0].start >= start && trace.spans[0].start <= end;
        let mut found: Vec<&Recorded> = sights.traces.iter().filter(began).filter(|trace| keep(trace)).collect();
        found.sort_by(|a, b| b.spans[0].start.total_cmp(&a.spans[0].start));
        found.into_iter().take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::metrics;

    fn part(series: &[Value], answers: &Value) -> Part {
        Part {
            metrics: metrics::parse(json!({"series": series, "answers": answers})).unwrap(),
            ..Part::default()
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn read(sights: &Sights, name: &str, time: &str) -> Option<f64> {
        value(&sights.series[&Labels::new(name, &[])], obj::secs(at(time)))
    }

    #[test]
    fn series_change_when_the_world_does_and_counters_do_not_jump() {
        let before = [
            json!({"metric": {"__name__": "errors_total"}, "start": "2026-03-02T14:00:00Z", "step": "1m", "values": [0, 60]}),
            json!({"metric": {"__name__": "ready"}, "values": [["2026-03-02T14:00:00Z", 2]]}),
            json!({"metric": {"__name__": "old"}, "values": [["2026-03-02T14:00:00Z", 1]]}),
        ];
        let after = [
            json!({"metric": {"__name__": "errors_total"}, "start": "2026-03-02T15:00:00Z", "step": "1m", "values": [9000, 9006]}),
            json!({"metric": {"__name__": "ready"}, "values": [["2026-03-02T15:00:00Z", 3]]}),
            json!({"metric": {"__name__": "old"}, "values": []}),
        ];
        let mut sights = Sights::of(&part(&before, &json!({"a": 1})));
        sights.turn(&part(&after, &json!({"a": 2})), at("2026-03-02T14:10:00Z"));
        for (name, time, expected) in [
            ("errors_total", "2026-03-02T14:09:00Z", Some(540.0)),
            ("errors_total", "2026-03-02T14:11:00Z", Some(606.0)),
            ("errors_total", "2026-03-02T16:10:00Z", Some(600.0 + 2.0 * 360.0)),
            ("ready", "2026-03-02T14:09:59Z", Some(2.0)),
            ("ready", "2026-03-02T14:10:00Z", Some(3.0)),
            ("old", "2026-03-02T14:09:59Z", Some(1.0)),
            ("old", "2026-03-02T14:10:00Z", None),
        ] {
            assert_eq!(read(&sights, name, time), expected, "{name} {time}");
        }
        assert_eq!(sights.answers["a"], [(Labels::default(), 2.0)]);
    }

    #[test]
    fn what_went_wrong_is_undone() {
        let ready = |value: u32| json!({"metric": {"__name__": "ready"}, "values": [["2026-03-02T14:00:00Z", value]]});
        let extra = json!({"metric": {"__name__": "extra"}, "values": [["2026-03-02T14:00:00Z", 1]]});
        let wrong = part(&[ready(0), extra], &json!({"a": 0}));
        let mut sights = Sights::of(&part(&[ready(2)], &json!({"a": 1})));
        sights.turn(&wrong, at("2026-03-02T14:10:00Z"));
        sights.undo(&wrong, at("2026-03-02T14:20:00Z"));
        let times = ["2026-03-02T14:05:00Z", "2026-03-02T14:15:00Z", "2026-03-02T14:25:00Z"];
        assert_eq!(times.map(|time| read(&sights, "ready", time)), [Some(2.0), Some(0.0), Some(2.0)]);
        assert_eq!(times.map(|time| read(&sights, "extra", time)), [None, Some(1.0), None]);
        assert_eq!(sights.answers["a"], [(Labels::default(), 1.0)]);
    }
}
