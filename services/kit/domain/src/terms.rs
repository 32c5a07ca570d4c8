//! The terms of a question: how many must agree, who, by when, and who is asked when nobody answers.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{maintenance::Schedule, people::Audience};

/// How long a question stands by default: long enough for a page and its escalation, short enough that the world
/// the change was computed for still resembles the present one.
pub const DEFAULT_EXPIRY: Duration = Duration::from_secs(30 * 60);

/// How long an acknowledgement holds reminders and escalations back: somebody who looks at the change needs minutes, and somebody
/// who fell asleep over it must not keep the next people from being asked.
pub const ACKNOWLEDGED_FOR: Duration = Duration::from_secs(15 * 60);

/// How people are asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Approvals needed, by different people.
    pub quorum: u32,
    /// How long the question stands.
    pub expires_after: Duration,
    /// Who counts, besides being an approver where the change is: one of each of these groups. Empty: every approver.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Vec<Audience>>,
    /// Who asked for the change, or edited it, is not one of those who approve it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub four_eyes: bool,
    /// Time between reminders; `None`: nobody is reminded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_every: Option<Duration>,
    /// Who is asked next while nobody decides, soonest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalations: Vec<Escalation>,
}

/// More people, after a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// How long after the question was asked.
    pub after: Duration,
    /// Whom: they count from then on.
    pub to: Vec<Audience>,
    /// Only when that moment is in it, as in business hours; `None`: at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Schedule>,
    /// Only when that moment is not in it; `None`: at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Schedule>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            quorum: 1,
            expires_after: DEFAULT_EXPIRY,
            from: Vec::new(),
            four_eyes: false,
            remind_every: None,
            escalations: Vec::new(),
        }
    }
}

impl Terms {
    /// The terms of one question in place of two: whatever either of them demands.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.quorum = self.quorum.max(other.quorum);
        self.expires_after = self.expires_after.min(other.expires_after);
        for group in other.from {
            if !self.from.contains(&group) {
                self.from.push(group);
            }
        }
        self.four_eyes |= other.four_eyes;
        self.remind_every = match (self.remind_every, other.remind_every) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        for escalation in other.escalations {
            if !self.escalations.contains(&escalation) {
                self.escalations.push(escalation);
            }
        }
        self.escalations.sort_by_key(|escalation| escalation.after);
        self
    }

    /// What these terms demand less of than others, in words; `None`: they demand at least as much.
    #[must_use]
    pub fn falls_short_of(&self, other: &Self) -> Option<String> {
        if self.quorum < other.quorum {
            return Some(format!("{} approvals are wanted, and it asked for {}", other.quorum, self.quorum));
        }
        if let Some(group) = other.from.iter().find(|group| !self.from.contains(group)) {
            return Some(format!("the approval of {} is wanted", crate::people::any_of(group)));
        }
        (other.four_eyes && !self.four_eyes).then(|| "four eyes are wanted".to_owned())
    }

    /// The escalations of a question that was asked at `since`, with the moments at which they are due.
    pub fn escalations_of(&self, since: Timestamp) -> impl Iterator<Item = (Timestamp, &Escalation)> {
        self.escalations.iter().filter_map(move |escalation| {
            let due = since.saturating_add(escalation.after).unwrap_or(Timestamp::MAX);
            let within = |schedule: &Schedule| schedule.span_at(due).is_some();
            let applies = escalation.during.as_ref().is_none_or(within) && !escalation.outside.as_ref().is_some_and(within);
            applies.then_some((due, escalation))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    fn office() -> Schedule {
        serde_json::from_value(serde_json::json!({
            "type": "weekly", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00:00", "until": "17:00:00", "zone": "Europe/Berlin"
        }))
        .unwrap()
    }

    #[test]
    fn one_question_in_place_of_two_demands_what_either_does() {
        let one = Terms {
            quorum: 2,
            from: vec![vec!["team:a".parse().unwrap()]],
            remind_every: Some(minutes(5)),
            ..Terms::default()
        };
        let other = Terms {
            expires_after: minutes(10),
            from: vec![vec!["team:b".parse().unwrap()]],
            four_eyes: true,
            ..Terms::default()
        };
        let both = one.clone().and(other.clone());
        assert!(both.falls_short_of(&one).is_none() && both.falls_short_of(&other).is_none());
        assert_eq!(
            (both.quorum, both.expires_after, both.remind_every),
            (2, minutes(10), Some(minutes(5)))
        );
        assert!(one.falls_short_of(&other).unwrap().contains("team:b"));
        assert!(other.falls_short_of(&one).unwrap().contains("2 approvals"));
    }

    #[test]
    fn who_is_asked_next_depends_on_the_hour() {
        let terms = Terms {
            escalations: [(Some(office()), None, "team:day"), (None, Some(office()), "team:night")]
                .map(|(during, outside, to)| Escalation {
                    after: minutes(10),
                    to: vec![to.parse().unwrap()],
                    during,
                    outside,
                })
                .to_vec(),
            ..Terms::default()
        };
        let asked = |at: &str| {
            let found: Vec<String> = terms
                .escalations_of(at.parse().unwrap())
                .map(|(_, next)| next.to[0].to_string())
                .collect();
            found
        };
        assert_eq!(asked("2026-11-24T09:00:00Z"), ["team:day"]);
        assert_eq!(asked("2026-11-24T02:00:00Z"), ["team:night"]);
        assert_eq!(asked("2026-11-24T15:55:00Z"), ["team:night"], "the office closes at 17 in Berlin");
    }
}
