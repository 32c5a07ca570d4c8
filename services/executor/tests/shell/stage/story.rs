//! A plan whose steps are run one by one, with workers that die and messages that come again.

use std::{collections::BTreeMap, io::Write as _};

use paramedic_bus::consume::Verdict;
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    event::{Direction, Event},
    plan::Plan,
    workflow::StepState,
};
use paramedic_executor::Config;
use paramedic_runtime::Clock;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::{
    Stage,
    faults::losing,
    hand::Item,
    recommended::{Wanted, propose},
};

pub(crate) struct Story {
    pub(crate) stage: Stage,
    pub(crate) plan: Plan,
    deaths: usize,
}

/// A firing alert with these labels.
pub(crate) fn alert(labels: &[(&str, &str)]) -> Alert {
    let labels: BTreeMap<String, String> = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Alert {
        fingerprint: labels.values().cloned().collect::<Vec<_>>().join("-"),
        status: AlertStatus::Firing,
        labels,
        annotations: BTreeMap::new(),
        starts_at: "2026-11-22T09:50:00Z".parse().unwrap(),
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    }
}

/// A stage on which time passes as everywhere: outside systems have clocks of their own.
pub(crate) async fn stage(configure: impl FnOnce(&mut Config), alerts: Vec<Alert>) -> Stage {
    let mut stage = Stage::start().await;
    configure(&mut stage.config);
    stage.config.poll_seconds = 1;
    stage.config.validate().unwrap();
    stage.kit.clock = Clock::system();
    stage.alerts = alerts;
    stage.open().await;
    stage
}

/// A file with a token.
pub(crate) fn token() -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"t0ken\n").unwrap();
    file
}

impl Story {
    /// The plan of these steps, proposed and approved.
    pub(crate) async fn of(stage: Stage, wanted: &[Wanted]) -> Self {
        let plan = propose(&stage, wanted).await;
        stage.approve().await;
        Self::proposed(stage, plan)
    }

    /// A plan that was proposed and approved already.
    pub(crate) fn proposed(stage: Stage, plan: Plan) -> Self {
        Self { stage, plan, deaths: 0 }
    }

    /// One attempt at a step.
    pub(crate) async fn item(&self, step: usize, direction: Direction, attempt: u32) -> Item {
        self.stage.item(&self.plan, step, direction, attempt).await
    }

    /// Makes the attempt.
    pub(crate) async fn work(&self, item: &Item, worker: &str) -> StepState {
        let worker = self.stage.worker(&self.stage.kit, worker).await;
        assert_eq!(worker.handle(item).await, Verdict::Done);
        self.state_of(item).await
    }

    async fn state_of(&self, item: &Item) -> StepState {
        self.stage.incident().await.step_state(&item.step).unwrap().clone()
    }

    /// Runs a step: two workers die between the effect and the log, then one survives, and the message comes again.
    pub(crate) async fn despite_deaths(&mut self, step: usize, direction: Direction) -> String {
        let (lost, expected) = match direction {
            Direction::Forward => ("step_succeeded", StepState::Succeeded),
            Direction::Undo => ("step_undone", StepState::Undone),
        };
        let item = self.item(step, direction, 1).await;
        for _ in 0..2 {
            self.deaths += 1;
            self.dies(&item, lost).await;
        }
        for delivery in 1..3 {
            let state = self.work(&item, &format!("survivor-{}-{delivery}", self.deaths)).await;
            assert_eq!(state, expected, "{}", self.stage.transcript().await);
        }
        let id = &self.plan.steps[step].id;
        self.stage.incident().await.run.unwrap().steps[id].summary.clone()
    }

    /// A worker dies between the effect and the event that tells of it.
    pub(crate) async fn dies(&self, item: &Item, lost: &'static str) {
        let name = format!("doomed-{}", self.deaths);
        let doomed = self.stage.worker(&losing(&self.stage.kit, lost), &name).await;
        let verdict = doomed.handle(item).await;
        assert!(
            matches!(verdict, Verdict::Reject { .. }),
            "{verdict:?}\n{}",
            self.stage.transcript().await
        );
    }

    /// Somebody cancels, so that effects are undone.
    pub(crate) async fn cancel(&self) {
        let cancelled = Event::IncidentCancelled {
            by: "ada@example.com".into(),
            reason: "not today".into(),
        };
        self.stage.append(vec![cancelled]).await;
    }

    /// Runs the first step to its success.
    pub(crate) async fn succeeds(&self) -> String {
        let item = self.item(0, Direction::Forward, 1).await;
        let state = self.work(&item, "one").await;
        assert_eq!(state, StepState::Succeeded, "{}", self.stage.transcript().await);
        self.stage.incident().await.run.unwrap().steps[&self.plan.steps[0].id]
            .summary
            .clone()
    }

    /// Runs the first step and answers why it failed.
    pub(crate) async fn fails(&self) -> (paramedic_domain::fault::FailureKind, paramedic_domain::fault::Effect, String) {
        let item = self.item(0, Direction::Forward, 1).await;
        match self.work(&item, "one").await {
            StepState::Failed { kind, message, .. } => {
                let run = self.stage.incident().await.run.unwrap();
                let effect = if run.effects.is_empty() {
                    paramedic_domain::fault::Effect::None
                } else {
                    paramedic_domain::fault::Effect::Unknown
                };
                (kind, effect, message)
            }
            state => panic!("{state:?}\n{}", self.stage.transcript().await),
        }
    }

    /// A file that the first step kept.
    pub(crate) async fn kept(&self, end: &str) -> Value {
        let run = self.stage.incident().await.run.unwrap();
        let artifacts = &run.steps[&self.plan.steps[0].id].artifacts;
        let artifact = artifacts
            .iter()
            .find(|artifact| artifact.name.ends_with(end))
            .unwrap_or_else(|| panic!("no {end} in {artifacts:?}"));
        let blobs = self.stage.kit.bus.blobs(paramedic_bus::streams::ARTIFACTS).await.unwrap();
        serde_json::from_slice(&blobs.get(&artifact.name).await.unwrap().unwrap()).unwrap()
    }
}
