//! Tickets in stand-ins of trackers.

use std::path::PathBuf;

use paramedic_catalogue::systems::TrackerKind;
use paramedic_domain::{event::Direction, workflow::StepState};
use paramedic_executor::config::Tracker;
use paramedic_testkit::outside::{EndpointStandIn, ForgeKind, ForgeStandIn, JiraStandIn, OutsideFault};
use serde_json::json;

use crate::{
    recommended::Wanted,
    story::{Story, stage, token},
};

fn tracker(kind: TrackerKind, url: String, token_file: PathBuf) -> Tracker {
    Tracker {
        name: "bugs".into(),
        kind,
        url,
        token_file,
        user: String::new(),
        project: "ops/manifests".into(),
        labels: vec!["incident".into()],
        issue_type: "Bug".into(),
    }
}

/// Logs are collected, then a ticket is filed with them.
fn steps(kind: &str, project: Option<&str>) -> Vec<Wanted> {
    let mut ticket = json!({"type": kind, "priority": "high", "attachments": ["heap_dump_rec-001"], "message": "password=hunter22 leaks"});
    if let Some(project) = project {
        ticket["project"] = json!(project);
    }
    let collect = json!({"deployment": "payment-service", "namespace": "production", "type": "logs"});
    vec![
        ("rec-001", "collect_diagnostics", collect, &[]),
        ("rec-007", "notify_only", ticket, &["rec-001"]),
    ]
}

