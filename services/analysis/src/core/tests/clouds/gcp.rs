//! Machines at Google Cloud.

use paramedic_domain::evidence::Source;
use serde_json::{Value, json};

use super::{at, printed, seeking};
use crate::core::{
    clouds::{Answer, Place, Question, Told},
    subjects::machines::Cause,
};

const MACHINE: &str = "gce://shop-prod-4711/europe-west3-a/gke-shop-pool-1-7f3d2c1b-x4qz";
const STOPPED: &str = include_str!("gce-stopped.json");
const OPERATIONS: &str = include_str!("gce-operations.json");

fn told(answers: &[Answer]) -> Result<Told, String> {
    seeking(MACHINE).told(answers, "2026-03-02T12:01:40.201Z".parse().unwrap())
}

fn instance(status: &str) -> Answer {
    Answer::Json(json!({"name": "gke-shop-pool-1-7f3d2c1b-x4qz", "status": status, "scheduling": {"provisioningModel": "STANDARD"}}))
}

fn operation(kind: &str, time: &str, user: &str) -> Answer {
    let target =
        "https://www.googleapis.com/compute/v1/projects/shop-prod-4711/zones/europe-west3-a/instances/gke-shop-pool-1-7f3d2c1b-x4qz";
    Answer::Json(json!([{"operationType": kind, "insertTime": time, "user": user, "targetLink": target, "status": "DONE"}]))
}

fn refused(answers: &[Answer]) -> bool {
    told(answers).is_err()
}

#[test]
fn identifiers_of_nodes_become_arguments_only_in_their_strict_form() {
    let words: Vec<String> = seeking(MACHINE).place.questions().iter().map(Question::words).collect();
    assert_eq!(
        words,
        [
            "gcloud compute instances describe gke-shop-pool-1-7f3d2c1b-x4qz --project=shop-prod-4711 --zone=europe-west3-a --format=json",
            "gcloud compute operations list --project=shop-prod-4711 --zones=europe-west3-a \
             '--filter=targetLink ~ \"/zones/europe-west3-a/instances/gke-shop-pool-1-7f3d2c1b-x4qz$\"' \
             '--sort-by=~insertTime' --limit=20 --format=json",
        ]
    );
    let place = Place::of_machine("gce://example.com:shop-eu/us-east1-b/n1").unwrap();
    assert_eq!((place.project(), place.region()), (Some("example.com:shop-eu"), None));
    for other in [
        "gce://shop-prod-4711/europe-west3-a/--format",
        "gce://shop-prod-4711/europe-west3-a/n1\" OR name:*",
        "gce://shop-prod-4711/europe-west3/n1",
        "gce://--impersonate-service-account=x/europe-west3-a/n1",
        "gce://shop-prod-4711/europe-west3-a/n1/n2",
        "gce://shop-prod-4711/europe-west3-a/n1\n",
    ] {
        assert_eq!(Place::of_machine(other), None, "{other}");
    }
}

#[test]
fn a_machine_that_was_preempted_says_so_with_its_time() {
    let told = told(&[printed(STOPPED), printed(OPERATIONS)]).unwrap();
    let machine = told.machine();
    assert_eq!(
        (machine.state.as_str(), machine.ended_by, machine.minutes_ago),
        ("terminated", Cause::Reclaimed, 10.0)
    );
    assert!(machine.gone && machine.spot && !machine.healthy);
    assert!(machine.reason.contains("Instance was preempted."), "{}", machine.reason);
    assert_eq!(told.moments.len(), 1);
    assert_eq!(told.moments[0].at, "2026-03-02T11:51:40.201Z".parse().unwrap());
    let first = &told.quotes[0];
    assert_eq!(first.source, Source::Gcp);
    assert!(
        first.query.starts_with("gcloud compute operations list"),
        "why comes before what: {}",
        first.query
    );
    assert_eq!(told.quotes.len(), 2);
}

