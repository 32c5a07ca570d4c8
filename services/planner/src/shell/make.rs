//! From recommendations to a plan, with the questions to the executor in between.

use std::collections::BTreeMap;

use paramedic_domain::{
    change::{Change, ObjectPatch},
    id::{ClusterId, StepId},
    plan::{Plan, Recommendation, Refusal},
};

use super::executor::{Answer, Error, Preparer};
use crate::core::{
    assemble::{Brief, assemble},
    outline::{self, Prepared, outline},
    validate::validate,
};

/// Makes a plan. The inner result is the outcome: a plan, or why there is none.
///
/// # Errors
/// When the executor (or the cluster behind it) cannot be reached: asking again later may help.
pub async fn make(executor: &dyn Preparer, cluster: &ClusterId, brief: &Brief) -> Result<Result<Plan, Vec<Refusal>>, String> {
    match attempt(executor, cluster, brief).await {
        Ok(plan) => Ok(Ok(plan)),
        Err(Stop::Refused(refusals)) => Ok(Err(refusals)),
        Err(Stop::Unreachable(reason)) => Err(reason),
    }
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

async fn attempt(executor: &dyn Preparer, cluster: &ClusterId, brief: &Brief) -> Result<Plan, Stop> {
    let graph = validate(&brief.recommendations).map_err(Stop::Refused)?;
    let order = graph.order();
    let (survey, survey_notes) = prepare(executor, cluster, brief, &order, &[]).await?;
    let outline = outline(graph, &survey);
    let (prepared, notes) = if outline::settled(&outline, &survey) {
        (survey, survey_notes)
    } else {
        in_batches(executor, cluster, brief, &outline.batches).await?
    };
    assemble(brief, &outline, &prepared, notes).map_err(Stop::Refused)
}

type Batch = (BTreeMap<StepId, Prepared>, Vec<String>);

/// Prepares batch after batch, each on top of the patches of those before it.
async fn in_batches(executor: &dyn Preparer, cluster: &ClusterId, brief: &Brief, batches: &[Vec<StepId>]) -> Result<Batch, Stop> {
    let mut all = BTreeMap::new();
    let mut notes = Vec::new();
    let mut assume: Vec<ObjectPatch> = Vec::new();
    for batch in batches {
        let (prepared, more) = prepare(executor, cluster, brief, batch, &assume).await?;
        for id in batch {
            if let Some(Change::Patch(patch)) = prepared.get(id).map(|prepared| &prepared.change) {
                assume.push(patch.clone());
            }
        }
        all.extend(prepared);
        notes.extend(more);
    }
    Ok((all, notes))
}

async fn prepare(
    executor: &dyn Preparer,
    cluster: &ClusterId,
    brief: &Brief,
    ids: &[StepId],
    assume: &[ObjectPatch],
) -> Result<Batch, Stop> {
    let find = |id: &StepId| brief.recommendations.iter().find(|r| r.id == *id);
    let items: Vec<&Recommendation> = ids.iter().filter_map(find).collect();
    let Answer { steps, notes } = executor.prepare(cluster, &brief.plan, &items, assume).await?;
    let mut prepared = BTreeMap::new();
    let mut refusals = Vec::new();
    for (id, outcome) in steps {
        match outcome {
            Ok(step) => {
                prepared.insert(id, step);
            }
            Err(reason) => refusals.push(Refusal {
                step: Some(id.to_string()),
                reason,
            }),
        }
    }
    if refusals.is_empty() {
        Ok((prepared, notes))
    } else {
        Err(Stop::Refused(refusals))
    }
}
