//! Roles by name, alone or all together.

use std::process::ExitCode;

use anyhow::Context;
use paramedic_runtime::{Kit, Role, boot, config, serve, telemetry};

use crate::{cli, settings::Settings};

/// Every role, in the order an incident meets them.
pub const ALL: [&str; 7] = ["gateway", "analysis", "planner", "approval", "executor", "notifier", "console"];

/// Whether a role talks to the Kubernetes API.
fn reaches_cluster(role: &str, settings: &Settings) -> bool {
    match role {
        "gateway" => settings.gateway.reaches_cluster(),
        role => matches!(role, "analysis" | "executor"),
    }
}

/// Builds one role.
///
/// # Errors
/// When its configuration cannot be used here.
pub async fn build(role: &str, settings: &Settings, kit: &Kit) -> anyhow::Result<Role> {
    let (settings, kit) = (settings.clone(), kit.clone());
    match role {
        "gateway" => paramedic_gateway::build(settings.gateway, kit).await,
        "analysis" => paramedic_analysis::build(settings.analysis, kit).await,
        "planner" => paramedic_planner::build(settings.planner, kit).await,
        "executor" => paramedic_executor::build(settings.executor, kit).await,
        "approval" => paramedic_approval::build(settings.approval, kit).await,
        "notifier" => paramedic_notifier::build(settings.notifier, kit).await,
        "console" => paramedic_console::build(settings.console, kit).await,
        other => anyhow::bail!("there is no role {other:?}"),
    }
    .with_context(|| format!("cannot build role {role}"))
}

/// Runs roles until a signal or a failure.
///
/// # Errors
/// Configuration, bus, listener and role errors, each with the key or address it is about.
pub async fn run(names: &[&str], arguments: &cli::Process) -> anyhow::Result<ExitCode> {
    let mut settings = Settings::load(arguments.config.as_deref(), config::environment())?;
    settings.validate(names)?;
    let process = settings.process();
    let service = if let [only] = names {
        format!("paramedic-{only}")
    } else {
        "paramedic".to_owned()
    };
    let guard = telemetry::init(&service, &process.telemetry)?;
    let listeners = serve::Listeners::bind(process.http.listen, process.grpc.listen)
        .await?
        .with_tls(&process.http)?;
    if names.len() > 1 {
        settings.meet_at(&format!("http://{}", listeners.grpc_address()?));
    }
    let kit = boot::kit(
        &process,
        boot::clock(&process.clock)?,
        names.iter().any(|name| reaches_cluster(name, &settings)),
    )
    .await?;
    tracing::info!(http = %listeners.http_address()?, grpc = %listeners.grpc_address()?, bus = process.bus.url, cluster = process.cluster.name, "starting");
    let mut roles = Vec::new();
    for name in names {
        roles.push(build(name, &settings, &kit).await?);
    }
    let signals = serve::drain_on_signals(&kit.drain)?;
    if let Some(first) = roles.first_mut() {
        first.tasks.push(signals);
    }
    let outcome = serve::run(roles, kit, listeners, paramedic_proto::FILE_DESCRIPTOR_SET).await;
    guard.flush();
    outcome.map(|()| ExitCode::SUCCESS)
}
