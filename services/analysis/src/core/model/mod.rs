//! A language model as a further engine, fenced in: what it is asked, what it may look up, what of its answer is believed, and how
//! that is reconciled with what the engines found. Nothing here reaches a network.

pub mod answer;
pub mod budget;
pub mod by_itself;
pub mod judge;
pub mod prompt;
pub mod reconcile;
pub mod scope;
mod shown;
pub mod tools;

pub use shown::{MOST_SHOWN, shown};
