//! `backup_data`: files out of containers, or a snapshot of a volume, before something takes them away.

use paramedic_domain::{change::Exec, object::ObjectRef};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    BuiltIn, parse, refuse, schema_of,
    volume::{Snapshot, taken},
    workload::{container, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Work},
    world::{Need, World, with_uid},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "backup_data",
    aliases: &["backup_logs", "backup"],
    about: About {
        description: "copies files out of the containers of a workload into the artifacts, or makes a VolumeSnapshot of a volume and waits \
                      until it can be used",
        risk: "low: a fixed tar command in one container, or a new VolumeSnapshot; nothing is changed",
        undo: "nothing to undo: what was copied is kept",
        dry_run: "the workload and container are looked up, the command is not run; server-side dry run of a VolumeSnapshot",
        external: false,
    },
    kind: Kind::Exec,
    timeout_seconds: 600,
    typical_seconds: 45,
    schema: schema_of::<BackupData>,
    needs,
    draft,
};

/// Which files of which workload, or which volume.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BackupData {
    /// Namespace.
    namespace: String,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a StatefulSet.
    statefulset: Option<String>,
    /// Name of a DaemonSet.
    daemonset: Option<String>,
    /// Container; may be left out if there is only one, or one named like the workload.
    container: Option<String>,
    /// Absolute paths of files or folders in the container.
    #[serde(default)]
    paths: Vec<String>,
    /// Name of a PersistentVolumeClaim: a VolumeSnapshot of its volume, instead of files of a workload.
    #[serde(alias = "persistentVolumeClaim", alias = "persistent_volume_claim")]
    pvc: Option<String>,
    /// VolumeSnapshotClass; left out: the default one of the storage.
    #[serde(rename = "snapshotClass", alias = "snapshot_class", alias = "volumeSnapshotClassName")]
    snapshot_class: Option<String>,
}

impl BackupData {
    fn workload(&self) -> Result<ObjectRef, Refused> {
        workload(
            &self.namespace,
            self.deployment.as_ref(),
            self.statefulset.as_ref(),
            self.daemonset.as_ref(),
        )
    }

    /// The snapshot, when a volume is meant.
    fn snapshot(&self) -> Result<Option<Snapshot>, Refused> {
        let files = self.deployment.is_some() || self.statefulset.is_some() || self.daemonset.is_some() || !self.paths.is_empty();
        match &self.pvc {
            Some(_) if files => refuse("parameters: give either pvc, or a workload and paths"),
            Some(pvc) => Ok(Some(Snapshot {
                namespace: self.namespace.clone(),
                pvc: pvc.clone(),
                snapshot_class: self.snapshot_class.clone(),
            })),
            None if self.snapshot_class.is_some() => refuse("parameters.snapshotClass: it is of a pvc, and none is given"),
            None => Ok(None),
        }
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: BackupData = parse(params)?;
    match params.snapshot()? {
        Some(snapshot) => Ok(snapshot.needs()),
        None => Ok(vec![Need::Object(params.workload()?)]),
    }
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: BackupData = parse(params)?;
    if let Some(snapshot) = params.snapshot()? {
        return taken(&snapshot, world, moment);
    }
    let target = params.workload()?;
    let object = world.object(&target)?;
    let (_, container) = container(object, &target, params.container.as_ref())?;
    if params.paths.is_empty() {
        return refuse("parameters.paths: at least one path must be given");
    }
    let mut argv: Vec<String> = ["tar", "cf", "-", "-C", "/"].map(Into::into).to_vec();
    for path in &params.paths {
        argv.push(relative(path)?);
    }
    Ok(Work::Exec(Exec {
        target: with_uid(&target, object),
        container,
        argv,
    })
    .into())
}

/// The path below `/`, as `tar -C /` takes it; it can be neither an option nor a way out.
fn relative(path: &str) -> Result<String, Refused> {
    const SECRETS: &[&str] = &["var/run/secrets", "run/secrets", "proc", "sys", "dev"];
    let clean = path.strip_prefix('/').map(|rest| rest.trim_end_matches('/')).unwrap_or_default();
    let odd = clean.is_empty()
        || clean.starts_with('-')
        || clean.split('/').any(|part| part.is_empty() || part == "." || part == "..")
        || clean.chars().any(char::is_control);
    if odd {
        return refuse(format!("parameters.paths: {path:?} is not an absolute path of a file or folder"));
    }
    let below = |secret: &&&str| {
        let within = |outer: &str, inner: &str| inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        within(secret, clean) || within(clean, secret)
    };
    if let Some(secret) = SECRETS.iter().find(below) {
        return refuse(format!("parameters.paths: {path:?} holds /{secret}, which is never copied"));
    }
    Ok(clean.to_owned())
}
