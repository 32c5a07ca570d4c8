//! The APIs as the command line uses them.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use paramedic_domain::{
    envelope::Recorded,
    id::{ClusterId, IncidentId},
    incident::Incident,
};
use paramedic_proto::v1::{
    DeadLetter, DeadLettersRequest, GetIncidentRequest, IncidentSummary, ListIncidentsRequest, LogRequest, RetryDeadLetterRequest,
    approval_service_client::ApprovalServiceClient, incident_service_client::IncidentServiceClient,
};
use paramedic_runtime::grpc;
use tonic::{Request, Status, metadata::MetadataValue, transport::Channel};

use crate::cli::Server;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Most incidents that a server lists at once.
pub const MOST_LISTED: u32 = 1000;

/// Both services, reached with the caller's token.
pub struct Client {
    pub(crate) incidents: IncidentServiceClient<Channel>,
    /// Gates and decisions.
    pub approvals: ApprovalServiceClient<Channel>,
    server: String,
    token: Option<String>,
}

impl Client {
    /// A client for the given addresses; connects on first use.
    ///
    /// # Errors
    /// When an address is not one.
    pub fn new(server: &Server) -> anyhow::Result<Self> {
        let incidents = grpc::channel(&server.server, TIMEOUT)?;
        let approvals = match &server.approval_server {
            Some(url) => grpc::channel(url, TIMEOUT)?,
            None => incidents.clone(),
        };
        Ok(Self {
            incidents: IncidentServiceClient::new(incidents).max_decoding_message_size(64 << 20),
            approvals: ApprovalServiceClient::new(approvals).max_decoding_message_size(64 << 20),
            server: server.server.clone(),
            token: server.token.clone(),
        })
    }

    /// A request with the caller's token.
    pub fn request<T>(&self, message: T) -> anyhow::Result<Request<T>> {
        let mut request = grpc::with_trace(message);
        if let Some(token) = &self.token {
            let value: MetadataValue<_> = format!("Bearer {token}")
                .parse()
                .context("the token cannot be sent: it holds characters that headers do not allow")?;
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }

    /// A status as a person's sentence.
    pub fn explain(&self, status: Status) -> anyhow::Error {
        match status.code() {
            tonic::Code::Unavailable => anyhow!(
                "nobody answers at {}: is `paramedic up` running, and is --server right? ({})",
                self.server,
                status.message()
            ),
            _ => anyhow!("{}", status.message()),
        }
    }

    /// Summaries, newest first.
    pub async fn list(&mut self, open_only: bool) -> anyhow::Result<Vec<IncidentSummary>> {
        let request = self.request(ListIncidentsRequest {
            cluster: None,
            open_only,
            limit: MOST_LISTED,
        })?;
        let answer = self.incidents.list(request).await.map_err(|status| self.explain(status))?;
        Ok(answer.into_inner().incidents)
    }

    /// The cluster of an incident.
    pub async fn cluster_of(&mut self, id: &str) -> anyhow::Result<String> {
        let summaries = self.list(false).await?;
        let Some(found) = summaries.into_iter().find(|summary| summary.incident == id) else {
            bail!("there is no incident {id}; `paramedic incidents` lists them");
        };
        Ok(found.cluster)
    }

    /// The server's folded state of an incident, as JSON text.
    pub async fn state_json(&mut self, id: &str) -> anyhow::Result<String> {
        let cluster = self.cluster_of(id).await?;
        let request = self.request(GetIncidentRequest {
            cluster,
            incident: id.to_owned(),
        })?;
        Ok(self
            .incidents
            .get(request)
            .await
            .map_err(|status| self.explain(status))?
            .into_inner()
            .state_json)
    }

    /// Messages that were given up, the oldest first.
    pub async fn dead_letters(&mut self, all: bool) -> anyhow::Result<Vec<DeadLetter>> {
        let request = self.request(DeadLettersRequest { all })?;
        let answer = self.incidents.dead_letters(request).await.map_err(|status| self.explain(status))?;
        Ok(answer.into_inner().letters)
    }

    /// Gives one of them to its consumer again.
    pub async fn retry_dead_letter(&mut self, number: u64, by: String) -> anyhow::Result<DeadLetter> {
        let request = self.request(RetryDeadLetterRequest { number, by })?;
        let answer = self
            .incidents
            .retry_dead_letter(request)
            .await
            .map_err(|status| self.explain(status))?;
        answer.into_inner().letter.context("the answer names no letter")
    }

    /// The stored log of an incident.
    pub async fn log(&mut self, id: &str) -> anyhow::Result<Vec<Recorded>> {
        let cluster = self.cluster_of(id).await?;
        let request = self.request(LogRequest {
            cluster,
            incident: id.to_owned(),
        })?;
        let mut stream = self
            .incidents
            .log(request)
            .await
            .map_err(|status| self.explain(status))?
            .into_inner();
        let mut log = Vec::new();
        while let Some(entry) = stream.message().await.map_err(|status| self.explain(status))? {
            log.push(
                paramedic_wire::decode(&entry.envelope)
                    .map_err(|invalid| anyhow!("position {}: not an event: {invalid}", entry.position))?,
            );
        }
        Ok(log)
    }
}

/// Folds a log read from a server.
pub fn fold(id: &str, log: &[Recorded]) -> anyhow::Result<Incident> {
    let id: IncidentId = id.parse()?;
    let cluster: ClusterId = log
        .first()
        .map(|first| first.envelope.cluster.clone())
        .with_context(|| format!("the log of {id} is empty"))?;
    Ok(Incident::fold(cluster, id, log)?)
}
