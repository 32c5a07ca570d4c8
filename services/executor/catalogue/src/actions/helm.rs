//! `helm_rollback`: the objects and the record of an earlier revision of a Helm release.

use paramedic_domain::{change::Wait, object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{WORKLOADS, surroundings},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused, Request},
    helm::{HANDLED, NewRecord, Part, Release, Rewrite, merged, pair, parts, record::secret_name},
    patch::{Edit, Path},
    world::{Need, World, with_uid},
};

pub(super) const ROLLBACK: BuiltIn = BuiltIn {
    name: "helm_rollback",
    aliases: &["rollback_helm_release", "helm_release_rollback"],
    about: About {
        description: "puts the objects of an earlier revision of a Helm release back as Helm does, by a three-way merge of the present manifest, \
                      the earlier one and what is there, waits for the rollouts, and records it as a new revision",
        risk: "medium: pods are replaced where templates differ; high with a single replica, a budget that allows no disruption, or an \
               object that goes; the other owners of an object still count",
        undo: "every object and record gets its old values back in reverse; what was deleted is created again",
        dry_run: "server-side dry run of every patch, creation and deletion, and of the records",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 1800,
    typical_seconds: 120,
    schema: schema_of::<Rollback>,
    needs,
    draft,
};

/// The annotation of objects that Helm leaves when a release no longer has them.
const KEEP: &str = "/metadata/annotations/helm.sh~1resource-policy";

/// Which release, to which revision.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rollback {
    /// Namespace of the release.
    namespace: String,
    /// Name of the release.
    #[serde(alias = "name", alias = "helmRelease", alias = "helm_release")]
    release: String,
    /// Revision to go back to; left out or 0: the one before the present one.
    #[serde(alias = "toRevision", alias = "to_revision")]
    revision: Option<u64>,
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Rollback = parse(params)?;
    let mut needs = surroundings(&params.namespace);
    needs.push(Need::Release {
        namespace: params.namespace,
        name: params.release,
        revision: params.revision,
    });
    Ok(needs)
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Rollback = parse(params)?;
    let named = |problem: String| Refused::because(format!("Helm release {}/{}: {problem}", params.namespace, params.release));
    let known = world
        .releases
        .iter()
        .find(|known| known.namespace == params.namespace && known.name == params.release);
    let records = match known.map(|known| &known.records) {
        Some(Ok(records)) => records,
        Some(Err(problem)) => return Err(named(problem.clone())),
        None => return Err(named("it was not fetched".into())),
    };
    let (present, target) = pair(records, params.revision).map_err(named)?;
    if let Some(hook) = target.rollback_hooks().next() {
        return Err(named(format!(
            "revision {} runs the hook {hook} on a rollback, which this action does not: people must do it with helm",
            target.revision()
        )));
    }
    let old = parts(present.manifest(), &params.namespace).map_err(named)?;
    let new = parts(target.manifest(), &params.namespace).map_err(named)?;
    let mut plan = Objects::default();
    for part in &new {
        plan.put_back(world, &params, part, same(&old, &part.target))?;
    }
    for part in old.iter().filter(|part| same(&new, &part.target).is_none()) {
        plan.take_away(world, &part.target)?;
    }
    let count = plan.requests.len();
    plan.requests.extend(recorded(&params, records, (present, target), moment));
    let mut draft = Draft::from(plan.requests).note(format!(
        "Helm release {}/{} goes from revision {} ({}) back to revision {} ({}) as revision {}: {count} objects change",
        params.namespace,
        params.release,
        present.revision(),
        present.chart(),
        target.revision(),
        target.chart(),
        present.revision() + 1
    ));
    if !plan.left.is_empty() {
        draft = draft.note(format!(
            "these are the same in both revisions and left as they are, even if somebody changed them: {}",
            plan.left.join(", ")
        ));
    }
    for (level, text) in plan.concerns {
        draft = draft.concern(level, text);
    }
    Ok(draft)
}

/// The same object in another manifest, whatever its API version there.
fn same<'a>(parts: &'a [Part], target: &ObjectRef) -> Option<&'a Part> {
    let same = |part: &&Part| {
        let other = &part.target;
        other.kind == target.kind && other.namespace == target.namespace && other.name == target.name
    };
    parts.iter().find(same)
}

#[derive(Default)]
struct Objects {
    requests: Vec<Request>,
    left: Vec<String>,
    concerns: Vec<(RiskLevel, String)>,
}

