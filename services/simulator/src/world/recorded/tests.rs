//! Recorded worlds on a manual clock.

use std::{fs, path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::RecordedWorld;
use crate::{
    audit::Entry,
    clock::SimClock,
    recording::{Begin, Part, Recording},
    store::{Gvr, Store},
    world::obj,
};

const NS: Option<&str> = Some("shop");

fn boot(recording: Recording, fixed_by: Value) -> Arc<RecordedWorld> {
    let begin = Begin {
        fixed_by: serde_json::from_value(fixed_by).unwrap(),
        ..Begin::at("2026-03-02T14:20:00Z".parse().unwrap())
    };
    let clock = SimClock::manual(begin.now);
    let store = Store::new({
        let clock = clock.clone();
        move || clock.now()
    });
    RecordedWorld::boot(recording, begin, clock, store).unwrap()
}

/// Lives for a simulated duration, from one due time to the next.
fn live(world: &RecordedWorld, seconds: u64) {
    let end = obj::after(world.clock.now(), Duration::from_secs(seconds));
    loop {
        let next = world.settle().map_or(end, |next| next.min(end));
        if world.clock.now() >= end {
            return;
        }
        assert!(next > world.clock.now(), "something is due for ever at {next}");
        world.clock.advance_to(next);
    }
}

/// Objects from the documents of a file.
fn part(objects: &[String]) -> Part {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cluster")).unwrap();
    fs::write(folder.path().join("cluster/all.yaml"), objects.join("\n---\n")).unwrap();
    Recording::load(folder.path()).unwrap().first
}

fn recording(first: &[String], fixed: &[String], wrong: Option<&[String]>) -> Recording {
    Recording {
        first: part(first),
        fixed: part(fixed),
        wrong: wrong.map(part),
    }
}

fn deployment(replicas: u32, image: &str) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web, namespace: shop, annotations: {{deployment.kubernetes.io/revision: '1'}}}},
          spec: {{replicas: {replicas}, selector: {{matchLabels: {{app: web}}}},
            template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, image: '{image}'}}]}}}}}},
          status: {{replicas: {replicas}, readyReplicas: {replicas}}}}}"
    )
}

fn set(replicas: u32, image: &str) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: ReplicaSet, metadata: {{name: web-1, namespace: shop, annotations: {{deployment.kubernetes.io/revision: '1'}},
            ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: web, controller: true}}]}},
          spec: {{replicas: {replicas}, selector: {{matchLabels: {{app: web}}}},
            template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, image: '{image}'}}]}}}}}},
          status: {{replicas: {replicas}, readyReplicas: {replicas}}}}}"
    )
}

fn pod(name: &str, image: &str, ready: bool) -> String {
    let state = if ready {
        "running: {startedAt: '2026-03-01T00:00:00Z'}"
    } else {
        "waiting: {reason: CreateContainerConfigError}"
    };
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, labels: {{app: web}},
            ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, controller: true}}]}},
          spec: {{nodeName: a, containers: [{{name: web, image: '{image}'}}]}},
          status: {{phase: Running, podIP: 10.0.0.7, conditions: [{{type: Ready, status: '{}'}}],
            containerStatuses: [{{name: web, ready: {ready}, restartCount: 0, state: {{{state}}}}}]}}}}",
        if ready { "True" } else { "False" }
    )
}

fn service() -> [String; 2] {
    [
        "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{port: 80}]}}".to_owned(),
        "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, endpoints: [{addresses: [10.9.9.9]}], ports: [{port: 80}],
          metadata: {name: web-x7k2p, namespace: shop, labels: {kubernetes.io/service-name: web}}}"
            .to_owned(),
    ]
}

fn pods(world: &RecordedWorld) -> Vec<Value> {
    world.store.list(&Gvr::pods(), NS).0
}

fn ready(world: &RecordedWorld) -> usize {
    pods(world).iter().filter(|pod| obj::is_true(pod, "Ready")).count()
}

/// Asks for the deletion of a pod as the API server would.
fn delete(world: &RecordedWorld, name: &str) {
    let pod = world.store.get(&Gvr::pods(), NS, name).unwrap();
    obj::delete_pod(&world.store, &pod, world.clock.now());
}

