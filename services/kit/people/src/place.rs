//! Where something is done.

use paramedic_domain::{
    id::{ClusterId, StepId},
    incident::Incident,
    plan::Plan,
    touched::Touched,
};

/// A place in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The cluster.
    pub cluster: &'a ClusterId,
    /// The namespaces in it; what belongs to none belongs to whoever may act in all.
    pub namespaces: Touched<'a>,
}

impl<'a> Place<'a> {
    /// Where the changes of some steps are.
    #[must_use]
    pub fn of_steps(incident: &'a Incident, plan: &'a Plan, steps: &[StepId]) -> Self {
        let cause = cause(incident);
        let touched = steps
            .iter()
            .filter_map(|id| plan.step(id))
            .map(|step| Touched::by(&step.change, &step.parameters, cause));
        Self {
            cluster: &incident.cluster,
            namespaces: touched.reduce(Touched::and).unwrap_or(Touched::Unknown),
        }
    }

    /// Where an incident is: what its plan changes, where its cause is, where its alerts come from.
    #[must_use]
    pub fn of(incident: &'a Incident) -> Self {
        let cause = cause(incident);
        let steps = incident.plan.iter().flat_map(|plan| &plan.steps);
        let alerts = incident
            .alerts
            .values()
            .filter_map(|alert| alert.labels.get("namespace").map(String::as_str));
        let named = Touched::Known(cause.into_iter().chain(alerts).collect());
        let touched = steps.map(|step| Touched::by(&step.change, &step.parameters, cause));
        Self {
            cluster: &incident.cluster,
            namespaces: touched.fold(named, Touched::and),
        }
    }
}

fn cause(incident: &Incident) -> Option<&str> {
    incident
        .diagnosis
        .as_ref()
        .and_then(|diagnosis| diagnosis.target.namespace.as_deref())
}
