//! Storms for measuring correlation.

use std::{collections::BTreeMap, process::ExitCode};

use paramedic_storm::{
    GENERATOR, Spec,
    campaign::{self, Outcome, Source},
    convert::{itbench, petshop},
    eval::{Cell, Metric},
    generate,
    group::{ABLATIONS, CONTENDERS},
};

use crate::{
    cli::{Convert, Eval, Generate, Storm},
    text,
};

/// Runs one of the commands.
pub fn storm(command: Storm) -> anyhow::Result<ExitCode> {
    match command {
        Storm::Generate(arguments) => write(&arguments),
        Storm::Eval(arguments) => measure(&arguments),
        Storm::Convert { from } => convert(&from),
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

fn convert(from: &Convert) -> anyhow::Result<ExitCode> {
    let (conversion, out) = match from {
        Convert::Itbench(paths) => (itbench(&paths.data)?, &paths.out),
        Convert::Petshop(paths) => (petshop(&paths.data)?, &paths.out),
    };
    conversion.write(out)?;
    for reason in &conversion.skipped {
        text::note(&format!("skipped {reason}"));
    }
    text::note(&format!("{} storms written to {}", conversion.storms.len(), out.display()));
    Ok(ExitCode::SUCCESS)
}

fn measure(arguments: &Eval) -> anyhow::Result<ExitCode> {
    let sources = sources(arguments);
    let mut contenders = CONTENDERS.to_vec();
    if arguments.ablate {
        contenders.extend(ABLATIONS);
    }
    let outcomes = campaign::run(&sources, &contenders)?;
    let memory = campaign::peak_memory();
    if arguments.json {
        let report = serde_json::json!({
            "generator": GENERATOR,
            "storms": sources.len(),
            "peak_memory_bytes": memory,
            "contenders": outcomes,
        });
        text::say(&serde_json::to_string_pretty(&report)?);
    } else {
        text::say(&page(&outcomes));
        if let Some(memory) = memory {
            text::note(&format!("{} storms, most memory {} MiB", sources.len(), memory >> 20));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn sources(arguments: &Eval) -> Vec<Source> {
    let Some(seeds) = &arguments.seeds else {
        return arguments.storms.iter().cloned().map(Source::Folder).collect();
    };
    let mut sources = Vec::new();
    for variant in &arguments.variant {
        for services in &arguments.services {
            for incidents in &arguments.incidents {
                sources.extend(seeds.clone().map(|seed| {
                    Source::Spec(Spec {
                        seed,
                        services: (*services).into(),
                        incidents: (*incidents).into(),
                        variant: (*variant).into(),
                    })
                }));
            }
        }
    }
    sources
}

/// Figures in the table, with short heads. The rest is in the JSON.
const COLUMNS: [(&str, &str); 14] = [
    ("F1", "f1"),
    ("P", "precision"),
    ("R", "recall"),
    ("B3", "bcubed_f1"),
    ("NMI", "nmi"),
    ("NOISE", "noise_merged"),
    ("FOUND", "incident_recall"),
    ("TOP1", "root_top1"),
    ("TOP3", "root_top3"),
    ("MRR", "root_mrr"),
    ("STRICT", "strict"),
    ("RAISED", "raised"),
    ("REDUCED", "storm_reduction"),
    ("SHUFFLED", "same_shuffled"),
];

/// Tables: the figures per kind of storm, mean with the worst twentieth behind it; when and at what cost; the roots by fault.
fn page(outcomes: &[Outcome]) -> String {
    let kind = |cell: &Cell| format!("{} S={} K={}", cell.key.set, cell.key.services, cell.key.incidents);
    let rows = |columns: &[(&str, &str)]| {
        let cells = outcomes.first().map_or(0, |outcome| outcome.cells.len());
        let mut rows = Vec::new();
        for index in 0..cells {
            for outcome in outcomes {
                let cell = &outcome.cells[index];
                let mut row = vec![kind(cell), cell.storms.to_string(), outcome.contender.to_owned()];
                row.extend(columns.iter().map(|(_, name)| figure(cell, name)));
                rows.push(row);
            }
        }
        rows
    };
    let table = |columns: &[(&str, &str)]| {
        let mut heads = vec!["STORMS", "N", "WHO"];
        heads.extend(columns.iter().map(|(head, _)| *head));
        text::table(&heads, &rows(columns))
    };
    let cost = [
        ("ROOT AFTER (ALERTS)", "root_after_alerts"),
        ("(S)", "root_after_seconds"),
        ("CHURN", "churn"),
        ("COMPRESSION", "compression"),
        ("P99 (US)", "p99_micros"),
        ("SAME LABELS", "same_label_order"),
        ("SAME REPLAY", "same_replay"),
    ];
    format!("{}\n\n{}\n\n{}", table(&COLUMNS), table(&cost), faults(outcomes))
}

/// `mean/worst twentieth`.
fn figure(cell: &Cell, name: &str) -> String {
    debug_assert!(Metric::ALL.iter().any(|metric| metric.name == name), "{name} is a figure");
    cell.figures.get(name).map_or_else(
        || "-".to_owned(),
        |spread| match spread.mean {
            mean if mean > 20.0 => format!("{mean:.0}/{:.0}", spread.worst5),
            mean => format!("{mean:.2}/{:.2}", spread.worst5),
        },
    )
}

/// Share of incidents with the root on top, per fault over all kinds of storms.
fn faults(outcomes: &[Outcome]) -> String {
    let sums = |outcome: &Outcome| {
        let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
        for (fault, (share, count)) in outcome.cells.iter().flat_map(|cell| &cell.faults) {
            let sum = sums.entry(fault.clone()).or_default();
            sum.0 += share * f64::from(u32::try_from(*count).unwrap_or(u32::MAX));
            sum.1 += count;
        }
        sums
    };
    let all: Vec<_> = outcomes.iter().map(sums).collect();
    let mut heads = vec!["ROOT ON TOP", "N"];
    heads.extend(outcomes.iter().map(|outcome| outcome.contender));
    let names = all.first().map(|sums| sums.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let row = |fault: String| {
        let count = all[0][&fault].1;
        // Converted data may describe its faults at length.
        let mut row = vec![fault.chars().take(40).collect(), count.to_string()];
        row.extend(
            all.iter()
                .map(|sums| format!("{:.2}", sums[&fault].0 / f64::from(u32::try_from(count).unwrap_or(u32::MAX)))),
        );
        row
    };
    text::table(&heads, &names.into_iter().map(row).collect::<Vec<_>>())
}
