//! Changes of manifests in a bare repository, with merge requests in stand-ins of forges.

use std::path::PathBuf;

use paramedic_catalogue::systems::Forge;
use paramedic_domain::{
    change::{Call, Change},
    event::Direction,
    fault::{Effect, FailureKind},
    workflow::StepState,
};
use paramedic_executor::config::Repository;
use paramedic_testkit::outside::{ForgeKind, ForgeStandIn, GitRepository, OutsideFault};
use serde_json::json;

use crate::{
    recommended::{Wanted, prepare},
    story::{Story, stage, token},
};

const PATH: &str = "production/fraud-detection/config.yaml";
const MANIFEST: &str = "# pools\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fraud-detection-config\ndata:\n  DATABASE_POOL_SIZE: \"100\" # per replica\n";
const BRANCH: &str = "paramedic/plan_stage/rec-009";

fn repository(git: &GitRepository, forge: Forge, api_url: String, token_file: PathBuf) -> Repository {
    Repository {
        name: "k8s-configs".into(),
        url: git.url(),
        base: "main".into(),
        token_file,
        user: String::new(),
        forge,
        api_url,
        project: "ops/manifests".into(),
        protected: vec!["release/*".into()],
        author: "Paramedic <paramedic@example.com>".into(),
    }
}

fn wanted() -> Vec<Wanted> {
    let params = json!({"repository": "k8s-configs", "path": PATH, "patch": {"DATABASE_POOL_SIZE": "200"}, "createPR": true});
    vec![("rec-009", "update_git_manifests", params, &[])]
}

async fn story(git: &GitRepository, forge: Forge, api_url: String, token_file: PathBuf) -> Story {
    let configured = repository(git, forge, api_url, token_file);
    let stage = stage(|config| config.repositories.push(configured), Vec::new()).await;
    Story::of(stage, &wanted()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_and_a_request_to_merge_are_made_once_and_withdrawn_once() {
    for (kind, forge, credentials) in [
        (ForgeKind::Github, Forge::Github, "Bearer t0ken"),
        (ForgeKind::Gitlab, Forge::Gitlab, "t0ken"),
        (ForgeKind::Gitea, Forge::Gitea, "token t0ken"),
    ] {
        let git = GitRepository::start(PATH, MANIFEST).unwrap();
        let token = token();
        let server = ForgeStandIn::start(kind, credentials).await.unwrap();
        // The request to merge is made, and its answer lost.
        server.fail_next([OutsideFault::AnswerLost]);
        let mut story = story(&git, forge, server.url(), token.path().into()).await;
        let Change::Call(Call::Commit(commit)) = &story.plan.steps[0].change else {
            panic!()
        };
        assert!(
            commit.files[0].diff.contains("+  DATABASE_POOL_SIZE: \"200\" # per replica"),
            "{}",
            commit.files[0].diff
        );
        assert_eq!(Some(&commit.base_commit), git.head("main").unwrap().as_ref());
        let main = git.head("main").unwrap();
        story.despite_deaths(0, Direction::Forward).await;
        assert_eq!(git.branches().unwrap(), ["main", BRANCH], "{kind:?}");
        assert_eq!(git.file(BRANCH, PATH).unwrap(), MANIFEST.replace("100", "200"));
        assert_eq!(git.length(BRANCH).unwrap(), 2);
        assert!(git.message(BRANCH).unwrap().contains("Paramedic-Step: plan_stage/rec-009"));
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{kind:?} {requests:?}");
        story.cancel().await;
        story.despite_deaths(0, Direction::Undo).await;
        assert_eq!(git.branches().unwrap(), ["main"], "{kind:?}");
        assert_eq!(server.requests()[0]["state"], "closed");
        assert_eq!(git.head("main").unwrap(), main, "the base branch stays as it is");
        story.stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_moved_elsewhere_is_no_matter_and_in_the_file_it_is_drift() {
    let git = GitRepository::start(PATH, MANIFEST).unwrap();
    let moved = story(&git, Forge::None, String::new(), PathBuf::new()).await;
    git.commit("main", "other.yaml", "a: 1\n", "elsewhere").unwrap();
    moved.succeeds().await;
    assert_eq!(git.file(BRANCH, "other.yaml").unwrap(), "a: 1\n");
    moved.stage.end().await;

    let git = GitRepository::start(PATH, MANIFEST).unwrap();
    let drifted = story(&git, Forge::None, String::new(), PathBuf::new()).await;
    git.commit("main", PATH, &MANIFEST.replace("100", "150"), "somebody").unwrap();
    let (kind, effect, message) = drifted.fails().await;
    assert_eq!((kind, effect), (FailureKind::Drift, Effect::None), "{message}");
    assert!(message.contains("was changed"), "{message}");
    assert_eq!(git.branches().unwrap(), ["main"]);
    drifted.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_of_somebody_else_and_a_merged_request_are_left_alone() {
    let git = GitRepository::start(PATH, MANIFEST).unwrap();
    let taken = story(&git, Forge::None, String::new(), PathBuf::new()).await;
    git.commit(BRANCH, "x.yaml", "x: 1\n", "mine").unwrap();
    let (kind, _, message) = taken.fails().await;
    assert_eq!(kind, FailureKind::Drift, "{message}");
    assert_eq!(git.message(BRANCH).unwrap(), "mine");
    taken.stage.end().await;

    let git = GitRepository::start(PATH, MANIFEST).unwrap();
    let token = token();
    let server = ForgeStandIn::start(ForgeKind::Github, "Bearer t0ken").await.unwrap();
    let merged = story(&git, Forge::Github, server.url(), token.path().into()).await;
    merged.succeeds().await;
    server.merge_all();
    merged.cancel().await;
    let item = merged.item(0, Direction::Undo, 1).await;
    let StepState::UndoFailed { message, .. } = merged.work(&item, "two").await else {
        panic!("{}", merged.stage.transcript().await)
    };
    assert!(message.contains("merged already"), "{message}");
    assert_eq!(git.branches().unwrap(), ["main", BRANCH]);
    merged.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_or_file_that_is_not_there_is_refused_before_anybody_is_asked() {
    let git = GitRepository::start("other.yaml", "a: 1\n").unwrap();
    let configured = repository(&git, Forge::None, String::new(), PathBuf::new());
    let mut away = configured.clone();
    away.name = "away".into();
    away.url = "file:///nowhere/at/all.git".into();
    let stage = stage(|config| config.repositories = vec![configured, away], Vec::new()).await;
    let mut wanted = wanted();
    let mut other = wanted[0].clone();
    other.0 = "away";
    other.2["repository"] = json!("away");
    wanted.push(other);
    let answer = prepare(&stage, &wanted).await;
    assert!(answer.steps[0].refusal.contains("does not exist"), "{}", answer.steps[0].refusal);
    assert!(answer.steps[1].refusal.contains("git clone of away"), "{}", answer.steps[1].refusal);
    stage.end().await;
}
