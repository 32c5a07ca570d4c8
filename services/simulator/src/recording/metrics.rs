//! `prom.json`: series, and answers to queries word for word.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{scenario, telemetry::series::Labels, world::obj::secs};

/// Every series, and what is answered without looking at them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) series: BTreeMap<Labels, Arc<Samples>>,
    pub(crate) answers: BTreeMap<String, Vec<(Labels, f64)>>,
}

/// The samples of one series: times in seconds since 1970, rising, and values. There is at least one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Samples {
    points: Vec<(f64, f64)>,
    /// It only rises, and its value between two samples lies between theirs.
    counter: bool,
    /// Two ends of a straight line.
    line: bool,
}

impl Samples {
    /// The value at `t`; `None` before the first sample. After the last, counters go on at their last rate and everything
    /// else keeps its last value.
    pub(crate) fn at(&self, t: f64) -> Option<f64> {
        let next = self.points.partition_point(|(at, _)| *at <= t);
        let before = self.points[next.checked_sub(1)?];
        let Some(after) = self.points.get(next) else {
            return Some(if self.counter {
                before.1 + self.last_rate() * (t - before.0)
            } else {
                before.1
            });
        };
        let between = self.line || (self.counter && after.1 >= before.1);
        Some(if between { along(before, *after, t) } else { before.1 })
    }

    /// The value at `t` of a world that began to be like this at some moment: the first sample holds for what came before,
    /// from where counters have risen at their first rate.
    pub(crate) fn since(&self, t: f64) -> f64 {
        let first = self.points[0];
        self.at(t).unwrap_or_else(|| match self.points.get(1) {
            Some(second) if self.counter && second.1 >= first.1 => along(first, *second, t),
            _ => first.1,
        })
    }

    /// Whether it is a counter.
    pub(crate) fn counts(&self) -> bool {
        self.counter
    }

    fn last_rate(&self) -> f64 {
        match self.points.as_slice() {
            [.., a, b] if b.1 >= a.1 => (b.1 - a.1) / (b.0 - a.0),
            _ => 0.0,
        }
    }
}

/// The straight line through two points.
fn along(a: (f64, f64), b: (f64, f64), t: f64) -> f64 {
    a.1 + (b.1 - a.1) * (t - a.0) / (b.0 - a.0)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    series: Vec<Value>,
    #[serde(default)]
    answers: BTreeMap<String, Answer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<Value>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    step: Option<String>,
    line: Option<[f64; 2]>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Number(f64),
    List(Vec<Sample>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: f64,
}

pub(super) fn parse(file: Value) -> anyhow::Result<Metrics> {
    let file: File = serde_path_to_error::deserialize(file).context("write {\"series\": [...], \"answers\": {query: number or list}}")?;
    let mut series = BTreeMap::new();
    for (i, one) in file.series.into_iter().enumerate() {
        let shown = one["metric"].to_string();
        let (labels, samples) = read(one).with_context(|| format!("series[{i}] {shown}"))?;
        if series.insert(labels, Arc::new(samples)).is_some() {
            bail!("series[{i}] {shown} stands there before with the same labels; remove one of them");
        }
    }
    let answer = |answer| match answer {
        Answer::Number(value) => vec![(Labels::default(), value)],
        Answer::List(all) => all.into_iter().map(|sample| (Labels(sample.metric), sample.value)).collect(),
    };
    Ok(Metrics {
        series,
        answers: file.answers.into_iter().map(|(query, value)| (query, answer(value))).collect(),
    })
}

fn read(series: Value) -> anyhow::Result<(Labels, Samples)> {
    let written: Written = serde_path_to_error::deserialize(series)?;
    let Some(name) = written.metric.get("__name__").cloned() else {
        bail!("its metric has no __name__; add it");
    };
    let counter = ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end));
    let line = written.line.is_some();
    let mut points = points(&written)?;
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.is_empty() {
        bail!("it has no values; give `values`, or `start`, `end` and `line`");
    }
    if let Some(twice) = points.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        bail!(
            "it has two values for one time ({}); remove one of them",
            crate::world::obj::at_secs(twice[0].0)
        );
    }
    let labels = Labels(written.metric.into_iter().filter(|(_, value)| !value.is_empty()).collect());
    Ok((labels, Samples { points, counter, line }))
}

