//! Incidents in one line.

use paramedic_domain::incident::Incident;
use paramedic_proto::v1;
use paramedic_wire::Wire;

/// The line of an incident.
pub(super) fn summary(incident: &Incident) -> v1::IncidentSummary {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    v1::IncidentSummary {
        cluster: incident.cluster.to_string(),
        incident: incident.id.to_string(),
        title: incident.title.clone(),
        status: incident.status().to_proto(),
        severity: incident.severity.to_proto(),
        priority: incident.priority.map(|priority| priority.to_proto()).unwrap_or_default(),
        environment: incident.environment.clone(),
        team: incident.team.clone(),
        alerts: count(incident.alerts.len()),
        firing: count(incident.firing().count()),
        opened_at: incident.opened_at.map(|time| time.to_proto()),
        updated_at: incident.updated_at.map(|time| time.to_proto()),
        version: incident.version,
        diagnosis: incident
            .diagnosis
            .as_ref()
            .map(|diagnosis| diagnosis.summary.clone())
            .unwrap_or_default(),
        attempt: incident.attempt,
        root: incident
            .ranking
            .as_ref()
            .and_then(|ranking| ranking.candidates.first())
            .map(|first| first.entity.clone())
            .unwrap_or_default(),
        storm: incident.storm.is_some(),
        firings: incident.members.values().map(|member| member.firings).sum(),
        end_reason: incident.end.as_ref().map(|end| end.reason.clone()).unwrap_or_default(),
    }
}
