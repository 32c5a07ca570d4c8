//! Silences as Alertmanager's API v2 keeps them: alerts that one matches are not told while it is in force.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{clock::SimClock, telemetry::series::Labels};

/// Every silence there ever was.
#[derive(Clone, Default)]
pub struct Silences {
    all: Arc<Mutex<Vec<Silence>>>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Silence {
    #[serde(default)]
    id: String,
    matchers: Vec<Matcher>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    created_by: String,
    comment: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Matcher {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Matcher {
    /// A pattern must match the whole value; one that is no pattern matches nothing.
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name);
        let same = if self.is_regex {
            regex::Regex::new(&format!("^(?:{})$", self.value)).is_ok_and(|pattern| pattern.is_match(value))
        } else {
            value == self.value
        };
        same == self.is_equal
    }
}

impl Silence {
    fn state(&self, now: Timestamp) -> &'static str {
        if now >= self.ends_at {
            "expired"
        } else if now < self.starts_at {
            "pending"
        } else {
            "active"
        }
    }

    fn shown(&self, now: Timestamp) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value["status"] = json!({"state": self.state(now)});
        value
    }
}

impl Silences {
    /// Whether one that is in force matches.
    pub(super) fn mutes(&self, labels: &Labels, now: Timestamp) -> bool {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut active = all.iter().filter(|silence| silence.state(now) == "active");
        active.any(|silence| silence.matchers.iter().all(|matcher| matcher.matches(labels)))
    }

    /// The routes of the API.
    pub(crate) fn router(&self, clock: SimClock) -> Router {
        Router::new()
            .route("/api/v2/silences", post(create).get(list))
            .route("/api/v2/silence/{id}", get(one).delete(expire))
            .with_state((self.clone(), clock))
    }
}

type Shared = State<(Silences, SimClock)>;

async fn create(State((silences, _)): Shared, Json(mut silence): Json<Silence>) -> Result<Json<Value>, (StatusCode, String)> {
    if silence.matchers.iter().all(|matcher| matcher.value.is_empty()) {
        return Err((
            StatusCode::BAD_REQUEST,
            "invalid silence: at least one matcher must not match the empty string".to_owned(),
        ));
    }
    if silence.ends_at <= silence.starts_at {
        return Err((
            StatusCode::BAD_REQUEST,
            "invalid silence: end time must not be before start time".to_owned(),
        ));
    }
    silence.id = uuid::Uuid::new_v4().to_string();
    let id = silence.id.clone();
    silences.all.lock().unwrap_or_else(PoisonError::into_inner).push(silence);
    Ok(Json(json!({"silenceID": id})))
}

async fn list(State((silences, clock)): Shared) -> Json<Value> {
    let now = clock.now();
    let all = silences.all.lock().unwrap_or_else(PoisonError::into_inner);
    Json(all.iter().map(|silence| silence.shown(now)).collect())
}

async fn one(State((silences, clock)): Shared, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    let now = clock.now();
    let all = silences.all.lock().unwrap_or_else(PoisonError::into_inner);
    let found = all.iter().find(|silence| silence.id == id);
    found.map(|silence| Json(silence.shown(now))).ok_or(StatusCode::NOT_FOUND)
}

async fn expire(State((silences, clock)): Shared, Path(id): Path<String>) -> StatusCode {
    let now = clock.now();
    let mut all = silences.all.lock().unwrap_or_else(PoisonError::into_inner);
    match all.iter_mut().find(|silence| silence.id == id) {
        Some(silence) if silence.state(now) == "expired" => StatusCode::INTERNAL_SERVER_ERROR,
        Some(silence) => {
            silence.ends_at = now;
            StatusCode::OK
        }
        None => StatusCode::NOT_FOUND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(matchers: &Value) -> Silence {
        serde_json::from_value(json!({
            "matchers": matchers, "startsAt": "2026-03-10T12:00:00Z", "endsAt": "2026-03-10T12:15:00Z",
            "createdBy": "somebody", "comment": "working on it",
        }))
        .unwrap()
    }

    #[test]
    fn a_silence_mutes_what_all_its_matchers_match_while_it_is_in_force() {
        let silences = Silences::default();
        let matchers = json!([
            {"name": "alertname", "value": "ServiceDown", "isRegex": false},
            {"name": "service", "value": "cart|search", "isRegex": true, "isEqual": true},
        ]);
        silences.all.lock().unwrap().push(silence(&matchers));
        let of = |name: &str, service: &str| Labels::new("", &[("alertname", name), ("service", service)]).without_name();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let during = at("2026-03-10T12:05:00Z");
        assert!(silences.mutes(&of("ServiceDown", "cart"), during));
        assert!(!silences.mutes(&of("ServiceSlow", "cart"), during));
        assert!(
            !silences.mutes(&of("ServiceDown", "cart-api"), during),
            "a pattern matches the whole value"
        );
        assert!(
            !silences.mutes(&of("ServiceDown", "cart"), at("2026-03-10T12:15:00Z")),
            "it has ended"
        );
    }
}
