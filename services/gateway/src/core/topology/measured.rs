//! What Prometheus knows: calls that were measured, and how long rules wait.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_correlation::topology::Rule;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measured {
    /// Who called whom.
    pub calls: BTreeSet<Call>,
    /// How long the rule of each alert waits.
    pub rules: Vec<Rule>,
}

/// One end called the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Who called.
    pub from: End,
    /// Who was called.
    pub to: End,
}

/// A Service or workload, as its telemetry names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Its namespace, where the telemetry says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A metric that counts requests between two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// Its name.
    metric: &'static str,
    /// Label of the caller, and that of its namespace.
    from: (&'static str, Option<&'static str>),
    /// Label of who is called, and that of its namespace.
    to: (&'static str, Option<&'static str>),
}

/// Istio counts requests and connections at both ends (its standard metrics); the service graph connector of the OpenTelemetry collector,
/// and Tempo's generator, count pairs of spans.
pub const COUNTERS: [Counter; 3] = [
    Counter {
        metric: "istio_requests_total",
        from: ("source_workload", Some("source_workload_namespace")),
        to: ("destination_service_name", Some("destination_service_namespace")),
    },
    Counter {
        metric: "istio_tcp_connections_opened_total",
        from: ("source_workload", Some("source_workload_namespace")),
        to: ("destination_service_name", Some("destination_service_namespace")),
    },
    Counter {
        metric: "traces_service_graph_request_total",
        from: ("client", None),
        to: ("server", None),
    },
];

/// Most pairs that are taken of one metric.
const MOST_CALLS: usize = 20_000;
/// Most rules.
const MOST_RULES: usize = 20_000;

impl Counter {
    /// What asks Prometheus for the pairs of the last hour.
    #[must_use]
    pub fn query(&self) -> String {
        let labels = [Some(self.from.0), self.from.1, Some(self.to.0), self.to.1];
        let by = labels.into_iter().flatten().collect::<Vec<_>>().join(", ");
        format!("sum by ({by}) (increase({}[1h])) > 0", self.metric)
    }

    /// The pairs of an answer: the labels of each series.
    #[must_use]
    pub fn calls<'a>(&self, series: impl Iterator<Item = &'a BTreeMap<String, String>>) -> BTreeSet<Call> {
        let end = |labels: &BTreeMap<String, String>, (name, namespace): (&str, Option<&str>)| {
            let known = |label: &str| labels.get(label).filter(|value| !value.is_empty() && *value != "unknown").cloned();
            let end = End {
                namespace: namespace.and_then(known),
                name: known(name)?,
            };
            // A namespace that nobody knows leaves a name that could be anybody's.
            (namespace.is_none() || end.namespace.is_some()).then_some(end)
        };
        series
            .take(MOST_CALLS)
            .filter_map(|labels| {
                Some(Call {
                    from: end(labels, self.from)?,
                    to: end(labels, self.to)?,
                })
            })
            .filter(|call| call.from != call.to)
            .collect()
    }
}

/// How long each alerting rule waits, from the answer of `/api/v1/rules`. Of several rules for one alert (one per severity, often) the
/// one that waits least counts: trouble began no later than that.
#[must_use]
pub fn rules(answer: &Value) -> Vec<Rule> {
    let groups = answer["data"]["groups"].as_array().into_iter().flatten();
    let rules = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let mut waits: BTreeMap<&str, u32> = BTreeMap::new();
    for rule in rules.filter(|rule| rule["type"] == "alerting").take(MOST_RULES) {
        let (Some(alert), Some(seconds)) = (rule["name"].as_str(), rule["duration"].as_f64()) else {
            continue;
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a conversion to an integer stays within its bounds"
        )]
        let seconds = seconds as u32;
        let wait = waits.entry(alert).or_insert(seconds);
        *wait = seconds.min(*wait);
    }
    let rule = |(alert, for_seconds): (&str, u32)| Rule {
        alert: alert.to_owned(),
        for_seconds,
    };
    waits.into_iter().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_least_wait_of_an_alert_counts() {
        let answer = json!({"data": {"groups": [
            {"rules": [
                {"type": "alerting", "name": "KubePodCrashLooping", "duration": 900},
                {"type": "recording", "name": "job:up:sum", "duration": 1},
                {"type": "alerting", "name": "HighLatency", "duration": 300.0},
            ]},
            {"rules": [{"type": "alerting", "name": "HighLatency", "duration": 120}, {"type": "alerting", "name": "Broken"}]},
        ]}});
        let found: Vec<(String, u32)> = rules(&answer).into_iter().map(|rule| (rule.alert, rule.for_seconds)).collect();
        assert_eq!(found, [("HighLatency".to_owned(), 120), ("KubePodCrashLooping".to_owned(), 900)]);
        assert_eq!(rules(&json!({"status": "error"})), []);
    }

    #[test]
    fn pairs_without_a_known_end_are_no_calls() {
        let labels = |of: &[(&str, &str)]| of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let istio = |from: &str, to: &str| {
            labels(&[
                ("source_workload", from),
                ("source_workload_namespace", "shop"),
                ("destination_service_name", to),
                ("destination_service_namespace", if to == "outside" { "unknown" } else { "data" }),
            ])
        };
        let series: Vec<BTreeMap<String, String>> = vec![istio("cart", "redis"), istio("unknown", "redis"), istio("cart", "outside")];
        let end = |namespace: &str, name: &str| End {
            namespace: Some(namespace.into()),
            name: name.into(),
        };
        let (from, to) = (end("shop", "cart"), end("data", "redis"));
        assert_eq!(COUNTERS[0].calls(series.iter()), [Call { from, to }].into());
        let spans = [
            labels(&[("client", "cart"), ("server", "redis")]),
            labels(&[("client", "cart"), ("server", "cart")]),
        ];
        assert_eq!(COUNTERS[2].calls(spans.iter()).len(), 1);
    }

    #[test]
    fn a_query_asks_for_the_pairs_alone() {
        assert_eq!(
            COUNTERS[2].query(),
            "sum by (client, server) (increase(traces_service_graph_request_total[1h])) > 0"
        );
    }
}
