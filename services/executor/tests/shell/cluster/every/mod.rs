//! Every action of the catalogue: workers die after each of its effects and before its outcome is in the log, its message comes
//! again, and the server's own account says that everything happened once; then the same for its undo.

mod case;
mod helm;
mod jobs;
mod nodes;
mod others;
mod policies;
mod systems;
mod workloads;

use paramedic_catalogue::Catalogue;

pub(crate) use self::case::given;
use self::case::{Case, all};
use crate::{stage::Stage, story::alert};

/// Actions that run tools: their effects are counted beside the recordings of these.
const WITH_TOOLS: [&str; 2] = ["aws_cost_report", "terraform_apply"];

#[test]
fn every_action_has_a_case() {
    let groups = [
        workloads::templates(),
        workloads::pods(),
        nodes::cases(),
        jobs::cases(),
        policies::cases(),
        helm::cases(),
        others::cases(),
        systems::cases(),
    ];
    let mut covered: Vec<&str> = groups.iter().flatten().map(|case| case.action).collect();
    covered.extend(WITH_TOOLS);
    covered.sort_unstable();
    covered.dedup();
    let catalogue = Catalogue::default();
    let known: Vec<&str> = catalogue.iter().map(|action| action.name()).collect();
    assert_eq!(covered, known);
}

async fn on_a_stage(cases: Vec<Case>) {
    let mut stage = Stage::start().await;
    stage.alerts = vec![alert(&[("alertname", "Down"), ("service", "a")])];
    all(&mut stage, cases).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_templates_happen_once_and_are_undone_once() {
    on_a_stage(workloads::templates()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_pods_happen_once_and_are_undone_once() {
    on_a_stage(workloads::pods()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_nodes_happen_once_and_are_undone_once() {
    on_a_stage(nodes::cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_jobs_and_volumes_happen_once_and_are_undone_once() {
    on_a_stage(jobs::cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_policies_and_settings_happen_once_and_are_undone_once() {
    on_a_stage(policies::cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_goes_back_once_with_all_of_its_objects_and_forward_once() {
    on_a_stage(helm::cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_changes_nothing_however_often_it_comes() {
    on_a_stage(others::cases()).await;
}
