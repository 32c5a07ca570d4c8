//! From recommendations to a plan, with the questions to the executor and to the record in between.

use std::collections::BTreeMap;

use paramedic_domain::{
    change::{Change, ObjectPatch, Operation},
    id::{ClusterId, StepId},
    plan::{Plan, Recommendation, Refusal},
};

use super::{
    executor::{Answer, Error, Preparation, Preparer},
    records::Records,
};
use crate::core::{
    arrange::{Scene, arrange},
    assemble::{Brief, Parts, assemble},
    catalogue::Catalogue,
    contradict,
    cooldown::Intent,
    detour,
    experience::{self, Experience},
    graph::Graph,
    outline::{self, Outline, Prepared, outline},
    validate::validate,
    verify,
};

/// Who is asked while a plan is made.
pub struct Maker<'a> {
    /// Exact changes.
    pub executor: &'a dyn Preparer,
    /// What was measured before.
    pub records: &'a Records,
    /// For which cluster.
    pub cluster: &'a ClusterId,
}

enum Stop {
    Refused(Vec<Refusal>),
    Unreachable(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::Unreachable(reason) => Self::Unreachable(reason),
            Error::Refused(reason) => Self::Refused(vec![Refusal { step: None, reason }]),
        }
    }
}

impl From<paramedic_bus::Error> for Stop {
    fn from(error: paramedic_bus::Error) -> Self {
        Self::Unreachable(error.to_string())
    }
}

/// What the executor said about some steps: changes, refusals, notes.
#[derive(Default)]
struct Batch {
    prepared: BTreeMap<StepId, Prepared>,
    refusals: Vec<Refusal>,
    notes: Vec<String>,
}

