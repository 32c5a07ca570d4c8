//! The `kube` crate, unmodified, against the API server.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    Api,
    api::{AttachParams, DeleteParams, EvictParams, ListParams, LogParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    runtime::{WatchStreamExt, watcher},
};
use paramedic_simulator::store::Gvr;
use serde_json::json;
use support::{Cluster, deployment, running_pod};
use tokio::io::AsyncReadExt;

fn code(error: kube::Error) -> (u16, String) {
    match error {
        kube::Error::Api(status) => (status.code, status.message.clone()),
        other => panic!("not an answer of the server: {other}"),
    }
}

#[tokio::test]
async fn objects_are_created_read_listed_changed_and_deleted() {
    let cluster = Cluster::start().await;
    let api: Api<Deployment> = Api::namespaced(cluster.client(), "golden");
    let wanted: Deployment = serde_json::from_value(deployment("web")).unwrap();
    let dry = api
        .create(
            &PostParams {
                dry_run: true,
                ..PostParams::default()
            },
            &wanted,
        )
        .await
        .unwrap();
    assert_eq!(dry.metadata.resource_version, None);
    let made = api.create(&PostParams::default(), &wanted).await.unwrap();
    assert_eq!(made.metadata.generation, Some(1));
    assert_eq!(made.spec.progress_deadline_seconds, Some(600));
    assert_eq!(code(api.create(&PostParams::default(), &wanted).await.unwrap_err()).0, 409);

    let listed = api
        .list(&ListParams::default().labels("app!=x").fields("metadata.name=web"))
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(
        api.list(&ListParams::default().fields("metadata.name=other"))
            .await
            .unwrap()
            .items
            .len(),
        0
    );

    let mut changed = made.clone();
    changed.spec.replicas = Some(5);
    let replaced = api.replace("web", &PostParams::default(), &changed).await.unwrap();
    assert_eq!(replaced.metadata.generation, Some(2));
    assert_eq!(code(api.replace("web", &PostParams::default(), &changed).await.unwrap_err()).0, 409);

    api.delete("web", &DeleteParams::default()).await.unwrap();
    assert_eq!(api.get_opt("web").await.unwrap(), None);
    cluster.server.shutdown().await;
}

#[tokio::test]
async fn a_list_of_metadata_stays_a_list_whatever_its_length() {
    let cluster = Cluster::start().await;
    let api: Api<Deployment> = Api::namespaced(cluster.client(), "golden");
    for (count, name) in ["a", "b"].into_iter().enumerate() {
        let listed = api.list_metadata(&ListParams::default()).await.unwrap();
        assert_eq!(listed.items.len(), count);
        let wanted: Deployment = serde_json::from_value(deployment(name)).unwrap();
        api.create(&PostParams::default(), &wanted).await.unwrap();
    }
    cluster.server.shutdown().await;
}

#[tokio::test]
async fn a_json_patch_with_tests_changes_only_what_was_seen() {
    let cluster = Cluster::start().await;
    let api: Api<Deployment> = Api::namespaced(cluster.client(), "golden");
    let made = api
        .create(&PostParams::default(), &serde_json::from_value(deployment("web")).unwrap())
        .await
        .unwrap();
    let memory = "/spec/template/spec/containers/0/resources/limits/memory";
    let patch = |seen: &str| -> Patch<()> {
        Patch::Json(
            serde_json::from_value(json!([
                {"op": "test", "path": "/metadata/uid", "value": made.metadata.uid},
                {"op": "test", "path": memory, "value": seen}, {"op": "replace", "path": memory, "value": "256Mi"}]))
            .unwrap(),
        )
    };
    let dry = api
        .patch(
            "web",
            &PatchParams {
                dry_run: true,
                ..PatchParams::default()
            },
            &patch("128Mi"),
        )
        .await
        .unwrap();
    assert_eq!(dry.metadata.generation, Some(2));
    assert_eq!(api.get("web").await.unwrap().metadata.generation, Some(1));
    api.patch("web", &PatchParams::default(), &patch("128Mi")).await.unwrap();
    let (status, message) = code(api.patch("web", &PatchParams::default(), &patch("128Mi")).await.unwrap_err());
    assert_eq!(
        (status, message.as_str()),
        (422, "the server rejected our request due to an error in our request")
    );
    let mutations: Vec<_> = cluster
        .audit
        .entries()
        .into_iter()
        .filter(|entry| entry.is_mutation())
        .map(|entry| entry.verb)
        .collect();
    assert_eq!(mutations, ["create", "patch"]);
}

