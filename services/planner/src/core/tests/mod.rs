//! Tables and properties of planning.

mod fixtures;
mod p01;
mod properties;
mod refusals;