fn edit(world: &RecordedWorld, gvr: &Gvr, name: &str, change: impl Fn(&mut Value)) {
    obj::change(&world.store, gvr, "shop", name, change);
}

fn request(verb: &str, kind: &str, name: &str) -> Entry {
    serde_json::from_value(json!({
        "time": "2026-03-02T14:20:00Z", "verb": verb, "path": "/", "kind": kind, "namespace": "shop", "name": name,
        "query": "", "dry_run": false, "user_agent": "", "field_manager": "", "content_type": "", "body": null, "code": 200,
    }))
    .unwrap()
}

#[test]
fn every_case_of_the_repository_is_a_world_that_stands_still() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let folders = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.is_dir()) {
        let world = boot(Recording::load(&folder).unwrap(), json!([]));
        let version = world.store.resource_version();
        live(&world, 3600);
        assert_eq!(world.store.resource_version(), version, "{}", folder.display());
    }
}

#[test]
fn whoever_loses_a_pod_wakes_and_nobody_else() {
    let mut first = vec![
        deployment(5, "web:1"),
        set(5, "web:1"),
        pod("one", "web:1", true),
        pod("two", "web:1", true),
    ];
    first.extend(service());
    first.push(deployment(9, "other:1").replace("name: web,", "name: other,"));
    let world = boot(recording(&first, &[], None), json!([]));
    live(&world, 600);
    assert_eq!(pods(&world).len(), 2, "the recording lists two of five pods, and so it stays");
    delete(&world, "one");
    live(&world, 60);
    assert_eq!((pods(&world).len(), ready(&world)), (5, 5));
    assert!(pods(&world).iter().any(|pod| obj::name(pod) == "two"), "what was there is used on");
    let slices = world.store.list(&Gvr::endpoint_slices(), NS).0;
    assert_eq!(slices.len(), 1, "the recorded slice is used on");
    assert_eq!(slices[0]["endpoints"].as_array().unwrap().len(), 5);
    let web = world.store.get(&Gvr::deployments(), NS, "web").unwrap();
    assert_eq!(web["status"]["availableReplicas"], 5);
    let other = world.store.get(&Gvr::deployments(), NS, "other").unwrap();
    assert!(world.store.is_still(obj::uid(&other)));
    assert_eq!(other["status"]["readyReplicas"], 9);
}

#[test]
fn a_note_on_an_object_wakes_nobody() {
    let world = boot(recording(&[deployment(3, "web:1")], &[], None), json!([]));
    edit(&world, &Gvr::deployments(), "web", |object| {
        object["metadata"]["annotations"]["note"] = json!("seen")
    });
    live(&world, 60);
    assert!(pods(&world).is_empty());
    edit(&world, &Gvr::deployments(), "web", |object| object["spec"]["replicas"] = json!(2));
    live(&world, 60);
    assert_eq!(ready(&world), 2);
}

#[test]
fn pods_that_were_sick_recover_once_the_world_is_fixed() {
    let first = [
        deployment(2, "web:1"),
        set(2, "web:1"),
        pod("one", "web:1", false),
        pod("two", "web:1", false),
    ];
    let world = boot(recording(&first, &[], None), json!([{"verb": "create", "kind": "Secret"}]));
    delete(&world, "one");
    live(&world, 60);
    assert_eq!(
        (pods(&world).len(), ready(&world)),
        (2, 0),
        "the new pod is as sick as the old ones"
    );
    world.answered(&request("create", "Secret", "key"));
    live(&world, 60);
    assert_eq!((pods(&world).len(), ready(&world)), (2, 2));
}

#[test]
fn a_template_that_never_ran_gets_well() {
    let first = [
        deployment(2, "web:1"),
        set(2, "web:1"),
        pod("one", "web:1", false),
        pod("two", "web:1", false),
    ];
    let world = boot(recording(&first, &[], None), json!([]));
    edit(&world, &Gvr::deployments(), "web", |object| {
        object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2")
    });
    live(&world, 120);
    assert_eq!((pods(&world).len(), ready(&world)), (2, 2));
    let sets = world.store.list(&Gvr::replica_sets(), NS).0;
    assert_eq!(sets.len(), 2);
}

