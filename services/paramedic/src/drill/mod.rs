//! A drill: a simulated cluster with a fault, every role in this process, and the story as it happens.

mod mail_sink;
mod message;
mod narrate;
mod report;
mod slack_stand_in;
mod stories;
mod world;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use paramedic_bus::{Delivery, consume};
use paramedic_domain::{envelope::Recorded, event::Event, incident::Incident, verification::Verdict};
use paramedic_proto::v1::{Answer, Channel, DecideRequest, approval_service_client::ApprovalServiceClient};
use paramedic_runtime::{grpc, telemetry};
use tokio::sync::mpsc;

use crate::{
    cli::{Approve, Drill},
    commands, text,
};
use narrate::Narrator;
pub use stories::{Stories, Story};
use world::World;

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
    let world = World::start(&arguments, messages).await?;
    let narrator = Narrator::new(world.clock.now(), !arguments.json);
    narrator.world(&world, &arguments);
    let outcome = follow(&arguments, &world, narrator, inbox).await;
    if arguments.keep && outcome.is_ok() {
        text::note(&format!(
            "still serving: paramedic show --server {} ID; end with Ctrl-C",
            world.grpc
        ));
        tokio::signal::ctrl_c().await?;
    }
    let audit = world.mutations();
    world.stop().await?;
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
    world: &World,
    mut narrator: Narrator,
    mut inbox: mpsc::UnboundedReceiver<message::Message>,
) -> anyhow::Result<Story> {
    let mut spec = consume::on_events(&format!("drill-{}", world.cluster), &[]);
    spec.filters = vec![format!("paramedic.incident.{}.>", world.cluster)];
    let mut consumer = world.bus.consumer(&spec).await.context("cannot follow the incident log")?;
    let mut stories = Stories::default();
    let mut end: Option<tokio::time::Instant> = None;
    loop {
        let patience = end.map_or_else(
            || world.clock.wall(SILENCE),
            |end| end.saturating_duration_since(tokio::time::Instant::now()),
        );
        tokio::select! {
            delivery = consumer.next() => {
                let delivery = delivery?;
                let recorded = take(&delivery).await?;
                let event = recorded.envelope.event.clone();
                let Some(id) = stories.absorb(recorded)? else { continue };
                let Some(story) = stories.of(&id) else { continue };
                let of_drill = stories.main().is_some_and(|main| main.incident.id == story.incident.id);
                if of_drill {
                    narrator.event(&story.incident, story.log.last().map(|last| &last.envelope));
                }
                if let Event::ApprovalRequested { .. } = event {
                    answer(arguments, world, &mut narrator, &story.incident, &event).await?;
                }
                let over = stories.main().is_some_and(|main| main.incident.end.is_some());
                end = over.then(|| end.unwrap_or_else(|| tokio::time::Instant::now() + LAST_MESSAGES));
            }
            Some(message) = inbox.recv() => narrator.message(&message, world.clock.now()),
            ended = world.ended() => bail!("a role ended during the drill: {ended:#}"),
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

async fn take(delivery: &Delivery) -> anyhow::Result<Recorded> {
    let recorded = paramedic_wire::decode(&delivery.message.payload)
        .map_err(|invalid| anyhow::anyhow!("position {}: {invalid}", delivery.message.seq))?;
    delivery.settle.ack().await?;
    Ok(recorded)
}

async fn answer(arguments: &Drill, world: &World, narrator: &mut Narrator, incident: &Incident, event: &Event) -> anyhow::Result<()> {
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
    let mut request = grpc::with_trace(DecideRequest {
        cluster: incident.cluster.to_string(),
        incident: incident.id.to_string(),
        gate: gate.to_string(),
        digest: question.digest.bytes().to_vec(),
        answer: if approve { Answer::Approve } else { Answer::Deny }.into(),
        by,
        channel: Channel::Cli.into(),
        reason: String::new(),
    });
    request.set_timeout(Duration::from_secs(10));
    ApprovalServiceClient::new(grpc::channel(&world.grpc, Duration::from_secs(10))?)
        .decide(request)
        .await
        .context("the approval was not accepted")?;
    Ok(())
}

/// Installs telemetry for the drill.
fn telemetry(arguments: &Drill, process: &paramedic_runtime::config::Process) -> anyhow::Result<telemetry::Guard> {
    let mut settings = process.telemetry.clone();
    settings.log.clone_from(&arguments.log);
    if let Some(endpoint) = &arguments.otlp {
        settings.otlp_endpoint.clone_from(endpoint);
    }
    telemetry::init("paramedic", &settings)
}
