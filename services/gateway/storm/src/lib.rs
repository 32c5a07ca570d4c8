//! Alert storms from a seed, and how well they are taken apart.
//!
//! - [`generate`]: an estate, faults in it, what they make fire, and how Alertmanager posts that.
//! - [`format`]: a storm as files.
//!
//! `docs/storms.md` says what the model is and where its numbers come from.

mod alertmanager;
mod cascade;
mod chance;
mod damage;
mod fault;
mod fingerprint;
pub mod format;
pub mod generate;
#[cfg(test)]
mod intake;
mod labels;
mod names;
mod noise;
mod plot;
mod rules;
mod world;

pub use format::Storm;
pub use generate::{GENERATOR, Spec, Variant, generate};
