//! `backup_data`: files out of containers, before something takes them away.

use paramedic_domain::change::Exec;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    BuiltIn, parse, refuse, schema_of,
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
        description: "copies files out of the containers of a workload into the artifacts",
        risk: "low: a fixed tar command in one container; nothing is changed",
        undo: "nothing to undo: files are only copied",
        dry_run: "the workload and container are looked up; the command is not run",
        external: false,
    },
    kind: Kind::Exec,
    timeout_seconds: 120,
    typical_seconds: 45,
    schema: schema_of::<BackupData>,
    needs,
    draft,
};

/// Which files of which workload.
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
    #[schemars(length(min = 1))]
    paths: Vec<String>,
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: BackupData = parse(params)?;
    Ok(vec![Need::Object(workload(
        &params.namespace,
        params.deployment.as_ref(),
        params.statefulset.as_ref(),
        params.daemonset.as_ref(),
    )?)])
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: BackupData = parse(params)?;
    let target = workload(
        &params.namespace,
        params.deployment.as_ref(),
        params.statefulset.as_ref(),
        params.daemonset.as_ref(),
    )?;
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
