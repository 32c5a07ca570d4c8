//! Silences in a real Alertmanager.

use paramedic_domain::event::Direction;
use paramedic_testkit::servers::{Alertmanager, Labels, Webhook};
use serde_json::{Value, json};

use crate::{
    recommended::prepare,
    story::{Story, alert, stage},
};

async fn alertmanager() -> Alertmanager {
    let webhook = Webhook {
        // Nobody needs to hear of these alerts.
        url: "http://127.0.0.1:9/".into(),
        bearer_token: "unused".into(),
        group_by: vec!["alertname".into()],
        max_alerts: 0,
    };
    Alertmanager::start(&webhook).await.unwrap()
}

async fn asked(server: &Alertmanager, what: &str) -> Vec<Value> {
    let answer: Value = reqwest_get(&format!("{}/api/v2/{what}", server.url())).await;
    answer.as_array().unwrap().clone()
}

async fn reqwest_get(url: &str) -> Value {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// Silences that are in force, and all there ever were.
async fn silences(server: &Alertmanager) -> (usize, usize) {
    let all = asked(server, "silences").await;
    let open = all.iter().filter(|silence| silence["status"]["state"] != "expired").count();
    (open, all.len())
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

const ONE: &[(&str, &str)] = &[("alertname", "ServiceADown"), ("service", "a"), ("severity", "critical")];
const TWO: &[(&str, &str)] = &[("alertname", "ServiceBSlow"), ("service", "b"), ("namespace", "shop")];
const STRANGER: &[(&str, &str)] = &[("alertname", "ServiceADown"), ("service", "z"), ("severity", "critical")];

#[tokio::test(flavor = "multi_thread")]
async fn the_incidents_alerts_are_silenced_once_and_no_others_and_the_silences_end_once() {
    let server = alertmanager().await;
    for pairs in [ONE, TWO, STRANGER] {
        server.fire(&labels(pairs), &Labels::new()).await.unwrap();
    }
    let stage = stage(|config| config.alertmanager.url = server.url(), vec![alert(ONE), alert(TWO)]).await;
    let params = json!({"alerts": ["ServiceADown", "ServiceBSlow", "..."], "duration": "5m", "reason": "root cause identified"});
    let mut story = Story::of(stage, &[("quiet", "silence_alerts", params, &[])]).await;
    story.despite_deaths(0, Direction::Forward).await;
    assert_eq!(silences(&server).await, (2, 2));
    let quiet = |alerts: &[Value], pairs: &[(&str, &str)]| {
        let found = alerts.iter().find(|alert| alert["labels"] == json!(labels(pairs))).unwrap();
        found["status"]["state"] == "suppressed"
    };
    let mut waited = paramedic_testkit::Backoff::new(std::time::Duration::from_secs(20));
    loop {
        let alerts = asked(&server, "alerts").await;
        if quiet(&alerts, ONE) && quiet(&alerts, TWO) {
            assert!(!quiet(&alerts, STRANGER), "{alerts:?}");
            break;
        }
        assert!(waited.pause().await, "{alerts:?}");
    }
    story.cancel().await;
    story.despite_deaths(0, Direction::Undo).await;
    assert_eq!(silences(&server).await, (0, 2));
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_a_person_ended_is_neither_made_again_nor_missed_by_the_undo() {
    let server = alertmanager().await;
    let stage = stage(|config| config.alertmanager.url = server.url(), vec![alert(ONE)]).await;
    let mut story = Story::of(stage, &[("quiet", "silence_alerts", json!({}), &[])]).await;
    // The first worker dies after the effect; then a person ends the silence.
    let item = story.item(0, Direction::Forward, 1).await;
    let doomed = story
        .stage
        .worker(&crate::faults::losing(&story.stage.kit, "step_succeeded"), "doomed")
        .await;
    doomed.handle(&item).await;
    let id = asked(&server, "silences").await[0]["id"].as_str().unwrap().to_owned();
    let ended = reqwest::Client::new()
        .delete(format!("{}/api/v2/silence/{id}", server.url()))
        .send()
        .await
        .unwrap();
    assert!(ended.status().is_success());
    story.work(&item, "survivor").await;
    assert_eq!(silences(&server).await, (0, 1));
    story.cancel().await;
    story.despite_deaths(0, Direction::Undo).await;
    assert_eq!(silences(&server).await, (0, 1));
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alertmanager_that_is_away_leaves_the_step_to_be_tried_again() {
    let mut server = alertmanager().await;
    let stage = stage(|config| config.alertmanager.url = server.url(), vec![alert(ONE)]).await;
    let story = Story::of(stage, &[("quiet", "silence_alerts", json!({}), &[])]).await;
    server.kill9().unwrap();
    let (kind, effect, message) = story.fails().await;
    assert_eq!(kind, paramedic_domain::fault::FailureKind::Transient, "{message}");
    assert_eq!(effect, paramedic_domain::fault::Effect::None, "{message}");
    server.start_again().await.unwrap();
    let again = story.item(0, Direction::Forward, 2).await;
    let state = story.work(&again, "two").await;
    assert_eq!(state, paramedic_domain::workflow::StepState::Succeeded);
    assert_eq!(silences(&server).await, (1, 1));
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_alertmanager_or_an_incident_the_step_is_refused_with_a_sentence() {
    let stage = stage(|_| {}, vec![alert(ONE)]).await;
    let answer = prepare(&stage, &[("quiet", "silence_alerts", json!({}), &[])]).await;
    assert!(
        answer.steps[0].refusal.contains("executor.alertmanager.url"),
        "{}",
        answer.steps[0].refusal
    );
    stage.end().await;
}
