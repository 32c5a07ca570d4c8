//! Pagers against servers that check what the real ones check.

use std::time::Duration;

use paramedic_testkit::eventually;
use serde_json::{Value, json};

use super::{
    harness::Site,
    stand_in::{Call, StandIn},
};
use crate::{config, core::fixture};

const KEY: &str = "R0UTING-KEY-0123456789";

/// <https://developer.pagerduty.com/docs/send-alert-event>: what is required, and the limits.
fn pagerduty_server(call: &Call, _: usize) -> (u16, Value) {
    let body = &call.body;
    let bad = |why: &str| {
        (
            400,
            json!({"status": "invalid event", "message": "Event object is invalid", "errors": [why]}),
        )
    };
    if call.uri.path() != "/v2/enqueue" {
        return (404, Value::Null);
    }
    if body["routing_key"] != KEY {
        return bad("'routing_key' is invalid");
    }
    let dedup = body["dedup_key"].as_str().unwrap_or_default();
    if dedup.is_empty() || dedup.chars().count() > 255 {
        return bad("'dedup_key' is invalid");
    }
    match body["event_action"].as_str() {
        Some("trigger") => {
            let payload = &body["payload"];
            let summary = payload["summary"].as_str().unwrap_or_default();
            let severity = payload["severity"].as_str().unwrap_or_default();
            if summary.is_empty() || summary.chars().count() > 1024 {
                return bad("'payload.summary' is missing or blank");
            }
            if !["critical", "error", "warning", "info"].contains(&severity) || !payload["source"].is_string() {
                return bad("'payload.severity' or 'payload.source' is invalid");
            }
        }
        Some("acknowledge" | "resolve") => {}
        _ => return bad("'event_action' is invalid"),
    }
    (202, json!({"status": "success", "message": "Event processed", "dedup_key": dedup}))
}

fn opsgenie_server(call: &Call, _: usize) -> (u16, Value) {
    if call.header("authorization") != format!("GenieKey {KEY}") {
        return (401, json!({"message": "Could not authenticate"}));
    }
    let length = |field: &str| call.body[field].as_str().map_or(0, |text| text.chars().count());
    let fits = match call.uri.path() {
        "/v2/alerts" => (1..=130).contains(&length("message")) && (1..=512).contains(&length("alias")) && length("description") <= 15_000,
        _ => call.uri.query() == Some("identifierType=alias") && length("note") <= 25_000,
    };
    if !fits {
        return (422, json!({"message": "Request body is not processable"}));
    }
    (202, json!({"result": "Request will be processed", "requestId": "1"}))
}

fn pagerduty(url: &str) -> config::PagerDuty {
    config::PagerDuty {
        api_url: url.to_owned(),
        routing_key: KEY.to_owned().into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pagerduty_rings_for_the_question_is_acknowledged_by_the_answer_and_resolved_at_the_end() {
    let server = StandIn::start(pagerduty_server).await;
    let site = Site::start_with(|config| config.pagerduty = pagerduty(&server.url)).await;
    let log = fixture::whole();
    site.append(&log).await;
    eventually!(site.receipts(&log, "pagerduty").await.len() == 3);
    let events = server.taken();
    let actions: Vec<&str> = events.iter().filter_map(|call| call.body["event_action"].as_str()).collect();
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    assert!(events.iter().all(|call| call.body["dedup_key"] == log.incident.id.as_str()));
    let details = events[0].body["payload"]["custom_details"]["text"].as_str().unwrap();
    assert!(
        details.contains("paramedic approve") && !details.contains("/approvals/"),
        "{details}"
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_or_broken_pager_is_tried_again_and_a_wrong_key_is_somebodys_to_mend() {
    let server = StandIn::start(pagerduty_server).await;
    server.fail_next([(429, Some("7"), Value::Null), (503, None, Value::Null)]);
    let site = Site::start_with(|config| config.pagerduty = pagerduty(&server.url)).await;
    let log = fixture::whole();
    site.append(&log).await;
    eventually!({
        site.kit.clock.advance(Duration::from_secs(1));
        site.receipts(&log, "pagerduty").await.len() == 3
    });
    assert_eq!(
        (server.tries(), server.taken().len()),
        (5, 3),
        "what was refused was tried again, what was taken was not"
    );
    site.stop().await;

    let wrong = Site::start_with(|config| {
        config.pagerduty = pagerduty(&server.url);
        config.pagerduty.routing_key = "another".to_owned().into();
    })
    .await;
    wrong.append(&log).await;
    eventually!(wrong.failures(&log).await.len() == 3);
    assert!(
        wrong.failures(&log).await.iter().all(|(_, again)| !again),
        "a wrong key does not become right"
    );
    wrong.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opsgenie_has_one_alert_of_an_incident_from_its_question_to_its_end() {
    let server = StandIn::start(opsgenie_server).await;
    let site = Site::start_with(|config| {
        config.opsgenie = config::Opsgenie {
            api_url: server.url.clone(),
            api_key: KEY.to_owned().into(),
        };
    })
    .await;
    let log = fixture::whole();
    site.append(&log).await;
    eventually!(site.receipts(&log, "opsgenie").await.len() == 3);
    let id = log.incident.id.as_str();
    let paths: Vec<String> = server.taken().iter().map(|call| call.uri.path().to_owned()).collect();
    assert_eq!(
        paths,
        [
            "/v2/alerts".to_owned(),
            format!("/v2/alerts/{id}/acknowledge"),
            format!("/v2/alerts/{id}/close")
        ]
    );
    assert_eq!(server.taken()[0].body["alias"], id);
    site.stop().await;
}
