//! A storm from a seed.

use std::collections::BTreeSet;

use paramedic_correlation::topology::Entity;

use crate::{
    alertmanager::{posts, time},
    chance::{Chance, Stream},
    damage::{self, Told},
    fault::{Fault, Root},
    format::{AlertTruth, Incident, Storm, Truth, Window},
    noise,
    plot::{Cause, Firing, MINUTE, Millis, Plot},
    rules::{self, Source},
    world::{self, Pod, World},
};

mod maintenance;
mod twins;

/// What to generate. The same of these gives the same storm for ever, within one version of [`GENERATOR`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// Where chance begins.
    pub seed: u64,
    /// Services of the estate, at least [`Spec::FEWEST_SERVICES`].
    pub services: usize,
    /// Incidents that overlap.
    pub incidents: usize,
    /// What makes it harder.
    pub variant: Variant,
}

/// What makes a storm harder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variant {
    /// Nothing.
    Plain,
    /// A node is drained meanwhile, as declared.
    Maintenance,
    /// Incidents come in pairs that look alike.
    Twins,
}

/// Version of the model; figures of different versions cannot be compared.
pub const GENERATOR: u32 = 1;

/// Sizes of an incident in alerts.
const SMALLEST: usize = 5;
const LARGEST: usize = 400;
/// Incidents begin within so many seconds of the first moment at which one may.
const OFFSET_SECONDS: f64 = 600.0;
/// How long one lasts, in seconds: long enough for rules that wait a quarter of an hour.
const LASTS_SECONDS: (f64, f64) = (1_500.0, 3_000.0);
/// Nothing but background before.
const QUIET: Millis = 20 * MINUTE;
/// Everything is over and told after.
const HORIZON: Millis = 95 * MINUTE;
/// A blip this close to an incident is part of it for everybody.
const SETTLING: Millis = 5 * MINUTE;
/// How often a fault is drawn again when it came out too small or too large, until another is taken, and until that ends.
const PATIENCE: usize = 40;
const TRIES: usize = 2_000;

impl Spec {
    /// Below this a call graph has no layers.
    pub const FEWEST_SERVICES: usize = 6;
}

impl Variant {
    /// Its name, as `truth.json` and the command line have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Maintenance => "maintenance",
            Self::Twins => "twins",
        }
    }
}

/// One incident while it is made.
struct Drawn {
    fault: Fault,
    root: Root,
    onset: Millis,
    until: Millis,
    affected: BTreeSet<Entity>,
    new_pods: Vec<(usize, Pod)>,
    firings: Vec<Firing>,
}

/// Generates a storm.
#[must_use]
pub fn generate(spec: Spec) -> Storm {
    let cell = (spec.services as u64) << 16 | (spec.incidents as u64) << 8 | spec.variant as u64;
    let stream = |stream| Chance::new(spec.seed, cell, stream);
    let world = world::build(spec.services.max(Spec::FEWEST_SERVICES), &mut stream(Stream::World));
    let mut firings = noise::background(&world, HORIZON, &mut stream(Stream::Noise));
    let windows = match spec.variant {
        Variant::Maintenance => {
            let (window, drained) = maintenance::drain(&world, &mut stream(Stream::Window));
            firings.extend(drained);
            vec![window]
        }
        Variant::Plain | Variant::Twins => Vec::new(),
    };
    let drawn = incidents(spec, &world, &firings, &mut stream(Stream::Incidents));
    firings = told_apart(&world, &firings, &drawn);
    firings.extend(drawn.iter().flat_map(|incident| incident.firings.clone()));
    let alerts = damage::suffer(firings, &mut stream(Stream::Damage));
    let new_pods: Vec<(usize, Pod)> = drawn.iter().flat_map(|incident| incident.new_pods.clone()).collect();
    let posts = posts(&alerts, HORIZON, &mut stream(Stream::Delivery));
    let truth = truth(spec, &drawn, &windows, &alerts, &posts);
    Storm {
        topology: world::describe(&world, &new_pods, &mut stream(Stream::Topology)),
        posts,
        windows,
        truth,
    }
}

fn incidents(spec: Spec, world: &World, background: &[Firing], chance: &mut Chance) -> Vec<Drawn> {
    let same_zone = chance.hit(0.5).then(|| chance.below(world.zones.len()));
    let mut drawn: Vec<Drawn> = Vec::new();
    for (index, mut plan) in twins::plan(spec, chance).into_iter().enumerate() {
        for attempt in 0.. {
            let zone = same_zone.or_else(|| Some(chance.below(world.zones.len())));
            let onset = match plan.follows {
                Some(other) => drawn[other].onset + chance.millis(0.0, 60.0),
                None => QUIET + chance.millis(0.0, OFFSET_SECONDS),
            };
            let until = onset + chance.millis(LASTS_SECONDS.0, LASTS_SECONDS.1);
            let mut plot = Plot::new(world, chance, Cause::Incident(index), until);
            plot.masked = plan.masked;
            // A zone that has no place for it may leave it to the others.
            let struck = plan.fault.strike(&mut plot, onset, zone.filter(|_| attempt % 4 != 3));
            let (firings, affected, new_pods) = (plot.firings, plot.affected, plot.new_pods);
            if let Some(root) = struck
                && distinct_root(&root, &drawn)
                && (attempt > PATIENCE
                    || plan
                        .follows
                        .is_none_or(|other| plan.masked || differ(world, &root, &drawn[other].root)))
            {
                drawn.push(Drawn {
                    fault: plan.fault,
                    root,
                    onset,
                    until,
                    affected,
                    new_pods,
                    firings,
                });
                if fit(world, background, &drawn) {
                    break;
                }
                drawn.pop();
            }
            assert!(
                attempt < TRIES,
                "an estate of {} services has no place for {} incidents",
                spec.services,
                spec.incidents
            );
            if attempt > PATIENCE {
                // The estate has no place for this fault: take another that it may have.
                plan.fault = twins::another(&plan, &drawn, chance);
            }
        }
    }
    drawn
}

