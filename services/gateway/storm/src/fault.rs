//! The faults, what each shows, and what has to be mended.

use paramedic_correlation::topology::Entity;
use paramedic_domain::diagnosis::Category;
use serde::{Deserialize, Serialize};

use crate::plot::{Millis, Plot};

mod node;
mod shared;
mod workload;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    DepDown,
    DepSlow,
    DbPool,
    BadRelease,
    Oom,
    NodeNotready,
    ZoneLoss,
    Netpol,
    Dns,
    CertExpiry,
    TrafficSurge,
    NoisyNeighbour,
    ScrapeOutage,
    ConfigPush,
}

/// What has to be mended, and what else it may be called.
#[derive(Debug)]
pub(crate) struct Root {
    pub entity: Entity,
    pub aliases: Vec<Entity>,
}

impl Fault {
    pub(crate) const ALL: [Self; 14] = [
        Self::DepDown,
        Self::DepSlow,
        Self::DbPool,
        Self::BadRelease,
        Self::Oom,
        Self::NodeNotready,
        Self::ZoneLoss,
        Self::Netpol,
        Self::Dns,
        Self::CertExpiry,
        Self::TrafficSurge,
        Self::NoisyNeighbour,
        Self::ScrapeOutage,
        Self::ConfigPush,
    ];

    /// Faults that show the same once the alerts that name them are missing.
    pub(crate) const LOOK_ALIKE: [Self; 3] = [Self::BadRelease, Self::Oom, Self::DepDown];

    /// The category that a diagnosis would give it.
    pub(crate) fn category(self) -> Category {
        match self {
            Self::DepDown | Self::DepSlow => Category::DependencyFailure,
            Self::DbPool => Category::DbPoolExhaustion,
            Self::BadRelease => Category::BadRelease,
            Self::Oom => Category::OomLimitTooLow,
            Self::NodeNotready => Category::NodeFailure,
            Self::ZoneLoss => Category::ZoneFailure,
            Self::Netpol => Category::NetworkPolicy,
            Self::Dns => Category::Dns,
            Self::CertExpiry => Category::CertExpiry,
            Self::TrafficSurge => Category::TrafficSurge,
            Self::NoisyNeighbour => Category::CpuThrottle,
            // What is watched is well; only the watching is broken.
            Self::ScrapeOutage => Category::NoFault,
            Self::ConfigPush => Category::BadConfig,
        }
    }

    /// Reaches so far that a second such one in the same storm could not be told from it.
    pub(crate) fn is_wide(self) -> bool {
        match self {
            Self::ZoneLoss | Self::Dns | Self::ScrapeOutage => true,
            Self::DepDown
            | Self::DepSlow
            | Self::DbPool
            | Self::BadRelease
            | Self::Oom
            | Self::NodeNotready
            | Self::Netpol
            | Self::CertExpiry
            | Self::TrafficSurge
            | Self::NoisyNeighbour
            | Self::ConfigPush => false,
        }
    }

    /// Can strike an estate twice at once.
    pub(crate) fn has_places(self) -> bool {
        !self.is_wide() && self != Self::ConfigPush
    }

    /// Lets it happen, in a zone if that is asked for; `None` where the estate has no place for it.
    pub(crate) fn strike(self, plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
        match self {
            Self::DepDown => workload::dependency_down(plot, at, zone),
            Self::DepSlow => workload::dependency_slow(plot, at, zone),
            Self::DbPool => shared::pool(plot, at),
            Self::BadRelease => workload::bad_release(plot, at, zone),
            Self::Oom => workload::out_of_memory(plot, at, zone),
            Self::NodeNotready => node::not_ready(plot, at, zone),
            Self::ZoneLoss => node::zone_loss(plot, at, zone),
            Self::Netpol => workload::cut_off(plot, at, zone),
            Self::Dns => shared::dns(plot, at),
            Self::CertExpiry => workload::certificate(plot, at, zone),
            Self::TrafficSurge => shared::surge(plot, at, zone),
            Self::NoisyNeighbour => node::noisy_neighbour(plot, at, zone),
            Self::ScrapeOutage => shared::scrape_outage(plot, at),
            Self::ConfigPush => shared::config_push(plot, at),
        }
    }
}

/// One of the candidates, in the zone if some are there.
fn choose(plot: &mut Plot<'_>, candidates: &[usize], zone: Option<usize>) -> Option<usize> {
    let there: Vec<usize> = candidates
        .iter()
        .copied()
        .filter(|workload| zone.is_some_and(|zone| plot.world.home(*workload) == zone))
        .collect();
    plot.chance.pick(if there.is_empty() { candidates } else { &there }).copied()
}

/// A workload as the root: its Service, its pods and its ConfigMap are as right.
fn workload_root(plot: &Plot<'_>, workload: usize) -> Root {
    let mut aliases = plot.world.same_thing(workload);
    aliases.push(plot.world.named("ConfigMap", workload, &plot.world.workloads[workload].config));
    Root {
        entity: plot.world.entity(workload),
        aliases,
    }
}
