//! Answers from Slack, through a door that only Slack can open.

use std::sync::atomic::{AtomicUsize, Ordering};

use paramedic_domain::{button, event::Event, invariant};
use paramedic_people::Directory;
use paramedic_proto::v1;
use paramedic_runtime::{Clock, People};
use paramedic_testkit::{eventually, slack::SlackStandIn};
use reqwest::Response;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::site::{Doors, Site, answer, kinds};
use crate::core::{
    fixture::{Log, at},
    slack::signature::sign,
};

const SECRET: &str = "the signing secret of the app";

/// The role with its door, and the Slack behind it.
struct Workspace {
    site: Site,
    slack: SlackStandIn,
    fixture: Log,
    clock: Clock,
    _folder: TempDir,
}

impl Workspace {
    async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let slack = SlackStandIn::start("xoxb-1").await.unwrap();
        let people = Directory::parse(
            "people:
  - {id: ann@example.com, slack: [U-ANN], roles: [{role: approver}]}
  - {id: vic@example.com, slack: [U-VIC], roles: [{role: viewer}]}",
        );
        let doors = Doors {
            signing_secret: SECRET,
            slack_url: slack.url(),
            ..Doors::default()
        };
        let clock = Clock::manual(at(0));
        let site = Site::start_as(&folder, clock.clone(), People::of(people.unwrap()), doors).await;
        let fixture = Log::with_plan(1);
        site.append(&fixture).await;
        site.waiting(&fixture).await;
        Self {
            site,
            slack,
            fixture,
            clock,
            _folder: folder,
        }
    }

    /// A click of somebody on a button.
    fn click(&self, user: &str, action: &str) -> Value {
        let gate = &self.fixture.incident.plan.as_ref().unwrap().gates[0];
        let subject = button::Subject {
            cluster: self.fixture.incident.cluster.clone(),
            incident: self.fixture.incident.id.clone(),
            gate: gate.id.clone(),
            digest: gate.digest,
        };
        json!({
            "type": "block_actions",
            "user": {"id": user, "team_id": "T1"},
            "team": {"id": "T1"},
            "trigger_id": format!("trigger-{user}-{action}"),
            "response_url": self.slack.response_url(),
            "actions": [{"type": "button", "action_id": action, "value": serde_json::to_string(&subject).unwrap()}],
        })
    }

    fn body(payload: &Value) -> String {
        let payload = payload.to_string();
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &payload)
            .finish()
    }

    /// Sends a body as Slack does, `age` seconds ago, signed with a secret.
    async fn send(&self, path: &str, body: &str, age: i64, secret: &str, replica: usize) -> Response {
        let timestamp = (self.clock.now().as_second() - age).to_string();
        let signature = sign(secret.as_bytes(), &timestamp, body.as_bytes());
        let http = &self.site.kit.cluster.http;
        http.post(format!("{}{path}", self.site.http[replica]))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", timestamp)
            .header("x-slack-signature", signature)
            .body(body.to_owned())
            .send()
            .await
            .unwrap()
    }

    async fn interact(&self, payload: &Value) -> Response {
        self.send("/slack/interactions", &Self::body(payload), 0, SECRET, 0).await
    }

    async fn granted(&self) -> usize {
        kinds(&self.site.log(&self.fixture).await, "approval_granted")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_of_somebody_known_counts_once_and_they_are_told() {
    let here = Workspace::open().await;
    let click = here.click("U-ANN", button::APPROVE);
    assert_eq!(here.interact(&click).await.status(), 200);
    let log = here.site.log(&here.fixture).await;
    let decision = log.iter().find_map(|one| match &one.envelope.event {
        Event::ApprovalGranted { decision, .. } => Some(decision.clone()),
        _ => None,
    });
    let decision = decision.unwrap();
    assert_eq!(
        (decision.by.as_str(), decision.channel),
        ("ann@example.com", paramedic_domain::approval::Channel::Slack)
    );
    assert_eq!(here.slack.whispers().len(), 1);
    assert!(here.slack.whispers()[0].starts_with("approved:"), "{:?}", here.slack.whispers());
    // a second click, a moment later
    let mut again = click;
    again["trigger_id"] = json!("another");
    assert_eq!(here.interact(&again).await.status(), 200);
    assert!(here.slack.whispers()[1].contains("already approved"), "{:?}", here.slack.whispers());
    assert_eq!(here.granted().await, 1);
    assert_eq!(invariant::check_log(&here.site.log(&here.fixture).await), Vec::new());
    here.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_slack_did_not_sign_just_now_and_once_decides_nothing() {
    let here = Workspace::open().await;
    let body = Workspace::body(&here.click("U-ANN", button::APPROVE));
    for (age, secret, status) in [(0, "another secret", 401), (301, SECRET, 401), (-301, SECRET, 401)] {
        let answer = here.send("/slack/interactions", &body, age, secret, 0).await;
        assert_eq!(answer.status(), status, "{age} {secret}");
    }
    let bare = here.site.kit.cluster.http.post(format!("{}/slack/interactions", here.site.http[0]));
    assert_eq!(bare.body(body).send().await.unwrap().status(), 401);
    assert_eq!(here.granted().await, 0);

    // a viewer's click, caught and sent again once she may: it was used up
    let click = Workspace::body(&here.click("U-VIC", button::APPROVE));
    assert_eq!(here.send("/slack/interactions", &click, 0, SECRET, 0).await.status(), 200);
    let replayed = here.send("/slack/interactions", &click, 0, SECRET, 1).await;
    assert_eq!(replayed.status(), 409, "the other replica knows it too");
    assert_eq!(here.granted().await, 0);
    here.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_viewers_and_changed_buttons_are_refused_with_a_reason() {
    let here = Workspace::open().await;
    let mut other_digest = here.click("U-ANN", button::APPROVE);
    let subject = other_digest["actions"][0]["value"].as_str().unwrap().to_owned();
    let mut subject: Value = serde_json::from_str(&subject).unwrap();
    subject["digest"] = json!(paramedic_domain::digest::Digest::of(b"something else"));
    other_digest["actions"][0]["value"] = json!(subject.to_string());
    let mut nonsense = here.click("U-ANN", button::APPROVE);
    nonsense["actions"][0]["value"] = json!("{}");
    for (payload, says) in [
        (here.click("U-EVE", button::APPROVE), "belongs to nobody who is known here"),
        (here.click("U-VIC", button::APPROVE), "takes the role approver"),
        (here.click("U-VIC", button::LOOK), "takes the role responder"),
        (other_digest, "look again"),
    ] {
        let before = here.slack.whispers().len();
        assert_eq!(here.interact(&payload).await.status(), 200);
        let whispers = here.slack.whispers();
        assert!(whispers[before].contains(says), "{says}: {whispers:?}");
    }
    assert_eq!(here.interact(&nonsense).await.status(), 400);
    assert_eq!(here.interact(&json!({"type": "shortcut"})).await.status(), 200, "none of ours");
    assert_eq!(here.granted().await, 0);
    here.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_asks_why_in_a_form_and_the_form_says_what_is_wrong() {
    let here = Workspace::open().await;
    assert_eq!(here.interact(&here.click("U-ANN", button::DENY)).await.status(), 200);
    let opened = here.slack.calls().into_iter().find(|call| call.method == "views.open").unwrap();
    assert_eq!(opened.error, None);
    assert_eq!(
        kinds(&here.site.log(&here.fixture).await, "approval_denied"),
        0,
        "a form is no answer"
    );
    let view = &opened.body["view"];
    let sent = |user: &str| {
        json!({
            "type": "view_submission",
            "user": {"id": user, "team_id": "T1"},
            "view": {
                "callback_id": view["callback_id"],
                "private_metadata": view["private_metadata"],
                "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": "not during the sale"}}}},
            },
        })
    };
    let refused: Value = here.interact(&sent("U-VIC")).await.json().await.unwrap();
    assert_eq!(refused["response_action"], "errors");
    assert!(refused["errors"]["reason"].as_str().unwrap().contains("takes the role responder"));
    let done: Value = here.interact(&sent("U-ANN")).await.json().await.unwrap();
    assert_eq!(done["response_action"], "clear");
    let log = here.site.log(&here.fixture).await;
    let denied = log.iter().find_map(|one| match &one.envelope.event {
        Event::ApprovalDenied { decision, .. } => Some(decision.clone()),
        _ => None,
    });
    assert_eq!(denied.unwrap().reason, "not during the sale");
    here.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slash_command_lists_what_waits_for_those_who_may_look() {
    let here = Workspace::open().await;
    let asked = AtomicUsize::new(0);
    let ask = async |user: &str| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let body = format!("team_id=T1&user_id={user}&command=%2Fparamedic&text=&trigger_id={number}");
        let answer = here.send("/slack/commands", &body, 0, SECRET, 1).await;
        answer.json::<Value>().await.unwrap()
    };
    // the index follows the log by a moment
    eventually!(ask("U-VIC").await["blocks"].is_array());
    let seen = ask("U-VIC").await;
    let listed = seen["blocks"][0]["text"]["text"].as_str().unwrap_or_default().to_owned();
    assert!(listed.contains("OOMKilled payment-service"), "{seen}");
    assert_eq!(seen["response_type"], "ephemeral");
    assert!(ask("U-EVE").await["text"].as_str().unwrap().contains("belongs to nobody"));
    here.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_made_elsewhere_is_what_a_late_click_is_told() {
    let here = Workspace::open().await;
    let mut by_cli = tonic::Request::new(answer(&here.fixture, "ann", v1::Answer::Deny));
    by_cli.metadata_mut().insert("authorization", "Bearer nothing".parse().unwrap());
    assert!(here.site.client(0).await.decide(by_cli).await.is_err(), "a token that is nobody's");
    here.clock.advance(std::time::Duration::from_secs(1800));
    assert_eq!(here.interact(&here.click("U-ANN", button::APPROVE)).await.status(), 200);
    assert!(here.slack.whispers()[0].contains("expired"), "{:?}", here.slack.whispers());
    assert_eq!(here.granted().await, 0);
    here.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_over_ends_the_workflow_and_its_questions() {
    let here = Workspace::open().await;
    assert_eq!(here.interact(&here.click("U-VIC", button::TAKE_OVER)).await.status(), 200);
    assert!(
        here.slack.whispers()[0].contains("takes the role responder"),
        "{:?}",
        here.slack.whispers()
    );
    assert_eq!(here.interact(&here.click("U-ANN", button::TAKE_OVER)).await.status(), 200);
    assert!(here.slack.whispers()[1].starts_with("It is yours"), "{:?}", here.slack.whispers());
    let cancelled = here.site.incident(&here.fixture).await.run.unwrap().cancelled.unwrap();
    assert_eq!(
        (cancelled.by.as_str(), cancelled.reason.as_str()),
        ("ann@example.com", "taken over by hand")
    );
    assert_eq!(here.interact(&here.click("U-ANN", button::APPROVE)).await.status(), 200);
    assert!(
        here.slack.whispers()[2].contains("ann@example.com ended the workflow"),
        "{:?}",
        here.slack.whispers()
    );
    assert_eq!(here.granted().await, 0);
    here.site.stop().await;
}
