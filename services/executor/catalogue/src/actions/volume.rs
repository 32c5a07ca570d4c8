//! `expand_pvc` and `snapshot_volume`: room and a copy for a volume.

use paramedic_domain::{change::Wait, object::ObjectRef};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused, Request},
    patch::{Edit, Path},
    quantity::{canonical, milli},
    references::items,
    world::{self, Need, World, with_uid},
};

/// How many times its size a volume may become in one step: a volume cannot shrink, so a slip would stay and be paid for.
const MOST_TIMES: i128 = 10;
const SNAPSHOTS: (&str, &str) = ("snapshot.storage.k8s.io/v1", "volumesnapshots");

pub(super) const EXPAND: BuiltIn = BuiltIn {
    name: "expand_pvc",
    aliases: &["expand_volume", "resize_pvc", "expand_persistent_volume_claim"],
    about: About {
        description: "makes the volume of a PersistentVolumeClaim larger, if its StorageClass can, and waits until the file system has the room",
        risk: "medium: it cannot be undone",
        undo: "none: a volume cannot shrink",
        dry_run: "server-side dry run of the patch; whether the storage has the room is seen only when it is done",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 900,
    typical_seconds: 60,
    schema: schema_of::<Expand>,
    needs: needs_expand,
    draft: expand,
};

pub(super) const SNAPSHOT: BuiltIn = BuiltIn {
    name: "snapshot_volume",
    aliases: &["snapshot_pvc", "volume_snapshot", "backup_volume"],
    about: About {
        description: "makes a VolumeSnapshot of the volume of a PersistentVolumeClaim, and waits until it can be used",
        risk: "low: the volume is only read",
        undo: "none: the snapshot is kept, it is the backup; people delete it when it is no longer needed",
        dry_run: "server-side dry run of the creation; whether the storage can do it is seen only when it is done",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 1800,
    typical_seconds: 60,
    schema: schema_of::<Snapshot>,
    needs: needs_snapshot,
    draft: snapshot,
};

/// A larger size.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Expand {
    /// Namespace.
    namespace: String,
    /// Name of the PersistentVolumeClaim.
    #[serde(
        alias = "name",
        alias = "persistentVolumeClaim",
        alias = "persistent_volume_claim",
        alias = "persistentvolumeclaim"
    )]
    pvc: String,
    /// New size, for instance `2Gi`; at most ten times the present one.
    #[serde(alias = "storage", alias = "newSize", alias = "new_size")]
    size: String,
}

/// A copy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshot {
    /// Namespace.
    pub(super) namespace: String,
    /// Name of the PersistentVolumeClaim.
    #[serde(
        alias = "name",
        alias = "persistentVolumeClaim",
        alias = "persistent_volume_claim",
        alias = "persistentvolumeclaim"
    )]
    pub(super) pvc: String,
    /// VolumeSnapshotClass; left out: the default one of the storage.
    #[serde(rename = "snapshotClass", alias = "snapshot_class", alias = "volumeSnapshotClassName")]
    pub(super) snapshot_class: Option<String>,
}

fn claim(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new("v1", "PersistentVolumeClaim", Some(namespace), name)
}

fn classes() -> world::Kind {
    world::Kind::everywhere("storage.k8s.io/v1", "StorageClass")
}

fn needs_expand(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Expand = parse(params)?;
    Ok(vec![
        Need::Object(claim(&params.namespace, &params.pvc)),
        Need::Kind(classes()),
        Need::Kind(world::Kind::within("v1", "ResourceQuota", &params.namespace)),
        Need::Kind(pods(&params.namespace)),
    ])
}

fn pods(namespace: &str) -> world::Kind {
    world::Kind::within("v1", "Pod", namespace)
}

/// Whether no pod mounts the claim: then nothing makes its file system larger yet. Pods that may not be listed may mount it.
fn unused(world: &World, params: &Expand) -> bool {
    let mounts = |pod: &Value| {
        items(pod, "/spec/volumes")
            .filter_map(|volume| volume.pointer("/persistentVolumeClaim/claimName")?.as_str())
            .any(|name| name == params.pvc)
    };
    world
        .all(&pods(&params.namespace))
        .is_some_and(|pods| !pods.iter().any(|(_, pod)| mounts(pod)))
}

