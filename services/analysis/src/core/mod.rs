//! Pure analysis: facts in, a diagnosis or the list of what was looked at out; measurements in, a verdict out.

pub mod afterwards;
pub mod clouds;
pub mod contest;
pub mod criteria;
pub mod decide;
pub mod delivery;
pub mod engines;
pub mod estate;
pub mod facts;
pub mod families;
mod injection;
pub mod kept;
pub mod logs;
pub mod mcp;
pub mod measures;
pub mod model;
pub mod onset;
pub mod podlogs;
pub mod quantity;
pub mod reachability;
pub mod read;
pub mod recommend;
pub mod redact;
pub mod requests;
pub mod revisions;
pub mod rights;
pub mod rules;
pub mod settle;
pub mod shift;
pub mod sizing;
pub mod snapshot;
pub mod stats;
pub mod subjects;
pub mod timeline;
pub mod traces;
pub mod trial;
pub mod unnoticed;
pub mod verify;
pub mod window;

#[cfg(test)]
mod tests;
