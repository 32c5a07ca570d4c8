//! What a team's own tools said, as rules see and cite it.

use paramedic_domain::{evidence::Source, object::ObjectRef};

use super::{Quote, World, view::view};

/// What a team's own tool said about an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The alerted workload, if it was known.
    pub about: Option<ObjectRef>,
    /// What was asked: `server/tool {arguments}`.
    pub query: String,
    /// What was said.
    pub answer: Answer,
}

view! {
    /// An answer of a tool of your own.
    pub struct Answer {
        /// `server/tool`, as configured.
        pub tool: String,
        /// Its text: secrets masked, cut to 4,000 characters.
        pub text: String,
    }
}

/// Answers as evidence.
pub(super) fn quotes(answers: &[&Answered]) -> Vec<Quote> {
    let quote = |said: &&Answered| Quote {
        source: Source::Mcp,
        query: said.query.clone(),
        excerpt: said.answer.text.clone(),
        value: None,
    };
    answers.iter().map(quote).collect()
}

/// What was said about a workload.
pub(super) fn about<'w>(world: &'w World, workload: &ObjectRef) -> Vec<&'w Answered> {
    let about = |said: &&Answered| said.about.as_ref().is_some_and(|about| about.same_object(workload));
    world.answers.iter().filter(about).collect()
}
