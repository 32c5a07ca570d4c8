//! One remediation for each root target: who diagnosed it first plans it, others join.

use paramedic_bus::{
    Error, IncidentLog, LogError, SharedBus,
    lease::{HeldBy, Leases},
};
use paramedic_domain::{
    envelope::{Envelope, Recorded},
    event::Event,
    id::{ClusterId, IncidentId},
    incident::Incident,
    object::ObjectRef,
};
use paramedic_runtime::Clock;

/// Claims on root targets, kept among the leases under names of their own: steps lease the objects that they change.
#[derive(Clone)]
pub struct Claims {
    leases: Leases,
    log: IncidentLog,
    clock: Clock,
}

/// Whose the target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The asking incident's.
    Ours,
    /// That of another incident, which goes on; the asking one has become a part of it.
    Joined(IncidentId),
    /// That of another incident, which goes on; one of the two was asked for by somebody, and neither becomes a part of the other.
    Held(IncidentId),
    /// Another incident is just joining another one: it has to be asked again.
    Busy,
}

impl Claims {
    /// Opens the bucket.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn open(bus: &SharedBus, log: IncidentLog, clock: Clock) -> Result<Self, Error> {
        Ok(Self {
            leases: Leases::open(bus).await?,
            log,
            clock,
        })
    }

    /// Claims the target for the incident, or makes the incident a part of the one that has it.
    ///
    /// # Errors
    /// When the bus is unavailable or a log is damaged: asking again completes what was begun.
    pub async fn claim(&self, incident: &Incident, target: &ObjectRef, cause: &Envelope) -> Result<Claimed, LogError> {
        let key = key(&incident.cluster, target);
        loop {
            let holder = match self.leases.acquire(&key, incident.id.as_str()).await? {
                Ok(_) => return Ok(Claimed::Ours),
                Err(HeldBy(holder)) => holder,
            };
            if let Ok(other) = holder.parse::<IncidentId>() {
                let holds = self.log.load(&incident.cluster, &other).await?;
                let asked_for = incident.request.is_some() || holds.request.is_some();
                if asked_for && holds.opened_at.is_some() && holds.end.is_none() {
                    return Ok(Claimed::Held(other));
                }
                match self.join_alone(incident, &other, target, cause).await? {
                    Some(true) => return Ok(Claimed::Joined(other)),
                    Some(false) => {}
                    None => return Ok(Claimed::Busy),
                }
            }
            // whoever held it has ended without saying so
            self.leases.release(&key, &holder).await?;
        }
    }

    /// Joins while no other incident of the cluster does, and only if this one has not ended meanwhile: of two that wait for each
    /// other's targets (or more, in a ring) each would become a part of the next, and none would be left. `None`: another one is joining.
    async fn join_alone(
        &self,
        incident: &Incident,
        other: &IncidentId,
        target: &ObjectRef,
        cause: &Envelope,
    ) -> Result<Option<bool>, LogError> {
        let key = format!("join/{}", incident.cluster);
        if let Err(HeldBy(holder)) = self.leases.acquire(&key, incident.id.as_str()).await? {
            // One that died between its end and giving this back holds nobody up.
            let over = match holder.parse::<IncidentId>() {
                Ok(holder) => self.log.load(&incident.cluster, &holder).await?.end.is_some(),
                Err(_) => true,
            };
            if over {
                self.leases.release(&key, &holder).await?;
            }
            return Ok(None);
        }
        let ended = self.log.load(&incident.cluster, &incident.id).await?.end.is_some();
        let joined = match ended {
            true => Ok(None),
            false => self.join(incident, other, target, cause).await.map(Some),
        };
        // After an error of the bus nobody knows how far it came: whoever handles the event again goes on.
        if !matches!(joined, Err(LogError::Bus(_) | LogError::Contended { .. })) {
            self.leases.release(&key, incident.id.as_str()).await?;
        }
        joined
    }

    /// Moves the firing alerts into `other` and ends this incident; `false` when the other one has ended.
    async fn join(&self, incident: &Incident, other: &IncidentId, target: &ObjectRef, cause: &Envelope) -> Result<bool, LogError> {
        let alerts: Vec<_> = incident.firing().cloned().collect();
        let reason = format!("{} has the same root cause at {target}", incident.id);
        let correlate = |into: &Incident, _| {
            let known = alerts.iter().all(|alert| into.alerts.contains_key(&alert.fingerprint));
            if into.end.is_some() || into.version == 0 || known {
                return Vec::new();
            }
            vec![Event::AlertsCorrelated {
                alerts: alerts.clone(),
                reason: reason.clone(),
                reasons: Vec::new(),
                position: None,
            }]
        };
        let decided = self
            .log
            .decide(&incident.cluster, other, Some(&cause.id), &self.clock, correlate)
            .await?;
        if decided.incident.version == 0 || decided.incident.end.is_some() {
            return Ok(false);
        }
        let merge = |this: &Incident, _| {
            if this.end.is_some() {
                return Vec::new();
            }
            vec![Event::IncidentMerged {
                into: other.clone(),
                reason: format!("{target} is at fault here too and is already being remediated"),
            }]
        };
        self.log
            .decide(&incident.cluster, &incident.id, Some(&cause.id), &self.clock, merge)
            .await?;
        Ok(true)
    }

    /// Gives back every target that the incident's log shows it may have claimed.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn release(&self, cluster: &ClusterId, incident: &IncidentId, log: &[Recorded]) -> Result<(), Error> {
        for recorded in log {
            if let Event::DiagnosisReached { diagnosis, .. } = &recorded.envelope.event {
                self.leases.release(&key(cluster, &diagnosis.target), incident.as_str()).await?;
            }
        }
        Ok(())
    }
}

fn key(cluster: &ClusterId, target: &ObjectRef) -> String {
    format!("root/{}", target.lease_key(cluster))
}
