//! What a registration must say, and what becomes of it.

use super::*;

fn schema() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["queue"], "properties": {"queue": {"type": "string"}}})
}

fn registration(how: How, irreversible: Option<&str>) -> Registration {
    Registration {
        name: "flush_queue".into(),
        description: "empties a queue".into(),
        schema: schema(),
        risk: RiskLevel::High,
        how,
        irreversible: irreversible.map(Into::into),
        timeout: Duration::from_secs(60),
    }
}

fn http(undo: bool) -> How {
    How::Http {
        method: "POST".into(),
        url: "https://queues.example/flush".into(),
        undo: undo.then(|| ("POST".into(), "https://queues.example/restore".into())),
        dry_run: false,
    }
}

fn job_of(image: &str) -> How {
    How::Job {
        namespace: "ops".into(),
        template: json!({"metadata": {"name": "ignored"}, "spec": {"template": {"spec": {"containers": [{"name": "a", "image": image}]}}}}),
    }
}

fn params(value: Value) -> Params {
    value.as_object().unwrap().clone()
}

fn draft(external: &External, value: Value) -> Draft {
    let moment = Moment {
        steps: vec!["rec-1".parse().unwrap(), "rec-001".parse().unwrap(), "rec-002".parse().unwrap()],
        now: "2026-11-22T10:00:00Z".parse().unwrap(),
        marker: "plan_a/rec-1".into(),
        suffix: "0123abcd".into(),
    };
    external.draft(&params(value), &World::default(), &moment).unwrap()
}

#[test]
fn a_registration_has_an_undo_or_a_reason_and_a_closed_schema() {
    assert!(External::new(registration(http(true), None)).is_ok());
    assert!(External::new(registration(http(false), Some("mails are sent"))).is_ok());
    let mut open = registration(http(true), None);
    open.schema = json!({"type": "object"});
    let mut shouting = registration(http(true), None);
    shouting.name = "Flush".into();
    for (bad, expected) in [
        (registration(http(false), None), "undo_url"),
        (registration(http(true), Some("x")), "give one of them"),
        (registration(job_of("i"), None), "irreversible"),
        (open, "additionalProperties"),
        (shouting, "lower-case"),
        (
            registration(
                How::Job {
                    namespace: "ops".into(),
                    template: json!({"spec": {}}),
                },
                Some("x"),
            ),
            "containers",
        ),
    ] {
        let refused = External::new(bad).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn parameters_outside_of_the_schema_are_refused_with_their_path() {
    let external = External::new(registration(http(true), None)).unwrap();
    assert!(external.needs(&params(json!({"queue": "mail"}))).is_ok());
    let refused = external.needs(&params(json!({"queue": 7}))).unwrap_err();
    assert_eq!(refused.path.as_deref(), Some("/queue"));
    assert!(external.needs(&params(json!({"queue": "a", "more": 1}))).is_err());
}

#[test]
fn the_parameters_are_the_body_and_the_risk_is_the_registered_one() {
    let external = External::new(registration(http(true), None)).unwrap();
    let draft = draft(&external, json!({"queue": "mail"}));
    assert_eq!(draft.concerns[0].level, RiskLevel::High);
    let Work::Call(Call::Request(request)) = draft.work else { panic!() };
    assert_eq!(request.forward.body, json!({"queue": "mail"}));
    assert_eq!(request.undo.unwrap().url, "https://queues.example/restore");
}

#[test]
fn a_job_is_named_after_its_step_and_finds_the_parameters_as_data() {
    let external = External::new(registration(job_of("tools:1"), Some("the queue is empty"))).unwrap();
    let draft = draft(&external, json!({"queue": "a; rm -rf /"}));
    let Work::One(Request::Create { object, wait, .. }) = draft.work else {
        panic!()
    };
    assert_eq!(wait, Wait::JobComplete);
    assert_eq!(object.pointer("/metadata/name"), Some(&json!("flush-queue-0123abcd")));
    assert_eq!(object.pointer("/spec/template/spec/restartPolicy"), Some(&json!("Never")));
    let variables = object.pointer("/spec/template/spec/containers/0/env").unwrap();
    assert_eq!(
        variables[0],
        json!({"name": "PARAMEDIC_PARAMETERS", "value": r#"{"queue":"a; rm -rf /"}"#})
    );
    assert_eq!(variables[1]["value"], json!("plan_a/rec-1"));
}
