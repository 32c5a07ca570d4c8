//! One replica per cluster asks Alertmanagers what they keep quiet, and says so on the stream of alerts.

use std::{future::Future, time::Duration};

use futures::StreamExt;
use paramedic_bus::{Append, Error, leader, streams};
use paramedic_domain::{silence::Quiet, subject::Subject};
use paramedic_runtime::{Kit, config::Invalid};
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use super::replica;
use crate::{
    Config,
    core::silences::{self, Said},
    metrics,
};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer: the alerts of the largest estates that are kept quiet at once.
const MAX_ANSWER: usize = 32 << 20;

/// An Alertmanager whose silences count.
#[derive(Debug, Clone)]
struct Asked {
    source: String,
    silences: Url,
    alerts: Url,
}

/// Asks whenever this replica leads, until the kit drains. `None`: there is nobody to ask.
///
/// # Errors
/// When an address is none.
pub(crate) fn run(config: &Config, kit: &Kit) -> Result<Option<impl Future<Output = Result<(), Error>> + Send + 'static>, Invalid> {
    let mut asked = Vec::new();
    for (name, source) in &config.sources {
        if source.alertmanager_url.is_empty() {
            continue;
        }
        let url = |path: &str| {
            let url: Result<Url, _> = format!("{}{path}", source.alertmanager_url.trim_end_matches('/')).parse();
            url.map_err(|_| Invalid::new(format!("gateway.sources.{name}.alertmanager_url"), "is not an http(s) URL"))
        };
        asked.push(Asked {
            source: name.clone(),
            silences: url("/api/v2/silences")?,
            alerts: url("/api/v2/alerts?active=false&unprocessed=false&silenced=true&inhibited=true")?,
        });
    }
    let pause = config.silences.poll();
    let kit = kit.clone();
    let Some(pause) = pause.filter(|_| !asked.is_empty()) else {
        return Ok(None);
    };
    Ok(Some(async move {
        let office = format!("silences/{}", kit.cluster.name);
        leader::lead(&kit.bus, &office, &replica::name(), &kit.drain, |over| {
            poll(asked.clone(), kit.clone(), pause, over)
        })
        .await
    }))
}

async fn poll(asked: Vec<Asked>, kit: Kit, pause: Duration, over: CancellationToken) {
    let mut said: Vec<Option<Quiet>> = asked.iter().map(|_| None).collect();
    loop {
        for (asked, said) in asked.iter().zip(&mut said) {
            let answer = tokio::select! {
                () = over.cancelled() => return,
                answer = tokio::time::timeout(PATIENCE, asked.ask(&kit)) => answer,
            };
            let outcome = match answer {
                Ok(Ok(answer)) => tell(answer, said, &kit).await,
                Ok(Err(problem)) => Err(problem),
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            };
            metrics::silences(&asked.source, outcome.is_ok());
            if let Err(problem) = outcome {
                tracing::warn!(
                    source = asked.source,
                    problem,
                    "it is not known what Alertmanager keeps quiet; what is known stays in force until it ends"
                );
            }
        }
        tokio::select! {
            () = over.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Says what is new.
async fn tell(answer: Said, said: &mut Option<Quiet>, kit: &Kit) -> Result<(), String> {
    let quiet = answer.quiet;
    metrics::quiet(&quiet.source, quiet.silences.len(), quiet.alerts.len());
    if !silences::is_news(&quiet, said.as_ref()) {
        return Ok(());
    }
    for id in &answer.unusable {
        tracing::warn!(
            source = quiet.source,
            id,
            "a silence has a matcher that cannot be used here; only alerts that Alertmanager has are quiet by it"
        );
    }
    if answer.left_out > 0 {
        tracing::warn!(
            source = quiet.source,
            left_out = answer.left_out,
            "more is kept quiet than a message can hold"
        );
    }
    let subject = Subject::Quiet {
        cluster: kit.cluster.name.clone(),
    };
    let message = Append {
        subject: subject.to_string(),
        payload: paramedic_wire::encode_quiet(&quiet),
        ..Append::default()
    };
    kit.bus.append(streams::ALERTS, message).await.map_err(|error| error.to_string())?;
    *said = Some(quiet);
    Ok(())
}

impl Asked {
    async fn ask(&self, kit: &Kit) -> Result<Said, String> {
        let (silences, alerts) = futures::try_join!(get(&kit.cluster.http, &self.silences), get(&kit.cluster.http, &self.alerts))?;
        silences::read(&self.source, &silences, &alerts, kit.clock.now())
    }
}

async fn get(client: &reqwest::Client, url: &Url) -> Result<Vec<u8>, String> {
    let answer = client.get(url.clone()).send().await.and_then(reqwest::Response::error_for_status);
    let mut pieces = answer.map_err(|error| error.without_url().to_string())?.bytes_stream();
    let mut body = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| error.without_url().to_string())?;
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(format!("the answer has more than {MAX_ANSWER} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
