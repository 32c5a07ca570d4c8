//! Puts the role together; binds and spawns nothing.

use std::sync::{Arc, Mutex};

use paramedic_bus::consume;
use paramedic_proto::v1::notifier_service_server::NotifierServiceServer;
use paramedic_runtime::{Kit, Role};

use crate::{
    config::Config,
    metrics,
    shell::{
        channel::Channel, discord::Discord, grpc::Service, links::Approvals, opsgenie::Opsgenie, pagerduty::PagerDuty, slack::Slack,
        smtp::Smtp, teams::Teams, telegram::Telegram, webhook::Webhook, worker::Worker,
    },
};

/// Messages in hand at once per channel: enough to hide a provider's latency, few enough to be polite.
const CONCURRENCY: usize = 4;

/// Builds the role.
///
/// # Errors
/// When the configuration cannot be used.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    metrics::describe();
    let channels = channels(&config, &kit)?;
    if channels.is_empty() {
        tracing::warn!("no channel is configured: nobody is told about incidents");
    }
    let approvals = Approvals::new(&config.approval_url, config.approval_token)?;
    let service = Service {
        kit: kit.clone(),
        channels: channels.clone(),
    };
    let mut role = Role::new("notifier").grpc(NotifierServiceServer::new(service));
    for channel in channels {
        let name = channel.name();
        let worker = Worker {
            kit: kit.clone(),
            channel,
            approvals: approvals.clone(),
            breaker: Mutex::default(),
        };
        role = role.task(name, async move {
            // a durable name per channel: a dead mail server must not hold back Slack
            let spec = consume::on_events(&format!("notifier-{name}"), worker.channel.kinds());
            let kit = worker.kit.clone();
            let clock = Arc::new(kit.clock.clone());
            Ok(consume::run(kit.bus, spec, CONCURRENCY, clock, kit.drain, Arc::new(worker)).await?)
        });
    }
    Ok(role)
}

/// Every channel that has what it needs.
fn channels(config: &Config, kit: &Kit) -> anyhow::Result<Vec<Arc<dyn Channel>>> {
    let http = &kit.cluster.http;
    let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
    if config.email.enabled() {
        channels.push(Arc::new(Smtp::new(&config.email)?));
    } else {
        tracing::info!("email is off: notifier.email.url is empty");
    }
    if config.slack.enabled() {
        channels.push(Arc::new(Slack::new(&config.slack, http.clone())));
    } else {
        tracing::info!("slack is off: notifier.slack.token is empty");
    }
    if config.webhook.enabled() {
        channels.push(Arc::new(Webhook::new(&config.webhook, http.clone(), kit.clock.clone())?));
    }
    if config.teams.enabled() {
        channels.push(Arc::new(Teams::new(&config.teams, http.clone())));
    }
    if config.discord.enabled() {
        channels.push(Arc::new(Discord::new(&config.discord, http.clone())));
    }
    if config.pagerduty.enabled() {
        channels.push(Arc::new(PagerDuty::new(&config.pagerduty, http.clone())));
    }
    if config.opsgenie.enabled() {
        channels.push(Arc::new(Opsgenie::new(&config.opsgenie, http.clone())));
    }
    if config.telegram.enabled() {
        channels.push(Arc::new(Telegram::new(&config.telegram, http.clone())));
    }
    Ok(channels)
}
