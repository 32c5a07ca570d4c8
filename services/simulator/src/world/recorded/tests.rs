//! Recorded worlds on a manual clock.

use std::{fs, path::Path, sync::Arc, time::Duration};

use super::RecordedWorld;
use crate::{
    clock::SimClock,
    recording::{Begin, Part, Recording, RequestPattern},
    store::{Gvr, Store},
    world::obj,
};

const NS: Option<&str> = Some("shop");

fn boot(recording: Recording, begin: Begin) -> Arc<RecordedWorld> {
    let clock = SimClock::manual(begin.now);
    let store = Store::new({
        let clock = clock.clone();
        move || clock.now()
    });
    RecordedWorld::boot(recording, begin, clock, store).unwrap()
}

/// Lives for a simulated duration, from one due time to the next.
fn live(world: &RecordedWorld, seconds: u64) {
    let end = obj::after(world.clock.now(), Duration::from_secs(seconds));
    loop {
        let next = world.settle().map_or(end, |next| next.min(end));
        if world.clock.now() >= end {
            return;
        }
        assert!(next > world.clock.now(), "something is due for ever at {next}");
        world.clock.advance_to(next);
    }
}

fn begin() -> Begin {
    Begin::at("2026-03-02T14:20:00Z".parse().unwrap())
}

fn recording(objects: &str) -> Recording {
    Recording {
        first: part(objects),
        fixed: Part::default(),
        wrong: None,
    }
}

/// Objects from the documents of a file.
fn part(objects: &str) -> Part {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cluster")).unwrap();
    fs::write(folder.path().join("cluster/all.yaml"), objects).unwrap();
    Recording::load(folder.path()).unwrap().first
}

#[test]
fn every_case_of_the_repository_is_a_world_that_stands_still() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let folders = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.is_dir()) {
        let world = boot(Recording::load(&folder).unwrap(), begin());
        let version = world.store.resource_version();
        live(&world, 3600);
        assert_eq!(world.store.resource_version(), version, "{}", folder.display());
    }
}
