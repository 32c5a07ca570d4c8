//! gRPC and the command line: without a token, with another's, about something else, by people who may not.

use paramedic_domain::{
    digest::Digest,
    event::{Event, FailureCause, WorkflowOutcome},
    fault::FailureKind,
    id::GateId,
};
use paramedic_people::token_hash;
use paramedic_proto::v1;

use super::{
    attempts,
    world::{World, escalating},
};

attempts! {
    call_without_a_token(world) { world.call("", |_| {}).await } says "Unauthenticated";
    call_with_an_unknown_token(world) { world.call("Bearer token-of-eve", |_| {}).await } says "Unauthenticated";
    call_with_an_empty_token(world) { world.call("Bearer ", |_| {}).await } says "Unauthenticated";
    call_with_the_hash_from_the_file(world) { world.call(&format!("Bearer {}", token_hash("token-of-ann")), |_| {}).await } says "Unauthenticated";
    call_with_another_scheme(world) { world.call("Basic token-of-ann", |_| {}).await } says "Unauthenticated";
    call_with_the_notifiers_token(world) { world.call("Bearer token-of-the-notifier", |_| {}).await } says "Unauthenticated";
    call_under_another_name(world) { world.decide("vic", |ask| ask.by = "ann@example.com".into()).await } says "vic@example.com may not approve" kept "no_role";
    call_that_claims_to_be_a_click(world) { world.decide("vic", |ask| ask.channel = v1::Channel::Slack.into()).await } says "vic@example.com may not" kept "no_role";
    call_of_a_viewer(world) { world.decide("vic", |_| {}).await } says "takes the role approver" kept "no_role";
    call_of_a_responder(world) { world.decide("res", |_| {}).await } says "takes the role approver" kept "no_role";
    call_of_an_approver_of_another_namespace(world) { world.decide("oth", |_| {}).await } says "in production" kept "no_role";
    call_of_an_admin_of_another_cluster(world) { world.decide("far", |_| {}).await } says "takes the role approver" kept "no_role";
    call_of_somebody_without_a_role(world) { world.decide("non", |_| {}).await } says "takes the role approver" kept "no_role";
    call_of_a_delegate_whose_time_is_over(world) { world.decide("was", |_| {}).await } says "takes the role approver" kept "no_role";
    call_about_another_digest(world) { world.decide("ann", |ask| ask.digest = Digest::of(b"other").bytes().to_vec()).await } says "look again" kept "wrong_digest";
    call_about_the_digest_of_another_gate(world) {
        let other = world.fixture.incident.plan.as_ref().unwrap().gates[1].digest;
        world.decide("ann", |ask| ask.digest = other.bytes().to_vec()).await
    } says "look again" kept "wrong_digest";
    call_about_a_digest_of_no_length(world) { world.decide("ann", |ask| ask.digest = Vec::new()).await } says "InvalidArgument";
    call_about_half_a_digest(world) { world.decide("ann", |ask| ask.digest.truncate(16)).await } says "InvalidArgument";
    call_about_another_gate(world) {
        let other = world.fixture.incident.plan.as_ref().unwrap().gates[1].id.to_string();
        world.decide("ann", |ask| ask.gate = other).await
    } says "look again" kept "wrong_digest";
    call_about_a_gate_that_does_not_exist(world) { world.decide("ann", |ask| ask.gate = GateId::derive(&["x"]).to_string()).await } says "has no gate" kept "unknown_gate";
    call_about_an_incident_that_does_not_exist(world) { world.decide("ann", |ask| ask.incident = "inc_nothere".into()).await } says "has no plan";
    call_about_another_cluster(world) { world.decide("ann", |ask| ask.cluster = "prod-us".into()).await } says "has no plan";
    call_that_says_neither_yes_nor_no(world) { world.decide("ann", |ask| ask.answer = 0).await } says "InvalidArgument";
    call_with_an_endless_reason(world) { world.decide("ann", |ask| ask.reason = "x".repeat(2_001)).await } says "at most 2000" kept "reason_too_long";
    call_at_the_moment_of_the_end(world) { world.pass(1800); world.decide("ann", |_| {}).await } says "expired" kept "expired";
    call_after_the_incident_was_cancelled(world) {
        world.happens(Event::IncidentCancelled { by: "res@example.com".into(), reason: "false alarm".into() }).await;
        world.decide("ann", |_| {}).await
    } says "is over" kept "over";
    call_after_drift_ended_the_plan(world) {
        let plan = world.fixture.incident.plan.as_ref().unwrap();
        let cause = FailureCause::StepFailed { step: plan.steps[0].id.clone(), kind: FailureKind::Drift };
        world.happens(Event::WorkflowFinished { plan: plan.id.clone(), outcome: WorkflowOutcome::RolledBack, cause: Some(cause) }).await;
        world.decide("ann", |_| {}).await
    } says "is over" kept "over";
    call_after_somebody_denied(world) {
        let told = world.decide("res", |ask| ask.answer = v1::Answer::Deny.into()).await;
        assert!(told.starts_with("denied"), "{told}");
        world.decide("ann", |_| {}).await
    } says "already denied by res@example.com" kept "already_decided";
    call_of_somebody_whose_role_was_taken_since(world) {
        world.people(|people| people.replacen("role: approver", "role: viewer", 1));
        world.decide("ann", |_| {}).await
    } says "takes the role approver" kept "no_role";
    call_of_somebody_who_was_removed_since(world) { world.people(|_| "people: []".into()); world.decide("ann", |_| {}).await } says "Unauthenticated";
    call_while_the_people_file_is_broken_and_never_gave_the_role(world) {
        world.people(|_| "people: [{id: vic@example.com, roles: [{role: admin".into());
        world.decide("vic", |_| {}).await
    } says "takes the role approver" kept "no_role";
}

