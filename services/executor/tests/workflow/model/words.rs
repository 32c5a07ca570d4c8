//! What people say to a running workflow.

use paramedic_domain::event::Event;
use paramedic_executor::core::control::{Command, decide};

use super::{Model, plan};
use crate::strategy::{Answer, Word};

impl Model {
    /// Somebody says one of the words that are left, or answers what is asked.
    pub(super) fn say(&mut self, pick: usize) {
        let by = "bob@example.com";
        if self.incident.run.as_ref().is_some_and(|run| run.paused.is_some()) {
            self.command(&Command::Resume, by);
            return;
        }
        if self.story.words.is_empty() {
            return;
        }
        let index = pick % self.story.words.len();
        match self.story.words.remove(index) {
            Word::Pause => self.command(&Command::Pause, by),
            Word::Cancel => self.command(&Command::Cancel, by),
            Word::Skip(step) => self.command(&Command::Skip(plan::step_id(step)), by),
            Word::Revise => {
                if let Some(plan) = self
                    .incident
                    .plan
                    .as_ref()
                    .filter(|_| !self.ended() && self.incident.end.is_none() && self.incident.revision.is_none())
                {
                    let event = Event::PlanRevised {
                        plan: plan.id.clone(),
                        option: 0,
                        edits: Vec::new(),
                        by: by.into(),
                        reason: String::new(),
                    };
                    self.append(event);
                }
            }
        }
    }

    pub(super) fn command(&mut self, command: &Command, by: &str) {
        if let Ok((events, _)) = decide(&self.incident, command, by, "said so", self.now) {
            for event in events {
                self.append(event);
            }
        }
    }

    /// The answer to the question what becomes of the effects; silence lets it expire.
    pub(super) fn answer(&mut self) {
        let undo = match self.story.answer {
            Answer::Undo => true,
            Answer::Keep => false,
            Answer::Silence => return,
        };
        self.command(&Command::Rollback { undo }, "bob@example.com");
    }
}
