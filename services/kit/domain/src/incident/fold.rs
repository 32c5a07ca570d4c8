//! Folding: one event after the other, each checked to be the next of its log.

use std::sync::Arc;

use jiff::Timestamp;

use super::{End, Incident, Revision, Status};
use crate::{
    alert::AlertStatus,
    approval::GateState,
    digest::Digest,
    envelope::{Envelope, Recorded},
    event::Event,
    id::{ClusterId, EventId, IncidentId, PlanId},
    plan::{Plan, StepEdit},
    workflow::Run,
};

/// A log that cannot be this incident's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A sequence is missing or repeated.
    #[error("event {id} has sequence {found}, expected {expected}: the log of {incident} has a gap or a repetition")]
    Sequence {
        /// Incident.
        incident: IncidentId,
        /// Event.
        id: EventId,
        /// Expected sequence.
        expected: u64,
        /// Found sequence.
        found: u64,
    },
    /// The hash chain is broken.
    #[error(
        "event {id} (sequence {seq}) of {incident} names predecessor {found}, but the predecessor's digest is {expected}: the log was tampered with"
    )]
    Chain {
        /// Incident.
        incident: IncidentId,
        /// Event.
        id: EventId,
        /// Its sequence.
        seq: u64,
        /// Digest of the predecessor as stored.
        expected: Digest,
        /// What the event names.
        found: Digest,
    },
    /// An event of another incident.
    #[error("event {id} belongs to {found}, not to {incident}")]
    Stranger {
        /// Incident.
        incident: IncidentId,
        /// Event.
        id: EventId,
        /// Whose it is.
        found: IncidentId,
    },
}

