//! Kustomizations and HelmReleases of Flux.

use serde_json::Value;

use super::owners::is_name;
use super::{Applied, Delivery, Failure, Origin, Owner};
use crate::core::read::{count, each, text, time};

/// What Flux writes when everything was applied.
const SUCCEEDED: &str = "ReconciliationSucceeded";

pub(super) fn kustomization(owner: &Owner, object: &Value) -> Delivery {
    let revision = text(object, "/status/lastAppliedRevision").to_owned();
    let history: Vec<Applied> = each(object, "/status/history")
        .filter_map(|one| {
            Some(Applied {
                at: time(one, "/firstReconciled")?,
                revision: text(one, "/metadata/revision").to_owned(),
                good: text(one, "/lastReconciledStatus") == SUCCEEDED,
            })
        })
        .collect();
    let mut delivery = common(owner, object, revision, history);
    // Every interval it applies all of it again, whatever others wrote.
    delivery.reverts = delivery.automatic;
    delivery
}

pub(super) fn helm_release(owner: &Owner, object: &Value) -> Delivery {
    let history: Vec<Applied> = each(object, "/status/history")
        .filter_map(|one| {
            let number = count(one, "/version").unwrap_or(0);
            Some(Applied {
                at: time(one, "/lastDeployed")?,
                revision: format!("{} {} (release {number})", text(one, "/chartName"), text(one, "/chartVersion")),
                good: !text(one, "/status").starts_with("pending") && text(one, "/status") != "failed",
            })
        })
        .collect();
    let applied = history.iter().find(|one| one.good).map(|one| one.revision.clone());
    let revision = applied.unwrap_or_else(|| text(object, "/status/lastAppliedRevision").to_owned());
    let mut delivery = common(owner, object, revision, history);
    delivery.reverts = delivery.automatic && text(object, "/spec/driftDetection/mode") == "enabled";
    delivery
}

fn common(owner: &Owner, object: &Value, revision: String, mut history: Vec<Applied>) -> Delivery {
    let ready = each(object, "/status/conditions").find(|condition| text(condition, "/type") == "Ready");
    let said = |pointer: &str| ready.map_or("", |ready| text(ready, pointer)).to_owned();
    let since = ready.and_then(|ready| time(ready, "/lastTransitionTime"));
    let good = said("/status") == "True";
    // Versions that keep no history still say since when all of it is applied.
    if let (true, true, Some(at)) = (history.is_empty(), good && !revision.is_empty(), since) {
        let revision = revision.clone();
        history.push(Applied { at, revision, good });
    }
    history.sort_by_key(|one| std::cmp::Reverse(one.at));
    Delivery {
        tool: owner.tool,
        owner: owner.object.clone(),
        query: owner.path(),
        workloads: owner.workloads.clone(),
        sync: said("/reason"),
        health: String::new(),
        revision,
        failure: (said("/status") == "False").then(|| Failure {
            at: since,
            symptom: works_not(&said("/reason"), &said("/message")),
            reason: said("/reason"),
            message: said("/message"),
        }),
        automatic: object["spec"]["suspend"] != Value::Bool(true),
        reverts: false,
        history,
        origin: Vec::new(),
    }
}

/// Whether everything was applied, and only what it brought does not come up.
fn works_not(reason: &str, message: &str) -> bool {
    let waited = ["context deadline exceeded", "timed out waiting", "timeout waiting"];
    reason == "HealthCheckFailed" || waited.iter().any(|words| message.contains(words))
}

/// The path of the GitRepository of a Kustomization.
pub(super) fn source(kustomization: &Value) -> Option<String> {
    let from = kustomization.pointer("/spec/sourceRef")?;
    let own = text(kustomization, "/metadata/namespace");
    let namespace = Some(text(from, "/namespace")).filter(|name| !name.is_empty()).unwrap_or(own);
    let name = text(from, "/name");
    let fits = text(from, "/kind") == "GitRepository" && is_name(namespace) && is_name(name);
    fits.then(|| format!("/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/gitrepositories/{name}"))
}

pub(super) fn fetched(delivery: &mut Delivery, kustomization: &Value, repository: &Value) {
    let named = ["/spec/ref/commit", "/spec/ref/tag", "/spec/ref/branch"];
    let revision = named.iter().map(|pointer| text(repository, pointer)).find(|name| !name.is_empty());
    delivery.origin.push(Origin {
        url: text(repository, "/spec/url").to_owned(),
        revision: revision.unwrap_or_default().to_owned(),
        paths: vec![text(kustomization, "/spec/path").trim_matches(['.', '/']).to_owned()],
    });
    let ready = each(repository, "/status/conditions").find(|condition| text(condition, "/type") == "Ready");
    // A repository that cannot be read keeps the old state applied, which the Kustomization calls good.
    if let (None, Some(wrong)) = (&delivery.failure, ready.filter(|ready| text(ready, "/status") == "False")) {
        delivery.failure = Some(Failure {
            at: time(wrong, "/lastTransitionTime"),
            reason: text(wrong, "/reason").to_owned(),
            message: text(wrong, "/message").to_owned(),
            symptom: false,
        });
    }
}