impl Maker<'_> {
    /// Makes a plan. The inner result is the outcome: a plan, or everything that stands against it.
    ///
    /// # Errors
    /// When the executor (or the cluster behind it) or the bus cannot be reached: asking again later may help.
    pub async fn make(&self, brief: &Brief) -> Result<Result<Plan, Vec<Refusal>>, String> {
        match self.attempt(brief).await {
            Ok(plan) => Ok(Ok(plan)),
            Err(Stop::Refused(refusals)) => Ok(Err(refusals)),
            Err(Stop::Unreachable(reason)) => Err(reason),
        }
    }

    async fn attempt(&self, brief: &Brief) -> Result<Plan, Stop> {
        let catalogue = self.executor.catalogue().await?;
        let mut recommended = match validate(&brief.recommendations, &brief.rules, &catalogue) {
            Ok(graph) => graph,
            Err(unsound) => {
                let mut refusals = unsound.refusals;
                refusals.extend(self.also_wrong(brief, &unsound.preparable).await?);
                return Err(Stop::Refused(refusals));
            }
        };
        let mut survey = self.prepare(brief, &recommended.order(), &[]).await?;
        let (rerouted, around) = self.rerouted(brief, &survey, &catalogue).await?;
        let brief = rerouted.as_ref().unwrap_or(brief);
        if rerouted.is_some() {
            recommended = validate(&brief.recommendations, &brief.rules, &catalogue).map_err(|unsound| Stop::Refused(unsound.refusals))?;
            survey = self.prepare(brief, &recommended.order(), &[]).await?;
        }
        let mut graph = recommended.clone();
        let scene = Scene {
            survey: &survey.prepared,
            recommendations: &brief.recommendations,
            catalogue: &catalogue,
            root: brief.cause.as_ref().map(|cause| &cause.target),
        };
        let mut notes = around;
        notes.extend(arrange(&mut graph, &scene));
        let mut outline = outline(graph, &survey.prepared);
        let experience = self.experience(brief, &survey.prepared, &catalogue).await?;
        let mut refusals = survey.refusals.clone();
        refusals.extend(brief.rules.scope.refusals(&survey.prepared));
        refusals.extend(
            self.contradictions(brief, &recommended, &outline, &survey.prepared, &catalogue)
                .await?,
        );
        let past = past(brief, &survey.prepared, &catalogue, &experience);
        if brief.cause.as_ref().is_some_and(|cause| cause.by_person) {
            notes.extend(
                past.into_iter()
                    .map(|refusal| format!("chosen by a person in spite of this: {}", refusal.reason)),
            );
        } else {
            refusals.extend(past);
        }
        if !refusals.is_empty() {
            return Err(Stop::Refused(refusals));
        }
        let mut batch = if outline::settled(&outline, &survey.prepared) {
            survey
        } else {
            self.in_batches(brief, &outline.batches).await?
        };
        let mut full = brief.clone();
        self.look_afterwards(&mut full, &mut outline, &mut batch, &catalogue).await?;
        notes.append(&mut batch.notes);
        let parts = Parts {
            outline: &outline,
            prepared: &batch.prepared,
            catalogue: &catalogue,
            experience: &experience,
        };
        assemble(&full, &parts, notes).map_err(Stop::Refused)
    }

    /// The brief with the ways around deployment tools that can be taken, if there are any, and what people are told about them.
    async fn rerouted(&self, brief: &Brief, survey: &Batch, catalogue: &Catalogue) -> Result<(Option<Brief>, Vec<String>), Stop> {
        let scene = Scene {
            survey: &survey.prepared,
            recommendations: &brief.recommendations,
            catalogue,
            root: None,
        };
        let detours = detour::detours(&scene);
        if detours.is_empty() {
            return Ok((None, Vec::new()));
        }
        let alone = Brief {
            recommendations: detours.iter().map(|detour| detour.step.clone()).collect(),
            ..brief.clone()
        };
        let ids: Vec<StepId> = detours.iter().map(|detour| detour.step.id.clone()).collect();
        let looked = self.prepare(&alone, &ids, &[]).await?;
        let mut rerouted = brief.clone();
        let mut notes = Vec::new();
        for detour in detours {
            let refusal = looked
                .refusals
                .iter()
                .find(|refusal| refusal.step.as_deref() == Some(detour.step.id.as_str()));
            match refusal {
                None => {
                    rerouted.recommendations = detour::take(&rerouted.recommendations, &detour);
                    notes.push(detour.note);
                }
                Some(refusal) => notes.push(detour.not_taken(&refusal.reason)),
            }
        }
        let taken = rerouted.recommendations != brief.recommendations;
        Ok((taken.then_some(rerouted), notes))
    }

    /// What the executor and the scope have against a set that cannot be planned anyway.
    async fn also_wrong(&self, brief: &Brief, preparable: &[StepId]) -> Result<Vec<Refusal>, Stop> {
        if preparable.is_empty() {
            return Ok(Vec::new());
        }
        let batch = self.prepare(brief, preparable, &[]).await?;
        let mut refusals = batch.refusals;
        refusals.extend(brief.rules.scope.refusals(&batch.prepared));
        Ok(refusals)
    }

    async fn contradictions(
        &self,
        brief: &Brief,
        recommended: &Graph,
        outline: &Outline,
        survey: &BTreeMap<StepId, Prepared>,
        catalogue: &Catalogue,
    ) -> Result<Vec<Refusal>, Stop> {
        let mut own = BTreeMap::new();
        for id in contradict::doubtful(&outline.groups, &brief.recommendations, catalogue) {
            let alone = self.prepare(brief, std::slice::from_ref(&id), &[]).await?;
            own.extend(alone.prepared.into_iter().map(|(id, prepared)| (id, prepared.change)));
        }
        Ok(contradict::refusals(recommended, &outline.groups, survey, &own))
    }

    async fn experience(&self, brief: &Brief, survey: &BTreeMap<StepId, Prepared>, catalogue: &Catalogue) -> Result<Experience, Stop> {
        let pairs = brief.recommendations.iter().filter_map(|r| {
            let kind = experience::kind(&survey.get(&r.id)?.change).to_owned();
            Some((catalogue.canonical(&r.action).to_owned(), kind))
        });
        let cause = brief.cause.as_ref().map(|cause| (cause.category, &cause.target));
        Ok(self.records.experience(self.cluster, pairs.collect(), cause).await?)
    }

    /// Prepares batch after batch, each on top of the patches of those before it.
    async fn in_batches(&self, brief: &Brief, batches: &[Vec<StepId>]) -> Result<Batch, Stop> {
        let mut all = Batch::default();
        for (number, ids) in batches.iter().enumerate() {
            let before = batches[..number].concat();
            let batch = self.prepare(brief, ids, &patches(&before, &all.prepared)).await?;
            if !batch.refusals.is_empty() {
                return Err(Stop::Refused(batch.refusals));
            }
            all.prepared.extend(batch.prepared);
            all.notes.extend(batch.notes);
        }
        Ok(all)
    }

    /// Adds steps that look at what was changed, where the recommendations forgot it.
    async fn look_afterwards(
        &self,
        brief: &mut Brief,
        outline: &mut Outline,
        batch: &mut Batch,
        catalogue: &Catalogue,
    ) -> Result<(), Stop> {
        let scene = Scene {
            survey: &batch.prepared,
            recommendations: &brief.recommendations,
            catalogue,
            root: None,
        };
        for candidates in verify::missing(&outline.graph, &scene) {
            for candidate in candidates {
                let id = candidate.id.clone();
                let alone = Brief {
                    recommendations: vec![candidate.clone()],
                    ..brief.clone()
                };
                let before = patches(&outline.graph.order(), &batch.prepared);
                let mut looked = self.prepare(&alone, std::slice::from_ref(&id), &before).await?;
                let Some(prepared) = looked.prepared.remove(&id) else { continue };
                outline.graph.add(&id, &candidate.dependencies);
                outline.notes.push(verify::note(&candidate));
                batch.prepared.insert(id, prepared);
                brief.recommendations.push(candidate);
                break;
            }
        }
        Ok(())
    }

    async fn prepare(&self, brief: &Brief, ids: &[StepId], assume: &[ObjectPatch]) -> Result<Batch, Stop> {
        let find = |id: &StepId| brief.recommendations.iter().find(|r| r.id == *id);
        let items: Vec<&Recommendation> = ids.iter().filter_map(find).collect();
        let wanted = Preparation {
            plan: &brief.plan,
            incident: brief.cause.as_ref().map(|cause| &cause.incident),
            items: &items,
            assume,
        };
        let Answer { steps, notes } = self.executor.prepare(self.cluster, wanted).await?;
        let mut batch = Batch { notes, ..Batch::default() };
        for (id, outcome) in steps {
            match outcome {
                Ok(step) => {
                    batch.prepared.insert(id, step);
                }
                Err(reason) => batch.refusals.push(Refusal {
                    step: Some(id.to_string()),
                    reason,
                }),
            }
        }
        Ok(batch)
    }
}

