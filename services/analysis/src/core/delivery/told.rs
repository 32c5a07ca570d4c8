//! Deliveries as evidence and as rows of the time line.

use jiff::{SignedDuration, Timestamp};

use super::{Applied, Delivery, Failure, Tool};
use crate::core::{
    subjects::Quote,
    timeline::{Moment, Telling},
};

/// Most revisions that are told of one owner.
const MOST_TOLD: usize = 4;
/// Characters of a commit's id that are told.
const SHORT: usize = 10;
/// A tool notes that it applied something when all of it is; a workload rolls out as soon as its own template is.
const BEFORE: SignedDuration = SignedDuration::from_mins(2);
const AFTER: SignedDuration = SignedDuration::from_mins(10);

impl Delivery {
    /// What it says, as evidence.
    #[must_use]
    pub fn quote(&self) -> Quote {
        Quote {
            source: self.tool.source(),
            query: self.query.clone(),
            excerpt: self.words(),
            value: None,
        }
    }

    fn words(&self) -> String {
        let mut text = self.owner.to_string();
        let mut add = |more: String| text.push_str(&more);
        match self.sync.as_str() {
            "" => {}
            sync => add(format!(": {sync}")),
        }
        match self.health.as_str() {
            "" => {}
            health => add(format!(", {health}")),
        }
        if !self.revision.is_empty() {
            let since = self.applied_at().map_or_else(String::new, |at| format!(" since {at}"));
            add(format!("; applied {}{since}", short(&self.revision)));
        }
        match self.previous() {
            "" => {}
            before => add(format!(", before it {}", short(before))),
        }
        if let Some(failure) = &self.failure {
            add(format!("; {}", self.failed(failure)));
        }
        add(match (self.reverts, self.automatic) {
            (true, _) => "; what others change in what it owns, it takes back".to_owned(),
            (false, true) => "; it applies what is new by itself, and takes nothing back".to_owned(),
            (false, false) => "; it applies nothing unless somebody asks".to_owned(),
        });
        text
    }

    fn failed(&self, failure: &Failure) -> String {
        let since = failure.at.map_or_else(String::new, |at| format!(" since {at}"));
        format!("{} fails{since}: {}: {}", self.verb(), failure.reason, failure.message)
    }

    fn verb(&self) -> &'static str {
        match self.tool {
            Tool::Argo => "sync",
            Tool::Flux => "reconciliation",
            Tool::Helm => "release",
        }
    }

    /// What it did, and what it could not do.
    #[must_use]
    pub fn moments(&self) -> Vec<Moment> {
        let moment = |at: Timestamp, what: String| Moment {
            at,
            telling: Telling::Turn,
            object: self.owner.to_string(),
            quote: self.quote(),
            what,
        };
        let did = self.history.iter().take(MOST_TOLD).map(|one| {
            let Applied { at, revision, good } = one;
            let verb = if *good { "applied" } else { "could not apply" };
            moment(*at, format!("{} {verb} {}", self.tool.name(), short(revision)))
        });
        let failed = self.failure.iter().filter_map(|failure| {
            let what = format!("{} failed: {}: {}", self.verb(), failure.reason, failure.message);
            Some(moment(failure.at?, what))
        });
        did.chain(failed).collect()
    }

    /// Whether what is applied now was applied when a rollout began.
    #[must_use]
    pub fn began(&self, rollout: Timestamp) -> bool {
        self.applied_at().is_some_and(|at| {
            let after = at.duration_since(rollout);
            -BEFORE <= after && after <= AFTER
        })
    }
}

/// A revision with the ids of commits in it cut: `main@sha1:67e2c98a60`.
#[must_use]
pub(super) fn short(revision: &str) -> String {
    let is_id = |word: &str| word.len() >= 2 * SHORT && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let cut = |word: &str| if is_id(word) { word[..SHORT].to_owned() } else { word.to_owned() };
    let marks = [':', ' ', '@'];
    revision
        .split_inclusive(marks)
        .map(|part| match part.strip_suffix(marks) {
            Some(word) => format!("{}{}", cut(word), &part[word.len()..]),
            None => cut(part),
        })
        .collect()
}
