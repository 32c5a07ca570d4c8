//! The file as it is written.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paramedic_domain::name_pattern;
use serde::Deserialize;

use crate::{standing::Grant, token};

/// Largest file, bytes: ten thousand people.
pub(crate) const MAX_BYTES: usize = 4 << 20;
/// Longest identity, characters: an address has at most 254 bytes, a user name far fewer.
const MAX_IDENTITY: usize = 200;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub(crate) people: Vec<Person>,
    pub(crate) groups: Vec<Group>,
    pub(crate) delegations: Vec<Delegation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) emails: Vec<String>,
    #[serde(default)]
    pub(crate) slack: Vec<String>,
    #[serde(default)]
    pub(crate) tokens: Vec<String>,
    #[serde(default)]
    pub(crate) teams: BTreeSet<String>,
    #[serde(default)]
    pub(crate) roles: Vec<Grant>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) teams: BTreeSet<String>,
    #[serde(default)]
    pub(crate) roles: Vec<Grant>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delegation {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) reason: String,
}

impl File {
    /// Everything that is wrong with it, a sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut names: BTreeMap<(&str, String), &str> = BTreeMap::new();
        for person in &self.people {
            let id = &person.id;
            let mut say = |problem: String| problems.push(format!("person {id:?}: {problem}"));
            if !is_name(id) {
                say(format!("an id is 1 to {MAX_IDENTITY} printable characters"));
            }
            // One name, one person: else a channel could not tell who decides.
            let mails = std::iter::once(id)
                .chain(&person.emails)
                .map(|mail| ("name or address", mail.trim().to_lowercase()));
            let others = person.slack.iter().map(|user| ("Slack user", user.clone()));
            let tokens = person.tokens.iter().map(|token| ("token", token.clone()));
            let own: BTreeSet<_> = mails.chain(others).chain(tokens).collect();
            for (what, name) in own {
                if name.trim().is_empty() {
                    say(format!("an empty {what}"));
                } else if let Some(other) = names.insert((what, name.clone()), id) {
                    say(format!("the {what} {name:?} is that of {other:?} too"));
                }
            }
            for (index, stored) in person.tokens.iter().enumerate() {
                if let Err(problem) = token::check(stored) {
                    say(format!("tokens[{index}] {problem}"));
                }
            }
            grants(&person.roles, &mut say);
        }
        let mut groups = BTreeSet::new();
        for group in &self.groups {
            let mut say = |problem: String| problems.push(format!("group {:?}: {problem}", group.name));
            if !is_name(&group.name) || !groups.insert(&group.name) {
                say("its name is empty or taken".to_owned());
            }
            grants(&group.roles, &mut say);
        }
        for (index, delegation) in self.delegations.iter().enumerate() {
            let mut say = |problem: &str| problems.push(format!("delegations[{index}]: {problem}"));
            let known = |id: &str| self.people.iter().any(|person| person.id == id);
            if !known(&delegation.from) || !known(&delegation.to) {
                say("both `from` and `to` must be ids of people of this file");
            }
            if delegation.from == delegation.to {
                say("somebody cannot delegate to themselves");
            }
            if delegation.ends <= delegation.starts {
                say("it ends before it starts");
            }
            if delegation.reason.trim().is_empty() {
                say("it needs a reason: who reads the log wants to know why somebody else decided");
            }
        }
        problems
    }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.trim() == text && text.chars().count() <= MAX_IDENTITY && !text.chars().any(char::is_control)
}

fn grants(grants: &[Grant], say: &mut impl FnMut(String)) {
    for (index, grant) in grants.iter().enumerate() {
        for (field, patterns) in [("namespaces", &grant.namespaces), ("clusters", &grant.clusters)] {
            if patterns.is_empty() {
                say(format!("roles[{index}].{field} names none; leave it out to mean all"));
            }
            if let Err(problem) = name_pattern::check(patterns) {
                say(format!("roles[{index}].{field}: {problem}"));
            }
        }
    }
}
