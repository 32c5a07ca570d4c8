//! A drill: a simulated cluster with a fault, every role in this process, and the story as it happens.

mod mail_sink;
mod message;
mod narrate;
mod report;
mod slack_stand_in;
mod world;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use paramedic_domain::{event::Event, incident::Incident, verification::Verdict};
use tokio::sync::mpsc;

use crate::{
    cli::{Approve, Drill},
    commands,
    range::{self, Range, Stories, Story},
    text,
};
use narrate::Narrator;

/// Longest silence (of the drill's time) before the drill is given up: longer than an approval stands.
const SILENCE: Duration = Duration::from_secs(45 * 60);
/// Longest wait (wall time) for the last messages after the incident ended.
const LAST_MESSAGES: Duration = Duration::from_secs(5);

/// Runs a drill. The exit code is 0 only if the last verification PASSED.
pub async fn run(arguments: Drill) -> anyhow::Result<ExitCode> {
    if !(arguments.speed.is_finite() && arguments.speed > 0.0) {
        bail!("--speed must be a positive number, not {}", arguments.speed);
    }
    let started = tokio::time::Instant::now();
    let (messages, inbox) = mpsc::unbounded_channel();
    let guard = range::telemetry(&arguments.log, arguments.otlp.as_deref())?;
    let range = world::start(&arguments, messages).await?;
    let narrator = Narrator::new(range.clock.now(), !arguments.json);
    narrator.world(&range, &arguments);
    let outcome = follow(&arguments, &range, narrator, inbox).await;
    if arguments.keep && outcome.is_ok() {
        text::note(&format!(
            "still serving: paramedic show --server {} ID; end with Ctrl-C",
            range.grpc
        ));
        tokio::signal::ctrl_c().await?;
    }
    let audit = world::mutations(&range);
    range.stop().await?;
    guard.flush();
    let story = outcome?;
    if arguments.json {
        text::say(&serde_json::to_string_pretty(&report::json(
            &story,
            &audit,
            &arguments,
            started.elapsed(),
        ))?);
    } else {
        text::say(&report::summary(&story, &audit, started.elapsed()));
    }
    Ok(
        if story.incident.verification.as_ref().is_some_and(|v| v.verdict == Verdict::Passed) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        },
    )
}

async fn follow(
    arguments: &Drill,
    range: &Range,
    mut narrator: Narrator,
    mut inbox: mpsc::UnboundedReceiver<message::Message>,
) -> anyhow::Result<Story> {
    let mut events = range.events().await?;
    let mut stories = Stories::default();
    let mut end: Option<tokio::time::Instant> = None;
    loop {
        let patience = end.map_or_else(
            || range.clock.wall(SILENCE),
            |end| end.saturating_duration_since(tokio::time::Instant::now()),
        );
        tokio::select! {
            recorded = events.next() => {
                let recorded = recorded?;
                let event = recorded.envelope.event.clone();
                let Some(id) = stories.absorb(recorded)? else { continue };
                let Some(story) = stories.of(&id) else { continue };
                let of_drill = stories.main().is_some_and(|main| main.incident.id == story.incident.id);
                if of_drill {
                    narrator.event(&story.incident, story.log.last().map(|last| &last.envelope));
                }
                if let Event::ApprovalRequested { .. } = event {
                    answer(arguments, range, &mut narrator, &story.incident, &event).await?;
                }
                let over = stories.main().is_some_and(|main| main.incident.end.is_some());
                end = over.then(|| end.unwrap_or_else(|| tokio::time::Instant::now() + LAST_MESSAGES));
            }
            Some(message) = inbox.recv() => narrator.message(&message, range.clock.now()),
            ended = range.ended() => bail!("a role ended during the drill: {ended:#}"),
            () = tokio::time::sleep(patience) => {
                return match (stories.into_main(), end) {
                    (Some(story), Some(_)) => Ok(story),
                    (Some(story), None) => bail!("nothing happened for {} minutes of the drill's time; the incident is {}", SILENCE.as_secs() / 60, text::word(&story.incident.status())),
                    (None, _) => bail!("no alert arrived within {} minutes of the drill's time", SILENCE.as_secs() / 60),
                };
            }
        }
        if let Some(Story { incident, .. }) = stories.main()
            && incident.end.is_some()
            && report::all_told(incident)
        {
            // Everything owed was delivered: no need to wait any longer.
            end = Some(
                tokio::time::Instant::now()
                    + Duration::from_millis(150)
                        .min(end.map_or(Duration::ZERO, |end| end.saturating_duration_since(tokio::time::Instant::now()))),
            );
            if inbox.is_empty() {
                return stories.into_main().context("an incident that ended was begun");
            }
        }
    }
}

async fn answer(arguments: &Drill, range: &Range, narrator: &mut Narrator, incident: &Incident, event: &Event) -> anyhow::Result<()> {
    let Event::ApprovalRequested { gate, .. } = event else {
        return Ok(());
    };
    let Some((plan, question)) = incident.plan.as_ref().and_then(|plan| Some((plan, plan.gate(gate)?))) else {
        return Ok(());
    };
    narrator.question(&commands::change_lines(plan, question));
    let approve = match arguments.approve {
        Approve::Never => return Ok(()),
        Approve::Auto => true,
        Approve::Ask => commands::confirmed("approve exactly this change?").await?,
    };
    let by = if arguments.approve == Approve::Auto {
        "drill".to_owned()
    } else {
        std::env::var("USER").unwrap_or_else(|_| "operator".to_owned())
    };
    range.decide(incident, question, approve, &by).await
}
