use serde_json::json;

use super::{ChangeKind, Gvr, Store};

fn store() -> Store {
    Store::new(|| "2026-11-22T00:00:00Z".parse().unwrap())
}

fn web() -> serde_json::Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "a"}, "spec": {"replicas": 1}})
}

#[test]
fn a_new_object_gets_what_the_server_fills_in() {
    let made = store().create(&Gvr::deployments(), web()).unwrap();
    assert_eq!(made["metadata"]["creationTimestamp"], "2026-11-22T00:00:00Z");
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(made["metadata"]["resourceVersion"], "1");
    assert_eq!(made["metadata"]["uid"].as_str().unwrap().len(), 36);
}

#[test]
fn generation_counts_spec_changes_only_and_an_empty_change_is_none() {
    let store = store();
    let gvr = Gvr::deployments();
    store.create(&gvr, web()).unwrap();
    let same = store.update(&gvr, Some("a"), "web", &mut |_| Ok(())).unwrap();
    assert_eq!(same["metadata"]["resourceVersion"], "1");
    let status = store
        .update(&gvr, Some("a"), "web", &mut |o| {
            o["status"] = json!({"replicas": 1});
            Ok(())
        })
        .unwrap();
    assert_eq!(
        (&status["metadata"]["generation"], &status["metadata"]["resourceVersion"]),
        (&json!(1), &json!("2"))
    );
    let spec = store
        .update(&gvr, Some("a"), "web", &mut |o| {
            o["spec"]["replicas"] = json!(2);
            Ok(())
        })
        .unwrap();
    assert_eq!(spec["metadata"]["generation"], 2);
}

#[test]
fn a_taken_name_is_refused_and_a_missing_one_not_found() {
    let store = store();
    store.create(&Gvr::deployments(), web()).unwrap();
    assert_eq!(
        store.create(&Gvr::deployments(), web()).unwrap_err().message,
        "deployments.apps \"web\" already exists"
    );
    assert_eq!(store.delete(&Gvr::pods(), Some("a"), "x").unwrap_err().code, 404);
}

#[test]
fn an_object_being_deleted_goes_when_its_last_finalizer_does() {
    let store = store();
    let gvr = Gvr::deployments();
    store.create(&gvr, web()).unwrap();
    let edit = |value: serde_json::Value| {
        store.update(&gvr, Some("a"), "web", &mut |o| {
            o["metadata"]["deletionTimestamp"] = json!("2026-11-22T00:00:01Z");
            o["metadata"]["finalizers"] = value.clone();
            Ok(())
        })
    };
    edit(json!(["foregroundDeletion"])).unwrap();
    assert!(store.get(&gvr, Some("a"), "web").is_some());
    edit(json!([])).unwrap();
    assert!(store.get(&gvr, Some("a"), "web").is_none());
}

#[tokio::test]
async fn a_watch_sees_every_change_in_order_and_wakes_for_later_ones() {
    let store = store();
    store.create(&Gvr::deployments(), web()).unwrap();
    let mut watch = store.watch(0).unwrap();
    let other = store.clone();
    let writer = tokio::spawn(async move { other.delete(&Gvr::deployments(), Some("a"), "web") });
    let (first, second) = (watch.next().await.unwrap(), watch.next().await.unwrap());
    writer.await.unwrap().unwrap();
    assert_eq!((first.rv, first.kind), (1, ChangeKind::Added));
    assert_eq!((second.rv, second.kind), (2, ChangeKind::Deleted));
    assert!(watch.try_next().unwrap().is_none());
}

#[test]
fn a_reader_that_is_too_late_is_told_to_list_again() {
    let store = store();
    for i in 0..16_400 {
        store
            .create(
                &Gvr::config_maps(),
                json!({"metadata": {"name": format!("c{i}"), "namespace": "a"}}),
            )
            .unwrap();
    }
    assert_eq!(store.watch(1).err().unwrap().code, 410);
    assert!(store.watch(16_400).is_ok());
}
