//! What tests share: real servers on free loopback ports, and waiting without sleeping. A dev-dependency only.
//!
//! - [`servers`]: NATS, Alertmanager, Prometheus, an SMTP sink, a stand-in for Slack; each in its own temporary directory,
//!   killed when dropped.
//! - [`eventually!`]: waits for a condition, with a deadline.

mod eventually;
pub mod servers;

pub use eventually::{Backoff, DEADLINE};