impl Objects {
    fn put_back(&mut self, world: &World, params: &Rollback, part: &Part, old: Option<&Part>) -> Result<(), Refused> {
        let target = &part.target;
        if !HANDLED.contains(&target.kind.as_str()) {
            if old.is_some_and(|old| old.object == part.object) {
                self.left.push(target.to_string());
                return Ok(());
            }
            return differs(target);
        }
        let wanted = owned(&part.object, params);
        let Ok(live) = world.object(target) else {
            self.requests.push(Request::Create {
                object: wanted,
                wait: waits(target),
                irreversible: None,
            });
            return Ok(());
        };
        let old = old.map_or(&wanted, |old| &old.object);
        let mut edits = Vec::new();
        differences(live, &merged(old, &wanted, live), &Path::new::<String>([]), &mut edits);
        if edits.is_empty() {
            return Ok(());
        }
        let replaces =
            WORKLOADS.contains(&target.kind.as_str()) && edits.iter().any(|edit| edit.path.starts_with(&Path::new(["spec", "template"])));
        let mut edit = ObjectEdit::plain(with_uid(target, live), edits).wait(waits(target));
        edit.template = replaces;
        self.requests.push(Request::Edit(edit));
        Ok(())
    }

    fn take_away(&mut self, world: &World, target: &ObjectRef) -> Result<(), Refused> {
        if !HANDLED.contains(&target.kind.as_str()) {
            return differs(target);
        }
        let Ok(live) = world.object(target) else { return Ok(()) };
        if live.pointer(KEEP).and_then(Value::as_str) == Some("keep") {
            self.left.push(target.to_string());
            return Ok(());
        }
        if target.kind == "PersistentVolumeClaim" {
            return refuse(format!(
                "the earlier revision does not have {target}: Helm would delete it and its data; people must decide that"
            ));
        }
        self.concerns.push((
            RiskLevel::High,
            format!("{target} is deleted: the earlier revision does not have it"),
        ));
        self.requests.push(Request::Delete {
            target: with_uid(target, live),
            owner: None,
            restore: true,
            ended: None,
        });
        Ok(())
    }
}

fn differs<T>(target: &ObjectRef) -> Result<T, Refused> {
    refuse(match target.kind.as_str() {
        "Secret" => {
            format!("{target} differs between the revisions: the contents of Secrets are never in a plan, so people must do it with helm")
        }
        kind => format!("{target} differs between the revisions, and this action does not change a {kind}: people must do it with helm"),
    })
}

/// The object with what Helm itself adds to every one.
fn owned(object: &Value, params: &Rollback) -> Value {
    let mut object = object.clone();
    for (field, name, value) in [
        ("labels", "app.kubernetes.io/managed-by", "Helm"),
        ("annotations", "meta.helm.sh/release-name", &*params.release),
        ("annotations", "meta.helm.sh/release-namespace", &*params.namespace),
    ] {
        // A manifest's metadata is an object: it has a name.
        let written = Path::new(["metadata", field, name]).write(&mut object, Some(value.into()));
        debug_assert!(written.is_ok(), "metadata is an object");
    }
    object
}

fn waits(target: &ObjectRef) -> Wait {
    if WORKLOADS.contains(&target.kind.as_str()) {
        Wait::Rollout
    } else {
        Wait::Accepted
    }
}

/// The values to set and remove, as deep as they can be named.
fn differences(live: &Value, wanted: &Value, path: &Path, edits: &mut Vec<Edit>) {
    match (live, wanted) {
        (one, other) if one == other => {}
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                match old.get(name) {
                    Some(present) => differences(present, value, &path.join([name]), edits),
                    None => edits.push(Edit::set(path.join([name]), value.clone())),
                }
            }
            let gone = old.keys().filter(|name| !new.contains_key(*name));
            edits.extend(gone.map(|name| Edit::remove(path.join([name]))));
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (present, value)) in old.iter().zip(new).enumerate() {
                differences(present, value, &path.join([index.to_string()]), edits);
            }
        }
        (_, wanted) => edits.push(Edit::set(path.clone(), wanted.clone())),
    }
}

/// The records: what was deployed is superseded, and the earlier revision is deployed once more under the next number.
fn recorded(params: &Rollback, records: &[Release], (present, target): (&Release, &Release), moment: &Moment) -> Vec<Request> {
    let superseded = records
        .iter()
        .filter(|record| record.status() == "deployed")
        .map(|record| Request::Record {
            into: Rewrite {
                target: record.secret.clone(),
                revision: record.revision(),
                status: "superseded".into(),
                new: None,
            },
            from: Box::new(record.clone()),
        });
    let revision = present.revision() + 1;
    let new = Request::Record {
        from: Box::new(target.clone()),
        into: Rewrite {
            target: ObjectRef::new("v1", "Secret", Some(&params.namespace), &secret_name(&params.release, revision)),
            revision,
            status: "deployed".into(),
            new: Some(NewRecord {
                description: format!("Rollback to {}", target.revision()),
                at: moment.now,
            }),
        },
    };
    superseded.chain([new]).collect()
}
