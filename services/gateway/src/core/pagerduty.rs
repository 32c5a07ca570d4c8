//! PagerDuty's webhooks, version 3: an incident that somebody or something else opened there.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use paramedic_domain::alert::{Alert, AlertStatus};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use super::{
    body::{Chunks, Rejection},
    fields, identity,
    lenient::{Object, Text},
    problems::{Problems, quoted},
    reading::{Group, Reading},
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Webhook {
    event: Option<Object<Event>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    event_type: Text,
    occurred_at: Text,
    data: Option<Object<Incident>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Incident {
    id: Text,
    title: Text,
    html_url: Text,
    created_at: Text,
    urgency: Text,
    service: Option<Object<Reference>>,
    priority: Option<Object<Reference>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reference {
    summary: Text,
}

/// Whether the `X-PagerDuty-Signature` header holds a signature of this body with one of the secrets. While secrets rotate
/// PagerDuty sends several.
#[must_use]
pub fn is_signed<'a>(header: &str, body: &Chunks, secrets: impl IntoIterator<Item = &'a SecretString>) -> bool {
    let signatures: Vec<Vec<u8>> = header
        .split(',')
        .filter_map(|one| hex::decode(one.trim().strip_prefix("v1=")?).ok())
        .collect();
    let mut signed = false;
    for secret in secrets {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
            continue;
        };
        for piece in body.pieces() {
            mac.update(piece);
        }
        // All are compared, each in constant time.
        for signature in &signatures {
            signed |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    signed
}

/// Reads a body. Events that change nothing here (an acknowledgement, a note, a ping) are read as nothing.
///
/// # Errors
/// When it is no event of PagerDuty.
pub fn parse(body: Chunks) -> Result<Reading, Rejection> {
    let shape = |what: String| Rejection::Shape(format!("{what}; this source takes PagerDuty's webhooks version 3"));
    let webhook = match body.read_json()? {
        Object::Is(Webhook { event: Some(event) }) => event,
        Object::Is(Webhook { event: None }) => return Err(shape("event is missing".into())),
        Object::Other(what) => return Err(shape(format!("the body is {what}, expected an object"))),
    };
    let event = match webhook {
        Object::Is(event) => event,
        Object::Other(what) => return Err(shape(format!("event is {what}, expected an object"))),
    };
    let status = match &event.event_type {
        Text::Is(kind) => match kind.as_str() {
            "incident.triggered" | "incident.reopened" => AlertStatus::Firing,
            "incident.resolved" => AlertStatus::Resolved,
            _ => return Ok(Reading::default()),
        },
        Text::Missing => return Err(shape("event.event_type is missing".into())),
        Text::Other(what) => return Err(shape(format!("event.event_type is {what}, expected a string"))),
    };
    let reopened = event.event_type == Text::Is("incident.reopened".into());
    let Some(Object::Is(incident)) = event.data else {
        return Err(shape("event.data is no incident".into()));
    };
    let mut problems = Problems::default();
    let alert = alert(&event.occurred_at, reopened, status, incident, &mut problems);
    let Some(alert) = alert else {
        return Ok(Reading::wrong(problems.sentences("")));
    };
    Ok(Reading {
        groups: vec![Group {
            key: alert.group_key.clone(),
            whole: false,
            missing: None,
            alerts: vec![alert],
        }],
        problems: Vec::new(),
    })
}

fn alert(occurred_at: &Text, reopened: bool, status: AlertStatus, incident: Incident, problems: &mut Problems) -> Option<Alert> {
    let id = match &incident.id {
        Text::Is(id) if (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()) => Some(id.clone()),
        Text::Is(other) => {
            problems.add(format!("event.data.id is {}, expected letters and digits", quoted(other)));
            None
        }
        Text::Missing | Text::Other(_) => {
            problems.add("event.data.id is missing".into());
            None
        }
    };
    let occurred_at = fields::time(format_args!("event.occurred_at"), occurred_at, problems);
    let created_at = fields::time(format_args!("event.data.created_at"), &incident.created_at, problems);
    let (id, occurred_at, created_at) = (id?, occurred_at?, created_at?);
    let summary = |reference: Option<Object<Reference>>| match reference {
        Some(Object::Is(reference)) => fields::text(reference.summary),
        Some(Object::Other(_)) | None => String::new(),
    };
    let identity = BTreeMap::from([("pagerduty_incident".to_owned(), id.clone())]);
    let mut labels = identity.clone();
    labels.insert("alertname".into(), "PagerDutyIncident".into());
    let low = incident.urgency == Text::Is("low".into());
    labels.insert("severity".into(), if low { "warning" } else { "critical" }.into());
    labels.insert("service".into(), summary(incident.service));
    labels.insert("priority".into(), summary(incident.priority));
    labels.retain(|_, value| !value.is_empty());
    let mut annotations = BTreeMap::from([
        ("summary".to_owned(), fields::text(incident.title)),
        ("pagerduty_url".to_owned(), fields::text(incident.html_url)),
    ]);
    annotations.retain(|_, value| !value.is_empty());
    let alert = Alert {
        // By the incident alone: its service and its priority may be changed.
        fingerprint: identity::fingerprint(&identity),
        status,
        labels,
        annotations,
        starts_at: if reopened { occurred_at } else { created_at },
        ends_at: (status == AlertStatus::Resolved).then_some(occurred_at),
        generator_url: String::new(),
        group_key: format!("pagerduty:{id}"),
    };
    fields::bounded(format_args!("event.data"), alert, problems)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body(event_type: &str) -> Value {
        json!({"event": {
            "id": "5ac64822-4adc-4fda-ade0-410becf0de4f", "event_type": event_type, "resource_type": "incident",
            "occurred_at": "2026-10-02T18:45:22.169Z", "agent": {"summary": "Tenex Engineer"}, "client": null,
            "data": {
                "id": "PGR0VU2", "type": "incident", "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2", "number": 2,
                "status": "triggered", "created_at": "2026-10-02T18:40:00Z", "title": "A little bump in the road",
                "service": {"id": "PF9KMXH", "summary": "payment-service"}, "priority": {"summary": "P1"}, "urgency": "high",
            }
        }})
    }

    fn read(value: &Value) -> Result<Reading, Rejection> {
        parse(value.to_string().as_bytes().into())
    }

    #[test]
    fn an_incident_fires_until_it_is_resolved_and_is_the_same_whatever_changes() {
        let fired = read(&body("incident.triggered")).unwrap().groups.remove(0).alerts.remove(0);
        assert_eq!(
            (fired.status, fired.name(), fired.label("service")),
            (AlertStatus::Firing, "PagerDutyIncident", "payment-service")
        );
        assert_eq!(fired.annotations["summary"], "A little bump in the road");
        let mut changed = body("incident.resolved");
        changed["event"]["data"]["service"] = json!({"summary": "checkout"});
        changed["event"]["data"]["priority"] = json!(null);
        let resolved = read(&changed).unwrap().groups.remove(0).alerts.remove(0);
        assert_eq!(
            (resolved.status, resolved.ends_at),
            (AlertStatus::Resolved, Some("2026-10-02T18:45:22.169Z".parse().unwrap()))
        );
        assert_eq!((&resolved.fingerprint, resolved.starts_at), (&fired.fingerprint, fired.starts_at));
        let again = read(&body("incident.reopened")).unwrap().groups.remove(0).alerts.remove(0);
        assert!(again.starts_at > fired.starts_at);
    }

    #[test]
    fn what_changes_nothing_here_is_read_as_nothing() {
        for event in [
            "incident.acknowledged",
            "incident.annotated",
            "pagey.ping",
            "service.updated",
            "tomorrow's",
        ] {
            assert_eq!(read(&body(event)), Ok(Reading::default()), "{event}");
        }
        assert_eq!(
            read(&json!({"event": {"event_type": "pagey.ping", "data": {"message": "Hello"}}})),
            Ok(Reading::default())
        );
    }

    #[test]
    fn other_bodies_are_refused() {
        for other in [
            json!({"messages": []}),
            json!([]),
            json!({"event": 1}),
            json!({"event": {}}),
            json!({"event": {"event_type": "incident.resolved", "data": 3}}),
        ] {
            assert!(
                matches!(read(&other), Err(Rejection::Shape(text)) if text.contains("version 3")),
                "{other}"
            );
        }
        let mut wrong = body("incident.triggered");
        wrong["event"]["data"]["id"] = json!("a b");
        wrong["event"]["occurred_at"] = json!(null);
        assert_eq!(
            read(&wrong).unwrap().problems,
            [
                "event.data.id is \"a b\", expected letters and digits",
                "event.occurred_at is missing"
            ]
        );
    }

    #[test]
    fn a_signature_is_of_the_body_with_one_of_the_secrets() {
        let secrets = ["the first secret", "the second secret"].map(SecretString::from);
        let mut body = Chunks::default();
        for piece in [&b"{\"event\""[..], b": {}}"] {
            body.push(bytes::Bytes::from_static(piece));
        }
        // printf '{"event": {}}' | openssl dgst -sha256 -hmac 'the second secret'
        let valid = "v1=5ed675e11fdc913fe124579654b9375c5f273cfae08a483942339e3bfdc7965a";
        assert!(is_signed(valid, &body, &secrets));
        assert!(is_signed(&format!("v1=00ff, {valid}"), &body, &secrets));
        assert!(!is_signed(valid, &body, &secrets[..1]));
        assert!(!is_signed(valid, &(&b"{}"[..]).into(), &secrets));
        for wrong in ["", "v1=", "v1=zz", "v0=00", &valid[3..]] {
            assert!(!is_signed(wrong, &body, &secrets), "{wrong:?}");
        }
    }
}
