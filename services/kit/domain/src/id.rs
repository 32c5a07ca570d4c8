//! Checked identifiers. A string becomes an id once, at the edge; after that the type speaks for it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A string that is not a valid id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} {text:?}: {rule}")]
pub struct InvalidId {
    /// What it should have been.
    pub kind: &'static str,
    /// What it was.
    pub text: String,
    /// What is allowed.
    pub rule: &'static str,
}

/// Subject tokens and KV keys are built from ids, so none may hold `.`, `*`, `>` or white space.
fn is_token(text: &str, max: usize) -> bool {
    !text.is_empty()
        && text.len() <= max
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, prefix $prefix:literal) => {
        id!(@type $(#[$doc])* $name, $kind, concat!("'", $prefix, "' and then lower-case letters, digits, '-' or '_', at most 64 characters"),
            |text: &str| text.len() > $prefix.len() && text.starts_with($prefix) && is_token(text, 64));
        impl $name {
            /// The id that always belongs to these parts: replays and competing replicas arrive at the same one.
            #[must_use]
            pub fn derive(parts: &[&str]) -> Self {
                Self(format!("{}{}", $prefix, short_hash(parts)))
            }
        }
    };
    ($(#[$doc:meta])* $name:ident, $kind:literal, token) => {
        id!(@type $(#[$doc])* $name, $kind, "lower-case letters, digits, '-' or '_', starting with a letter or digit, at most 63 characters",
            |text: &str| is_token(text, 63));
    };
    (@type $(#[$doc:meta])* $name:ident, $kind:literal, $rule:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else {
                    Err(InvalidId { kind: $kind, text: text.chars().take(80).collect(), rule: $rule })
                }
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> { text.parse() }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String { id.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    };
}

/// 80 bits of SHA-256 in lower-case base 32 (Crockford's digits): 16 characters, enough that two of a billion ids
/// collide with a chance below 1e-6.
fn short_hash(parts: &[&str]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let bytes = hasher.finalize();
    let bits = bytes[..10].iter().fold(0u128, |acc, byte| (acc << 8) | u128::from(*byte));
    (0..16)
        .rev()
        .map(|i| char::from(DIGITS[((bits >> (i * 5)) & 31) as usize]))
        .collect()
}

id!(/// One incident: `inc_…`.
    IncidentId, "incident id", prefix "inc_");
id!(/// One plan of one attempt: `plan_…`.
    PlanId, "plan id", prefix "plan_");
id!(/// One approval gate of one plan: `gate_…`.
    GateId, "gate id", prefix "gate_");
id!(/// One maintenance window: `mw_…`.
    WindowId, "maintenance window id", prefix "mw_");
id!(/// One request for a change, as who asks for it named it.
    RequestId, "request id", token);
id!(/// One event of an incident's log: `evt_…`.
    EventId, "event id", prefix "evt_");
id!(/// One cluster, as the operator named it in the configuration.
    ClusterId, "cluster name", token);
id!(/// One step of a plan, as its recommendation named it.
    StepId, "step id", token);
id!(/// One piece of evidence within an incident.
    EvidenceId, "evidence id", token);
id!(/// Whoever has an attempt in hand: one process, at one of its messages. Fences late writes of a predecessor.
    WorkerId, "worker id", token);

impl WorkerId {
    /// This process at its `number`th message. A message that comes again while the process still works on it, because a sign of
    /// life was lost, finds another worker there than itself and takes over.
    #[must_use]
    pub fn at(&self, number: u64) -> Self {
        // 63 characters at most: a dash, and the 20 digits of the largest number.
        let process: String = self.0.chars().take(63 - 21).collect();
        Self(format!("{process}-{number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_another_one_at_each_message_and_its_name_stays_an_id() {
        let process: WorkerId = "w".repeat(63).parse().unwrap();
        let (one, two) = (process.at(1), process.at(u64::MAX));
        assert_ne!(one, two);
        assert_eq!(two.as_str().parse::<WorkerId>().unwrap(), two);
    }

    #[test]
    fn a_derived_id_is_stable_parses_and_depends_on_part_borders() {
        let id = IncidentId::derive(&["a", "bc"]);
        assert_eq!(id, IncidentId::derive(&["a", "bc"]));
        assert_ne!(id, IncidentId::derive(&["ab", "c"]));
        assert_eq!(id.as_str().parse::<IncidentId>().unwrap(), id);
    }

    #[test]
    fn text_that_could_widen_a_subject_is_refused() {
        for bad in ["", "inc_", "inc_a.b", "inc_*", "inc_>", "INC_a", "inc_a b", "plan_a"] {
            assert!(bad.parse::<IncidentId>().is_err(), "{bad:?} parsed");
        }
    }
}
