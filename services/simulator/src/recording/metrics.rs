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
    /// `None` = the series is taken away.
    pub(crate) series: BTreeMap<Labels, Option<Arc<Samples>>>,
    pub(crate) answers: BTreeMap<String, Vec<(Labels, f64)>>,
}

/// The samples of one series, in the order of their times. There is at least one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Samples {
    points: Vec<Point>,
    /// It only rises, and its value between two samples lies between theirs.
    counter: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    /// Seconds since 1970.
    at: f64,
    value: f64,
    /// A straight line leads to the next.
    straight: bool,
    /// The series ends here, unless another piece begins later.
    last: bool,
}

impl Samples {
    /// The value at `t`; `None` where there is none. After the last sample, counters go on at their last rate and everything
    /// else keeps its last value.
    pub(crate) fn at(&self, t: f64) -> Option<f64> {
        let next = self.points.partition_point(|point| point.at <= t);
        let before = self.points[next.checked_sub(1)?];
        if before.last && t > before.at {
            return None;
        }
        let Some(after) = self.points.get(next) else {
            return Some(before.value + if self.counter { self.last_rate() * (t - before.at) } else { 0.0 });
        };
        let between = before.straight || (self.counter && after.value >= before.value);
        Some(if between { along(before, *after, t) } else { before.value })
    }

    /// The value at `t` of a world that began to be like this at some moment: the first sample holds for what came before,
    /// from where counters have risen at their first rate.
    pub(crate) fn since(&self, t: f64) -> Option<f64> {
        let first = self.points[0];
        if t >= first.at {
            return self.at(t);
        }
        Some(match self.points.get(1) {
            Some(second) if self.counter && second.value >= first.value && second.at > first.at => along(first, *second, t),
            _ => first.value,
        })
    }

    /// Whether it is a counter.
    pub(crate) fn counts(&self) -> bool {
        self.counter
    }

    fn last_rate(&self) -> f64 {
        match self.points.as_slice() {
            [.., a, b] if b.value >= a.value && b.at > a.at => (b.value - a.value) / (b.at - a.at),
            _ => 0.0,
        }
    }
}

