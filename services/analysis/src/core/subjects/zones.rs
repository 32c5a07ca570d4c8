//! Zones: nodes that fail together, and Services that lose their endpoints with them.

use std::collections::BTreeMap;

use paramedic_domain::{evidence::Source, object::ObjectRef};
use serde_json::Value;

use super::{
    Quote, Subject, Variable, World,
    nodes::{ready, zone},
    path, services,
    view::view,
};
use crate::core::{read::text, snapshot::reference};

view! {
    /// Nodes with the same label `topology.kubernetes.io/zone`.
    pub(super) struct ZoneView {
        /// The label.
        name: String,
        /// How many nodes it has.
        nodes: i64,
        /// How many of them are not ready.
        not_ready: i64,
        /// Their names.
        names: Vec<String>,
        /// Nodes of other zones.
        others: i64,
        /// How many of those are not ready.
        others_not_ready: i64,
        /// Services, each as `namespace/name`, that have endpoints here and in other zones, and here none that is ready.
        services_lost: Vec<String>,
    }
}

pub(super) fn subjects(world: &World, all: &mut Vec<Subject>) {
    let mut zones: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for node in world.snapshot.of("Node").iter().filter(|node| !zone(node).is_empty()) {
        zones.entry(zone(node)).or_default().push(node);
    }
    for name in zones.keys() {
        let of = |here: bool| {
            zones
                .iter()
                .filter(move |(other, _)| (*other == name) == here)
                .flat_map(|(_, nodes)| nodes)
        };
        let lost = |nodes: &mut dyn Iterator<Item = &&Value>| nodes.filter(|node| ready(node).0 != "True").count() as i64;
        let bad: Vec<&&Value> = of(true).filter(|node| ready(node).0 != "True").collect();
        let view = ZoneView {
            name: (*name).to_owned(),
            nodes: of(true).count() as i64,
            not_ready: bad.len() as i64,
            names: bad.iter().map(|node| text(node, "/metadata/name").to_owned()).collect(),
            others: of(false).count() as i64,
            others_not_ready: lost(&mut of(false)),
            services_lost: services_lost(world, name),
        };
        let excerpt = format!(
            "zone {name}: {} of {} nodes are not ready: {}; elsewhere {} of {}",
            view.not_ready,
            view.nodes,
            view.names.join(", "),
            view.others_not_ready,
            view.others
        );
        let object = ObjectRef::new("v1", "Zone", None, name);
        let mut variable = Variable::new("zone", &view, object.clone(), excerpt);
        for quote in &mut variable.quotes {
            quote.query = format!("/api/v1/nodes?labelSelector=topology.kubernetes.io/zone={name}");
        }
        let endpoints = (!view.services_lost.is_empty()).then(|| Quote {
            source: Source::Kubernetes,
            query: "/apis/discovery.k8s.io/v1/endpointslices".into(),
            excerpt: format!("no endpoint in zone {name} is ready of {}", view.services_lost.join(", ")),
            value: Some((view.services_lost.len() as f64, "services".into())),
        });
        let variable = variable.quoting(bad.into_iter().map(|node| quote(node))).quoting(endpoints);
        all.push(Subject {
            of: "zone",
            variables: vec![variable],
            object,
        });
    }
}

/// How a node fails.
fn quote(node: &Value) -> Quote {
    let (status, condition) = ready(node);
    Quote {
        source: Source::Kubernetes,
        query: path(&reference("Node", node)),
        excerpt: format!(
            "node {}: Ready={status} ({}) since {}: {}",
            text(node, "/metadata/name"),
            text(condition, "/reason"),
            text(condition, "/lastTransitionTime"),
            text(condition, "/message")
        ),
        value: None,
    }
}

fn services_lost(world: &World, zone: &str) -> Vec<String> {
    let lost = world.snapshot.of("Service").iter().filter_map(|service| {
        let (namespace, name) = (text(service, "/metadata/namespace"), text(service, "/metadata/name"));
        let by_zone = services::ready_by_zone(world, namespace, name);
        let gone = by_zone.len() > 1 && by_zone.get(zone) == Some(&0);
        gone.then(|| format!("{namespace}/{name}"))
    });
    lost.collect()
}
