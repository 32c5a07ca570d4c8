//! Network policies, recorded objects, Argo CD and Flux.

use paramedic_domain::{change::Wait, plan::Lasts};
use serde_json::{Value, json};

use super::{Stage, concerns, edit, requests, values};
use crate::action::Request;

fn policy() -> Stage {
    Stage::default().with(
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"protocol": "TCP", "port": 80}]}]}}),
    )
}

#[test]
fn traffic_is_allowed_narrowly_and_a_policy_can_be_deleted_and_brought_back() {
    let stage = policy();
    let with = |more: Value| {
        let mut params = json!({"policy": "deny", "namespace": "shop", "direction": "ingress"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let draft = stage
        .draft(
            "add_network_policy_rule",
            with(json!({"podLabels": {"app": "front"}, "ports": [8080]})),
        )
        .unwrap();
    assert_eq!(
        values(&draft)[0].1.clone().unwrap()[1],
        json!({"from": [{"podSelector": {"matchLabels": {"app": "front"}}}], "ports": [{"protocol": "TCP", "port": 8080}]})
    );
    let everybody = stage.draft("add_network_policy_rule", with(json!({"cidr": "0.0.0.0/0"}))).unwrap();
    assert!(concerns(&everybody).contains("High: "), "{}", concerns(&everybody));
    assert!(
        stage
            .refusal("add_network_policy_rule", with(json!({})))
            .contains("allow everything")
    );
    assert!(
        stage
            .refusal("add_network_policy_rule", with(json!({"cidr": "10.0.0.0/33"})))
            .contains("not a range")
    );
    let egress = json!({"policy": "deny", "namespace": "shop", "direction": "egress", "ports": [53]});
    assert!(
        stage
            .refusal("add_network_policy_rule", egress)
            .contains("does not restrict egress")
    );
    let removed = stage.draft("remove_network_policy_rule", with(json!({"index": 0}))).unwrap();
    assert_eq!(values(&removed), [("/spec/ingress".into(), None)]);
    assert!(concerns(&removed).contains("nothing is allowed"), "{}", concerns(&removed));
    assert!(
        stage
            .refusal("remove_network_policy_rule", with(json!({"index": 1})))
            .contains("no rule 1")
    );
    let deleted = stage
        .draft("delete_network_policy", json!({"policy": "deny", "namespace": "shop"}))
        .unwrap();
    assert!(matches!(&requests(&deleted)[0], Request::Delete { restore: true, .. }));
}

#[test]
fn an_object_is_put_back_as_it_was_recorded_and_secrets_never() {
    let map = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": data});
    let stage = Stage::default().with(map(json!({"a": "2", "b": "new"})));
    let with = |object: Value, exact: bool| json!({"object": object, "exact": exact});
    let draft = stage.draft("restore_object", with(map(json!({"a": "1"})), false)).unwrap();
    assert_eq!(values(&draft), [("/data/a".into(), Some(json!("1")))]);
    let exact = stage.draft("restore_object", with(map(json!({"a": "1"})), true)).unwrap();
    assert_eq!(values(&exact)[1], ("/data/b".into(), None));
    assert!(
        stage
            .refusal("restore_object", with(map(json!({"a": "2"})), false))
            .contains("as it was recorded")
    );
    let mut gone = map(json!({"a": "1"}));
    gone["metadata"]["name"] = json!("gone");
    gone["metadata"]["resourceVersion"] = json!("7");
    let created = stage.draft("restore_object", with(gone, false)).unwrap();
    let Request::Create { object, .. } = &requests(&created)[0] else {
        panic!("{created:?}")
    };
    assert_eq!(object["metadata"].get("resourceVersion"), None);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}, "data": {}});
    assert!(
        stage
            .refusal("restore_object", with(secret, false))
            .contains("Secret is not restored")
    );
}

#[test]
fn an_object_is_put_back_as_a_step_kept_it_and_what_was_masked_stays() {
    let deployment = |image: &str, level: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"replicas": 2,
            "template": {"spec": {"containers": [{"name": "side"}, {"name": "web", "image": image, "env": [{"name": "A", "value": level}]}]}}}})
    };
    let artifact = "inc_1/plan_1/rec-001/workload.json";
    let with = |kept: Result<Value, String>, now: Value| {
        let mut stage = Stage::default().with(now);
        stage.0.recorded.push((artifact.into(), kept));
        stage
    };
    let arguments = || json!({"artifact": artifact});
    let stage = with(Ok(deployment("web:1", "[redacted]")), deployment("web:2", "debug"));
    let draft = stage.draft("restore_object", arguments()).unwrap();
    assert_eq!(
        values(&draft),
        [(
            "/spec/template".into(),
            Some(deployment("web:1", "debug")["spec"]["template"].clone())
        )]
    );
    let mut without = deployment("web:2", "debug");
    without["spec"]["template"]["spec"]["containers"][1]["env"] = json!([]);
    let refusal = with(Ok(deployment("web:1", "[redacted]")), without).refusal("restore_object", arguments());
    assert!(refusal.contains("env[0].value") && refusal.contains("masked"), "{refusal}");
    let refusal = with(Err("is not what the log says".into()), deployment("web:2", "x")).refusal("restore_object", arguments());
    assert!(refusal.contains("is not what the log says"), "{refusal}");
    let both = json!({"artifact": artifact, "object": {}});
    assert!(stage.refusal("restore_object", both).contains("exactly one"));
}

