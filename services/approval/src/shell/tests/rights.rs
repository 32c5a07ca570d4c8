//! People whom the role knows, and what they may do.

use std::{fs, time::Duration};

use paramedic_domain::{event::Event, invariant};
use paramedic_people::token_hash;
use paramedic_proto::v1;
use paramedic_runtime::{Clock, People};
use paramedic_testkit::eventually;
use tempfile::TempDir;
use tonic::{Code, Request};

use super::site::{Doors, Site, answer, kinds, links_of};
use crate::core::fixture::{Log, at};

/// A file with Ann, in a role.
fn ann_as(role: &str) -> String {
    let hash = token_hash("token-of-ann-0001");
    format!("people: [{{id: ann@example.com, emails: [a.smith@example.com], tokens: [\"{hash}\"], roles: [{{role: {role}}}]}}]")
}

fn with_notifier() -> Doors {
    Doors {
        notifier: "token-of-the-notifier",
        ..Doors::default()
    }
}

fn signed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", "Bearer token-of-ann-0001".parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_says_who_decides_and_the_file_what_they_may_at_that_moment() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("people.yaml");
    fs::write(&file, ann_as("approver")).unwrap();
    let site = Site::start(&folder, Clock::manual(at(0)), People::open(&file)).await;
    let fixture = Log::with_plan(1);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let mut client = site.client(0).await;
    let approve = || answer(&fixture, "the boss", v1::Answer::Approve);
    assert_eq!(client.decide(approve()).await.unwrap_err().code(), Code::Unauthenticated);
    let no_links = client.links(links_of(&fixture, "ann@example.com")).await.unwrap_err();
    assert_eq!(no_links.code(), Code::PermissionDenied);
    let looking = client.list(v1::ListApprovalsRequest::default()).await.unwrap_err();
    assert_eq!(looking.code(), Code::Unauthenticated);

    // the role goes between the question and the answer
    fs::write(&file, ann_as("viewer")).unwrap();
    let everything = v1::ListApprovalsRequest::default;
    // the index follows the log by a moment
    eventually!(client.list(signed(everything())).await.unwrap().into_inner().approvals.len() == 1);
    for _attempt in 0..2 {
        let refused = client.decide(signed(approve())).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(
            refused.message().contains("takes the role approver in production"),
            "{}",
            refused.message()
        );
    }
    let log = site.log(&fixture).await;
    assert_eq!(kinds(&log, "approval_refused"), 1, "who tried is kept, once");

    fs::write(&file, ann_as("approver")).unwrap();
    let counted = client.decide(signed(approve())).await.unwrap().into_inner();
    let decision = &counted.approval.unwrap().decisions[0];
    assert_eq!(
        (decision.by.as_str(), decision.right.as_str()),
        ("ann@example.com", "approver in production")
    );
    assert_eq!(invariant::check_log(&site.log(&fixture).await), Vec::new());
    drop(client);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_on_three_channels_is_one_voice() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("people.yaml");
    fs::write(&file, ann_as("approver")).unwrap();
    let site = Site::start_as(&folder, Clock::manual(at(0)), People::open(&file), with_notifier()).await;
    let fixture = Log::with_quorum(1, 2);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let mut client = site.client(0).await;
    let mut http_links = Vec::new();
    for address in ["ann@example.com", "a.smith@example.com"] {
        let mut request = Request::new(links_of(&fixture, address));
        request
            .metadata_mut()
            .insert("authorization", "Bearer token-of-the-notifier".parse().unwrap());
        http_links.push(client.links(request).await.unwrap().into_inner().approve_url);
    }
    client.decide(signed(answer(&fixture, "", v1::Answer::Approve))).await.unwrap();
    let http = site.kit.cluster.http.clone();
    for link in http_links {
        let page = http.post(&link).form(&[("reason", "")]).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("1 more must come from other people"), "{page}");
    }
    let log = site.log(&fixture).await;
    assert_eq!(kinds(&log, "approval_granted"), 1);
    drop(client);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_somebody_who_is_not_known_any_more_decides_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("people.yaml");
    fs::write(&file, ann_as("approver")).unwrap();
    let site = Site::start_as(&folder, Clock::manual(at(0)), People::open(&file), with_notifier()).await;
    let fixture = Log::with_plan(1);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let mut request = Request::new(links_of(&fixture, "ann@example.com"));
    request
        .metadata_mut()
        .insert("authorization", "Bearer token-of-the-notifier".parse().unwrap());
    let link = site.client(0).await.links(request).await.unwrap().into_inner().approve_url;
    fs::write(&file, "people: []").unwrap();
    let http = site.kit.cluster.http.clone();
    for answer in [
        http.get(&link).send().await.unwrap(),
        http.post(&link).form(&[("reason", "")]).send().await.unwrap(),
    ] {
        assert_eq!(answer.status(), 403);
        assert!(answer.text().await.unwrap().contains("belongs to nobody who is known here"));
    }
    assert_eq!(kinds(&site.log(&fixture).await, "approval_granted"), 0);
    fs::write(&file, ann_as("approver")).unwrap();
    let done = http.post(&link).form(&[("reason", "")]).send().await.unwrap();
    assert_eq!(done.status(), 200, "a link that decided nothing is not used up");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_question_reminds_escalates_and_waits_for_whoever_looks_at_it() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(at(0));
    let site = Site::start(&folder, clock.clone(), People::default()).await;
    let mut fixture = Log::with_plan(1);
    fixture.rewrite_terms(|terms| {
        terms.remind_every = Some(Duration::from_secs(300));
        terms.escalations = vec![paramedic_domain::terms::Escalation {
            after: Duration::from_secs(720),
            to: vec!["team:leads".parse().unwrap()],
            during: None,
            outside: None,
        }];
    });
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let happened = async |kind: &str| kinds(&site.log(&fixture).await, kind);
    clock.advance(Duration::from_secs(300));
    eventually!(happened("approval_reminded").await == 1);
    clock.advance(Duration::from_secs(420));
    eventually!(happened("approval_escalated").await == 1);
    let gate = fixture.incident.plan.as_ref().unwrap().gates[0].id.to_string();
    let looks = v1::AcknowledgeRequest {
        cluster: fixture.incident.cluster.to_string(),
        incident: fixture.incident.id.to_string(),
        gate,
        by: "ann".into(),
        channel: v1::Channel::Cli.into(),
    };
    let seen = site.client(1).await.acknowledge(looks.clone()).await.unwrap().into_inner();
    site.client(0).await.acknowledge(looks).await.unwrap();
    assert_eq!(happened("approval_acknowledged").await, 1, "a second click is no news");
    assert_eq!((seen.acknowledged_by.as_str(), seen.escalations), ("ann", 1));
    let before = happened("approval_reminded").await;
    clock.advance(Duration::from_secs(14 * 60));
    clock.advance(Duration::from_secs(60));
    eventually!(happened("approval_reminded").await == before + 1);
    clock.advance(Duration::from_secs(180));
    eventually!(happened("approval_expired").await == 1);
    let log = site.log(&fixture).await;
    let reminded: Vec<_> = log
        .iter()
        .filter(|one| matches!(one.envelope.event, Event::ApprovalReminded { .. }))
        .map(|one| one.envelope.time)
        .collect();
    assert_eq!(reminded.len(), before + 1, "nobody is reminded while somebody looks: {reminded:?}");
    assert_eq!(invariant::check_log(&log), Vec::new());
    site.stop().await;
}
