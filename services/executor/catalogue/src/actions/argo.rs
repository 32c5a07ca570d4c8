//! `argo_sync`, `argo_rollback`, `argo_pause_auto_sync`: Argo CD Applications.

use std::time::Duration;

use paramedic_domain::{
    change::{STEP_ANNOTATION, Wait},
    object::ObjectRef,
    plan::Lasts,
    risk::RiskLevel,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BuiltIn, parse, refuse, schema_of, span};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::{Edit, Path},
    references::items,
    world::{Need, World, with_uid},
};

/// Where Argo CD keeps its Applications unless it is told otherwise.
const NAMESPACE: &str = "argocd";
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) const SYNC: BuiltIn = BuiltIn {
    name: "argo_sync",
    aliases: &["argocd_sync", "sync_application"],
    about: About {
        description: "lets Argo CD apply what Git says of an Application, and waits until it has",
        risk: "medium: what Git says is applied; high when objects that Git does not have are deleted (prune)",
        undo: "none: it makes the cluster what Git says; argo_rollback goes back to an earlier deployment",
        dry_run: "server-side dry run of the request; what Argo CD then applies is not tried",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 900,
    typical_seconds: 60,
    schema: schema_of::<Sync>,
    needs: needs_sync,
    draft: sync,
};

pub(super) const ROLLBACK: BuiltIn = BuiltIn {
    name: "argo_rollback",
    aliases: &["argocd_rollback"],
    about: About {
        description: "lets Argo CD apply an earlier deployment of an Application from its history, and waits until it has",
        risk: "high: Git and cluster differ until Git is changed, too",
        undo: "none: argo_sync goes forward again to what Git says",
        dry_run: "server-side dry run of the request; what Argo CD then applies is not tried",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 900,
    typical_seconds: 90,
    schema: schema_of::<Rollback>,
    needs: needs_rollback,
    draft: rollback,
};

pub(super) const PAUSE: BuiltIn = BuiltIn {
    name: "argo_pause_auto_sync",
    aliases: &["argocd_pause", "disable_auto_sync"],
    about: About {
        description: "keeps Argo CD from applying by itself what Git says of an Application, so that a change in the cluster stays",
        risk: "medium: changes in Git are not deployed while it lasts",
        undo: "automated sync is put back as it was; with a duration the executor does that by itself",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<Pause>,
    needs: needs_pause,
    draft: pause,
};

/// What to apply.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Sync {
    /// Name of the Application.
    #[serde(alias = "name")]
    application: String,
    /// Namespace of the Application; left out: `argocd`.
    namespace: Option<String>,
    /// Git revision; left out: what the Application follows.
    revision: Option<String>,
    /// Whether objects that Git does not have any more are deleted.
    #[serde(default)]
    prune: bool,
}

/// Which deployment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rollback {
    /// Name of the Application.
    #[serde(alias = "name")]
    application: String,
    /// Namespace of the Application; left out: `argocd`.
    namespace: Option<String>,
    /// Id of a deployment in the Application's history; left out: the one before the present one.
    id: Option<i64>,
    /// Whether objects that the old deployment did not have are deleted.
    #[serde(default)]
    prune: bool,
}

/// For how long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pause {
    /// Name of the Application.
    #[serde(alias = "name")]
    application: String,
    /// Namespace of the Application; left out: `argocd`.
    namespace: Option<String>,
    /// How long, at most `168h`; left out: until somebody takes it back.
    duration: Option<String>,
}

fn reference(name: &str, namespace: Option<&String>) -> ObjectRef {
    let namespace = namespace.map_or(NAMESPACE, String::as_str);
    ObjectRef::new("argoproj.io/v1alpha1", "Application", Some(namespace), name)
}

fn needs_sync(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Sync = parse(params)?;
    Ok(vec![Need::Object(reference(&params.application, params.namespace.as_ref()))])
}

fn needs_rollback(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Rollback = parse(params)?;
    Ok(vec![Need::Object(reference(&params.application, params.namespace.as_ref()))])
}

fn needs_pause(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Pause = parse(params)?;
    Ok(vec![Need::Object(reference(&params.application, params.namespace.as_ref()))])
}

fn idle(target: &ObjectRef, object: &Value) -> Result<(), Refused> {
    let phase = object.pointer("/status/operationState/phase").and_then(Value::as_str);
    if object.get("operation").is_some() || phase == Some("Running") {
        return refuse(format!("{target} is being synced now: wait until that has ended"));
    }
    Ok(())
}

