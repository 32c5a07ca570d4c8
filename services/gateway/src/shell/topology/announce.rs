//! Snapshots on the bus.

use bytes::Bytes;
use jiff::Timestamp;
use paramedic_bus::{
    Error,
    topologies::{Announced, Topologies},
};
use paramedic_domain::{id::ClusterId, topology::TopologyTaken};
use paramedic_runtime::Kit;

use crate::{
    core::topology::{Measured, Snapshot, survey::Said},
    metrics,
};

/// Announces the topologies of one cluster, each after the last one that it knows of.
pub(super) struct Announcer {
    topologies: Topologies,
    cluster: ClusterId,
    last: Option<Announced>,
}

impl Announcer {
    /// Reads what was announced last: by whomever, and what was measured then.
    pub(super) async fn open(kit: &Kit) -> Result<(Self, Option<Said>, Measured), Error> {
        let mut announcer = Self {
            topologies: Topologies::open(&kit.bus).await?,
            cluster: kit.cluster.name.clone(),
            last: None,
        };
        announcer.last = announcer.topologies.last(&announcer.cluster, kit.clock.now()).await?;
        let Some(last) = &announcer.last else {
            return Ok((announcer, None, Measured::default()));
        };
        let snapshot = announcer.content(last).await?;
        let said = Said {
            at: last.at,
            digest: last.taken.digest,
            shape: snapshot.as_ref().map(Snapshot::shape),
        };
        let before = snapshot.map(|snapshot| Measured {
            calls: snapshot.measured,
            rules: snapshot.topology.rules,
        });
        Ok((announcer, Some(said), before.unwrap_or_default()))
    }

    /// What is announced now.
    pub(super) async fn read(&mut self, now: Timestamp) -> Result<Option<Said>, Error> {
        self.last = self.topologies.last(&self.cluster, now).await?;
        let Some(last) = &self.last else { return Ok(None) };
        let shape = self.content(last).await?.map(|snapshot| snapshot.shape());
        Ok(Some(Said {
            at: last.at,
            digest: last.taken.digest,
            shape,
        }))
    }

    /// A content that cannot be read is as good as none: a new one replaces it.
    async fn content(&self, announced: &Announced) -> Result<Option<Snapshot>, Error> {
        let Some(bytes) = self.topologies.content(&announced.taken).await? else {
            return Ok(None);
        };
        Ok(Snapshot::load(&bytes)
            .inspect_err(|error| tracing::warn!(%error, artifact = announced.taken.artifact, "the last topology cannot be read"))
            .ok())
    }

    /// Announces a new one.
    pub(super) async fn announce(&mut self, snapshot: Snapshot, now: Timestamp) -> Result<Said, Error> {
        let packed = tokio::task::spawn_blocking(move || (snapshot.digest(), snapshot.shape(), snapshot.store(), snapshot));
        let (digest, shape, content, snapshot): (_, _, Bytes, _) = packed.await.expect("packing a snapshot does not panic");
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let topology = &snapshot.topology;
        let hex = digest.to_string().replace("sha256:", "");
        let taken = TopologyTaken {
            taken_at: now,
            digest,
            artifact: format!("topology/{}/{hex}.json.gz", self.cluster),
            entities: count(topology.entities.len()),
            edges: count(topology.edges.len()),
        };
        let bytes = content.len();
        let seq = self.topologies.announce(&self.cluster, &taken, content, self.after()).await?;
        metrics::topology_announced(topology.entities.len(), topology.edges.len());
        tracing::info!(
            entities = taken.entities,
            edges = taken.edges,
            rules = topology.rules.len(),
            bytes,
            digest = digest.short(),
            "topology announced"
        );
        self.last = Some(Announced { seq, at: now, taken });
        Ok(Said {
            at: now,
            digest,
            shape: Some(shape),
        })
    }

    /// Announces the last one again.
    pub(super) async fn again(&mut self, now: Timestamp) -> Result<Said, Error> {
        let Some(last) = &self.last else {
            return Err(Error::Invalid("no topology was announced that could be said again".into()));
        };
        let (taken, shape) = (last.taken.clone(), self.content(last).await?.map(|snapshot| snapshot.shape()));
        let seq = self.topologies.state(&self.cluster, &taken, self.after()).await?;
        let digest = taken.digest;
        self.last = Some(Announced { seq, at: now, taken });
        Ok(Said { at: now, digest, shape })
    }

    fn after(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.seq)
    }
}
