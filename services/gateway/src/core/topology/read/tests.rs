use serde_json::json;

use super::*;

fn keys() -> FactKeys {
    FactKeys {
        enabled: "paramedic.io/enabled".into(),
        environment: vec!["environment".into(), "env".into()],
        team: vec!["team".into(), "owner".into()],
    }
}

fn entity(text: &str) -> Entity {
    text.parse().unwrap()
}

#[test]
fn pods_that_have_ended_do_not_matter() {
    let pod = |phase: &str| json!({"metadata": {"name": "a", "namespace": "shop"}, "spec": {"nodeName": "n1"}, "status": {"phase": phase}});
    assert!(read(Kind::Pod, &pod("Running"), &keys()).is_some());
    assert!(read(Kind::Pod, &pod("Pending"), &keys()).is_some());
    assert!(read(Kind::Pod, &pod("Succeeded"), &keys()).is_none());
    assert!(read(Kind::Pod, &pod("Failed"), &keys()).is_none());
}

#[test]
fn a_pod_of_a_template_keeps_its_claims_alone() {
    let pod = |owner: &str| {
        json!({
            "metadata": {"name": "db-0", "namespace": "shop", "ownerReferences": [{"kind": owner, "name": "db", "controller": true}]},
            "spec": {
                "containers": [{"env": [{"name": "DB_HOST", "value": "db"}]}],
                "volumes": [{"persistentVolumeClaim": {"claimName": "data-db-0"}}],
            },
        })
    };
    let needs = |owner| match read(Kind::Pod, &pod(owner), &keys()).unwrap().detail {
        Detail::Pod { needs, .. } => needs,
        other => panic!("{other:?}"),
    };
    assert!(needs("StatefulSet").hosts.is_empty());
    assert_eq!(needs("StatefulSet").claims, ["data-db-0".to_owned()].into());
    assert_eq!(needs("PostgresCluster").hosts, ["db".to_owned()].into());
}

#[test]
fn a_static_pod_is_not_its_node() {
    let pod = json!({"metadata": {"name": "etcd-n1", "namespace": "kube-system", "ownerReferences": [{"kind": "Node", "name": "n1", "controller": true}]}});
    assert_eq!(read(Kind::Pod, &pod, &keys()).unwrap().owner, None);
}

#[test]
fn facts_come_from_labels_then_annotations_in_the_order_of_the_keys() {
    let namespace = json!({"metadata": {
        "name": "shop",
        "labels": {"env": "staging", "owner": "payments", "paramedic.io/enabled": "true"},
        "annotations": {"environment": "production", "team": "x".repeat(64)},
    }});
    let Detail::Namespace(facts) = read(Kind::Namespace, &namespace, &keys()).unwrap().detail else {
        panic!("not a namespace");
    };
    assert_eq!(facts.enabled, Some(true));
    assert_eq!(facts.environment.as_deref(), Some("production"));
    assert_eq!(facts.team.as_deref(), Some("payments"));
}

#[test]
fn a_workload_may_say_whose_it_is_by_the_labels_of_its_pods() {
    let deployment = json!({
        "metadata": {"name": "cart", "namespace": "shop", "labels": {"environment": "production"}},
        "spec": {"template": {"metadata": {"labels": {"team": "shop", "environment": "other"}}}},
    });
    let facts = read(Kind::Deployment, &deployment, &keys()).unwrap().facts;
    assert_eq!(facts.environment.as_deref(), Some("production"));
    assert_eq!(facts.team.as_deref(), Some("shop"));
}

#[test]
fn a_route_leaves_out_what_is_usual() {
    let route = json!({
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "parentRefs": [{"name": "edge", "namespace": "infra"}, {"kind": "Service", "name": "mesh"}],
            "rules": [{"backendRefs": [{"name": "web", "port": 80}, {"name": "api", "namespace": "core"}, {"kind": "Bucket", "name": "b"}]}],
        },
    });
    let Detail::Route { services, uses } = read(Kind::HttpRoute, &route, &keys()).unwrap().detail else {
        panic!("not a route");
    };
    assert_eq!(services, [entity("Service/shop/web"), entity("Service/core/api")].into());
    assert_eq!(uses, [entity("Gateway/infra/edge")].into());
}

#[test]
fn what_is_not_as_it_should_be_counts_as_missing() {
    for kind in Kind::ALL {
        assert!(read(kind, &json!({}), &keys()).is_none(), "{kind}");
        assert!(read(kind, &json!({"metadata": {"name": 7}}), &keys()).is_none(), "{kind}");
        let odd =
            json!({"metadata": {"name": "a", "namespace": "b", "labels": 3, "ownerReferences": {}}, "spec": [], "status": "x", "data": 1});
        // An EndpointSlice without the label of its Service leads nowhere.
        assert_eq!(read(kind, &odd, &keys()).is_none(), kind == Kind::EndpointSlice, "{kind}");
    }
}
