//! The catalogue of actions: what each is called, takes, needs to see and changes. Everything here is pure: what was
//! fetched comes in, exact changes go out; the executor's shell fetches, dry-runs, sends and watches.

pub mod action;
pub mod actions;
pub mod checks;
pub mod context;
pub mod external;
pub mod helm;
pub mod network;
pub mod patch;
pub mod prepare;
pub mod progress;
pub mod quantity;
pub mod redact;
pub mod reference;
pub mod references;
pub mod room;
pub mod secrets;
pub mod systems;
pub mod world;
mod yaml;

pub use action::{Action, Draft, Kind, Moment, ObjectEdit, Params, Reader, Refused, Request, Work};
pub use actions::Catalogue;
pub use world::{Need, World};
