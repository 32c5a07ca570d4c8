//! What a click, a submitted form or a slash command says.

use paramedic_domain::{
    approval::Answer,
    button::{APPROVE, DENY, LOOK, Subject, TAKE_OVER},
};
use serde_json::Value;

/// Id of the form.
pub const FORM: &str = "paramedic_deny_form";
/// Id of the form's one field.
pub const REASON: &str = "reason";

/// Who clicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Workspace.
    pub team: String,
    /// User in it.
    pub id: String,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Clicked Approve and confirmed.
    Approve(Subject),
    /// Clicked Deny: asked why by a form.
    AskWhy {
        /// About what.
        subject: Subject,
        /// Opens the form; good for three seconds.
        trigger: String,
    },
    /// Sent the form.
    Deny {
        /// About what.
        subject: Subject,
        /// Why.
        reason: String,
    },
    /// Looks at it.
    Look(Subject),
    /// Does it by hand.
    TakeOver(Subject),
}

/// A deed of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// Who.
    pub user: User,
    /// What.
    pub deed: Deed,
    /// Where an answer that only they see goes; empty: nowhere.
    pub response_url: String,
}

/// Why an interaction cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

fn unreadable(what: impl Into<String>) -> Unreadable {
    Unreadable(what.into())
}

/// Reads an interaction; `None` for what is none of ours to act on (a link button, a form that was closed).
///
/// # Errors
/// When it should be ours and is not complete.
pub fn interaction(payload: &Value) -> Result<Option<Interaction>, Unreadable> {
    let user = || {
        Ok(User {
            team: word(payload, "/user/team_id").or_else(|_| word(payload, "/team/id"))?,
            id: word(payload, "/user/id")?,
        })
    };
    match payload["type"].as_str() {
        Some("block_actions") => {
            let action = &payload["actions"][0];
            let subject = || subject(&word(action, "/value")?);
            let deed = match action["action_id"].as_str() {
                Some(APPROVE) => Deed::Approve(subject()?),
                Some(LOOK) => Deed::Look(subject()?),
                Some(TAKE_OVER) => Deed::TakeOver(subject()?),
                Some(DENY) => Deed::AskWhy {
                    subject: subject()?,
                    trigger: word(payload, "/trigger_id")?,
                },
                _ => return Ok(None),
            };
            Ok(Some(Interaction {
                user: user()?,
                deed,
                response_url: word(payload, "/response_url").unwrap_or_default(),
            }))
        }
        Some("view_submission") if payload["view"]["callback_id"] == FORM => {
            let reason = payload["view"]["state"]["values"][REASON][REASON]["value"].as_str();
            Ok(Some(Interaction {
                user: user()?,
                deed: Deed::Deny {
                    subject: subject(&word(payload, "/view/private_metadata")?)?,
                    reason: reason.unwrap_or_default().to_owned(),
                },
                response_url: String::new(),
            }))
        }
        Some(_) => Ok(None),
        None => Err(unreadable("the payload has no type")),
    }
}

impl Deed {
    /// The answer that it gives, if it gives one.
    #[must_use]
    pub fn answer(&self) -> Option<(Answer, &Subject, &str)> {
        match self {
            Self::Approve(subject) => Some((Answer::Approve, subject, "")),
            Self::Deny { subject, reason } => Some((Answer::Deny, subject, reason)),
            Self::AskWhy { .. } | Self::Look(_) | Self::TakeOver(_) => None,
        }
    }
}

fn subject(text: &str) -> Result<Subject, Unreadable> {
    serde_json::from_str(text).map_err(|error| unreadable(format!("the button says nothing that we wrote: {error}")))
}

fn word(value: &Value, pointer: &str) -> Result<String, Unreadable> {
    let found = value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    found
        .map(str::to_owned)
        .ok_or_else(|| unreadable(format!("the payload has no {pointer}")))
}
