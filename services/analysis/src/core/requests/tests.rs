//! Requests against what there is.

use jiff::Timestamp;
use paramedic_domain::{evidence::Source, object::ObjectRef, plan::Recommendation, request::What};
use serde_json::json;

use super::*;
use crate::core::{
    facts::{Revision, Series},
    read,
};

const OLD: &str = "registry.example/payments/service:2.3.0";
const NEW: &str = "registry.example/payments/service:2.3.1";

fn conclude(facts: &Facts, object: Option<&Value>, request: &ChangeRequest, attempt: u32) -> Conclusion {
    let What::SetImage { target, container, image } = &request.what else {
        panic!("{:?}", request.what)
    };
    let container = container.as_deref();
    super::conclude(facts, object, request, Wanted { target, container, image }, attempt)
}

fn deployment(containers: &Value) -> Value {
    json!({
        "metadata": {"name": "payments-service", "namespace": "payments", "uid": "u-1"},
        "spec": {"replicas": 3, "progressDeadlineSeconds": 120, "template": {"spec": {"containers": containers}}},
        "status": {"readyReplicas": 3, "updatedReplicas": 3, "replicas": 3},
    })
}

fn usual() -> Value {
    deployment(&json!([{"name": "payments", "image": OLD}, {"name": "proxy", "image": "registry.example/proxy:1"}]))
}

fn facts(object: &Value) -> Facts {
    let at: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
    let mut facts = Facts::new(at, Vec::new());
    let id = facts.cite(
        Source::Kubernetes,
        "/apis/apps/v1/namespaces/payments/deployments/payments-service",
        "it",
        None,
    );
    facts.workload = read::workload(object, "Deployment", "", id.clone());
    let revision = |number, image: &str| Revision {
        number,
        name: format!("payments-service-{number}"),
        created: at,
        replicas: 3,
        ready: 3,
        changes: vec![image.to_owned()],
        evidence: id.clone(),
    };
    facts.revisions = vec![revision(7, OLD), revision(6, "older")];
    facts
}

fn request(container: Option<&str>, image: &str) -> ChangeRequest {
    ChangeRequest {
        id: "release-17".parse().unwrap(),
        by: "pipeline".into(),
        on_behalf_of: String::new(),
        what: What::SetImage {
            target: ObjectRef::new("apps/v1", "Deployment", Some("payments"), "payments-service"),
            container: container.map(ToOwned::to_owned),
            image: image.into(),
        },
    }
}

fn found(object: &Value, container: Option<&str>, image: &str) -> Diagnosis {
    match conclude(&facts(object), Some(object), &request(container, image), 1) {
        Conclusion::Found(diagnosis) => *diagnosis,
        Conclusion::Inconclusive { reasons, .. } => panic!("{reasons:?}"),
    }
}

fn why_not(object: &Value, container: Option<&str>, image: &str) -> String {
    match conclude(&facts(object), Some(object), &request(container, image), 1) {
        Conclusion::Found(diagnosis) => panic!("{diagnosis:?}"),
        Conclusion::Inconclusive { mut reasons, .. } => reasons.remove(0),
    }
}

fn actions(recommendations: &[Recommendation]) -> Vec<&str> {
    recommendations.iter().map(|step| step.action.as_str()).collect()
}

#[test]
fn a_release_names_the_container_asks_first_watches_and_tells_the_way_back() {
    let diagnosis = found(&usual(), None, NEW);
    assert_eq!(
        (diagnosis.category, diagnosis.target.to_string().as_str()),
        (Category::ChangeRequest, "Deployment payments/payments-service")
    );
    assert!((0.80..=0.95).contains(&diagnosis.confidence), "{}", diagnosis.confidence);
    assert_eq!(actions(&diagnosis.recommendations), ["set_image", "health_check", "notify_only"]);
    let [deploy, _, told] = &diagnosis.recommendations[..] else {
        unreachable!()
    };
    assert_eq!(
        Value::Object(deploy.parameters.clone()),
        json!({"deployment": "payments-service", "namespace": "payments", "container": "payments", "image": NEW})
    );
    assert_eq!(deploy.requires_approval, Some(true));
    let told = told.parameters["message"].as_str().unwrap();
    assert!(
        told.contains("rollout undo deployment/payments-service --to-revision=7") && told.contains(OLD),
        "{told}"
    );
    let criteria: Vec<&str> = diagnosis.criteria.iter().map(|criterion| criterion.description.as_str()).collect();
    assert!(
        criteria[0].contains("ready on registry.example/payments/service:2.3.1"),
        "{criteria:?}"
    );
    assert!(
        criteria.iter().any(|text| text.contains("progress deadline of 120 s")),
        "{criteria:?}"
    );
    assert!(diagnosis.factors.iter().all(|factor| !factor.evidence.is_empty()));
}

