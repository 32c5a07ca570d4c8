//! A pretend executor: changes with the shape of real ones, merged within a batch as the real one merges.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use json_patch::Patch;
use paramedic_domain::{
    change::{Call, Change, Confirm, Deletion, DryRun, Exec, FieldChange, Matchers, Notice, ObjectPatch, Silence, Wait},
    id::{PlanId, StepId},
    object::ObjectRef,
    plan::{Plan, Recommendation, Refusal, Rollback},
    policy::Mode,
    risk::Context,
};
use paramedic_policy::{About, Policy};
use serde_json::{Value, json};

use crate::core::{
    arrange::{Scene, arrange},
    assemble::{Brief, Parts, assemble},
    catalogue::{Catalogue, Known},
    contradict,
    experience::Experience,
    graph::Graph,
    outline::{Outline, Prepared, outline},
    rules::Rules,
    validate::validate,
    verify,
};

pub(crate) fn id(text: &str) -> StepId {
    text.parse().unwrap()
}

pub(crate) fn workload(name: &str) -> ObjectRef {
    ObjectRef {
        uid: Some(format!("uid-{name}")),
        ..ObjectRef::new("apps/v1", "Deployment", Some("production"), name)
    }
}

pub(crate) fn recommendation(name: &str, action: &str, dependencies: &[&str]) -> Recommendation {
    with(name, action, dependencies, json!({}))
}

pub(crate) fn with(name: &str, action: &str, dependencies: &[&str], parameters: Value) -> Recommendation {
    serde_json::from_value(json!({"id": name, "action": action, "dependencies": dependencies, "parameters": parameters})).unwrap()
}

pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// The defaults of the program.
pub(crate) fn rules() -> Rules {
    crate::config::defaults().rules()
}

pub(crate) fn catalogue() -> Catalogue {
    let known = |name: &str, aliases: &[&str], properties: Value| Known {
        name: name.into(),
        aliases: aliases.iter().map(|alias| (*alias).into()).collect(),
        schema: json!({"type": "object", "properties": properties}),
    };
    let plain = [
        "collect_diagnostics",
        "backup_data",
        "increase_resources",
        "set_resources",
        "restart_pod",
        "enable_debug_mode",
        "template_of_other",
        "update_hpa",
        "scale",
        "cordon",
        "uncordon",
        "suspend",
        "resume",
        "delete_pod",
        "patch_config_map",
        "silence_alerts",
        "notify_only",
        "rollback_deployment",
    ];
    let mut actions: Vec<Known> = plain.iter().map(|name| known(name, &[], json!({}))).collect();
    actions.push(known("rolling_restart", &["rolling_restart_pods", "restart_deployment"], json!({})));
    actions.push(known(
        "health_check",
        &["check_health"],
        json!({"namespace": {}, "deployment": {}, "statefulset": {}}),
    ));
    Catalogue { actions }
}

