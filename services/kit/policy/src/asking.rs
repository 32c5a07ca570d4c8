//! How a rule asks, as it is written.

use std::{collections::BTreeMap, time::Duration};

use paramedic_domain::{
    maintenance::Schedule,
    people::Audience,
    terms::{DEFAULT_EXPIRY, Escalation, Terms},
};
use serde::Deserialize;

/// Most approvals that one question may want.
const MAX_QUORUM: u32 = 20;
/// Longest time a question may stand: the world that its change was computed for is gone after a day.
const MAX_MINUTES: u64 = 24 * 60;
/// Most escalations of one question: after that many nobody is left to ask.
const MAX_ESCALATIONS: usize = 10;

/// Times by name, as in `office`.
pub(crate) type Calendars = BTreeMap<String, Schedule>;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Asking {
    quorum: Option<u32>,
    expires_minutes: Option<u64>,
    from: Vec<Audience>,
    four_eyes: Option<bool>,
    remind_minutes: Option<u64>,
    escalate: Vec<Next>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Next {
    after_minutes: u64,
    to: Vec<Audience>,
    #[serde(default)]
    during: Option<String>,
    #[serde(default)]
    outside: Option<String>,
}

impl Asking {
    /// Whether the rule says nothing about asking.
    pub(crate) fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    /// The terms of the rule's question.
    pub(crate) fn terms(&self, calendars: &Calendars) -> Result<Terms, Vec<String>> {
        let mut problems = Vec::new();
        let quorum = self.quorum.unwrap_or(1);
        if !(1..=MAX_QUORUM).contains(&quorum) {
            problems.push(format!("quorum must be 1 to {MAX_QUORUM}"));
        }
        let expires = self.expires_minutes.unwrap_or(DEFAULT_EXPIRY.as_secs() / 60);
        if !(1..=MAX_MINUTES).contains(&expires) {
            problems.push(format!("expires_minutes must be 1 to {MAX_MINUTES}"));
        }
        if self.remind_minutes.is_some_and(|minutes| minutes == 0 || minutes >= expires) {
            problems.push(format!(
                "remind_minutes must be at least 1 and less than the {expires} minutes after which the question expires"
            ));
        }
        if self.escalate.len() > MAX_ESCALATIONS {
            problems.push(format!("escalate has {} entries; at most {MAX_ESCALATIONS}", self.escalate.len()));
        }
        let mut escalations = Vec::new();
        for (index, next) in self.escalate.iter().enumerate() {
            match next.compile(expires, calendars) {
                Ok(escalation) => escalations.push(escalation),
                Err(problem) => problems.push(format!("escalate[{index}]: {problem}")),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        escalations.sort_by_key(|escalation| escalation.after);
        Ok(Terms {
            quorum,
            expires_after: minutes(expires),
            from: if self.from.is_empty() {
                Vec::new()
            } else {
                vec![self.from.clone()]
            },
            four_eyes: self.four_eyes.unwrap_or(false),
            remind_every: self.remind_minutes.map(minutes),
            escalations,
        })
    }
}

impl Next {
    fn compile(&self, expires: u64, calendars: &Calendars) -> Result<Escalation, String> {
        if self.after_minutes == 0 || self.after_minutes >= expires {
            return Err(format!(
                "after_minutes must be at least 1 and less than the {expires} minutes after which the question expires"
            ));
        }
        if self.to.is_empty() {
            return Err("names nobody".to_owned());
        }
        let calendar = |name: &Option<String>| match name {
            None => Ok(None),
            Some(name) => match calendars.get(name) {
                Some(schedule) => Ok(Some(schedule.clone())),
                None => Err(format!("{name:?} is none of the file's calendars")),
            },
        };
        Ok(Escalation {
            after: minutes(self.after_minutes),
            to: self.to.clone(),
            during: calendar(&self.during)?,
            outside: calendar(&self.outside)?,
        })
    }
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes.saturating_mul(60))
}
