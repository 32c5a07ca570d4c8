//! Whether a person's word on which alerts belong together can be carried out.

use paramedic_domain::{
    correlation::Correction,
    incident::{Incident, Status},
};

/// Alerts that the correction is about.
///
/// `from`: the incident that has them now; `into`: the one that shall, if there is one.
///
/// # Errors
/// Why nothing would come of it, and what to do instead.
pub fn check(correction: &Correction, from: &Incident, into: Option<&Incident>) -> Result<usize, String> {
    for incident in [Some(from), into].into_iter().flatten() {
        match incident.status() {
            Status::Open | Status::Analysing | Status::Planning | Status::AwaitingApproval | Status::Executing | Status::Verifying => {}
            Status::Resolved | Status::Escalated | Status::Cancelled | Status::Merged => {
                let end = incident.end.as_ref().map(|end| end.reason.as_str()).unwrap_or_default();
                return Err(format!("{} is over ({end}): its alerts stay where they are", incident.id));
            }
        }
    }
    match correction {
        Correction::Merge { from: one, into: other } if one == other => Err(format!("{one} is itself already")),
        Correction::Merge { .. } => match at_work(from) {
            true => Err(format!(
                "{} is being worked on: merge the other incident into it, or cancel its workflow first",
                from.id
            )),
            false => Ok(from.alerts.len()),
        },
        Correction::Split { fingerprints, .. } | Correction::Detach { fingerprints, .. } => {
            if fingerprints.is_empty() {
                return Err("name at least one alert by its fingerprint: `paramedic show` lists them".into());
            }
            let strangers: Vec<&str> = fingerprints
                .iter()
                .filter(|fingerprint| !from.alerts.contains_key(*fingerprint))
                .map(String::as_str)
                .collect();
            if !strangers.is_empty() {
                return Err(format!(
                    "{} has no alert {}: `paramedic show` lists the fingerprints of those it has",
                    from.id,
                    strangers.join(", ")
                ));
            }
            let all = from.alerts.keys().all(|fingerprint| fingerprints.contains(fingerprint));
            match correction {
                Correction::Split { .. } if all => Err(format!("these are all alerts of {}: it would only get another name", from.id)),
                Correction::Detach { .. } if all && at_work(from) => Err(format!(
                    "{} is being worked on and would have no alert left: cancel it instead",
                    from.id
                )),
                Correction::Split { .. } | Correction::Detach { .. } | Correction::Merge { .. } => Ok(fingerprints.len()),
            }
        }
    }
}

/// Whether people were asked, or something runs or ran.
fn at_work(incident: &Incident) -> bool {
    incident.plan.is_some() || incident.run.is_some()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use paramedic_domain::alert::{Alert, AlertStatus};
    use paramedic_domain::event::Event;

    use super::*;

    fn incident(id: &str, fingerprints: &[&str]) -> Incident {
        let alert = |fingerprint: &&str| Alert {
            fingerprint: (*fingerprint).into(),
            status: AlertStatus::Firing,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            starts_at: jiff::Timestamp::UNIX_EPOCH,
            ends_at: None,
            generator_url: String::new(),
            group_key: String::new(),
        };
        let opened = Event::IncidentOpened {
            title: "t".into(),
            severity: paramedic_domain::alert::Severity::Warning,
            alerts: fingerprints.iter().map(alert).collect(),
            traceparent: None,
            request: None,
        };
        Incident::new("prod".parse().unwrap(), id.parse().unwrap()).foresee(&[opened], jiff::Timestamp::UNIX_EPOCH, None)
    }

    fn some(fingerprints: &[&str]) -> Vec<String> {
        fingerprints.iter().map(|fingerprint| (*fingerprint).to_owned()).collect()
    }

    fn split(fingerprints: &[&str]) -> Correction {
        Correction::Split {
            from: "inc_a".parse().unwrap(),
            fingerprints: some(fingerprints),
        }
    }

    #[test]
    fn what_would_change_nothing_is_refused_with_a_reason() {
        let (a, b) = (incident("inc_a", &["f1", "f2"]), incident("inc_b", &["f3"]));
        assert_eq!(check(&split(&["f1"]), &a, None), Ok(1));
        assert!(check(&split(&[]), &a, None).is_err());
        assert!(check(&split(&["f1", "f2"]), &a, None).unwrap_err().contains("another name"));
        assert!(check(&split(&["f3"]), &a, None).unwrap_err().contains("no alert f3"));
        let merge = |from: &Incident, into: &Incident| Correction::Merge {
            from: from.id.clone(),
            into: into.id.clone(),
        };
        assert_eq!(check(&merge(&a, &b), &a, Some(&b)), Ok(2));
        assert!(check(&merge(&a, &a), &a, Some(&a)).is_err());
        let over = b.foresee(
            &[Event::IncidentResolved { reason: "verified".into() }],
            jiff::Timestamp::UNIX_EPOCH,
            None,
        );
        assert!(
            check(&merge(&a, &over), &a, Some(&over))
                .unwrap_err()
                .contains("is over (verified)")
        );
    }
}