async fn filed(tracker: Tracker, wanted: Vec<Wanted>) -> (Story, String) {
    let stage = stage(|config| config.trackers.push(tracker), Vec::new()).await;
    let mut story = Story::of(stage, &wanted).await;
    story.succeeds().await;
    let summary = story.despite_deaths(1, Direction::Forward).await;
    (story, summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn jira_gets_one_issue_with_the_logs_and_without_secrets_wherever_its_search_is() {
    for cloud in [false, true] {
        let token = token();
        let jira = JiraStandIn::start("Bearer t0ken", cloud).await.unwrap();
        // The first answer is lost after the issue was made.
        jira.fail_next([OutsideFault::AnswerLost]);
        let tracker = tracker(TrackerKind::Jira, jira.url(), token.path().into());
        let (story, summary) = filed(tracker, steps("jira", Some("PAYMENT"))).await;
        let issues = jira.issues();
        assert_eq!(issues.len(), 1, "{issues:?}");
        assert!(summary.contains("PAYMENT-1"), "{summary}");
        assert_eq!(issues[0]["priority"]["name"], "High");
        let text = issues[0]["description"].as_str().unwrap();
        assert!(text.contains("paramedic:plan_stage/rec-007") && text.contains("sha256:"), "{text}");
        assert!(!text.contains("hunter22"), "{text}");
        let files: Vec<&str> = issues[0]["attachment"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["filename"].as_str().unwrap())
            .collect();
        assert!(files.iter().any(|name| name.ends_with(".previous.log")), "{files:?}");
        let mut once = files.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), files.len(), "every file once: {files:?}");
        story.stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_jiras_index_does_not_know_yet_is_not_filed_again() {
    let token = token();
    let jira = JiraStandIn::start("Bearer t0ken", true).await.unwrap();
    let tracker = tracker(TrackerKind::Jira, jira.url(), token.path().into());
    let stage = stage(|config| config.trackers.push(tracker), Vec::new()).await;
    let story = Story::of(stage, &[("tell", "notify_only", json!({"type": "jira", "project": "PAY"}), &[])]).await;
    let item = story.item(0, Direction::Forward, 1).await;
    story.dies(&item, "step_succeeded").await;
    jira.index_late(1);
    let state = story.work(&item, "successor").await;
    assert_eq!(state, StepState::Succeeded);
    assert_eq!(jira.issues().len(), 1, "{:?}", jira.issues());
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_alert_says_means_nothing_to_the_tracker() {
    let token = token();
    let forge = ForgeStandIn::start(ForgeKind::Gitlab, "t0ken").await.unwrap();
    let evil =
        json!({"type": "bugs", "title": "look @everyone ![x](https://evil.example/p.png)", "message": "line\n```\n/close\n@everyone"});
    let tracker = tracker(TrackerKind::Gitlab, forge.url(), token.path().into());
    let stage = stage(|config| config.trackers.push(tracker), Vec::new()).await;
    let story = Story::of(stage, &[("tell", "notify_only", evil, &[])]).await;
    story.succeeds().await;
    let issue = &forge.issues()[0];
    let text = issue["description"].as_str().unwrap();
    assert!(text.contains("````\nline\n```\n/close\n@everyone\nfor: bugs\n````\n"), "{text}");
    let outside: String = text.split("````\n").step_by(2).collect();
    assert!(
        !outside.contains("@e") && !outside.contains("![x](") && !outside.contains("\n/close"),
        "{outside}"
    );
    assert!(text.lines().any(|line| line == "paramedic:plan_stage/tell"), "{text}");
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forges_get_one_issue_each_and_files_where_they_take_them() {
    for (kind, speaks, credentials, takes) in [
        (ForgeKind::Github, TrackerKind::Github, "Bearer t0ken", false),
        (ForgeKind::Gitlab, TrackerKind::Gitlab, "t0ken", true),
        (ForgeKind::Gitea, TrackerKind::Gitea, "token t0ken", true),
    ] {
        let token = token();
        let forge = ForgeStandIn::start(kind, credentials).await.unwrap();
        forge.fail_next([OutsideFault::AnswerLost]);
        let (story, summary) = filed(tracker(speaks, forge.url(), token.path().into()), steps("bugs", None)).await;
        let issues = forge.issues();
        assert_eq!(issues.len(), 1, "{kind:?} {issues:?}");
        assert!(summary.contains("https://forge.example/"), "{summary}");
        assert_eq!(!forge.files().is_empty(), takes, "{kind:?}");
        if kind == ForgeKind::Gitlab {
            assert_eq!(forge.notes().len(), forge.files().len());
        }
        story.stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_the_same_key_every_time() {
    let token = token();
    let hook = EndpointStandIn::start("Bearer t0ken").await.unwrap();
    hook.fail_next([OutsideFault::Refused(503)]);
    let tracker = tracker(TrackerKind::Webhook, hook.url(), token.path().into());
    let stage = stage(|config| config.trackers.push(tracker), Vec::new()).await;
    let wanted: Vec<Wanted> = vec![("tell", "notify_only", json!({"type": "webhook", "title": "look"}), &[])];
    let story = Story::of(stage, &wanted).await;
    let (kind, _, message) = story.fails().await;
    assert_eq!(kind, paramedic_domain::fault::FailureKind::Transient, "{message}");
    let again = story.item(0, Direction::Forward, 2).await;
    story.work(&again, "two").await;
    let effects = hook.effects();
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].0, "paramedic:plan_stage/tell");
    assert_eq!(effects[0].1.body["idempotency_key"], "paramedic:plan_stage/tell");
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_accepted_is_a_failure_for_people_and_nothing_is_filed() {
    let jira = JiraStandIn::start("Bearer another", false).await.unwrap();
    let token = token();
    let tracker = tracker(TrackerKind::Jira, jira.url(), token.path().into());
    let stage = stage(|config| config.trackers.push(tracker), Vec::new()).await;
    let story = Story::of(stage, &[("tell", "notify_only", json!({"type": "jira", "project": "PAY"}), &[])]).await;
    let (kind, _, message) = story.fails().await;
    assert_eq!(kind, paramedic_domain::fault::FailureKind::Permanent);
    assert!(message.contains("401") && !message.contains("t0ken"), "{message}");
    assert!(jira.issues().is_empty());
    story.stage.end().await;
}
