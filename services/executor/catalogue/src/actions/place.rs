//! Parameters that name an object without saying in which namespace it is, as recommendations often do.

use serde_json::Value;

use super::named::{DAEMON_SET, DEPLOYMENT, Kinds, STATEFUL_SET, lookup, only};
use crate::{
    action::{Action, Params, Refused},
    world::{Lookup, World},
};

/// What the parameters that name objects mean.
const NAMES: &[(&str, Kinds)] = &[
    ("deployment", DEPLOYMENT),
    ("statefulset", STATEFUL_SET),
    ("daemonset", DAEMON_SET),
    ("configMap", CONFIG_MAP),
    ("config_map", CONFIG_MAP),
    ("hpa", &[("autoscaling/v2", "HorizontalPodAutoscaler")]),
    ("pdb", &[("policy/v1", "PodDisruptionBudget")]),
    ("pod", &[("v1", "Pod")]),
    ("pvc", &[("v1", "PersistentVolumeClaim")]),
    ("cronJob", &[("batch/v1", "CronJob")]),
    ("job", &[("batch/v1", "Job")]),
    ("policy", &[("networking.k8s.io/v1", "NetworkPolicy")]),
];
const CONFIG_MAP: Kinds = &[("v1", "ConfigMap")];

/// What to look for when the action needs a namespace and the parameters name an object without one.
#[must_use]
pub fn unplaced(action: &dyn Action, params: &Params) -> Option<Lookup> {
    let schema = action.schema();
    let required = schema.get("required").and_then(Value::as_array)?;
    if params.contains_key("namespace") || !required.contains(&Value::from("namespace")) {
        return None;
    }
    NAMES.iter().find_map(|(parameter, kinds)| {
        let name = params.get(*parameter)?.as_str()?;
        Some(lookup(kinds, None, name))
    })
}

/// The parameters with the namespace of what was found.
///
/// # Errors
/// When nothing was found, or several and none of them is nearer to the incident.
pub fn placed(world: &World, wanted: &Lookup, params: &Params) -> Result<Params, Refused> {
    let (found, _) = only(world, wanted)?;
    let mut params = params.clone();
    if let Some(namespace) = &found.namespace {
        params.insert("namespace".into(), Value::from(namespace.as_str()));
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use paramedic_domain::object::ObjectRef;
    use serde_json::json;

    use super::*;
    use crate::actions::{Catalogue, violation};

    #[test]
    fn a_workload_without_a_namespace_is_looked_for_everywhere_and_must_be_the_only_one() {
        let catalogue = Catalogue::default();
        let action = catalogue.find("rolling_restart_pods").unwrap().as_ref();
        let params = json!({"deployment": "fraud", "strategy": "one-at-a-time", "waitForReady": true});
        let params = params.as_object().unwrap();
        let wanted = unplaced(action, params).unwrap();
        let object = |namespace: &str| (ObjectRef::new("apps/v1", "Deployment", Some(namespace), "fraud"), json!({}));
        let with = |found: Vec<(ObjectRef, Value)>| World {
            named: vec![(wanted.clone(), found)],
            ..World::default()
        };
        let params = placed(&with(vec![object("production")]), &wanted, params).unwrap();
        assert_eq!(params["namespace"], "production");
        assert_eq!(violation(action, &params), None);
        assert_eq!(unplaced(action, &params), None);
        let two = with(vec![object("production"), object("staging")]);
        assert!(placed(&two, &wanted, &params).unwrap_err().reason.contains("production, staging"));
        assert!(placed(&with(Vec::new()), &wanted, &params).is_err());
    }

    #[test]
    fn an_action_on_something_without_a_namespace_is_looked_for_nowhere() {
        let catalogue = Catalogue::default();
        let node = json!({"node": "one"});
        assert_eq!(
            unplaced(catalogue.find("cordon").unwrap().as_ref(), node.as_object().unwrap()),
            None
        );
    }
}
