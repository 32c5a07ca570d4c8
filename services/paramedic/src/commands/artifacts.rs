//! Files that investigations and steps kept.

use std::{io::Write, process::ExitCode};

use anyhow::{Context, bail};
use paramedic_domain::{
    diagnosis,
    digest::Digest,
    envelope::Recorded,
    event::{Artifact, Event},
    id::IncidentId,
};
use paramedic_proto::v1::ArtifactRequest;

use crate::{cli::Artifacts, client::Client, text};

/// A file, as the log tells of it.
#[derive(Debug, Clone, PartialEq)]
enum Kept {
    /// What an investigation saw; its name is known, its content is not part of the log.
    Seen(String),
    /// What a step kept.
    ByStep(Artifact),
}

/// Lists files, or reads one.
pub async fn artifacts(arguments: &Artifacts) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(&arguments.server)?;
    let id: IncidentId = arguments.id.parse()?;
    let all = kept(&id, &client.log(&arguments.id).await?);
    let Some(name) = &arguments.name else {
        text::say(&text::clean(&listed(&all)));
        return Ok(ExitCode::SUCCESS);
    };
    let chosen = chosen(&all, name)?;
    let content = client.artifact(&id, chosen.name()).await?;
    if let Kept::ByStep(artifact) = chosen
        && Digest::of(&content) != artifact.digest
    {
        bail!(
            "{} is not what the step kept: its digest differs from the one in the log",
            artifact.name
        );
    }
    match &arguments.out {
        Some(path) => std::fs::write(path, &content).with_context(|| format!("cannot write {}", path.display()))?,
        None => std::io::stdout().write_all(&content)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Kept {
    fn name(&self) -> &str {
        match self {
            Self::Seen(name) => name,
            Self::ByStep(artifact) => &artifact.name,
        }
    }
}

/// Every file of which a log tells, in its order; of one that was written again, the last.
fn kept(id: &IncidentId, log: &[Recorded]) -> Vec<Kept> {
    let mut all: Vec<Kept> = Vec::new();
    // Of a request nothing is investigated.
    let requested = |recorded: &Recorded| matches!(&recorded.envelope.event, Event::IncidentOpened { request: Some(_), .. });
    let requested = log.iter().any(requested);
    let mut add = |file: Kept| {
        all.retain(|known| known.name() != file.name());
        all.push(file);
    };
    for recorded in log {
        match &recorded.envelope.event {
            Event::DiagnosisReached { attempt, .. } | Event::AnalysisInconclusive { attempt, .. } if !requested => {
                add(Kept::Seen(diagnosis::seen(id, *attempt)));
            }
            Event::StepSucceeded { artifacts, .. } => artifacts.iter().cloned().map(Kept::ByStep).for_each(&mut add),
            _ => {}
        }
    }
    all
}

fn listed(all: &[Kept]) -> String {
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|file| match file {
            Kept::Seen(name) => vec![name.clone(), String::new(), "what the investigation saw".into()],
            Kept::ByStep(artifact) => vec![
                artifact.name.clone(),
                artifact.bytes.to_string(),
                artifact.digest.short().to_string(),
            ],
        })
        .collect();
    match rows.is_empty() {
        true => "nothing was kept yet".into(),
        false => text::table(&["NAME", "BYTES", "DIGEST"], &rows),
    }
}

/// The one file with that name, or whose name ends with it.
fn chosen<'k>(all: &'k [Kept], name: &str) -> anyhow::Result<&'k Kept> {
    let ending: Vec<&Kept> = all.iter().filter(|file| file.name().ends_with(name)).collect();
    match (all.iter().find(|file| file.name() == name), ending.as_slice()) {
        (Some(exact), _) => Ok(exact),
        (None, [one]) => Ok(one),
        (None, []) => bail!("nothing of that name was kept; without a name, `paramedic artifacts` lists what was"),
        (None, several) => bail!(
            "{} files end with that: {}",
            several.len(),
            several.iter().map(|file| file.name()).collect::<Vec<_>>().join(", ")
        ),
    }
}

impl Client {
    /// The content of a file.
    async fn artifact(&mut self, incident: &IncidentId, name: &str) -> anyhow::Result<Vec<u8>> {
        let request = self.request(ArtifactRequest {
            incident: incident.to_string(),
            name: name.to_owned(),
        })?;
        let answer = self.incidents.artifact(request).await;
        let mut parts = answer.map_err(|status| self.explain(status))?.into_inner();
        let mut content = Vec::new();
        while let Some(part) = parts.message().await.map_err(|status| self.explain(status))? {
            content.extend(part.content);
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<Kept> {
        let kept = |name: &str| {
            Kept::ByStep(Artifact {
                name: name.into(),
                bytes: 3,
                digest: Digest::of(b"abc"),
            })
        };
        vec![
            Kept::Seen("inc-1/analysis/attempt-1.json".into()),
            kept("inc-1/p/a/logs.txt"),
            kept("inc-1/p/b/logs.txt"),
        ]
    }

    #[test]
    fn the_end_of_a_name_is_enough_where_it_is_the_only_one() {
        let files = files();
        assert_eq!(chosen(&files, "attempt-1.json").unwrap(), &files[0]);
        assert_eq!(chosen(&files, "inc-1/p/b/logs.txt").unwrap(), &files[2]);
        assert!(
            chosen(&files, "logs.txt")
                .unwrap_err()
                .to_string()
                .starts_with("2 files end with that")
        );
        assert!(chosen(&files, "dump").is_err());
    }

    #[test]
    fn files_are_a_table() {
        let page = listed(&files());
        assert!(
            page.starts_with("NAME") && page.contains("attempt-1.json") && page.contains("what the investigation saw"),
            "{page}"
        );
        assert_eq!(listed(&[]), "nothing was kept yet");
    }
}
