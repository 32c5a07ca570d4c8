//! What an incident's alerts point to, for people and for the investigation.

use paramedic_correlation::{Correlator, decision::Root, footprint::Kind};
use paramedic_domain::{
    correlation::{Candidate, Ranking},
    id::IncidentId,
};

use crate::core::title::line;

/// Candidates that are told: an investigation looks at these first.
const TOLD: usize = 5;
/// Affected components that are named; the incident's alerts name the others.
const NAMED: usize = 50;
/// Longest name that is told, in characters: kind, namespace and name of Kubernetes have at most 63 and 253. Labels may say anything.
const NAME: usize = 400;

/// The ranking of an incident that goes on.
pub(super) fn ranking(correlator: &Correlator, incident: &IncidentId) -> Option<Ranking> {
    let incident = correlator.incident(incident)?;
    let candidate = |root: Root| Candidate {
        entity: line(&root.entity.to_string(), NAME),
        belief: f64::from(root.belief),
        explains: root.explains,
        reason: reason(&root),
    };
    let mut affected: Vec<String> = correlator
        .affected(incident)
        .map(|entity| line(&entity.to_string(), NAME))
        .collect();
    affected.sort();
    affected.truncate(NAMED);
    Some(Ranking {
        candidates: correlator.roots(incident).into_iter().take(TOLD).map(candidate).collect(),
        affected,
        confidence: f64::from(incident.confidence()),
    })
}

fn reason(root: &Root) -> String {
    let alerts = match root.explains {
        1 => "1 alert".to_owned(),
        many => format!("{many} alerts"),
    };
    let what = match root.kind {
        Kind::Outage => "an outage there",
        Kind::Defect => "programs that fail there",
        Kind::Expiry => "a certificate that is no longer valid there",
        Kind::Slowness => "slow answers from there",
        Kind::Isolation => "that it cannot be reached",
        Kind::Misconfiguration => "wrong settings from there",
        Kind::Surge => "more load than usual there",
        Kind::Greed => "that it takes too much of its node",
        Kind::Leak => "that it keeps too many connections",
        Kind::Shortage => "that it has too few connections for its clients",
        Kind::Ailment => "that some requests fail or are slow there",
    };
    format!("{what} would explain {alerts}")
}