/// What an action of the pretend catalogue changes: the object, whether that is its template, the path and the value.
fn touches(step: &Recommendation) -> Option<(ObjectRef, bool, String, Value)> {
    let text = |name: &str, default: &str| step.parameters.get(name).and_then(Value::as_str).unwrap_or(default).to_owned();
    let value = |name: &str, default: Value| step.parameters.get(name).cloned().unwrap_or(default);
    let deployment = workload(&text("deployment", "payment-service"));
    let container = "/spec/template/spec/containers/0".to_owned();
    let node = || ObjectRef::new("v1", "Node", None, &text("node", "worker-1"));
    let job = || ObjectRef::new("batch/v1", "CronJob", Some("production"), &text("cronjob", "report"));
    Some(match step.action.as_str() {
        "increase_resources" | "set_resources" => (
            deployment,
            true,
            format!("{container}/resources"),
            json!({"limits": {"memory": value("memory", json!("3Gi"))}}),
        ),
        "restart_pod" | "rolling_restart" | "rolling_restart_pods" => (
            deployment,
            true,
            "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt".into(),
            json!(step.id),
        ),
        "rollback_deployment" => (deployment, true, format!("{container}/image"), json!("v1")),
        "enable_debug_mode" => (
            deployment,
            true,
            format!("{container}/args"),
            value("debug_flags", json!(["--debug"])),
        ),
        "template_of_other" => (workload("other"), true, format!("{container}/args"), json!(["x"])),
        "scale" => (deployment, false, "/spec/replicas".into(), value("replicas", json!(8))),
        "update_hpa" => (
            ObjectRef::new("autoscaling/v2", "HorizontalPodAutoscaler", Some("production"), "hpa"),
            false,
            "/spec/maxReplicas".into(),
            value("maxReplicas", json!(8)),
        ),
        "patch_config_map" => (
            ObjectRef::new("v1", "ConfigMap", Some(&text("namespace", "production")), "config"),
            false,
            "/data/POOL".into(),
            value("POOL", json!("200")),
        ),
        "cordon" => (node(), false, "/spec/unschedulable".into(), json!(true)),
        "uncordon" => (node(), false, "/spec/unschedulable".into(), json!(false)),
        "suspend" => (job(), false, "/spec/suspend".into(), json!(true)),
        "resume" => (job(), false, "/spec/suspend".into(), json!(false)),
        _ => return None,
    })
}

fn patch(target: &ObjectRef, path: &str, value: &Value) -> Change {
    Change::Patch(ObjectPatch {
        target: target.clone(),
        subresource: None,
        owner: None,
        patch: serde_json::from_value::<Patch>(json!([{"op": "replace", "path": path, "value": value}])).unwrap(),
        undo: serde_json::from_value(json!([{"op": "replace", "path": path, "value": "old"}])).unwrap(),
        irreversible: None,
        diff: vec![FieldChange {
            path: path.into(),
            from: Some("old".into()),
            to: Some(value.to_string()),
        }],
        dry_run: DryRun::Accepted { warnings: Vec::new() },
        wait: Wait::Rollout,
    })
}

fn change(step: &Recommendation) -> Prepared {
    let touched = touches(step);
    let change = match (step.action.as_str(), &touched) {
        (_, Some((target, _, path, value))) => patch(target, path, value),
        ("delete_pod", None) => Change::Delete(Deletion {
            target: ObjectRef::new("v1", "Pod", Some("production"), "payment-service-1"),
            owner: Some(workload("payment-service")),
            dry_run: DryRun::Accepted { warnings: Vec::new() },
            restore: None,
            ended: None,
        }),
        ("backup_data", None) => Change::Exec(Exec {
            target: match step.parameters.get("pod") {
                Some(pod) => ObjectRef::new("v1", "Pod", Some("production"), pod.as_str().unwrap()),
                None => workload("payment-service"),
            },
            container: String::new(),
            argv: vec!["tar".into()],
        }),
        ("silence_alerts", None) => Change::Call(Call::Silence(Silence {
            matchers: vec![Matchers {
                labels: BTreeMap::from([("alertname".into(), "Down".into())]),
            }],
            lasts: Duration::from_secs(300),
            comment: "recovering".into(),
        })),
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
            production: true,
            template_change: touched.is_some_and(|(_, template, ..)| template),
            ..Context::default()
        },
        timeout: Duration::from_secs(60),
        lasts: None,
        typical: Some(Duration::from_secs(10)),
    }
}

