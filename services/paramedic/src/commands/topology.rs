//! What there is in a cluster and what depends on what.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Context, bail};
use jiff::Timestamp;
use paramedic_domain::topology::TopologyTaken;
use paramedic_gateway::core::topology::{
    Entity, Relation, Snapshot,
    neighbours::{Neighbour, Neighbours, neighbours},
};

use crate::{cli::Topology, client::Client, text};

/// Names that are listed when the one asked for is not known.
const MOST_LIKE: usize = 5;

/// Prints the topology, or the neighbours of one thing.
pub async fn topology(arguments: &Topology) -> anyhow::Result<ExitCode> {
    let wanted = arguments.entity.as_deref().map(str::parse::<Entity>).transpose()?;
    let (cluster, taken, content) = Client::new(&arguments.server)?.topology(arguments.cluster.clone()).await?;
    let snapshot = Snapshot::load(&content)?;
    let page = match wanted {
        None if arguments.json => serde_json::to_string_pretty(&snapshot)?,
        None if arguments.mermaid => mermaid(calls(&snapshot)),
        None => overview(&cluster, &taken, &snapshot),
        Some(entity) => {
            let Some(found) = neighbours(&snapshot.topology, &entity) else {
                bail!("{}", unknown(&cluster, &entity, &snapshot, taken.taken_at));
            };
            if arguments.json {
                serde_json::to_string_pretty(&found)?
            } else if arguments.mermaid {
                mermaid(around(&found))
            } else {
                around_table(&found)
            }
        }
    };
    text::say(&text::clean(&page));
    Ok(ExitCode::SUCCESS)
}

fn overview(cluster: &str, taken: &TopologyTaken, snapshot: &Snapshot) -> String {
    let counted = |names: Vec<String>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for name in names {
            *counts.entry(name).or_default() += 1;
        }
        counts
            .into_iter()
            .map(|(name, count)| vec![name, count.to_string()])
            .collect::<Vec<_>>()
    };
    let topology = &snapshot.topology;
    let kinds = counted(topology.entities.iter().map(|entity| entity.kind.clone()).collect());
    let relations = counted(topology.edges.iter().map(|edge| text::word(&edge.relation)).collect());
    [
        format!("cluster {cluster}, taken {}, {}", text::utc(taken.taken_at), taken.digest.short()),
        String::new(),
        text::table(&["KIND", "COUNT"], &kinds),
        String::new(),
        text::table(&["DEPENDENCY", "COUNT"], &relations),
        String::new(),
        format!(
            "{} measured calls, {} alerting rules, {} namespaces",
            snapshot.measured.len(),
            topology.rules.len(),
            snapshot.facts.namespaces.len()
        ),
    ]
    .join("\n")
}

fn around_table(found: &Neighbours) -> String {
    let row = |direction: &str, neighbour: &Neighbour| {
        vec![
            direction.to_owned(),
            text::word(&neighbour.relation),
            neighbour.entity.to_string(),
            if neighbour.through == found.entity {
                String::new()
            } else {
                neighbour.through.to_string()
            },
        ]
    };
    let needs = found.needs.iter().map(|neighbour| row("depends on", neighbour));
    let needed_by = found.needed_by.iter().map(|neighbour| row("is needed by", neighbour));
    let rows: Vec<Vec<String>> = needs.chain(needed_by).collect();
    let names: Vec<String> = found.same.iter().map(ToString::to_string).collect();
    let mut lines = vec![found.entity.to_string()];
    if !names.is_empty() {
        lines.push(format!("the same: {}", names.join(", ")));
    }
    lines.push(String::new());
    lines.push(if rows.is_empty() {
        "nothing is known that it depends on, or that depends on it".to_owned()
    } else {
        text::table(&["", "HOW", "WHAT", "THROUGH"], &rows)
    });
    lines.join("\n")
}

/// Lines of a drawing.
type Arrows = Vec<(Entity, Relation, Entity)>;

fn calls(snapshot: &Snapshot) -> Arrows {
    let shown = |relation| matches!(relation, Relation::Calls | Relation::Selects);
    let edges = snapshot.topology.edges.iter().filter(|edge| shown(edge.relation));
    edges.map(|edge| (edge.from.clone(), edge.relation, edge.to.clone())).collect()
}

