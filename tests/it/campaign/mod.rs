//! Several workflows at once while processes of every role are killed at random moments: whatever dies when, each approved
//! change is in the cluster exactly once or is put back, and every workflow ends. The API server's record is the judge.
//!
//! - `estate`: the cluster of a day
//! - `tales`: its workflows, and how each has to end
//! - `people`: who posts alerts, diagnoses and answers
//! - `killer`: who dies when
//! - `judge`: what must hold

mod chance;
mod estate;
mod judge;
mod killer;
mod people;
mod seen;
mod tales;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use paramedic_bus::{
    Bus, IncidentLog, SharedBus,
    jetstream::{JetStreamBus, Options},
    streams,
};
use paramedic_testkit::{
    Backoff,
    outside::{EndpointStandIn, OutsideFault},
    servers::{NatsServer, SmtpSink},
};
use paramedic_tests::{Installation, Product, ProductOptions, Range, Setup};
use serde_json::json;

pub(crate) use self::chance::Chance;
use self::{
    judge::{Judge, Verdict},
    people::People,
    seen::{Seen, namespace},
    tales::Tale,
};
use crate::cast;

/// Kills in one run of the test, for CI; `PARAMEDIC_CAMPAIGN_KILLS` overrides it.
const KILLS: usize = 10;
/// Kills of one day at most: afterwards the next cluster is attacked.
const KILLS_A_DAY: usize = 40;
/// How long everything may take to end after the last kill: what a dead worker had in hand comes again after half a minute,
/// and a workflow may have several such steps behind it.
const PATIENCE: Duration = Duration::from_secs(420);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What days add up to.
#[derive(Default)]
struct Figures {
    days: usize,
    killed: BTreeMap<&'static str, usize>,
    workflows: BTreeMap<String, usize>,
    applied: usize,
    undone: usize,
    outside: usize,
    repeated: usize,
    violations: Vec<String>,
}

impl Figures {
    fn kills(&self) -> usize {
        self.killed.values().sum()
    }

    fn add(&mut self, killed: BTreeMap<&'static str, usize>, verdict: Verdict) {
        self.days += 1;
        for (role, count) in killed {
            *self.killed.entry(role).or_insert(0) += count;
        }
        for (outcome, count) in verdict.workflows {
            *self.workflows.entry(outcome).or_insert(0) += count;
        }
        self.applied += verdict.applied;
        self.undone += verdict.undone;
        self.outside += verdict.outside;
        self.repeated += verdict.repeated;
        self.violations.extend(verdict.violations);
    }