fn application(automated: bool) -> Stage {
    let policy = if automated {
        json!({"automated": {"selfHeal": true}, "syncOptions": ["CreateNamespace=true"]})
    } else {
        json!({})
    };
    Stage::default().with(
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"syncPolicy": policy}, "status": {"sync": {"status": "OutOfSync"}, "history": [
            {"id": 3, "revision": "aaa", "deployedAt": "2026-11-20T10:00:00Z", "source": {"repoURL": "https://git.example.com/shop"}},
            {"id": 4, "revision": "bbb", "deployedAt": "2026-11-21T10:00:00Z"}]}}),
    )
}

#[test]
fn argo_syncs_goes_back_and_is_paused() {
    let stage = application(true);
    let sync = stage.draft("argo_sync", json!({"application": "shop"})).unwrap();
    let wanted = values(&sync)[0].1.clone().unwrap();
    assert_eq!(wanted["sync"], json!({"prune": false, "syncOptions": ["CreateNamespace=true"]}));
    assert_eq!(edit(&requests(&sync)[0]).wait, Wait::Synced);
    assert!(
        stage
            .refusal("argo_rollback", json!({"application": "shop"}))
            .contains("argo_pause_auto_sync")
    );
    let pause = stage
        .draft("argo_pause_auto_sync", json!({"application": "shop", "duration": "2h"}))
        .unwrap();
    assert_eq!(values(&pause), [("/spec/syncPolicy/automated".into(), None)]);
    assert!(matches!(pause.lasts, Some(Lasts::For { duration }) if duration.as_secs() == 7200));
    let manual = application(false);
    let back = manual.draft("argo_rollback", json!({"application": "shop"})).unwrap();
    let wanted = values(&back)[0].1.clone().unwrap();
    assert_eq!(
        (&wanted["sync"]["revision"], &wanted["sync"]["source"]["repoURL"]),
        (&json!("aaa"), &json!("https://git.example.com/shop"))
    );
    assert_eq!(wanted["sync"]["prune"], json!(false), "nothing is deleted unless that is said");
    let pruned = manual
        .draft("argo_rollback", json!({"application": "shop", "prune": true}))
        .unwrap();
    assert_eq!(values(&pruned)[0].1.as_ref().unwrap()["sync"]["prune"], json!(true));
    assert!(concerns(&pruned).contains("are deleted"), "{}", concerns(&pruned));
    assert!(
        manual
            .refusal("argo_rollback", json!({"application": "shop", "id": 9}))
            .contains("[3, 4]")
    );
    assert!(
        manual
            .refusal("argo_pause_auto_sync", json!({"application": "shop"}))
            .contains("not synced automatically")
    );
}

#[test]
fn flux_is_suspended_resumed_and_asked_to_look_again() {
    let object = |suspended: bool| {
        Stage::default().with(json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "apps", "namespace": "flux-system"}, "spec": {"suspend": suspended}}))
    };
    let arguments = json!({"kustomization": "apps"});
    let asked = object(false).draft("flux_reconcile", arguments.clone()).unwrap();
    assert_eq!(
        values(&asked),
        [(
            "/metadata/annotations/reconcile.fluxcd.io~1requestedAt".into(),
            Some(json!("2026-11-22T10:00:00Z"))
        )]
    );
    assert_eq!(edit(&requests(&asked)[0]).wait, Wait::Reconciled);
    assert!(object(true).refusal("flux_reconcile", arguments.clone()).contains("flux_resume"));
    assert!(object(false).draft("flux_suspend", arguments.clone()).is_ok());
    assert!(object(true).refusal("flux_suspend", arguments.clone()).contains("already"));
    assert!(object(true).draft("flux_resume", arguments.clone()).is_ok());
    assert!(object(false).refusal("flux_resume", arguments).contains("not suspended"));
    assert!(object(false).refusal("flux_resume", json!({})).contains("exactly one"));
}
