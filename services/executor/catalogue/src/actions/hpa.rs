//! `update_hpa`: the bounds of a HorizontalPodAutoscaler.

use paramedic_domain::object::ObjectRef;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{databases, surroundings, workloads_of},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::{Edit, Path},
    references::items,
    world::{Need, World, with_uid},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "update_hpa",
    aliases: &["patch_hpa", "scale_hpa"],
    about: About {
        description: "changes the least and greatest number of replicas of a HorizontalPodAutoscaler, or the use of CPU or memory it aims at",
        risk: "low: no pod is replaced; medium when pods are stopped because the greatest number is less than there are; high when a budget does not spare them, or when that many pods would be too much for a quota or the connections of a database",
        undo: "the old limits are put back",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<UpdateHpa>,
    needs,
    draft,
};

/// New bounds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateHpa {
    /// Namespace.
    namespace: String,
    /// Name of the HorizontalPodAutoscaler.
    #[serde(alias = "name")]
    hpa: String,
    /// Greatest number of replicas.
    #[serde(rename = "maxReplicas", alias = "max_replicas")]
    #[schemars(range(min = 1))]
    max_replicas: Option<i64>,
    /// Least number of replicas.
    #[serde(rename = "minReplicas", alias = "min_replicas")]
    #[schemars(range(min = 1))]
    min_replicas: Option<i64>,
    /// Wanted use of CPU, in percent of what the pods ask for.
    #[serde(
        rename = "targetCPUUtilization",
        alias = "target_cpu_utilization",
        alias = "targetCpuUtilization",
        alias = "targetCPUUtilizationPercentage"
    )]
    #[schemars(range(min = 1, max = 1000))]
    cpu: Option<i64>,
    /// Wanted use of memory, in percent of what the pods ask for.
    #[serde(rename = "targetMemoryUtilization", alias = "target_memory_utilization")]
    #[schemars(range(min = 1, max = 1000))]
    memory: Option<i64>,
}

impl UpdateHpa {
    fn target(&self) -> ObjectRef {
        ObjectRef::new("autoscaling/v2", "HorizontalPodAutoscaler", Some(&self.namespace), &self.hpa)
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: UpdateHpa = parse(params)?;
    let mut needs = vec![Need::Object(params.target())];
    needs.extend(workloads_of(&params.namespace));
    needs.extend(surroundings(&params.namespace));
    needs.extend(databases(&params.namespace));
    Ok(needs)
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: UpdateHpa = parse(params)?;
    let target = params.target();
    let object = world.object(&target)?;
    let present = |path: &str, default| object.pointer(path).and_then(Value::as_i64).unwrap_or(default);
    let max = params.max_replicas.unwrap_or(present("/spec/maxReplicas", 1));
    let min = params.min_replicas.unwrap_or(present("/spec/minReplicas", 1));
    if min < 1 || max < min {
        return refuse(format!(
            "parameters: maxReplicas {max} must not be less than minReplicas {min}, nor that less than 1"
        ));
    }
    let mut edits = Vec::new();
    for (name, value) in [("maxReplicas", params.max_replicas), ("minReplicas", params.min_replicas)] {
        if let Some(value) = value {
            edits.push(Edit::set(Path::new(["spec", name]), value));
        }
    }
    for (resource, wanted) in [("cpu", params.cpu), ("memory", params.memory)] {
        if let Some(wanted) = wanted {
            edits.push(utilization(&target, object, resource, wanted)?);
        }
    }
    if edits.is_empty() {
        return refuse(
            "parameters: at least one of maxReplicas, minReplicas, targetCPUUtilization and targetMemoryUtilization must be given",
        );
    }
    Ok(ObjectEdit::plain(with_uid(&target, object), edits).into())
}

/// The wanted use of a resource that the autoscaler looks at already.
fn utilization(target: &ObjectRef, object: &Value, resource: &str, wanted: i64) -> Result<Edit, Refused> {
    if !(1..=1000).contains(&wanted) {
        return refuse(format!(
            "parameters: a target of {wanted} % of {resource} is not between 1 and 1000"
        ));
    }
    let is = |metric: &Value| {
        let text = |path: &str| metric.pointer(path).and_then(Value::as_str);
        text("/type") == Some("Resource")
            && text("/resource/name") == Some(resource)
            && text("/resource/target/type") == Some("Utilization")
    };
    match items(object, "/spec/metrics").position(is) {
        Some(index) => Ok(Edit::set(
            Path::new(["spec", "metrics", &index.to_string(), "resource", "target", "averageUtilization"]),
            wanted,
        )),
        None => refuse(format!(
            "{target} does not scale by the use of {resource}: there is no target to change"
        )),
    }
}
