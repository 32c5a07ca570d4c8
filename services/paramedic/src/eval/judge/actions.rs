//! What the executor's catalogue knows of the actions of a plan.

use paramedic_catalogue::Catalogue;
use paramedic_domain::{
    change::{Call, Change},
    plan::Step,
};
use paramedic_simulator::recording::Word;
use serde_json::Value;

use super::super::truth::ActionPattern;

/// The catalogue.
#[derive(Default)]
pub struct Actions(Catalogue);

impl Actions {
    /// Whether the step changes nothing: it reads, copies data out or tells people. An action that is not in the catalogue changes
    /// something.
    pub fn only_reads(&self, step: &Step) -> bool {
        let ticket = matches!(step.change, Change::Call(Call::Ticket(_)));
        ticket || self.0.find(&step.action).is_some_and(|action| !action.kind().mutates())
    }

    /// Whether the word is the step's action, by any of its names.
    pub fn named(&self, word: &Word, step: &Step) -> bool {
        let action = self.0.find(&step.action);
        word.fits(&step.action)
            || action.is_some_and(|action| word.fits(action.name()) || action.aliases().iter().any(|alias| word.fits(alias)))
    }

    /// Whether the step is of the kind.
    pub fn fits(&self, pattern: &ActionPattern, step: &Step) -> bool {
        pattern.action.as_ref().is_none_or(|word| self.named(word, step)) && pattern.with.fits(&Value::Object(step.parameters.clone()))
    }
}
