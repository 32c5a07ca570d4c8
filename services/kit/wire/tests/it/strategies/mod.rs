//! Arbitrary values, from the small to the whole.

mod base;
mod envelope;
mod plan;
mod words;

pub(crate) use envelope::envelope;
pub(crate) use words::{notification, topology};
