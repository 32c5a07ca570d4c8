//! The world that workers share: what is changed in the cluster, who holds which lease, who has room.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{id::StepId, plan::Step};
use paramedic_executor::core::limits::{Full, Ledger, Limits};

use crate::strategy::Room;

/// Another workflow.
const STRANGER: &str = "plan_stranger";
const OURS: &str = "plan_model";

pub(crate) struct Cluster {
    /// Steps whose change is there, by the marks they left.
    pub(crate) marks: BTreeSet<StepId>,
    /// How often each was applied and undone.
    pub(crate) counts: BTreeMap<StepId, (u32, u32)>,
    /// What was done that must not be.
    pub(crate) unpermitted: Vec<String>,
    /// Holders by object.
    leases: BTreeMap<String, &'static str>,
    limits: Limits,
    ledger: Ledger,
    /// Steps that change something now, and when steps began to, by the model's own account.
    at_work: BTreeSet<String>,
    begun: BTreeMap<String, Timestamp>,
    strangers: u32,
}

impl Cluster {
    pub(crate) fn new(room: Room) -> Self {
        Self {
            marks: BTreeSet::new(),
            counts: BTreeMap::new(),
            unpermitted: Vec::new(),
            leases: BTreeMap::new(),
            limits: Limits {
                at_once: room.at_once,
                per_hour: room.per_hour,
            },
            ledger: Ledger::default(),
            at_work: BTreeSet::new(),
            begun: BTreeMap::new(),
            strangers: 0,
        }
    }

    /// Takes every lease of the step, or finds that a stranger has one.
    pub(crate) fn lease(&mut self, step: &Step) -> bool {
        keys(step).into_iter().all(|key| *self.leases.entry(key).or_insert(OURS) == OURS)
    }

    /// Whether every lease of the step is still ours.
    pub(crate) fn held(&self, step: &Step) -> bool {
        keys(step).iter().all(|key| self.leases.get(key) == Some(&OURS))
    }

    /// Gives back what the ended workflow held.
    pub(crate) fn release(&mut self) {
        self.leases.retain(|_, holder| *holder != OURS);
        self.ledger.leave_all(OURS);
        self.at_work.retain(|holder| !holder.starts_with(OURS));
    }

    /// What is still held in the name of the workflow.
    pub(crate) fn left_held(&self) -> Option<String> {
        let lease = self.leases.iter().find(|(_, holder)| **holder == OURS);
        let place = self.at_work.iter().find(|holder| holder.starts_with(OURS));
        lease
            .map(|(key, _)| format!("the lease of {key}"))
            .or_else(|| place.map(|holder| format!("the place of {holder}")))
    }

    /// A stranger takes an object (a person broke our lease), or gives it back.
    pub(crate) fn disturb_lease(&mut self, pick: usize) {
        let key = format!("d{}", pick % 4);
        if self.leases.get(&key) == Some(&STRANGER) {
            self.leases.remove(&key);
        } else {
            self.leases.insert(key, STRANGER);
        }
    }

    /// A stranger begins to change something if there is room, or ends.
    pub(crate) fn disturb_room(&mut self, pick: usize, now: Timestamp) {
        let holder = format!("{STRANGER}/{}", self.strangers);
        if pick.is_multiple_of(2) && self.ledger.enter(&holder, self.limits, now).is_ok() {
            self.strangers += 1;
            self.at_work.insert(holder.clone());
            self.begun.insert(holder, now);
        } else {
            self.ledger.leave_all(STRANGER);
            self.at_work.retain(|holder| !holder.starts_with(STRANGER));
        }
    }

    /// Every stranger goes.
    pub(crate) fn calm(&mut self) {
        self.leases.retain(|_, holder| *holder == OURS);
        self.ledger.leave_all(STRANGER);
        self.at_work.retain(|holder| !holder.starts_with(STRANGER));
    }

    pub(crate) fn enter(&mut self, step: &StepId, now: Timestamp) -> Result<(), Full> {
        self.ledger.enter(&holder(step), self.limits, now)?;
        self.at_work.insert(holder(step));
        self.begun.entry(holder(step)).or_insert(now);
        Ok(())
    }

    pub(crate) fn leave(&mut self, step: &StepId) {
        self.ledger.leave(&holder(step));
        self.at_work.remove(&holder(step));
    }

    /// INV-07 and INV-15 at the moment of a change.
    pub(crate) fn check(&mut self, step: &Step, forward: bool, now: Timestamp) {
        if !self.held(step) {
            self.unpermitted
                .push(format!("INV-07: step {} acted on an object that another workflow holds", step.id));
        }
        if !forward {
            return;
        }
        if !self.at_work.contains(&holder(&step.id)) {
            self.unpermitted.push(format!("INV-15: step {} acted without room", step.id));
        }
        if self.at_work.len() > self.limits.at_once {
            self.unpermitted.push(format!("INV-15: at once {:?}", self.at_work));
        }
        let hour = SignedDuration::from_hours(1);
        let within = self.begun.values().filter(|at| now.duration_since(**at) < hour).count();
        if self.limits.per_hour.is_some_and(|most| within > most) {
            self.unpermitted.push(format!("INV-15: {within} changes began within an hour"));
        }
    }
}

impl std::fmt::Display for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "leases {:?}, places {:?}", self.leases, self.ledger)
    }
}

fn keys(step: &Step) -> Vec<String> {
    step.change.lease_targets().into_iter().map(|target| target.name.clone()).collect()
}

fn holder(step: &StepId) -> String {
    format!("{OURS}/{step}")
}
