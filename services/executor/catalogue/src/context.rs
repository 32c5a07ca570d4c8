//! What surrounds an object, as far as the risk of changing it goes.

use std::collections::BTreeMap;

use paramedic_domain::{object::ObjectRef, risk::Context};
use serde_json::Value;

/// Values of the label `environment` that say "not production"; everything else, and nothing, counts as production.
const HARMLESS: &[&str] = &[
    "dev",
    "development",
    "test",
    "testing",
    "qa",
    "staging",
    "stage",
    "sandbox",
    "preview",
    "demo",
];

/// The surroundings of `object`: its namespace and the PodDisruptionBudgets in it.
#[must_use]
pub fn context(object: &Value, namespace: Option<&Value>, budgets: &[Value], template_change: bool) -> Context {
    let label = |object: &Value| {
        let labels = object.pointer("/metadata/labels")?;
        ["environment", "env"]
            .iter()
            .find_map(|name| labels.get(name)?.as_str().map(str::to_lowercase))
    };
    let environment = label(object).or_else(|| namespace.and_then(label));
    Context {
        replicas: replicas(object),
        production: environment.is_none_or(|environment| !HARMLESS.contains(&environment.as_str())),
        template_change,
        disruptions_allowed: budgets.iter().filter(|budget| selects(budget, object)).filter_map(allowed).min(),
        gitops_owner: gitops_owner(object),
        gitops_source: gitops_source(object),
        concerns: Vec::new(),
        labels: labels(object, namespace),
    }
}

/// Labels of the object, and those of its namespace that it does not have itself.
fn labels(object: &Value, namespace: Option<&Value>) -> BTreeMap<String, String> {
    let of = |object: &Value| object.pointer("/metadata/labels").and_then(Value::as_object).cloned();
    let both = namespace.and_then(of).into_iter().chain(of(object)).flatten();
    both.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
}

fn replicas(object: &Value) -> Option<u32> {
    ["/spec/replicas", "/status/desiredNumberScheduled"]
        .iter()
        .find_map(|path| object.pointer(path)?.as_u64())
        .and_then(|count| count.try_into().ok())
}

fn allowed(budget: &Value) -> Option<u32> {
    budget.pointer("/status/disruptionsAllowed")?.as_u64()?.try_into().ok()
}

/// Whether the budget's `matchLabels` are those of the workload's pods. A selector of expressions counts as a match: a
/// budget too many only raises the risk.
#[must_use]
pub fn selects(budget: &Value, object: &Value) -> bool {
    let Some(selector) = budget.pointer("/spec/selector") else {
        return false;
    };
    let labels = object
        .pointer("/spec/template/metadata/labels")
        .or_else(|| object.pointer("/metadata/labels"));
    let wanted = selector.get("matchLabels").and_then(Value::as_object);
    wanted.is_none_or(|wanted| {
        wanted
            .iter()
            .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
    })
}

/// The GitOps tool that will put its own state back.
#[must_use]
pub fn gitops_owner(object: &Value) -> Option<String> {
    let has = |path: &str| object.pointer(path).is_some();
    let managed_by = object
        .pointer("/metadata/labels/app.kubernetes.io~1managed-by")
        .and_then(Value::as_str);
    let argo = has("/metadata/annotations/argocd.argoproj.io~1tracking-id") || has("/metadata/labels/argocd.argoproj.io~1instance");
    let flux = has("/metadata/labels/kustomize.toolkit.fluxcd.io~1name") || has("/metadata/labels/helm.toolkit.fluxcd.io~1name");
    match (argo, flux, managed_by) {
        (true, _, _) => Some("Argo CD".into()),
        (_, true, _) => Some("Flux".into()),
        (_, _, Some("Helm")) => Some("Helm".into()),
        _ => None,
    }
}

