//! The way in: Alertmanager's webhooks become alerts in the `ALERTS` stream, alerts become incidents.
//!
//! - [`core`]: what a webhook must look like, which incident an alert belongs to, which event it leads to.
//! - `shell::intake`: HTTP. Answers 2xx only for what the bus has made durable.
//! - `shell::correlate`: a durable consumer of the stream; every decision is made there, so that a crash after the answer
//!   loses nothing.

pub mod config;
pub mod core;
mod metrics;
mod shell;

pub use config::{Config, DEFAULTS, LISTS, SOURCE_DEFAULTS};
pub use metrics::describe;

use paramedic_runtime::{Kit, Role};

/// Builds the role: the webhook and the correlating consumer.
///
/// # Errors
/// When a file with secrets cannot be read.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    metrics::describe();
    let correlate = shell::correlate::run(&config, &kit);
    Ok(Role::new("gateway")
        .http(shell::intake::routes(&config, &kit)?)
        .task("correlate", async move { Ok(correlate.await?) }))
}