fn expand(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Expand = parse(params)?;
    let target = claim(&params.namespace, &params.pvc);
    let object = world.object(&target)?;
    let blame = |reason: String| Refused::parameter("/size", reason);
    let Some(wanted) = milli(&params.size).filter(|size| *size > 0) else {
        return Err(blame(format!("{:?} is no positive Kubernetes quantity", params.size)));
    };
    let path = Path::new(["spec", "resources", "requests", "storage"]);
    let Some((text, present)) = path
        .read(object)
        .and_then(Value::as_str)
        .and_then(|text| Some((text, milli(text)?)))
    else {
        return refuse(format!("{target} does not say how large it is"));
    };
    if object.pointer("/status/phase").and_then(Value::as_str) != Some("Bound") {
        return refuse(format!("{target} has no volume yet: only a bound claim can be expanded"));
    }
    if wanted == present {
        return refuse(format!("{target} asks for {text} already"));
    }
    if wanted < present {
        return Err(blame(format!(
            "{} is less than the present {text}: a volume cannot shrink",
            params.size
        )));
    }
    if wanted > present * MOST_TIMES {
        return Err(blame(format!(
            "{} is more than {MOST_TIMES} times the present {text}, and a volume cannot shrink: expand it in steps, or let people do it",
            params.size
        )));
    }
    fits_the_quotas(world, &params, wanted - present)?;
    let unused = unused(world, &params);
    let wait = if unused { Wait::Accepted } else { Wait::Resized };
    let draft = Draft::from(
        ObjectEdit::plain(
            with_uid(&target, object),
            vec![Edit::set(path, canonical(&params.size).unwrap_or_else(|| params.size.clone()))],
        )
        .wait(wait)
        .irreversible("a volume cannot shrink"),
    )
    .notes(unused.then(|| format!("no pod mounts {target} now: its file system grows when one does, so this is not waited for")));
    let class = object.pointer("/spec/storageClassName").and_then(Value::as_str).unwrap_or_default();
    match world.all(&classes()) {
        None => Ok(draft.note(format!(
            "whether storage class {class:?} of {target} can expand volumes could not be checked: it may not be listed"
        ))),
        Some(known) => match known.iter().find(|(name, _)| name.name == class) {
            None => refuse(format!(
                "{target} has the storage class {class:?}, which does not exist: its volume cannot be expanded"
            )),
            Some((name, class)) if class.get("allowVolumeExpansion").and_then(Value::as_bool) != Some(true) => refuse(format!(
                "{name} of {target} does not allow volumes to be expanded: people must move the data"
            )),
            Some(_) => Ok(draft),
        },
    }
}

fn fits_the_quotas(world: &World, params: &Expand, more: i128) -> Result<(), Refused> {
    let quotas = world
        .all(&world::Kind::within("v1", "ResourceQuota", &params.namespace))
        .unwrap_or_default();
    for (name, quota) in quotas {
        let read = |kind: &str| milli(quota.pointer("/status")?.get(kind)?.get("requests.storage")?.as_str()?);
        if let (Some(hard), Some(used)) = (read("hard"), read("used"))
            && used + more > hard
        {
            return Err(Refused::parameter(
                "/size",
                format!(
                    "{} used + {} more = {} of storage, and {name} allows {}",
                    crate::quantity::show(used),
                    crate::quantity::show(more),
                    crate::quantity::show(used + more),
                    crate::quantity::show(hard)
                ),
            ));
        }
    }
    Ok(())
}

fn needs_snapshot(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(parse::<Snapshot>(params)?.needs())
}

fn snapshot(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    taken(&parse(params)?, world, moment)
}

impl Snapshot {
    pub(super) fn needs(&self) -> Vec<Need> {
        vec![
            Need::Object(claim(&self.namespace, &self.pvc)),
            Need::Served {
                api_version: SNAPSHOTS.0,
                resource: SNAPSHOTS.1,
            },
        ]
    }
}

/// The snapshot as a change.
pub(super) fn taken(params: &Snapshot, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let target = claim(&params.namespace, &params.pvc);
    let object = world.object(&target)?;
    if !world.serves(SNAPSHOTS.0, SNAPSHOTS.1) {
        return refuse("the cluster has no volume snapshots (snapshot.storage.k8s.io/v1): its storage must be set up for them first");
    }
    if object.pointer("/status/phase").and_then(Value::as_str) != Some("Bound") {
        return refuse(format!("{target} has no volume yet: there is nothing to copy"));
    }
    let mut spec = json!({"source": {"persistentVolumeClaimName": params.pvc}});
    if let Some(class) = &params.snapshot_class {
        spec["volumeSnapshotClassName"] = json!(class);
    }
    let name = super::jobs::named(&params.pvc, &moment.suffix);
    Ok(Draft::from(Request::Create {
        object: json!({
            "apiVersion": SNAPSHOTS.0, "kind": "VolumeSnapshot",
            "metadata": {"name": name, "namespace": params.namespace},
            "spec": spec
        }),
        wait: Wait::SnapshotReady,
        irreversible: Some("a snapshot is a backup".into()),
    }))
}
