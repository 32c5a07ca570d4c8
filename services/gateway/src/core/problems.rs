//! What is wrong with a body, in sentences for whoever configures the sender.

/// Problems named in an answer; a sender with more has one systematic mistake.
pub const MAX_PROBLEMS: usize = 10;
/// Characters of a value that are quoted.
const QUOTED: usize = 60;

/// The first problems, and how many more there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    first: Vec<String>,
    more: usize,
}

impl Problems {
    /// Adds one.
    pub fn add(&mut self, problem: String) {
        if self.first.len() < MAX_PROBLEMS {
            self.first.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The sentences, each with `place` before it.
    #[must_use]
    pub fn sentences(self, place: &str) -> Vec<String> {
        let more = (self.more > 0).then(|| format!("and {} more", self.more));
        self.first
            .into_iter()
            .map(|problem| format!("{place}{problem}"))
            .chain(more)
            .collect()
    }
}

/// A text as it may be quoted in an answer.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("{:?}", clipped(text))
}

/// The beginning of a text, on one line.
#[must_use]
pub fn clipped(text: &str) -> String {
    cut(text, QUOTED)
}

/// The first `most` characters of a text, on one line.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).filter(|c| !c.is_control()).collect()
}
