//! Which alerts are looked after: those of clusters and namespaces that were opted in, by configuration or by a label of the
//! namespace. The others stay in the stream as they came, and nothing follows from them.

use paramedic_correlation::locate;
use paramedic_domain::alert::Alert;

use super::{facts::Facts, glob::Glob};

/// The compiled scope.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Label of an alert that names its cluster; empty: none does.
    cluster_label: String,
    clusters: Vec<Glob>,
    namespaces: Vec<Glob>,
    excluded: Vec<Glob>,
}

/// Why something is not looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfScope {
    /// The alert names a cluster that is not looked after.
    Cluster,
    /// Its namespace is excluded by configuration.
    Excluded,
    /// Its namespace's people opted out.
    OptedOut,
    /// Nobody opted its namespace in.
    NotOptedIn,
}

impl OutOfScope {
    /// The word for metrics and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Cluster => "other_cluster",
            Self::Excluded => "excluded",
            Self::OptedOut => "opted_out",
            Self::NotOptedIn => "not_opted_in",
        }
    }
}

impl Scope {
    /// Compiles the lists of patterns.
    ///
    /// # Errors
    /// Which of `clusters`, `namespaces` and `excluded_namespaces` holds something that is no pattern, and why.
    pub fn new(
        cluster_label: &str,
        clusters: &[String],
        namespaces: &[String],
        excluded: &[String],
    ) -> Result<Self, (&'static str, String)> {
        let globs = |key, patterns: &[String]| -> Result<Vec<Glob>, (&'static str, String)> {
            let all = patterns.iter().map(|pattern| Glob::new(pattern));
            all.collect::<Result<_, _>>().map_err(|problem| (key, problem))
        };
        Ok(Self {
            cluster_label: cluster_label.to_owned(),
            clusters: globs("clusters", clusters)?,
            namespaces: globs("namespaces", namespaces)?,
            excluded: globs("excluded_namespaces", excluded)?,
        })
    }

    /// Why `alert` is not looked after; `None` when it is. What has no namespace belongs to the cluster, and is.
    #[must_use]
    pub fn excludes(&self, alert: &Alert, facts: &Facts) -> Option<OutOfScope> {
        let cluster = alert.label(&self.cluster_label);
        if !cluster.is_empty() && !matches(&self.clusters, cluster) {
            return Some(OutOfScope::Cluster);
        }
        let namespace = locate::namespace(alert);
        if namespace.is_empty() {
            None
        } else {
            self.excludes_namespace(namespace, facts)
        }
    }

    /// Why what is in `namespace` is not looked after; `None` when it is.
    #[must_use]
    pub fn excludes_namespace(&self, namespace: &str, facts: &Facts) -> Option<OutOfScope> {
        if matches(&self.excluded, namespace) {
            return Some(OutOfScope::Excluded);
        }
        match facts.namespaces.get(namespace).and_then(|facts| facts.enabled) {
            Some(true) => None,
            Some(false) => Some(OutOfScope::OptedOut),
            None if matches(&self.namespaces, namespace) => None,
            None => Some(OutOfScope::NotOptedIn),
        }
    }
}

fn matches(globs: &[Glob], text: &str) -> bool {
    globs.iter().any(|glob| glob.matches(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use paramedic_domain::alert::AlertStatus;

    use super::*;
    use crate::core::facts::NamespaceFacts;

    fn alert(labels: &[(&str, &str)]) -> Alert {
        Alert {
            fingerprint: "f".into(),
            status: AlertStatus::Firing,
            labels: labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            annotations: BTreeMap::new(),
            starts_at: Timestamp::UNIX_EPOCH,
            ends_at: None,
            generator_url: String::new(),
            group_key: String::new(),
        }
    }

    fn facts() -> Facts {
        let enabled = |enabled| NamespaceFacts {
            enabled,
            ..NamespaceFacts::default()
        };
        Facts {
            namespaces: [("in", Some(true)), ("out", Some(false)), ("silent", None)]
                .map(|(name, word)| (name.to_owned(), enabled(word)))
                .into(),
            ..Facts::default()
        }
    }

    fn scope(namespaces: &[&str], excluded: &[&str]) -> Scope {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Scope::new("cluster", &owned(&["prod-*"]), &owned(namespaces), &owned(excluded)).unwrap()
    }

    #[test]
    fn a_namespace_is_in_by_configuration_unless_its_people_opted_out() {
        let scope = scope(&["*"], &["kube-*"]);
        for (namespace, expected) in [
            ("in", None),
            ("silent", None),
            ("never-seen", None),
            ("out", Some(OutOfScope::OptedOut)),
            ("kube-system", Some(OutOfScope::Excluded)),
        ] {
            assert_eq!(
                scope.excludes(&alert(&[("namespace", namespace)]), &facts()),
                expected,
                "{namespace}"
            );
        }
    }

    #[test]
    fn without_patterns_a_label_opts_in_but_never_what_is_excluded() {
        let scope = scope(&[], &["in-kube"]);
        let mut facts = facts();
        let enabled = facts.namespaces["in"].clone();
        facts.namespaces.insert("in-kube".into(), enabled);
        for (namespace, expected) in [
            ("in", None),
            ("silent", Some(OutOfScope::NotOptedIn)),
            ("never-seen", Some(OutOfScope::NotOptedIn)),
            ("in-kube", Some(OutOfScope::Excluded)),
        ] {
            assert_eq!(scope.excludes(&alert(&[("namespace", namespace)]), &facts), expected, "{namespace}");
        }
    }

    #[test]
    fn what_has_no_namespace_belongs_to_the_cluster() {
        assert_eq!(scope(&[], &["*"]).excludes(&alert(&[("node", "node-1")]), &facts()), None);
    }

    #[test]
    fn an_alert_of_another_cluster_is_out_and_one_that_names_none_is_in() {
        let scope = scope(&["*"], &[]);
        assert_eq!(
            scope.excludes(&alert(&[("cluster", "staging-1"), ("namespace", "in")]), &facts()),
            Some(OutOfScope::Cluster)
        );
        assert_eq!(scope.excludes(&alert(&[("cluster", "prod-1")]), &facts()), None);
        assert_eq!(scope.excludes(&alert(&[]), &facts()), None);
    }

    #[test]
    fn the_namespace_of_the_series_counts_not_that_of_its_exporter() {
        let about = alert(&[("namespace", "in"), ("exported_namespace", "out")]);
        assert_eq!(scope(&["*"], &[]).excludes(&about, &facts()), Some(OutOfScope::OptedOut));
    }
}
