//! Systems outside of the cluster: a real Alertmanager, a repository, and a stand-in of a tracker.

use std::path::PathBuf;

use paramedic_catalogue::systems::{Forge, TrackerKind};
use paramedic_executor::config::{Repository, Tracker};
use paramedic_testkit::{
    outside::{GitRepository, JiraStandIn},
    servers::{Alertmanager, Webhook},
};
use serde_json::json;

use super::case::{Begun, Case};
use crate::story::{alert, stage};

const PATH: &str = "production/config.yaml";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::of("silence_alerts", json!({"duration": "5m"})),
        Case::of(
            "update_git_manifests",
            json!({"repository": "configs", "path": PATH, "patch": {"POOL": "200"}, "createPR": false}),
        ),
        Case::of("notify_only", json!({"type": "jira", "project": "PAY", "title": "look"})),
    ]
}

/// The systems.
struct Systems {
    alertmanager: Alertmanager,
    git: GitRepository,
    jira: JiraStandIn,
}

impl Systems {
    async fn start() -> Self {
        let nobody = Webhook {
            url: "http://127.0.0.1:9/".into(),
            bearer_token: "unused".into(),
            group_by: vec!["alertname".into()],
            max_alerts: 0,
        };
        Self {
            alertmanager: Alertmanager::start(&nobody).await.unwrap(),
            git: GitRepository::start(
                PATH,
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\ndata:\n  POOL: \"100\"\n",
            )
            .unwrap(),
            jira: JiraStandIn::start("Bearer t0ken", false).await.unwrap(),
        }
    }

    /// Effects of the action that there ever were, and those that are in force.
    async fn effects(&self, action: &str) -> (usize, usize) {
        match action {
            "silence_alerts" => {
                let url = format!("{}/api/v2/silences", self.alertmanager.url());
                let all: Vec<serde_json::Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
                let open = all.iter().filter(|silence| silence["status"]["state"] != "expired").count();
                (all.len(), open)
            }
            "update_git_manifests" => {
                let branches = self.git.branches().unwrap().len() - 1;
                (branches, branches)
            }
            "notify_only" => (self.jira.issues().len(), self.jira.issues().len()),
            other => panic!("{other} has no system"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_systems_hear_of_it_once_and_of_its_undo_once() {
    let systems = Systems::start().await;
    let token = crate::story::token();
    let configure = |config: &mut paramedic_executor::Config| {
        config.alertmanager.url = systems.alertmanager.url();
        config.repositories.push(Repository {
            name: "configs".into(),
            url: systems.git.url(),
            base: "main".into(),
            token_file: PathBuf::new(),
            user: String::new(),
            forge: Forge::None,
            api_url: String::new(),
            project: String::new(),
            protected: Vec::new(),
            author: "Paramedic <paramedic@example.com>".into(),
        });
        config.trackers.push(Tracker {
            name: "bugs".into(),
            kind: TrackerKind::Jira,
            url: systems.jira.url(),
            token_file: token.path().into(),
            user: String::new(),
            project: String::new(),
            labels: Vec::new(),
            issue_type: "Bug".into(),
        });
    };
    let mut stage = stage(configure, vec![alert(&[("alertname", "Down"), ("service", "a")])]).await;
    for (number, case) in cases().into_iter().enumerate() {
        let begun = Begun::new(&mut stage, number, &case).await;
        let forward = begun.forward(&stage).await;
        assert_eq!(systems.effects(case.action).await, (1, 1), "{}", case.action);
        let undoes = begun.mutates();
        begun.back(&stage, &case, forward).await;
        let (all, left) = systems.effects(case.action).await;
        assert!(all <= 1 && left == usize::from(!undoes), "{}: {all} {left}", case.action);
    }
    stage.end().await;
}