/// Their teams name alerts differently, where they have teams.
fn differ(world: &World, one: &Root, other: &Root) -> bool {
    let style = |root: &Root| {
        let name = root.entity.namespace.as_deref()?;
        let namespace = world.namespaces.iter().find(|namespace| namespace.name == name)?;
        Some(namespace.dialect.style)
    };
    style(one).zip(style(other)).is_none_or(|(one, other)| one != other)
}

/// Nothing is the root of two incidents under any of its names.
fn distinct_root(root: &Root, others: &[Drawn]) -> bool {
    let names = |root: &Root| root.aliases.iter().chain([&root.entity]).cloned().collect::<BTreeSet<_>>();
    let mine = names(root);
    others.iter().all(|other| names(&other.root).is_disjoint(&mine))
}

/// Every incident is as large as incidents are, counting only what is its own: neither noise nor part of an earlier incident.
fn fit(world: &World, background: &[Firing], drawn: &[Drawn]) -> bool {
    let mut all = told_apart(world, background, drawn);
    all.extend(drawn.iter().flat_map(|other| other.firings.clone()));
    let mut sizes = vec![0; drawn.len()];
    for firing in damage::merged(all) {
        if let Cause::Incident(index) = firing.cause {
            sizes[index] += 1;
        }
    }
    sizes.iter().all(|size| (SMALLEST..=LARGEST).contains(size))
}

/// The background without blips of what an incident affects while it does. Nobody could tell them from the incident's own, so a truth
/// that calls them noise would be wrong; what is chronic stays, because its name tells it.
fn told_apart(world: &World, background: &[Firing], drawn: &[Drawn]) -> Vec<Firing> {
    let blip = |firing: &Firing| match firing.rule.source {
        Source::Team => true,
        Source::State | Source::Aggregated => [&rules::HPA_MAXED, &rules::MEMORY_NEAR_LIMIT].contains(&firing.rule),
        Source::Kubelet | Source::NodeExporter | Source::Scraped | Source::Bare => false,
    };
    let hidden = |firing: &Firing, subject: usize| {
        let subject = world.entity(subject);
        drawn.iter().any(|incident| {
            incident.affected.contains(&subject)
                && incident.onset - SETTLING < firing.ends_at
                && firing.starts_at < incident.until + SETTLING
        })
    };
    let told =
        |firing: &&Firing| firing.cause != Cause::Noise || !blip(firing) || !firing.subject.is_some_and(|subject| hidden(firing, subject));
    background.iter().filter(told).cloned().collect()
}

fn truth(spec: Spec, drawn: &[Drawn], windows: &[Window], alerts: &[Told], posts: &[crate::format::Post]) -> Truth {
    let id = |index: usize| format!("incident-{}", index + 1);
    let posted: BTreeSet<(&str, _)> = posts
        .iter()
        .flat_map(|post| &post.webhook.alerts)
        .map(|alert| (alert.fingerprint.as_str(), alert.starts_at))
        .collect();
    let alert = |told: &Told| {
        let starts_at = time(told.firing.starts_at);
        let (incident, window) = match told.firing.cause {
            Cause::Noise => (None, None),
            Cause::Window(index) => (None, windows.get(index).map(|window| window.id.clone())),
            Cause::Incident(index) => (Some(id(index)), None),
        };
        AlertTruth {
            lost: !posted.contains(&(told.fingerprint.as_str(), starts_at)),
            fingerprint: told.fingerprint.clone(),
            starts_at,
            incident,
            window,
        }
    };
    let incident = |(index, incident): (usize, &Drawn)| Incident {
        id: id(index),
        fault: word(&incident.fault),
        category: word(&incident.fault.category()),
        root: incident.root.entity.clone(),
        aliases: incident.root.aliases.clone(),
        onset: time(incident.onset),
        affected: incident.affected.iter().cloned().collect(),
    };
    Truth {
        set: spec.variant.name().to_owned(),
        seed: Some(spec.seed),
        services: spec.services,
        incidents: drawn.iter().enumerate().map(incident).collect(),
        alerts: alerts.iter().map(alert).collect(),
    }
}

/// A unit variant as serde writes it.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