    fn table(&self, seed: u64) -> String {
        let mut table = String::new();
        let listed = |counts: Vec<String>| counts.join(", ");
        let killed = listed(self.killed.iter().map(|(role, count)| format!("{role} {count}")).collect());
        let workflows = listed(self.workflows.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect());
        let total: usize = self.workflows.values().sum();
        writeln!(table, "campaign: seed {seed}, {} days", self.days).unwrap();
        writeln!(table, "campaign: {} kills: {killed}", self.kills()).unwrap();
        writeln!(table, "campaign: {total} workflows: {workflows}").unwrap();
        writeln!(
            table,
            "campaign: {} effects in the cluster, {} put back, {} at the outside system, {} deletions asked for again",
            self.applied, self.undone, self.outside, self.repeated
        )
        .unwrap();
        write!(table, "campaign: {} violations", self.violations.len()).unwrap();
        table
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_when_every_effect_happens_once_or_is_put_back_and_every_workflow_ends() {
    let kills = usize::try_from(number("PARAMEDIC_CAMPAIGN_KILLS").unwrap_or(KILLS as u64)).unwrap();
    let seed = number("PARAMEDIC_CAMPAIGN_SEED").unwrap_or_else(Chance::any_seed);
    let mut chance = Chance::of(seed);
    let mut figures = Figures::default();
    eprintln!("campaign: seed {seed}, {kills} kills");
    while figures.kills() < kills && figures.violations.is_empty() {
        let (killed, verdict) = day(&mut chance, (kills - figures.kills()).min(KILLS_A_DAY)).await;
        figures.add(killed, verdict);
        eprintln!("{}", figures.table(seed));
    }
    assert!(
        figures.violations.is_empty(),
        "PARAMEDIC_CAMPAIGN_SEED={seed}:\n{}",
        figures.violations.join("\n")
    );
}

/// One cluster, one bus, eleven workflows.
async fn day(chance: &mut Chance, kills: usize) -> (BTreeMap<&'static str, usize>, Verdict) {
    let tales = Tale::all();
    let folder = tempfile::tempdir().unwrap();
    let teams: Vec<String> = tales.iter().map(|tale| tale.team.clone()).collect();
    let scenario = estate::write(folder.path(), &teams);
    let nats = NatsServer::start().await.unwrap();
    let smtp = SmtpSink::start().await.unwrap();
    let queues = EndpointStandIn::start("").await.unwrap();
    queues.fail_next([OutsideFault::AnswerLost]);
    let range = Range::start(scenario.to_str().unwrap(), cast::SPEED).await.unwrap();
    let mut product = Installation::start(&range, &nats.url(), &setup(&range, &smtp, &queues))
        .await
        .unwrap();
    // People's way in: it looks, and is left alive.
    let console = Product::start("console", &range, &nats.url(), &ProductOptions::default())
        .await
        .unwrap();
    let bus: SharedBus = Arc::new(JetStreamBus::connect(&nats.url(), Options::default()).await.unwrap());
    let seen = Seen::follow(bus.clone()).await;
    let people = People {
        tales: &tales,
        range: &range,
        seen: &seen,
        log: IncidentLog::new(bus.clone()),
        console: &console,
        gateway: product.of("gateway").http(),
        approval: product.of("approval").grpc(),
        executors: product.all("executor").map(Product::grpc).collect(),
    };
    let mut webhooks = vec![cast::oom_webhook(&range).await];
    webhooks.extend(tales.iter().map(|tale| tale.webhook(&range.now().to_string())));
    let over = || {
        let incidents = seen.incidents();
        incidents.len() == webhooks.len() && incidents.iter().all(|incident| incident.end.is_some())
    };
    let work = async {
        let killed = killer::kill(&mut product, &seen, &range, chance, kills, over).await;
        for (_, process) in product.processes_mut() {
            process.wait_until_ready().await.unwrap();
        }
        let mut backoff = Backoff::new(PATIENCE);
        while !(over() && nothing_is_held(&bus).await.is_empty()) && backoff.pause().await {}
        killed
    };
    let killed = tokio::select! {
        (killed, ()) = futures::future::join(work, people.alert(&webhooks)) => killed,
        () = people.answer() => panic!("people answer for ever"),
    };
    let keys = queues.effects().into_iter().map(|(key, _)| key).collect();
    let mut judge = Judge::of(range.mutations(), keys);
    let incidents = seen.everything();
    if incidents.len() != webhooks.len() {
        judge.broken(format!("{} alerts made {} incidents", webhooks.len(), incidents.len()));
    }
    for (incident, log) in &incidents {
        judge.incident(incident, log);
        let tale = tales.iter().find(|tale| tale.team == namespace(incident));
        let ended = incident.run.as_ref().and_then(|run| run.ended.clone());
        if let (Some(tale), Some((outcome, cause))) = (tale, &ended)
            && *outcome != tale.end()
        {
            judge.broken(format!("{:?} of {} ended as {outcome:?}: {cause:?}", tale.kind, incident.id));
        }
        if ended.is_none() {
            judge.broken(format!(
                "{} has no workflow: {:?} {:?}",
                incident.id, incident.refusals, incident.end
            ));
        }
    }
    for held in nothing_is_held(&bus).await {
        judge.broken(held);
    }
    let verdict = judge.finish();
    if !verdict.violations.is_empty() {
        for (incident, log) in &incidents {
            if verdict.violations.iter().any(|violation| violation.contains(incident.id.as_str())) {
                eprintln!("{} {}\n{}", incident.id, namespace(incident), transcript(log));
            }
        }
        let kept = std::mem::ManuallyDrop::new(folder);
        eprintln!("the scenario is kept in {}", kept.path().display());
    }
    (killed, verdict)
}

fn setup(range: &Range, smtp: &SmtpSink, queues: &EndpointStandIn) -> Setup {
    let config = range.folder().join("actions.toml");
    let schema =
        json!({"type": "object", "additionalProperties": false, "required": ["queue"], "properties": {"queue": {"type": "string"}}});
    let url = queues.url();
    let text = format!(
        "[[executor.actions]]\nname = \"flush_queue\"\ndescription = \"empties a queue\"\nschema = '{schema}'\nrisk = \"medium\"\nkind = \"http\"\n\
         url = \"{url}/flush\"\nundo_url = \"{url}/restore\"\ntimeout_seconds = 60\n"
    );
    std::fs::write(&config, text).unwrap();
    Setup::default()
        .without("console")
        .replicas("executor", 2)
        .mail(smtp)
        .role("executor", "PARAMEDIC_CONFIG", config.display().to_string())
        // A dead executor's work comes again after half a minute of real time, which is a quarter of an hour of the range's.
        .role("planner", "PARAMEDIC_PLANNER__DEADLINE_MARGIN_SECONDS", "80000")
        .role("planner", "PARAMEDIC_PLANNER__PATIENCE_SECONDS", "3600")
        // Many teams have a matter each at the same time: on the same nodes that would be one incident.
        .role("gateway", "PARAMEDIC_GATEWAY__TOPOLOGY__ENABLED", "false")
        .role("analysis", "PARAMEDIC_ANALYSIS__SETTLE_SECONDS", "600")
        .role("analysis", "PARAMEDIC_ANALYSIS__QUIET_SECONDS", "600")
        .role("analysis", "PARAMEDIC_ANALYSIS__CRITICAL_SECONDS", "600")
        .role("analysis", "PARAMEDIC_ANALYSIS__VERIFICATION_WINDOW_SECONDS", "60")
        .role("analysis", "PARAMEDIC_ANALYSIS__MAX_ATTEMPTS", "1")
}

/// Leases, and places in the ledgers of who is changing something, that are not given back.
async fn nothing_is_held(bus: &SharedBus) -> Vec<String> {
    let bucket = async |name| Bus::kv(bus.as_ref(), name, None).await.unwrap();
    let leases = bucket(streams::LEASES).await.keys().await.unwrap();
    let mut held: Vec<String> = leases.into_iter().map(|key| format!("the lease {key} is still held")).collect();
    let limits = bucket(streams::LIMITS).await;
    for key in limits.keys().await.unwrap() {
        let entry = limits.get(&key).await.unwrap().and_then(|entry| entry.value).unwrap_or_default();
        let ledger: serde_json::Value = serde_json::from_slice(&entry).unwrap();
        if ledger["at_work"].as_object().is_none_or(|at_work| !at_work.is_empty()) {
            held.push(format!("in {key} somebody is still at work: {ledger}"));
        }
    }
    held
}

fn transcript(log: &[paramedic_domain::envelope::Recorded]) -> String {
    let line = |recorded: &paramedic_domain::envelope::Recorded| {
        let text: String = format!("{:?}", recorded.envelope.event).chars().take(300).collect();
        format!("{} {text}", recorded.envelope.time)
    };
    log.iter().map(line).collect::<Vec<_>>().join("\n")
}
