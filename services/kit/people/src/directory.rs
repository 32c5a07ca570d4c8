//! The people that are known.

use std::collections::BTreeSet;

use jiff::Timestamp;
use paramedic_domain::{digest::Digest, people::same_person};

use crate::{
    file::{File, MAX_BYTES, Person},
    standing::{Capacity, Grant, Standing},
    token,
};

/// People, their names in every channel, and what they may do.
#[derive(Debug)]
pub struct Directory {
    file: Option<File>,
    digest: Digest,
}

/// Nobody is known by that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} belongs to nobody who is known here: ask an administrator to add it to the people file")]
pub struct Unknown {
    /// Which name, in words.
    pub what: String,
}

impl Directory {
    /// No people are configured: everybody's word is taken for who they are.
    #[must_use]
    pub fn unchecked() -> Self {
        Self {
            file: None,
            digest: Digest::of(b""),
        }
    }

    /// Nobody: what holds while a configured file could never be used.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            file: Some(File::default()),
            digest: Digest::of(b""),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, a sentence each.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        if text.len() > MAX_BYTES {
            return Err(vec![format!("has {} bytes; at most {MAX_BYTES} are read", text.len())]);
        }
        let file: File = serde_yaml_ng::from_str(text).map_err(|error| vec![error.to_string()])?;
        let problems = file.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            file: Some(file),
            digest: Digest::of(text.as_bytes()),
        })
    }

    /// Whether nobody is checked.
    #[must_use]
    pub fn is_unchecked(&self) -> bool {
        self.file.is_none()
    }

    /// How many people it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.people().len()
    }

    /// Whether it knows nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Digest of the file as it was read.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// When it is nobody's.
    pub fn by_token(&self, given: &str, now: Timestamp) -> Result<Standing, Unknown> {
        // every hash is compared, so that the time tells nothing about which one was close
        let mut found = None;
        let given = token::hash(given);
        for person in self.people() {
            for stored in &person.tokens {
                if token::same(stored, &given) {
                    found = Some(person);
                }
            }
        }
        self.known(found, "this token", &[], now)
    }

    /// Whose address it is. Where nobody is checked, the address is the identity.
    ///
    /// # Errors
    /// When it is nobody's.
    pub fn by_email(&self, address: &str, now: Timestamp) -> Result<Standing, Unknown> {
        if self.is_unchecked() {
            return Ok(Standing::unchecked(address));
        }
        let found = self.named(address);
        self.known(found, address, &[], now)
    }

    /// Whose Slack user it is: `U012AB3CD`, or `T012AB3CD/U012AB3CD` where a file says of which workspace.
    ///
    /// # Errors
    /// When it is nobody's; where nobody is checked, a Slack user is nobody, since a workspace has guests.
    pub fn by_slack(&self, team: &str, user: &str, now: Timestamp) -> Result<Standing, Unknown> {
        let full = format!("{team}/{user}");
        let mut people = self.people().iter();
        let found = people.find(|person| person.slack.iter().any(|known| known == user || *known == full));
        self.known(found, &format!("the Slack user {user}"), &[], now)
    }

    /// Who signed in: a person of the file, with what their groups give; or somebody whom only the groups give something.
    ///
    /// # Errors
    /// When neither is known.
    pub fn by_sign_in(&self, identity: &str, groups: &[String], now: Timestamp) -> Result<Standing, Unknown> {
        if self.is_unchecked() {
            return Ok(Standing::unchecked(identity));
        }
        let found = self.named(identity);
        let (grants, teams) = self.given_by(groups);
        if found.is_none() && !grants.is_empty() {
            return Ok(Standing::new(Capacity::new(identity, None, grants, teams), Vec::new()));
        }
        self.known(found, identity, groups, now)
    }

    fn people(&self) -> &[Person] {
        self.file.as_ref().map_or(&[], |file| &file.people)
    }

    fn named(&self, name: &str) -> Option<&Person> {
        self.people()
            .iter()
            .find(|person| same_person(&person.id, name) || person.emails.iter().any(|mail| same_person(mail, name)))
    }

    fn given_by(&self, groups: &[String]) -> (Vec<Grant>, BTreeSet<String>) {
        let known = self.file.iter().flat_map(|file| &file.groups);
        let theirs: Vec<_> = known.filter(|group| groups.contains(&group.name)).collect();
        let grants = theirs.iter().flat_map(|group| group.roles.clone()).collect();
        let teams = theirs.iter().flat_map(|group| group.teams.clone()).collect();
        (grants, teams)
    }

    fn known(&self, found: Option<&Person>, what: &str, groups: &[String], now: Timestamp) -> Result<Standing, Unknown> {
        let Some(person) = found else {
            let what: String = what.chars().filter(|letter| !letter.is_control()).take(200).collect();
            return Err(Unknown { what });
        };
        let (mut grants, mut teams) = self.given_by(groups);
        grants.extend(person.roles.clone());
        teams.extend(person.teams.clone());
        let own = Capacity::new(&person.id, None, grants, teams);
        let lent = self.file.iter().flat_map(|file| &file.delegations).filter(|delegation| {
            // the first moment after it no longer counts
            delegation.to == person.id && delegation.starts <= now && now < delegation.ends
        });
        // What was lent to somebody is not theirs to lend on.
        let lent = lent.filter_map(|delegation| {
            let owner = self.people().iter().find(|other| other.id == delegation.from)?;
            Some(Capacity::new(
                &person.id,
                Some(owner.id.clone()),
                owner.roles.clone(),
                owner.teams.clone(),
            ))
        });
        Ok(Standing::new(own, lent.collect()))
    }
}
