//! Policy: ordered rules that say of every step whether it runs by itself, asks people, or must not run.
//!
//! [`Policy::parse`] reads a file and says everything that is wrong with it; [`Policy::decide`] answers a [`Question`] about one step.
//! What is not decided asks: no rule that applies, a rule that cannot be evaluated, a risk above the ceiling.

mod asking;
mod condition;
mod decide;
mod expect;
mod facts;
mod file;
mod limits;
mod text;

pub use decide::Verdict;
pub use expect::{Failed, Outcome};
pub use facts::{About, Asked, Question, reference};
pub use file::{Policy, Rule, Then};
pub use limits::{Freeze, Scoped};
