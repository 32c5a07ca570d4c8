//! A case from its first alert to the end of its incident.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use paramedic_domain::{event::Event, id::GateId, incident::Incident};
use paramedic_runtime::http;
use paramedic_simulator::{AuditEntry, Begin, Options, Recording, Simulator};
use serde::Serialize;
use serde_json::Value;

use super::{
    case::{Case, Told},
    engine::Engine,
    judge,
    outside::{Installed, Outside},
    truth::Truth,
};
use crate::{
    commands,
    range::{Events, Range, Stories, TOKEN, Wish},
};

/// Longest silence (of the case's time) before it is given up: longer than a fix is measured for.
const SILENCE: Duration = Duration::from_secs(45 * 60);
/// Longest wait (of the case's time) for the first incident: far longer than alerts are sorted.
const OPENING: Duration = Duration::from_secs(15 * 60);
/// Longest time (of the case's) until its incident has ended: three investigations with a plan each.
const LIMIT: Duration = Duration::from_secs(3 * 3600);
/// Longest time (of the wall's) for roles to start, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was seen.
#[derive(Default)]
pub struct Played {
    /// Every incident.
    pub stories: Stories,
    /// Every request that the API server answered.
    pub audit: Vec<AuditEntry>,
    /// Every call of a command-line tool.
    pub commands: Vec<String>,
    /// What the script was asked to approve.
    pub asked: Vec<Asked>,
    /// Why it was not followed to its end.
    pub given_up: Option<String>,
}

/// A question of a gate, which the script approved.
#[derive(Debug, Serialize)]
pub struct Asked {
    /// Which.
    gate: GateId,
    /// What an approval binds to.
    digest: String,
    /// Why it asks.
    reason: String,
    /// The exact changes, as a person sees them.
    changes: Vec<String>,
}

/// Plays the case. What goes wrong on the way ends it, and is said in what was seen.
pub async fn play(case: &Case, speed: f64, engine: &Engine) -> Played {
    let mut played = Played::default();
    let outside = match Outside::load(&case.folder).and_then(|outside| outside.install()) {
        Ok(outside) => outside,
        Err(error) => {
            played.given_up = Some(format!("it could not be started: {error:#}"));
            return played;
        }
    };
    let started = tokio::time::timeout(PATIENCE, start(case, speed, engine, &outside)).await;
    let range = match started.context("the roles did not start in time").flatten() {
        Ok(range) => range,
        Err(error) => {
            played.given_up = Some(format!("it could not be started: {error:#}"));
            return played;
        }
    };
    if let Err(error) = follow(case, &range, &mut played).await {
        played.given_up = Some(format!("{error:#}"));
    }
    played.audit = range.simulator.audit();
    played.commands = outside.calls();
    let stopped = tokio::time::timeout(PATIENCE, range.stop()).await;
    if let Err(error) = stopped.context("the roles did not end in time").flatten() {
        played.given_up.get_or_insert(format!("{error:#}"));
    }
    played
}

async fn start(case: &Case, speed: f64, engine: &Engine, outside: &Installed) -> anyhow::Result<Range> {
    let begin = Begin {
        fixed_by: case.truth.world.fixed_by.clone(),
        harmless: case.truth.world.harmless.clone(),
        down: case.truth.down.clone(),
        admission: case.truth.world.admission.clone(),
        unready: case.truth.world.unready.clone(),
        ..Begin::at(case.now)
    };
    let simulator = Simulator::start(Options {
        speed,
        ..Options::new((Recording::load(&case.folder)?, begin))
    })
    .await?;
    let wish = Wish {
        cluster: "eval".to_owned(),
        speed,
        bus: None,
        grpc: SocketAddr::from(([127, 0, 0, 1], 0)),
        settings: engine.settings.clone(),
        model_alone: engine.model_alone,
        modules: outside.modules.clone(),
        accounts: outside.accounts.clone(),
        clouds: outside.clouds.clone(),
    };
    Range::start(simulator, wish).await
}

/// Tells the gateway what the case begins with, and answers until the incident has ended.
async fn follow(case: &Case, range: &Range, played: &mut Played) -> anyhow::Result<()> {
    let mut events = range.events().await?;
    match &case.told {
        Told::Alerts(posts) => {
            for post in posts {
                tell(&range.webhook(), post).await?;
            }
        }
        Told::Request(request) => tell(&range.desk(), request).await?,
    }
    let all = tokio::time::timeout(range.clock.wall(LIMIT), until_ended(&case.truth, range, &mut events, played));
    all.await
        .with_context(|| format!("it did not end within {} hours of its time", LIMIT.as_secs() / 3600))?
}

async fn tell(url: &str, post: &Value) -> anyhow::Result<()> {
    let answer = http::client()?.post(url).bearer_auth(TOKEN).json(post).send().await?;
    let status = answer.status();
    let body = answer.text().await.unwrap_or_default();
    ensure!(status.is_success(), "the gateway refused what it was told: {status} {body}");
    Ok(())
}

async fn until_ended(truth: &Truth, range: &Range, events: &mut Events, played: &mut Played) -> anyhow::Result<()> {
    loop {
        let opened = played.stories.all().next().is_some();
        let recorded = tokio::select! {
            recorded = events.next() => recorded?,
            ended = range.ended() => return Err(ended.context("a role ended")),
            () = range.clock.sleep(OPENING), if !opened => return Ok(()),
            () = range.clock.sleep(SILENCE) => anyhow::bail!("nothing happened for {} minutes of its time", SILENCE.as_secs() / 60),
        };
        let event = recorded.envelope.event.clone();
        let Some(id) = played.stories.absorb(recorded)? else { continue };
        if let (Event::ApprovalRequested { gate, .. }, Some(story)) = (&event, played.stories.of(&id)) {
            let asked = approve(range, &story.incident, gate).await?;
            played.asked.extend(asked);
        }
        if judge::main(truth, &played.stories).is_some_and(|story| story.incident.end.is_some()) {
            return Ok(());
        }
    }
}

/// Approves what a gate asks, as often as it wants; what it was, unless the plan is no longer there.
async fn approve(range: &Range, incident: &Incident, gate: &GateId) -> anyhow::Result<Option<Asked>> {
    let Some((plan, gate)) = incident.plan.as_ref().and_then(|plan| Some((plan, plan.gate(gate)?))) else {
        return Ok(None);
    };
    for person in 1..=gate.terms.quorum {
        range.decide(incident, gate, true, &format!("eval-{person}")).await?;
    }
    Ok(Some(Asked {
        gate: gate.id.clone(),
        digest: gate.digest.to_string(),
        reason: gate.reason.clone(),
        changes: commands::change_lines(plan, gate),
    }))
}
