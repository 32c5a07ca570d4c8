//! Signed links: an answer that one recipient can give with one click and one confirmation.
//!
//! A token is `base64url(claims).base64url(HMAC-SHA256(secret, prefix ‖ claims))`, the claims being JSON. It names the
//! digest, so it cannot approve another change than the one in the message; the recipient, so the record says whose
//! link was used; the answer, so the deny link cannot approve; and its end.

use super::decide::Vote;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use paramedic_domain::{
    approval::{Answer, Channel, GateState},
    digest::Digest,
    id::{ClusterId, GateId, IncidentId},
    incident::Incident,
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Keeps these MACs apart from any other use of the same secret.
const PREFIX: &[u8] = b"paramedic approval link v1\n";
/// Longest token that is looked at: real ones have about 600 characters.
const MAX_TOKEN: usize = 4_096;

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Cluster of the incident.
    pub cluster: ClusterId,
    /// Incident.
    pub incident: IncidentId,
    /// Gate.
    pub gate: GateId,
    /// The exact change the message showed.
    pub digest: Digest,
    /// Yes or no.
    pub answer: Answer,
    /// Whom it was sent to: the identity of the decision.
    pub recipient: String,
    /// When it ends: with the question.
    pub expires_at: Timestamp,
}

/// Why a link is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// Not a token, or not signed with our secret.
    #[error("this link is not valid: it is incomplete or was changed; use the link as it stands in the message, or `paramedic approve`")]
    Invalid,
    /// Too late.
    #[error("this link expired at {0}")]
    Expired(Timestamp),
}

/// The two links of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Approves.
    pub approve: String,
    /// Denies.
    pub deny: String,
    /// When both end.
    pub expires_at: Timestamp,
}

/// The tokens by which `recipient` can answer a waiting gate; `None` when the gate does not wait.
#[must_use]
pub fn pair(secret: &[u8], incident: &Incident, gate: &GateId, recipient: &str) -> Option<Pair> {
    let digest = incident.plan.as_ref()?.gate(gate)?.digest;
    let GateState::Waiting { expires_at, .. } = incident.gates.get(gate)? else {
        return None;
    };
    let token = |answer| {
        mint(
            secret,
            &Claims {
                cluster: incident.cluster.clone(),
                incident: incident.id.clone(),
                gate: gate.clone(),
                digest,
                answer,
                recipient: recipient.to_owned(),
                expires_at: *expires_at,
            },
        )
    };
    Some(Pair {
        approve: token(Answer::Approve),
        deny: token(Answer::Deny),
        expires_at: *expires_at,
    })
}

/// The token of these claims: the same claims always give the same token.
#[must_use]
pub fn mint(secret: &[u8], claims: &Claims) -> String {
    let body = serde_json::to_vec(claims).expect("claims hold only strings");
    let mac = keyed(secret, &body).finalize().into_bytes();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(&body), URL_SAFE_NO_PAD.encode(mac))
}

/// The claims of a token that we signed and that has not ended. The comparison takes the same time wherever it differs.
///
/// # Errors
/// [`BadLink`], which says nothing about where a forged token is wrong.
pub fn verify(secret: &[u8], token: &str, now: Timestamp) -> Result<Claims, BadLink> {
    if token.len() > MAX_TOKEN {
        return Err(BadLink::Invalid);
    }
    let (body, mac) = token.split_once('.').ok_or(BadLink::Invalid)?;
    let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| BadLink::Invalid)?;
    let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| BadLink::Invalid)?;
    keyed(secret, &body).verify_slice(&mac).map_err(|_| BadLink::Invalid)?;
    let claims: Claims = serde_json::from_slice(&body).map_err(|_| BadLink::Invalid)?;
    if now >= claims.expires_at {
        return Err(BadLink::Expired(claims.expires_at));
    }
    Ok(claims)
}

/// The key under which the use of a token is remembered; it does not reveal the token.
#[must_use]
pub fn nonce_key(token: &str) -> String {
    let digest = Digest::of(token.as_bytes());
    format!("used/{}", hex::encode(digest.bytes()))
}

impl Claims {
    /// What using the link says.
    #[must_use]
    pub fn vote(&self, reason: &str) -> Vote {
        Vote {
            gate: self.gate.clone(),
            digest: self.digest,
            answer: self.answer,
            channel: Channel::Email,
            reason: reason.trim().to_owned(),
        }
    }
}

fn keyed(secret: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(PREFIX);
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::fixture::{Log, at, gate_id};

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn links() -> Pair {
        let log = Log::waiting(1);
        let gate = gate_id(&log.incident.plan.as_ref().unwrap().id, 0);
        pair(SECRET, &log.incident, &gate, "ann@example.com").unwrap()
    }

    #[test]
    fn a_link_says_what_was_signed_until_it_ends() {
        let links = links();
        let approve = verify(SECRET, &links.approve, at(1)).unwrap();
        assert_eq!(approve.answer, Answer::Approve);
        assert_eq!(approve.recipient, "ann@example.com");
        assert_eq!(verify(SECRET, &links.deny, at(1)).unwrap().answer, Answer::Deny);
        assert_eq!(verify(SECRET, &links.approve, at(1800)), Err(BadLink::Expired(at(1800))));
        assert_eq!(verify(b"another secret", &links.approve, at(1)), Err(BadLink::Invalid));
        assert_ne!(nonce_key(&links.approve), nonce_key(&links.deny));
    }

    #[test]
    fn the_signature_of_one_link_does_not_fit_the_claims_of_another() {
        let links = links();
        let (deny_claims, _) = links.deny.split_once('.').unwrap();
        let (_, approve_mac) = links.approve.split_once('.').unwrap();
        let mixed = format!("{deny_claims}.{approve_mac}");
        assert_eq!(verify(SECRET, &mixed, at(1)), Err(BadLink::Invalid));
    }

    #[test]
    fn there_is_no_link_for_a_gate_that_does_not_wait() {
        let log = Log::with_plan(1);
        let gate = gate_id(&log.incident.plan.as_ref().unwrap().id, 0);
        assert_eq!(pair(SECRET, &log.incident, &gate, "ann"), None);
    }

    proptest! {
        #[test]
        fn no_changed_token_is_accepted(position in 0..400usize, replacement in "[A-Za-z0-9_.-]") {
            let token = links().approve;
            let position = position % token.len();
            let mut changed = token.clone();
            changed.replace_range(position..=position, &replacement);
            prop_assume!(changed != token);
            prop_assert_eq!(verify(SECRET, &changed, at(1)), Err(BadLink::Invalid));
        }

        #[test]
        fn arbitrary_text_is_refused_without_a_panic(text in "\\PC{0,200}") {
            prop_assert_eq!(verify(SECRET, &text, at(1)), Err(BadLink::Invalid));
        }
    }
}
