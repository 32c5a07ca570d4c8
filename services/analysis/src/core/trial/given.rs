//! The world of a test: its objects, lines, answers and numbers as facts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    evidence::Source,
    object::ObjectRef,
};
use serde_json::Value;

use super::{Line, Number, Test};
use crate::core::{
    clouds,
    delivery::{Delivery, Places, Records, owned},
    estate::Listing,
    facts::Facts,
    families,
    measures::{Measure, Measures, questions},
    read::{text, texts},
    snapshot::{Snapshot, kinds::KINDS, reference},
    subjects::{
        Said, World,
        answers::{Answer, Answered},
        owners::WORKLOADS,
    },
};

/// Kinds that deliver others.
const DELIVER: [&str; 3] = ["Application", "Kustomization", "HelmRelease"];

/// What a test gives, as an investigation would have gathered it.
///
/// # Errors
/// What of it rules cannot look at.
pub(in crate::core) fn facts(test: &Test) -> Result<Facts, String> {
    let now = test.now.ok_or("now: is needed where there is no world to begin with")?;
    let scope: BTreeSet<String> = test
        .objects
        .iter()
        .map(|object| text(object, "/metadata/namespace").to_owned())
        .collect();
    let mut snapshot = Snapshot::new(now, scope.clone());
    // What was asked for and is not there is known not to be there.
    for kind in KINDS {
        snapshot.file(kind, Vec::new());
    }
    for object in &test.objects {
        let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
        let known = KINDS.into_iter().find(|known| known.name == kind);
        match known {
            Some(kind) => snapshot.file(kind, vec![object.clone()]),
            None if kind == "ConfigMap" || DELIVER.contains(&kind) => {}
            None => return Err(format!("object {name}: rules do not look at {kind:?}")),
        }
    }
    let mut world = World {
        snapshot,
        silent: test.silent.iter().copied().collect(),
        reviews: test.reviews.clone(),
        ..World::default()
    };
    for namespace in scope {
        world.listings.insert(namespace.clone(), listing(test, &world.snapshot, &namespace));
    }
    for line in &test.logs {
        let by = wrote(line, &world.snapshot);
        match &line.tool {
            Some(tool) => world.answers.push(answered(by, tool, line)),
            None => world.said.push(said(by, line)),
        }
    }
    world.deliveries = deliveries(test, &world);
    world.measures = Measures(test.measures.iter().map(measure).collect::<Result<_, String>>()?);
    let mut facts = Facts::new(now, alerts(test, now));
    facts.missing = test.silent.iter().map(|source| format!("{source:?}: does not answer")).collect();
    facts.world = world;
    told(test, &mut facts)?;
    Ok(facts)
}

fn alerts(test: &Test, now: Timestamp) -> Vec<Alert> {
    let alerts = test.alerts.iter().enumerate().map(|(i, labels)| Alert {
        fingerprint: format!("{i:016x}"),
        status: AlertStatus::Firing,
        labels: labels.clone(),
        annotations: BTreeMap::new(),
        starts_at: now,
        ends_at: None,
        generator_url: String::new(),
        group_key: "{}".into(),
    });
    alerts.collect()
}

/// What the test's deliverers say of its workloads.
fn deliveries(test: &Test, world: &World) -> Vec<Delivery> {
    let workloads = WORKLOADS
        .into_iter()
        .flat_map(|kind| world.snapshot.of(kind).iter().map(move |object| reference(kind, object)));
    let places = Places {
        argo_namespace: "argocd",
        helm: Records::Off,
    };
    let alerts = alerts(test, world.snapshot.at);
    let owners = owned(world, &alerts, &workloads.collect::<Vec<_>>(), places);
    let said = owners.iter().filter_map(|owner| {
        let own = |object: &&Value| {
            let object = *object;
            text(object, "/kind") == owner.object.kind
                && text(object, "/metadata/name") == owner.object.name
                && owner.object.namespace.as_deref() == Some(text(object, "/metadata/namespace"))
        };
        Delivery::read(owner, test.objects.iter().find(own)?)
    });
    said.collect()
}

/// What cloud providers tell, as an investigation would have asked them.
fn told(test: &Test, facts: &mut Facts) -> Result<(), String> {
    let sought = clouds::sought(facts);
    for said in &test.clouds {
        let Some(sought) = sought.iter().find(|sought| sought.object.to_string() == said.of) else {
            return Err(format!("clouds: nobody would ask about {}", said.of));
        };
        let answers: Vec<_> = said.answers.iter().map(answer_of_cloud).collect();
        let told = sought
            .told(&answers, facts.at)
            .map_err(|why| format!("clouds: {}: {why}", said.of))?;
        facts.moments.extend(told.moments.clone());
        facts.world.told.push(told);
    }
    Ok(())
}

fn answer_of_cloud(said: &Value) -> clouds::Answer {
    match said {
        Value::String(complaint) => clouds::Answer::Absent(complaint.clone()),
        printed => clouds::Answer::Json(printed.clone()),
    }
}

fn wrote(line: &Line, snapshot: &Snapshot) -> ObjectRef {
    let api = if line.kind == "Job" { "batch/v1" } else { "apps/v1" };
    let found = snapshot.named(&line.kind, &line.namespace, &line.name);
    let mut by = ObjectRef::new(api, &line.kind, Some(&line.namespace), &line.name);
    by.uid = found
        .map(|found| text(found, "/metadata/uid").to_owned())
        .filter(|uid| !uid.is_empty());
    by
}

fn answered(about: ObjectRef, tool: &str, line: &Line) -> Answered {
    Answered {
        about: Some(about),
        query: format!("{tool} {{}}"),
        answer: Answer {
            tool: tool.to_owned(),
            text: line.text.clone(),
        },
    }
}

fn said(by: ObjectRef, line: &Line) -> Said {
    Said {
        by,
        text: line.text.clone(),
        count: 1,
        alarming: true,
        source: Source::Loki,
        query: format!("{{namespace={:?}}}", line.namespace),
    }
}

fn measure(number: &Number) -> Result<Measure, String> {
    let (name, query) = questions(families::usual(), ".*")
        .into_iter()
        .find(|(name, _)| *name == number.name)
        .ok_or_else(|| format!("there is no number {}", number.name))?;
    Ok(Measure {
        name,
        labels: number.labels.clone(),
        value: number.value,
        source: Source::Prometheus,
        query,
    })
}

fn listing(test: &Test, snapshot: &Snapshot, namespace: &str) -> Listing {
    let of = |kind: &'static str| {
        snapshot
            .within(kind, namespace)
            .map(move |object| (kind.to_owned(), object.clone()))
    };
    let maps = test
        .objects
        .iter()
        .filter(|object| text(object, "/kind") == "ConfigMap" && text(object, "/metadata/namespace") == namespace);
    let pods = snapshot.within("Pod", namespace);
    Listing {
        workloads: WORKLOADS.into_iter().flat_map(of).collect(),
        services: snapshot.within("Service", namespace).cloned().collect(),
        pods: pods
            .map(|pod| (text(pod, "/metadata/name").to_owned(), texts(pod, "/metadata/labels")))
            .collect(),
        config_maps: maps
            .map(|map| (text(map, "/metadata/name").to_owned(), texts(map, "/data")))
            .collect(),
    }
}
