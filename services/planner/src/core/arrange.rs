//! Order that the recommendations forgot: the cause before what depends on it, evidence before it is destroyed, silence
//! before the noise.

use std::collections::BTreeMap;

use paramedic_domain::{
    change::{Call, Change},
    id::StepId,
    object::ObjectRef,
    plan::Recommendation,
};

use super::{
    catalogue::Catalogue,
    graph::Graph,
    outline::{Prepared, templates},
};

/// Actions that keep what a restart destroys.
const KEEPERS: [&str; 2] = ["collect_diagnostics", "backup_data"];

/// What the order is decided on.
pub struct Scene<'a> {
    /// A first preparation of every step.
    pub survey: &'a BTreeMap<StepId, Prepared>,
    /// The steps as recommended.
    pub recommendations: &'a [Recommendation],
    /// Names of actions.
    pub catalogue: &'a Catalogue,
    /// The object at fault, if a diagnosis named one.
    pub root: Option<&'a ObjectRef>,
}

/// Adds the order to `graph`; says in sentences what was changed.
#[must_use]
pub fn arrange(graph: &mut Graph, scene: &Scene<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    silence_first(graph, scene, &mut notes);
    evidence_first(graph, scene, &mut notes);
    cause_first(graph, scene, &mut notes);
    notes
}

impl Scene<'_> {
    fn steps(&self, fits: impl Fn(&StepId, &Prepared) -> bool) -> Vec<StepId> {
        let fitting = self.survey.iter().filter(|(id, prepared)| fits(id, prepared));
        fitting.map(|(id, _)| id.clone()).collect()
    }

    /// Whether the step changes the cluster, itself or inside of another step's patch.
    fn disturbs(&self, id: &StepId) -> bool {
        self.survey
            .get(id)
            .is_some_and(|prepared| prepared.changes_cluster() || matches!(prepared.change, Change::Carried { .. }))
    }

    fn keeps_evidence(&self, id: &StepId) -> bool {
        let action = self.recommendations.iter().find(|r| r.id == *id).map(|r| r.action.as_str());
        action.is_some_and(|action| KEEPERS.contains(&self.catalogue.canonical(action)))
    }
}

/// A silence that starts after the change whose alerts it should cover covers nothing.
fn silence_first(graph: &mut Graph, scene: &Scene<'_>, notes: &mut Vec<String>) {
    let silences = scene.steps(|_, prepared| matches!(prepared.change, Change::Call(Call::Silence(_))));
    let changes = scene.steps(|id, _| scene.disturbs(id));
    for silence in &silences {
        let late: Vec<StepId> = graph
            .order()
            .into_iter()
            .filter(|id| changes.contains(id) && graph.waits(silence, id))
            .collect();
        for dependency in graph.dependencies(silence) {
            if late.contains(&dependency) || late.iter().any(|change| graph.waits(&dependency, change)) {
                graph.unchain(&dependency, silence);
                let quiet: Vec<StepId> = graph
                    .ancestors(&dependency)
                    .into_iter()
                    .filter(|id| !changes.contains(id) && !late.iter().any(|change| graph.waits(id, change)))
                    .collect();
                for before in &quiet {
                    // the others follow through these
                    if !quiet.iter().any(|other| graph.waits(other, before)) {
                        graph.chain(before, silence);
                    }
                }
            }
        }
        for change in &changes {
            // what waits for a first change waits for the silence through it
            if !changes.iter().any(|other| graph.waits(change, other)) {
                graph.chain(silence, change);
            }
        }
        if let Some(first) = late.first() {
            notes.push(format!(
                "{silence} was to start only after {first}, whose alerts it should silence: it starts before the change now"
            ));
        }
    }
}

/// Diagnostics and backups come before what ends pods.
fn evidence_first(graph: &mut Graph, scene: &Scene<'_>, notes: &mut Vec<String>) {
    let keepers = scene.steps(|id, _| scene.keeps_evidence(id));
    let destroyers = scene.steps(|_, prepared| prepared.ends_pods());
    let mut bare = Vec::new();
    for destroyer in &destroyers {
        for keeper in &keepers {
            if !graph.waits(destroyer, keeper) && !graph.waits(keeper, destroyer) && graph.chain(keeper, destroyer) {
                notes.push(format!(
                    "{destroyer} waits for {keeper}: what it keeps would be lost with the old pods"
                ));
            }
        }
        if !keepers.iter().any(|keeper| graph.waits(destroyer, keeper)) {
            bare.push(destroyer.as_str());
        }
    }
    if !bare.is_empty() {
        notes.push(format!(
            "nothing collects diagnostics before {}: logs, memory and events of the old pods are lost with them",
            bare.join(", ")
        ));
    }
}

/// Other workloads are restarted after the object at fault is mended.
fn cause_first(graph: &mut Graph, scene: &Scene<'_>, notes: &mut Vec<String>) {
    let Some(root) = scene.root else { return };
    let templates = templates(scene.survey);
    let on_root = |id: &StepId, prepared: &Prepared| {
        let own = prepared.change.lease_targets();
        own.into_iter().chain(templates.get(id)).any(|object| object.same_object(root))
    };
    let fixes = scene.steps(on_root);
    let others = scene.steps(|id, prepared| prepared.ends_pods() && !on_root(id, prepared));
    for other in &others {
        for fix in &fixes {
            if !graph.waits(other, fix) && !graph.waits(fix, other) && graph.chain(fix, other) {
                notes.push(format!(
                    "{other} waits for {fix}: {root} is at fault and is mended before what depends on it is restarted"
                ));
            }
        }
    }
}