impl Incident {
    /// Folds a whole log.
    ///
    /// # Errors
    /// The first event that breaks sequence, chain or identity.
    pub fn fold<'a>(cluster: ClusterId, id: IncidentId, log: impl IntoIterator<Item = &'a Recorded>) -> Result<Self, FoldError> {
        let mut incident = Self::new(cluster, id);
        for recorded in log {
            incident.apply(recorded)?;
        }
        Ok(incident)
    }

    /// Adds one event.
    ///
    /// # Errors
    /// When the event is not the next one of this log.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<(), FoldError> {
        let Envelope {
            id,
            incident,
            seq,
            time,
            causation,
            previous,
            event,
            ..
        } = &recorded.envelope;
        if *incident != self.id {
            return Err(FoldError::Stranger {
                incident: self.id.clone(),
                id: id.clone(),
                found: incident.clone(),
            });
        }
        if *seq != self.version + 1 {
            return Err(FoldError::Sequence {
                incident: self.id.clone(),
                id: id.clone(),
                expected: self.version + 1,
                found: *seq,
            });
        }
        if *previous != self.head {
            return Err(FoldError::Chain {
                incident: self.id.clone(),
                id: id.clone(),
                seq: *seq,
                expected: self.head,
                found: *previous,
            });
        }
        self.version = *seq;
        self.head = recorded.digest;
        self.last_event = Some(id.clone());
        self.updated_at = Some(*time);
        if !self.absorb(event, *time, causation.as_ref()) {
            self.misfits += 1;
        }
        Ok(())
    }

    fn absorb(&mut self, event: &Event, time: Timestamp, cause: Option<&EventId>) -> bool {
        match event {
            Event::IncidentOpened {
                title,
                severity,
                alerts,
                traceparent,
                request,
            } => {
                let first = self.opened_at.is_none();
                if first {
                    self.opened_at = Some(time);
                    self.title.clone_from(title);
                    self.traceparent.clone_from(traceparent);
                    self.request.clone_from(request);
                    self.absorb_alerts(alerts, |_| "it opened the incident", time);
                    self.severity = *severity;
                }
                first
            }
            Event::AlertsCorrelated {
                alerts,
                reason,
                reasons,
                position,
            } => {
                self.absorb_alerts(alerts, |number| reasons.get(number).unwrap_or(reason), time);
                self.position = self.position.max(position.unwrap_or_default());
                true
            }
            Event::RootsRanked { ranking, title, position } => self.absorb_ranking(ranking, title.as_deref(), *position),
            Event::AlertsDetached {
                fingerprints, position, ..
            } => self.detach(fingerprints, *position),
            Event::StormDeclared { alerts, .. } => self.storm.replace(*alerts).is_none(),
            Event::AlertsResolved { fingerprints, at } => {
                for fingerprint in fingerprints {
                    if let Some(alert) = self.alerts.get_mut(fingerprint) {
                        alert.status = AlertStatus::Resolved;
                        alert.ends_at = Some(*at);
                    }
                    self.suppressed.remove(fingerprint);
                }
                true
            }
            Event::IncidentTriaged {
                severity,
                priority,
                environment,
                team,
                ..
            } => self.absorb_triage(*severity, *priority, environment, team),
            Event::AlertsSuppressed {
                fingerprints,
                by,
                until,
                position,
            } => {
                self.position = self.position.max(position.unwrap_or_default());
                self.absorb_suppressed(fingerprints, by, *until)
            }
            Event::ExpirySet { .. } => true,
            // What a step did that must not stay outlives its plan, and the incident.
            Event::StepExpired { plan, step, .. } => {
                if let (Some(current), Some(run)) = (&self.plan, &mut self.run)
                    && current.id == *plan
                {
                    run.expired(step);
                }
                self.expired.insert(format!("{plan}/{step}"))
            }
            Event::StepExpiryFailed { plan, step, .. } => self.expired.insert(format!("{plan}/{step}")),
            Event::AnalysisStarted { attempt } => {
                let fits = *attempt == self.attempt + 1 && self.end.is_none();
                if fits {
                    self.attempt = *attempt;
                    self.diagnosis = None;
                    self.inconclusive = None;
                    self.forget_plan();
                }
                fits
            }
            Event::DiagnosisReached { attempt, diagnosis } => {
                self.once(*attempt, |incident| incident.diagnosis = Some(Arc::new((**diagnosis).clone())))
            }
            Event::AnalysisInconclusive { attempt, reasons, .. } => {
                self.once(*attempt, |incident| incident.inconclusive = Some(reasons.clone()))
            }
            Event::PlanProposed { plan } => self.absorb_plan(plan, time),
            Event::PlanRefused { refusals, .. } => {
                self.plans += 1;
                self.forget_plan();
                self.refusals = Some(refusals.clone());
                true
            }
            Event::PlanRevised {
                plan, option, edits, by, ..
            } => self.absorb_revision(plan, *option, edits, by, time),
            Event::ApprovalRequested { .. }
            | Event::ApprovalGranted { .. }
            | Event::ApprovalDenied { .. }
            | Event::ApprovalExpired { .. }
            | Event::ApprovalEscalated { .. }
            | Event::ApprovalReminded { .. }
            | Event::ApprovalRefused { .. }
            | Event::ApprovalAcknowledged { .. } => self.absorb_approval(event, time),
            Event::StepStarted { plan, .. }
            | Event::StepSucceeded { plan, .. }
            | Event::StepFailed { plan, .. }
            | Event::StepSkipped { plan, .. }
            | Event::StepUndone { plan, .. }
            | Event::StepProgressed { plan, .. }
            | Event::WorkflowPaused { plan, .. }
            | Event::WorkflowResumed { plan, .. }
            | Event::WorkflowCancelled { plan, .. }
            | Event::RollbackAsked { plan, .. }
            | Event::RollbackDecided { plan, .. }
            | Event::WorkflowFinished { plan, .. } => match (&self.plan, &mut self.run) {
                (Some(current), Some(run)) if current.id == *plan => run.apply(current, event, time, cause),
                _ => false,
            },
            Event::VerificationPassed { verification, .. }
            | Event::VerificationFailed { verification, .. }
            | Event::VerificationInconclusive { verification, .. } => {
                let fits = self.verification.is_none();
                if fits {
                    self.verification = Some((**verification).clone());
                }
                fits
            }
            Event::IncidentResolved { reason } => self.close(Status::Resolved, reason, time),
            Event::IncidentEscalated { reason } => self.close(Status::Escalated, reason, time),
            Event::IncidentCancelled { reason, .. } => self.close(Status::Cancelled, reason, time),
            Event::IncidentMerged { into, reason } => self.close(Status::Merged, &format!("{reason} (continues as {into})"), time),
            Event::NotificationSent { receipt } => self.notifications.insert(receipt.key.clone(), receipt.clone()).is_none(),
            Event::NotificationFailed { key, next_try_in, .. } => {
                if next_try_in.is_none() {
                    self.undeliverable.push(key.clone());
                }
                true
            }
        }
    }

    fn once(&mut self, attempt: u32, set: impl FnOnce(&mut Self)) -> bool {
        let fits = attempt == self.attempt && self.diagnosis.is_none() && self.inconclusive.is_none();
        if fits {
            set(self);
        }
        fits
    }

    fn forget_plan(&mut self) {
        self.plan = None;
        self.refusals = None;
        self.revised_by = self.revision.take().map(|revision| revision.by);
        self.gates.clear();
        self.run = None;
        self.verification = None;
    }

    fn absorb_plan(&mut self, plan: &Plan, time: Timestamp) -> bool {
        let fits = plan.attempt == self.plans + 1 && self.run.as_ref().is_none_or(|run| run.ended.is_some());
        if fits {
            self.forget_plan();
            self.plans = plan.attempt;
            self.temporary |= plan.steps.iter().any(|step| step.lasts.is_some());
            self.gates = plan.gates.iter().map(|gate| (gate.id.clone(), GateState::Planned)).collect();
            self.run = Some(Run::new(plan, time));
            self.plan = Some(Arc::new(plan.clone()));
        }
        fits
    }

    /// A person's wish for another plan: once for each plan, and only while it runs.
    fn absorb_revision(&mut self, plan: &PlanId, option: u32, edits: &[StepEdit], by: &str, time: Timestamp) -> bool {
        let (Some(current), Some(run)) = (&self.plan, &self.run) else {
            return false;
        };
        let wanted = usize::try_from(option).ok().and_then(|index| current.options.get(index));
        let Some(wanted) = wanted.filter(|_| current.id == *plan && run.ended.is_none() && self.revision.is_none() && self.end.is_none())
        else {
            return false;
        };
        let mut recommendations = wanted.recommendations.clone();
        for edit in edits {
            let Some(step) = recommendations.iter_mut().find(|step| step.id == edit.step) else {
                return false;
            };
            step.parameters = edit.parameters.clone();
        }
        self.revision = Some(Revision {
            plan: plan.clone(),
            recommendations,
            options: current.options.clone(),
            chosen: option,
            by: by.to_owned(),
            at: time,
        });
        true
    }

    // Open => any end; Escalated => Resolved, when its alerts resolve while people have it
    fn close(&mut self, status: Status, reason: &str, at: Timestamp) -> bool {
        let fits = match &self.end {
            None => true,
            Some(end) => (end.status, status) == (Status::Escalated, Status::Resolved),
        };
        if fits {
            self.end = Some(End {
                status,
                reason: reason.to_owned(),
                at,
            });
        }
        fits
    }
}
