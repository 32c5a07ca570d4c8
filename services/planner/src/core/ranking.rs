//! The order of several ways out, after what was measured before: what failed or did not last here comes last.

use std::collections::BTreeSet;

use paramedic_domain::plan::{Plan, Refusal};

use super::{
    cooldown::Tally,
    experience::{Success, remedies},
    options::Wanted,
};

/// Attempts from which on a share says something.
const ENOUGH: u32 = 3;

/// What is on record about one way out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Track {
    /// On this target, against this cause, lately.
    pub here: Tally,
    /// Anywhere in the cluster, against this cause: by action.
    pub elsewhere: Vec<(String, Success)>,
}

/// A way out with what it would become.
type Outcome = Result<Plan, Vec<Refusal>>;

impl Track {
    /// Whether one of its actions was followed by a passed verification in less than half of its attempts.
    fn rarely_helps(&self) -> bool {
        let poor = |success: &Success| success.tried >= ENOUGH && success.verified * 2 < success.tried;
        self.elsewhere.iter().any(|(_, success)| poor(success))
    }

    /// The smaller, the earlier.
    fn rank(&self) -> (u32, bool) {
        (self.here.failed + self.here.brief, self.rarely_helps())
    }

    /// It in words, with the numbers behind it; nothing where nothing was measured.
    fn said(&self, cause: &str) -> Option<String> {
        let mut parts = Vec::new();
        let here = self.here;
        if here != Tally::default() {
            parts.push(format!(
                "on this target it worked {} of {} times, and did not last {} times",
                here.held + here.brief,
                here.held + here.brief + here.failed,
                here.brief
            ));
        }
        let tried = self.elsewhere.iter().filter(|(_, success)| success.tried > 0);
        parts.extend(tried.map(|(action, success)| {
            format!(
                "{action} worked {} of {} times against {cause} in this cluster",
                success.verified, success.tried
            )
        }));
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// The actions of a plan that change something.
#[must_use]
pub fn changing(plan: &Plan) -> BTreeSet<String> {
    let steps = plan.steps.iter().filter(|step| remedies(&step.change));
    steps.map(|step| step.action.clone()).collect()
}

/// Puts ways out in the order of their records, the engine's order among equals, and says what the records are. Where a person, or a plan
/// before, has chosen, only the latter. `cause`: the category, in a word.
#[must_use]
pub fn ranked(wanted: Wanted, outcomes: Vec<Outcome>, tracks: Vec<Track>, cause: &str) -> (Wanted, Vec<Outcome>) {
    let mut ways: Vec<_> = wanted.options.into_iter().zip(outcomes).zip(tracks).enumerate().collect();
    if wanted.only.is_none() {
        ways.sort_by_key(|(_, (_, track))| track.rank());
    }
    let several = ways.len() > 1;
    let (mut options, mut outcomes, mut notes) = (Vec::new(), Vec::new(), wanted.notes);
    for (now, (before, ((option, outcome), track))) in ways.into_iter().enumerate() {
        if let Some(said) = track.said(cause) {
            let which = match several {
                true => format!("option {} ({}): ", now + 1, option.title),
                false => String::new(),
            };
            let moved = match now > before {
                true => format!("; proposed as option {}, and put behind others for that", before + 1),
                false => String::new(),
            };
            notes.push(format!("measured before: {which}{said}{moved}"));
        }
        options.push(option);
        outcomes.push(outcome);
    }
    let wanted = Wanted {
        options,
        notes,
        only: wanted.only,
        by_person: wanted.by_person,
    };
    (wanted, outcomes)
}
