//! A pretend executor: changes with the shape of real ones, merged within a batch as the real one merges.

use std::{collections::BTreeMap, time::Duration};

use paramedic_domain::{
    change::{Change, Confirm, DryRun, Exec, FieldChange, Notice, ObjectPatch, Wait},
    id::{PlanId, StepId},
    object::ObjectRef,
    plan::{Plan, Recommendation, Refusal},
    policy::Mode,
    risk::Context,
};
use serde_json::json;

use crate::core::{
    assemble::{Brief, assemble},
    graph::Graph,
    outline::{Outline, Prepared, outline},
};

pub(super) fn id(text: &str) -> StepId {
    text.parse().unwrap()
}

pub(super) fn workload(name: &str) -> ObjectRef {
    ObjectRef {
        uid: Some(format!("uid-{name}")),
        ..ObjectRef::new("apps/v1", "Deployment", Some("production"), name)
    }
}

pub(super) fn recommendation(name: &str, action: &str, dependencies: &[&str]) -> Recommendation {
    serde_json::from_value(json!({"id": name, "action": action, "dependencies": dependencies})).unwrap()
}

/// The workload an action of the pretend catalogue changes, and whether that is its template.
pub(super) fn touches(action: &str) -> Option<(ObjectRef, bool)> {
    match action {
        "increase_resources" | "restart_pod" | "enable_debug_mode" => Some((workload("payment-service"), true)),
        "template_of_other" => Some((workload("other"), true)),
        "update_hpa" => Some((
            ObjectRef::new("autoscaling/v2", "HorizontalPodAutoscaler", Some("production"), "hpa"),
            false,
        )),
        _ => None,
    }
}

pub(super) fn patch(target: &ObjectRef, path: &str) -> Change {
    Change::Patch(ObjectPatch {
        target: target.clone(),
        patch: serde_json::from_value(json!([{"op": "replace", "path": path, "value": "new"}])).unwrap(),
        undo: serde_json::from_value(json!([{"op": "replace", "path": path, "value": "old"}])).unwrap(),
        diff: vec![FieldChange {
            path: path.into(),
            from: Some("old".into()),
            to: Some("new".into()),
        }],
        dry_run: DryRun::Accepted { warnings: Vec::new() },
        wait: Wait::Rollout,
    })
}

fn change(step: &Recommendation, production: bool) -> Prepared {
    let touched = touches(&step.action);
    let change = match (step.action.as_str(), &touched) {
        (_, Some((target, _))) => patch(target, &format!("/spec/{}", step.id)),
        ("backup_data", None) => Change::Exec(Exec {
            target: workload("payment-service"),
            container: String::new(),
            argv: vec!["tar".into()],
        }),
        ("notify_only", None) => Change::Notify(Notice {
            title: "t".into(),
            body: "b".into(),
            attachments: Vec::new(),
        }),
        (_, None) => Change::Read {
            what: "state".into(),
            targets: Vec::new(),
        },
    };
    Prepared {
        read_only: change.read_only(),
        mutates: change.mutates(),
        change,
        context: Context {
            replicas: Some(4),
            production,
            template_change: touched.is_some_and(|(_, template)| template),
            ..Context::default()
        },
        timeout: Duration::from_secs(60),
    }
}

/// Prepares a batch: items of one template are merged into the first of them.
pub(super) fn prepare(batch: &[StepId], all: &[Recommendation], production: bool) -> BTreeMap<StepId, Prepared> {
    let mut carriers: Vec<(ObjectRef, StepId)> = Vec::new();
    let mut prepared = BTreeMap::new();
    for id in batch {
        let step = all.iter().find(|r| r.id == *id).unwrap();
        let mut own = change(step, production);
        if let Some((target, true)) = touches(&step.action) {
            if let Some((_, by)) = carriers.iter().find(|(of, _)| *of == target) {
                let expect = if step.action == "restart_pod" {
                    Confirm::RolledOut
                } else {
                    Confirm::InTemplate
                };
                own.change = Change::Carried { by: by.clone(), expect };
                own.read_only = true;
                own.mutates = false;
            } else {
                carriers.push((target, id.clone()));
            }
        }
        prepared.insert(id.clone(), own);
    }
    prepared
}

pub(super) struct Case {
    pub(super) recommendations: Vec<Recommendation>,
    pub(super) confidence: f64,
    pub(super) mode: Mode,
    /// What the API server says to every dry run, if it refuses them.
    pub(super) rejected: Option<String>,
}

impl Case {
    pub(super) fn outline(&self) -> Outline {
        let pairs: Vec<_> = self
            .recommendations
            .iter()
            .map(|r| (r.id.clone(), r.dependencies.clone()))
            .collect();
        let graph = Graph::new(&pairs).unwrap();
        let survey = prepare(&graph.order(), &self.recommendations, true);
        outline(graph, &survey)
    }

    pub(super) fn plan(&self) -> Result<Plan, Vec<Refusal>> {
        let outline = self.outline();
        let mut prepared: BTreeMap<StepId, Prepared> = BTreeMap::new();
        for batch in &outline.batches {
            prepared.extend(prepare(batch, &self.recommendations, true));
        }
        for step in prepared.values_mut() {
            if let (Change::Patch(patch), Some(message)) = (&mut step.change, &self.rejected) {
                patch.dry_run = DryRun::Rejected { message: message.clone() };
            }
        }
        let brief = Brief {
            plan: PlanId::derive(&["test"]),
            attempt: 1,
            confidence: self.confidence,
            mode: self.mode,
            recommendations: self.recommendations.clone(),
            criteria: Vec::new(),
        };
        assemble(&brief, &outline, &prepared, Vec::new())
    }
}
