//! Who may do what, as data: people, their names in every channel, roles per namespace, teams, delegations.
//!
//! [`Directory`] is the file; [`Standing`] is what it gives one person at one moment.

mod directory;
mod file;
mod place;
mod standing;
mod token;

pub use directory::{Directory, Unknown};
pub use place::Place;
pub use standing::{Capacity, Grant, Standing};
pub use token::hash as token_hash;
