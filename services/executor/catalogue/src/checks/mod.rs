//! Arithmetic and rules that no single step can see: each looks at the state after all steps of the plan.

mod autoscaler;
mod bounds;
mod budget;
mod connections;
mod limits;
mod owner;
mod quota;
mod room;
#[cfg(test)]
mod tests;
mod workloads;

use paramedic_domain::{
    object::ObjectRef,
    risk::{Concern, RiskLevel},
};

use crate::{
    action::{Draft, ObjectEdit, Refused},
    prepare::{Item, edits},
    world::World,
};

/// What a check looks at.
pub(crate) struct Scene<'a> {
    /// The steps.
    items: &'a [Item],
    /// What they want.
    drafts: &'a [Result<Draft, Refused>],
    /// Before the first step.
    before: &'a World,
    /// After the last one.
    after: &'a World,
}

/// What a check says about one step.
struct Finding {
    item: usize,
    verdict: Verdict,
}

enum Verdict {
    /// It must not be done.
    Refuse(String),
    /// It raises the risk.
    Concern(RiskLevel, String),
    /// People should know.
    Note(String),
}

/// Everything that was found.
#[derive(Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    fn refuse(&mut self, item: usize, text: impl Into<String>) {
        self.push(item, Verdict::Refuse(text.into()));
    }

    fn concern(&mut self, item: usize, level: RiskLevel, text: impl Into<String>) {
        self.push(item, Verdict::Concern(level, text.into()));
    }

    fn note(&mut self, item: usize, text: impl Into<String>) {
        self.push(item, Verdict::Note(text.into()));
    }

    fn push(&mut self, item: usize, verdict: Verdict) {
        self.0.push(Finding { item, verdict });
    }
}

impl<'a> Scene<'a> {
    /// Every edit of every step that can be done.
    fn edits(&self) -> impl Iterator<Item = (usize, &'a ObjectEdit)> + use<'a> {
        let drafts = self.drafts;
        drafts
            .iter()
            .enumerate()
            .filter_map(|(item, draft)| Some((item, draft.as_ref().ok()?)))
            .flat_map(|(item, draft)| edits(&draft.work).map(move |edit| (item, edit)))
    }

    /// The last step that edits the object.
    fn last(&self, object: &ObjectRef) -> Option<usize> {
        self.edits()
            .filter(|(_, edit)| edit.target.same_object(object))
            .map(|(item, _)| item)
            .last()
    }
}

/// Checks the drafts: some become refusals, others get concerns; answers what people should know.
pub(crate) fn check(items: &[Item], drafts: &mut [Result<Draft, Refused>], before: &World, after: &World) -> Vec<String> {
    let scene = Scene {
        items,
        drafts,
        before,
        after,
    };
    let mut found = Findings::default();
    for one in [
        owner::check,
        autoscaler::check,
        budget::check,
        quota::check,
        limits::check,
        room::check,
        connections::check,
        bounds::check,
    ] {
        one(&scene, &mut found);
    }
    let mut notes: Vec<String> = Vec::new();
    for Finding { item, verdict } in found.0 {
        match (&mut drafts[item], verdict) {
            (draft @ Ok(_), Verdict::Refuse(reason)) => *draft = Err(Refused::because(reason)),
            (Ok(draft), Verdict::Concern(level, text)) => draft.concerns.push(Concern { level, text }),
            (_, Verdict::Note(text)) if !notes.contains(&text) => notes.push(text),
            (Ok(_) | Err(_), _) => {}
        }
    }
    notes
}
