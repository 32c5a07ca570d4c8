//! A Prometheus whose figures a test sets by hand, and steps that read them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use paramedic_domain::{event::Direction, fault::FailureKind, workflow::StepState};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::story::{Story, alert, stage};

/// Values by the beginning of the queries that they answer.
type Values = Arc<Mutex<BTreeMap<String, f64>>>;

pub(crate) struct Figures {
    values: Values,
    pub(crate) url: String,
    _server: JoinSet<()>,
}

impl Figures {
    pub(crate) async fn start() -> Self {
        let values = Values::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().route("/api/v1/query", get(answer)).with_state(values.clone());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            values,
            url,
            _server: server,
        }
    }

    pub(crate) fn set(&self, query: &str, value: f64) {
        self.values.lock().unwrap().insert(query.to_owned(), value);
    }
}

async fn answer(State(values): State<Values>, Query(asked): Query<BTreeMap<String, String>>) -> Json<Value> {
    let query = &asked["query"];
    let values = values.lock().unwrap();
    let result: Vec<Value> = values
        .iter()
        .filter(|(name, _)| query.starts_with(*name))
        .map(|(name, value)| json!({"metric": {"__name__": name}, "value": [0, value.to_string()]}))
        .collect();
    Json(json!({"status": "success", "data": {"resultType": "vector", "result": result}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_collected_with_the_figures_that_were_asked_for_by_the_words_people_use() {
    let figures = Figures::start().await;
    figures.set("pg_stat_activity_count", 500.0);
    figures.set("container_memory_working_set_bytes", 1024.0);
    let mut stage = stage(|_| {}, Vec::new()).await;
    stage.kit.cluster.prometheus = Some(figures.url.clone());
    // The practice cluster's database stand-in is the leaking service itself.
    let params = json!({"database": "payment-service", "metrics": ["connection_pool_size", "active_connections"]});
    let story = Story::of(stage, &[("look", "collect_diagnostics", params, &[])]).await;
    let summary = story.succeeds().await;
    assert!(summary.contains("metric connection_pool_size (no series)"), "{summary}");
    let kept = story.kept("metrics.json").await;
    let wanted = kept
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["wanted"] == "active_connections")
        .unwrap();
    assert_eq!(wanted["series"][0]["value"], 500.0);
    assert!(wanted["query"].as_str().unwrap().starts_with("pg_stat_activity_count"), "{wanted}");
    assert!(wanted["at"].is_string());
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_must_hold_without_a_break_for_its_whole_time() {
    let figures = Figures::start().await;
    figures.set("rate(errors", 0.5);
    let mut stage = stage(|_| {}, Vec::new()).await;
    stage.kit.cluster.prometheus = Some(figures.url.clone());
    let params = json!({"query": "rate(errors[5m])", "comparison": "<", "value": 0.1, "stableFor": "2s"});
    let story = Story::of(stage, &[("verify", "verify_recovery", params, &[])]).await;
    let item = story.item(0, Direction::Forward, 1).await;
    let started = tokio::time::Instant::now();
    let (state, ()) = tokio::join!(story.work(&item, "one"), async {
        // Said once it was seen to be bad: only then it gets better.
        paramedic_testkit::eventually!(within Duration::from_secs(20), story.stage.transcript().await.contains("does not hold"));
        figures.set("rate(errors", 0.0);
    });
    assert_eq!(state, StepState::Succeeded, "{}", story.stage.transcript().await);
    assert!(started.elapsed() >= Duration::from_secs(2));
    let run = story.stage.incident().await.run.unwrap();
    let summary = &run.steps[&story.plan.steps[0].id].summary;
    assert!(summary.contains("holds for 1 series; all of it for"), "{summary}");
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_its_condition_comes_true_and_fails_when_it_does_not() {
    let figures = Figures::start().await;
    figures.set("up", 1.0);
    for (value, expected) in [(1.0, None), (2.0, Some(FailureKind::Permanent))] {
        let mut stage = stage(|_| {}, Vec::new()).await;
        stage.kit.cluster.prometheus = Some(figures.url.clone());
        let params = json!({"duration": "2s", "query": "up", "comparison": ">=", "value": value});
        let story = Story::of(stage, &[("wait", "wait", params, &[])]).await;
        match expected {
            None => assert!(story.succeeds().await.contains("up >= 1 holds")),
            Some(kind) => {
                let (found, _, message) = story.fails().await;
                assert_eq!(found, kind, "{message}");
                assert!(message.contains("did not come true within 2 s"), "{message}");
            }
        }
        story.stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alerts_of_a_storm_are_kept_with_the_reason_why_each_is_in() {
    let alerts = vec![
        alert(&[("alertname", "ServiceADown"), ("service", "a")]),
        alert(&[("alertname", "ServiceBSlow"), ("service", "b")]),
    ];
    let stage = stage(|_| {}, alerts).await;
    let more = paramedic_domain::event::Event::AlertsCorrelated {
        reasons: Vec::new(),
        position: None,
        alerts: vec![alert(&[("alertname", "ServiceCTimeout"), ("service", "c")])],
        reason: "depends on the same Redis".into(),
    };
    stage.append(vec![more]).await;
    let params = json!({"alerts": ["ServiceADown", "ServiceZGone", "..."], "correlationWindow": "5m"});
    let story = Story::of(stage, &[("group", "correlate_alerts", params, &[])]).await;
    let summary = story.succeeds().await;
    assert!(
        summary.starts_with("3 alerts are one incident, 3 of them are firing; 3 began within 300 s"),
        "{summary}"
    );
    assert!(summary.contains("not in it: ServiceZGone"), "{summary}");
    let kept = story.kept("alerts.json").await;
    let reason = |name: &str| {
        let alerts = kept["alerts"].as_array().unwrap();
        alerts.iter().find(|alert| alert["name"] == name).unwrap()["reason"].clone()
    };
    assert_eq!(reason("ServiceADown"), "it opened the incident");
    assert_eq!(reason("ServiceCTimeout"), "depends on the same Redis");
    story.stage.end().await;
}
