//! What an action is, and the change it wants before that is built against the objects.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    change::{Call, Confirm, Exec, Notice, Wait},
    id::StepId,
    object::ObjectRef,
    plan::Lasts,
    risk::{Concern, RiskLevel},
};
use serde_json::{Map, Value};

use crate::{
    helm::{Release, Rewrite},
    patch::Edit,
    world::{Need, World},
};

/// Arguments of an action.
pub type Params = Map<String, Value>;

/// One entry of the catalogue.
pub trait Action: Send + Sync {
    /// Its name in plans.
    fn name(&self) -> &str;

    /// Other names that recommendations use.
    fn aliases(&self) -> &[&str];

    /// For people.
    fn about(&self) -> About<'_>;

    /// What it does, in the terms of who runs it.
    fn kind(&self) -> Kind;

    /// Longest time one attempt may take.
    fn timeout(&self) -> Duration;

    /// How long it usually takes, before anything was measured.
    fn typical(&self) -> Duration;

    /// JSON Schema of its parameters.
    fn schema(&self) -> Value;

    /// What must be fetched before it can be drafted.
    ///
    /// # Errors
    /// When the parameters cannot be used.
    fn needs(&self, params: &Params) -> Result<Vec<Need>, Refused>;

    /// The change it wants, given what was fetched.
    ///
    /// # Errors
    /// When it cannot be done to these objects.
    fn draft(&self, params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused>;
}

/// What people read about an action in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    /// What it does.
    pub description: &'a str,
    /// What its risk depends on.
    pub risk: &'a str,
    /// How its effect is undone, or why it cannot be.
    pub undo: &'a str,
    /// What is tried before anybody is asked.
    pub dry_run: &'a str,
    /// It was registered by the operator.
    pub external: bool,
}

/// What an action does, in the terms of who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Looks, in one of the ways there are.
    Read(Reader),
    /// Runs a command in containers to copy data out.
    Exec,
    /// Changes objects of the cluster.
    Cluster,
    /// Asks a system outside of the cluster.
    Outside,
    /// Tells people.
    Notify,
}

/// A way of looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Collects logs, events, states and figures into artifacts.
    Diagnostics,
    /// Waits until workloads, services, endpoints and queries are well.
    Health,
    /// Keeps which alerts belong to the incident, and why.
    Correlate,
    /// Waits.
    Pause,
    /// Reports what a cloud account cost.
    Costs,
}

impl Kind {
    /// Whether it may run in `observe` mode.
    #[must_use]
    pub fn read_only(self) -> bool {
        match self {
            Self::Read(_) | Self::Notify => true,
            Self::Exec | Self::Cluster | Self::Outside => false,
        }
    }

    /// Whether it leaves an effect that a rollback has to put back.
    #[must_use]
    pub fn mutates(self) -> bool {
        match self {
            Self::Cluster | Self::Outside => true,
            Self::Read(_) | Self::Exec | Self::Notify => false,
        }
    }
}

/// When and for whom a change is drafted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// The mark of the step's effect, `plan/step`.
    pub marker: String,
    /// Every step of the plan that is known: this one, those beside it, and those of the plan that the incident has.
    pub steps: Vec<StepId>,
    /// A suffix for names of new objects: lower-case letters and digits, the same for the same step of the same plan.
    pub suffix: String,
}

impl Moment {
    /// Now, as Kubernetes writes times.
    #[must_use]
    pub fn restarted_at(&self) -> String {
        self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// A change that is wanted, and what goes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The change.
    pub work: Work,
    /// What people should know about it.
    pub notes: Vec<String>,
    /// What speaks against it.
    pub concerns: Vec<Concern>,
    /// How long its effect may stay; `None`: for good.
    pub lasts: Option<Lasts>,
    /// Its template change is a patch of its own, never part of another step's.
    pub alone: bool,
}

/// A change that is wanted, before it is built against the objects.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Reads only.
    Read {
        /// For people.
        what: String,
        /// Objects it looks at.
        targets: Vec<ObjectRef>,
    },
    /// A command that copies data out.
    Exec(Exec),
    /// One request to the API server.
    One(Request),
    /// Several, one after the other.
    Several(Vec<Request>),
    /// A request to an outside system.
    Call(Call),
    /// A message.
    Notify(Notice),
}

