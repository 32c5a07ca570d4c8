//! Decisions about gates: pure functions over a folded incident.

pub mod decide;
pub mod gates;
pub mod link;
pub mod page;
pub mod question;
pub mod refusal;
pub mod slack;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod properties;
