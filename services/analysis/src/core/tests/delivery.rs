//! What is read of Applications, Kustomizations, HelmReleases and records of Helm, and of the log of what they apply.

use jiff::Timestamp;
use paramedic_domain::{alert::Alert, object::ObjectRef};
use serde_json::{Value, json};

use crate::core::{
    delivery::{
        Delivery, Origin, Owner, Places, Records, Tool,
        commits::{Commit, arguments, name_files, parse, same_repository},
        owned,
    },
    snapshot::{Snapshot, kinds},
    subjects::World,
    tests::fixtures::alert,
};

const OLD: &str = "11e2c98a60aa0b1c22d33e44f55a66b77c88d99e";
const NEW: &str = "67e2c98a60aa0b1c22d33e44f55a66b77c88d99e";

fn places(helm: Records) -> Places<'static> {
    Places {
        argo_namespace: "argocd",
        helm,
    }
}

fn deployment(labels: &Value, annotations: &Value) -> (World, ObjectRef) {
    let object = json!({"metadata": {"name": "web", "namespace": "shop", "labels": labels, "annotations": annotations}});
    let mut snapshot = Snapshot::new(Timestamp::UNIX_EPOCH, ["shop".to_owned()].into());
    snapshot.file(kinds::named("Deployment").unwrap(), vec![object]);
    let world = World {
        snapshot,
        ..World::default()
    };
    (world, ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web"))
}

fn owners(labels: &Value, annotations: &Value, helm: Records) -> Vec<Owner> {
    let (world, workload) = deployment(labels, annotations);
    owned(&world, &[], &[workload], places(helm))
}

fn paths(owners: &[Owner]) -> Vec<String> {
    owners.iter().map(Owner::path).collect()
}

#[test]
fn owners_are_those_that_labels_and_annotations_name() {
    let argo = json!({"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web"});
    assert_eq!(
        paths(&owners(&json!({}), &argo, Records::Off)),
        ["/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/web"]
    );
    let elsewhere = json!({"argocd.argoproj.io/tracking-id": "team-a_web:apps/Deployment:shop/web"});
    assert_eq!(
        paths(&owners(&json!({}), &elsewhere, Records::Off)),
        ["/apis/argoproj.io/v1alpha1/namespaces/team-a/applications/web"]
    );
    let flux = json!({
        "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
        "app.kubernetes.io/instance": "web"
    });
    let found = owners(&flux, &json!({}), Records::Off);
    assert_eq!(
        paths(&found),
        ["/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/apps"],
        "what Flux marks is not Argo CD's"
    );
    let (world, workload) = deployment(&json!({}), &elsewhere);
    let unasked = Places {
        argo_namespace: "",
        helm: Records::Off,
    };
    assert!(owned(&world, &[], &[workload], unasked).is_empty());
    let guess = owners(&json!({"app.kubernetes.io/instance": "web"}), &json!({}), Records::Off);
    assert!(guess.len() == 1 && !guess[0].certain, "{guess:?}");
}

#[test]
fn records_of_helm_are_asked_for_only_where_that_is_set() {
    let helm = json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"});
    let labels = json!({"app.kubernetes.io/instance": "web"});
    assert!(owners(&labels, &helm, Records::Off).is_empty());
    assert_eq!(
        paths(&owners(&labels, &helm, Records::Secrets)),
        ["/api/v1/namespaces/shop/secrets?labelSelector=owner%3Dhelm%2Cname%3Dweb"]
    );
    assert_eq!(
        paths(&owners(&labels, &helm, Records::Configmaps)),
        ["/api/v1/namespaces/shop/configmaps?labelSelector=owner%3Dhelm%2Cname%3Dweb"]
    );
}

#[test]
fn names_that_are_none_never_get_into_a_path() {
    for name in ["../../secrets", "web?watch=1", "Web", "", "-web", "a/b", "web%2f"] {
        let argo = json!({"argocd.argoproj.io/tracking-id": format!("{name}:apps/Deployment:shop/web")});
        assert!(owners(&json!({}), &argo, Records::Off).is_empty(), "{name}");
        let helm = json!({"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": "shop"});
        assert!(owners(&json!({}), &helm, Records::Secrets).is_empty(), "{name}");
    }
}

#[test]
fn alerts_about_deliveries_name_them() {
    let (world, _) = deployment(&json!({}), &json!({}));
    let of = |labels: &[(&str, &str)]| -> Vec<String> {
        let mut alert: Alert = alert("x", "");
        alert
            .labels
            .extend(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        paths(&owned(&world, &[alert], &[], places(Records::Off)))
    };
    assert_eq!(
        of(&[("namespace", "argocd"), ("name", "web"), ("dest_namespace", "shop")]),
        ["/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/web"]
    );
    assert_eq!(
        of(&[
            ("namespace", "flux-system"),
            ("exported_namespace", "team-a"),
            ("customresource_kind", "HelmRelease"),
            ("name", "web")
        ]),
        ["/apis/helm.toolkit.fluxcd.io/v2/namespaces/team-a/helmreleases/web"]
    );
    assert!(of(&[("namespace", "shop"), ("name", "web")]).is_empty());
}

fn argo(object: &Value) -> Delivery {
    let owner = &owners(
        &json!({}),
        &json!({"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web"}),
        Records::Off,
    )[0];
    Delivery::read(owner, object).unwrap()
}

#[test]
fn an_application_tells_what_it_applied_when_and_from_where() {
    let delivery = argo(&json!({
        "metadata": {"annotations": {"argocd.argoproj.io/manifest-generate-paths": "../base;/shared;../../../out"}},
        "spec": {
            "source": {"repoURL": "https://git.example/ops.git", "path": "./web/prod/", "targetRevision": "main"},
            "sources": [{"repoURL": "https://charts.example", "chart": "redis", "targetRevision": "1.*"}],
            "syncPolicy": {"automated": {"selfHeal": true}}
        },
        "status": {
            "sync": {"status": "Synced", "revision": NEW}, "health": {"status": "Degraded"},
            "history": [
                {"revision": OLD, "deployedAt": "2026-03-01T10:00:00Z"},
                {"revision": NEW, "deployedAt": "2026-03-02T11:41:00Z"}
            ]
        }
    }));
    assert!(delivery.automatic && delivery.reverts && delivery.failure.is_none());
    assert_eq!((delivery.applied().as_str(), delivery.previous()), ("67e2c98a60", OLD));
    assert_eq!(delivery.applied_at(), Some("2026-03-02T11:41:00Z".parse().unwrap()));
    assert!(delivery.began("2026-03-02T11:40:00Z".parse().unwrap()));
    assert!(!delivery.began("2026-03-02T10:40:00Z".parse().unwrap()), "an hour before");
    let [origin] = &delivery.origin[..] else {
        panic!("a chart is kept in no Git: {:?}", delivery.origin)
    };
    assert_eq!(
        origin.paths,
        ["web/prod", "web/base", "shared"],
        "a path that leads out of it is none"
    );
    assert_eq!(origin.reference().as_deref(), Some("main"));
    let said = delivery.quote().excerpt;
    assert_eq!(
        said,
        "Application argocd/web: Synced, Degraded; applied 67e2c98a60 since 2026-03-02T11:41:00Z, before it 11e2c98a60; what others \
         change in what it owns, it takes back"
    );
    let rows: Vec<String> = delivery.moments().into_iter().map(|moment| moment.what).collect();
    assert_eq!(rows, ["argocd applied 67e2c98a60", "argocd applied 11e2c98a60"]);
}

#[test]
fn an_operation_that_is_tried_again_and_again_fails() {
    let operation = |phase: &str, tries: u64| {
        json!({"status": {"operationState": {
            "phase": phase, "retryCount": tries, "startedAt": "2026-03-02T11:00:00Z", "message": "no"
        }}})
    };
    assert_eq!(argo(&operation("Running", 0)).failure, None);
    assert_eq!(argo(&operation("Succeeded", 3)).failure, None);
    for failing in [operation("Running", 2), operation("Failed", 0), operation("Error", 0)] {
        let failure = argo(&failing).failure.unwrap();
        assert!(!failure.symptom && failure.at.is_some() && failure.message == "no", "{failure:?}");
    }
}

fn flux(kind: &str, object: &Value) -> Delivery {
    let group = if kind == "HelmRelease" { "helm" } else { "kustomize" };
    let name = format!("{group}.toolkit.fluxcd.io/name");
    let namespace = format!("{group}.toolkit.fluxcd.io/namespace");
    let owner = &owners(&json!({name: "web", namespace: "flux-system"}), &json!({}), Records::Off)[0];
    Delivery::read(owner, object).unwrap()
}

#[test]
fn a_kustomization_tells_what_it_could_not_apply_and_where_that_is_kept() {
    let object = json!({
        "metadata": {"name": "web", "namespace": "flux-system"},
        "spec": {"path": "./prod", "sourceRef": {"kind": "GitRepository", "name": "ops"}},
        "status": {
            "lastAppliedRevision": format!("main@sha1:{OLD}"),
            "history": [
                {"firstReconciled": "2026-03-02T11:40:00Z", "lastReconciledStatus": "BuildFailed", "metadata": {"revision": format!("main@sha1:{NEW}")}},
                {"firstReconciled": "2026-03-01T10:00:00Z", "lastReconciledStatus": "ReconciliationSucceeded", "metadata": {"revision": format!("main@sha1:{OLD}")}}
            ],
            "conditions": [{"type": "Ready", "status": "False", "reason": "BuildFailed", "message": "no such file", "lastTransitionTime": "2026-03-02T11:41:00Z"}]
        }
    });
    let mut delivery = flux("Kustomization", &object);
    assert_eq!(delivery.applied(), "main@sha1:11e2c98a60");
    let failure = delivery.failure.clone().unwrap();
    assert!((failure.reason.as_str(), failure.symptom) == ("BuildFailed", false), "{failure:?}");
    assert_eq!(
        Delivery::source_of(&object).as_deref(),
        Some("/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/ops")
    );
    let repository = json!({"spec": {"url": "ssh://git@git.example/ops", "ref": {"branch": "main"}}, "status": {"conditions": [
        {"type": "Ready", "status": "False", "reason": "GitOperationFailed", "message": "authentication required"}
    ]}});
    delivery.fetched(&object, &repository);
    assert_eq!(delivery.failure, Some(failure), "its own failure is nearer");
    assert_eq!(
        delivery.origin,
        [Origin {
            url: "ssh://git@git.example/ops".into(),
            revision: "main".into(),
            paths: vec!["prod".into()]
        }]
    );
    delivery.failure = None;
    delivery.fetched(&object, &repository);
    assert_eq!(delivery.failure.unwrap().reason, "GitOperationFailed");
}

#[test]
fn a_helm_release_of_flux_that_timed_out_was_applied() {
    let object = |message: &str| {
        json!({"status": {
            "history": [
                {"version": 4, "chartName": "web", "chartVersion": "1.3.0", "status": "failed", "lastDeployed": "2026-03-02T11:40:00Z"},
                {"version": 3, "chartName": "web", "chartVersion": "1.2.0", "status": "superseded", "lastDeployed": "2026-03-01T10:00:00Z"}
            ],
            "conditions": [{"type": "Ready", "status": "False", "reason": "UpgradeFailed", "message": message}]
        }})
    };
    let waited = flux("HelmRelease", &object("Helm upgrade failed: context deadline exceeded"));
    assert!(waited.failure.unwrap().symptom);
    let refused = flux("HelmRelease", &object("Helm upgrade failed: cannot patch: field is immutable"));
    assert_eq!(refused.applied(), "web 1.2.0 (release 3)");
    assert!(!refused.failure.unwrap().symptom);
}

#[test]
fn records_of_helm_tell_their_releases_by_their_labels() {
    let helm = json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"});
    let owner = &owners(&json!({}), &helm, Records::Secrets)[0];
    let record = |version: &str, status: &str, at: &str| json!({"metadata": {"labels": {"owner": "helm", "name": "web", "version": version, "status": status}, "creationTimestamp": at}});
    let list = json!({"items": [
        record("9", "superseded", "2026-03-01T10:00:00Z"),
        record("11", "pending-upgrade", "2026-03-02T11:50:00Z"),
        record("10", "deployed", "2026-03-02T11:40:00Z")
    ]});
    let delivery = Delivery::read(owner, &list).unwrap();
    assert_eq!(
        (delivery.tool, delivery.applied().as_str(), delivery.previous()),
        (Tool::Helm, "release 10", "release 9")
    );
    let failure = delivery.failure.unwrap();
    assert!(failure.reason == "pending-upgrade" && !failure.symptom, "{failure:?}");
    assert!(Delivery::read(owner, &json!({"items": []})).is_none());
}

fn origin(revision: &str, paths: &[&str]) -> Origin {
    Origin {
        url: "https://git.example/ops.git".into(),
        revision: revision.into(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    }
}

#[test]
fn commits_are_read_whatever_their_texts_hold() {
    let log = format!("{NEW}\0{OLD}\x001772000000\0Ada\0raise\x1e the \x1b[31mpool\0{OLD}\0\x001771000000\0Ada\0everything");
    let of = ObjectRef::new("argoproj.io/v1alpha1", "Application", Some("argocd"), "web");
    let mut commits = parse(log.as_bytes(), "https://git.example/ops.git", &of, "git log");
    let [commit] = &commits[..] else {
        panic!("where the fetched history ends is no commit: {commits:?}")
    };
    assert_eq!((commit.id.as_str(), commit.author.as_str()), (NEW, "Ada"));
    name_files(&mut commits, format!("{NEW}\0web/a.yaml\0web/b.yaml\0").as_bytes());
    assert_eq!(commits[0].files, ["web/a.yaml", "web/b.yaml"]);
    assert!(commits[0].words().starts_with("67e2c98a60 by Ada: raise"), "{}", commits[0].words());
}

#[test]
fn what_is_asked_of_git_is_what_is_applied_and_nothing_else() {
    let since = Timestamp::from_second(1_772_000_000).unwrap();
    let asked = arguments(&origin("main", &["web", ":(exclude)x"]), since, 10);
    let paths: Vec<&String> = asked.iter().skip_while(|argument| *argument != "--").collect();
    assert_eq!(paths, ["--", ":(top,literal)web", ":(top,literal):(exclude)x"]);
    let whole = arguments(&origin("main", &[""]), since, 10);
    assert_eq!(whole.last().map(String::as_str), Some("--"));
    for name in ["--upload-pack=/bin/sh", "1.*", "a b", "main:refs/heads/x", "a..b"] {
        assert_eq!(origin(name, &[]).reference(), None, "{name}");
    }
    assert_eq!(origin("", &[]).reference().as_deref(), Some("HEAD"));
}

#[test]
fn one_repository_has_many_addresses() {
    for other in [
        "git@git.example:ops/web",
        "ssh://git@git.example:22/ops/web.git",
        "https://GIT.example/ops/web/",
    ] {
        assert!(same_repository("https://git.example/ops/web.git", other), "{other}");
    }
    assert!(!same_repository(
        "https://git.example/ops/web.git",
        "https://git.example/ops/cart.git"
    ));
    assert!(!same_repository(
        "https://git.example/ops/web.git",
        "https://other.example/ops/web.git"
    ));
}

#[test]
fn a_commit_is_a_turn_of_the_time_line() {
    let of = ObjectRef::new("argoproj.io/v1alpha1", "Application", Some("argocd"), "web");
    let commit = Commit {
        at: Timestamp::from_second(1_772_000_000).unwrap(),
        id: NEW.into(),
        author: "Ada".into(),
        subject: "raise the pool".into(),
        files: ["a", "b", "c", "d"].map(String::from).into(),
        repository: "https://git.example/ops.git".into(),
        of,
        query: "git log".into(),
    };
    assert_eq!(
        commit.moment().what,
        "commit 67e2c98a60 by Ada: raise the pool (a, b, c and 1 more)"
    );
}
