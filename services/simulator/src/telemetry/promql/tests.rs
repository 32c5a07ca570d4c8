//! PromQL over a small fixed source: what each expression gives.

use promql_parser::parser::Expr;

use super::{Value, instant, parse, range};
use crate::telemetry::{
    series::{Labels, Series},
    source::Source,
};

/// The time all instants are evaluated at; a multiple of the scrape interval.
const T: f64 = 1_800_000_000.0;

/// Two pods with counters, gauges and a histogram.
struct Fixed;

impl Source for Fixed {
    fn series<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Vec<Series<'a>> {
        let mut all = vec![
            Series::new(Labels::new("requests_total", &[("pod", "a"), ("code", "200")]), |t| {
                Some((t - T + 36_000.0) * 4.0)
            }),
            Series::new(Labels::new("requests_total", &[("pod", "b"), ("code", "200")]), |t| {
                Some((t - T + 36_000.0) * 2.0)
            }),
            Series::new(Labels::new("requests_total", &[("pod", "b"), ("code", "500")]), |t| {
                Some((t - T + 36_000.0) * 1.0)
            }),
            // Restarts at T - 300 and counts from zero again.
            Series::new(Labels::new("jobs_total", &[("pod", "a")]), |t| {
                Some(if t < T - 300.0 { t - T + 6_000.0 } else { t - T + 300.0 })
            }),
            Series::new(Labels::new("memory_bytes", &[("pod", "a"), ("node", "n1")]), |t| {
                Some(1_000.0 + 2.0 * (t - T))
            }),
            Series::new(Labels::new("memory_bytes", &[("pod", "b"), ("node", "n2")]), |_| Some(500.0)),
            Series::new(Labels::new("limit_bytes", &[("pod", "a")]), |_| Some(2_000.0)),
            Series::new(Labels::new("limit_bytes", &[("pod", "b")]), |_| Some(1_000.0)),
            Series::new(Labels::new("pod_info", &[("pod", "a"), ("owner", "web")]), |_| Some(1.0)),
            Series::new(Labels::new("pod_info", &[("pod", "b"), ("owner", "web")]), |_| Some(1.0)),
            // Ended at T - 60.
            Series::new(Labels::new("gone", &[("pod", "c")]), |t| (t < T - 60.0).then_some(7.0)),
        ];
        for (le, share) in [("0.1", 0.5), ("0.5", 0.9), ("1", 0.99), ("+Inf", 1.0)] {
            all.push(Series::new(Labels::new("latency_bucket", &[("le", le)]), move |t| {
                Some((t - T + 36_000.0) * share)
            }));
        }
        all.retain(|series| wanted(series.labels.get("__name__")));
        all
    }

    fn interval(&self) -> f64 {
        15.0
    }
}

