//! Pure planning: recommendations and prepared changes in, a plan or named refusals out.

pub mod arrange;
pub mod assemble;
pub mod catalogue;
pub mod contradict;
pub mod cooldown;
pub mod deadline;
pub mod decide;
pub mod detour;
pub mod experience;
pub mod gates;
pub mod graph;
pub mod history;
pub mod merge;
pub mod options;
pub mod outline;
pub mod ranking;
pub mod request;
pub mod revise;
pub mod rules;
pub mod scope;
pub mod validate;
pub mod verify;

#[cfg(test)]
pub(crate) mod tests;