/// What the past has against these actions on this target.
fn past(brief: &Brief, survey: &BTreeMap<StepId, Prepared>, catalogue: &Catalogue, experience: &Experience) -> Vec<Refusal> {
    let Some(cause) = &brief.cause else { return Vec::new() };
    let actions = experience::changing(&brief.recommendations, survey, catalogue);
    let intent = Intent {
        incident: &cause.incident,
        category: cause.category,
        target: &cause.target,
        actions: &actions,
        now: brief.now,
    };
    brief.rules.cooldown.refusals(&intent, &experience.remediations)
}

/// The patches that prepared steps will leave behind, in the order in which the steps run: a later one stands on an earlier one.
fn patches(order: &[StepId], prepared: &BTreeMap<StepId, Prepared>) -> Vec<ObjectPatch> {
    let changes = order.iter().filter_map(|id| prepared.get(id)).map(|prepared| &prepared.change);
    let patch = |operation: Operation| match operation {
        Operation::Patch(patch) => Some(patch),
        Operation::Create(_) | Operation::Delete(_) | Operation::Evict(_) | Operation::Record(_) => None,
    };
    changes.flat_map(Change::operations).filter_map(patch).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::tests::fixtures::{prepare, with};

    #[test]
    fn assumed_patches_stand_in_the_order_in_which_their_steps_run() {
        let steps = ["s2", "s10"].map(|id| with(id, "scale", &[], json!({"deployment": id})));
        let ids: Vec<StepId> = steps.iter().map(|step| step.id.clone()).collect();
        let found = patches(&ids, &prepare(&ids, &steps));
        let names: Vec<&str> = found.iter().map(|patch| patch.target.name.as_str()).collect();
        assert_eq!(names, ["s2", "s10"]);
    }
}
