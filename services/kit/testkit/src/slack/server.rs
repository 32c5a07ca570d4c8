//! The HTTP side of the stand-in.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State as Shared},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use super::{SlackCall, SlackFault, SlackMessage, State, limits};

/// The first message's id; later ones count up, as Slack's do within a second.
const FIRST_TS: u64 = 1_700_000_000_000_100;

pub(super) fn router(state: Arc<Mutex<State>>) -> Router {
    Router::new()
        .route("/api/{method}", post(call))
        .route("/hooks/{id}", post(hook))
        .with_state(state)
}

/// A `response_url`: what is said there only one person sees.
async fn hook(Shared(state): Shared<Arc<Mutex<State>>>, Json(body): Json<Value>) -> Response {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let private = body["response_type"] == "ephemeral" && body["replace_original"] == false;
    match text(&body, "text").filter(|_| private) {
        Some(said) => {
            state.whispers.push(said.to_owned());
            StatusCode::OK.into_response()
        }
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn call(Shared(state): Shared<Arc<Mutex<State>>>, Path(method): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = authorized(&state.token, &headers) {
        state.rejected += 1;
        return refused(error);
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if let Some(fault) = state.faults.pop_front() {
        let (error, response) = faulty(fault);
        state.calls.push(SlackCall {
            method,
            body,
            error: Some(error),
        });
        return response;
    }
    let result = match method.as_str() {
        "chat.postMessage" => post_message(&mut state, &body),
        "chat.update" => update(&mut state, &body),
        "views.open" => open(&mut state, &body),
        "auth.test" => Ok(json!({ "ok": true, "team": "test", "user": "paramedic", "bot_id": "B0001" })),
        _ => Err("unknown_method".to_owned()),
    };
    state.calls.push(SlackCall {
        method,
        body,
        error: result.as_ref().err().cloned(),
    });
    match result {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => refused(&error),
    }
}

fn authorized(token: &str, headers: &HeaderMap) -> Result<(), &'static str> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .ok_or("not_authed")?;
    if given.strip_prefix("Bearer ") == Some(token) {
        Ok(())
    } else {
        Err("invalid_auth")
    }
}

fn refused(error: &str) -> Response {
    Json(json!({ "ok": false, "error": error })).into_response()
}

fn faulty(fault: SlackFault) -> (String, Response) {
    match fault {
        SlackFault::RateLimited(after) => {
            let seconds = after.as_secs().max(1).to_string();
            let body = Json(json!({ "ok": false, "error": "ratelimited" }));
            let response = (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], body);
            ("ratelimited".into(), response.into_response())
        }
        SlackFault::Refused(error) => {
            let response = refused(&error);
            (error, response)
        }
        SlackFault::Http(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status.to_string(), status.into_response())
        }
    }
}

fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field)?.as_str().filter(|text| !text.is_empty())
}

fn post_message(state: &mut State, body: &Value) -> Result<Value, String> {
    let channel = text(body, "channel").ok_or("channel_not_found")?.to_owned();
    limits::check_message(body)?;
    let number = FIRST_TS + 100 * u64::try_from(state.messages.len()).unwrap_or(u64::MAX / 1000);
    let ts = format!("{}.{:06}", number / 1_000_000, number % 1_000_000);
    state.messages.push(SlackMessage {
        channel: channel.clone(),
        ts: ts.clone(),
        thread_ts: text(body, "thread_ts").map(str::to_owned),
        body: body.clone(),
        updates: 0,
    });
    Ok(json!({ "ok": true, "channel": channel, "ts": ts, "message": body }))
}

/// A trigger opens one form.
fn open(state: &mut State, body: &Value) -> Result<Value, String> {
    let trigger = text(body, "trigger_id").ok_or("invalid_arguments")?.to_owned();
    limits::check_modal(&body["view"])?;
    if !state.triggers.insert(trigger) {
        return Err("exchanged_trigger_id".to_owned());
    }
    Ok(json!({ "ok": true, "view": body["view"] }))
}

fn update(state: &mut State, body: &Value) -> Result<Value, String> {
    let channel = text(body, "channel").ok_or("channel_not_found")?;
    let ts = text(body, "ts").ok_or("message_not_found")?;
    limits::check_message(body)?;
    let found = state.messages.iter_mut().find(|m| m.channel == channel && m.ts == ts);
    let message = found.ok_or("message_not_found")?;
    message.body = body.clone();
    message.updates += 1;
    Ok(json!({ "ok": true, "channel": channel, "ts": ts, "text": body.get("text") }))
}
