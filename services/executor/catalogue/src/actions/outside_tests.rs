//! Actions that look, wait, tell people and ask outside systems: what they accept, refuse and want.

use std::collections::BTreeMap;

use paramedic_domain::{
    alert::{Alert, AlertStatus},
    change::{Call, Commit, Silence},
    incident::Incident,
    object::ObjectRef,
    plan::Lasts,
};
use serde_json::{Value, json};

use super::*;
use crate::{
    action::Work,
    systems::{Forge, Repository, RepositoryFile, Systems, Tracker, TrackerKind},
    world::Lookup,
};

fn draft(action: &str, arguments: Value, world: &World) -> Result<Draft, String> {
    let moment = Moment {
        steps: vec!["rec-1".parse().unwrap(), "rec-001".parse().unwrap(), "rec-002".parse().unwrap()],
        now: "2026-11-22T10:00:00Z".parse().unwrap(),
        marker: "plan_a/rec-1".into(),
        suffix: "0123abcd".into(),
    };
    let params = arguments.as_object().unwrap().clone();
    let catalogue = Catalogue::default();
    let action = catalogue.find(action).unwrap();
    action
        .needs(&params)
        .and_then(|_| action.draft(&params, world, &moment))
        .map_err(|refused| refused.reason)
}

fn alert(labels: &[(&str, &str)], status: AlertStatus) -> Alert {
    let labels: BTreeMap<String, String> = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Alert {
        fingerprint: labels.values().cloned().collect::<Vec<_>>().join("-"),
        status,
        labels,
        annotations: BTreeMap::new(),
        starts_at: "2026-11-22T09:50:00Z".parse().unwrap(),
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    }
}

fn storm() -> World {
    let mut incident = Incident::new("test".parse().unwrap(), "inc_a".parse().unwrap());
    for alert in [
        alert(
            &[
                ("alertname", "ServiceADown"),
                ("service", "a"),
                ("severity", "critical"),
                ("empty", ""),
            ],
            AlertStatus::Firing,
        ),
        alert(
            &[("alertname", "ServiceBSlow"), ("service", "b"), ("namespace", "shop")],
            AlertStatus::Firing,
        ),
        alert(&[("alertname", "ServiceCTimeout"), ("service", "c")], AlertStatus::Resolved),
        alert(&[("alertname", "Everything"), ("severity", "critical")], AlertStatus::Firing),
    ] {
        incident.alerts.insert(alert.fingerprint.clone(), alert);
    }
    World {
        incident: Some(incident),
        systems: Systems {
            alertmanager: true,
            ..Systems::default()
        },
        ..World::default()
    }
}

fn silenced(draft: Draft) -> Silence {
    let Work::Call(Call::Silence(silence)) = draft.work else {
        panic!("{draft:?}")
    };
    silence
}

#[test]
fn a_silence_names_every_label_of_the_incidents_firing_alerts_and_ends_with_the_verification() {
    let arguments = json!({"alerts": ["ServiceADown", "ServiceBSlow", "..."], "duration": "5m", "reason": "token=abc123def is fixed"});
    let draft = draft("silence_alerts", arguments, &storm()).unwrap();
    assert_eq!(draft.lasts, Some(Lasts::Verified));
    assert!(draft.notes[0].contains("Everything"), "{:?}", draft.notes);
    let silence = silenced(draft);
    let sets: Vec<Value> = silence.matchers.iter().map(|matchers| json!(matchers.labels)).collect();
    assert_eq!(
        sets,
        [
            json!({"alertname": "ServiceADown", "service": "a", "severity": "critical"}),
            json!({"alertname": "ServiceBSlow", "service": "b", "namespace": "shop"}),
        ]
    );
    assert_eq!(silence.lasts, Duration::from_secs(300));
    assert!(
        silence.comment.contains("inc_a") && !silence.comment.contains("abc123def"),
        "{}",
        silence.comment
    );
    let one = silenced(self::draft("silence_alerts", json!({"alerts": ["ServiceBSlow"]}), &storm()).unwrap());
    assert_eq!(one.matchers.len(), 1);
}

#[test]
fn a_silence_that_is_too_long_too_wide_or_of_other_alerts_is_refused() {
    for (arguments, expected) in [
        (json!({"duration": "2h"}), "longer than 1 h"),
        (json!({"duration": "soon"}), "not a duration"),
        (json!({"alerts": [".*"]}), "pattern"),
        (json!({"alerts": ["severity=critical"]}), "pattern"),
        (json!({"alerts": ["Watchdog"]}), "not an alert of incident inc_a"),
        (json!({"alerts": ["ServiceCTimeout"]}), "none of these alerts is firing"),
        (json!({"alerts": ["Everything"]}), "alerts of other incidents"),
        (json!({"matchers": {"severity": "critical"}}), "matchers"),
    ] {
        let refused = draft("silence_alerts", arguments.clone(), &storm()).unwrap_err();
        assert!(refused.contains(expected), "{arguments}: {refused}");
    }
    let nobody = World { incident: None, ..storm() };
    assert!(draft("silence_alerts", json!({}), &nobody).unwrap_err().contains("incident"));
    let nowhere = World {
        systems: Systems::default(),
        ..storm()
    };
    assert!(
        draft("silence_alerts", json!({}), &nowhere)
            .unwrap_err()
            .contains("executor.alertmanager.url")
    );
}

