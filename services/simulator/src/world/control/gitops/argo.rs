//! Argo CD: Applications are synchronised when somebody asks, and healed by themselves when they say so.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::drift::{Cared, Desired, cared};
use crate::{
    scenario::GitRevision,
    store::{Gvr, Store},
    world::{
        control::sooner,
        events::{About, tell_about},
        obj,
    },
};

/// Time a synchronisation takes.
const SYNCING: Duration = Duration::from_secs(3);
/// Time until drift is healed (`--self-heal-timeout-seconds`).
const HEALING: Duration = Duration::from_secs(5);
const REFRESH: &str = "argocd.argoproj.io/refresh";

const APPLICATION: About = About {
    api_version: "argoproj.io/v1alpha1",
    kind: "Application",
    component: "argocd-application-controller",
};

/// When Applications were first seen to have drifted, by uid.
pub(crate) type Noticed = BTreeMap<String, Timestamp>;

fn applications() -> Gvr {
    Gvr::new("argoproj.io", "v1alpha1", "applications")
}

/// One look at every Application; answers when it wants to look again.
pub(crate) fn step(store: &Store, git: &[GitRevision], desired: &mut Desired, noticed: &mut Noticed, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for app in store.awake(&applications()) {
        if !obj::deleting(&app) {
            next = sooner(next, sync(store, git, desired, noticed, &app, now));
        }
    }
    next
}

fn change(store: &Store, app: &Value, edit: impl FnMut(&mut Value)) {
    obj::change(store, &applications(), obj::namespace(app), obj::name(app), edit);
}

/// An object belongs to the Application that its label or tracking annotation names.
fn belongs(app: &Value, object: &Value) -> bool {
    let meta = &object["metadata"];
    let tracking = obj::text(&meta["annotations"], "/argocd.argoproj.io~1tracking-id");
    let named = tracking.split(':').next() == Some(obj::name(app)) || meta["labels"]["app.kubernetes.io/instance"] == obj::name(app);
    let place = app["spec"]["destination"]["namespace"].as_str().unwrap_or_default();
    named && (place.is_empty() || place == obj::namespace(object))
}

