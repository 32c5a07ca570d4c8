//! What containers log: lines are computed when they are read, the same ones every time.
//!
//! Placeholders in texts: `{args}`, `{image}`, `{pod}`, `{node}`, `{time}`, `{limit_mib}`, `{heap_mib}`, `{rps}`, `{id}` (eight hex
//! digits, new in every line), `{n:MAX}` (a number below MAX, new in every line), `{metric:NAME}` (a metric of the workload).

use jiff::Timestamp;

use super::{
    World, kubelet,
    ledger::{ContainerRecord, Instance, Ledger, PodRecord},
    model::{self, Run, hash},
    obj,
    onset::{self, Sight, Spell},
};
use crate::{
    api::backend::LogLine,
    scenario::behaviour::{During, Metric, PeriodicLog},
};

/// Most lines one read computes.
const MOST: usize = 50_000;
/// Time between two lines written at the same occasion.
const GAP_MS: f64 = 120.0;

/// One container run whose log is read.
pub(crate) struct Source<'a> {
    pub(crate) world: &'a World,
    pub(crate) ledger: &'a Ledger,
    pub(crate) pod: &'a PodRecord,
    pub(crate) container: &'a ContainerRecord,
    pub(crate) instance: &'a Instance,
}

impl<'a> Source<'a> {
    fn run(&self) -> Run<'a> {
        Run {
            scenario: self.world.scenario(),
            container: self.container,
            instance: self.instance,
        }
    }

    fn sight(&self) -> Sight<'a> {
        Sight {
            scenario: self.world.scenario(),
            ledger: self.ledger,
            origin: obj::secs(self.world.origin()),
        }
    }

    /// Lines written after `from` and until `to`, oldest first.
    pub(crate) fn lines(&self, from: Timestamp, to: Timestamp) -> Vec<LogLine> {
        let Some(behaviour) = self.run().behaviour() else {
            return Vec::new();
        };
        let started = self.instance.started;
        let ended = self.instance.end.as_ref().map_or(Timestamp::MAX, |end| end.at);
        let to = to.min(ended);
        let mut lines = Vec::new();
        for (i, text) in behaviour.logs.on_start.iter().enumerate() {
            self.once(&mut lines, started, 200.0 + GAP_MS * i as f64, text, (from, to));
        }
        if let Some(end) = &self.instance.end {
            let stopping = if end.exit_code == 0 { &behaviour.logs.on_stop } else { &end.log };
            for (i, text) in stopping.iter().enumerate() {
                let before = GAP_MS * (stopping.len() - i) as f64;
                self.once(&mut lines, ended, -before, text, (from, to));
            }
        }
        let since_origin = kubelet::since(self.world.origin(), started);
        let subject = model::subject(self.pod, self.container, since_origin);
        for (i, log) in behaviour.logs.periodic.iter().enumerate() {
            if log.when.matches(&subject) {
                self.again(&mut lines, log, i, (from, to));
            }
        }
        for fault in self.run().faults().filter(|fault| !fault.logs.is_empty()) {
            let spells = self.sight().spells(fault, self.instance);
            let mut more = Vec::new();
            for (i, log) in fault.logs.iter().enumerate() {
                if log.when.matches(&subject) {
                    self.again(&mut more, log, behaviour.logs.periodic.len() + i, (from, to));
                }
            }
            lines.extend(more.into_iter().filter(|line| onset::within(&spells, obj::secs(line.at))));
        }
        lines.sort_by_key(|line| line.at);
        lines
    }

    /// The newest `count` lines until `to`.
    pub(crate) fn tail(&self, count: usize, to: Timestamp) -> Vec<LogLine> {
        let mut window = std::time::Duration::from_secs(600);
        loop {
            let from = obj::before(to.min(self.instance.end.as_ref().map_or(to, |end| end.at)), window);
            let mut lines = self.lines(from, to);
            if lines.len() >= count || from <= self.instance.started {
                lines.drain(..lines.len().saturating_sub(count));
                return lines;
            }
            window *= 6;
        }
    }

    fn once(&self, lines: &mut Vec<LogLine>, at: Timestamp, shift_ms: f64, text: &str, window: (Timestamp, Timestamp)) {
        let at = obj::at_secs(obj::secs(at) + shift_ms / 1000.0);
        if at > window.0 && at <= window.1 {
            lines.push(LogLine {
                at,
                text: self.fill(text, at),
            });
        }
    }

    fn again(&self, lines: &mut Vec<LogLine>, log: &PeriodicLog, i: usize, window: (Timestamp, Timestamp)) {
        let (started, every) = (obj::secs(self.instance.started), log.every.as_secs_f64());
        let first = ((obj::secs(window.0) - started) / every).floor().max(0.0) as i64;
        let last = ((obj::secs(window.1) - started) / every).ceil().max(0.0) as i64;
        let seed = format!("{}{}{i}", self.pod.uid, log.line);
        for k in first.max(1).max(last - MOST as i64)..=last {
            let at = obj::at_secs(started + every * (k as f64 + 0.2 * model::noise(&seed, k)));
            if at > window.0 && at <= window.1 {
                lines.push(LogLine {
                    at,
                    text: self.fill(&log.line, at),
                });
            }
        }
    }

    /// Replaces the placeholders of a text.
    pub(crate) fn fill(&self, text: &str, at: Timestamp) -> String {
        let mut out = String::with_capacity(text.len() + 32);
        let mut rest = text;
        let mut nth = 0;
        while let Some((plain, tail)) = rest.split_once('{') {
            out.push_str(plain);
            let Some((name, after)) = tail.split_once('}') else {
                out.push('{');
                rest = tail;
                continue;
            };
            nth += 1;
            match self.value(name, at, nth) {
                Some(value) => out.push_str(&value),
                None => {
                    out.push('{');
                    out.push_str(name);
                    out.push('}');
                }
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn value(&self, name: &str, at: Timestamp, nth: i64) -> Option<String> {
        let run = self.run();
        let seed = || hash(&format!("{}{name}{nth}", self.pod.uid), at.as_millisecond());
        let rps = || super::rps(self.ledger, self.pod, &run, at);
        let mib = 1_048_576.0;
        Some(match name {
            "args" => self.container.args.join(" "),
            "image" => self.container.image.clone(),
            "pod" => self.pod.name.clone(),
            "node" => self.pod.node.clone(),
            "time" => obj::rfc3339(at),
            "limit_mib" => format!("{:.0}", run.limit().unwrap_or(0.0) / mib),
            // What the process counts itself is a little less than what the kernel counts for it.
            "heap_mib" => format!("{:.0}", run.working_set(obj::secs(at), rps()) / mib * 0.94),
            "rps" => format!("{:.1}", rps()),
            "id" => format!("{:08x}", seed() as u32),
            _ => {
                if let Some(most) = name.strip_prefix("n:") {
                    return Some((seed() % most.parse::<u64>().ok()?.max(1)).to_string());
                }
                let wanted = name.strip_prefix("metric:")?;
                let metric = run.behaviour()?.metrics.iter().find(|metric| metric.name == wanted)?;
                let added = metric.during.as_ref().map(|during| self.sight().troubles(&during.workloads));
                format!("{:.0}", metric_value(metric, &run, obj::secs(at), &added.unwrap_or_default()))
            }
        })
    }
}

/// Value of a workload's own metric in one run; `troubles` are the spells of what it shows of others.
pub(crate) fn metric_value(metric: &Metric, run: &Run<'_>, t: f64, troubles: &[Spell]) -> f64 {
    let hours = (t - obj::secs(run.instance.started)).max(0.0) / 3600.0;
    let of = |during: &During, (from, until): Spell| {
        if t < until {
            during.adds + during.adds_per_second * (t - from)
        } else if during.keeps {
            during.adds_per_second * (until - from)
        } else {
            0.0
        }
    };
    let past = troubles.iter().filter(|(from, _)| *from <= t);
    let added: f64 = metric
        .during
        .iter()
        .flat_map(|during| past.clone().map(|spell| of(during, *spell)))
        .sum();
    metric.base + metric.per_hour * hours + metric.per_leaked_mib * run.leaked_mib(t) + added
}