fn tracker(name: &str, kind: TrackerKind) -> Tracker {
    Tracker {
        name: name.into(),
        kind,
        project: String::new(),
        labels: vec!["incident".into()],
    }
}

#[test]
fn a_report_becomes_a_ticket_where_its_tracker_is_configured_and_a_message_where_not() {
    let arguments = json!({"type": "jira", "project": "PAYMENT", "priority": "high", "attachments": ["heap_dump_rec-001"]});
    let without = draft("notify_only", arguments.clone(), &World::default()).unwrap();
    assert!(matches!(without.work, Work::Notify(_)));
    assert!(
        without.notes[0].contains("jira") && without.notes[0].contains("message"),
        "{:?}",
        without.notes
    );
    let mut world = World::default();
    world.systems.trackers = vec![tracker("bugs", TrackerKind::Jira), tracker("code", TrackerKind::Github)];
    let Work::Call(Call::Ticket(ticket)) = draft("notify_only", arguments, &world).unwrap().work else {
        panic!()
    };
    assert_eq!(
        (ticket.tracker.as_str(), ticket.project.as_str(), ticket.priority.as_str()),
        ("bugs", "PAYMENT", "high")
    );
    assert_eq!(ticket.attachments, ["rec-001".parse().unwrap()]);
    assert_eq!(ticket.labels, ["incident"]);
    // A project is part of a query.
    for project in ["PAY\" OR project = \"X", "", "../admin"] {
        assert!(
            draft("notify_only", json!({"type": "bugs", "project": project}), &world).is_err(),
            "{project}"
        );
    }
    assert!(draft("notify_only", json!({"type": "github", "project": "just-a-name"}), &world).is_err());
    world.systems.trackers.push(tracker("more", TrackerKind::Jira));
    let unclear = draft("notify_only", json!({"type": "jira", "project": "A"}), &world).unwrap_err();
    assert!(unclear.contains("name one"), "{unclear}");
}

const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\ndata:\n  DATABASE_POOL_SIZE: \"100\" # per replica\n";

fn repository() -> World {
    let mut world = storm();
    world.systems.repositories = vec![Repository {
        name: "k8s-configs".into(),
        base: "main".into(),
        protected: vec!["release/*".into()],
        forge: Forge::Github,
    }];
    world.files = vec![RepositoryFile {
        repository: "k8s-configs".into(),
        path: "production/config.yaml".into(),
        seen: Ok(("c0ffee".into(), MANIFEST.into())),
    }];
    world
}

fn manifests(more: Value) -> Value {
    let mut arguments = json!({"repository": "k8s-configs", "path": "production/config.yaml",
        "patch": {"DATABASE_POOL_SIZE": "200"}, "createPR": true});
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    arguments
}

fn commit(draft: Draft) -> Commit {
    let Work::Call(Call::Commit(commit)) = draft.work else {
        panic!("{draft:?}")
    };
    commit
}

#[test]
fn a_change_of_manifests_holds_the_whole_file_its_diff_and_a_branch_of_its_own() {
    let commit = commit(draft("update_git_manifests", manifests(json!({})), &repository()).unwrap());
    assert_eq!(commit.branch, "paramedic/plan_a/rec-1");
    assert_eq!(
        (commit.base.as_str(), commit.base_commit.as_str(), commit.pull_request),
        ("main", "c0ffee", true)
    );
    assert_eq!(commit.files[0].content, MANIFEST.replace("100", "200"));
    let diff = &commit.files[0].diff;
    assert!(
        diff.contains("-  DATABASE_POOL_SIZE: \"100\"") && diff.contains("+  DATABASE_POOL_SIZE: \"200\""),
        "{diff}"
    );
    assert!(commit.message.contains("Paramedic-Step: plan_a/rec-1"), "{}", commit.message);
}

#[test]
fn a_change_of_manifests_is_refused_where_it_could_reach_more_than_a_branch_of_its_own() {
    for (more, expected) in [
        (json!({"branch": "main"}), "protected"),
        (json!({"branch": "release/7"}), "protected"),
        (json!({"branch": "--force"}), "not the name of a branch"),
        (json!({"branch": "a..b"}), "not the name of a branch"),
        (json!({"path": "../../etc/x.yaml"}), "not the path"),
        (json!({"path": ".git/config.yaml"}), "not the path"),
        (json!({"path": "run.sh"}), "not a YAML"),
        (json!({"repository": "other"}), "not configured"),
        (json!({"patch": {}}), "at least one"),
        (json!({"patch": {"DATABASE_POOL_SIZE": "100"}}), "already has"),
        (json!({"patch": {"MISSING": "1"}}), "not in the file"),
    ] {
        let refused = draft("update_git_manifests", manifests(more.clone()), &repository()).unwrap_err();
        assert!(refused.contains(expected), "{more}: {refused}");
    }
    let mut secret = repository();
    secret.files[0].seen = Ok(("c0ffee".into(), MANIFEST.replace("ConfigMap", "Secret")));
    assert!(
        draft("update_git_manifests", manifests(json!({})), &secret)
            .unwrap_err()
            .contains("Secret")
    );
}

