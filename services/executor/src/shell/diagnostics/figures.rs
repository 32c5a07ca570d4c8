//! A snapshot of the figures of a workload or database, as Prometheus has them now.

use paramedic_domain::object::ObjectRef;
use serde_json::{Value, json};

use super::Collection;
use crate::shell::{failure::Halt, prometheus::Sample, run::Run};

/// What people call a figure, and what the exporters of databases call it.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "active_connections",
        &[
            "pg_stat_activity_count",
            "mysql_global_status_threads_connected",
            "redis_connected_clients",
        ],
    ),
    (
        "max_connections",
        &[
            "pg_settings_max_connections",
            "mysql_global_variables_max_connections",
            "redis_config_maxclients",
        ],
    ),
    ("deadlocks", &["pg_stat_database_deadlocks", "mysql_global_status_innodb_deadlocks"]),
    ("locks", &["pg_locks_count"]),
    ("longest_transaction", &["pg_stat_activity_max_tx_duration"]),
];

impl Run<'_> {
    pub(super) async fn snapshot(&self, target: &ObjectRef, metrics: &[String], into: &mut Collection) -> Result<(), Halt> {
        if self.worker.kit.cluster.prometheus.is_none() {
            into.missing
                .push("metrics (prometheus is not configured: cluster.prometheus_url)".into());
            return Ok(());
        }
        let mut kept = Vec::new();
        for query in usual(target) {
            self.figure(&[query], None, &mut kept, into).await;
        }
        for wanted in metrics {
            self.figure(&queries(wanted, target), Some(wanted), &mut kept, into).await;
        }
        self.keep_json("metrics.json", &json!(kept), into).await
    }

    /// The first of these queries that has an answer.
    async fn figure(&self, queries: &[String], wanted: Option<&str>, kept: &mut Vec<Value>, into: &mut Collection) {
        let mut problem = None;
        for query in queries {
            match self.figures(query).await {
                Ok((at, samples)) if !samples.is_empty() => {
                    kept.push(json!({
                        "wanted": wanted,
                        "query": query,
                        "at": at.to_string(),
                        "series": samples.iter().map(Sample::json).collect::<Vec<_>>(),
                    }));
                    return;
                }
                Ok(_) => {}
                Err(error) => problem = Some(error),
            }
        }
        let what = wanted.or(queries.first().map(String::as_str)).unwrap_or_default();
        let why = problem.unwrap_or_else(|| "no series".into());
        into.missing.push(format!("metric {what} ({why})"));
    }
}

/// The figures of every workload.
fn usual(target: &ObjectRef) -> Vec<String> {
    let pods = format!(
        "namespace=\"{}\",pod=~\"{}-.*\"",
        target.namespace.as_deref().unwrap_or_default(),
        escaped(&target.name)
    );
    vec![
        format!("container_memory_working_set_bytes{{{pods},container!=\"\"}}"),
        format!("rate(container_cpu_usage_seconds_total{{{pods},container!=\"\"}}[5m])"),
        format!("kube_pod_container_status_restarts_total{{{pods}}}"),
    ]
}

/// What to ask for a figure that somebody wants, the most exact question first.
fn queries(wanted: &str, target: &ObjectRef) -> Vec<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    if !wanted.chars().all(word) {
        // An expression: asked as it is. PromQL only reads.
        return vec![wanted.to_owned()];
    }
    let namespace = format!("namespace=\"{}\"", target.namespace.as_deref().unwrap_or_default());
    let known = KNOWN.iter().find(|(name, _)| *name == wanted).map_or(&[][..], |(_, names)| names);
    let names = std::iter::once(wanted).chain(known.iter().copied());
    let mut queries: Vec<String> = names.flat_map(|name| [format!("{name}{{{namespace}}}"), name.to_owned()]).collect();
    queries.push(format!("{{__name__=~\".*{wanted}.*\",{namespace}}}"));
    queries
}

/// A name in a regular expression of PromQL, in quotes: Kubernetes names have no other special character than the dot.
fn escaped(name: &str) -> String {
    name.replace('.', "\\\\.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_asked_for_by_its_name_then_by_what_exporters_call_it_then_as_a_part() {
        let target = ObjectRef::new("apps/v1", "StatefulSet", Some("shop"), "db");
        let asked = queries("active_connections", &target);
        assert_eq!(asked[0], "active_connections{namespace=\"shop\"}");
        assert!(
            asked.contains(&"pg_stat_activity_count{namespace=\"shop\"}".to_owned()),
            "{asked:?}"
        );
        assert_eq!(asked.last().unwrap(), "{__name__=~\".*active_connections.*\",namespace=\"shop\"}");
        assert_eq!(queries("sum(up)", &target), ["sum(up)"]);
    }
}
