//! Stories across services, one per file: the real binary, real servers around it, a simulated cluster underneath.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on fails")]

mod alert_faults;
mod bad_days;
mod campaign;
mod cast;
mod change_requests;
mod crash_points;
mod drift;
mod drill_command;
mod eval_command;
mod memory_limits;
mod one_trace;
mod role_kills;
mod scaled_out;
mod seed_workflows;
mod small_faults;
mod storm;
mod whole_path;
