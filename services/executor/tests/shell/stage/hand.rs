//! One attempt at one step in the hands of a worker, without what follows from it.

use paramedic_bus::{LogError, consume::Verdict};
use paramedic_domain::{
    envelope::Envelope,
    event::{Direction, Event},
    id::{StepId, WorkerId},
    incident::Incident,
    workflow::StepState,
};
use paramedic_executor::{core::advance::in_hand, shell::worker::Worker};
use paramedic_runtime::Kit;

/// An attempt that is to be made, and the event that leads to it.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) event: Envelope,
    pub(crate) step: StepId,
    pub(crate) direction: Direction,
    pub(crate) number: u32,
}

/// A worker that is not fed by a consumer.
pub(crate) struct Hand {
    pub(crate) worker: Worker,
    pub(crate) kit: Kit,
}

impl Hand {
    /// Takes the attempt, if it is still to be made, makes it and tells the log.
    pub(crate) async fn handle(&self, item: &Item) -> Verdict {
        match self.work(item).await {
            Ok(()) => Verdict::Done,
            Err(error) => error.verdict(),
        }
    }

    async fn work(&self, item: &Item) -> Result<(), LogError> {
        let me = self.worker.hand();
        let take = |incident: &Incident, _| start(incident, item, &me).into_iter().collect();
        let taken = self.kit.log.decide_on(&item.event, &self.kit.clock, take).await?.incident;
        for attempt in in_hand(&taken, &me) {
            let ended = self.worker.attempt(&item.event, taken.clone(), attempt).await?;
            let tell = |incident: &Incident, now| ended.events(incident, now);
            self.kit.log.decide_on(&item.event, &self.kit.clock, tell).await?;
        }
        Ok(())
    }
}

fn start(incident: &Incident, item: &Item, me: &WorkerId) -> Option<Event> {
    let plan = incident.plan.as_ref()?;
    let run = incident.run.as_ref().filter(|run| run.ended.is_none())?;
    let state = run.steps.get(&item.step)?;
    let next = match (item.direction, &state.state) {
        (Direction::Forward, StepState::Waiting | StepState::Failed { .. }) => state.attempts + 1,
        (Direction::Forward, StepState::Running { .. }) => state.attempts,
        (Direction::Undo, StepState::Succeeded | StepState::Failed { .. } | StepState::UndoFailed { .. }) => state.undo_attempts + 1,
        (Direction::Undo, StepState::Undoing { .. }) => state.undo_attempts,
        _ => return None,
    };
    (next == item.number).then(|| Event::StepStarted {
        plan: plan.id.clone(),
        step: item.step.clone(),
        direction: item.direction,
        attempt: item.number,
        worker: me.clone(),
    })
}
