//! Alert storms from a seed, and how well they are taken apart.
//!
//! - [`generate`](mod@generate): an estate, faults in it, what they make fire, and how Alertmanager posts that.
//! - [`format`](mod@format): a storm as files.
//! - [`group`]: who takes storms apart: the product's correlator and the floors that it must beat.
//! - [`measure`]: the metrics, over partitions and ranks. [`eval`]: a storm's posts the way that they go in the product, and the
//!   figures. [`campaign`]: many storms on every core.
//! - [`convert`]: other people's labelled data as storms.
//!
//! `docs/storms.md` says what the model is and where its numbers come from.

mod alertmanager;
pub mod campaign;
mod cascade;
mod chance;
pub mod convert;
mod damage;
pub mod eval;
mod fault;
mod fingerprint;
pub mod format;
pub mod generate;
pub mod group;
mod intake;
mod labels;
pub mod measure;
mod names;
mod noise;
mod plot;
mod rules;
mod world;

pub use format::Storm;
pub use generate::{GENERATOR, Spec, Variant, generate};
pub use intake::Refused;
