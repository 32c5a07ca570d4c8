//! Storms for measuring correlation.

use std::process::ExitCode;

use paramedic_storm::{Spec, generate};

use crate::{
    cli::{Generate, Storm},
    text,
};

/// Runs one of the commands.
pub fn storm(command: Storm) -> anyhow::Result<ExitCode> {
    match command {
        Storm::Generate(arguments) => write(&arguments),
    }
}

fn write(arguments: &Generate) -> anyhow::Result<ExitCode> {
    let storm = generate(Spec {
        seed: arguments.seed,
        services: arguments.services.into(),
        incidents: arguments.incidents.into(),
        variant: arguments.variant.into(),
    });
    storm.write(&arguments.out)?;
    for incident in &storm.truth.incidents {
        let alerts = storm
            .truth
            .alerts
            .iter()
            .filter(|alert| alert.incident.as_ref() == Some(&incident.id))
            .count();
        text::note(&format!(
            "{}: {} of {}, {alerts} alerts from {}",
            incident.id,
            incident.fault,
            incident.root,
            text::utc(incident.onset)
        ));
    }
    text::note(&format!(
        "{} posts with {} alerts written to {}",
        storm.posts.len(),
        storm.truth.alerts.iter().filter(|alert| !alert.lost).count(),
        arguments.out.display()
    ));
    Ok(ExitCode::SUCCESS)
}