#[test]
fn a_machine_that_is_gone_for_good_is_explained_by_its_operations() {
    let complaint = b"ERROR: (gcloud.compute.instances.describe) Could not fetch resource:\n - The resource 'projects/shop-prod-4711/zones/europe-west3-a/instances/gke-shop-pool-1-7f3d2c1b-x4qz' was not found\n";
    let question = seeking(MACHINE).place.questions().remove(0);
    let absent = || question.answered(Some(1), b"", complaint).unwrap();
    let deleted = told(&[absent(), operation("delete", "2026-03-02T11:00:00Z", "dev@shop.example")]).unwrap();
    assert_eq!(
        (deleted.machine().state.as_str(), deleted.machine().ended_by),
        ("absent", Cause::Request)
    );
    assert!(
        deleted.machine().reason.contains("by dev@shop.example"),
        "{}",
        deleted.machine().reason
    );
    let unexplained = told(&[absent(), Answer::Json(json!([]))]).unwrap();
    assert!(unexplained.machine().gone && unexplained.machine().ended_by == Cause::Unknown);

    let no_project = b"ERROR: (gcloud.compute.instances.describe) The resource 'projects/shop-prod-4711' was not found";
    assert!(
        question.answered(Some(1), b"", no_project).is_err(),
        "that says nothing of the machine"
    );
}

#[test]
fn what_ended_a_machine_counts_while_it_is_gone_or_for_two_hours() {
    let by = |state: &str, kind: &str, time: &str| told(&[instance(state), operation(kind, time, "system")]).unwrap().machine();
    let host = by("RUNNING", "compute.instances.hostError", "2026-03-02T11:30:00Z");
    assert_eq!((host.ended_by, host.healthy, host.gone), (Cause::Provider, false, false));
    let before = by("RUNNING", "compute.instances.hostError", "2026-03-02T09:30:00Z");
    assert_eq!((before.ended_by, before.healthy), (Cause::Unknown, true));
    let stopped = by("TERMINATED", "stop", "2026-02-20T09:30:00Z");
    assert_eq!((stopped.ended_by, stopped.gone), (Cause::Request, true));
    let guest = by("TERMINATED", "compute.instances.guestTerminate", "2026-03-02T11:30:00Z");
    assert_eq!(guest.ended_by, Cause::Itself);
    let harmless = by("RUNNING", "setLabels", "2026-03-02T11:30:00Z");
    assert_eq!((harmless.ended_by, harmless.healthy), (Cause::Unknown, true));
    assert!(
        !told(&[instance("RUNNING")]).unwrap().machine().healthy,
        "its operations are not known"
    );
    assert!(!by("REPAIRING", "setLabels", "2026-03-02T11:30:00Z").healthy);
}

#[test]
fn answers_about_another_machine_or_of_another_shape_are_refused() {
    assert!(refused(&[printed(&STOPPED.replace("x4qz", "aaaa"))]));
    assert!(refused(&[printed(STOPPED), printed(&OPERATIONS.replace("x4qz", "aaaa"))]));
    assert!(refused(&[instance("")]));
    assert!(refused(&[]));
    for other in [
        json!([]),
        json!(null),
        json!("RUNNING"),
        json!({"name": ["gke-shop-pool-1-7f3d2c1b-x4qz"]}),
    ] {
        assert!(refused(&[Answer::Json(other)]));
    }
    assert!(refused(&[instance("RUNNING"), Answer::Json(json!({"items": []}))]));
}

#[test]
fn texts_of_the_provider_are_data() {
    let user = format!("\u{1b}[31mroot\u{1b}[0m\n{}", "a".repeat(50_000));
    let told = told(&[instance("TERMINATED"), operation("stop", "2026-03-02T11:30:00Z", &user)]).unwrap();
    let texts = [&told.machine().reason, &told.quotes[0].excerpt, &told.moments[0].what];
    assert!(
        texts.iter().all(|text| !text.contains(char::is_control) && text.len() < 1_000),
        "{texts:?}"
    );
    let Answer::Json(stop) = operation("stop", "2026-03-02T11:30:00Z", "system") else {
        panic!("made above");
    };
    let thousands = Answer::Json(Value::Array(vec![stop[0].clone(); 5_000]));
    let flooded = seeking(MACHINE).told(&[instance("TERMINATED"), thousands], at()).unwrap();
    assert!(flooded.moments.len() == 10 && flooded.quotes[0].excerpt.len() < 5_000);
    let many: Vec<Value> = (0..5_000).map(|_| json!({"targetLink": "x"})).collect();
    assert!(refused(&[instance("RUNNING"), Answer::Json(Value::Array(many))]));
}