/// What the tool deploys the object from, where its labels and annotations say so.
fn gitops_source(object: &Value) -> Option<ObjectRef> {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let label = |name: &str| text(&format!("/metadata/labels/{name}"));
    let annotation = |name: &str| text(&format!("/metadata/annotations/{name}"));
    // `<application>:<group>/<kind>:<namespace>/<name>`; an Application of another namespace than Argo CD's is `<namespace>_<name>`.
    let tracked = annotation("argocd.argoproj.io~1tracking-id").and_then(|id| id.split(':').next());
    if let Some(application) = tracked.or_else(|| label("argocd.argoproj.io~1instance")) {
        let (namespace, name) = match application.split_once('_') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, application),
        };
        return Some(ObjectRef::new("argoproj.io/v1alpha1", "Application", namespace, name));
    }
    for (group, api_version, kind) in [
        ("helm.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io/v2", "HelmRelease"),
        ("kustomize.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    ] {
        if let Some(name) = label(&format!("{group}~1name")) {
            return Some(ObjectRef::new(api_version, kind, label(&format!("{group}~1namespace")), name));
        }
    }
    let release = annotation("meta.helm.sh~1release-name").filter(|_| gitops_owner(object).as_deref() == Some("Helm"))?;
    let namespace = annotation("meta.helm.sh~1release-namespace").or_else(|| text("/metadata/namespace"));
    Some(ObjectRef::new("helm.sh/v3", "Release", namespace, release))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_environment_counts_as_production_and_the_object_outranks_its_namespace() {
        let plain = json!({"metadata": {}});
        let staging = json!({"metadata": {"labels": {"environment": "Staging"}}});
        let production = json!({"metadata": {"labels": {"environment": "production"}}});
        assert!(context(&plain, None, &[], false).production);
        assert!(!context(&plain, Some(&staging), &[], false).production);
        assert!(context(&production, Some(&staging), &[], false).production);
    }

    #[test]
    fn labels_of_the_object_win_over_those_of_its_namespace() {
        let namespace = json!({"metadata": {"labels": {"team": "shop", "tier": "one"}}});
        let object = json!({"metadata": {"labels": {"tier": "two"}}});
        let labels = context(&object, Some(&namespace), &[], false).labels;
        let wanted = [("team", "shop"), ("tier", "two")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(labels, BTreeMap::from(wanted));
    }

    #[test]
    fn the_tightest_matching_budget_counts() {
        let object = json!({"spec": {"replicas": 4, "template": {"metadata": {"labels": {"app": "a", "tier": "web"}}}}});
        let budget =
            |labels: Value, allowed: u32| json!({"spec": {"selector": {"matchLabels": labels}}, "status": {"disruptionsAllowed": allowed}});
        let budgets = [
            budget(json!({"app": "a"}), 2),
            budget(json!({"app": "b"}), 0),
            budget(json!({"tier": "web"}), 1),
        ];
        let context = context(&object, None, &budgets, true);
        assert_eq!((context.disruptions_allowed, context.replicas), (Some(1), Some(4)));
    }

    #[test]
    fn what_the_object_is_deployed_from_is_read_from_the_object() {
        let source = |metadata: Value| gitops_source(&json!({ "metadata": metadata })).map(|source| source.to_string());
        for (metadata, expected) in [
            (
                json!({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:production/web"}}),
                Some("Application shop"),
            ),
            (
                json!({"annotations": {"argocd.argoproj.io/tracking-id": "teams_shop:apps/Deployment:production/web"}}),
                Some("Application teams/shop"),
            ),
            (
                json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}),
                Some("Kustomization flux-system/apps"),
            ),
            (
                json!({
                    "labels": {"app.kubernetes.io/managed-by": "Helm"},
                    "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "production"}
                }),
                Some("Release production/shop"),
            ),
            // Left behind by a release that no longer has it.
            (json!({"annotations": {"meta.helm.sh/release-name": "shop"}}), None),
            (json!({}), None),
        ] {
            assert_eq!(source(metadata.clone()).as_deref(), expected, "{metadata}");
        }
    }
}
