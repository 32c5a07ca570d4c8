//! The world on a manual clock.

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

fn boot(scenario: &Scenario) -> Arc<World> {
    let origin: Timestamp = ORIGIN.parse().unwrap();
    let clock = SimClock::manual(obj::before(origin, scenario.warmup()));
    let store = Store::new({
        let clock = clock.clone();
        move || clock.now()
    });
    World::boot(scenario, clock, store).unwrap()
}

/// Lives for a simulated duration, from one due time to the next.
fn live(world: &World, duration: Duration) {
    let end = obj::after(world.clock().now(), duration);
    loop {
        let next = world.settle().map_or(end, |next| next.min(end));
        if world.clock().now() >= end {
            return;
        }
        world.clock().advance_to(next);
    }
}

fn pods(world: &World, app: &str) -> Vec<Value> {
    let mut all = world.store().list(&Gvr::pods(), None).0;
    all.retain(|pod| obj::labels(pod).get("app") == Some(&app));
    all
}

#[test]
fn a_template_patch_rolls_out_within_surge_and_availability() {
    let world = boot(&Scenario::builtin("payment-oom").unwrap());
    let patch = |d: &mut Value| {
        d["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!("3Gi");
        Ok(())
    };
    let ns = Some("production");
    world
        .store()
        .update(&Gvr::deployments(), ns, "payment-service", &mut { patch })
        .unwrap();
    live(&world, Duration::from_secs(90));
    let deployment = world.store().get(&Gvr::deployments(), ns, "payment-service").unwrap();
    assert_eq!(deployment["status"]["updatedReplicas"], 4);
    assert_eq!(deployment["status"]["availableReplicas"], 4);
    assert_eq!(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(pods(&world, "payment-service").len(), 4);
}