/// The straight line through two points.
fn along(a: Point, b: Point, t: f64) -> f64 {
    a.value + (b.value - a.value) * (t - a.at) / (b.at - a.at)
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
    values: Option<Vec<Value>>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    step: Option<String>,
    line: Option<[f64; 2]>,
    #[serde(default)]
    ends: bool,
    /// No counter, whatever its name ends in.
    #[serde(default)]
    gauge: bool,
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

pub(crate) fn parse(file: Value) -> anyhow::Result<Metrics> {
    let file: File = serde_path_to_error::deserialize(file).context("write {\"series\": [...], \"answers\": {query: number or list}}")?;
    let mut series = BTreeMap::<Labels, Option<Arc<Samples>>>::new();
    for (i, one) in file.series.into_iter().enumerate() {
        let shown = one["metric"].to_string();
        let (labels, Samples { points, counter }) = read(one).with_context(|| format!("series[{i}] {shown}"))?;
        // Entries with the same labels are pieces of one series.
        let whole = series.entry(labels).or_default();
        let mut points = [whole.take().map_or_else(Vec::new, |known| known.points.clone()), points].concat();
        points.sort_by(|a, b| a.at.total_cmp(&b.at));
        *whole = (!points.is_empty()).then(|| Arc::new(Samples { points, counter }));
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

/// The labels of an entry and its samples, none if it takes a series away.
fn read(series: Value) -> anyhow::Result<(Labels, Samples)> {
    let written: Written = serde_path_to_error::deserialize(series)?;
    let Some(name) = written.metric.get("__name__") else {
        bail!("its metric has no __name__; add it");
    };
    let counter = counts(name) && !written.gauge;
    let straight = written.line.is_some();
    let mut values = values(&written)?;
    // Of two values for one time the later one stands: the series jumps.
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let end = values.len();
    let point = |(i, (at, value))| {
        let last = i + 1 == end;
        Point {
            at,
            value,
            straight: straight && !last,
            last: last && written.ends,
        }
    };
    let points = values.into_iter().enumerate().map(point).collect();
    let labels = Labels(written.metric.into_iter().filter(|(_, value)| !value.is_empty()).collect());
    Ok((labels, Samples { points, counter }))
}

/// Whether the series of a metric of this name only rise, as a rule.
fn counts(name: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end))
}

fn values(written: &Written) -> anyhow::Result<Vec<(f64, f64)>> {
    match (written.start, written.line, written.values.as_deref()) {
        (Some(start), Some([from, to]), None) => {
            let end = written.end.context("a line needs an `end`; add it")?;
            Ok(vec![(secs(start), from), (secs(end), to)])
        }
        (None, Some(_), _) => bail!("a line needs a `start`; add it"),
        (_, Some(_), Some(_)) => bail!("it has both `line` and `values`; remove one of them"),
        (_, None, None) => bail!("it has no values; give `values`, or `start`, `end` and `line`"),
        (Some(start), None, Some(values)) => {
            let step = written.step.as_deref().context("values from a `start` need a `step`; add it")?;
            let step = scenario::Span::parse(step)
                .map_err(|error| anyhow::anyhow!("step: {error}"))?
                .as_secs_f64();
            if step <= 0.0 {
                bail!("the step must be longer than nothing");
            }
            let numbered = values.iter().enumerate();
            numbered
                .map(|(i, value)| Ok((secs(start) + step * i as f64, number(value)?)))
                .collect()
        }
        (None, None, Some(values)) => values
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

    fn samples(pieces: &[Value]) -> Samples {
        let all = parse(json!({"series": pieces})).unwrap().series;
        (**all.values().next().unwrap().as_ref().unwrap()).clone()
    }

    fn at(samples: &Samples, time: &str) -> Option<f64> {
        samples.at(secs(time.parse().unwrap()))
    }

    #[test]
    fn series_are_written_in_three_ways() {
        let timed =
            samples(&[json!({"metric": {"__name__": "up"}, "values": [["2026-03-02T14:00:00Z", 1], ["2026-03-02T14:10:00Z", "0"]]})]);
        let stepped = samples(&[json!({"metric": {"__name__": "up"}, "start": "2026-03-02T14:00:00Z", "step": "10m", "values": [1, 0]})]);
        assert_eq!(timed, stepped);
        let shown = [
            "2026-03-02T13:59:00Z",
            "2026-03-02T14:09:59Z",
            "2026-03-02T14:10:00Z",
            "2026-03-03T00:00:00Z",
        ];
        assert_eq!(shown.map(|time| at(&timed, time)), [None, Some(1.0), Some(0.0), Some(0.0)]);
        let line = samples(&[json!({
            "metric": {"__name__": "used_bytes"}, "start": "2026-03-02T14:00:00Z", "end": "2026-03-02T15:00:00Z", "line": [0, 60],
        })]);
        let shown = ["2026-03-02T14:30:00Z", "2026-03-02T15:00:00Z", "2026-03-02T16:00:00Z"];
        assert_eq!(shown.map(|time| at(&line, time)), [Some(30.0), Some(60.0), Some(60.0)]);
    }

    #[test]
    fn a_counter_goes_on_at_its_last_rate() {
        let counter = samples(&[
            json!({"metric": {"__name__": "errors_total"}, "start": "2026-03-02T14:00:00Z", "step": "1m", "values": [0, 60, 180]}),
        ]);
        let shown = ["2026-03-02T14:00:30Z", "2026-03-02T14:02:00Z", "2026-03-02T14:03:00Z"];
        assert_eq!(shown.map(|time| at(&counter, time)), [Some(30.0), Some(180.0), Some(300.0)]);
        assert_eq!(counter.since(secs("2026-03-02T13:59:00Z".parse().unwrap())), Some(-60.0));
        let gauge = samples(&[
            json!({"metric": {"__name__": "connections_count"}, "gauge": true, "start": "2026-03-02T14:00:00Z", "step": "1m", "values": [0, 60, 180]}),
        ]);
        assert_eq!(shown.map(|time| at(&gauge, time)), [Some(0.0), Some(180.0), Some(180.0)]);
    }

    #[test]
    fn a_series_comes_in_pieces_may_end_and_may_be_taken_away() {
        let pieces = [
            json!({"metric": {"__name__": "up"}, "values": [["2026-03-02T14:30:00Z", 5]]}),
            json!({"metric": {"__name__": "up"}, "start": "2026-03-02T14:00:00Z", "end": "2026-03-02T14:10:00Z", "line": [1, 3], "ends": true}),
        ];
        let shown = [
            "2026-03-02T14:05:00Z",
            "2026-03-02T14:10:00Z",
            "2026-03-02T14:10:01Z",
            "2026-03-02T15:00:00Z",
        ];
        let both = samples(&pieces);
        assert_eq!(shown.map(|time| at(&both, time)), [Some(2.0), Some(3.0), None, Some(5.0)]);
        assert_eq!(at(&samples(&pieces[1..]), "2026-03-02T15:00:00Z"), None);
        let taken = parse(json!({"series": [{"metric": {"__name__": "up"}, "values": []}]})).unwrap();
        assert_eq!(taken.series.into_values().collect::<Vec<_>>(), [None]);
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
        ] {
            let error = format!("{:#}", parse(json!({"series": [series]})).unwrap_err());
            assert!(error.contains(said) && error.contains("series[0]"), "{error}");
        }
    }
}
