//! Grafana's alerting webhook: the form of Alertmanager's, version 1, with links to dashboards and panels in each alert.

use super::{
    body::{Chunks, Rejection},
    reading::Reading,
    webhook::{self, Flavour},
};

/// Reads a body.
///
/// # Errors
/// When not a single alert of it could be used whatever it held.
pub fn parse(body: Chunks) -> Result<Reading, Rejection> {
    let flavour = Flavour {
        sender: "Grafana",
        version: "1",
        advice: "use a webhook contact point of Grafana 9 or newer without a custom payload",
    };
    webhook::read(body, &flavour)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// As in Grafana's documentation of the webhook notifier.
    fn body() -> Value {
        json!({
            "receiver": "paramedic", "status": "firing", "orgId": 1, "groupLabels": {"alertname": "HighCpu"}, "commonLabels": {},
            "commonAnnotations": {}, "externalURL": "https://grafana.example/", "version": "1", "groupKey": "{}:{alertname=\"HighCpu\"}",
            "truncatedAlerts": 0, "title": "[FIRING:1] HighCpu", "state": "alerting", "message": "**Firing**",
            "alerts": [{
                "status": "firing", "labels": {"alertname": "HighCpu", "zone": "us-1"}, "annotations": {"summary": "CPU"},
                "startsAt": "2026-10-12T09:51:03.157076+02:00", "endsAt": "0001-01-01T00:00:00Z", "values": {"B": 44.23},
                "generatorURL": "https://grafana.example/alerting/1/edit", "fingerprint": "57c6d9296de2ad39",
                "silenceURL": "https://grafana.example/alerting/silence/new", "dashboardURL": "https://grafana.example/d/1",
                "panelURL": "", "imageURL": null, "valueString": "[ metric='cpu' labels={} value=44.23 ]"
            }],
        })
    }

    fn read(value: &Value) -> Result<Reading, Rejection> {
        parse(value.to_string().as_bytes().into())
    }

    #[test]
    fn its_alerts_keep_their_links_and_values() {
        let group = read(&body()).unwrap().groups.remove(0);
        assert!(group.whole);
        let alert = &group.alerts[0];
        assert_eq!(alert.starts_at, "2026-10-12T07:51:03.157076Z".parse().unwrap());
        assert_eq!(alert.annotations["dashboard_url"], "https://grafana.example/d/1");
        assert_eq!(alert.annotations["value_string"], "[ metric='cpu' labels={} value=44.23 ]");
        assert_eq!(alert.annotations.len(), 3, "an empty link is none");
    }

    #[test]
    fn the_old_alerting_and_alertmanager_itself_are_refused() {
        let old = json!({"ruleId": 1, "ruleName": "cpu", "state": "alerting", "evalMatches": []});
        assert!(matches!(read(&old), Err(Rejection::Shape(text)) if text.contains("Grafana 9 or newer")));
        let mut other = body();
        other["version"] = json!("4");
        assert!(matches!(read(&other), Err(Rejection::Version(text)) if text.contains("only \"1\"")));
    }
}