#[test]
fn a_container_that_is_named_is_the_one_and_one_that_is_not_there_is_said() {
    let named = found(&usual(), Some("proxy"), "registry.example/proxy:2");
    assert_eq!(named.recommendations[0].parameters["container"], "proxy");
    assert!(why_not(&usual(), Some("web"), NEW).contains("has no container web; it has payments, proxy"));
}

#[test]
fn which_container_is_meant_is_never_guessed() {
    let twins = deployment(&json!([{"name": "a", "image": OLD}, {"name": "b", "image": OLD}]));
    assert!(why_not(&twins, None, NEW).contains("the containers a and b of"));
    assert!(why_not(&usual(), None, "registry.example/other:1").contains("none of the containers payments, proxy"));
    let only = deployment(&json!([{"name": "a", "image": OLD}]));
    assert_eq!(
        found(&only, None, "registry.example/moved:1").recommendations[0].parameters["container"],
        "a"
    );
}

#[test]
fn what_runs_already_what_is_paused_and_what_is_not_there_is_left_to_people() {
    assert!(why_not(&usual(), None, OLD).contains("already runs"));
    let mut paused = usual();
    paused["spec"]["paused"] = json!(true);
    assert!(why_not(&paused, None, NEW).contains("is paused"));
    let nothing = Facts::new(Timestamp::UNIX_EPOCH, Vec::new());
    let Conclusion::Inconclusive { reasons, .. } = conclude(&nothing, None, &request(None, NEW), 1) else {
        panic!("there is no such Deployment")
    };
    assert_eq!(reasons, ["Deployment payments/payments-service does not exist"]);
}

#[test]
fn a_workload_that_does_not_serve_is_less_certain_ground() {
    let mut broken = usual();
    broken["status"]["readyReplicas"] = json!(1);
    let (whole, broken) = (found(&usual(), None, NEW), found(&broken, None, NEW));
    assert!(
        broken.confidence < whole.confidence && broken.confidence >= 0.60,
        "{}",
        broken.confidence
    );
}

#[test]
fn what_was_measured_before_the_release_is_what_it_is_measured_by() {
    let object = usual();
    let mut facts = facts(&object);
    let evidence = facts.cite(Source::Prometheus, "errors", "0.1 %", None);
    facts.errors = Some(Series {
        of: "payments-service".into(),
        points: vec![(0.0, 0.02), (60.0, 0.02), (120.0, f64::NAN)],
        evidence,
    });
    let Conclusion::Found(diagnosis) = conclude(&facts, Some(&object), &request(None, NEW), 1) else {
        panic!("it can be done")
    };
    let errors = diagnosis.criteria.iter().find(|criterion| criterion.unit == "share").unwrap();
    assert!(errors.decisive && (errors.threshold - 0.03).abs() < 1e-9, "{errors:?}");
}

#[test]
fn a_release_that_did_not_prove_itself_goes_back() {
    let object = deployment(&json!([{"name": "payments", "image": NEW}]));
    let Conclusion::Found(diagnosis) = conclude(&facts(&object), Some(&object), &request(None, NEW), 2) else {
        panic!("there is a revision to go back to")
    };
    assert_eq!(
        actions(&diagnosis.recommendations),
        ["collect_diagnostics", "rollback_deployment", "health_check"]
    );
    assert_eq!(diagnosis.recommendations[1].parameters["revision"], json!(6));
    let old = usual();
    let Conclusion::Inconclusive { reasons, .. } = conclude(&facts(&old), Some(&old), &request(None, NEW), 2) else {
        panic!("it was put back already")
    };
    assert!(
        reasons[0].contains("runs registry.example/payments/service:2.3.1 any more"),
        "{reasons:?}"
    );
}
