//! Forms and lists in Block Kit.

use paramedic_domain::{approval::GateState, button::Subject, incident::Incident};
use serde_json::{Value, json};

use super::payload::{FORM, REASON};
use crate::core::decide::MAX_REASON;

/// Most gates in one list: Slack takes 50 blocks in a message.
const MAX_LISTED: usize = 40;
/// Longest headline in a list, characters.
const MAX_TITLE: usize = 200;

/// The form that asks why somebody denies.
#[must_use]
pub fn denial(subject: &Subject) -> Value {
    json!({
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": serde_json::to_string(subject).expect("four plain fields"),
        "title": {"type": "plain_text", "text": "Deny this change?"},
        "submit": {"type": "plain_text", "text": "Deny it"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": format!(
                "Nothing behind `{}` will run (change `{}`).", subject.gate, subject.digest.short()
            )}},
            {"type": "input", "block_id": REASON, "optional": true,
             "label": {"type": "plain_text", "text": "Why? It is kept in the incident's log."},
             "element": {"type": "plain_text_input", "action_id": REASON, "multiline": true, "max_length": MAX_REASON}},
        ],
    })
}

/// What only the person who did something sees.
#[must_use]
pub fn whisper(text: &str) -> Value {
    json!({"response_type": "ephemeral", "replace_original": false, "text": escape(text)})
}

/// The gates that wait, for somebody who asked with the slash command.
#[must_use]
pub fn waiting(incidents: &[Incident]) -> Value {
    let rows: Vec<String> = incidents
        .iter()
        .flat_map(|incident| {
            let asking = incident.gates.iter().filter_map(|(gate, state)| match state {
                GateState::Waiting { expires_at, .. } => Some((gate, expires_at)),
                GateState::Planned | GateState::Granted { .. } | GateState::Denied { .. } | GateState::Expired { .. } => None,
            });
            asking.map(|(gate, expires_at)| {
                let title: String = incident.title.chars().take(MAX_TITLE).collect();
                format!(
                    "• *{}* (`{}`, cluster `{}`): `{gate}` until {}",
                    escape(&title).replace(['*', '`', '\n'], " "),
                    incident.id,
                    incident.cluster,
                    expires_at.strftime("%H:%M UTC")
                )
            })
        })
        .collect();
    if rows.is_empty() {
        return whisper("Nothing waits for an answer.");
    }
    let left_out = rows.len().saturating_sub(MAX_LISTED);
    let section = |row: &String| json!({"type": "section", "text": {"type": "mrkdwn", "text": row, "verbatim": true}});
    let mut blocks: Vec<Value> = rows.iter().take(MAX_LISTED).map(section).collect();
    if left_out > 0 {
        blocks.push(section(&format!("and {left_out} more: `paramedic incidents --open`")));
    }
    json!({"response_type": "ephemeral", "text": format!("{} questions wait for an answer", rows.len()), "blocks": blocks})
}

/// Slack's three control characters.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