fn found(
    kind: &'static [(&'static str, &'static str)],
    namespace: Option<&str>,
    name: &str,
    places: &[&str],
) -> (Lookup, Vec<(ObjectRef, Value)>) {
    let objects = places
        .iter()
        .map(|place| {
            (
                ObjectRef::new(kind[0].0, kind[0].1, Some(place), name),
                json!({"metadata": {"uid": format!("u-{place}")}}),
            )
        })
        .collect();
    (named::lookup(kind, namespace.map(str::to_owned).as_ref(), name), objects)
}

#[test]
fn a_name_without_a_namespace_is_what_the_incident_is_about_and_never_guessed() {
    let mut world = storm();
    world.named = vec![found(named::DEPLOYMENT, None, "web", &["shop", "staging"])];
    let check = |world: &World| {
        draft(
            "health_check",
            json!({"deployment": "web", "endpoint": "/health", "expectedStatus": 200}),
            world,
        )
    };
    // One of the alerts is in `shop`.
    let Work::Read { targets, what } = check(&world).unwrap().work else {
        panic!()
    };
    assert_eq!(targets[0].to_string(), "Deployment shop/web");
    assert_eq!(targets[0].uid.as_deref(), Some("u-shop"));
    assert!(what.contains("/health") && what.contains("200"), "{what}");
    world.incident = None;
    assert!(check(&world).unwrap_err().contains("shop, staging"));
    world.named = Vec::new();
    assert!(check(&world).unwrap_err().contains("in no namespace"));
}

#[test]
fn a_recovery_is_of_what_was_repaired_and_what_depends_on_it_each_once() {
    let world = World {
        named: vec![
            found(named::SERVICE, Some("shop"), "db", &["shop"]),
            found(named::SERVICE, Some("shop"), "web", &["shop"]),
        ],
        ..World::default()
    };
    let arguments = json!({"namespace": "shop", "targets": ["db"], "dependants": ["web"], "services": ["web", "db"]});
    let Work::Read { targets, what } = draft("verify_recovery", arguments, &world).unwrap().work else {
        panic!()
    };
    let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["Service shop/web", "Service shop/db"]);
    assert!(what.contains("for 30 s"), "{what}");
}

#[test]
fn checks_refuse_what_they_could_not_look_at() {
    for (arguments, expected) in [
        (json!({}), "at least one of"),
        (json!({"service": "a", "tcp": 5432}), "executor.tcp_networks"),
        (
            json!({"query": "up", "comparison": ">", "value": 0, "tcp": 5432}),
            "need the service",
        ),
        (json!({"service": "a", "endpoint": "health"}), "absolute path"),
        (json!({"service": "a", "endpoint": "/../secrets"}), "absolute path"),
        (json!({"service": "a", "expectedStatus": 200}), "endpoint"),
        (json!({"query": "up", "value": 1}), "go together"),
        (json!({"query": "up", "comparison": "~", "value": 1}), "unknown variant"),
        (json!({"service": "a", "stableFor": "2h"}), "longer than 1 h"),
        (
            json!({"endpoint": "/health", "query": "up", "comparison": ">", "value": 0}),
            "need the service",
        ),
    ] {
        for action in ["health_check", "verify_recovery"] {
            let refused = draft(action, arguments.clone(), &World::default()).unwrap_err();
            assert!(refused.contains(expected), "{arguments}: {refused}");
        }
    }
    for (arguments, expected) in [
        (json!({"duration": "2h"}), "longer than 1 h"),
        (json!({"duration": "5m", "query": "up"}), "go together"),
        (json!({}), "duration"),
    ] {
        let refused = draft("wait", arguments.clone(), &World::default()).unwrap_err();
        assert!(refused.contains(expected), "{arguments}: {refused}");
    }
}

#[test]
fn a_database_and_its_figures_can_be_collected_and_a_storm_correlated() {
    let mut world = storm();
    world.named = vec![found(named::DATABASE, None, "fraud-detection-db", &["production"])];
    let arguments = json!({"database": "fraud-detection-db", "metrics": ["connection_pool_size", "active_connections"]});
    let Work::Read { targets, what } = draft("collect_diagnostics", arguments, &world).unwrap().work else {
        panic!()
    };
    assert_eq!(targets[0].to_string(), "StatefulSet production/fraud-detection-db");
    assert!(what.contains("active_connections"), "{what}");
    let arguments = json!({"alerts": ["ServiceADown", "..."], "correlationWindow": "5m"});
    let Work::Read { what, .. } = draft("correlate_alerts", arguments, &world).unwrap().work else {
        panic!()
    };
    assert!(what.contains("4 alerts"), "{what}");
    assert!(draft("correlate_alerts", json!({"correlationWindow": "soon"}), &world).is_err());
}