fn points(written: &Written) -> anyhow::Result<Vec<(f64, f64)>> {
    match (written.start, written.line) {
        (Some(start), Some([from, to])) => {
            let end = written.end.context("a line needs an `end`; add it")?;
            Ok(vec![(secs(start), from), (secs(end), to)])
        }
        (None, Some(_)) => bail!("a line needs a `start`; add it"),
        (Some(start), None) => {
            let step = written.step.as_deref().context("values from a `start` need a `step`; add it")?;
            let step = scenario::Span::parse(step)
                .map_err(|error| anyhow::anyhow!("step: {error}"))?
                .as_secs_f64();
            if step <= 0.0 {
                bail!("the step must be longer than nothing");
            }
            let numbered = written.values.iter().enumerate();
            numbered
                .map(|(i, value)| Ok((secs(start) + step * i as f64, number(value)?)))
                .collect()
        }
        (None, None) => written
            .values
            .iter()
            .map(|pair| match pair.as_array().map(Vec::as_slice) {
                Some([at, value]) => Ok((time(at)?, number(value)?)),
                _ => bail!("{pair} is not [time, value]; or give `start` and `step` too"),
            })
            .collect(),
    }
}

fn time(value: &Value) -> anyhow::Result<f64> {
    if let Some(number) = value.as_f64() {
        return Ok(number);
    }
    let at: Timestamp = value
        .as_str()
        .unwrap_or_default()
        .parse()
        .with_context(|| format!("{value} is not a time (RFC 3339)"))?;
    Ok(secs(at))
}

/// A number, or the text of one as Prometheus writes them (`NaN`, `+Inf`).
fn number(value: &Value) -> anyhow::Result<f64> {
    let text = value.as_str().and_then(|text| text.parse().ok());
    value.as_f64().or(text).with_context(|| format!("{value} is not a number"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn samples(series: Value) -> Samples {
        read(series).unwrap().1
    }

    fn at(samples: &Samples, time: &str) -> Option<f64> {
        samples.at(secs(time.parse().unwrap()))
    }

    #[test]
    fn series_are_written_in_three_ways() {
        let timed = samples(json!({"metric": {"__name__": "up"}, "values": [["2026-03-02T14:00:00Z", 1], ["2026-03-02T14:10:00Z", "0"]]}));
        let stepped = samples(json!({"metric": {"__name__": "up"}, "start": "2026-03-02T14:00:00Z", "step": "10m", "values": [1, 0]}));
        assert_eq!(timed, stepped);
        let shown = [
            "2026-03-02T13:59:00Z",
            "2026-03-02T14:09:59Z",
            "2026-03-02T14:10:00Z",
            "2026-03-03T00:00:00Z",
        ];
        assert_eq!(shown.map(|time| at(&timed, time)), [None, Some(1.0), Some(0.0), Some(0.0)]);
        let line = samples(json!({
            "metric": {"__name__": "used_bytes"}, "start": "2026-03-02T14:00:00Z", "end": "2026-03-02T15:00:00Z", "line": [0, 60],
        }));
        let shown = ["2026-03-02T14:30:00Z", "2026-03-02T15:00:00Z", "2026-03-02T16:00:00Z"];
        assert_eq!(shown.map(|time| at(&line, time)), [Some(30.0), Some(60.0), Some(60.0)]);
    }

    #[test]
    fn a_counter_goes_on_at_its_last_rate() {
        let counter =
            samples(json!({"metric": {"__name__": "errors_total"}, "start": "2026-03-02T14:00:00Z", "step": "1m", "values": [0, 60, 180]}));
        let shown = ["2026-03-02T14:00:30Z", "2026-03-02T14:02:00Z", "2026-03-02T14:03:00Z"];
        assert_eq!(shown.map(|time| at(&counter, time)), [Some(30.0), Some(180.0), Some(300.0)]);
        assert_eq!(counter.since(secs("2026-03-02T13:59:00Z".parse().unwrap())), -60.0);
    }

    #[test]
    fn what_is_written_wrongly_is_named() {
        for (series, said) in [
            (json!({"metric": {}, "values": []}), "no __name__"),
            (json!({"metric": {"__name__": "a"}}), "no values"),
            (json!({"metric": {"__name__": "a"}, "values": [1, 2]}), "not [time, value]"),
            (
                json!({"metric": {"__name__": "a"}, "start": "2026-03-02T14:00:00Z", "values": [1]}),
                "`step`",
            ),
            (
                json!({"metric": {"__name__": "a"}, "values": [["2026-03-02T14:00:00Z", 1], ["2026-03-02T14:00:00Z", 2]]}),
                "two values",
            ),
        ] {
            let error = format!("{:#}", parse(json!({"series": [series]})).unwrap_err());
            assert!(error.contains(said) && error.contains("series[0]"), "{error}");
        }
    }
}
