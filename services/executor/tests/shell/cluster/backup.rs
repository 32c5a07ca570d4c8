//! Copies of files that are whole, or none.

use paramedic_domain::fault::{Effect, FailureKind};
use serde_json::json;

use crate::{stage::Stage, story::Story};

async fn copied(stage: Stage, path: &str) -> Story {
    let params = json!({"deployment": "payment-service", "namespace": "production", "paths": [path]});
    Story::of(stage, &[("copy", "backup_data", params, &[])]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_path_that_is_not_there_fails_and_keeps_nothing() {
    let story = copied(Stage::start().await, "/var/lib/payments").await;
    let (kind, effect, message) = story.fails().await;
    assert_eq!((kind, effect), (FailureKind::Permanent, Effect::None));
    assert!(message.contains("No such file"), "{message}");
    let run = story.stage.incident().await.run.unwrap();
    assert_eq!(run.steps[&story.plan.steps[0].id].artifacts, []);
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_was_cut_off_is_no_backup() {
    let mut stage = Stage::start().await;
    stage.config.artifact_megabytes = 0;
    let story = copied(stage, "/var/log/payments").await;
    let (kind, _, message) = story.fails().await;
    assert_eq!(kind, FailureKind::Permanent);
    assert!(message.contains("more than 0 MiB"), "{message}");
    story.stage.end().await;
}
