//! Who is signed in, until when.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::claims::Person;

/// A browser's session. It lives in a sealed cookie alone, so every replica knows it and none can take it back before it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Names the session; forms are bound to it.
    pub id: String,
    /// Who it is, from the configured claim.
    pub identity: String,
    /// Who it is at the provider, for ever: the claim `sub`.
    pub subject: String,
    /// Groups at the provider when the session began.
    pub groups: Vec<String>,
    /// When it began.
    pub issued_at: Timestamp,
    /// When it ends, however busy it is.
    pub expires_at: Timestamp,
}

impl Session {
    /// A session that begins now.
    pub(crate) fn begin(id: String, person: Person, now: Timestamp, length: Duration) -> Self {
        Self {
            id,
            identity: person.identity,
            subject: person.subject,
            groups: person.groups,
            issued_at: now,
            expires_at: after(now, length),
        }
    }

    /// The session, unless it is over.
    pub(crate) fn open(self, now: Timestamp) -> Option<Self> {
        (now < self.expires_at).then_some(self)
    }
}

/// A sign-in that has begun: what the callback must match. It lives in a sealed cookie of the browser that began it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    /// Where to go when it succeeds.
    pub(crate) back: String,
    pub(crate) expires_at: Timestamp,
}

impl Attempt {
    /// How long somebody may take at the provider: password, second factor, a telephone that is in another room.
    pub(crate) const LENGTH: Duration = Duration::from_mins(10);
}

/// `now` and a span, or the end of time.
pub(crate) fn after(now: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span)
        .ok()
        .and_then(|span| now.checked_add(span).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_to_the_second() {
        let now: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let person = Person {
            identity: "ann@example.com".into(),
            subject: "1".into(),
            groups: vec![],
        };
        let session = Session::begin("id".into(), person, now, Duration::from_hours(8));
        assert!(session.clone().open("2026-03-01T15:59:59Z".parse().unwrap()).is_some());
        assert!(session.open("2026-03-01T16:00:00Z".parse().unwrap()).is_none());
    }
}