/// One wanted request to the API server.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Values to set on one object.
    Edit(ObjectEdit),
    /// A new object, complete but for the mark.
    Create {
        /// The object.
        object: Value,
        /// What counts as done.
        wait: Wait,
        /// Why undo leaves it, when it does.
        irreversible: Option<String>,
    },
    /// Deletion of one object.
    Delete {
        /// The object, with UID.
        target: ObjectRef,
        /// The workload that replaces it.
        owner: Option<ObjectRef>,
        /// Whether undo creates it again from what was fetched.
        restore: bool,
        /// Why nothing that runs is lost, when its work has ended and cannot begin again.
        ended: Option<String>,
    },
    /// Eviction of one pod.
    Evict {
        /// The pod, with UID.
        target: ObjectRef,
        /// The workload that replaces it.
        owner: Option<ObjectRef>,
    },
    /// A record of a Helm release.
    Record {
        /// The record it is made of.
        from: Box<Release>,
        /// What becomes of it.
        into: Rewrite,
    },
}

/// Values to set on one object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectEdit {
    /// The object, with UID.
    pub target: ObjectRef,
    /// The values.
    pub edits: Vec<Edit>,
    /// Whether they are in a pod template: then they are merged with the plan's other changes of it, and wait for the rollout.
    pub template: bool,
    /// What a step whose edits travel in another step's patch has to confirm.
    pub confirm: Confirm,
    /// What counts as done; of no account for a template.
    pub wait: Wait,
    /// The subresource that is patched.
    pub subresource: Option<String>,
    /// The workload above the object.
    pub owner: Option<ObjectRef>,
    /// Why there is no undo, when there is none.
    pub irreversible: Option<String>,
}

impl ObjectEdit {
    /// Values in a pod template.
    #[must_use]
    pub fn template(target: ObjectRef, edits: Vec<Edit>, confirm: Confirm) -> Self {
        Self {
            template: true,
            confirm,
            wait: Wait::Rollout,
            ..Self::plain(target, edits)
        }
    }

    /// Values of an object, done when the API server has them.
    #[must_use]
    pub fn plain(target: ObjectRef, edits: Vec<Edit>) -> Self {
        Self {
            target,
            edits,
            template: false,
            confirm: Confirm::InTemplate,
            wait: Wait::Accepted,
            subresource: None,
            owner: None,
            irreversible: None,
        }
    }

    /// With the workload above the object.
    #[must_use]
    pub fn owned(mut self, owner: Option<&ObjectRef>) -> Self {
        self.owner = owner.cloned();
        self
    }

    /// Through a subresource.
    #[must_use]
    pub fn subresource(mut self, name: &str) -> Self {
        self.subresource = Some(name.to_owned());
        self
    }

    /// Without an undo, and why.
    #[must_use]
    pub fn irreversible(mut self, why: impl Into<String>) -> Self {
        self.irreversible = Some(why.into());
        self
    }

    /// Done only when that is seen.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }
}

impl From<Work> for Draft {
    fn from(work: Work) -> Self {
        Self {
            work,
            notes: Vec::new(),
            concerns: Vec::new(),
            lasts: None,
            alone: false,
        }
    }
}

impl From<Vec<Request>> for Draft {
    fn from(requests: Vec<Request>) -> Self {
        Work::Several(requests).into()
    }
}

impl From<Request> for Draft {
    fn from(request: Request) -> Self {
        Work::One(request).into()
    }
}

impl From<ObjectEdit> for Draft {
    fn from(edit: ObjectEdit) -> Self {
        Request::Edit(edit).into()
    }
}

impl Draft {
    /// With something that people should know.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// With a reason against it.
    #[must_use]
    pub fn concern(mut self, level: RiskLevel, text: impl Into<String>) -> Self {
        self.concerns.push(Concern { level, text: text.into() });
        self
    }

    /// With several things that people should know.
    #[must_use]
    pub fn notes(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(texts);
        self
    }

    /// As a patch of its own.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// With an effect that must not stay.
    #[must_use]
    pub fn lasting(mut self, lasts: Lasts) -> Self {
        self.lasts = Some(lasts);
        self
    }
}

/// Why an action cannot be prepared: a sentence with the parameter or object in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// The sentence.
    pub reason: String,
    /// The parameter that is to blame, as a JSON pointer (`/replicas`), if one is.
    pub path: Option<String>,
}

impl Refused {
    /// Without a parameter to blame.
    #[must_use]
    pub fn because(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            path: None,
        }
    }

    /// Because of one parameter, given as a JSON pointer (`/replicas`).
    #[must_use]
    pub fn parameter(path: &str, reason: impl std::fmt::Display) -> Self {
        Self {
            reason: format!("parameters{}: {reason}", path.replace('/', ".")),
            path: Some(path.to_owned()),
        }
    }
}