#[test]
fn the_fixed_world_keeps_what_clients_changed_and_takes_the_rest_from_its_files() {
    let map = |data: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: settings, namespace: shop}}, data: {data}}}");
    let queue = |status: &str| {
        format!(
            "{{apiVersion: example.com/v1, kind: Queue, metadata: {{name: jobs, namespace: shop}}, spec: {{size: 1}}, status: {status}}}"
        )
    };
    let first = [map("{pool: '100', mode: a}"), queue("{depth: 900}"), service()[0].clone()];
    let gone = service()[0].replace(
        "namespace: shop}",
        "namespace: shop, annotations: {case.paramedic.dev/gone: 'true'}}",
    );
    let fixed = [map("{pool: '100', mode: b}"), queue("{depth: 0}"), gone, deployment(1, "new:1")];
    let world = boot(recording(&first, &fixed, None), json!([{"verb": "patch", "kind": "ConfigMap"}]));
    edit(&world, &Gvr::config_maps(), "settings", |object| {
        object["data"]["pool"] = json!("200")
    });
    world.answered(&request("patch", "ConfigMap", "settings"));
    live(&world, 600);
    let settings = world.store.get(&Gvr::config_maps(), NS, "settings").unwrap();
    assert_eq!(settings["data"], json!({"pool": "200", "mode": "b"}));
    let queues = Gvr::new("example.com", "v1", "queues");
    assert_eq!(world.store.get(&queues, NS, "jobs").unwrap()["status"], json!({"depth": 0}));
    assert!(world.store.get(&Gvr::services(), NS, "web").is_none());
    assert!(world.store.get(&Gvr::deployments(), NS, "web").is_some());
    assert!(pods(&world).is_empty(), "what came with the fixed world stands still too");
}

#[test]
fn a_world_gone_wrong_is_as_before_once_it_is_fixed() {
    let map =
        |mode: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: settings, namespace: shop}}, data: {{mode: {mode}}}}}");
    let wrong = [map("broken"), deployment(1, "extra:1")];
    let world = boot(
        recording(&[map("fine")], &[], Some(&wrong)),
        json!([{"verb": "patch", "kind": "Service"}]),
    );
    let mode = || world.store.get(&Gvr::config_maps(), NS, "settings").unwrap()["data"]["mode"].clone();
    world.answered(&request("delete", "Pod", "one"));
    assert_eq!(mode(), "broken");
    world.answered(&request("patch", "Service", "web"));
    assert_eq!(mode(), "fine");
    assert!(world.store.get(&Gvr::deployments(), NS, "web").is_none());
}

#[test]
fn an_object_that_people_wrote_is_completed() {
    let world = boot(recording(&[set(1, "web:1"), deployment(1, "web:1")], &[], None), json!([]));
    let web = world.store.get(&Gvr::deployments(), NS, "web").unwrap();
    let owned = world.store.get(&Gvr::replica_sets(), NS, "web-1").unwrap();
    assert_eq!(owned["metadata"]["ownerReferences"][0]["uid"], web["metadata"]["uid"]);
    assert_eq!(web["metadata"]["creationTimestamp"], "2026-01-31T14:20:00Z");
    assert_eq!(web["status"]["observedGeneration"], web["metadata"]["generation"]);
    assert!(web["metadata"].get("ownerReferences").is_none(), "what is not there stays away");
    assert!(world.store.get(&Gvr::namespaces(), None, "shop").is_some());
    let again = boot(recording(&[deployment(1, "web:1")], &[], None), json!([]));
    assert_eq!(
        again.store.get(&Gvr::deployments(), NS, "web").unwrap()["metadata"]["uid"],
        web["metadata"]["uid"]
    );
}

