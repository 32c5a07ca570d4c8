//! What the engines for whole neighbourhoods found: the root, and the numbers that its remedy needs.

use paramedic_domain::object::ObjectRef;

use crate::core::{
    estate::{Figure, RunningJob},
    facts::{Facts, Workload},
};

/// A root elsewhere than in the workload of the first alert.
#[derive(Debug, Clone, PartialEq)]
pub enum Root {
    /// Connections to a database run out in the pool of a workload.
    Pool(Pool),
    /// A shared dependency is not whole.
    Dependency(Dependency),
    /// Two clients of a database lock each other out.
    Deadlock(Deadlock),
}

/// See [`Root::Pool`].
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The workload whose pool it is.
    pub workload: Workload,
    /// ConfigMap and key of the pool's size.
    pub size_key: (String, String),
    /// Key of the time to wait for a connection, in the same ConfigMap, with its value.
    pub timeout_key: Option<(String, String)>,
    /// Present size of each pool.
    pub size: u32,
    /// Size and replicas that the load needs and the database takes; `None` when it takes no more.
    pub wanted: Option<(u32, u32)>,
    /// Connections that the database takes from this client, if that is known.
    pub room: Option<f64>,
    /// The workload of the database.
    pub database: Option<ObjectRef>,
    /// Alerted workloads that call it themselves.
    pub callers: Vec<ObjectRef>,
}

/// See [`Root::Dependency`].
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// The workload that is not whole.
    pub workload: Workload,
    /// Its pods that are not ready.
    pub unready: Vec<String>,
    /// Alerted workloads that depend on it.
    pub clients: Vec<ObjectRef>,
    /// Its own word on its state.
    pub state: Option<Figure>,
}

/// See [`Root::Deadlock`].
#[derive(Debug, Clone, PartialEq)]
pub struct Deadlock {
    /// The workload of the database.
    pub database: Workload,
    /// The Job that holds the locks.
    pub job: RunningJob,
    /// Deadlocks per second.
    pub rate: Figure,
    /// Alerted workloads that call the database themselves.
    pub clients: Vec<ObjectRef>,
}

impl Root {
    /// The object at fault.
    #[must_use]
    pub fn target(&self) -> &ObjectRef {
        match self {
            Self::Pool(pool) => &pool.workload.object,
            Self::Dependency(dependency) => &dependency.workload.object,
            Self::Deadlock(deadlock) => &deadlock.job.object,
        }
    }

    /// The workload that must be well afterwards.
    #[must_use]
    pub fn workload(&self) -> &Workload {
        match self {
            Self::Pool(pool) => &pool.workload,
            Self::Dependency(dependency) => &dependency.workload,
            Self::Deadlock(deadlock) => &deadlock.database,
        }
    }
}

/// The names of some objects, the first few written out.
pub(super) fn named<'a>(objects: impl Iterator<Item = &'a ObjectRef>) -> String {
    let all: Vec<&str> = objects.map(|object| object.name.as_str()).collect();
    match all.as_slice() {
        [shown @ .., _, _, _] if all.len() > 6 => {
            let shown = &shown[..4.min(shown.len())];
            format!("{} and {} more", shown.join(", "), all.len() - shown.len())
        }
        _ => all.join(", "),
    }
}

/// How many workloads are alerted about.
pub(super) fn alerted(facts: &Facts) -> usize {
    facts.estate.alerted().count()
}
