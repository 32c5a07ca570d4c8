//! The controllers that keep a cluster as a Git repository says: Argo CD ([`argo`]) and Flux ([`flux`]).
//!
//! What the repository says is what an object looked like when its controller first saw it ([`drift`]), changed by the
//! revisions that a scenario declares.

pub(crate) mod argo;
pub(crate) mod drift;
pub(crate) mod flux;
