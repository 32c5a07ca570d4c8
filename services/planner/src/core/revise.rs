//! A person's wish for another plan, checked before it is written down.

use paramedic_domain::{
    event::Event,
    id::PlanId,
    incident::Incident,
    plan::{Plan, StepEdit},
};

/// The wish.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Index of the option.
    pub option: u32,
    /// Steps with other parameters.
    pub edits: Vec<StepEdit>,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Why it cannot be granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// The wish itself is incomplete or names what does not exist.
    #[error("{0}")]
    Wrong(String),
    /// The incident has nothing that could be replaced now.
    #[error("{0}")]
    Untimely(String),
}

/// The plan that a wish would replace.
///
/// # Errors
/// Everything that stands against the wish, as the incident is now.
pub fn check<'a>(incident: &'a Incident, wish: &Wish) -> Result<&'a Plan, Objection> {
    let plan = running(incident)?;
    let mut wrong = Vec::new();
    if wish.reason.trim().is_empty() {
        wrong.push("reason: why must be said, it is kept in the log".to_owned());
    }
    let option = usize::try_from(wish.option).ok().and_then(|index| plan.options.get(index));
    match option {
        None => wrong.push(format!(
            "option: the plan has {} options, number {} is none of them",
            plan.options.len(),
            wish.option + 1
        )),
        Some(option) => {
            for edit in &wish.edits {
                if !option.recommendations.iter().any(|step| step.id == edit.step) {
                    let known: Vec<&str> = option.recommendations.iter().map(|step| step.id.as_str()).collect();
                    wrong.push(format!(
                        "edits: option {} has no step {}; it has {}",
                        wish.option + 1,
                        edit.step,
                        known.join(", ")
                    ));
                }
            }
            if wish.option == plan.chosen && unchanged(plan, wish) {
                wrong.push(format!(
                    "option {} is the current plan, and nothing of it would change",
                    wish.option + 1
                ));
            }
        }
    }
    if wrong.is_empty() {
        Ok(plan)
    } else {
        Err(Objection::Wrong(wrong.join("; ")))
    }
}

fn unchanged(plan: &Plan, wish: &Wish) -> bool {
    let option = usize::try_from(wish.option).ok().and_then(|index| plan.options.get(index));
    option.is_some_and(|option| {
        wish.edits.iter().all(|edit| {
            option
                .recommendations
                .iter()
                .any(|step| step.id == edit.step && step.parameters == edit.parameters)
        })
    })
}

fn running(incident: &Incident) -> Result<&Plan, Objection> {
    let untimely = |text: String| Err(Objection::Untimely(text));
    if incident.version == 0 {
        return untimely(format!("there is no incident {}", incident.id));
    }
    if let Some(end) = &incident.end {
        return untimely(format!("{} has ended: {}", incident.id, end.reason));
    }
    let (Some(plan), Some(run)) = (&incident.plan, &incident.run) else {
        return untimely(format!("{} has no plan that could be replaced", incident.id));
    };
    if run.ended.is_some() {
        return untimely(format!("{} has ended; only a running plan can be replaced", plan.id));
    }
    if let Some(revision) = &incident.revision {
        return untimely(format!(
            "{} asked for another plan already; it follows when {} has ended",
            revision.by, plan.id
        ));
    }
    Ok(plan)
}

/// The event that writes the wish down, if it may still be written for that plan.
///
/// # Errors
/// What stands against it by now.
pub fn event(incident: &Incident, of: &PlanId, wish: &Wish) -> Result<Event, Objection> {
    let plan = check(incident, wish)?;
    if plan.id != *of {
        return Err(Objection::Untimely(format!("the plan changed meanwhile: it is {} now", plan.id)));
    }
    Ok(Event::PlanRevised {
        plan: plan.id.clone(),
        option: wish.option,
        edits: wish.edits.clone(),
        by: wish.by.clone(),
        reason: wish.reason.clone(),
    })
}
