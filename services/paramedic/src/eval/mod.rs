//! `paramedic eval`: recorded clusters with alerts whose right answers are known, and how well Paramedic answers them.
//!
//! - `case`: the folder of a case
//! - `truth`, `wanted`: what a good answer is
//! - `variants`: the same case with what must not matter changed
//! - `engine`: who diagnoses
//! - `play`: a case from its first alert to the end of its incident
//! - `judge`: what that is worth
//! - `report`: the results for people and programs

mod case;
mod engine;
mod judge;
mod outside;
mod play;
mod report;
mod truth;
mod variants;
mod wanted;

use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::{cli::Evaluate, range, text};
use case::Case;
use engine::Engine;
use report::{Report, Result};
use variants::Variant;

/// Plays and judges cases. The exit code is 0 only if every one of them reaches the points that are asked for.
pub async fn run(arguments: Evaluate) -> anyhow::Result<ExitCode> {
    // At a speed of 1 the time of a world would be the wall's, and a recorded one has its own.
    if !(arguments.speed.is_finite() && arguments.speed > 1.0) {
        bail!("--speed must be a number greater than 1, not {}", arguments.speed);
    }
    let engine = Engine::of(&arguments.model)?;
    let cases = case::find(&arguments.cases, &arguments.only)?;
    let guard = range::telemetry(&arguments.log, None)?;
    let mut report = Report::new(arguments.at_least);
    for case in &cases {
        report.add(answer(case, None, arguments.speed, &engine).await);
        for variant in Variant::ALL.into_iter().filter(|_| arguments.variants) {
            let folder = tempfile::tempdir()?;
            variants::write(case, folder.path(), variant, arguments.seed)
                .with_context(|| format!("cannot make the variant {:?} of {}", variant.name(), case.folder.display()))?;
            let changed = Case::load(folder.path())?;
            report.add(answer(&changed, Some(variant), arguments.speed, &engine).await);
        }
    }
    guard.flush();
    if arguments.json {
        text::say(&serde_json::to_string_pretty(&report.json())?);
    } else {
        text::say(&report.page());
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn answer(case: &Case, variant: Option<Variant>, speed: f64, engine: &Engine) -> Result {
    let started = tokio::time::Instant::now();
    let played = play::play(case, speed, engine).await;
    let result = Result::of(case, variant.map(Variant::name), &played, started.elapsed());
    text::note(&result.line());
    result
}
