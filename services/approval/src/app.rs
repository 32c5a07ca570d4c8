//! Puts the role together; binds and spawns nothing.

use std::sync::Arc;

use paramedic_bus::{consume, streams};
use paramedic_login::SecurityHeaders;
use paramedic_proto::v1::approval_service_server::ApprovalServiceServer;
use paramedic_runtime::{Kit, Role};

use crate::{
    config::Config,
    core::page,
    metrics,
    shell::{
        desk::Desk,
        grpc::Service,
        http, index, secret,
        slack::{self, Slack},
        worker,
    },
};

/// Plans and questions handled at once; each is one or two appends.
const CONCURRENCY: usize = 16;
/// Events after which a gate may look different.
const INDEXED: [&str; 10] = [
    "plan_proposed",
    "approval_requested",
    "approval_escalated",
    "approval_reminded",
    "approval_acknowledged",
    "approval_granted",
    "approval_denied",
    "approval_expired",
    "workflow_finished",
    "incident_cancelled",
];

/// Builds the role.
///
/// # Errors
/// When the bus is unavailable.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    metrics::describe();
    let nonces = kit.bus.kv(streams::APPROVALS, None).await?;
    let gates = kit.bus.kv(index::BUCKET, Some(index::KEPT)).await?;
    let secret = secret::obtain(&config.link_secret, nonces.as_ref()).await?;
    if kit.people.current().is_unchecked() {
        tracing::warn!("people.file is empty: whoever reaches the gRPC port may decide under any name");
    }
    let desk = Desk::new(kit.clone(), nonces, secret);
    let mut routes = http::routes(desk.clone());
    if config.slack.enabled() {
        if kit.people.current().is_unchecked() {
            tracing::warn!("people.file is empty: nobody can decide from Slack, since nobody knows who its users are");
        }
        let taken = kit.bus.kv(slack::BUCKET, Some(slack::KEPT)).await?;
        routes = routes.merge(Slack::new(&config.slack, kit.clone(), desk.clone(), gates.clone(), taken).routes());
    }
    let headers = SecurityHeaders::new(&config.public_url).styles_of(page::TEMPLATE);
    let service = Service {
        desk: desk.clone(),
        index: gates.clone(),
        kit: kit.clone(),
        notifier_token: config.notifier_token,
        public_url: config.public_url,
    };
    let (asking, indexing, due) = (kit.clone(), kit, gates.clone());
    Ok(Role::new("approval")
        .http(headers.on(routes))
        .grpc(ApprovalServiceServer::new(service))
        .task("ask", async move {
            let spec = consume::on_events("approval", &worker::KINDS);
            let (bus, drain, clock) = (asking.bus.clone(), asking.drain.clone(), Arc::new(asking.clock.clone()));
            let handler = Arc::new(worker::Worker { kit: asking });
            if let Err(error) = handler.catch_up(due.as_ref()).await {
                tracing::warn!(%error, "what was due while nobody ran waits for its own messages");
            }
            Ok(consume::run(bus, spec, CONCURRENCY, clock, drain, handler).await?)
        })
        .task("index", async move {
            let spec = consume::on_events("approval-index", &INDEXED);
            let (bus, drain, clock) = (indexing.bus.clone(), indexing.drain.clone(), Arc::new(indexing.clock.clone()));
            let handler = Arc::new(index::Indexer {
                kit: indexing,
                index: gates,
            });
            Ok(consume::run(bus, spec, CONCURRENCY, clock, drain, handler).await?)
        }))
}
