//! Tables and properties of planning.

mod arranged;
mod contradictions;
mod detours;
pub(crate) mod fixtures;
mod needs;
mod options;
mod p01;
mod past;
mod properties;
mod ranking;
mod recommended;
mod refusals;
