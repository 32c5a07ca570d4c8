//! Tables of facts and what the engines say about them.

mod afterwards;
mod fixtures;
mod leak;
mod model;
mod neighbourhood;
mod onset;
mod others;
mod rules;
mod small;
mod steps;
mod timeline;
mod traces;
mod unnoticed;
mod verification;
mod window;
