//! PersistentVolumeClaims.

use serde_json::Value;

use super::{EventView, Subject, Variable, World, events, quoted, view::view};
use crate::core::{
    measures::Measure,
    quantity,
    read::{amount, each, text},
    snapshot::{age, reference},
};

view! {
    /// A PersistentVolumeClaim.
    pub(super) struct ClaimView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// `Pending`, `Bound`, `Lost`.
        phase: String,
        /// The StorageClass that it names.
        class: String,
        /// That class exists; true where none is named.
        class_exists: bool,
        /// StorageClasses that are the default.
        default_classes: Vec<String>,
        /// Its StorageClass lets volumes grow.
        grows: bool,
        /// Bytes that it asks for.
        requested: f64,
        /// Bytes that it has.
        capacity: f64,
        /// Used share of the volume; -1: not measured.
        used: f64,
        /// Used share of its inodes; -1: not measured.
        inodes_used: f64,
        /// Minutes until it is full at the growth of the last half hour; -1: it does not grow, or was not measured.
        full_in_minutes: f64,
        /// Pods that use it.
        pods: Vec<String>,
        /// Minutes since it was made.
        age_minutes: f64,
        /// Events about it, newest first.
        events: Vec<EventView>,
        /// Its last warning, or event about provisioning.
        problem: String,
    }
}

view! {
    /// A PersistentVolume.
    pub(super) struct VolumeView {
        /// Its name.
        name: String,
        /// `Available`, `Bound`, `Released`, `Failed`, `Pending`.
        phase: String,
        /// Why, in one word.
        reason: String,
        /// Why, as a sentence.
        message: String,
        /// Its StorageClass.
        class: String,
        /// `Retain` or `Delete`.
        reclaim: String,
        /// The claim that it is bound to or was, as `namespace/name`.
        claim: String,
        /// Phase of that claim; empty: there is none.
        claim_phase: String,
    }
}

pub(super) fn subjects(world: &World, all: &mut Vec<Subject>) {
    for object in world.snapshot.of("PersistentVolumeClaim") {
        let claim = reference("PersistentVolumeClaim", object);
        let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
        let of = |measure| {
            world
                .measures
                .find(measure, &[("namespace", namespace), ("persistentvolumeclaim", name)])
        };
        let view = view(world, object, &of);
        let quotes = ["volume_used", "volume_free", "volume_growth", "inodes_used"]
            .into_iter()
            .filter_map(of)
            .map(Measure::quote);
        let excerpt = format!(
            "PersistentVolumeClaim {namespace}/{name} is {} of StorageClass {:?} ({}), {} of {} asked for{}",
            view.phase,
            view.class,
            match (view.class_exists, view.grows) {
                (false, _) => "which does not exist",
                (true, true) => "allowVolumeExpansion: true",
                (true, false) => "allowVolumeExpansion is not set: it cannot be made larger",
            },
            quantity::memory(view.capacity),
            quantity::memory(view.requested),
            if view.problem.is_empty() {
                String::new()
            } else {
                format!("; {}", view.problem)
            }
        );
        let events = quoted(&claim, &view.events);
        all.push(Subject {
            of: "claim",
            variables: vec![
                Variable::new("claim", &view, claim.clone(), excerpt)
                    .quoting(quotes)
                    .quoting(events),
            ],
            object: claim,
        });
    }
    all.extend(world.snapshot.of("PersistentVolume").iter().map(|object| volume(world, object)));
}

/// Older clusters mark the default with the annotation of the beta.
fn default_classes(world: &World) -> Vec<String> {
    let classes = world.snapshot.of("StorageClass").iter().filter(|class| {
        ["storageclass", "storageclass.beta"].iter().any(|prefix| {
            let pointer = format!("/metadata/annotations/{prefix}.kubernetes.io~1is-default-class");
            text(class, &pointer) == "true"
        })
    });
    classes.map(|class| text(class, "/metadata/name").to_owned()).collect()
}

fn volume(world: &World, object: &Value) -> Subject {
    let (namespace, name) = (text(object, "/spec/claimRef/namespace"), text(object, "/spec/claimRef/name"));
    let claim = world.snapshot.named("PersistentVolumeClaim", namespace, name);
    let own = |pointer: &str| text(object, pointer).to_owned();
    let view = VolumeView {
        name: own("/metadata/name"),
        phase: own("/status/phase"),
        reason: own("/status/reason"),
        message: own("/status/message"),
        class: own("/spec/storageClassName"),
        reclaim: own("/spec/persistentVolumeReclaimPolicy"),
        claim: if name.is_empty() {
            String::new()
        } else {
            format!("{namespace}/{name}")
        },
        claim_phase: claim.map_or_else(String::new, |claim| text(claim, "/status/phase").to_owned()),
    };
    let excerpt = format!(
        "PersistentVolume {} is {} {} {} (reclaim policy {}), of claim {:?}, which is {:?}",
        view.name, view.phase, view.reason, view.message, view.reclaim, view.claim, view.claim_phase
    );
    let object = reference("PersistentVolume", object);
    let events = quoted(&object, &events(&world.snapshot, "PersistentVolume", "", &view.name));
    Subject {
        of: "volume",
        variables: vec![Variable::new("volume", &view, object.clone(), excerpt).quoting(events)],
        object,
    }
}

fn view<'w>(world: &'w World, object: &Value, of: &dyn Fn(&'static str) -> Option<&'w Measure>) -> ClaimView {
    let snapshot = &world.snapshot;
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let class = text(object, "/spec/storageClassName");
    let found = snapshot.named("StorageClass", "", class);
    let value = |measure| of(measure).map(|measure: &Measure| measure.value);
    let full_in = || {
        let growth = value("volume_growth").filter(|growth| *growth > 0.0)?;
        Some(value("volume_free")? / growth / 60.0)
    };
    let events = events(snapshot, "PersistentVolumeClaim", namespace, name);
    let problem = events
        .iter()
        .find(|event| event.r#type == "Warning" || event.reason == "ProvisioningFailed");
    let pods = snapshot.within("Pod", namespace).filter(|pod| {
        let mut volumes = each(pod, "/spec/volumes");
        volumes.any(|volume| text(volume, "/persistentVolumeClaim/claimName") == name)
    });
    ClaimView {
        phase: text(object, "/status/phase").to_owned(),
        class: class.to_owned(),
        class_exists: class.is_empty() || found.is_some() || !snapshot.listed("StorageClass"),
        default_classes: default_classes(world),
        grows: found.is_some_and(|class| class["allowVolumeExpansion"] == Value::Bool(true)),
        requested: amount(object, "/spec/resources/requests/storage").unwrap_or(0.0),
        capacity: amount(object, "/status/capacity/storage").unwrap_or(0.0),
        used: value("volume_used").unwrap_or(-1.0),
        inodes_used: value("inodes_used").unwrap_or(-1.0),
        full_in_minutes: full_in().unwrap_or(-1.0),
        pods: pods.map(|pod| text(pod, "/metadata/name").to_owned()).collect(),
        age_minutes: age(snapshot.at, object, "/metadata/creationTimestamp").unwrap_or(0.0) / 60.0,
        problem: problem.map_or_else(String::new, |event| format!("{}: {}", event.reason, event.message)),
        events,
        name: name.to_owned(),
        namespace: namespace.to_owned(),
    }
}
