//! Network policies, budgets, autoscalers, recorded objects, Argo CD and Flux.

use serde_json::{Value, json};

use super::case::{Case, definition};

fn policy(name: &str) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "production", "labels": {"by": "hand"}},
        "spec": {"podSelector": {"matchLabels": {"app": "nothing"}}, "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": 80}]}]}})
}

fn application(name: &str, policy: &Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name, "namespace": "production"},
        "spec": {"project": "default", "source": {"repoURL": "https://git.example.com/checkout", "targetRevision": "main", "path": "."},
            "destination": {"namespace": "production", "server": "https://kubernetes.default.svc"}, "syncPolicy": policy},
        "status": {"sync": {"revision": "bbb"}, "history": [
            {"id": 3, "revision": "aaa", "deployedAt": "2026-11-20T10:00:00Z"}, {"id": 4, "revision": "bbb", "deployedAt": "2026-11-21T10:00:00Z"}]}})
}

fn kustomization(name: &str, suspended: bool) -> Value {
    json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": name, "namespace": "production"},
        "spec": {"interval": "1h", "suspend": suspended}})
}

fn phase(object: &Value) -> &Value {
    &object["status"]["operationState"]["phase"]
}

pub(super) fn cases() -> Vec<Case> {
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "payment-service-config", "namespace": "production"},
        "data": {"LOG_LEVEL": "warn"}});
    vec![
        Case::of(
            "add_network_policy_rule",
            json!({"policy": "narrow", "namespace": "production", "direction": "ingress", "podLabels": {"app": "front"}, "ports": [8080]}),
        )
        .given([policy("narrow")])
        .seen(|seen| assert_eq!(seen.between[0]["spec"]["ingress"].as_array().unwrap().len(), 2)),
        Case::of(
            "remove_network_policy_rule",
            json!({"policy": "narrow", "namespace": "production", "direction": "ingress", "index": 0}),
        )
        .seen(|seen| assert!(seen.between[0]["spec"].get("ingress").is_none_or(|rules| rules == &json!([])))),
        Case::of("delete_network_policy", json!({"policy": "narrow", "namespace": "production"}))
            .seen(|seen| assert!(seen.between[0].is_null())),
        Case::of(
            "update_hpa",
            json!({"hpa": "payment-service-hpa", "namespace": "production", "maxReplicas": 8}),
        )
        .seen(|seen| assert_eq!(seen.between[0]["spec"]["maxReplicas"], 8)),
        Case::of(
            "update_pdb",
            json!({"pdb": "payment-service", "namespace": "production", "maxUnavailable": 2}),
        )
        .seen(|seen| {
            assert_eq!(seen.between[0]["spec"]["maxUnavailable"], 2);
            assert_eq!(seen.between[0]["spec"].get("minAvailable"), None);
        }),
        Case::of("restore_object", json!({"object": config})).seen(|seen| assert_eq!(seen.between[0]["data"]["LOG_LEVEL"], "warn")),
        Case::of("argo_sync", json!({"application": "shop", "namespace": "production"}))
            .given([
                definition("argoproj.io", "v1alpha1", "Application"),
                application("shop", &json!({})),
            ])
            .seen(|seen| {
                assert_eq!(
                    (phase(&seen.between[0]), phase(&seen.after[0])),
                    (&json!("Succeeded"), &json!("Succeeded"))
                )
            }),
        Case::of("argo_rollback", json!({"application": "desk", "namespace": "production", "id": 3}))
            .given([application("desk", &json!({}))])
            .seen(|seen| assert_eq!(phase(&seen.between[0]), "Succeeded")),
        Case::of("argo_pause_auto_sync", json!({"application": "self", "namespace": "production"}))
            .given([application("self", &json!({"automated": {"selfHeal": true}}))])
            .seen(|seen| assert_eq!(seen.between[0]["spec"]["syncPolicy"].get("automated"), None)),
        Case::of("flux_reconcile", json!({"kustomization": "apps", "namespace": "production"}))
            .given([
                definition("kustomize.toolkit.fluxcd.io", "v1", "Kustomization"),
                kustomization("apps", false),
            ])
            .seen(|seen| {
                assert!(
                    seen.between[0]["status"]["lastHandledReconcileAt"].is_string(),
                    "{}",
                    seen.between[0]
                )
            }),
        Case::of("flux_suspend", json!({"kustomization": "apps", "namespace": "production"}))
            .seen(|seen| assert_eq!(seen.between[0]["spec"]["suspend"], true)),
        Case::of("flux_resume", json!({"kustomization": "still", "namespace": "production"}))
            .given([kustomization("still", true)])
            .seen(|seen| assert_ne!(seen.between[0]["spec"]["suspend"], true)),
    ]
}
