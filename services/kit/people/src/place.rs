//! Where something is done.

use std::fmt;

use paramedic_domain::{
    id::{ClusterId, StepId},
    incident::Incident,
    plan::{Plan, Step},
    touched::{Touched, targets},
};

/// A place in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The cluster.
    pub cluster: &'a ClusterId,
    /// The namespaces in it; what belongs to none belongs to whoever may act in all.
    pub namespaces: Touched<'a>,
    /// Something is changed that belongs to no namespace, whatever else is.
    pub cluster_wide: bool,
}

impl<'a> Place<'a> {
    /// One namespace.
    #[must_use]
    pub fn namespace(cluster: &'a ClusterId, name: &'a str) -> Self {
        Self {
            cluster,
            namespaces: Touched::Known([name].into()),
            cluster_wide: false,
        }
    }

    /// Where the changes of some steps are.
    #[must_use]
    pub fn of_steps(incident: &'a Incident, plan: &'a Plan, steps: &[StepId]) -> Self {
        let cause = cause(incident);
        let steps: Vec<&Step> = steps.iter().filter_map(|id| plan.step(id)).collect();
        let touched = steps.iter().map(|step| Touched::by(&step.change, &step.parameters, cause));
        Self {
            cluster: &incident.cluster,
            namespaces: touched.reduce(Touched::and).unwrap_or(Touched::Unknown),
            cluster_wide: steps.iter().any(|step| changes_the_cluster(step)),
        }
    }

    /// Where an incident is: what its plan changes, where its cause is, where its alerts come from.
    #[must_use]
    pub fn of(incident: &'a Incident) -> Self {
        let cause = cause(incident);
        let steps: Vec<&Step> = incident.plan.iter().flat_map(|plan| &plan.steps).collect();
        let alerts = incident
            .alerts
            .values()
            .filter_map(|alert| alert.labels.get("namespace").map(String::as_str));
        let named = Touched::Known(cause.into_iter().chain(alerts).collect());
        let touched = steps.iter().map(|step| Touched::by(&step.change, &step.parameters, cause));
        Self {
            cluster: &incident.cluster,
            namespaces: touched.fold(named, Touched::and),
            cluster_wide: steps.iter().any(|step| changes_the_cluster(step)),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cluster_wide {
            f.write_str("all namespaces")
        } else {
            self.namespaces.fmt(f)
        }
    }
}

/// Whether a step changes an object that belongs to no namespace, as a node does.
fn changes_the_cluster(step: &Step) -> bool {
    !step.change.read_only() && targets(&step.change).iter().any(|target| target.namespace.is_none())
}

fn cause(incident: &Incident) -> Option<&str> {
    incident
        .diagnosis
        .as_ref()
        .and_then(|diagnosis| diagnosis.target.namespace.as_deref())
}
