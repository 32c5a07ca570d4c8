//! What an Alertmanager says about silences and inhibitions (API v2, `/api/v2/silences` and `/api/v2/alerts`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paramedic_domain::{
    matcher::{Comparison, Matcher},
    silence::{BELIEVED, Muted, Quiet, Silence},
};
use serde::Deserialize;

use super::problems::clipped;

/// Most bytes of a message: with subject and headers it stays below the bus's limit of 1 MiB.
const MAX_BYTES: usize = 900 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSilence {
    id: String,
    status: RawState,
    matchers: Vec<RawMatcher>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
struct RawState {
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMatcher {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    // Alertmanager before 0.22 knows no negative matchers.
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct RawAlert {
    fingerprint: String,
    status: RawStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStatus {
    #[serde(default)]
    silenced_by: Vec<String>,
    #[serde(default)]
    inhibited_by: Vec<String>,
}

/// An answer that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What is kept quiet.
    pub quiet: Quiet,
    /// Silences with a matcher that cannot be used here; of them only the alerts that Alertmanager itself names are quiet.
    pub unusable: Vec<String>,
    /// Alerts that did not fit into a message.
    pub left_out: usize,
}

/// Reads both answers.
///
/// # Errors
/// What is wrong with which of them.
pub fn read(source: &str, silences: &[u8], alerts: &[u8], seen_at: Timestamp) -> Result<Said, String> {
    let wrong = |which: &str, error: serde_json::Error| format!("the answer about {which} cannot be read: {}", clipped(&error.to_string()));
    let silences: Vec<RawSilence> = serde_json::from_slice(silences).map_err(|error| wrong("silences", error))?;
    let alerts: Vec<RawAlert> = serde_json::from_slice(alerts).map_err(|error| wrong("alerts", error))?;
    let mut unusable = BTreeSet::new();
    let mut room = MAX_BYTES;
    let mut kept = BTreeMap::new();
    let mut left_out = 0;
    for silence in silences.into_iter().filter(|silence| silence.status.state != "expired") {
        let matchers: Result<Vec<Matcher>, _> = silence.matchers.iter().map(matcher).collect();
        let matchers = matchers.unwrap_or_else(|_| {
            unusable.insert(silence.id.clone());
            Vec::new()
        });
        let made = Silence {
            matchers,
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            by: clipped(&silence.created_by),
            comment: clipped(&silence.comment),
        };
        let bytes = 200 + silence.id.len() + silence.matchers.iter().map(|m| m.name.len() + 2 * m.value.len()).sum::<usize>();
        match room.checked_sub(bytes) {
            Some(left) => {
                room = left;
                kept.insert(silence.id, made);
            }
            None => left_out += 1,
        }
    }
    let mut muted = BTreeMap::new();
    for alert in alerts {
        // Those of the other silences are found by their matchers.
        let silenced_by: Vec<String> = alert.status.silenced_by.into_iter().filter(|id| unusable.contains(id)).collect();
        // The first one is named to people, no more of them are needed.
        let inhibited_by: Vec<String> = alert.status.inhibited_by.into_iter().min().into_iter().collect();
        if silenced_by.is_empty() && inhibited_by.is_empty() {
            continue;
        }
        let texts = silenced_by.iter().chain(&inhibited_by).map(|text| text.len() + 8).sum::<usize>();
        match room.checked_sub(32 + alert.fingerprint.len() + texts) {
            Some(left) => {
                room = left;
                muted.insert(alert.fingerprint, Muted { silenced_by, inhibited_by });
            }
            None => left_out += 1,
        }
    }
    Ok(Said {
        quiet: Quiet {
            source: source.to_owned(),
            seen_at,
            silences: kept,
            alerts: muted,
        },
        unusable: unusable.into_iter().collect(),
        left_out,
    })
}

fn matcher(raw: &RawMatcher) -> Result<Matcher, paramedic_domain::matcher::NotAMatcher> {
    let comparison = match (raw.is_regex, raw.is_equal) {
        (false, true) => Comparison::Equal,
        (false, false) => Comparison::NotEqual,
        (true, true) => Comparison::Matches,
        (true, false) => Comparison::MatchesNot,
    };
    Matcher::new(&raw.name, comparison, &raw.value)
}

/// Whether `now` has to be said, given what was said last: when it is something else, and, as long as something is inhibited, often
/// enough to be believed.
#[must_use]
pub fn is_news(now: &Quiet, said: Option<&Quiet>) -> bool {
    let Some(said) = said else { return true };
    let is_same = (&now.silences, &now.alerts) == (&said.silences, &said.alerts);
    let is_old = now.seen_at.duration_since(said.seen_at) >= BELIEVED / 3;
    !is_same || (is_old && !now.alerts.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn time(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn silence(id: &str, state: &str, matchers: Value) -> Value {
        json!({
            "id": id, "status": {"state": state}, "matchers": matchers, "startsAt": "2026-03-02T10:00:00.000Z",
            "endsAt": "2026-03-02T12:00:00.000Z", "updatedAt": "2026-03-02T10:00:00.000Z", "createdBy": "ann", "comment": "disks",
        })
    }

    fn said(silences: Value, alerts: Value) -> Said {
        read("am", silences.to_string().as_bytes(), alerts.to_string().as_bytes(), time(0)).unwrap()
    }

    #[test]
    fn silences_in_force_and_to_come_are_taken_with_their_matchers() {
        let matchers = json!([
            {"name": "a", "value": "b", "isRegex": false, "isEqual": true},
            {"name": "c", "value": "d.*", "isRegex": true, "isEqual": false},
            {"name": "e", "value": "f", "isRegex": false},
        ]);
        let said = said(
            json!([
                silence("1", "active", matchers.clone()),
                silence("2", "pending", matchers.clone()),
                silence("3", "expired", matchers)
            ]),
            json!([]),
        );
        assert_eq!(said.quiet.silences.keys().collect::<Vec<_>>(), ["1", "2"]);
        let texts: Vec<String> = said.quiet.silences["1"].matchers.iter().map(ToString::to_string).collect();
        assert_eq!(texts, [r#"a="b""#, r#"c!~"d.*""#, r#"e="f""#]);
        assert_eq!(said.quiet.silences["1"].by, "ann");
    }

    #[test]
    fn of_alerts_only_what_matchers_do_not_show_is_kept() {
        let bad = json!([{"name": "a", "value": "(", "isRegex": true, "isEqual": true}]);
        let good = json!([{"name": "a", "value": "b", "isRegex": false, "isEqual": true}]);
        let alert = |fingerprint: &str, silenced: Value, inhibited: Value| json!({"fingerprint": fingerprint, "status": {"state": "suppressed", "silencedBy": silenced, "inhibitedBy": inhibited}, "labels": {}});
        let said = said(
            json!([silence("bad", "active", bad), silence("good", "active", good)]),
            json!([
                alert("a", json!(["good"]), json!([])),
                alert("b", json!(["bad", "good"]), json!([])),
                alert("c", json!([]), json!(["z", "y"])),
            ]),
        );
        assert_eq!(said.unusable, ["bad"]);
        assert_eq!(said.quiet.alerts.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(said.quiet.alerts["b"].silenced_by, ["bad"]);
        assert_eq!(said.quiet.alerts["c"].inhibited_by, ["y"]);
    }

    #[test]
    fn what_is_too_much_for_a_message_is_left_out_and_counted() {
        let alerts: Vec<Value> = (0..40_000)
            .map(|number| json!({"fingerprint": format!("{number:016x}"), "status": {"inhibitedBy": ["root-root-root-0"]}}))
            .collect();
        let said = said(json!([]), json!(alerts));
        assert!(said.left_out > 0 && said.quiet.alerts.len() + said.left_out == 40_000);
        assert!(paramedic_wire::encode_quiet(&said.quiet).len() <= MAX_BYTES);
    }

    #[test]
    fn answers_that_are_none_are_refused() {
        for (silences, alerts) in [("", "[]"), ("[]", "{}"), ("[{}]", "[]"), ("[]", "[{\"fingerprint\": 3}]")] {
            assert!(
                read("am", silences.as_bytes(), alerts.as_bytes(), time(0)).is_err(),
                "{silences} {alerts}"
            );
        }
    }

    #[test]
    fn only_news_are_told_but_inhibitions_again_and_again() {
        let good = json!([{"name": "a", "value": "b", "isRegex": false, "isEqual": true}]);
        let at = |minute, quiet: &Quiet| Quiet {
            seen_at: time(minute),
            ..quiet.clone()
        };
        let silent = said(json!([silence("1", "active", good)]), json!([])).quiet;
        let inhibited = said(json!([]), json!([{"fingerprint": "a", "status": {"inhibitedBy": ["b"]}}])).quiet;
        assert!(is_news(&silent, None));
        assert!(!is_news(&at(60, &silent), Some(&silent)));
        assert!(is_news(&at(1, &inhibited), Some(&silent)));
        assert!(!is_news(&at(4, &inhibited), Some(&inhibited)));
        assert!(is_news(&at(5, &inhibited), Some(&inhibited)));
    }
}
