//! Links from mails: forged, changed, used again, used too late, used by others.

use paramedic_domain::{digest::Digest, id::GateId};
use serde_json::json;

use super::{attempts, world::tampered};
use crate::core::link::{self, Claims};

async fn claims(world: &super::world::World) -> Claims {
    let token = world.link("ann@example.com").await;
    let body = token.split_once('.').unwrap().0;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

attempts! {
    link_signed_with_another_secret(world) { world.confirm(&link::mint(b"another secret of the same length..", &claims(&world).await), 0).await } says "400";
    link_signed_with_no_secret(world) { world.confirm(&link::mint(b"", &claims(&world).await), 0).await } says "400";
    link_without_a_signature(world) {
        let token = world.link("ann@example.com").await;
        world.confirm(token.split_once('.').unwrap().0, 0).await
    } says "Not a valid link";
    link_with_an_empty_signature(world) {
        let token = world.link("ann@example.com").await;
        world.confirm(&format!("{}.", token.split_once('.').unwrap().0), 0).await
    } says "400";
    link_with_a_signature_of_another_link(world) {
        let (one, other) = (world.link("ann@example.com").await, world.link("abe@example.com").await);
        world.confirm(&format!("{}.{}", one.split_once('.').unwrap().0, other.split_once('.').unwrap().1), 0).await
    } says "400";
    link_cut_short(world) { let token = world.link("ann@example.com").await; world.confirm(&token[..token.len() - 2], 0).await } says "400";
    link_with_something_appended(world) { world.confirm(&format!("{}AA", world.link("ann@example.com").await), 0).await } says "400";
    link_of_endless_length(world) { world.confirm(&"A".repeat(5_000), 0).await } says "400";
    link_for_another_digest(world) {
        let token = world.link("ann@example.com").await;
        world.confirm(&tampered(&token, |claims| claims["digest"] = json!(Digest::of(b"other"))), 0).await
    } says "400";
    link_for_another_gate(world) {
        let other = world.fixture.incident.plan.as_ref().unwrap().gates[1].id.clone();
        world.confirm(&tampered(&world.link("ann@example.com").await, |claims| claims["gate"] = json!(other)), 0).await
    } says "400";
    link_for_another_person(world) {
        world.confirm(&tampered(&world.link("vic@example.com").await, |claims| claims["recipient"] = json!("ann@example.com")), 0).await
    } says "400";
    link_to_deny_turned_into_one_to_approve(world) {
        let deny = world.links("ann@example.com").await.deny_url;
        world.confirm(&tampered(deny.rsplit('/').next().unwrap(), |claims| claims["answer"] = json!("approve")), 0).await
    } says "400";
    link_with_a_later_end(world) {
        let token = world.link("ann@example.com").await;
        world.pass(1800);
        world.confirm(&tampered(&token, |claims| claims["expires_at"] = json!("2099-01-01T00:00:00Z")), 0).await
    } says "400";
    link_at_the_moment_of_its_end(world) { let token = world.link("ann@example.com").await; world.pass(1800); world.confirm(&token, 0).await } says "410";
    link_long_after_its_end(world) { let token = world.link("ann@example.com").await; world.pass(86_400); world.confirm(&token, 1).await } says "410";
    link_to_a_viewer(world) { world.confirm(&world.link("vic@example.com").await, 0).await } says "takes the role approver" kept "no_role";
    link_to_an_approver_of_another_namespace(world) { world.confirm(&world.link("oth@example.com").await, 0).await } says "takes the role approver" kept "no_role";
    link_to_somebody_without_a_role(world) { world.confirm(&world.link("non@example.com").await, 0).await } says "takes the role approver" kept "no_role";
    link_to_a_list_that_is_nobody(world) { world.confirm(&world.link("everybody@example.com").await, 0).await } says "belongs to nobody";
    link_to_somebody_who_was_removed_since(world) {
        let token = world.link("ann@example.com").await;
        world.people(|_| "people: []".into());
        world.confirm(&token, 0).await
    } says "belongs to nobody";
    link_to_somebody_whose_role_was_taken_since(world) {
        let token = world.link("ann@example.com").await;
        world.people(|people| people.replacen("role: approver", "role: viewer", 1));
        world.confirm(&token, 0).await
    } says "takes the role approver" kept "no_role";
    link_that_a_mail_scanner_opens(world) {
        let link = world.links("ann@example.com").await.approve_url;
        let http = &world.site.kit.cluster.http;
        http.head(&link).send().await.unwrap();
        http.get(&link).send().await.unwrap().text().await.unwrap()
    } says "Approve this change?";
    link_by_another_method(world) {
        let link = world.links("ann@example.com").await.approve_url;
        world.site.kit.cluster.http.put(link).body("reason=").send().await.unwrap().status().to_string()
    } says "405";
    link_with_an_endless_reason(world) {
        let link = world.links("ann@example.com").await.approve_url;
        let form = [("reason", "x".repeat(100_000))];
        world.site.kit.cluster.http.post(link).form(&form).send().await.unwrap().status().to_string()
    } says "413";
    link_asked_for_by_a_person(world) {
        let mut request = tonic::Request::new(crate::shell::tests::site::links_of(&world.fixture, "ann@example.com"));
        request.metadata_mut().insert("authorization", "Bearer token-of-vic".parse().unwrap());
        world.site.client(0).await.links(request).await.unwrap_err().message().to_owned()
    } says "only the notifier's token";
    link_of_a_gate_that_does_not_exist(world) {
        let mut wanted = crate::shell::tests::site::links_of(&world.fixture, "ann@example.com");
        wanted.gate = GateId::derive(&["nothing"]).to_string();
        let mut request = tonic::Request::new(wanted);
        request.metadata_mut().insert("authorization", "Bearer token-of-the-notifier".parse().unwrap());
        world.site.client(0).await.links(request).await.unwrap_err().message().to_owned()
    } says "does not wait";
}

#[tokio::test(flavor = "multi_thread")]
async fn link_used_again_and_by_two_at_once() {
    let world = super::world::World::open().await;
    let token = world.link("ann@example.com").await;
    let (one, two) = tokio::join!(world.confirm(&token, 0), world.confirm(&token, 1));
    let done = [&one, &two].iter().filter(|told| told.starts_with("200")).count();
    assert_eq!(done, 1, "{one} {two}");
    assert!(world.confirm(&token, 0).await.contains("already used"));
    let log = world.site.log(&world.fixture).await;
    assert_eq!(crate::shell::tests::site::kinds(&log, "approval_granted"), 1);
}
