//! CustomResourceDefinitions of widespread add-ons. A scenario that has objects of these kinds gets their definitions.

use serde_json::{Value, json};

/// Group, version, kind, plural, namespaced, with a status subresource.
type Definition = (&'static str, &'static str, &'static str, &'static str, bool, bool);

const KNOWN: &[Definition] = &[
    // Argo CD writes status through the object itself.
    ("argoproj.io", "v1alpha1", "Application", "applications", true, false),
    ("argoproj.io", "v1alpha1", "AppProject", "appprojects", true, false),
    ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations", true, true),
    ("helm.toolkit.fluxcd.io", "v2", "HelmRelease", "helmreleases", true, true),
    ("source.toolkit.fluxcd.io", "v1", "GitRepository", "gitrepositories", true, true),
    ("source.toolkit.fluxcd.io", "v1", "HelmRepository", "helmrepositories", true, true),
    (
        "snapshot.storage.k8s.io",
        "v1",
        "VolumeSnapshotClass",
        "volumesnapshotclasses",
        false,
        false,
    ),
    (
        "snapshot.storage.k8s.io",
        "v1",
        "VolumeSnapshotContent",
        "volumesnapshotcontents",
        false,
        true,
    ),
    ("snapshot.storage.k8s.io", "v1", "VolumeSnapshot", "volumesnapshots", true, true),
    ("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules", true, false),
    ("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors", true, false),
];

/// The definitions of all kinds of a group, when the group is known.
pub(crate) fn of_group(group: &str) -> impl Iterator<Item = Value> + '_ {
    let known = KNOWN.iter().filter(move |(known, ..)| *known == group);
    known.map(|(group, version, kind, plural, namespaced, status)| {
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let mut served = json!({"name": version, "served": true, "storage": true, "schema": schema});
        if *status {
            served["subresources"] = json!({"status": {}});
        }
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group, "scope": if *namespaced { "Namespaced" } else { "Cluster" },
                "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind.to_lowercase()},
                "versions": [served],
            },
        })
    })
}