#[test]
fn a_deleted_pod_of_a_stateful_set_is_replaced_and_its_siblings_stay() {
    let set = "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop},
      spec: {replicas: 3, serviceName: db, selector: {matchLabels: {app: db}},
        template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: 'db:1'}]}}},
      status: {replicas: 3, updateRevision: db-7f9c5d}}";
    let member = |n: u32, label: &str| {
        pod(&format!("db-{n}"), "db:1", true)
            .replace("name: web,", "name: db,")
            .replace("app: web", &format!("app: db{label}"))
            .replace("kind: ReplicaSet, name: web-1", "kind: StatefulSet, name: db")
    };
    // One of them was written without the label of its revision.
    let label = ", controller-revision-hash: db-7f9c5d";
    let world = boot(
        recording(&[set.to_owned(), member(0, label), member(1, ""), member(2, label)], &[], None),
        json!([]),
    );
    let uids = || pods(&world).iter().map(|pod| obj::uid(pod).to_owned()).collect::<Vec<_>>();
    let before = uids();
    delete(&world, "db-2");
    live(&world, 300);
    let after = uids();
    assert_eq!(ready(&world), 3);
    assert_eq!(before[..2], after[..2]);
    assert_ne!(before[2], after[2]);
}

#[test]
fn an_abbreviated_replica_set_is_no_other_revision() {
    let whole = deployment(1, "web:1").replace("image: 'web:1'", "image: 'web:1', env: [{name: A, value: b}]");
    let world = boot(
        recording(&[whole, set(1, "web:1"), pod("one", "web:1", true)], &[], None),
        json!([]),
    );
    edit(&world, &Gvr::deployments(), "web", |object| object["spec"]["replicas"] = json!(2));
    live(&world, 120);
    assert_eq!(world.store.list(&Gvr::replica_sets(), NS).0.len(), 1);
    assert_eq!((pods(&world).len(), ready(&world)), (2, 2));
}

#[test]
fn pods_of_a_node_that_is_not_heard_of_are_replaced_and_do_not_stop() {
    let node = |name: &str, ready: &str| {
        format!("{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}, status: {{conditions: [{{type: Ready, status: {ready}}}]}}}}")
    };
    let first = [
        deployment(1, "web:1"),
        set(1, "web:1"),
        pod("one", "web:1", false),
        node("a", "Unknown"),
        node("b", "'True'"),
    ];
    let world = boot(recording(&first, &[], None), json!([{"verb": "patch", "kind": "Node"}]));
    world.answered(&request("patch", "Node", "a"));
    delete(&world, "one");
    live(&world, 600);
    let all = pods(&world);
    assert_eq!((all.len(), ready(&world)), (2, 1));
    let old = all.iter().find(|pod| obj::name(pod) == "one").unwrap();
    assert!(obj::deleting(old) && !obj::is_true(old, "Ready"));
    let new = all.iter().find(|pod| obj::name(pod) != "one").unwrap();
    assert_eq!(new["spec"]["nodeName"], "b");
}

#[test]
fn a_cordon_leaves_alone_what_outlived_the_taints_of_the_node() {
    let node = "{apiVersion: v1, kind: Node, metadata: {name: a},
      spec: {taints: [{key: node.kubernetes.io/unreachable, effect: NoExecute}]},
      status: {conditions: [{type: Ready, status: Unknown}]}}";
    let set = "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: web-1, namespace: shop},
      spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: 'web:1'}]}}}}";
    let agent = pod("agent", "web:1", false).replace("kind: ReplicaSet", "kind: DaemonSet");
    let world = boot(recording(&[node.to_owned(), set.to_owned(), agent], &[], None), json!([]));
    edit_node(&world, |node| node["spec"]["unschedulable"] = json!(true));
    live(&world, 900);
    assert!(pods(&world).iter().all(|pod| !obj::deleting(pod)));
    let node = world.store.get(&Gvr::nodes(), None, "a").unwrap();
    assert_eq!(node["status"]["conditions"][0]["status"], "Unknown");
    assert!(
        node["spec"]["taints"]
            .as_array()
            .unwrap()
            .iter()
            .any(|taint| taint["key"] == "node.kubernetes.io/unschedulable")
    );
}

fn edit_node(world: &RecordedWorld, change: impl Fn(&mut Value)) {
    obj::change(&world.store, &Gvr::nodes(), "", "a", change);
}
