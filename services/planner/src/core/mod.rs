//! Pure planning: recommendations and prepared changes in, a plan or named refusals out.

pub mod assemble;
pub mod decide;
pub mod gates;
pub mod graph;
pub mod merge;
pub mod outline;
pub mod validate;

#[cfg(test)]
mod tests;
