//! A message that is not what it should be is refused with the name of the field.

use paramedic_proto::v1;
use paramedic_wire::{Wire, decode};
use prost::Message;

use crate::samples::envelopes;

/// The plan's envelope, spoiled.
fn problem(spoil: impl FnOnce(&mut v1::Envelope)) -> String {
    let plan = envelopes()
        .into_iter()
        .find(|envelope| envelope.event.kind() == "plan_proposed")
        .unwrap();
    let mut proto = plan.to_proto();
    spoil(&mut proto);
    decode(&proto.encode_to_vec()).unwrap_err().to_string()
}

fn plan(proto: &mut v1::Envelope) -> &mut v1::Plan {
    match proto.event.as_mut().unwrap().kind.as_mut().unwrap() {
        v1::event::Kind::PlanProposed(proposed) => proposed.plan.as_mut().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_newer_schema_is_named_before_anything_else_is_judged() {
    let text = problem(|proto| {
        proto.schema = 2;
        proto.event = None;
    });
    assert_eq!(
        text,
        "schema: 2 is newer than 1, the newest that this version reads: upgrade this process"
    );
}

#[test]
fn bytes_that_are_no_envelope_are_refused() {
    assert!(decode(b"{\"json\": true}").is_err());
    assert_eq!(
        decode(b"").unwrap_err().to_string(),
        "schema: is missing: the message is not an envelope"
    );
}

#[test]
fn the_path_leads_to_the_bad_field() {
    let cases: Vec<(String, &str)> = vec![
        (problem(|proto| proto.id = "nonsense".into()), "id: invalid event id \"nonsense\""),
        (
            problem(|proto| proto.incident = "inc_a.b".into()),
            "incident: invalid incident id \"inc_a.b\"",
        ),
        (problem(|proto| proto.time = None), "time: is missing"),
        (problem(|proto| proto.time.as_mut().unwrap().nanos = -1), "time.nanos: -1 is not"),
        (problem(|proto| proto.time.as_mut().unwrap().seconds = i64::MAX), "time.seconds: "),
        (
            problem(|proto| {
                proto.previous.pop();
            }),
            "previous: is 31 bytes long",
        ),
        (problem(|proto| proto.event = None), "event: is missing"),
        (
            problem(|proto| proto.event.as_mut().unwrap().kind = None),
            "event.kind: is missing or unknown",
        ),
        (
            problem(|proto| plan(proto).rollback = 0),
            "event.PlanProposed.plan.rollback: is missing",
        ),
        (
            problem(|proto| plan(proto).rollback = 77),
            "event.PlanProposed.plan.rollback: 77 is not a known value",
        ),
        (
            problem(|proto| plan(proto).steps[2].parameters_json = "[1]".into()),
            "event.PlanProposed.plan.steps[2].parameters_json: is not a JSON object",
        ),
        (
            problem(|proto| plan(proto).steps[1].change = None),
            "event.PlanProposed.plan.steps[1].change: is missing",
        ),
        (
            problem(|proto| {
                let Some(v1::change::Kind::Patch(patch)) = &mut plan(proto).steps[2].change.as_mut().unwrap().kind else {
                    panic!("the third step patches")
                };
                patch.patch_json = r#"[{"op": "explode", "path": "/a"}]"#.into();
            }),
            "event.PlanProposed.plan.steps[2].change.patch.patch_json: is not an RFC 6902 patch",
        ),
        (
            problem(|proto| plan(proto).gates[0].expires_after.as_mut().unwrap().seconds = -5),
            "event.PlanProposed.plan.gates[0].expires_after.seconds: -5 is not",
        ),
        (
            problem(|proto| plan(proto).levels[1].steps[0] = "Not A Step".into()),
            "event.PlanProposed.plan.levels[1].steps[0]: invalid step id",
        ),
        (
            problem(|proto| plan(proto).criteria[0].probe.as_mut().unwrap().kind = None),
            "event.PlanProposed.plan.criteria[0].probe.kind: is missing or unknown",
        ),
    ];
    for (text, expected) in cases {
        assert!(text.starts_with(expected), "got {text:?}, expected {expected:?}");
    }
}
