//! Saved plans of infrastructure modules: applied once, as they were approved, or not at all.

use paramedic_domain::{
    change::{Call, Change, DryRun, SavedPlan},
    event::Direction,
    fault::{Effect, FailureKind},
    workflow::StepState,
};
use paramedic_executor::config::Module;
use paramedic_simulator::commands::{Call as Recording, Commands, Recorded};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::story::{Story, stage};

/// A module's folder, the tool that replays its recording, and what it was called with.
struct Infrastructure {
    module: TempDir,
    _tool: TempDir,
    commands: Commands,
}

fn call(run: &str, prints: impl Into<String>) -> Recording {
    Recording {
        run: run.into(),
        prints: prints.into(),
        ..Recording::default()
    }
}

fn at(state: &str, call: Recording) -> Recording {
    Recording {
        when: Some(state.into()),
        ..call
    }
}

fn plan(actions: &[&str], resources: usize) -> String {
    let changes: Vec<Value> = (0..resources)
        .map(|index| {
            json!({"address": format!("aws_subnet.s{index}"), "change": {"actions": actions, "before": null, "after": {"cidr": "10.0.0.0/24"}}})
        })
        .collect();
    json!({"format_version": "1.2", "resource_changes": changes}).to_string()
}

fn state(serial: u64) -> String {
    json!({"version": 4, "serial": serial, "lineage": "one"}).to_string()
}

impl Infrastructure {
    /// A module whose plan is this; `more` comes before what is recorded here.
    fn of(shown: String, more: Vec<Recording>) -> Self {
        let (module, tool) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(module.path().join("main.tf"), "resource \"aws_subnet\" \"s\" {}").unwrap();
        let mut calls = more;
        calls.extend([
            call("init -input=false -no-color", ""),
            call("validate -no-color", ""),
            at("applied", call("state pull", state(8))),
            at("half", call("state pull", state(8))),
            call("state pull", state(7)),
            Recording {
                writes: [("paramedic.tfplan".to_owned(), "the plan".to_owned())].into(),
                ..call("plan * -out=paramedic.tfplan", "Plan: 14 to add, 0 to change, 0 to destroy.\n")
            },
            call("show -json -no-color paramedic.tfplan", shown),
            Recording {
                then: Some("applied".into()),
                ..call("apply -input=false -no-color -lock-timeout=30s paramedic.tfplan", "")
            },
            at("applied", call("plan * -detailed-exitcode", "")),
            Recording {
                exits: 2,
                ..call("plan * -detailed-exitcode", "")
            },
            call(
                "output -json -no-color",
                r#"{"vpc_id": {"sensitive": false, "value": "vpc-1"}, "key": {"sensitive": true, "value": "s3cr3t"}}"#,
            ),
        ]);
        let recorded = Recorded {
            tools: [("terraform".to_owned(), calls)].into(),
        };
        let commands = recorded.install(tool.path()).unwrap();
        Self {
            module,
            _tool: tool,
            commands,
        }
    }

    async fn story(&self) -> Story {
        let module = Module {
            name: "infra/vpc".into(),
            folder: self.module.path().into(),
            workspace: "default".into(),
            program: self.commands.tool("terraform").display().to_string(),
            variables: Vec::new(),
            secrets_folder: std::path::PathBuf::new(),
            plugin_cache: std::path::PathBuf::new(),
        };
        let stage = stage(|config| config.modules.push(module), Vec::new()).await;
        Story::of(stage, &[("apply", "terraform_apply", json!({"module": "infra/vpc"}), &[])]).await
    }

    fn applied(&self) -> usize {
        self.commands.calls().iter().filter(|call| call.contains(" apply ")).count()
    }
}

