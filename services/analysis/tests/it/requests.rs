//! The evaluation cases that begin with a request: what is made of it, and what a request for something else meets.

use std::path::Path;

use paramedic_analysis::{
    core::decide::Conclusion,
    shell::{probes::Probes, request::consider},
};
use paramedic_domain::{
    object::ObjectRef,
    request::{ChangeRequest, What},
};
use paramedic_simulator::{Begin, Cluster, Options, Recording, Simulator};
use serde_json::Value;

use crate::{
    cases::{folder, judged, truth},
    world::{SPEED, access, clock, config, rules},
};

/// The request of a case, as the gateway would read it.
fn request(case: &Path) -> ChangeRequest {
    let body: Value = serde_json::from_str(&std::fs::read_to_string(case.join("request.json")).unwrap()).unwrap();
    let (kind, ask) = body["ask"].as_object().unwrap().iter().next().unwrap();
    let text = |name: &str| ask[name].as_str().unwrap().to_owned();
    let what = match kind.as_str() {
        "set_image" => What::SetImage {
            target: ObjectRef::new("apps/v1", "Deployment", Some(&text("namespace")), &text("deployment")),
            container: ask["container"].as_str().map(ToOwned::to_owned),
            image: text("image"),
        },
        "apply_module" => What::ApplyModule { module: text("module") },
        "report_costs" => What::ReportCosts {
            account: text("account"),
            month: text("month"),
        },
        other => panic!("{other}"),
    };
    ChangeRequest {
        id: body["id"].as_str().unwrap().parse().unwrap(),
        by: "request".into(),
        on_behalf_of: String::new(),
        what,
    }
}

async fn considered(case: &Path, request: &ChangeRequest) -> Conclusion {
    let begin = Begin::at(truth(case).now.unwrap());
    let mut options = Options::new(Cluster::Recording(Box::new(Recording::load(case).unwrap()), begin));
    options.speed = SPEED;
    rustls::crypto::ring::default_provider().install_default().ok();
    let simulator = Simulator::start(options).await.unwrap();
    let probes = Probes::new(&access(&simulator).await, clock(&simulator), config(), rules());
    let conclusion = consider(&probes, request, 1).await.unwrap();
    simulator.shutdown().await;
    conclusion
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_that_begins_with_a_request_is_understood() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let case = entry.unwrap().path();
        if case.join("request.json").exists() {
            let conclusion = considered(&case, &request(&case)).await;
            let (right, told) = judged(&case, &conclusion);
            assert!(right, "{}: {told}", case.display());
            seen += 1;
        }
    }
    assert!(seen >= 7, "{seen} cases");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_something_that_is_not_there_is_left_to_people() {
    let case = folder().join("P08-deploy-with-dry-run");
    let mut request = request(&case);
    let What::SetImage { target, .. } = &mut request.what else {
        panic!("{:?}", request.what)
    };
    target.name = "payment-service".into();
    let Conclusion::Inconclusive { reasons, .. } = considered(&case, &request).await else {
        panic!("there is no such Deployment")
    };
    assert_eq!(reasons, ["Deployment payments/payment-service does not exist"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_is_what_the_release_is_measured_by() {
    let case = folder().join("P08-deploy-with-dry-run");
    let Conclusion::Found(found) = considered(&case, &request(&case)).await else {
        panic!("it can be done")
    };
    let criteria: Vec<&str> = found.criteria.iter().map(|criterion| criterion.description.as_str()).collect();
    for wanted in [
        "of requests fail, as before",
        "p99 stays within",
        "did not exceed its progress deadline",
    ] {
        assert!(criteria.iter().any(|text| text.contains(wanted)), "{wanted}: {criteria:?}");
    }
}
