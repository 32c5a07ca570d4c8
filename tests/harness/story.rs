//! Following an incident from outside, through the public query API.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use paramedic_domain::{envelope::Recorded, event::Event, incident::Incident, invariant};
use paramedic_proto::v1::{ListIncidentsRequest, LogRequest, incident_service_client::IncidentServiceClient};
use paramedic_testkit::Backoff;
use tonic::transport::Channel;

/// How long a story may take in wall time, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Reads incidents of one server.
pub struct Story {
    client: IncidentServiceClient<Channel>,
}

impl Story {
    /// A reader of the server at this gRPC address.
    ///
    /// # Errors
    /// When it is no address.
    pub fn of(grpc: &str) -> Result<Self> {
        Ok(Self {
            client: IncidentServiceClient::new(Channel::from_shared(grpc.to_owned())?.connect_lazy()).max_decoding_message_size(64 << 20),
        })
    }

    /// Ids of all incidents with their clusters.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn incidents(&mut self) -> Result<Vec<(String, String)>> {
        let answer = self
            .client
            .list(ListIncidentsRequest {
                cluster: None,
                open_only: false,
                limit: 1000,
            })
            .await?
            .into_inner();
        Ok(answer
            .incidents
            .into_iter()
            .map(|summary| (summary.cluster, summary.incident))
            .collect())
    }

    /// The log of an incident.
    ///
    /// # Errors
    /// When the server does not answer or the log is damaged.
    pub async fn log(&mut self, cluster: &str, incident: &str) -> Result<Vec<Recorded>> {
        let mut stream = self
            .client
            .log(LogRequest {
                cluster: cluster.to_owned(),
                incident: incident.to_owned(),
            })
            .await?
            .into_inner();
        let mut log = Vec::new();
        while let Some(entry) = stream.message().await? {
            log.push(paramedic_wire::decode(&entry.envelope).map_err(|invalid| anyhow!("{invalid}"))?);
        }
        Ok(log)
    }

    /// Every incident, folded.
    ///
    /// # Errors
    /// When the server does not answer or a log is damaged.
    pub async fn folded(&mut self) -> Result<Vec<Incident>> {
        let mut incidents = Vec::new();
        for (cluster, incident) in self.incidents().await? {
            let log = self.log(&cluster, &incident).await?;
            incidents.push(Incident::fold(cluster.parse()?, incident.parse()?, &log)?);
        }
        Ok(incidents)
    }

    /// The log of the only incident; `None` while there is none.
    async fn only(&mut self) -> Result<Option<Vec<Recorded>>> {
        let incidents = self.incidents().await?;
        ensure!(incidents.len() <= 1, "one incident was expected, there are {incidents:?}");
        match incidents.first() {
            Some((cluster, incident)) => Ok(Some(self.log(cluster, incident).await?)),
            None => Ok(None),
        }
    }
}

/// Waits until the only incident's log satisfies `wanted`, and returns log and state; every invariant that a log can
/// show is checked on the way.
///
/// # Errors
/// When it does not happen in time, with the story so far.
pub async fn wait_for_event(grpc: &str, wanted: impl Fn(&Incident, &[Recorded]) -> bool) -> Result<(Incident, Vec<Recorded>)> {
    let mut story = Story::of(grpc)?;
    let mut backoff = Backoff::new(PATIENCE);
    let mut last = Vec::new();
    loop {
        if let Ok(Some(log)) = story.only().await {
            let first = &log.first().context("an opened incident has a first event")?.envelope;
            let incident = Incident::fold(first.cluster.clone(), first.incident.clone(), &log)?;
            let violations = invariant::check_log(&log);
            ensure!(violations.is_empty(), "{violations:?}");
            if wanted(&incident, &log) {
                return Ok((incident, log));
            }
            last = log;
        }
        if !backoff.pause().await {
            let story: Vec<String> = last
                .iter()
                .map(|recorded| format!("{} {}", recorded.envelope.time, line(&recorded.envelope.event)))
                .collect();
            return Err(anyhow!(
                "it did not happen within {PATIENCE:?}; the story so far:\n{}",
                story.join("\n")
            ));
        }
    }
}

/// Waits until the only incident has ended and its last messages are delivered or given up.
///
/// # Errors
/// As [`wait_for_event`].
pub async fn wait_for_end(grpc: &str) -> Result<(Incident, Vec<Recorded>)> {
    wait_for_event(grpc, |incident, _| incident.end.is_some()).await
}

fn line(event: &Event) -> String {
    let text = serde_json::to_string(event).unwrap_or_default();
    text.chars().take(400).collect()
}