fn around(found: &Neighbours) -> Arrows {
    let needs = found
        .needs
        .iter()
        .map(|one| (one.through.clone(), one.relation, one.entity.clone()));
    let needed_by = found
        .needed_by
        .iter()
        .map(|one| (one.entity.clone(), one.relation, one.through.clone()));
    needs.chain(needed_by).collect()
}

/// A drawing as Mermaid draws it. Names of objects hold nothing that ends a quoted text.
fn mermaid(arrows: Arrows) -> String {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = vec!["graph LR".to_owned()];
    for (from, relation, to) in arrows {
        let mut node = |entity: &Entity| {
            let next = numbers.len();
            let name = entity.to_string().replace('"', "'");
            let number = *numbers.entry(name.clone()).or_insert(next);
            format!("n{number}[\"{name}\"]")
        };
        let (from, to) = (node(&from), node(&to));
        lines.push(format!("  {from} -->|{}| {to}", text::word(&relation)));
    }
    lines.join("\n")
}

fn unknown(cluster: &str, entity: &Entity, snapshot: &Snapshot, taken_at: Timestamp) -> String {
    let same_name = |other: &&Entity| other.name == entity.name;
    let like: Vec<String> = snapshot
        .topology
        .entities
        .iter()
        .filter(same_name)
        .take(MOST_LIKE)
        .map(ToString::to_string)
        .collect();
    let known = format!("cluster {cluster} had no {entity} at {}", text::utc(taken_at));
    if like.is_empty() {
        known
    } else {
        format!("{known}; of that name it had {}", like.join(", "))
    }
}

impl Client {
    /// Cluster, announcement and content of the topology that was announced last.
    async fn topology(&mut self, cluster: Option<String>) -> anyhow::Result<(String, TopologyTaken, Vec<u8>)> {
        let request = self.request(paramedic_proto::v1::TopologyRequest { cluster })?;
        let answer = self.incidents.topology(request).await;
        let answer = answer.map_err(|status| self.explain(status))?.into_inner();
        let taken = answer.taken.context("the answer does not say when the topology was taken")?;
        let taken = paramedic_wire::Wire::from_proto(taken).map_err(|invalid| anyhow::anyhow!("the answer's topology: {invalid}"))?;
        Ok((answer.cluster, taken, answer.content))
    }
}

#[cfg(test)]
mod tests {
    use paramedic_gateway::core::topology::Edge;

    use super::*;

    fn snapshot() -> Snapshot {
        let edge = |from: &str, relation, to: &str| Edge {
            from: from.parse().unwrap(),
            relation,
            to: to.parse().unwrap(),
        };
        let mut snapshot = Snapshot::default();
        snapshot.topology.edges = vec![
            edge("Deployment/shop/web", Relation::Calls, "Service/shop/cart"),
            edge("Service/shop/cart", Relation::Selects, "Deployment/shop/cart"),
            edge("Deployment/shop/cart", Relation::Uses, "Secret/shop/tls"),
        ];
        snapshot.topology.entities = vec!["Deployment/shop/cart".parse().unwrap(), "Secret/shop/tls".parse().unwrap()];
        snapshot
    }

    #[test]
    fn neighbours_are_a_table() {
        let cart = "Deployment/shop/cart".parse().unwrap();
        let page = around_table(&neighbours(&snapshot().topology, &cart).unwrap());
        let expected = "Deployment/shop/cart\n\
                        the same: Service/shop/cart\n\
                        \n              HOW    WHAT                 THROUGH\n\
                        depends on    uses   Secret/shop/tls\n\
                        is needed by  calls  Deployment/shop/web  Service/shop/cart";
        assert_eq!(page, expected);
    }

    #[test]
    fn what_is_not_known_leads_to_what_has_its_name() {
        let entity = "StatefulSet/shop/cart".parse().unwrap();
        let words = unknown("prod", &entity, &snapshot(), Timestamp::UNIX_EPOCH);
        assert!(words.ends_with("of that name it had Deployment/shop/cart"), "{words}");
    }

    #[test]
    fn a_drawing_has_each_thing_once() {
        let drawn = mermaid(calls(&snapshot()));
        let expected = "graph LR\n  n0[\"Deployment/shop/web\"] -->|calls| n1[\"Service/shop/cart\"]\n  \
                        n1[\"Service/shop/cart\"] -->|selects| n2[\"Deployment/shop/cart\"]";
        assert_eq!(drawn, expected);
    }
}
