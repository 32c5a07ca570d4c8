//! Alerts from pending to resolved, what is posted, and the payment scenario's own alert.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Silences, Webhook, groups::Groups, rules::Alerts, run, template::fill};
use crate::{
    scenario::{AlertRule, Span},
    telemetry::series::Labels,
    world::{obj, tests as world},
};

fn rule(hold: u64, keep: u64) -> AlertRule {
    AlertRule {
        alert: "TooBig".to_owned(),
        expr: "size > 1".to_owned(),
        after: None,
        hold: Span::seconds(hold),
        keep_firing_for: Span::seconds(keep),
        labels: BTreeMap::from([("severity".to_owned(), "warning".to_owned())]),
        annotations: BTreeMap::from([("summary".to_owned(), "{{ $labels.pod }} is {{ $value | humanize1024 }}B".to_owned())]),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn big(pod: &str) -> (Labels, f64) {
    (Labels::new("size", &[("namespace", "shop"), ("pod", pod)]), 3_221_225_472.0)
}

#[test]
fn an_alert_waits_fires_and_is_resolved() {
    let (rule, mut alerts) = (rule(60, 0), Alerts::default());
    alerts.update(0, &rule, &[big("a")], at(0));
    assert_eq!(alerts.told().count(), 0, "pending");
    alerts.update(0, &rule, &[big("a")], at(60));
    let firing: Vec<_> = alerts.told().collect();
    assert_eq!(firing[0].fired, Some(at(60)));
    assert_eq!(firing[0].annotations["summary"], "a is 3GiB");
    assert_eq!(firing[0].labels.get("alertname"), "TooBig");
    alerts.update(0, &rule, &[], at(75));
    assert_eq!(alerts.told().next().unwrap().resolved, Some(at(75)));
}

#[test]
fn a_pending_alert_that_stops_matching_is_forgotten_and_keep_firing_bridges_gaps() {
    let (rule, mut alerts) = (rule(60, 120), Alerts::default());
    alerts.update(0, &rule, &[big("a")], at(0));
    alerts.update(0, &rule, &[], at(15));
    alerts.update(0, &rule, &[big("a")], at(30));
    alerts.update(0, &rule, &[big("a")], at(75));
    assert_eq!(alerts.told().count(), 0, "it began anew at 30");
    alerts.update(0, &rule, &[big("a")], at(90));
    alerts.update(0, &rule, &[], at(180));
    assert_eq!(alerts.told().next().unwrap().resolved, None);
    alerts.update(0, &rule, &[], at(210));
    assert_eq!(alerts.told().next().unwrap().resolved, Some(at(210)));
}

#[test]
fn a_group_is_told_once_then_when_it_changes() {
    let (rule, mut alerts, mut groups) = (
        rule(0, 0),
        Alerts::default(),
        Groups::by(&["alertname".to_owned(), "namespace".to_owned()]),
    );
    alerts.update(0, &rule, &[big("a")], at(0));
    assert!(
        groups.due(alerts.told(), at(0), "http://p").is_empty(),
        "a new group waits for more"
    );
    let due = groups.due(alerts.told(), at(5), "http://p").pop().unwrap();
    assert_eq!(due.payload["version"], "4");
    assert_eq!(due.payload["groupKey"], "{}:{alertname=\"TooBig\", namespace=\"shop\"}");
    assert_eq!(due.payload["commonLabels"]["pod"], "a");
    assert_eq!(due.payload["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    groups.delivered(due, at(5));
    assert!(groups.due(alerts.told(), at(20), "http://p").is_empty(), "nothing new");
    alerts.update(0, &rule, &[big("a"), big("b")], at(20));
    assert!(groups.due(alerts.told(), at(30), "http://p").is_empty(), "the group's interval");
    let due = groups.due(alerts.told(), at(35), "http://p").pop().unwrap();
    assert_eq!(due.payload["alerts"].as_array().unwrap().len(), 2);
    assert!(due.payload["commonLabels"].get("pod").is_none());
    groups.delivered(due, at(35));
    alerts.update(0, &rule, &[], at(70));
    let due = groups.due(alerts.told(), at(70), "http://p").pop().unwrap();
    assert_eq!(due.payload["status"], "resolved");
    assert_eq!(due.resolved().len(), 2);
}

#[test]
fn placeholders_are_filled_and_unknown_ones_left_alone() {
    let labels = Labels::new("m", &[("pod", "a")]);
    for (text, expected) in [
        ("{{ $labels.pod }}/{{$value}}", "a/0.25"),
        ("{{ $value | humanizePercentage }}", "25%"),
        ("{{ printf \"%.1f\" $value }} {{ $value | printf \"%.3f\" }}", "0.2 0.250"),
        ("{{ $externalURL }} {{ open", "{{ $externalURL }} {{ open"),
    ] {
        assert_eq!(fill(text, &labels, 0.25), expected, "{text}");
    }
}

type Posts = mpsc::UnboundedSender<(Option<String>, Value)>;

async fn take(
    State(posts): State<(Posts, Arc<std::sync::atomic::AtomicUsize>)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> StatusCode {
    // The first delivery fails, so that the retry is seen too.
    if posts.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    posts.0.send((token, body)).ok();
    StatusCode::OK
}

/// A receiver whose first answer is 503, and what it takes afterwards.
async fn receiver() -> (
    Webhook,
    mpsc::UnboundedReceiver<(Option<String>, Value)>,
    tokio::task::JoinHandle<()>,
) {
    let (sender, posts) = mpsc::unbounded_channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v2/alerts", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/api/v2/alerts", post(take))
        .with_state((sender, Arc::default()));
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (
        Webhook {
            url,
            bearer: Some("secret".to_owned()),
        },
        posts,
        server,
    )
}

async fn next(posts: &mut mpsc::UnboundedReceiver<(Option<String>, Value)>) -> (Option<String>, Value) {
    tokio::time::timeout(Duration::from_secs(60), posts.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_payment_scenario_posts_its_alert_and_later_that_it_is_over() {
    let (webhook, mut posts, server) = receiver().await;
    let world = world::payment();
    world.clock().resume(120.0);
    let cancel = CancellationToken::new();
    let (_keep, watched) = watch::channel(Some(webhook));
    let living = tokio::spawn(world.clone().run(cancel.clone()));
    let alerting = tokio::spawn(run(world.clone(), Silences::default(), watched, cancel.clone()));

    let (token, body) = next(&mut posts).await;
    assert_eq!(token.as_deref(), Some("Bearer secret"));
    assert_eq!(body["status"], "firing");
    let alert = &body["alerts"][0];
    assert_eq!(body["alerts"].as_array().unwrap().len(), 1, "{body}");
    let labels = alert["labels"].as_object().unwrap();
    let names: Vec<&str> = labels.keys().map(String::as_str).collect();
    assert_eq!(names, ["alertname", "container", "namespace", "pod", "severity"]);
    assert_eq!(labels["alertname"], "OOMKilled");
    assert_eq!(labels["severity"], "warning");
    assert!(labels["pod"].as_str().unwrap().starts_with("payment-service-"));
    assert!(alert["annotations"]["runbook_url"].is_string());
    let fired = obj::time(alert, "/startsAt").unwrap().duration_since(world.origin()).as_secs_f64();
    assert!(fired >= 9.0, "fired {fired} s after the beginning, before the kill");
    assert_eq!(world.alerts()[0]["state"], "firing");

    // Over when the pod is replaced.
    world
        .store()
        .update(&crate::store::Gvr::deployments(), Some("production"), "payment-service", &mut |d| {
            d["spec"]["template"]["metadata"]["annotations"] = json!({"restarted": "yes"});
            Ok(())
        })
        .unwrap();
    assert_eq!(next(&mut posts).await.1["status"], "resolved");
    cancel.cancel();
    living.await.unwrap();
    alerting.await.unwrap();
    server.abort();
}

#[tokio::test]
async fn what_was_wrong_long_enough_before_the_start_is_told_at_once() {
    let (webhook, mut posts, server) = receiver().await;
    let world = world::boot(&crate::scenario::Scenario::builtin("bad-release").unwrap());
    world.clock().resume(20.0);
    let cancel = CancellationToken::new();
    let (_keep, watched) = watch::channel(Some(webhook));
    let living = tokio::spawn(world.clone().run(cancel.clone()));
    let alerting = tokio::spawn(run(world.clone(), Silences::default(), watched, cancel.clone()));
    let (_, body) = next(&mut posts).await;
    assert_eq!(body["commonLabels"]["alertname"], "KubePodCrashLooping");
    assert_eq!(body["alerts"].as_array().unwrap().len(), 2, "{body}");
    let fired = obj::time(&body["alerts"][0], "/startsAt").unwrap();
    assert!(fired < world.origin(), "the rollout is seven minutes old, the rule wants five");
    cancel.cancel();
    living.await.unwrap();
    alerting.await.unwrap();
    server.abort();
}

#[test]
fn the_payment_alert_matches_within_half_a_minute_of_simulated_time() {
    let world = world::payment();
    let rule = &world.scenario().rules[0];
    let expr = crate::telemetry::promql::parse(&rule.expr).unwrap();
    let matches = || {
        let view = crate::telemetry::source::View::of(&world);
        match crate::telemetry::promql::instant(&view, &expr, obj::secs(world.clock().now())).unwrap() {
            crate::telemetry::promql::Value::Vector(all) => all.len(),
            other => panic!("a vector, not a {}", other.kind()),
        }
    };
    assert_eq!(matches(), 0, "nothing is wrong yet");
    let mut waited = 0;
    while matches() == 0 {
        world::live(&world, 5);
        waited += 5;
        assert!(waited <= 30, "the kill at 9 s is not seen");
    }
    assert!(waited >= 10);
    assert_eq!(matches(), 1);
    world::live(&world, 660);
    assert_eq!(matches(), 0, "over ten minutes after the restart");
}
