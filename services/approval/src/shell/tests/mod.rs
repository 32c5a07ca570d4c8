//! The role as it runs.

mod abuse;
mod rights;
mod site;
mod slack;

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::StreamExt as _;
use paramedic_domain::{event::Event, invariant};
use paramedic_proto::v1;
use paramedic_runtime::{Clock, People};
use paramedic_testkit::eventually;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::Code;

use self::site::{Site, answer, kinds, links_of};
use super::{index, worker::Worker};
use crate::core::fixture::{Log, at};

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_asked_about_once_and_answered_through_any_replica() {
    let folder = TempDir::new().unwrap();
    let site = Site::start(&folder, Clock::manual(at(0)), People::default()).await;
    let fixture = Log::with_plan(2);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let (mut one, mut two) = (site.client(0).await, site.client(1).await);

    let listed = |all| v1::ListApprovalsRequest { all, ..Default::default() };
    eventually!(one.list(listed(false)).await.unwrap().into_inner().approvals.len() == 2);
    let mut watch = two.watch(v1::WatchApprovalsRequest::default()).await.unwrap().into_inner();
    for _gate in 0..2 {
        let seen = watch.next().await.unwrap().unwrap();
        assert_eq!(seen.status(), v1::GateStatus::Waiting);
        assert_eq!(seen.steps.len(), 1);
    }

    let mut other_digest = answer(&fixture, "ann", v1::Answer::Approve);
    other_digest.digest = vec![7; 32];
    let refused = one.decide(other_digest).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("look again"), "{}", refused.message());
    let nobody = one.decide(answer(&fixture, " ", v1::Answer::Approve)).await.unwrap_err();
    assert_eq!(nobody.code(), Code::InvalidArgument);

    let counted = one.decide(answer(&fixture, "ann", v1::Answer::Approve)).await.unwrap().into_inner();
    assert!(counted.counted, "{}", counted.message);
    assert_eq!(counted.approval.unwrap().status(), v1::GateStatus::Granted);
    let again = two.decide(answer(&fixture, "ann", v1::Answer::Approve)).await.unwrap().into_inner();
    assert!(!again.counted);
    let late = two.decide(answer(&fixture, "ben", v1::Answer::Deny)).await.unwrap_err();
    assert!(late.message().contains("already approved by ann"), "{}", late.message());

    let granted = watch.next().await.unwrap().unwrap();
    assert_eq!(granted.status(), v1::GateStatus::Granted);
    assert_eq!(granted.decisions[0].by, "ann");
    eventually!(one.list(listed(false)).await.unwrap().into_inner().approvals.len() == 1);
    assert_eq!(one.list(listed(true)).await.unwrap().into_inner().approvals.len(), 2);

    let log = site.log(&fixture).await;
    assert_eq!(kinds(&log, "approval_requested"), 2);
    assert_eq!(kinds(&log, "approval_granted"), 1);
    assert_eq!(invariant::check_log(&log), Vec::new());
    drop(watch);
    drop((one, two));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_without_deciding_and_decides_once() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(at(0));
    let site = Site::start(&folder, clock.clone(), People::default()).await;
    let fixture = Log::with_plan(1);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let links = site
        .client(0)
        .await
        .links(links_of(&fixture, "ann@example.com"))
        .await
        .unwrap()
        .into_inner();
    // the other replica knows the same secret
    let approve = links.approve_url.replace(&site.http[0], &site.http[1]);
    let http = site.kit.cluster.http.clone();

    for _scanner in 0..3 {
        let page = http.get(&approve).send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert_eq!(page.headers()["cache-control"], "no-store");
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let page = page.text().await.unwrap();
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let style = format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(style)));
        assert!(policy.contains(&style), "browsers would drop the page's style: {policy}");
        assert!(
            page.contains("2Gi") && page.contains("3Gi") && page.contains("ann@example.com"),
            "{page}"
        );
        http.head(&approve).send().await.unwrap();
    }
    assert_eq!(kinds(&site.log(&fixture).await, "approval_granted"), 0, "looking decided");

    let forged = format!("{}x", links.approve_url);
    assert_eq!(http.post(&forged).form(&[("reason", "")]).send().await.unwrap().status(), 400);
    let done = http.post(&approve).form(&[("reason", "as discussed")]).send().await.unwrap();
    assert_eq!(done.status(), 200);
    assert!(done.text().await.unwrap().contains("Approved"));
    let used = http.post(&approve).form(&[("reason", "")]).send().await.unwrap();
    assert_eq!(used.status(), 409);
    assert!(used.text().await.unwrap().contains("already used"));
    let deny = http.post(&links.deny_url).form(&[("reason", "")]).send().await.unwrap();
    assert_eq!(deny.status(), 409);
    assert!(deny.text().await.unwrap().contains("already approved by ann@example.com"));
    clock.advance(Duration::from_secs(1800));
    assert_eq!(http.get(&links.deny_url).send().await.unwrap().status(), 410);

    let log = site.log(&fixture).await;
    let granted = log.iter().find_map(|one| match &one.envelope.event {
        Event::ApprovalGranted { decision, .. } => Some(decision.clone()),
        _ => None,
    });
    let granted = granted.unwrap();
    assert_eq!((granted.by.as_str(), granted.reason.as_str()), ("ann@example.com", "as discussed"));
    assert_eq!(kinds(&log, "approval_denied"), 0);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_expires_once_even_across_a_restart() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(at(0));
    let fixture = Log::with_plan(1);
    let site = Site::start(&folder, clock.clone(), People::default()).await;
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    site.stop().await;

    clock.advance(Duration::from_secs(1799));
    let site = Site::start(&folder, clock.clone(), People::default()).await;
    assert_eq!(kinds(&site.log(&fixture).await, "approval_expired"), 0);
    clock.advance(Duration::from_secs(1));
    let mut client = site.client(0).await;
    let late = client.decide(answer(&fixture, "ann", v1::Answer::Approve)).await.unwrap_err();
    assert!(late.message().contains("expired"), "{}", late.message());
    eventually!(kinds(&site.log(&fixture).await, "approval_expired") == 1);
    let log = site.log(&fixture).await;
    assert_eq!(kinds(&log, "approval_granted"), 0);
    assert_eq!(invariant::check_log(&log), Vec::new());
    drop(client);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_due_while_nobody_ran_is_done_at_the_start_without_its_message() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(at(0));
    let (late, early) = (Log::with_plan(1), Log::named("early", 1));
    let site = Site::start(&folder, clock.clone(), People::default()).await;
    site.append(&late).await;
    site.waiting(&late).await;
    let mut client = site.client(0).await;
    eventually!(
        client
            .list(v1::ListApprovalsRequest::default())
            .await
            .unwrap()
            .into_inner()
            .approvals
            .len()
            == 1
    );
    clock.advance(Duration::from_secs(900));
    site.append(&early).await;
    site.waiting(&early).await;
    eventually!(
        client
            .list(v1::ListApprovalsRequest::default())
            .await
            .unwrap()
            .into_inner()
            .approvals
            .len()
            == 2
    );
    drop(client);
    site.stop().await;

    clock.advance(Duration::from_secs(901));
    let kit = site::kit(&folder, clock, People::default()).await;
    let index = kit.bus.kv(index::BUCKET, Some(index::KEPT)).await.unwrap();
    let worker = Worker { kit: kit.clone() };
    for _start in 0..2 {
        worker.catch_up(index.as_ref()).await.unwrap();
    }
    for (log, expired) in [(late, 1), (early, 0)] {
        let log = kit.log.read(&log.incident.cluster, &log.incident.id).await.unwrap();
        assert_eq!(kinds(&log, "approval_expired"), expired);
    }
    kit.bus.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_at_once_one_is_counted() {
    let folder = TempDir::new().unwrap();
    let site = Site::start(&folder, Clock::manual(at(0)), People::default()).await;
    let fixture = Log::with_plan(1);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let mut answers = JoinSet::new();
    for n in 0..8 {
        let mut client = site.client(n % 2).await;
        let word = if n % 3 == 0 { v1::Answer::Deny } else { v1::Answer::Approve };
        let request = answer(&fixture, &format!("person-{n}"), word);
        answers.spawn(async move { client.decide(request).await.is_ok() });
    }
    let counted = answers.join_all().await.into_iter().filter(|counted| *counted).count();
    assert_eq!(counted, 1);
    let log = site.log(&fixture).await;
    assert_eq!(kinds(&log, "approval_granted") + kinds(&log, "approval_denied"), 1);
    assert_eq!(invariant::check_log(&log), Vec::new());
    assert_eq!(site.incident(&fixture).await.misfits, 0);
    site.stop().await;
}
