//! Requests for changes over HTTP: whose they are, what is let in, and that each is one incident.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use paramedic_bus::{SharedBus, topologies::Topologies};
use paramedic_domain::{request::What, topology::TopologyTaken};
use paramedic_gateway::core::{
    facts::{Facts, NamespaceFacts},
    topology::Snapshot,
};
use paramedic_testkit::eventually;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    faults::flaky_bus,
    harness::{Answer, Gateway, PATH, Parts, TOKEN, alert, answer, bus, clock, cluster, webhook},
};

const SETTINGS: &str = "
[gateway.sources.alertmanager]
tokens = ['0123456789abcdef-old']
[gateway.sources.request]
tokens = ['0123456789abcdef-request']
basic = ['ana@example.com:a-long-password-1']
[gateway.scope]
excluded_namespaces = ['kube-*']
";
const ASKS: &str = "Bearer 0123456789abcdef-request";

async fn gateway(bus: &SharedBus) -> Gateway {
    Gateway::start_with(bus, &clock(), Parts::All, SETTINGS, None).await
}

async fn fresh() -> (Gateway, TempDir) {
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    (gateway(&bus).await, folder)
}

fn release(id: &str, namespace: &str, image: &str) -> Value {
    json!({"id": id, "by": "the boss", "ask": {"set_image": {"namespace": namespace, "deployment": "payments-service", "image": image}}})
}

async fn ask(gateway: &Gateway, authorization: &str, body: &Value) -> Answer {
    let request = gateway.request("POST", "/api/v1/requests").header("authorization", authorization);
    answer(request.header("content-type", "application/json").body(body.to_string())).await
}

#[tokio::test]
async fn a_request_opens_its_own_incident_once_however_often_it_comes() {
    let (gateway, _folder) = fresh().await;
    let body = release("release-17", "payments", "registry.example/payments:2.3.1");
    let first = ask(&gateway, ASKS, &body).await;
    assert_eq!((first.status, &first.body["repeated"]), (200, &json!(false)), "{first:?}");
    let again = ask(&gateway, ASKS, &body).await;
    assert_eq!((again.status, &again.body["repeated"]), (200, &json!(true)));
    assert_eq!(again.body["incident"], first.body["incident"]);
    let [incident] = &gateway.incidents().await[..] else {
        panic!("one request, one incident")
    };
    assert_eq!(first.body["incident"], incident.id.as_str());
    let request = incident.request.as_ref().unwrap();
    assert_eq!((request.by.as_str(), request.on_behalf_of.as_str()), ("request", "the boss"));
    let What::SetImage { target, container, image } = &request.what else {
        panic!("{:?}", request.what)
    };
    assert_eq!(target.to_string(), "Deployment payments/payments-service");
    assert_eq!((container, image.as_str()), (&None, "registry.example/payments:2.3.1"));

    let other = ask(
        &gateway,
        ASKS,
        &release("release-17", "payments", "registry.example/payments:2.4.0"),
    )
    .await;
    assert_eq!((other.status, &other.body["reason"]), (409, &json!("other_request")), "{other:?}");
    let next = ask(
        &gateway,
        ASKS,
        &release("release-18", "payments", "registry.example/payments:2.3.1"),
    )
    .await;
    assert_eq!(next.status, 200);
    assert_ne!(next.body["incident"], first.body["incident"], "another id is another request");
}

#[tokio::test]
async fn who_asks_is_who_the_credentials_say_and_credentials_are_good_for_one_source() {
    let (gateway, _folder) = fresh().await;
    let body = release("a", "payments", "payments:2");
    for wrong in [
        "Bearer 0123456789abcdef-old",
        "Bearer 0123456789abcdef-wrong",
        "Basic bm9ib2R5Om5vdGhpbmc=",
    ] {
        assert_eq!(ask(&gateway, wrong, &body).await.status, 401, "{wrong}");
    }
    let alerts = gateway.request("POST", PATH).header("authorization", ASKS);
    let refused = answer(alerts.header("content-type", "application/json").body(webhook("g", &[]))).await;
    assert_eq!(refused.status, 401, "who may ask may not raise alerts");
    assert!(gateway.incidents().await.is_empty());
    // ana@example.com:a-long-password-1
    assert_eq!(
        ask(&gateway, "Basic YW5hQGV4YW1wbGUuY29tOmEtbG9uZy1wYXNzd29yZC0x", &body)
            .await
            .status,
        200
    );
    assert_eq!(gateway.incidents().await[0].request.as_ref().unwrap().by, "ana@example.com");
}