fn expr(query: &str) -> Expr {
    parse(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// A result as text: `{labels} value` lines, sorted; numbers rounded to six places.
fn shown(query: &str) -> String {
    let number = |value: f64| ((value * 1e6).round() / 1e6).to_string();
    match instant(&Fixed, &expr(query), T).unwrap_or_else(|error| format!("error: {error}").into()) {
        Value::Scalar(value) => number(value),
        Value::Text(text) => text,
        Value::Vector(all) => {
            let line = |(labels, value): (Labels, f64)| {
                let labels: Vec<String> = labels.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("{{{}}} {}", labels.join(","), number(value))
            };
            let mut lines: Vec<String> = all.into_iter().map(line).collect();
            lines.sort();
            lines.join("\n")
        }
        Value::Matrix(all) => format!("{} series", all.len()),
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

#[test]
fn expressions_give_what_prometheus_gives() {
    for (query, expected) in [
        ("1 + 2 * 3 ^ 2", "19"),
        ("-(3 - 5) % 2", "0"),
        ("1 > bool 2", "0"),
        (
            "memory_bytes",
            "{__name__=memory_bytes,node=n1,pod=a} 1000\n{__name__=memory_bytes,node=n2,pod=b} 500",
        ),
        ("memory_bytes{pod=\"a\"}", "{__name__=memory_bytes,node=n1,pod=a} 1000"),
        ("memory_bytes{pod!=\"a\"}", "{__name__=memory_bytes,node=n2,pod=b} 500"),
        ("memory_bytes{pod=~\"a|c\"}", "{__name__=memory_bytes,node=n1,pod=a} 1000"),
        ("memory_bytes{pod!~\"a.*\",zone=\"\"}", "{__name__=memory_bytes,node=n2,pod=b} 500"),
        ("{__name__=~\"limit.*\",pod=\"b\"}", "{__name__=limit_bytes,pod=b} 1000"),
        ("memory_bytes{pod=\"a\"} offset 1m", "{__name__=memory_bytes,node=n1,pod=a} 880"),
        ("memory_bytes{pod=\"a\"} @ 1799999940", "{__name__=memory_bytes,node=n1,pod=a} 880"),
        ("gone", ""),
        ("gone offset 2m", "{__name__=gone,pod=c} 7"),
        ("rate(requests_total{pod=\"a\"}[5m])", "{code=200,pod=a} 4"),
        ("increase(requests_total{pod=\"a\"}[5m])", "{code=200,pod=a} 1200"),
        ("irate(requests_total{pod=\"a\"}[5m])", "{code=200,pod=a} 4"),
        ("sum(rate(requests_total[5m]))", "{} 7"),
        ("sum by (pod) (rate(requests_total[5m]))", "{pod=a} 4\n{pod=b} 3"),
        ("sum without (code) (rate(requests_total[5m]))", "{pod=a} 4\n{pod=b} 3"),
        (
            "sum(rate(requests_total{code=~\"5..\"}[5m])) / sum(rate(requests_total[5m])) * 7",
            "{} 1",
        ),
        ("resets(jobs_total[10m])", "{pod=a} 1"),
        ("deriv(memory_bytes{pod=\"a\"}[10m])", "{node=n1,pod=a} 2"),
        ("predict_linear(memory_bytes{pod=\"a\"}[10m], 3600)", "{node=n1,pod=a} 8200"),
        ("delta(memory_bytes{pod=\"a\"}[10m])", "{node=n1,pod=a} 1200"),
        ("max_over_time(memory_bytes[10m])", "{node=n1,pod=a} 1000\n{node=n2,pod=b} 500"),
        ("min_over_time(memory_bytes{pod=\"a\"}[1m])", "{node=n1,pod=a} 910"),
        ("avg_over_time(memory_bytes{pod=\"a\"}[1m])", "{node=n1,pod=a} 955"),
        ("count_over_time(memory_bytes{pod=\"a\"}[1m])", "{node=n1,pod=a} 4"),
        ("last_over_time(gone[5m])", "{__name__=gone,pod=c} 7"),
        ("quantile_over_time(0.5, memory_bytes{pod=\"a\"}[1m])", "{node=n1,pod=a} 955"),
        ("max_over_time(sum(memory_bytes)[5m:1m])", "{} 1500"),
        ("memory_bytes / on (pod) limit_bytes", "{pod=a} 0.5\n{pod=b} 0.5"),
        ("memory_bytes / ignoring (node) limit_bytes", "{pod=a} 0.5\n{pod=b} 0.5"),
        (
            "memory_bytes * on (pod) group_left (owner) pod_info",
            "{node=n1,owner=web,pod=a} 1000\n{node=n2,owner=web,pod=b} 500",
        ),
        ("memory_bytes > 600", "{__name__=memory_bytes,node=n1,pod=a} 1000"),
        ("memory_bytes > bool 600", "{node=n1,pod=a} 1\n{node=n2,pod=b} 0"),
        ("600 < memory_bytes", "{__name__=memory_bytes,node=n1,pod=a} 1000"),
        (
            "memory_bytes and on (pod) limit_bytes > 1500",
            "{__name__=memory_bytes,node=n1,pod=a} 1000",
        ),
        (
            "memory_bytes unless on (pod) (limit_bytes > 1500)",
            "{__name__=memory_bytes,node=n2,pod=b} 500",
        ),
        ("vector(1) or gone", "{} 1"),
        ("absent(nothing{job=\"x\"})", "{job=x} 1"),
        ("absent(memory_bytes)", ""),
        ("count(memory_bytes)", "{} 2"),
        ("avg(memory_bytes)", "{} 750"),
        ("min(memory_bytes)", "{} 500"),
        ("max by (node) (memory_bytes)", "{node=n1} 1000\n{node=n2} 500"),
        ("topk(1, memory_bytes)", "{__name__=memory_bytes,node=n1,pod=a} 1000"),
        ("bottomk(1, memory_bytes)", "{__name__=memory_bytes,node=n2,pod=b} 500"),
        ("quantile(0.5, memory_bytes)", "{} 750"),
        ("stddev(memory_bytes)", "{} 250"),
        ("count_values(\"value\", memory_bytes)", "{value=1000} 1\n{value=500} 1"),
        ("scalar(memory_bytes{pod=\"a\"}) + 1", "1001"),
        ("scalar(memory_bytes)", "NaN"),
        ("histogram_quantile(0.5, rate(latency_bucket[5m]))", "{} 0.1"),
        ("histogram_quantile(0.7, rate(latency_bucket[5m]))", "{} 0.3"),
        ("histogram_quantile(0.999, rate(latency_bucket[5m]))", "{} 1"),
        ("round(memory_bytes{pod=\"a\"} / 300, 0.5)", "{node=n1,pod=a} 3.5"),
        ("clamp_max(memory_bytes, 600)", "{node=n1,pod=a} 600\n{node=n2,pod=b} 500"),
        ("time() - 1799999999", "1"),
        (
            "label_replace(limit_bytes{pod=\"a\"}, \"name\", \"pod-$1\", \"pod\", \"(.*)\")",
            "{__name__=limit_bytes,name=pod-a,pod=a} 2000",
        ),
        (
            "label_join(pod_info{pod=\"a\"}, \"both\", \"/\", \"owner\", \"pod\")",
            "{__name__=pod_info,both=web/a,owner=web,pod=a} 1",
        ),
        ("hour()", "{} 8"),
    ] {
        assert_eq!(shown(query), expected, "{query}");
    }
}

#[test]
fn a_counter_that_was_reset_keeps_its_increase() {
    let Value::Vector(all) = instant(&Fixed, &expr("increase(jobs_total[10m])"), T).unwrap() else {
        panic!("a vector")
    };
    // It counts one a second; the reset costs the seconds around it.
    assert!((all[0].1 - 600.0).abs() < 20.0, "{}", all[0].1);
}

#[test]
fn a_range_query_has_one_point_a_step_and_gaps_where_a_series_ended() {
    let all = range(&Fixed, &expr("memory_bytes{pod=\"a\"}"), T - 60.0, T, 30.0).unwrap();
    assert_eq!(all[0].1, [(T - 60.0, 880.0), (T - 30.0, 940.0), (T, 1000.0)]);
    let gone = range(&Fixed, &expr("gone"), T - 120.0, T, 30.0).unwrap();
    assert_eq!(gone[0].1.len(), 2);
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    assert!(parse("sum(").is_err());
    assert!(parse("nosuchfunction(up)").is_err());
    let error = instant(&Fixed, &expr("memory_bytes + on (nope) limit_bytes"), T).unwrap_err();
    assert!(error.contains("many-to-many"), "{error}");
    let error = instant(&Fixed, &expr("limit_bytes * on (nope) group_left pod_info{pod=\"a\"}"), T);
    assert!(error.is_ok(), "many to one is fine when it is asked for");
    let error = range(&Fixed, &expr("memory_bytes[5m]"), T, T, 15.0).unwrap_err();
    assert!(error.contains("range query"), "{error}");
}