#[tokio::test]
async fn server_side_apply_owns_its_fields() {
    let cluster = Cluster::start().await;
    let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "golden");
    let config = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": value}});
    let one = api
        .patch("c", &PatchParams::apply("one"), &Patch::Apply(config("1")))
        .await
        .unwrap();
    assert_eq!(one.data.unwrap()["a"], "1");
    let (status, message) = code(
        api.patch("c", &PatchParams::apply("two"), &Patch::Apply(config("2")))
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (status, message.as_str()),
        (409, "Apply failed with 1 conflict: conflict with \"one\": .data.a")
    );
    let two = api
        .patch("c", &PatchParams::apply("two").force(), &Patch::Apply(config("2")))
        .await
        .unwrap();
    assert_eq!(two.metadata.managed_fields.unwrap().len(), 1);
}

#[tokio::test]
async fn watches_follow_selectors_and_the_runtime_watcher_works() {
    let cluster = Cluster::start().await;
    let api: Api<Pod> = Api::namespaced(cluster.client(), "golden");
    let mut watch = api.watch(&WatchParams::default().labels("app=web"), "0").await.unwrap().boxed();
    let gvr = Gvr::pods();
    cluster.store.create(&gvr, running_pod("a", "web")).unwrap();
    cluster.store.create(&gvr, running_pod("b", "db")).unwrap();
    cluster
        .store
        .update(&gvr, Some("golden"), "a", &mut |pod| {
            pod["metadata"]["labels"]["app"] = json!("other");
            Ok(())
        })
        .unwrap();
    assert!(matches!(watch.try_next().await.unwrap().unwrap(), WatchEvent::Added(pod) if pod.metadata.name.as_deref() == Some("a")));
    assert!(matches!(watch.try_next().await.unwrap().unwrap(), WatchEvent::Deleted(_)));

    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let mut stream = watcher(api.clone(), config).applied_objects().boxed();
        let mut names: Vec<String> = Vec::new();
        while names.len() < 2 {
            names.push(stream.try_next().await.unwrap().unwrap().metadata.name.unwrap());
        }
        assert_eq!(names, ["a", "b"]);
    }
}

#[tokio::test]
async fn a_watch_from_too_long_ago_is_told_to_list_again() {
    let cluster = Cluster::start().await;
    let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "golden");
    let gvr = Gvr::config_maps();
    cluster
        .store
        .create(&gvr, json!({"metadata": {"name": "c", "namespace": "golden"}}))
        .unwrap();
    for i in 0..17_000 {
        let edit = &mut |map: &mut serde_json::Value| {
            map["data"] = json!({"i": i.to_string()});
            Ok(())
        };
        cluster.store.update(&gvr, Some("golden"), "c", edit).unwrap();
    }
    let mut old = api.watch(&WatchParams::default(), "1").await.unwrap().boxed();
    assert!(matches!(old.try_next().await.unwrap(), Some(WatchEvent::Error(status)) if status.code == 410));
}

#[tokio::test]
async fn logs_and_commands_reach_the_container() {
    let cluster = Cluster::start().await;
    let api: Api<Pod> = Api::namespaced(cluster.client(), "golden");
    cluster.store.create(&Gvr::pods(), running_pod("a", "web")).unwrap();
    let log = api
        .logs(
            "a",
            &LogParams {
                tail_lines: Some(2),
                ..LogParams::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(log, "one\ntwo\n");
    let previous = api
        .logs(
            "a",
            &LogParams {
                previous: true,
                ..LogParams::default()
            },
        )
        .await
        .unwrap_err();
    assert_eq!(
        code(previous),
        (400, "previous terminated container \"app\" in pod \"a\" not found\n".to_owned())
    );

    let mut process = api.exec("a", ["hostname"], &AttachParams::default()).await.unwrap();
    let mut out = String::new();
    process.stdout().unwrap().read_to_string(&mut out).await.unwrap();
    assert_eq!(out, "a\n");
    assert_eq!(process.take_status().unwrap().await.unwrap().status.as_deref(), Some("Success"));
    let mut failing = api.exec("a", ["nope"], &AttachParams::default()).await.unwrap();
    let status = failing.take_status().unwrap().await.unwrap();
    assert_eq!(status.reason.as_deref(), Some("NonZeroExitCode"));
}

#[tokio::test]
async fn an_eviction_respects_the_budget() {
    let cluster = Cluster::start().await;
    let api: Api<Pod> = Api::namespaced(cluster.client(), "golden");
    cluster.store.create(&Gvr::pods(), running_pod("a", "web")).unwrap();
    let budget = |allowed: i64| {
        json!({"metadata": {"name": "web", "namespace": "golden"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            "status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "desiredHealthy": 1, "currentHealthy": 1}})
    };
    cluster.store.create(&Gvr::pod_disruption_budgets(), budget(0)).unwrap();
    assert_eq!(code(api.evict("a", &EvictParams::default()).await.unwrap_err()).0, 429);
    cluster.store.delete(&Gvr::pod_disruption_budgets(), Some("golden"), "web").unwrap();
    api.evict("a", &EvictParams::default()).await.unwrap();
    assert!(api.get("a").await.unwrap().metadata.deletion_timestamp.is_some());
}