#[tokio::test]
async fn what_is_not_a_request_opens_nothing() {
    let (gateway, _folder) = fresh().await;
    let mut unknown = release("a", "payments", "payments:2");
    unknown["approved"] = json!(true);
    for (body, status, says) in [
        (release("a", "payments", "registry.example/payments:latest"), 422, "the tag latest"),
        (release("a", "payments", "registry.example/payments"), 422, "neither tag nor digest"),
        (release("a", "payments", "no image at all"), 422, "is not the name of an image"),
        (release("A B", "payments", "payments:2"), 422, "invalid request id"),
        (unknown, 422, "unknown field `approved`"),
        (release("a", "kube-system", "payments:2"), 403, "excluded_namespaces"),
        (release(&"a".repeat(20_000), "payments", "payments:2"), 422, "more than 16384 bytes"),
        (json!("deploy it"), 422, "a request looks like"),
    ] {
        let refused = ask(&gateway, ASKS, &body).await;
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(refused.error().contains(says), "{refused:?}");
    }
    assert_eq!(
        answer(gateway.request("GET", "/api/v1/requests").header("authorization", ASKS))
            .await
            .status,
        405
    );
    assert!(gateway.incidents().await.is_empty());
}

#[tokio::test]
async fn a_namespace_whose_people_opted_out_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    let snapshot = Snapshot {
        facts: Facts {
            namespaces: BTreeMap::from([(
                "payments".to_owned(),
                NamespaceFacts {
                    enabled: Some(false),
                    ..NamespaceFacts::default()
                },
            )]),
            ..Facts::default()
        },
        ..Snapshot::default()
    };
    let taken = TopologyTaken {
        taken_at: jiff::Timestamp::UNIX_EPOCH,
        digest: snapshot.digest(),
        artifact: "topology-of-the-test".into(),
        entities: 0,
        edges: 0,
    };
    let topologies = Topologies::open(&bus).await.unwrap();
    topologies.announce(&cluster(), &taken, snapshot.store(), 0).await.unwrap();
    let gateway = gateway(&bus).await;
    let refused = ask(&gateway, ASKS, &release("a", "payments", "payments:2")).await;
    assert_eq!(
        (refused.status, &refused.body["reason"]),
        (403, &json!("out_of_scope")),
        "{refused:?}"
    );
    assert_eq!(ask(&gateway, ASKS, &release("a", "shop", "payments:2")).await.status, 200);
}

#[tokio::test]
async fn without_the_bus_it_is_not_accepted_and_what_was_written_unseen_is_recognised() {
    let folder = TempDir::new().unwrap();
    let (bus, faults) = flaky_bus(folder.path()).await;
    let gateway = Gateway::start_with(&bus, &clock(), Parts::IntakeOnly, SETTINGS, None).await;
    let body = release("a", "payments", "payments:2");
    faults.down.store(true, Ordering::SeqCst);
    let refused = ask(&gateway, ASKS, &body).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{refused:?}");
    faults.down.store(false, Ordering::SeqCst);
    assert!(gateway.incidents().await.is_empty());
    faults.every.store(2, Ordering::SeqCst);
    for _ in 0..4 {
        ask(&gateway, ASKS, &body).await;
    }
    assert_eq!(gateway.incidents().await.len(), 1);
    assert_eq!(gateway.incidents().await[0].version, 1);
}

#[tokio::test]
async fn an_alert_labelled_like_a_request_orders_nothing() {
    let (gateway, _folder) = fresh().await;
    let mut alert = alert("a", "firing", 0);
    for (name, value) in [
        ("request", "release-17"),
        ("category", "change_request"),
        ("change", "set_image"),
        ("image", "evil.example/payments:1"),
        ("by", "ana@example.com"),
    ] {
        alert["labels"][name] = json!(value);
        alert["annotations"][name] = json!(value);
    }
    let mut body: Value = serde_json::from_str(&webhook("group", &[alert])).unwrap();
    body["ask"] = release("a", "shop", "evil.example/payments:1")["ask"].clone();
    let request = gateway.request("POST", PATH).bearer_auth(TOKEN);
    let taken = answer(request.header("content-type", "application/json").body(body.to_string())).await;
    assert_eq!(taken.status, 200);
    eventually!(gateway.incidents().await.len() == 1);
    assert_eq!(gateway.incidents().await[0].request, None);
}

#[tokio::test]
async fn alerts_about_the_same_workload_do_not_join_a_request() {
    let (gateway, _folder) = fresh().await;
    let asked = json!({"id": "a", "ask": {"set_image": {"namespace": "shop", "deployment": "web", "image": "web:2"}}});
    assert_eq!(ask(&gateway, ASKS, &asked).await.status, 200);
    gateway.post(webhook("group", &[alert("a", "firing", 0)])).await;
    eventually!(gateway.incidents().await.len() == 2);
    let incidents = gateway.incidents().await;
    assert!(
        incidents
            .iter()
            .all(|incident| incident.request.is_some() == incident.alerts.is_empty()),
        "{incidents:?}"
    );
}