#[tokio::test(flavor = "multi_thread")]
async fn quorum_by_one_person_in_every_way_is_one_approval() {
    let world = World::with(|terms| terms.quorum = 2).await;
    world.honest("ann").await;
    assert!(world.decide("ann", |_| {}).await.contains("1 more must come from other people"));
    for address in ["ann@example.com", "ANN@example.com", "a.smith@example.com"] {
        let told = world.confirm(&world.link(address).await, 0).await;
        assert!(told.contains("1 more must come from other people"), "{told}");
    }
    assert!(world.click("U-ANN", |_| {}).await.contains("1 more must come from other people"));
    let told = world.decide("sub", |_| {}).await;
    assert!(
        told.contains("1 more must come from other people"),
        "her delegate is her voice: {told}"
    );
    world.untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_eyes_are_not_those_of_who_asked_nor_of_her_delegate() {
    let world = World::prepared(|log| {
        log.ask_for_it("ann@example.com");
        log.rewrite_terms(|terms| terms.four_eyes = true);
    })
    .await;
    for author in ["ann", "sub"] {
        let told = world.decide(author, |_| {}).await;
        assert!(told.contains("wants the approval of others"), "{author}: {told}");
    }
    let told = world.confirm(&world.link("a.smith@example.com").await, 0).await;
    assert!(told.contains("wants the approval of others"), "{told}");
    world.kept("own_request").await;
    world.honest("abe").await;
    world.untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_policy_does_not_want_does_not_count_before_their_time() {
    let world = World::with(escalating("person:ann@example.com")).await;
    world.pass(599);
    let told = world.decide("ann", |_| {}).await;
    assert!(told.contains("wants the approval of team:payments"), "{told}");
    world.kept("not_among").await;
    world.untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_approvers_racing_for_one_gate_are_one_decision() {
    let world = World::open().await;
    let (one, two) = tokio::join!(world.decide("ann", |_| {}), world.decide("abe", |_| {}));
    let counted = [&one, &two].iter().filter(|told| told.starts_with("approved")).count();
    assert_eq!(counted, 1, "{one} / {two}");
    assert!(
        one.contains("already approved") || two.contains("already approved"),
        "{one} / {two}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_and_a_denial_at_once_are_one_decision() {
    let world = World::open().await;
    let deny = |ask: &mut v1::DecideRequest| ask.answer = v1::Answer::Deny.into();
    let (yes, no) = tokio::join!(world.decide("ann", |_| {}), world.decide("abe", deny));
    let counted = usize::from(yes.starts_with("approved")) + usize::from(no.starts_with("denied"));
    assert_eq!(counted, 1, "{yes} / {no}");
}
