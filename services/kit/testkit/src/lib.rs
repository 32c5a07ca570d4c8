//! What tests share: real servers on free loopback ports, and waiting without sleeping. A dev-dependency only.
//!
//! - [`servers`]: NATS, Alertmanager, Prometheus, an SMTP sink; each in its own temporary directory, killed when dropped.
//! - [`slack`]: a stand-in for Slack's Web API with its limits.
//! - [`model`]: a stand-in for language models in three dialects.
//! - [`oidc`]: an OpenID provider that people sign in at, with tokens that are wrong on request.
//! - [`outside`]: stand-ins for trackers, forges, registered endpoints, and a Git repository.
//! - [`ports`]: loopback ports that stay free until a server is told to listen on them.
//! - [`hostile`]: texts that break careless code.
//! - [`eventually!`]: waits for a condition, with a deadline.

mod eventually;
pub mod hostile;
pub mod model;
pub mod oidc;
pub mod outside;
pub mod ports;
pub mod servers;
pub mod slack;

pub use eventually::{Backoff, DEADLINE};
