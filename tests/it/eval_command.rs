//! The evaluation as a user runs it, on one of the cases of this repository.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use paramedic_testkit::model::{Say, Stub};
use paramedic_tests::paramedic;
use serde_json::{Value, json};

fn eval(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(paramedic()).arg("eval").arg(folder).args(arguments).output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// The case with another truth.
fn with_truth(case: &str, change: impl Fn(String) -> String) -> tempfile::TempDir {
    let (from, to) = (cases().join(case), tempfile::tempdir().unwrap());
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == "truth.yaml" {
            let truth = fs::read_to_string(entry.path()).unwrap();
            fs::write(to.path().join("truth.yaml"), change(truth)).unwrap();
        } else {
            symlink(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
    }
    to
}

#[test]
fn a_case_is_played_judged_and_reported_as_one_json_object() {
    let (code, out, err) = eval(&cases(), &["--only", "P11", "--at-least", "70", "--json"]);
    assert_eq!(code, Some(0), "{out}\n{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let case = &report["cases"][0];
    assert_eq!((report["cases"].as_array().unwrap().len(), &case["case"]), (1, &Value::from("P11")));
    assert_eq!(case["diagnosis"]["target"], "Deployment shop/checkout-api");
    assert_eq!((&case["outcome"], &case["correct"]), (&Value::from("resolved"), &Value::from(true)));
    let lines = case["lines"].as_array().unwrap();
    let sum = |field: &str| lines.iter().filter_map(|line| line[field].as_u64()).sum::<u64>();
    assert_eq!((Some(sum("points")), sum("of")), (case["points"].as_u64(), 100));
    assert!(case["reads"].as_u64() > Some(0) && report["brier"].as_f64() < Some(0.25), "{out}");
    let asked = case["asked"][0]["changes"].to_string();
    assert!(asked.contains("patches Deployment shop/checkout-api"), "{asked}");
    assert_eq!(case["changes"].as_array().unwrap().len(), 1);
}

/// An answer of a model about P11.
fn opinion(category: &str, steps: Value) -> Value {
    json!({
        "category": category,
        "target": {"kind": "Deployment", "namespace": "shop", "name": "checkout-api"},
        "confidence": 0.9,
        "claims": [{"text": "the model says so", "evidence": ["ev-01"]}],
        "recommendations": steps,
    })
}

/// P11 as a model of that opinion answers it, and the questions that it was asked.
async fn asked_a_model(engine: &str, opinion: Value) -> (Value, Vec<Value>) {
    let stub = Stub::start(vec![Say::Conclude(opinion)]).await;
    let url = stub.url();
    let arguments = [
        "--only",
        "P11",
        "--at-least",
        "0",
        "--json",
        "--engine",
        engine,
        "--model",
        "stub",
        "--model-url",
        &url,
    ];
    let (code, out, err) = eval(&cases(), &arguments);
    assert_eq!(code, Some(0), "{out}\n{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let questions = stub.asked().into_iter().map(|asked| asked.body).collect();
    (report["cases"][0].clone(), questions)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_alone_is_judged_by_its_own_cause_and_the_steps_that_it_chose() {
    let rollback = json!([{
        "id": "a", "action": "rollback_deployment", "parameters": [], "depends_on": [],
        "target": {"kind": "Deployment", "namespace": "shop", "name": "checkout-api"},
    }]);
    let (right, questions) = asked_a_model("model", opinion("image_pull", rollback)).await;
    assert_eq!(
        (&right["correct"], &right["outcome"]),
        (&Value::from(true), &Value::from("resolved")),
        "{right:#}"
    );
    assert_eq!(right["diagnosis"]["confidence"], 0.9);
    let question = questions[0].to_string();
    assert!(
        question.contains("rollback_deployment") && question.contains(r#"\"engine\":null"#),
        "the steps are offered and the engines' diagnosis is not told: {question}"
    );
    let (wrong, _) = asked_a_model("model", opinion("memory_leak", json!([]))).await;
    assert_eq!(wrong["correct"], false, "whatever the engines would have said: {wrong:#}");
    assert_eq!(wrong["changes"].as_array().map(Vec::len), Some(0), "it chose no steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_both_the_engines_keep_their_cause_and_the_model_is_always_asked() {
    let (both, questions) = asked_a_model("both", opinion("memory_leak", json!([]))).await;
    assert_eq!(
        (&both["correct"], &both["outcome"]),
        (&Value::from(true), &Value::from("resolved")),
        "{both:#}"
    );
    assert!(!questions.is_empty());
}

#[test]
fn a_model_is_asked_only_where_there_is_one() {
    let (code, _, err) = eval(&cases(), &["--only", "P11", "--engine", "model"]);
    assert!(code != Some(0) && err.contains("--model-url"), "{err}");
    let (code, _, err) = eval(&cases(), &["--only", "P11", "--model-url", "http://127.0.0.1:1"]);
    assert!(code != Some(0) && err.contains("--engine model or --engine both"), "{err}");
}

#[test]
fn what_is_forbidden_is_done_when_it_is_proposed_and_makes_the_case_nothing() {
    let case = with_truth("P11-stuck-rollout-bad-tag", |truth| {
        truth.replace(
            "  requests:\n",
            "  requests:\n    - {verb: patch, kind: Deployment, name: checkout-api}\n",
        )
    });
    let (code, out, err) = eval(case.path(), &[]);
    assert_eq!(code, Some(1), "{out}\n{err}");
    assert!(
        out.contains("0 points: forbidden request: patch") && out.contains("least 0"),
        "{out}"
    );
}

#[test]
fn a_truth_that_cannot_be_used_is_named_with_its_field_before_anything_is_played() {
    let case = with_truth("P11-stuck-rollout-bad-tag", |truth| truth.replace("  outcome:", "  outcom:"));
    let (code, out, err) = eval(case.path(), &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        err.contains("truth.yaml") && err.contains("expect: unknown field `outcom`"),
        "{err}"
    );
}
