//! The workflows of a day: what is recommended for a team, what its people say, and how it has to end.

use paramedic_domain::{
    diagnosis::{Category, Diagnosis},
    event::WorkflowOutcome,
    object::ObjectRef,
    plan::Recommendation,
};
use serde_json::{Value, json};

use super::estate::{MISSING_IMAGE, NEW_IMAGE};

/// What goes on in a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Two looks side by side, then a rollout.
    Release,
    /// Three changes side by side.
    Tuning,
    /// Two changes, then a rollout that never gets done: all of it is put back.
    BadRelease,
    /// A request to an outside system before a change.
    Outside,
    /// The same, put back because a rollout never gets done.
    OutsideUndone,
    /// A person stops it while it waits: what was changed is put back.
    Cancelled,
    /// A person stops it while the outside system is being asked.
    OutsideCancelled,
    /// A person says no: nothing is changed.
    Denied,
    /// Pods are deleted one by one, and a workload is restarted.
    Restarts,
    /// A person stops it for a moment.
    Paused,
}

pub(crate) const KINDS: [Kind; 10] = [
    Kind::Release,
    Kind::Tuning,
    Kind::BadRelease,
    Kind::Outside,
    Kind::OutsideUndone,
    Kind::Cancelled,
    Kind::OutsideCancelled,
    Kind::Denied,
    Kind::Restarts,
    Kind::Paused,
];

/// A team and what happens there.
#[derive(Debug, Clone)]
pub(crate) struct Tale {
    pub(crate) team: String,
    pub(crate) kind: Kind,
}

impl Tale {
    /// One of each kind.
    pub(crate) fn all() -> Vec<Self> {
        let tale = |kind: Kind| Self {
            team: format!("team-{}", format!("{kind:?}").to_lowercase()),
            kind,
        };
        KINDS.map(tale).to_vec()
    }

    /// How its workflow has to end.
    pub(crate) fn end(&self) -> WorkflowOutcome {
        match self.kind {
            Kind::Release | Kind::Tuning | Kind::Outside | Kind::Restarts | Kind::Paused => WorkflowOutcome::Succeeded,
            Kind::BadRelease | Kind::OutsideUndone | Kind::Denied => WorkflowOutcome::RolledBack,
            Kind::Cancelled | Kind::OutsideCancelled => WorkflowOutcome::Cancelled,
        }
    }

    /// The webhook that Alertmanager would post.
    pub(crate) fn webhook(&self, starts_at: &str) -> Value {
        let labels = json!({"alertname": "TeamAlert", "namespace": self.team, "deployment": "api", "severity": "warning"});
        json!({"version": "4", "status": "firing", "receiver": "paramedic", "groupKey": format!("{{}}:{{team={:?}}}", self.team),
            "truncatedAlerts": 0, "groupLabels": {}, "commonLabels": labels, "commonAnnotations": {}, "externalURL": "http://alertmanager.example",
            "alerts": [{"status": "firing", "labels": labels, "annotations": {}, "startsAt": starts_at, "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "", "fingerprint": format!("{:016x}", 0x5a00 + self.kind as usize)}]})
    }

    /// What an engine would say about it.
    pub(crate) fn diagnosis(&self) -> Diagnosis {
        Diagnosis {
            category: Category::ChangeRequest,
            target: ObjectRef::new("apps/v1", "Deployment", Some(&self.team), "api"),
            confidence: 0.9,
            summary: format!("{:?} of {}", self.kind, self.team),
            causal_chain: Vec::new(),
            factors: Vec::new(),
            evidence: Vec::new(),
            missing_sources: Vec::new(),
            recommendations: self.recommendations(),
            options: Vec::new(),
            criteria: Vec::new(),
            engine: "campaign".into(),
            alternatives: Vec::new(),
            wrong_if: String::new(),
            timeline: Vec::new(),
            timeline_left_out: 0,
        }
    }

    fn recommendations(&self) -> Vec<Recommendation> {
        let api = self.on(json!({"deployment": "api"}));
        let image = |image: &str| {
            (
                "set_image",
                self.on(json!({"deployment": "api", "container": "api", "image": image})),
            )
        };
        let scale = ("scale", self.on(json!({"deployment": "worker", "replicas": 3})));
        let level = (
            "patch_config_map",
            self.on(json!({"configMap": "settings", "patch": {"LEVEL": "debug"}})),
        );
        let autoscale = ("update_hpa", self.on(json!({"hpa": "batch", "maxReplicas": 6})));
        let flush = ("flush_queue", json!({"queue": self.team}));
        let wait = |length: &str| ("wait", json!({"duration": length}));
        let healthy = ("health_check", api.clone());
        let told = ("notify_only", json!({"title": "done", "message": "the work is done"}));
        type Wanted = ((&'static str, Value), &'static [usize]);
        let steps: Vec<Wanted> = match self.kind {
            Kind::Release => vec![
                (("collect_diagnostics", api), &[]),
                (wait("20s"), &[]),
                (image(NEW_IMAGE), &[0, 1]),
                (healthy, &[2]),
                (told, &[3]),
            ],
            Kind::Tuning | Kind::Paused => vec![(level, &[]), (scale, &[]), (autoscale, &[]), (healthy, &[0, 1, 2]), (told, &[3])],
            Kind::BadRelease => vec![(level, &[]), (scale, &[0]), (image(MISSING_IMAGE), &[1]), (told, &[2])],
            Kind::Outside => vec![(flush, &[]), (scale, &[0]), (wait("10s"), &[]), (healthy, &[1, 2])],
            Kind::OutsideUndone => vec![(flush, &[]), (autoscale, &[0]), (image(MISSING_IMAGE), &[1])],
            Kind::Cancelled => vec![(level, &[]), (wait("15m"), &[0]), (scale, &[1])],
            Kind::OutsideCancelled => vec![(flush, &[]), (wait("15m"), &[0]), (scale, &[1])],
            Kind::Denied => vec![(level, &[]), (told, &[0])],
            Kind::Restarts => vec![
                (
                    ("restart_pod", self.on(json!({"deployment": "api", "strategy": "one-at-a-time"}))),
                    &[],
                ),
                (("rolling_restart", self.on(json!({"deployment": "worker"}))), &[0]),
                (healthy, &[1]),
            ],
        };
        let id = |index: usize| format!("rec-{:03}", index + 1).parse().unwrap();
        steps
            .into_iter()
            .enumerate()
            .map(|(index, ((action, parameters), dependencies))| Recommendation {
                id: id(index),
                action: action.to_owned(),
                description: String::new(),
                confidence: 0.9,
                parameters: parameters.as_object().unwrap().clone(),
                dependencies: dependencies.iter().map(|index| id(*index)).collect(),
                rationale: String::new(),
                risk: None,
                requires_approval: None,
            })
            .collect()
    }

    fn on(&self, mut parameters: Value) -> Value {
        parameters["namespace"] = json!(self.team);
        parameters
    }
}