/// Prepares a batch: items of one template are merged into the first of them.
pub(crate) fn prepare(batch: &[StepId], all: &[Recommendation]) -> BTreeMap<StepId, Prepared> {
    let mut carriers: Vec<(ObjectRef, StepId)> = Vec::new();
    let mut prepared = BTreeMap::new();
    for id in batch {
        let step = all.iter().find(|r| r.id == *id).unwrap();
        let mut own = change(step);
        if let Some((target, true, ..)) = touches(step) {
            if let Some((_, by)) = carriers.iter().find(|(of, _)| *of == target) {
                let expect = if step.action.contains("restart") {
                    Confirm::RolledOut
                } else {
                    Confirm::InTemplate
                };
                own.change = Change::Carried {
                    by: by.clone(),
                    expect,
                    part: None,
                };
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

/// A set of recommendations in a setting.
pub(crate) struct Case {
    pub(crate) recommendations: Vec<Recommendation>,
    pub(crate) confidence: f64,
    pub(crate) mode: Mode,
    /// What the API server says to every dry run, if it refuses them.
    pub(crate) rejected: Option<String>,
    /// What is at fault.
    pub(crate) root: Option<ObjectRef>,
    pub(crate) experience: Experience,
}

impl Case {
    pub(crate) fn of(recommendations: Vec<Recommendation>) -> Self {
        Self {
            recommendations,
            confidence: 0.9,
            mode: Mode::Standard,
            rejected: None,
            root: None,
            experience: Experience::default(),
        }
    }

    fn scene<'a>(&'a self, survey: &'a BTreeMap<StepId, Prepared>, catalogue: &'a Catalogue) -> Scene<'a> {
        Scene {
            survey,
            recommendations: &self.recommendations,
            catalogue,
            root: self.root.as_ref(),
        }
    }

    pub(crate) fn graph(&self) -> Graph {
        validate(&self.recommendations, &rules(), &catalogue()).unwrap()
    }

    pub(crate) fn outline(&self) -> (Outline, Vec<String>) {
        let mut graph = self.graph();
        let survey = prepare(&graph.order(), &self.recommendations);
        let notes = arrange(&mut graph, &self.scene(&survey, &catalogue()));
        (outline(graph, &survey), notes)
    }

    /// What contradicts what, as one text.
    pub(crate) fn contradictions(&self) -> Vec<String> {
        let graph = self.graph();
        let survey = prepare(&graph.order(), &self.recommendations);
        let groups = self.outline().0.groups;
        let doubtful = contradict::doubtful(&groups, &self.recommendations, &catalogue());
        let own = |id: StepId| {
            let alone = prepare(std::slice::from_ref(&id), &self.recommendations).remove(&id).unwrap();
            (id, alone.change)
        };
        let own = doubtful.into_iter().map(own).collect();
        let refusals = contradict::refusals(&graph, &groups, &survey, &own);
        refusals.into_iter().map(|refusal| refusal.reason).collect()
    }

    /// Ids of the steps that the planner would add, by the actions it tries.
    pub(crate) fn added(&self) -> Vec<(StepId, Vec<String>)> {
        let (outline, _) = self.outline();
        let survey = prepare(&outline.graph.order(), &self.recommendations);
        let missing = verify::missing(&outline.graph, &self.scene(&survey, &catalogue()));
        missing
            .into_iter()
            .map(|candidates| (candidates[0].id.clone(), candidates.into_iter().map(|c| c.action).collect()))
            .collect()
    }

    pub(crate) fn plan(&self) -> Result<Plan, Vec<Refusal>> {
        let (outline, notes) = self.outline();
        let mut prepared: BTreeMap<StepId, Prepared> = BTreeMap::new();
        for batch in &outline.batches {
            prepared.extend(prepare(batch, &self.recommendations));
        }
        for step in prepared.values_mut() {
            if let (Change::Patch(patch), Some(message)) = (&mut step.change, &self.rejected) {
                patch.dry_run = DryRun::Rejected { message: message.clone() };
            }
        }
        let brief = Brief {
            plan: PlanId::derive(&["test"]),
            attempt: 1,
            about: About::preview("test".parse().unwrap(), self.confidence),
            policy: Arc::new(Policy::shipped()),
            mode: self.mode,
            recommendations: self.recommendations.clone(),
            criteria: Vec::new(),
            rollback: Rollback::Automatic,
            rules: rules(),
            cause: None,
            now: now(),
        };
        let parts = Parts {
            outline: &outline,
            prepared: &prepared,
            catalogue: &catalogue(),
            experience: &self.experience,
        };
        assemble(&brief, &parts, notes)
    }
}

pub(crate) fn set(actions: &[&str]) -> BTreeSet<String> {
    actions.iter().map(|action| (*action).to_owned()).collect()
}
