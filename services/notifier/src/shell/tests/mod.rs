//! The role as it runs: a real SMTP server, a stand-in for Slack, the embedded bus, a clock moved by hand.

mod chat;
mod harness;
mod paging;
mod stand_in;

use paramedic_domain::button::APPROVE;
use std::time::Duration;

use axum::{Json, Router, extract::State, routing::get};
use paramedic_bus::{Start, streams};
use paramedic_proto::v1::{self, notifier_service_client::NotifierServiceClient};
use paramedic_testkit::{
    eventually,
    servers::{Mail, SmtpSink},
    slack::{SlackFault, SlackStandIn},
};
use serde_json::json;
use tokio::task::JoinSet;
use tonic::Code;

use super::{
    channel::{Channel as _, Outgoing},
    slack::Slack,
    smtp::Smtp,
};
use crate::core::{
    compose,
    fixture::{self, Log, at},
    message::Message,
    owed,
    story::Story,
};
use harness::{LOOPBACK, Site, TOKEN, email, no_email, no_slack, slack};

fn to<'a>(mails: &'a [Mail], address: &str) -> Vec<&'a Mail> {
    mails.iter().filter(|mail| mail.to == [address]).collect()
}

fn opened() -> (Log, Message) {
    let log = fixture::whole();
    let message = compose::message(&Story::at(&log.recorded, 1).unwrap().unwrap()).unwrap();
    (log, message)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_incident_arrives_in_order_in_one_thread_per_recipient() {
    let sink = SmtpSink::start().await.unwrap();
    let workspace = SlackStandIn::start(TOKEN).await.unwrap();
    let site = Site::start(email(&sink, &["ann@example.com", "ben@example.com"]), slack(workspace.url())).await;
    let log = fixture::whole();
    site.append(&log).await;
    eventually!(site.receipts(&log, "email").await.len() == 16 && site.receipts(&log, "slack").await.len() == 8);

    let mails = sink.mails().unwrap();
    assert_eq!(mails.len(), 16);
    let anns = to(&mails, "ann@example.com");
    let first = anns[0].header("Message-ID").unwrap();
    assert_eq!(anns[0].header("In-Reply-To"), None);
    assert!(anns[0].header("Subject").unwrap().starts_with("[paramedic inc_"));
    for reply in &anns[1..] {
        assert_eq!(reply.header("In-Reply-To"), Some(first));
        assert_eq!(reply.header("References"), Some(first));
        assert!(reply.header("Subject").unwrap().starts_with("Re: [paramedic inc_"));
    }
    let titles: Vec<String> = site
        .receipts(&log, "slack")
        .await
        .into_iter()
        .map(|receipt| receipt.title)
        .collect();
    assert!(
        titles[0].starts_with("Incident:") && titles[2].starts_with("Approval needed:") && titles[7].starts_with("Resolved:"),
        "{titles:?}"
    );

    // folded lines and quoted-printable: look for what survives both
    let question = |mails: &[&Mail]| mails.iter().filter(|mail| mail.body.contains("yes-")).count();
    assert_eq!(question(&anns), 1, "the question with this person's links");
    assert!(anns.iter().all(|mail| !mail.body.contains("yes-ben")), "another person's link");

    let posted = workspace.messages();
    assert_eq!(posted.len(), 8);
    assert_eq!(posted[0].thread_ts, None);
    assert!(
        posted[1..]
            .iter()
            .all(|message| message.thread_ts.as_deref() == Some(posted[0].ts.as_str()))
    );
    let calls = workspace.calls();
    let asked = calls.iter().find(|call| call.body["blocks"].to_string().contains(APPROVE)).unwrap();
    assert!(asked.body["blocks"].to_string().contains("paramedic approve"));
    assert!(
        posted[2].updates == 1 && posted[2].all_text().contains("Approved by") && !posted[2].has_action(APPROVE),
        "a decided question says so and offers no answer: {}",
        posted[2].all_text()
    );
    assert!(
        posted.iter().all(|message| !message.all_text().contains("/approvals/")),
        "a personal link in a channel"
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_mail_server_holds_back_only_mails_and_only_until_it_is_back() {
    let mut sink = SmtpSink::start().await.unwrap();
    let workspace = SlackStandIn::start(TOKEN).await.unwrap();
    let site = Site::start(email(&sink, &["ann@example.com"]), slack(workspace.url())).await;
    sink.kill9().unwrap();
    let log = fixture::whole();
    site.append(&log).await;
    eventually!(site.receipts(&log, "slack").await.len() == 8, "Slack was held back");
    eventually!(!site.failures(&log).await.is_empty(), "nobody was told that mail does not work");
    assert!(site.receipts(&log, "email").await.is_empty());

    sink.start_again().await.unwrap();
    eventually!(
        {
            // the server was left alone for a while
            site.kit.clock.advance(Duration::from_secs(1));
            site.receipts(&log, "email").await.len() == 8
        },
        "mails were lost"
    );
    assert_eq!(sink.mails().unwrap().len(), 8);
    let failures = site.failures(&log).await;
    assert!(failures.iter().all(|(_, again)| *again), "{failures:?}");
    let keys: std::collections::BTreeSet<_> = failures.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), failures.len(), "a failure is told once per message");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_is_left_alone_as_long_as_it_asks_and_a_refused_message_is_a_dead_letter() {
    let workspace = SlackStandIn::start(TOKEN).await.unwrap();
    let limited = SlackFault::RateLimited(Duration::from_secs(1));
    workspace.fail_next([limited, SlackFault::Http(503), SlackFault::Refused("channel_not_found".into())]);
    let site = Site::start(no_email(), slack(workspace.url())).await;
    let log = fixture::whole();
    site.append(&log).await;
    eventually!(
        site.receipts(&log, "slack").await.len() == 7,
        "one message is given up, the others arrive"
    );
    let failures = site.failures(&log).await;
    let given_up: Vec<_> = failures.iter().filter(|(_, again)| !again).collect();
    assert_eq!(given_up.len(), 1, "{failures:?}");
    assert!(given_up[0].0.contains("/1/incident_opened/slack/"), "{given_up:?}");
    let letters = async || {
        let filter = "paramedic.deadletter.>";
        site.kit
            .bus
            .replay(streams::DEADLETTERS, filter, Start::Beginning)
            .await
            .unwrap()
            .len()
    };
    eventually!(letters().await == 1, "the message is not among the dead letters");

    let mut client = NotifierServiceClient::connect(site.grpc.clone()).await.unwrap();
    let wanted = v1::DeliveriesRequest {
        cluster: log.incident.cluster.to_string(),
        incident: log.incident.id.to_string(),
    };
    let deliveries = client.deliveries(wanted).await.unwrap().into_inner();
    assert_eq!((deliveries.delivered.len(), deliveries.undeliverable.len()), (7, 1));
    drop(client);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_sent_twice_after_a_crash_is_the_same_mail() {
    let sink = SmtpSink::start().await.unwrap();
    let smtp = Smtp::new(&email(&sink, &["ann@example.com"])).unwrap();
    let (_, message) = opened();
    for again in [false, true] {
        let outgoing = Outgoing {
            message: &message,
            key: "inc_1/1/incident_opened/email/ann@example.com",
            recipient: "ann@example.com",
            thread: None,
            time: at(0),
            again,
            // More than a line of SMTP may hold, in lines that end as in a log.
            files: &[("diagnostics.txt".into(), bytes::Bytes::from("all is well\n".repeat(200)))],
        };
        smtp.send(&outgoing).await.unwrap();
    }
    let mails = sink.mails().unwrap();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    assert_eq!(mails[0].header("Date"), mails[1].header("Date"));
    assert_eq!(mails[0].header("Auto-Submitted"), Some("auto-generated"));
    assert!(mails[0].body.contains("filename=\"diagnostics.txt\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_a_crash_left_unrecorded_is_repeated_as_the_same_mail_and_nothing_else_is() {
    let sink = SmtpSink::start().await.unwrap();
    let configured = email(&sink, &["ann@example.com"]);
    let (log, message) = opened();
    let key = owed::key(&message.incident, 1, message.kind, "email", "ann@example.com");
    let lost = Outgoing {
        message: &message,
        key: &key,
        recipient: "ann@example.com",
        thread: None,
        time: at(0),
        again: false,
        files: &[],
    };
    Smtp::new(&configured).unwrap().send(&lost).await.unwrap();

    let site = Site::start(configured, no_slack()).await;
    site.append(&log).await;
    eventually!(site.receipts(&log, "email").await.len() == 8);
    let mails = sink.mails().unwrap();
    let ids: std::collections::BTreeSet<_> = mails.iter().filter_map(|mail| mail.header("Message-ID")).collect();
    assert_eq!((mails.len(), ids.len()), (9, 8), "one duplicate, and it is the same mail");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_makes_no_header_of_its_own() {
    let sink = SmtpSink::start().await.unwrap();
    let smtp = Smtp::new(&email(&sink, &["ann@example.com"])).unwrap();
    let log = fixture::with_text("down\r\nBcc: everybody@example.com\r\n\r\n<b>");
    let message = compose::message(&Story::at(&log.recorded, 1).unwrap().unwrap()).unwrap();
    let outgoing = Outgoing {
        message: &message,
        key: "key",
        recipient: "ann@example.com",
        thread: None,
        time: at(0),
        again: false,
        files: &[],
    };
    smtp.send(&outgoing).await.unwrap();
    let mails = sink.mails().unwrap();
    assert_eq!(mails[0].to, ["ann@example.com"]);
    assert_eq!(mails[0].header("Bcc"), None);
    assert!(mails[0].header("Subject").unwrap().contains("Bcc: everybody"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_slack_already_has_is_not_posted_again() {
    let found = json!({"ok": true, "messages": [
        {"ts": "1700000000.000100", "metadata": {"event_type": "paramedic_message", "event_payload": {"key": "another"}}},
        {"ts": "1700000000.000200", "metadata": {"event_type": "paramedic_message", "event_payload": {"key": "mine"}}},
    ]});
    let answer = async |State(found): State<serde_json::Value>| Json(found);
    let routes = Router::new().route("/conversations.history", get(answer)).with_state(found);
    let listener = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, routes).await });

    let workspace = Slack::new(&slack(url), paramedic_runtime::http::client().unwrap());
    let (_, message) = opened();
    let mut outgoing = Outgoing {
        message: &message,
        key: "mine",
        recipient: "C0INCIDENTS",
        thread: None,
        time: at(0),
        again: true,
        files: &[],
    };
    let delivered = workspace.send(&outgoing).await.unwrap();
    assert_eq!(delivered.message_id, "1700000000.000200");
    // one that is not there is posted: this workspace has no such method, which shows that it was called
    outgoing.key = "lost";
    let refused = workspace.send(&outgoing).await.unwrap_err();
    assert!(refused.to_string().contains("404"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_goes_only_to_configured_recipients() {
    let sink = SmtpSink::start().await.unwrap();
    let site = Site::start(email(&sink, &["ann@example.com"]), no_slack()).await;
    let mut client = NotifierServiceClient::connect(site.grpc.clone()).await.unwrap();
    let test = |channel: &str, recipient: &str| v1::SendTestRequest {
        channel: channel.into(),
        recipient: recipient.into(),
    };
    let receipt = client.send_test(test("email", "")).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(receipt.recipient, "ann@example.com");
    assert_eq!(sink.mails().unwrap().len(), 1);
    let stranger = client.send_test(test("email", "stranger@example.com")).await.unwrap_err();
    assert_eq!(stranger.code(), Code::PermissionDenied);
    let off = client.send_test(test("slack", "")).await.unwrap_err();
    assert!(off.message().contains("configured are: email"), "{}", off.message());
    drop(client);
    site.stop().await;
}