fn operation(target: &ObjectRef, object: &Value, moment: &Moment, sync: Value, why: &str) -> Draft {
    let operation = json!({
        "initiatedBy": {"username": "paramedic"},
        "info": [{"name": STEP_ANNOTATION, "value": moment.marker}],
        "sync": sync
    });
    ObjectEdit::plain(with_uid(target, object), vec![Edit::set(Path::new(["operation"]), operation)])
        .wait(Wait::Synced)
        .irreversible(why)
        .into()
}

fn sync(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Sync = parse(params)?;
    let target = reference(&params.application, params.namespace.as_ref());
    let object = world.object(&target)?;
    idle(&target, object)?;
    let mut wanted = json!({"prune": params.prune});
    if let Some(revision) = &params.revision {
        wanted["revision"] = json!(revision);
    }
    if let Some(options) = object.pointer("/spec/syncPolicy/syncOptions") {
        wanted["syncOptions"] = options.clone();
    }
    let status = object.pointer("/status/sync/status").and_then(Value::as_str).unwrap_or("unknown");
    let draft =
        operation(&target, object, moment, wanted, "a sync makes the cluster what Git says").note(format!("{target} is {status} now"));
    Ok(if params.prune {
        draft.concern(
            RiskLevel::High,
            format!("objects of {target} that Git does not have any more are deleted"),
        )
    } else {
        draft.concern(RiskLevel::Medium, format!("everything that Git says of {target} is applied"))
    })
}

fn automated(object: &Value) -> bool {
    object
        .pointer("/spec/syncPolicy/automated")
        .is_some_and(|automated| automated.get("enabled").and_then(Value::as_bool) != Some(false))
}

fn rollback(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Rollback = parse(params)?;
    let target = reference(&params.application, params.namespace.as_ref());
    let object = world.object(&target)?;
    idle(&target, object)?;
    if automated(object) {
        return refuse(format!(
            "{target} is synced automatically: Argo CD would go forward again at once; pause that first (argo_pause_auto_sync)"
        ));
    }
    let id = |entry: &Value| entry.get("id").and_then(Value::as_i64);
    let history: Vec<&Value> = items(object, "/status/history").collect();
    let found = match params.id {
        Some(wanted) => history.iter().find(|entry| id(entry) == Some(wanted)),
        None => history.len().checked_sub(2).and_then(|at| history.get(at)),
    };
    let Some(entry) = found else {
        let known: Vec<i64> = history.iter().filter_map(|entry| id(entry)).collect();
        return Err(Refused::parameter(
            "/id",
            format!("{target} has no such earlier deployment; its history keeps {known:?}"),
        ));
    };
    let revision = entry.get("revision").and_then(Value::as_str).unwrap_or_default();
    let mut wanted = json!({"prune": params.prune, "revision": revision});
    for source in ["source", "sources", "revisions"] {
        if let Some(value) = entry.get(source) {
            wanted[source] = value.clone();
        }
    }
    if let Some(options) = object.pointer("/spec/syncPolicy/syncOptions") {
        wanted["syncOptions"] = options.clone();
    }
    let when = entry.get("deployedAt").and_then(Value::as_str).unwrap_or("an unknown time");
    let draft = operation(&target, object, moment, wanted, "argo_sync goes forward again to what Git says")
        .concern(
            RiskLevel::High,
            format!("{target} then differs from Git: the next sync goes forward again unless Git is changed, too"),
        )
        .note(format!(
            "{target} goes back to deployment {} of {when}, revision {revision}",
            id(entry).unwrap_or_default()
        ));
    Ok(if params.prune {
        draft.concern(
            RiskLevel::High,
            format!("objects of {target} that the old deployment did not have are deleted"),
        )
    } else {
        draft
    })
}

fn pause(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Pause = parse(params)?;
    let target = reference(&params.application, params.namespace.as_ref());
    let object = world.object(&target)?;
    if !automated(object) {
        return refuse(format!("{target} is not synced automatically"));
    }
    let edit = Edit::remove(Path::new(["spec", "syncPolicy", "automated"]));
    let draft = Draft::from(ObjectEdit::plain(with_uid(&target, object), vec![edit]))
        .concern(
            RiskLevel::Medium,
            format!("changes in Git are not deployed to {target} while it is paused"),
        )
        .note(format!(
            "when {target} is synced automatically again, Argo CD applies what Git says then: propose the change to Git, too (update_git_manifests)"
        ));
    Ok(match &params.duration {
        Some(text) => draft.lasting(Lasts::For {
            duration: span::duration("duration", text, LONGEST)?,
        }),
        None => draft,
    })
}
