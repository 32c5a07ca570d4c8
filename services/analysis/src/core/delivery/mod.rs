//! What tools that deliver say of the workloads that they own: what they applied, when, and why they could not; and what was
//! committed to the repositories that they apply.

mod argo;
pub mod commits;
mod flux;
mod helm;
mod owners;
mod told;

use jiff::Timestamp;
use paramedic_domain::{evidence::Source, object::ObjectRef};
use serde_json::Value;

use self::commits::Commit;

pub use self::{
    helm::Records,
    owners::{Owner, Places, managed_by, owned},
};

/// A tool that delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Argo CD.
    Argo,
    /// Flux.
    Flux,
    /// Helm.
    Helm,
}

impl Tool {
    /// Its name as a source.
    #[must_use]
    pub fn source(self) -> Source {
        match self {
            Self::Argo => Source::Argocd,
            Self::Flux => Source::Flux,
            Self::Helm => Source::Helm,
        }
    }

    /// The name by which a missing source is told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Argo => "argocd",
            Self::Flux => "flux",
            Self::Helm => "helm",
        }
    }
}

/// What an owner says of what it delivers.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Who delivers.
    pub tool: Tool,
    /// The Application, Kustomization or HelmRelease; of Helm itself, the release.
    pub owner: ObjectRef,
    /// Path or query that was asked.
    pub query: String,
    /// What it owns of what this incident is about.
    pub workloads: Vec<ObjectRef>,
    /// Whether the cluster is as it is to be: `Synced`, `OutOfSync`; of Flux the reason of its condition `Ready`.
    pub sync: String,
    /// How well it finds what it delivered: `Healthy`, `Degraded`, ...; empty: it does not say.
    pub health: String,
    /// What was applied last.
    pub revision: String,
    /// Why the newest one could not be applied.
    pub failure: Option<Failure>,
    /// Whether it applies what is new without being asked.
    pub automatic: bool,
    /// Whether it takes back what others change in what it owns.
    pub reverts: bool,
    /// What it did, newest first.
    pub history: Vec<Applied>,
    /// Where what it applies is kept, where that is Git.
    pub origin: Vec<Origin>,
}

/// Paths of a repository that are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its address.
    pub url: String,
    /// Branch, tag or commit that is followed; empty: the repository's own branch.
    pub revision: String,
    /// Folders in it; the empty one is all of it.
    pub paths: Vec<String>,
}

/// One revision that a tool applied, or tried to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// When.
    pub at: Timestamp,
    /// What.
    pub revision: String,
    /// Whether it was applied.
    pub good: bool,
}

/// Why something could not be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Since when.
    pub at: Option<Timestamp>,
    /// One word of the tool: `Failed`, `BuildFailed`, ...
    pub reason: String,
    /// Its message.
    pub message: String,
    /// It was applied, and what it brought does not work: what is looked for, not the reason for it.
    pub symptom: bool,
}

impl Delivery {
    /// What an owner says; of Helm, what the list of its records does. `None` for what delivers nothing.
    #[must_use]
    pub fn read(owner: &Owner, object: &Value) -> Option<Self> {
        match owner.object.kind.as_str() {
            "Application" => Some(argo::read(owner, object)),
            "Kustomization" => Some(flux::kustomization(owner, object)),
            "HelmRelease" => Some(flux::helm_release(owner, object)),
            "Release" => helm::read(owner, object),
            _ => None,
        }
    }

    /// Path of the GitRepository that a Kustomization applies, with the namespace where it is.
    #[must_use]
    pub fn source_of(object: &Value) -> Option<String> {
        flux::source(object)
    }

    /// Adds what the GitRepository of a Kustomization says.
    pub fn fetched(&mut self, kustomization: &Value, repository: &Value) {
        flux::fetched(self, kustomization, repository);
    }

    /// When the revision that is applied now was.
    #[must_use]
    pub fn applied_at(&self) -> Option<Timestamp> {
        self.good().find(|one| one.revision == self.revision).map(|one| one.at)
    }

    /// The revision before it; empty: it does not say.
    #[must_use]
    pub fn previous(&self) -> &str {
        let before = self.good().find(|one| one.revision != self.revision);
        before.map_or("", |one| &one.revision)
    }

    fn good(&self) -> impl Iterator<Item = &Applied> {
        self.history.iter().filter(|one| one.good)
    }

    /// What is applied now, with the ids of commits cut.
    #[must_use]
    pub fn applied(&self) -> String {
        told::short(&self.revision)
    }

    /// Of commits, those on what it applies.
    pub fn commits<'a>(&'a self, all: &'a [Commit]) -> impl Iterator<Item = &'a Commit> {
        all.iter().filter(|commit| commit.of == self.owner)
    }

    /// Whether it owns a workload.
    #[must_use]
    pub fn owns(&self, workload: &ObjectRef) -> bool {
        self.workloads.iter().any(|own| own.same_object(workload))
    }
}
