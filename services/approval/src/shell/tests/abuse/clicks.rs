//! Slack: forged, replayed, changed, by strangers.

use paramedic_domain::{button, digest::Digest};
use serde_json::{Value, json};

use crate::core::slack::signature::sign;

use super::{
    attempts,
    world::{SIGNING, World},
};

/// The same click about something else.
fn about(payload: &mut Value, field: &str, value: Value) {
    let mut subject: Value = serde_json::from_str(payload["actions"][0]["value"].as_str().unwrap()).unwrap();
    subject[field] = value;
    payload["actions"][0]["value"] = json!(subject.to_string());
}

/// A form that nobody opened.
fn form_of(world: &World, user: &str) -> Value {
    json!({
        "type": "view_submission",
        "user": {"id": user, "team_id": "T1"},
        "view": {
            "callback_id": "paramedic_deny_form",
            "private_metadata": serde_json::to_string(&world.subject()).unwrap(),
            "state": {"values": {"reason": {"reason": {"value": "because"}}}},
        },
    })
}

attempts! {
    click_signed_with_another_secret(world) { world.send(&world.form(&world.payload("U-ANN")), 0, "another", 0).await } says "401";
    click_signed_with_no_secret(world) { world.send(&world.form(&world.payload("U-ANN")), 0, "", 0).await } says "401";
    click_without_a_signature(world) { world.deliver(&world.form(&world.payload("U-ANN")), &[], 0).await } says "401";
    click_with_half_a_signature(world) {
        let now = world.clock.now().as_second().to_string();
        let headers = [("x-slack-request-timestamp", now), ("x-slack-signature", "v0=00".to_owned())];
        world.deliver(&world.form(&world.payload("U-ANN")), &headers, 0).await
    } says "401";
    click_of_six_minutes_ago(world) { world.send(&world.form(&world.payload("U-ANN")), 360, SIGNING, 0).await } says "401";
    click_from_a_clock_six_minutes_ahead(world) { world.send(&world.form(&world.payload("U-ANN")), -360, SIGNING, 0).await } says "401";
    click_of_a_stranger(world) { world.click("U-EVE", |_| {}).await } says "belongs to nobody";
    click_of_a_namesake_in_another_workspace(world) { world.click("U-ABE", |_| {}).await } says "belongs to nobody";
    click_that_claims_another_workspace_twice(world) {
        // the user's own workspace counts, not that of the channel
        world.click("U-ABE", |payload| payload["team"] = json!({"id": "T9"})).await
    } says "belongs to nobody";
    click_of_a_viewer(world) { world.click("U-VIC", |_| {}).await } says "takes the role approver" kept "no_role";
    click_of_a_responder(world) { world.click("U-RES", |_| {}).await } says "takes the role approver" kept "no_role";
    click_of_an_approver_of_another_namespace(world) { world.click("U-OTH", |_| {}).await } says "takes the role approver" kept "no_role";
    click_of_somebody_without_a_role(world) { world.click("U-NON", |_| {}).await } says "takes the role approver" kept "no_role";
    click_about_another_digest(world) { world.click("U-ANN", |click| about(click, "digest", json!(Digest::of(b"x")))).await } says "look again" kept "wrong_digest";
    click_about_another_gate(world) {
        let other = world.fixture.incident.plan.as_ref().unwrap().gates[1].id.clone();
        world.click("U-ANN", |click| about(click, "gate", json!(other))).await
    } says "look again" kept "wrong_digest";
    click_about_another_cluster(world) { world.click("U-ANN", |click| about(click, "cluster", json!("prod-us"))).await } says "has no plan";
    click_about_more_than_we_wrote(world) { world.click("U-ANN", |click| about(click, "by", json!("ann"))).await } says "400";
    click_about_nothing(world) { world.click("U-ANN", |click| click["actions"][0]["value"] = json!("")).await } says "400";
    click_of_nobody(world) { world.click("U-ANN", |click| click["user"] = json!({})).await } says "400";
    click_on_a_button_of_another_app(world) { world.click("U-ANN", |click| click["actions"][0]["action_id"] = json!("approve")).await } says "200";
    click_after_the_end(world) { world.pass(1800); world.click("U-ANN", |_| {}).await } says "expired" kept "expired";
    click_of_somebody_whose_role_was_taken_since(world) {
        world.people(|people| people.replacen("role: approver", "role: viewer", 1));
        world.click("U-ANN", |_| {}).await
    } says "takes the role approver" kept "no_role";
    click_of_a_viewer_who_would_hold_escalations_back(world) {
        world.click("U-VIC", |click| click["actions"][0]["action_id"] = json!(button::LOOK)).await
    } says "takes the role responder" kept "no_role";
    click_of_a_viewer_who_would_take_over(world) {
        world.click("U-VIC", |click| click["actions"][0]["action_id"] = json!(button::TAKE_OVER)).await
    } says "takes the role responder" kept "no_role";
    click_without_json(world) { world.send("payload=nothing", 0, SIGNING, 0).await } says "400";
    click_without_a_payload(world) { world.send("other=1", 0, SIGNING, 0).await } says "400";
    click_of_endless_length(world) { world.send(&format!("payload={}", "x".repeat(2 << 20)), 0, SIGNING, 0).await } says "413";
    form_of_a_viewer(world) { let form = form_of(&world, "U-VIC"); world.send(&world.form(&form), 0, SIGNING, 0).await } says "takes the role responder" kept "no_role";
    form_of_a_stranger(world) { let form = form_of(&world, "U-EVE"); world.send(&world.form(&form), 0, SIGNING, 0).await } says "belongs to nobody";
    form_that_would_approve(world) {
        let mut form = form_of(&world, "U-ANN");
        form["view"]["callback_id"] = json!("paramedic_approve_form");
        world.send(&world.form(&form), 0, SIGNING, 0).await
    } says "200";
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_sent_again_is_turned_away_by_every_replica() {
    let world = World::open().await;
    let body = world.form(&world.payload("U-VIC"));
    assert!(world.send(&body, 0, SIGNING, 0).await.starts_with("200"));
    world.people(|people| people.replace("role: viewer", "role: approver"));
    for replica in [0, 1] {
        let told = world.send(&body, 0, SIGNING, replica).await;
        assert!(told.starts_with("409"), "{told}");
    }
    world.untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_sent_again_with_its_signature_in_capitals_is_the_same_click() {
    let world = World::open().await;
    let body = world.form(&world.payload("U-VIC"));
    let timestamp = world.clock.now().as_second().to_string();
    let signature = sign(SIGNING.as_bytes(), &timestamp, body.as_bytes());
    let capitals = format!("v0={}", signature["v0=".len()..].to_uppercase());
    for (signature, status) in [(signature, "200"), (capitals, "409")] {
        let headers = [("x-slack-request-timestamp", timestamp.clone()), ("x-slack-signature", signature)];
        let told = world.deliver(&body, &headers, 0).await;
        assert!(told.starts_with(status), "{told}");
    }
    world.untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_to_slack_and_nowhere_else() {
    let world = World::open().await;
    let elsewhere = SlackProbe::start().await;
    world.click("U-VIC", |click| click["response_url"] = json!(elsewhere.url)).await;
    world
        .click("U-VIC", |click| {
            click["actions"][0]["action_id"] = json!(button::LOOK);
            click["response_url"] = json!("file:///etc/passwd");
        })
        .await;
    assert_eq!(elsewhere.asked(), 0, "an address from outside was called");
    assert!(world.slack.whispers().is_empty());
    world.untouched().await;
}

/// A server that must not be asked.
struct SlackProbe {
    url: String,
    stand_in: paramedic_testkit::slack::SlackStandIn,
}

impl SlackProbe {
    async fn start() -> Self {
        let stand_in = paramedic_testkit::slack::SlackStandIn::start("x").await.unwrap();
        Self {
            url: stand_in.response_url(),
            stand_in,
        }
    }

    fn asked(&self) -> usize {
        self.stand_in.whispers().len()
    }
}
