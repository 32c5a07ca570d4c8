//! The words of incident remediation and the decisions every service shares: plain data, no I/O, no clock, no randomness.
//!
//! Start with [`event`] (what can happen), [`incident`] (what it adds up to) and [`workflow`] (how a plan runs).

pub mod alert;
pub mod approval;
pub mod button;
pub mod change;
pub mod correlation;
pub mod diagnosis;
pub mod digest;
pub mod drawing;
pub mod envelope;
pub mod event;
pub mod evidence;
pub mod fault;
pub mod id;
pub mod image;
pub mod incident;
pub mod invariant;
pub mod maintenance;
pub mod matcher;
pub mod name_pattern;
pub mod object;
pub mod people;
pub mod phases;
pub mod plan;
pub mod policy;
pub mod request;
pub mod risk;
pub mod silence;
pub mod subject;
pub mod terms;
pub mod topology;
pub mod touched;
pub mod verification;
pub mod workflow;
