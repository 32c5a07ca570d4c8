//! Every message of an incident like the reference one, as people read it, and what hostile text in it can do.

use paramedic_domain::event::Event;

use super::{
    compose,
    fixture::{self, Log},
    message::{Links, Message},
    owed,
    render::{html, plain, slack},
    story::Story,
};

fn messages(log: &Log) -> Vec<Message> {
    (1..=log.recorded.len())
        .filter_map(|seq| compose::message(&Story::at(&log.recorded, seq as u64).unwrap().unwrap()))
        .collect()
}

fn of_kind(kind: &str) -> Message {
    let log = fixture::whole();
    messages(&log).into_iter().find(|message| message.kind == kind).unwrap()
}

macro_rules! golden {
    ($($name:ident: $kind:literal),* $(,)?) => { $(
        #[test]
        fn $name() {
            insta::assert_snapshot!(plain::render(&of_kind($kind)));
        }
    )* };
}
golden! {
    opened: "incident_opened",
    diagnosis: "diagnosis_reached",
    approval_granted: "approval_granted",
    notice_of_a_step: "step_succeeded",
    workflow_finished: "workflow_finished",
    verification_passed: "verification_passed",
    resolved: "incident_resolved",
}

fn links() -> Links {
    Links {
        approve: "https://paramedic.example.com/approvals/AAAA.BBBB".into(),
        deny: "https://paramedic.example.com/approvals/CCCC.DDDD".into(),
    }
}

#[test]
fn approval_asked_in_an_email() {
    insta::assert_snapshot!(plain::render(&of_kind("approval_requested").with_links(&links())));
}

#[test]
fn approval_asked_in_html() {
    insta::assert_snapshot!(html::render(&of_kind("approval_requested").with_links(&links())));
}

#[test]
fn approval_asked_in_slack() {
    let (blocks, text) = slack::render(&of_kind("approval_requested").with_links(&links()), true);
    let blocks = serde_json::to_string_pretty(&blocks).unwrap();
    assert!(!blocks.contains("approvals/AAAA"), "a personal link was posted to a channel");
    insta::assert_snapshot!(format!("{text}\n{blocks}"));
}

#[test]
fn every_message_of_an_unhappy_incident() {
    let messages = messages(&fixture::unhappy());
    // the questions have their own golden file
    let text: Vec<String> = messages
        .iter()
        .filter(|message| message.asks().is_none())
        .map(plain::render)
        .collect();
    insta::assert_snapshot!(text.join("\n\n"));
}

#[test]
fn one_message_per_thing_worth_telling() {
    let kinds: Vec<&str> = messages(&fixture::whole()).iter().map(|message| message.kind).collect();
    assert_eq!(
        kinds,
        [
            "incident_opened",
            "diagnosis_reached",
            "approval_requested",
            "approval_granted",
            "step_succeeded",
            "workflow_finished",
            "verification_passed",
            "incident_resolved"
        ]
    );
}

#[test]
fn a_message_composed_later_says_the_same() {
    let log = fixture::whole();
    let asked = log
        .recorded
        .iter()
        .position(|one| one.envelope.event.kind() == "approval_requested")
        .unwrap();
    let then = Story::at(&log.recorded[..=asked], asked as u64 + 1).unwrap().unwrap();
    let now = Story::at(&log.recorded, asked as u64 + 1).unwrap().unwrap();
    assert_eq!(compose::message(&then), compose::message(&now));
}

#[test]
fn an_event_that_did_not_fit_tells_nobody() {
    let mut log = fixture::whole();
    let again = log
        .recorded
        .iter()
        .find(|one| matches!(one.envelope.event, Event::ApprovalGranted { .. }))
        .unwrap()
        .envelope
        .event
        .clone();
    let before = messages(&log).len();
    log.push(again, 9_000);
    assert_eq!(messages(&log).len(), before);
}

const HOSTILE: &str = "<script>alert(1)</script> <!channel> <https://evil.example|click> `x` ```\r\nBcc: all@example.com\r\n\r\n{{ 7*7 }} DB_PASSWORD=hunter22";

#[test]
fn hostile_text_stays_text_in_every_format() {
    let log = fixture::with_text(HOSTILE);
    for message in messages(&log) {
        assert!(!message.subject.contains(['\r', '\n']), "{:?}", message.subject);
        assert!(!message.title.contains(['\r', '\n']), "{:?}", message.title);
        let page = html::render(&message);
        assert!(!page.contains("<script>") && !page.contains("<https"), "markup in {}", message.kind);
        let (blocks, text) = slack::render(&message, true);
        assert!(!text.contains("<!channel>"));
        for block in &blocks {
            let block = block.to_string();
            assert!(
                !block.contains("<!channel>") && !block.contains("<https"),
                "control sequence in {}: {block}",
                message.kind
            );
        }
        let everything = format!("{page}{}{}", plain::render(&message), serde_json::to_string(&blocks).unwrap());
        assert!(!everything.contains("hunter22"), "a secret in {}", message.kind);
        assert!(!everything.contains("49 DB_"), "a template in the text was run");
    }
}

#[test]
fn slack_messages_stay_within_its_limits() {
    let long = "word ".repeat(20_000);
    for log in [fixture::whole(), fixture::with_text(&long), fixture::with_steps(200)] {
        for message in messages(&log) {
            let (blocks, _) = slack::render(&message, true);
            assert!(blocks.len() <= 50, "{} blocks in {}", blocks.len(), message.kind);
            for block in &blocks {
                if let Some(text) = block["text"]["text"].as_str() {
                    let most = if block["type"] == "header" { 150 } else { 3000 };
                    assert!(
                        text.chars().count() <= most && !text.is_empty(),
                        "{} characters",
                        text.chars().count()
                    );
                }
            }
            if message.asks().is_some() {
                let all = serde_json::to_string(&blocks).unwrap();
                assert!(all.contains("paramedic approve"), "the way to answer was cut off");
            }
        }
    }
}

#[test]
fn an_earlier_message_is_owed_first_but_not_for_ever() {
    let mut log = fixture::whole();
    let diagnosis = messages(&log)[1].clone();
    let now = log.recorded[diagnosis.seq as usize - 1].envelope.time;
    let owed = |log: &Log, now| {
        owed::earlier(
            &log.incident,
            &log.recorded,
            diagnosis.seq,
            ("email", &crate::core::story::KINDS),
            "sre@example.com",
            now,
        )
        .unwrap()
    };
    let opened = owed(&log, now).unwrap();
    assert!(opened.ends_with("/1/incident_opened/email/sre@example.com"), "{opened}");
    assert_eq!(owed(&log, now + owed::PATIENCE), None, "patience has an end");
    log.push(fixture::sent(&opened, "sre@example.com"), 9_000);
    assert_eq!(owed(&log, now), None);
    assert_eq!(
        owed::thread(&log.recorded, "email", "sre@example.com").unwrap().message_id,
        "<first@example.com>"
    );
    assert!(owed::thread(&log.recorded, "slack", "sre@example.com").is_none());
}
