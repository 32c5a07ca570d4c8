//! Diagnoses as data: a rule says in which state of which object it applies, which reasons speak for and against it, and what to do.
//!
//! - [`text`]: rules and remedies as they are written; [`parse`]: checked and compiled
//! - [`expression`]: CEL conditions and texts with `{expressions}` in them
//! - [`candidates`]: what applies to a world; [`influence`]: what a fault of one object reaches
//! - [`remedy`]: the steps and criteria of a candidate
//! - [`trial`]: tests of rules as their authors write them

pub mod candidates;
pub mod expression;
pub mod influence;
pub mod parse;
pub mod remedy;
pub mod text;
pub mod trial;

pub use self::{candidates::Candidate, parse::RuleSet};
