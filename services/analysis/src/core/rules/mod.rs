//! Diagnoses as data: a rule says in which state of which object it applies, which reasons speak for and against it, and what to do.
//!
//! - [`text`]: rules and remedies as they are written; [`parse`]: checked and compiled; [`shipped`]: those that come with the product
//! - [`expression`]: CEL conditions and texts with `{expressions}` in them; `fields`: whether what they name is there
//! - [`candidates`]: what applies to a world; [`influence`]: what a fault of one object reaches; [`about`]: what alerts are about
//! - [`remedy`]: the steps and criteria of a candidate
//! - [`mod@reference`]: what rules may name, as a page

pub mod about;
pub mod candidates;
pub mod expression;
mod fields;
pub mod influence;
pub mod parse;
pub mod reference;
pub mod remedy;
pub mod shipped;
pub mod text;

pub use self::{candidates::Candidate, parse::RuleSet};
