//! A snapshot as it is stored, and when two of them say the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
};

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use paramedic_correlation::topology::{Entity, Relation, Topology};
use paramedic_domain::digest::Digest;
use serde::{Deserialize, Serialize};

use super::measured::Call;
use crate::core::facts::Facts;

/// Largest snapshot that is read, bytes of its JSON: a hundred thousand pods.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Longest chain of owners that pods have.
const LONGEST_CHAIN: usize = 4;

/// What there is, what depends on what, and what is known besides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// What the correlator takes.
    pub topology: Topology,
    /// What scope and triage take.
    #[serde(default)]
    pub facts: Facts,
    /// Calls as they were measured: whoever continues begins with them, so that none is forgotten because a lookup failed.
    #[serde(default)]
    pub measured: BTreeSet<Call>,
}

/// Bytes that are no snapshot.
#[derive(Debug, thiserror::Error)]
#[error("not a snapshot of the topology: {0}")]
pub struct NotASnapshot(String);

impl Snapshot {
    /// Its content: equal snapshots have equal digests, whatever compressed them.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }

    /// As it is stored: gzip of its JSON.
    ///
    /// # Panics
    /// Never: all keys are texts, and memory takes what is written.
    #[must_use]
    pub fn store(&self) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let json = serde_json::to_vec(self).expect("every key is a text");
        encoder.write_all(&json).expect("memory takes what is written");
        encoder.finish().expect("memory takes what is written").into()
    }

    /// From what is stored.
    ///
    /// # Errors
    /// When it is something else, or larger than any cluster.
    pub fn load(bytes: &[u8]) -> Result<Self, NotASnapshot> {
        let mut json = Vec::new();
        GzDecoder::new(bytes)
            .take(MOST_BYTES)
            .read_to_end(&mut json)
            .map_err(|error| NotASnapshot(error.to_string()))?;
        serde_json::from_slice(&json).map_err(|error| NotASnapshot(error.to_string()))
    }

    /// What stays the same while pods come and go: which workloads run on which nodes, without the names of their pods.
    #[must_use]
    pub fn shape(&self) -> Digest {
        let wholes: BTreeMap<&Entity, &Entity> = self
            .topology
            .edges
            .iter()
            .filter(|edge| edge.relation == Relation::Owns && is_passing(&edge.to))
            .map(|edge| (&edge.to, &edge.from))
            .collect();
        let stands = |entity| stands(&wholes, entity);
        // Where one run of a Job stands says nothing about the next.
        let is_run = |entity| matches!(stands(entity).kind.as_str(), "Job" | "CronJob");
        let edges: BTreeSet<_> = self
            .topology
            .edges
            .iter()
            .filter(|edge| edge.relation != Relation::RunsOn || !is_run(&edge.from))
            .map(|edge| (stands(&edge.from), edge.relation, stands(&edge.to)))
            .filter(|(from, _, to)| from != to)
            .collect();
        let entities: BTreeSet<&Entity> = self.topology.entities.iter().map(stands).collect();
        Digest::of_json(&(entities, edges, &self.topology.rules, &self.facts))
    }
}

/// What something is a passing part of.
fn stands<'a>(wholes: &BTreeMap<&'a Entity, &'a Entity>, entity: &'a Entity) -> &'a Entity {
    let mut stands = entity;
    for _ in 0..LONGEST_CHAIN {
        match wholes.get(stands) {
            Some(whole) => stands = whole,
            None => break,
        }
    }
    stands
}

/// What is replaced by another one of its kind in the ordinary course of things.
fn is_passing(entity: &Entity) -> bool {
    matches!(entity.kind.as_str(), "Pod" | "ReplicaSet" | "Job")
}

#[cfg(test)]
mod tests {
    use paramedic_correlation::topology::Edge;

    use super::*;

    fn snapshot(edges: &[(&str, Relation, &str)]) -> Snapshot {
        let entity = |text: &str| text.parse::<Entity>().unwrap();
        let edges = edges.iter().map(|(from, relation, to)| Edge {
            from: entity(from),
            to: entity(to),
            relation: *relation,
        });
        let topology = Topology {
            edges: edges.collect(),
            ..Topology::default()
        };
        Snapshot {
            topology,
            ..Snapshot::default()
        }
    }

    fn running(pod: &str, replica_set: &str, node: &str) -> Snapshot {
        let (pod, replica_set, node) = (
            format!("Pod/shop/{pod}"),
            format!("ReplicaSet/shop/{replica_set}"),
            format!("Node/{node}"),
        );
        snapshot(&[
            ("Deployment/shop/cart", Relation::Owns, &replica_set),
            (&replica_set, Relation::Owns, &pod),
            (&pod, Relation::RunsOn, &node),
        ])
    }

    #[test]
    fn a_snapshot_is_loaded_as_it_was_stored() {
        let snapshot = running("cart-a-1", "cart-a", "n1");
        let loaded = Snapshot::load(&snapshot.store()).unwrap();
        assert_eq!(loaded, snapshot);
        assert_eq!(loaded.digest(), snapshot.digest());
        for bytes in [&b""[..], b"{}", &snapshot.store()[..20]] {
            assert!(Snapshot::load(bytes).is_err());
        }
    }

    #[test]
    fn a_new_pod_in_place_of_an_old_one_leaves_the_shape() {
        let before = running("cart-a-1", "cart-a", "n1");
        let rolled_out = running("cart-b-9", "cart-b", "n1");
        assert_ne!(before.digest(), rolled_out.digest());
        assert_eq!(before.shape(), rolled_out.shape());
        assert_ne!(before.shape(), running("cart-b-9", "cart-b", "n2").shape());
    }

    #[test]
    fn runs_of_a_cron_job_leave_the_shape() {
        let run = |number: &str, node: &str| {
            let (job, pod) = (format!("Job/shop/backup-{number}"), format!("Pod/shop/backup-{number}-x"));
            snapshot(&[
                ("CronJob/shop/backup", Relation::Owns, &job),
                (&job, Relation::Owns, &pod),
                (&pod, Relation::RunsOn, node),
                ("CronJob/shop/backup", Relation::Calls, "Service/shop/db"),
            ])
        };
        assert_eq!(run("1", "Node/n1").shape(), run("2", "Node/n2").shape());
    }
}
