//! Roles of people, and how some of them are meant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a person may do; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything.
    Viewer,
    /// Stops things: denies, takes over, pauses, acknowledges.
    Responder,
    /// Lets things run.
    Approver,
    /// Is one of every audience, and changes what holds for all: the kill switch, maintenance.
    Admin,
}

impl Role {
    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of the people, as rules name them: `role:approver`, `team:payments`, `person:ann@example.com`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Audience {
    /// Who has at least this role where the change is.
    Role(Role),
    /// Members of a team.
    Team(String),
    /// One person.
    Person(String),
}

/// Words that mean nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} means nobody: write role:viewer|responder|approver|admin, team:NAME or person:ID")]
pub struct UnknownAudience(String);

impl FromStr for Audience {
    type Err = UnknownAudience;

    fn from_str(text: &str) -> Result<Self, UnknownAudience> {
        let unknown = || UnknownAudience(text.chars().take(80).collect());
        let (kind, name) = text.split_once(':').ok_or_else(unknown)?;
        let plain = !name.trim().is_empty() && name.trim() == name && !name.chars().any(char::is_control);
        match kind {
            "role" => [Role::Viewer, Role::Responder, Role::Approver, Role::Admin]
                .into_iter()
                .find(|role| role.name() == name)
                .map(Self::Role)
                .ok_or_else(unknown),
            "team" if plain => Ok(Self::Team(name.to_owned())),
            "person" if plain => Ok(Self::Person(name.to_owned())),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Audience {
    type Error = UnknownAudience;

    fn try_from(text: String) -> Result<Self, UnknownAudience> {
        text.parse()
    }
}

impl From<Audience> for String {
    fn from(audience: Audience) -> Self {
        audience.to_string()
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Team(name) => write!(f, "team:{name}"),
            Self::Person(id) => write!(f, "person:{id}"),
        }
    }
}

/// Any of these, in words: `team:payments or role:admin`.
#[must_use]
pub fn any_of(audiences: &[Audience]) -> String {
    let words: Vec<String> = audiences.iter().map(ToString::to_string).collect();
    words.join(" or ")
}

/// Whether two identities are one person's: addresses and user names are compared without regard to case, so that `Ann@` and
/// `ann@` are not two people.
#[must_use]
pub fn same_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_written_as_it_is_read() {
        for text in ["role:admin", "team:payments", "person:ann@example.com"] {
            assert_eq!(text.parse::<Audience>().unwrap().to_string(), text);
        }
        for text in ["admin", "role:boss", "team:", "team: x", "person:a\nb", "group:x"] {
            assert!(text.parse::<Audience>().is_err(), "{text}");
        }
        assert!(Role::Viewer < Role::Responder && Role::Approver < Role::Admin);
    }
}
