//! What one person may do at one moment.

use std::collections::BTreeSet;

use paramedic_domain::{
    name_pattern::fits,
    people::{Audience, Role, same_person},
    touched::Touched,
};
use serde::Deserialize;

use crate::place::Place;

/// A role somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Names of namespaces, or beginnings of names with `*`.
    #[serde(default = "everywhere")]
    pub namespaces: Vec<String>,
    /// Names of clusters, or beginnings of names with `*`.
    #[serde(default = "everywhere")]
    pub clusters: Vec<String>,
}

fn everywhere() -> Vec<String> {
    vec!["*".to_owned()]
}

/// One person, in every capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The person's one identity, whatever channel it came through.
    pub id: String,
    capacities: Vec<Capacity>,
}

/// Somebody as themselves, or as the delegate of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capacity {
    /// Who acts.
    id: String,
    /// In whose name; `None`: in their own.
    behalf_of: Option<String>,
    grants: Vec<Grant>,
    teams: BTreeSet<String>,
}

impl Standing {
    /// Somebody's standing: their own, then those that others lent them.
    pub(crate) fn new(own: Capacity, lent: Vec<Capacity>) -> Self {
        Self {
            id: own.id.clone(),
            capacities: std::iter::once(own).chain(lent).collect(),
        }
    }

    /// Where no people are known, everybody's word is taken and everybody may do everything.
    #[must_use]
    pub fn unchecked(id: &str) -> Self {
        let everything = Grant {
            role: Role::Admin,
            namespaces: everywhere(),
            clusters: everywhere(),
        };
        Self::new(Capacity::new(id.trim(), None, vec![everything], BTreeSet::new()), Vec::new())
    }

    /// The capacities in which the person has a role there, their own first.
    pub fn capacities<'a>(&'a self, role: Role, place: &'a Place<'_>) -> impl Iterator<Item = &'a Capacity> {
        self.capacities.iter().filter(move |capacity| capacity.has(role, place))
    }

    /// Whether the person has a role there.
    #[must_use]
    pub fn has(&self, role: Role, place: &Place<'_>) -> bool {
        self.capacities(role, place).next().is_some()
    }

    /// Whether the person has a role anywhere.
    #[must_use]
    pub fn has_anywhere(&self, role: Role) -> bool {
        let mut grants = self.capacities.iter().flat_map(|capacity| &capacity.grants);
        grants.any(|grant| grant.role >= role)
    }
}

impl Capacity {
    pub(crate) fn new(id: &str, behalf_of: Option<String>, grants: Vec<Grant>, teams: BTreeSet<String>) -> Self {
        Self {
            id: id.to_owned(),
            behalf_of,
            grants,
            teams,
        }
    }

    /// In whose name; `None`: their own.
    #[must_use]
    pub fn behalf_of(&self) -> Option<&str> {
        self.behalf_of.as_deref()
    }

    /// Whose rights these are.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.behalf_of.as_deref().unwrap_or(&self.id)
    }

    fn has(&self, role: Role, place: &Place<'_>) -> bool {
        let grants: Vec<&Grant> = self
            .grants
            .iter()
            .filter(|grant| grant.role >= role && grant.clusters.iter().any(|pattern| fits(pattern, place.cluster.as_str())))
            .collect();
        let everywhere = grants.iter().any(|grant| grant.namespaces.iter().any(|pattern| pattern == "*"));
        match &place.namespaces {
            Touched::Known(names) if !names.is_empty() && !place.cluster_wide => names.iter().all(|name| {
                grants
                    .iter()
                    .any(|grant| grant.namespaces.iter().any(|pattern| fits(pattern, name)))
            }),
            Touched::Known(_) | Touched::Unknown => everywhere,
        }
    }

    /// Whether this is one of them. An admin of the place is one of everybody.
    #[must_use]
    pub fn is_one_of(&self, audiences: &[Audience], place: &Place<'_>) -> bool {
        self.has(Role::Admin, place)
            || audiences.iter().any(|audience| match audience {
                Audience::Role(role) => self.has(*role, place),
                Audience::Team(team) => self.teams.contains(team),
                Audience::Person(person) => same_person(person, self.owner()),
            })
    }

    /// The right in words, as in `approver in shop for ann@example.com`.
    #[must_use]
    pub fn right(&self, role: Role, place: &Place<'_>) -> String {
        let highest = [Role::Admin, Role::Approver, Role::Responder]
            .into_iter()
            .find(|one| self.has(*one, place));
        let behalf = self.behalf_of.as_ref().map(|of| format!(" for {of}")).unwrap_or_default();
        format!("{} in {}{behalf}", highest.unwrap_or(role), place)
    }
}