fn saved(story: &Story) -> SavedPlan {
    match &story.plan.steps[0].change {
        Change::Call(Call::Apply(plan)) => plan.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_approved_plan_is_applied_once_whoever_dies() {
    let infrastructure = Infrastructure::of(plan(&["create"], 14), Vec::new());
    let mut story = infrastructure.story().await;
    let plan = saved(&story);
    assert_eq!(plan.summary(), "14 to create");
    assert_eq!(plan.dry_run, DryRun::Accepted { warnings: Vec::new() });
    assert_eq!((plan.bound.as_ref().unwrap().serial, infrastructure.applied()), (7, 0));
    let summary = story.despite_deaths(0, Direction::Forward).await;
    assert!(summary.contains("14 to create; another plan shows no change"), "{summary}");
    assert_eq!(infrastructure.applied(), 1, "{:?}", infrastructure.commands.calls());
    assert_eq!(story.kept("outputs.json").await, json!({"vpc_id": "vpc-1", "key": "(sensitive)"}));
    story.cancel().await;
    let said = story.despite_deaths(0, Direction::Undo).await;
    assert!(said.contains("stays"), "{said}");
    assert!(!infrastructure.commands.calls().iter().any(|call| call.contains("destroy")));
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_destroys_or_is_not_what_was_printed_is_shown_and_refused() {
    for (shown, wanted) in [
        (plan(&["delete"], 1), "the plan destroys aws_subnet.s0"),
        (plan(&["create"], 12), "printed 14 to add"),
        (plan(&["no-op"], 14), "printed 14 to add"),
        ("{}".into(), "format \"\""),
        ("no JSON".into(), "not JSON"),
    ] {
        let infrastructure = Infrastructure::of(shown, Vec::new());
        let story = infrastructure.story().await;
        let change = &story.plan.steps[0].change;
        assert!(change.rejected().is_some_and(|why| why.contains(wanted)), "{change:?}");
        assert_eq!(saved(&story).bound, None, "nothing is kept that could be applied");
        let (kind, _, _) = story.fails().await;
        assert_ne!(kind, FailureKind::Transient);
        assert_eq!(infrastructure.applied(), 0);
        story.stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_file_that_was_changed_after_the_approval_is_not_applied() {
    let infrastructure = Infrastructure::of(plan(&["create"], 14), Vec::new());
    let story = infrastructure.story().await;
    let file = saved(&story).bound.unwrap().file;
    let blobs = story.stage.kit.bus.blobs(paramedic_bus::streams::ARTIFACTS).await.unwrap();
    blobs.put(&format!("plan-files/{file}"), "another plan".into()).await.unwrap();
    let (kind, effect, message) = story.fails().await;
    assert_eq!((kind, effect), (FailureKind::Drift, Effect::None), "{message}");
    assert!(message.contains("changed after it was approved"), "{message}");
    assert_eq!(infrastructure.applied(), 0);
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_or_a_state_that_changed_after_the_approval_stop_it() {
    let infrastructure = Infrastructure::of(plan(&["create"], 14), Vec::new());
    let story = infrastructure.story().await;
    std::fs::write(infrastructure.module.path().join("more.tf"), "resource \"aws_vpc\" \"v\" {}").unwrap();
    let (kind, _, message) = story.fails().await;
    assert!(kind == FailureKind::Drift && message.contains("no longer those"), "{message}");
    std::fs::remove_file(infrastructure.module.path().join("more.tf")).unwrap();
    infrastructure.commands.enter("half").unwrap();
    let again = story.item(0, Direction::Forward, 2).await;
    match story.work(&again, "two").await {
        StepState::Failed { kind, message, .. } => {
            assert_eq!(kind, FailureKind::Drift, "{message}");
            assert!(
                message.contains("was 7 and is 8") && message.contains("somebody changed"),
                "{message}"
            );
        }
        state => panic!("{state:?}"),
    }
    assert_eq!(infrastructure.applied(), 0);
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_apply_is_reported_and_never_tried_again() {
    let breaks = Recording {
        then: Some("half".into()),
        exits: 1,
        complains: "Error: creating EC2 Subnet: quota exceeded".into(),
        ..call("apply *", "")
    };
    let infrastructure = Infrastructure::of(plan(&["create"], 14), vec![breaks]);
    let story = infrastructure.story().await;
    let (kind, effect, message) = story.fails().await;
    assert_eq!((kind, effect), (FailureKind::Permanent, Effect::Unknown), "{message}");
    assert!(
        message.contains("quota exceeded") && message.contains("a part of it was applied"),
        "{message}"
    );
    let again = story.item(0, Direction::Forward, 2).await;
    let state = story.work(&again, "two").await;
    assert!(matches!(&state, StepState::Failed { .. }), "{state:?}");
    assert_eq!(infrastructure.applied(), 1, "{:?}", infrastructure.commands.calls());
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_died_before_its_state_was_written_is_not_made_again() {
    let breaks = Recording {
        exits: 1,
        complains: "Error: connection to the provider lost".into(),
        ..call("apply *", "")
    };
    let infrastructure = Infrastructure::of(plan(&["create"], 14), vec![breaks]);
    let story = infrastructure.story().await;
    let item = story.item(0, Direction::Forward, 1).await;
    story.dies(&item, "step_failed").await;
    assert_eq!(infrastructure.applied(), 1);
    match story.work(&item, "successor").await {
        StepState::Failed { kind, message, .. } => {
            assert_eq!(kind, FailureKind::Drift, "{message}");
            assert!(message.contains("did not live to say"), "{message}");
        }
        state => panic!("{state:?}"),
    }
    assert_eq!(infrastructure.applied(), 1, "{:?}", infrastructure.commands.calls());
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_planned_is_said() {
    let fails = Recording {
        exits: 1,
        complains: "Error: Invalid provider configuration password=hunter2hunter2".into(),
        ..call("init *", "")
    };
    let infrastructure = Infrastructure::of(plan(&["create"], 14), vec![fails]);
    let story = infrastructure.story().await;
    let why = story.plan.steps[0].change.rejected().unwrap_or_default().to_owned();
    assert!(
        why.contains("infra/vpc cannot be planned") && why.contains("Invalid provider"),
        "{why}"
    );
    assert!(!why.contains("hunter2"), "{why}");
    story.stage.end().await;
}
