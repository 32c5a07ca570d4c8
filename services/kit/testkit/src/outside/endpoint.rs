//! A stand-in for a webhook or a registered endpoint that knows a repeated request by its key.

use anyhow::Result;
use serde_json::{Value, json};

use super::{OutsideCall, OutsideFault, StandIn};

/// An endpoint that takes anything at any path; what it did is kept by key.
#[derive(Debug)]
pub struct EndpointStandIn(StandIn<Vec<(String, OutsideCall)>>);

impl EndpointStandIn {
    /// Starts it; only requests with this `Authorization` are answered, all when it is empty. Requests with a header
    /// `X-Dry-Run` have no effect.
    pub async fn start(credentials: &str) -> Result<Self> {
        StandIn::start(Vec::new(), credentials, answer).await.map(Self)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The next changing requests fail in these ways, in order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = OutsideFault>) {
        self.0.lock().faults.extend(faults);
    }

    /// Every request so far.
    #[must_use]
    pub fn calls(&self) -> Vec<OutsideCall> {
        self.0.lock().calls.clone()
    }

    /// The requests that had an effect, with their keys.
    #[must_use]
    pub fn effects(&self) -> Vec<(String, OutsideCall)> {
        self.0.lock().state.clone()
    }
}

fn answer(effects: &mut Vec<(String, OutsideCall)>, call: &OutsideCall) -> (u16, Value) {
    let text = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    if text("x-dry-run").is_some() {
        let refused = call.body.get("refuse").is_some();
        return if refused {
            (422, json!({"message": "would be refused"}))
        } else {
            (200, json!({"would": true}))
        };
    }
    let Some(key) = text("idempotency-key") else {
        return (400, json!({"message": "no Idempotency-Key"}));
    };
    if effects.iter().any(|(known, _)| known == key) {
        return (409, json!({"message": "done before", "idempotency_key": key}));
    }
    effects.push((key.to_owned(), call.clone()));
    (200, json!({"done": true}))
}
