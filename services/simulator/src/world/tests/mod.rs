//! The world on a manual clock.

mod admission;
mod containers;
mod gitops;
mod jobs;
mod networks;
mod nodes;
mod resizes;
pub(crate) mod rest;
mod rollouts;
mod sets;
mod storage;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{World, obj};
use crate::{
    clock::SimClock,
    scenario::Scenario,
    store::{Gvr, Store},
};

const ORIGIN: &str = "2026-03-10T12:00:00Z";
const NS: Option<&str> = Some("production");

pub(crate) fn boot(scenario: &Scenario) -> Arc<World> {
    let origin: Timestamp = ORIGIN.parse().unwrap();
    let clock = SimClock::manual(obj::before(origin, scenario.warmup()));
    let store = Store::new({
        let clock = clock.clone();
        move || clock.now()
    });
    World::boot(scenario, clock, store).unwrap()
}

pub(crate) fn payment() -> Arc<World> {
    boot(&Scenario::builtin("payment-oom").unwrap())
}

/// Lives for a simulated duration, from one due time to the next; looks after every step.
fn live_watching(world: &World, seconds: u64, mut look: impl FnMut(&World)) {
    let end = obj::after(world.clock().now(), Duration::from_secs(seconds));
    loop {
        let next = world.settle().map_or(end, |next| next.min(end));
        look(world);
        if world.clock().now() >= end {
            return;
        }
        assert!(next > world.clock().now(), "something is due for ever at {next}");
        world.clock().advance_to(next);
    }
}

pub(crate) fn live(world: &World, seconds: u64) {
    live_watching(world, seconds, |_| {});
}

fn pods(world: &World, app: &str) -> Vec<Value> {
    let mut all = world.store().list(&Gvr::pods(), None).0;
    all.retain(|pod| obj::labels(pod).get("app") == Some(&app));
    all
}

fn ready(pods: &[Value]) -> usize {
    pods.iter().filter(|pod| obj::is_true(pod, "Ready") && !obj::deleting(pod)).count()
}

fn deployment(world: &World, ns: &str, name: &str) -> Value {
    world.store().get(&Gvr::deployments(), Some(ns), name).unwrap()
}

fn edit(world: &World, ns: &str, name: &str, mut change: impl FnMut(&mut Value)) {
    world
        .store()
        .update(&Gvr::deployments(), Some(ns), name, &mut |object| {
            change(object);
            Ok(())
        })
        .unwrap();
}

fn container(deployment: &mut Value) -> &mut Value {
    &mut deployment["spec"]["template"]["spec"]["containers"][0]
}

fn status_of(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]
}

/// The pod that was killed before.
fn victim(world: &World) -> Value {
    let all = pods(world, "payment-service");
    all.into_iter().max_by_key(|pod| status_of(pod)["restartCount"].as_i64()).unwrap()
}
