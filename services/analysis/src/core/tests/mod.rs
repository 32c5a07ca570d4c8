//! Tables of facts and what the engines say about them.

mod afterwards;
mod alone;
mod clouds;
mod delivery;
mod families;
mod fixtures;
mod kept;
mod leak;
mod mcp;
mod model;
mod neighbourhood;
mod onset;
mod others;
mod podlogs;
mod reachability;
mod revisions;
mod rights;
mod rules;
mod small;
mod steps;
mod timeline;
mod traces;
mod unnoticed;
mod used;
mod verification;
mod window;
