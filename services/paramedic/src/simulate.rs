//! The simulated cluster alone.

use std::process::ExitCode;

use anyhow::Context;
use paramedic_simulator::{Options, Scenario, Simulator, Webhook};

use crate::{cli, text};

/// A built-in scenario by name, or a file by path.
///
/// # Errors
/// When there is neither.
pub fn scenario(name: &str) -> anyhow::Result<Scenario> {
    if name.contains(['/', '.']) {
        Scenario::load(std::path::Path::new(name))
    } else {
        Scenario::builtin(name)
    }
    .with_context(|| format!("cannot load scenario {name:?}"))
}

/// Runs the cluster until the process is interrupted.
///
/// # Errors
/// When the scenario, the address or the kubeconfig path cannot be used.
pub async fn run(arguments: cli::Simulate) -> anyhow::Result<ExitCode> {
    let alert_webhook = arguments.webhook.map(|url| Webhook {
        url,
        bearer: (!arguments.webhook_token.is_empty()).then_some(arguments.webhook_token),
    });
    let simulator = Simulator::start(Options {
        cluster: scenario(&arguments.scenario)?.into(),
        speed: arguments.speed,
        listen: arguments.listen,
        alert_webhook,
        audit_file: arguments.audit,
    })
    .await?;
    text::say(&format!(
        "kubernetes  {}\nprometheus  {}\nloki        {}\njaeger      {}\ntempo       {}",
        simulator.url(),
        simulator.prometheus_url(),
        simulator.loki_url(),
        simulator.jaeger_url(),
        simulator.tempo_url()
    ));
    if let Some(path) = arguments.kubeconfig {
        std::fs::write(&path, simulator.kubeconfig()).with_context(|| format!("cannot write {}", path.display()))?;
        text::say(&format!("kubeconfig  {}", path.display()));
    }
    tokio::signal::ctrl_c().await?;
    simulator.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
