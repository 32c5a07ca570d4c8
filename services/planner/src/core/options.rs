//! Several ways out of one incident: which are prepared, which becomes the plan.

use paramedic_domain::{
    diagnosis::Diagnosis,
    incident::{Incident, Revision},
    plan::{Approach, Plan, PlanOption, Recommendation, Refusal},
};

/// Ways out that people are shown: as many as can be compared at a glance, and as a person on call can answer for.
pub const MOST: usize = 3;

/// What is planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Every way out, best first, without what an earlier preparation said about it.
    pub options: Vec<PlanOption>,
    /// Index of the only one that may become the plan; `None`: the best that can be planned.
    pub only: Option<usize>,
    /// A person chose it.
    pub by_person: bool,
    /// What people should know about the choice.
    pub notes: Vec<String>,
}

/// One way out that is just a list of steps.
#[must_use]
pub fn single(recommendations: Vec<Recommendation>) -> PlanOption {
    PlanOption {
        approach: Approach::Fix,
        title: "the recommended steps".into(),
        tradeoff: "no other way out was proposed".into(),
        recommendations,
        refusals: Vec::new(),
        rollback: None,
    }
}

/// What the incident's next plan is made of: a person's word, else the options of a plan that the world overtook, else
/// the diagnosis.
#[must_use]
pub fn wanted(incident: &Incident, diagnosis: &Diagnosis) -> Wanted {
    if let Some(revision) = &incident.revision {
        let chosen = usize::try_from(revision.chosen).unwrap_or(usize::MAX);
        let mut options = fresh(&revision.options);
        let mut notes = vec![format!(
            "option {} was chosen by {}",
            revision.chosen.saturating_add(1),
            revision.by
        )];
        if let Some(option) = options.get_mut(chosen) {
            notes.extend(edited(&option.recommendations, revision));
            option.recommendations.clone_from(&revision.recommendations);
        }
        return Wanted {
            options,
            only: Some(chosen),
            by_person: true,
            notes,
        };
    }
    match &incident.plan {
        Some(plan) if !plan.options.is_empty() => Wanted {
            options: fresh(&plan.options),
            only: usize::try_from(plan.chosen).ok(),
            by_person: false,
            notes: Vec::new(),
        },
        _ if diagnosis.options.is_empty() => Wanted {
            options: vec![single(diagnosis.recommendations.clone())],
            only: None,
            by_person: false,
            notes: Vec::new(),
        },
        _ => {
            let left_out = diagnosis.options.len().saturating_sub(MOST);
            let note = format!("{left_out} further ways out were proposed and left out: the first {MOST} are prepared");
            Wanted {
                options: fresh(&diagnosis.options[..diagnosis.options.len() - left_out]),
                only: None,
                by_person: false,
                notes: if left_out > 0 { vec![note] } else { Vec::new() },
            }
        }
    }
}

/// Steps whose words are the recommendation's and whose parameters are a person's.
fn edited(before: &[Recommendation], revision: &Revision) -> Vec<String> {
    let changed = revision
        .recommendations
        .iter()
        .filter(|step| before.iter().any(|was| was.id == step.id && was.parameters != step.parameters));
    changed
        .map(|step| {
            format!(
                "the parameters of {} are those of {}; what is said about it is still the recommendation's",
                step.id, revision.by
            )
        })
        .collect()
}

fn fresh(options: &[PlanOption]) -> Vec<PlanOption> {
    let without = |option: &PlanOption| PlanOption {
        refusals: Vec::new(),
        ..option.clone()
    };
    options.iter().map(without).collect()
}

/// The plan of the best option that can be planned, with every option and what stands against it.
///
/// # Errors
/// Why none can be planned: the reasons of every option that was allowed to become the plan.
pub fn choose(wanted: Wanted, outcomes: Vec<Result<Plan, Vec<Refusal>>>) -> Result<Plan, Vec<Refusal>> {
    let Wanted {
        mut options, only, notes, ..
    } = wanted;
    let several = options.len() > 1;
    let mut chosen: Option<(usize, Plan)> = None;
    let mut all = Vec::new();
    for (index, outcome) in outcomes.into_iter().enumerate() {
        let Some(option) = options.get_mut(index) else { continue };
        let allowed = only.is_none_or(|only| only == index);
        match outcome {
            Ok(plan) if allowed && chosen.is_none() => chosen = Some((index, plan)),
            Ok(_) => {}
            Err(refusals) => {
                if allowed {
                    all.extend(
                        refusals
                            .iter()
                            .map(|refusal| named(refusal, several.then_some((index, &option.title)))),
                    );
                }
                option.refusals = refusals;
            }
        }
    }
    let Some((index, mut plan)) = chosen else {
        return Err(all);
    };
    for (at, option) in options.iter().enumerate().take(index) {
        if !option.refusals.is_empty() {
            plan.notes.push(format!(
                "option {} ({}) comes first and cannot be planned: {}",
                at + 1,
                option.title,
                reasons(&option.refusals)
            ));
        }
    }
    plan.notes.extend(notes);
    plan.options = options;
    plan.chosen = u32::try_from(index).unwrap_or(u32::MAX);
    Ok(plan)
}

fn named(refusal: &Refusal, option: Option<(usize, &String)>) -> Refusal {
    match option {
        None => refusal.clone(),
        Some((index, title)) => Refusal {
            step: refusal.step.clone(),
            reason: format!("option {} ({title}): {}", index + 1, refusal.reason),
        },
    }
}

/// Refusals in one line.
#[must_use]
pub fn reasons(refusals: &[Refusal]) -> String {
    let each = refusals.iter().map(|refusal| match &refusal.step {
        Some(step) => format!("{step}: {}", refusal.reason),
        None => refusal.reason.clone(),
    });
    each.collect::<Vec<_>>().join("; ")
}
