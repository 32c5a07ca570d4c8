//! Arbitrary values, from the small to the whole.

mod base;
mod correlation;
mod envelope;
mod plan;
mod quiet;
mod terms;
mod words;

pub(crate) use correlation::told;
pub(crate) use envelope::envelope;
pub(crate) use quiet::{quiet, window_told};
pub(crate) use words::{notification, topology};
