//! What the past forbids: a target that was remediated a moment ago, and what did not help or did not last.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    diagnosis::Category,
    id::{IncidentId, PlanId},
    object::ObjectRef,
    plan::Refusal,
    verification::Verdict,
};
use serde::{Deserialize, Serialize};

/// One remediation of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remediation {
    /// Of which incident.
    pub incident: IncidentId,
    /// By which plan.
    pub plan: PlanId,
    /// When its workflow ended.
    pub at: Timestamp,
    /// Against what.
    pub category: Category,
    /// The actions that changed something.
    pub actions: BTreeSet<String>,
    /// How it ended.
    pub result: Outcome,
}

/// How a remediation ended, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// Every step succeeded; not verified yet.
    Applied,
    /// The workflow failed after it had begun to change something.
    Failed,
    /// Verified.
    Verified {
        /// With this verdict.
        verdict: Verdict,
    },
}

/// When a target is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cooldown {
    /// Least time between two incidents' remediations of one target.
    pub pause: Duration,
    /// Failures of the same actions that are enough.
    pub limit: u32,
    /// How far back failures count.
    pub window: Duration,
}

/// How often actions helped on one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// They helped, and the trouble has not come back.
    pub held: u32,
    /// They helped, and the trouble came back.
    pub brief: u32,
    /// They did not help.
    pub failed: u32,
}

/// The plan that is about to be made.
pub struct Intent<'a> {
    /// For which incident.
    pub incident: &'a IncidentId,
    /// Against what.
    pub category: Category,
    /// What is at fault.
    pub target: &'a ObjectRef,
    /// With which actions.
    pub actions: &'a BTreeSet<String>,
    /// The present.
    pub now: Timestamp,
}

impl Cooldown {
    /// Why the target should be left alone, or these actions not be taken again; nothing for a plan that changes nothing.
    #[must_use]
    pub fn refusals(&self, intent: &Intent<'_>, past: &[Remediation]) -> Vec<Refusal> {
        if intent.actions.is_empty() {
            return Vec::new();
        }
        let reasons = self.too_soon(intent, past).into_iter().chain(self.again_in_vain(intent, past));
        reasons.map(|reason| Refusal { step: None, reason }).collect()
    }

    fn too_soon(&self, intent: &Intent<'_>, past: &[Remediation]) -> Option<String> {
        // further attempts of one incident are bounded by its attempts, and follow from what verification measured
        let others = past.iter().filter(|one| one.incident != *intent.incident);
        let last = others.max_by_key(|one| one.at)?;
        let ago = since(last.at, intent.now);
        (ago < self.pause).then(|| {
            format!(
                "{} was remediated {} ago ({} for {}): within {} it is left alone, so that people look why it is needed again",
                intent.target,
                span(ago),
                listed(&last.actions),
                last.incident,
                span(self.pause)
            )
        })
    }

    /// How the same actions fared on the same target against the same cause, as far back as failures count.
    #[must_use]
    pub fn tally(&self, intent: &Intent<'_>, past: &[Remediation]) -> Tally {
        let same = past
            .iter()
            .filter(|one| one.category == intent.category && one.actions == *intent.actions && since(one.at, intent.now) < self.window);
        let mut tally = Tally::default();
        for one in same {
            match one.result {
                Outcome::Failed | Outcome::Verified { verdict: Verdict::Failed } => tally.failed += 1,
                // it had helped, and another incident says that the trouble is back
                Outcome::Verified { verdict: Verdict::Passed } if one.incident != *intent.incident => tally.brief += 1,
                Outcome::Verified { verdict: Verdict::Passed } => tally.held += 1,
                Outcome::Verified {
                    verdict: Verdict::Inconclusive,
                }
                | Outcome::Applied => {}
            }
        }
        tally
    }

    fn again_in_vain(&self, intent: &Intent<'_>, past: &[Remediation]) -> Option<String> {
        let Tally { failed, brief, .. } = self.tally(intent, past);
        (failed + brief >= self.limit).then(|| {
            format!(
                "{} of {} did not help: within {} it failed {failed} times and did not last {brief} times; {} such cases are enough, take \
                 another way or let a person decide",
                listed(intent.actions),
                intent.target,
                span(self.window),
                self.limit
            )
        })
    }
}

fn since(earlier: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(earlier).max(SignedDuration::ZERO).unsigned_abs()
}

fn listed(actions: &BTreeSet<String>) -> String {
    actions.iter().map(String::as_str).collect::<Vec<_>>().join(" + ")
}

/// `90 s`, `10 min`, `24 h`: the coarsest unit that loses at most half of itself.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", (seconds + 1_800) / 3_600),
    }
}
