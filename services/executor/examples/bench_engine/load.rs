//! Workflows in flight: whenever one ends the next begins.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::Timestamp;
use paramedic_bus::consume::{self, Handler, Verdict};
use paramedic_domain::{
    alert::Severity,
    envelope::Envelope,
    event::{Event, WorkflowOutcome},
    id::{IncidentId, StepId},
};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    plan::{STEPS, plan},
    stage::Stage,
};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// What was measured.
pub(crate) struct Measured {
    /// From the first append, which has the plan, to the end's delivery.
    pub(crate) workflows: Vec<Duration>,
    /// From the moment at which a step could begin (the last success that it waited for, or the plan) to its success, of a
    /// sample of the logs.
    pub(crate) steps: Vec<Duration>,
    /// Events in the logs of the sample after the plan, per step.
    pub(crate) events_per_step: f64,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// Resident memory of this process after it, in MiB.
    pub(crate) resident: f64,
}

/// Tells who waits for the end of an incident's workflow.
#[derive(Default)]
struct Ends {
    waiting: Mutex<HashMap<IncidentId, oneshot::Sender<WorkflowOutcome>>>,
}

#[async_trait]
impl Handler for Ends {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        if let Event::WorkflowFinished { outcome, .. } = &event.event
            && let Some(waiting) = self.waiting.lock().unwrap().remove(&event.incident)
        {
            waiting.send(*outcome).ok();
        }
        Verdict::Done
    }
}

pub(crate) async fn run(stage: &Stage, in_flight: usize, seconds: u64, workflows: Option<u64>) -> Measured {
    let kit = &stage.kit;
    let ends = Arc::new(Ends::default());
    let stop = CancellationToken::new();
    let durable = format!("bench-ends-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut spec = consume::on_cluster_events(&durable, &kit.cluster.name, &["workflow_finished"]);
    spec.start = paramedic_bus::Start::New;
    let watching = tokio::spawn(consume::run(
        kit.bus.clone(),
        spec,
        64,
        Arc::new(kit.clock.clone()),
        stop.clone(),
        ends.clone(),
    ));
    let slots = Arc::new(Semaphore::new(in_flight));
    let times: Arc<Mutex<Vec<(IncidentId, Duration)>>> = Arc::default();
    let began = Instant::now();
    let mut started = 0;
    while workflows.map_or_else(|| began.elapsed().as_secs() < seconds, |wanted| started < wanted) {
        let slot = slots.clone().acquire_owned().await.unwrap();
        started += 1;
        let (kit, ends, times) = (kit.clone(), ends.clone(), times.clone());
        tokio::spawn(async move {
            let id = IncidentId::derive(&["bench", &NEXT.fetch_add(1, Ordering::Relaxed).to_string()]);
            let opened = Event::IncidentOpened {
                title: "bench".into(),
                severity: Severity::Warning,
                alerts: Vec::new(),
                traceparent: None,
                request: None,
            };
            let proposed = Event::PlanProposed { plan: Box::new(plan(&id)) };
            let cluster = kit.cluster.name.clone();
            let (tell, ended) = oneshot::channel();
            ends.waiting.lock().unwrap().insert(id.clone(), tell);
            let began = Instant::now();
            let mut first = vec![opened, proposed];
            kit.log
                .decide(&cluster, &id, None, &kit.clock, |_, _| std::mem::take(&mut first))
                .await
                .unwrap();
            if ended.await.unwrap() != WorkflowOutcome::Succeeded {
                let incident = kit.log.load(&cluster, &id).await.unwrap();
                panic!("a workflow did not succeed: {:?}", incident.run);
            }
            times.lock().unwrap().push((id, began.elapsed()));
            drop(slot);
        });
    }
    let all = slots.acquire_many(u32::try_from(in_flight).unwrap()).await.unwrap();
    let elapsed = began.elapsed();
    drop(all);
    stop.cancel();
    watching.await.unwrap().unwrap();
    let times = std::mem::take(&mut *times.lock().unwrap());
    let (steps, events_per_step) = sample(stage, &times).await;
    Measured {
        workflows: times.into_iter().map(|(_, time)| time).collect(),
        steps,
        events_per_step,
        elapsed,
        resident: resident(),
    }
}

/// Times of steps and counts of events from some of the logs.
async fn sample(stage: &Stage, times: &[(IncidentId, Duration)]) -> (Vec<Duration>, f64) {
    let mut steps = Vec::new();
    let mut events = 0;
    let chosen: Vec<_> = times.iter().step_by((times.len() / 200).max(1)).collect();
    for (id, _) in &chosen {
        let log = stage.kit.log.read(&stage.kit.cluster.name, id).await.unwrap();
        events += log.len() - 2;
        let mut done: HashMap<StepId, Timestamp> = HashMap::new();
        let mut proposed = None;
        for recorded in &log {
            match &recorded.envelope.event {
                Event::PlanProposed { plan } => proposed = Some((plan, recorded.envelope.time)),
                Event::StepSucceeded { step, .. } => {
                    let (plan, since) = proposed.as_ref().unwrap();
                    let before = plan.step(step).unwrap().depends_on.iter().map(|before| done[before]);
                    let could_begin = before.max().unwrap_or(*since);
                    let took = recorded.envelope.time.duration_since(could_begin);
                    steps.push(Duration::try_from(took).unwrap_or_default());
                    done.insert(step.clone(), recorded.envelope.time);
                }
                _ => {}
            }
        }
    }
    (steps, events as f64 / (chosen.len() as f64 * STEPS as f64))
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}
