//! Corrects how alerts are grouped.

use std::process::ExitCode;

use paramedic_proto::v1::{self, correction};

use crate::{
    cli::{Regroup, RegroupWho},
    client::Client,
    text,
};

/// Runs one of the commands.
pub async fn regroup(command: Regroup) -> anyhow::Result<ExitCode> {
    let some = |from: &str, fingerprints: Vec<String>| correction::Some {
        from: from.to_owned(),
        fingerprints,
    };
    let (who, incident, kind, becomes) = match command {
        Regroup::Merge { who, from, into } => {
            let becomes = format!("become part of {into}");
            let kind = correction::Kind::Merge(correction::Merge { from: from.clone(), into });
            (who, from, kind, becomes)
        }
        Regroup::Split { who, incident, alerts } => {
            let kind = correction::Kind::Split(some(&incident, alerts));
            (who, incident, kind, "become an incident of their own".to_owned())
        }
        Regroup::Detach { who, incident, alerts } => {
            let kind = correction::Kind::Detach(some(&incident, alerts));
            (who, incident, kind, "leave it and belong to none".to_owned())
        }
    };
    let alerts = tell(&who, &incident, kind).await?;
    text::say(&text::clean(&format!(
        "{} of {incident} {becomes}",
        text::plural(alerts as usize, "alert")
    )));
    Ok(ExitCode::SUCCESS)
}

async fn tell(who: &RegroupWho, incident: &str, kind: correction::Kind) -> anyhow::Result<u32> {
    let mut client = Client::new(&who.server)?;
    let cluster = client.cluster_of(incident).await?;
    let request = client.request(v1::RegroupRequest {
        cluster,
        correction: Some(v1::Correction { kind: Some(kind) }),
        by: who.by.clone(),
    })?;
    let answer = client.incidents.regroup(request).await;
    Ok(answer.map_err(|status| client.explain(status))?.into_inner().alerts)
}
