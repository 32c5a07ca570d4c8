//! Whoever is not the product: Alertmanager, which posts until it is heard; an engine that diagnoses; people who answer.

use std::time::Duration;

use paramedic_bus::IncidentLog;
use paramedic_domain::{approval::GateState, event::Event, incident::Incident, workflow::StepState};
use paramedic_runtime::Clock;
use paramedic_tests::{Product, Range, TOKEN};
use serde_json::Value;

use super::{
    seen::{Seen, namespace},
    tales::{Kind, Tale},
};

/// Pause before somebody who was not heard says it again.
const PATIENCE: Duration = Duration::from_millis(300);

/// Everybody around the product.
pub(crate) struct People<'a> {
    pub(crate) tales: &'a [Tale],
    pub(crate) range: &'a Range,
    pub(crate) seen: &'a Seen,
    pub(crate) log: IncidentLog,
    pub(crate) console: &'a Product,
    pub(crate) gateway: String,
    pub(crate) approval: String,
    pub(crate) executors: Vec<String>,
}

impl People<'_> {
    /// Posts every webhook until it is taken.
    pub(crate) async fn alert(&self, webhooks: &[Value]) {
        let client = reqwest::Client::new();
        for webhook in webhooks {
            let taken = async || {
                let url = format!("{}/api/v1/alerts/alertmanager", self.gateway);
                let answer = client.post(url).bearer_auth(TOKEN).json(webhook).send().await;
                answer.is_ok_and(|answer| answer.status().is_success())
            };
            while !taken().await {
                self.seen.changed(PATIENCE).await;
            }
        }
    }

    /// Diagnoses, decides and speaks for ever; nobody waits for the others.
    pub(crate) async fn answer(&self) {
        let engine = async {
            loop {
                for (incident, tale) in self.told() {
                    self.diagnose(&incident, tale).await;
                }
                self.seen.changed(PATIENCE).await;
            }
        };
        let approver = async {
            loop {
                for incident in self.seen.incidents() {
                    self.decide(&incident).await;
                }
                self.seen.changed(PATIENCE).await;
            }
        };
        let operator = async {
            loop {
                for (incident, tale) in self.told() {
                    self.speak(&incident, tale).await;
                }
                self.seen.changed(PATIENCE).await;
            }
        };
        futures::future::join3(engine, approver, operator).await;
    }

    /// The incidents of the tales.
    fn told(&self) -> Vec<(Incident, &Tale)> {
        let tale = |incident: &Incident| self.tales.iter().find(|tale| tale.team == namespace(incident));
        let incidents = self.seen.incidents().into_iter();
        incidents
            .filter_map(|incident| tale(&incident).map(|tale| (incident, tale)))
            .collect()
    }

    async fn diagnose(&self, incident: &Incident, tale: &Tale) {
        let lacks = |incident: &Incident| {
            incident.attempt <= 1 && incident.diagnosis.is_none() && incident.plan.is_none() && incident.end.is_none()
        };
        if !lacks(incident) {
            return;
        }
        let clock = Clock::scaled(self.range.epoch(), self.range.speed);
        let missing = |incident: &Incident, _| {
            let reached = Event::DiagnosisReached {
                attempt: 1,
                diagnosis: Box::new(tale.diagnosis()),
            };
            match (lacks(incident), incident.attempt) {
                (false, _) => Vec::new(),
                (true, 0) => vec![Event::AnalysisStarted { attempt: 1 }, reached],
                (true, _) => vec![reached],
            }
        };
        self.log
            .decide(&incident.cluster, &incident.id, None, &clock, missing)
            .await
            .unwrap();
    }

    /// Answers the first gate that waits. Whether it was heard shows in the log.
    async fn decide(&self, incident: &Incident) {
        let waits = |state: &GateState| matches!(state, GateState::Waiting { .. });
        let Some((gate, _)) = incident.gates.iter().find(|(_, state)| waits(state)) else {
            return;
        };
        let Some(asked) = incident.plan.as_ref().and_then(|plan| plan.gate(gate)) else {
            return;
        };
        let denied = self
            .tales
            .iter()
            .any(|tale| tale.kind == Kind::Denied && tale.team == namespace(incident));
        let digest = asked.digest.to_string();
        let arguments = [
            if denied { "deny" } else { "approve" },
            incident.id.as_str(),
            "--gate",
            gate.as_str(),
            "--digest",
            &digest,
            "--by",
            "ann",
            "--approval-server",
            &self.approval,
        ];
        self.console.command(&arguments).await.unwrap();
    }

    async fn speak(&self, incident: &Incident, tale: &Tale) {
        let Some(run) = incident.run.as_ref().filter(|run| run.ended.is_none()) else {
            return;
        };
        let begun = run.steps.values().any(|step| step.state == StepState::Succeeded);
        let at_work = run.steps.values().any(|step| matches!(step.state, StepState::Running { .. }));
        let word = match tale.kind {
            Kind::OutsideCancelled if (at_work || begun) && run.cancelled.is_none() => "cancel",
            Kind::Cancelled if begun && run.cancelled.is_none() => "cancel",
            Kind::Paused if run.paused.is_some() => "resume",
            Kind::Paused if begun && run.paused_for.is_zero() => "pause",
            _ => return,
        };
        for executor in &self.executors {
            let arguments = [
                "workflow",
                word,
                incident.id.as_str(),
                "--by",
                "bob",
                "--reason",
                "wants it so",
                "--executor",
                executor,
            ];
            if self.console.command(&arguments).await.unwrap().status.success() {
                return;
            }
        }
    }
}