/// JSON pointers whose values are not compared.
fn ignored(app: &Value) -> Vec<String> {
    let rules = app["spec"]["ignoreDifferences"].as_array().into_iter().flatten();
    let pointers = rules.flat_map(|rule| rule["jsonPointers"].as_array().into_iter().flatten());
    pointers.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn sync(
    store: &Store,
    git: &[GitRevision],
    desired: &mut Desired,
    noticed: &mut Noticed,
    app: &Value,
    now: Timestamp,
) -> Option<Timestamp> {
    let mine = cared(store, desired, app, &|object| belongs(app, object));
    let ignored = ignored(app);
    let mut next = None;
    if app["operation"].is_object() {
        begin(store, app, now);
        next = Some(obj::after(now, SYNCING));
    } else if app["status"]["operationState"]["phase"] == "Running" {
        let started = obj::time(app, "/status/operationState/startedAt").unwrap_or(now);
        let until = obj::after(started, SYNCING);
        if until > now {
            return Some(until);
        }
        finish(store, git, desired, app, &mine, &ignored, now);
    }
    let app = &*store.get_shared(&applications(), Some(obj::namespace(app)), obj::name(app))?;
    let mine = cared(store, desired, app, &|object| belongs(app, object));
    let drifted: Vec<bool> = mine.iter().map(|one| one.drifted(desired, &ignored)).collect();
    report(store, app, &mine, &drifted, now);
    if !drifted.contains(&true) {
        noticed.remove(obj::uid(app));
    }
    let automated = &app["spec"]["syncPolicy"]["automated"];
    let heals = automated["selfHeal"] == true && automated["enabled"] != false;
    let running = app["status"]["operationState"]["phase"] == "Running";
    if drifted.contains(&true) && heals && !running && !app["operation"].is_object() {
        let since = *noticed.entry(obj::uid(app).to_owned()).or_insert(now);
        next = sooner(next, heal(store, app, since, now));
    }
    next
}

/// Drift is left alone for a few seconds, then put right by an operation of the controller's own.
fn heal(store: &Store, app: &Value, noticed: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let until = obj::after(noticed, HEALING);
    if until > now {
        return Some(until);
    }
    let revision = app["status"]["sync"]["revision"].clone();
    change(store, app, |app| {
        app["operation"] =
            json!({"initiatedBy": {"automated": true}, "sync": {"revision": revision, "prune": false}, "retry": {"limit": 5}});
    });
    let message = format!("Initiated automated sync to '{}'", revision.as_str().unwrap_or_default());
    tell_about(store, &APPLICATION, app, false, "OperationStarted", &message, now);
    Some(now)
}

/// Requested => Running
fn begin(store: &Store, app: &Value, now: Timestamp) {
    change(store, app, |app| {
        let operation = app.as_object_mut().and_then(|map| map.remove("operation")).unwrap_or_default();
        if !app["status"].is_object() {
            app["status"] = json!({});
        }
        app["status"]["operationState"] = json!({
            "operation": operation, "phase": "Running", "startedAt": obj::rfc3339(now), "message": "waiting for healthy state",
        });
    });
}

/// The revision an operation asks for, if the repository has it.
fn resolve(git: &[GitRevision], app: &Value) -> Result<String, String> {
    let state = &app["status"]["operationState"]["operation"]["sync"];
    let target = app["spec"]["source"]["targetRevision"].as_str().unwrap_or("HEAD");
    let asked = state["revision"].as_str().filter(|text| !text.is_empty()).unwrap_or(target);
    let branch = matches!(asked, "HEAD" | "main" | "master") || asked == target;
    let known = git.iter().find(|known| known.revision == asked);
    let history = app["status"]["history"].as_array().into_iter().flatten();
    let deployed = history.into_iter().any(|one| one["revision"] == asked) || app["status"]["sync"]["revision"] == asked;
    if known.is_some() || deployed {
        return Ok(asked.to_owned());
    }
    if branch {
        let newest = git.last().map(|known| known.revision.clone());
        let present = app["status"]["sync"]["revision"].as_str().map(str::to_owned);
        return Ok(newest.or(present).unwrap_or_else(|| asked.to_owned()));
    }
    Err(format!(
        "ComparisonError: failed to generate manifests: unable to resolve '{asked}' to a commit SHA"
    ))
}

/// Running => Succeeded | Failed
fn finish(store: &Store, git: &[GitRevision], desired: &mut Desired, app: &Value, mine: &[Cared], ignored: &[String], now: Timestamp) {
    let at = obj::rfc3339(now);
    let revision = match resolve(git, app) {
        Ok(revision) => revision,
        Err(why) => {
            change(store, app, |app| {
                app["status"]["operationState"]["phase"] = json!("Failed");
                app["status"]["operationState"]["message"] = json!(why);
                app["status"]["operationState"]["finishedAt"] = json!(at);
            });
            tell_about(
                store,
                &APPLICATION,
                app,
                true,
                "OperationCompleted",
                &format!("Sync operation failed: {why}"),
                now,
            );
            return;
        }
    };
    if let Some(known) = git.iter().find(|known| known.revision == revision) {
        mine.iter().for_each(|one| one.advance(desired, known));
    }
    let dry = app["status"]["operationState"]["operation"]["sync"]["dryRun"] == true;
    if !dry {
        mine.iter().for_each(|one| one.restore(store, desired, ignored));
    }
    change(store, app, |app| {
        let source = app["spec"]["source"].clone();
        let state = &mut app["status"]["operationState"];
        state["phase"] = json!("Succeeded");
        state["message"] = json!("successfully synced (all tasks run)");
        state["finishedAt"] = json!(at);
        state["syncResult"] = json!({"revision": revision, "source": source});
        if dry {
            return;
        }
        let started = state["startedAt"].clone();
        app["status"]["sync"]["revision"] = json!(revision);
        let mut history = app["status"]["history"].as_array().cloned().unwrap_or_default();
        let id = history.last().and_then(|last| last["id"].as_i64()).map_or(0, |id| id + 1);
        history.push(json!({"id": id, "revision": revision, "deployStartedAt": started, "deployedAt": at, "source": source}));
        app["status"]["history"] = json!(history);
    });
    tell_about(
        store,
        &APPLICATION,
        app,
        false,
        "OperationCompleted",
        &format!("Sync operation to {revision} succeeded"),
        now,
    );
}

/// Health and sync of the Application and its objects.
fn report(store: &Store, app: &Value, mine: &[Cared], drifted: &[bool], now: Timestamp) {
    let healthy = |one: &Cared| {
        let wanted = obj::int(&one.object, "/spec/replicas").unwrap_or(1);
        one.kind != "Deployment" || obj::int(&one.object, "/status/availableReplicas").unwrap_or(0) >= wanted
    };
    let resources: Vec<Value> = mine
        .iter()
        .zip(drifted)
        .map(|(one, drifted)| {
            json!({"group": one.gvr.group, "version": one.gvr.version, "kind": one.kind, "namespace": obj::namespace(&one.object),
                "name": obj::name(&one.object), "status": if *drifted { "OutOfSync" } else { "Synced" },
                "health": {"status": if healthy(one) { "Healthy" } else { "Progressing" }}})
        })
        .collect();
    let health = if mine.iter().all(healthy) { "Healthy" } else { "Progressing" };
    let synced = if drifted.contains(&true) { "OutOfSync" } else { "Synced" };
    let refresh = app["metadata"]["annotations"].get(REFRESH).is_some();
    change(store, app, |app| {
        if !app["status"].is_object() {
            app["status"] = json!({});
        }
        let known = app["status"]["sync"]["revision"].as_str().map(str::to_owned);
        let revision = known.unwrap_or_else(|| app["spec"]["source"]["targetRevision"].as_str().unwrap_or("HEAD").to_owned());
        let status = &mut app["status"];
        status["sync"]["status"] = json!(synced);
        status["sync"]["revision"] = json!(revision);
        status["health"]["status"] = json!(health);
        status["resources"] = json!(resources);
        if refresh {
            status["reconciledAt"] = json!(obj::rfc3339(now));
            if let Some(annotations) = app["metadata"]["annotations"].as_object_mut() {
                annotations.remove(REFRESH);
            }
        }
    });
}
