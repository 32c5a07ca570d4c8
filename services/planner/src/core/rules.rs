//! What the operator allows, as decisions need it.

use std::time::Duration;

use super::{cooldown::Cooldown, scope::Scope};

/// Bounds of every plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Most recommendations of one set.
    pub max_steps: usize,
    /// Longest chain.
    pub max_depth: usize,
    /// What may be touched.
    pub scope: Scope,
    /// Attempts of one step that a deadline leaves time for.
    pub attempts: u32,
    /// Added to every deadline.
    pub margin: Duration,
    /// When a target is left alone.
    pub cooldown: Cooldown,
}
