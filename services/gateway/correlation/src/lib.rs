//! Which alerts are one incident, and what most likely caused it: the gateway's pure half.
//!
//! - [`topology`]: what there is and what depends on what, as data.

pub mod topology;
