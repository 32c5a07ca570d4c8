//! Spans: whose time it is, what fails, who calls whom.

use std::collections::BTreeSet;

use paramedic_domain::{evidence::Source, object::ObjectRef};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::at;
use crate::core::{
    snapshot::{Snapshot, kinds},
    traces::{Span, Traced, calls, resolved, spans, traced},
};

/// A span of a trace: service, name, start and seconds; the first is the root, whose children the others are.
fn trace(id: &str, parts: &[(&str, &str, f64, f64)]) -> Vec<Span> {
    let span = |(n, (service, name, start, seconds)): (usize, &(&str, &str, f64, f64))| Span {
        trace: id.into(),
        id: format!("{id}-{n}"),
        parent: if n == 0 { String::new() } else { format!("{id}-0") },
        service: (*service).into(),
        name: (*name).into(),
        start: 1_773_930_000.0 + start,
        seconds: *seconds,
        failed: false,
        peer: None,
    };
    parts.iter().enumerate().map(span).collect()
}

fn checkout(id: &str, start: f64, select: f64) -> Vec<Span> {
    trace(
        id,
        &[
            ("checkout", "POST /checkout", start, select + 0.06),
            ("inventory-db", "SELECT stock", start + 0.02, select),
            ("inventory", "GET /reservations", start + 0.03 + select, 0.018),
        ],
    )
}

fn found(now: &[Span], before: &[Span]) -> Traced {
    traced(now, before, Source::Jaeger, "/api/v3/traces")
}

#[test]
fn the_span_that_takes_the_time_is_found_by_its_own_time_and_compared_with_its_usual_one() {
    let before = [checkout("a", -3600.0, 0.015), checkout("b", -1800.0, 0.015)].concat();
    let now = [checkout("c", 30.0, 4.1), checkout("d", 0.0, 4.1), checkout("e", -60.0, 0.015)].concat();
    let slow = found(&now, &before).slow.unwrap();
    assert_eq!((slow.service.as_str(), slow.span.as_str()), ("inventory-db", "SELECT stock"));
    assert_eq!(slow.what, "span \"SELECT stock\" takes 4.1 s of its own, usually 15 ms");
    assert_eq!(slow.at.as_second(), 1_773_930_000, "the first slow one, not the first");
    assert_eq!(found(&before, &before), Traced::default(), "as usual");
    let object = |name: &str| ObjectRef::new("apps/v1", "StatefulSet", Some("shop"), name);
    let all = found(&now, &before);
    assert!(all.within(&object("inventory-db")).is_some() && all.within(&object("checkout")).is_none());
}

#[test]
fn the_deepest_span_that_fails_is_found_and_who_only_passes_the_failure_on_is_not() {
    let mut now = checkout("a", 0.0, 0.01);
    now[0].failed = true;
    now[1].failed = true;
    let failing = found(&now, &[]).failing.unwrap();
    assert_eq!(failing.service, "inventory-db");
    assert_eq!(failing.what, "span \"SELECT stock\" fails in 1 of 1 runs");
    let rare: Vec<Span> = (0..10)
        .flat_map(|n| checkout(&format!("t{n}"), f64::from(n), 0.01))
        .chain(now)
        .collect();
    assert_eq!(found(&rare, &[]).failing, None, "one in eleven is no finding");
}

fn otlp(kind: Value, code: Value) -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    json!([{
        "resource": {"attributes": [text("service.name", "checkout.shop")]},
        "scopeSpans": [{"spans": [
            {"traceId": "t", "spanId": "1", "name": "POST", "kind": 2, "startTimeUnixNano": "1000000000", "endTimeUnixNano": "3000000000"},
            {"traceId": "t", "spanId": "2", "parentSpanId": "1", "name": "query", "kind": kind, "status": {"code": code},
             "startTimeUnixNano": "1500000000", "endTimeUnixNano": 2_500_000_000_u64, "attributes": [text("server.address", "inventory-db.shop.svc")]},
            {"traceId": "t", "name": "no times"},
        ]}],
    }])
}

#[test]
fn jaeger_and_tempo_are_read_alike_and_a_clients_span_is_of_whom_it_asks() {
    let jaeger = spans(&json!({"result": {"resourceSpans": otlp(json!(3), json!(2))}}));
    let tempo = spans(&json!({"batches": otlp(json!("SPAN_KIND_CLIENT"), json!("STATUS_CODE_ERROR"))}));
    assert_eq!(jaeger, tempo);
    assert_eq!(jaeger.len(), 2);
    assert_eq!(jaeger[1].peer.as_deref(), Some("inventory-db"));
    assert!(jaeger[1].failed && !jaeger[0].failed);
    assert_eq!(found(&jaeger, &[]).failing.unwrap().service, "inventory-db");
    assert_eq!(calls(&jaeger), BTreeSet::from([("checkout".into(), "inventory-db".into())]));
    assert!(spans(&json!({"result": "nonsense", "batches": [1, {}]})).is_empty());
}

#[test]
fn calls_are_edges_between_workloads_of_one_namespace() {
    let mut snapshot = Snapshot::new(at(), ["shop".to_owned(), "other".to_owned()].into());
    let object = |namespace: &str, name: &str| json!({"metadata": {"namespace": namespace, "name": name}});
    snapshot.file(
        kinds::named("Deployment").unwrap(),
        vec![object("shop", "checkout"), object("other", "inventory-db")],
    );
    snapshot.file(kinds::named("StatefulSet").unwrap(), vec![object("shop", "inventory-db")]);
    let known = calls(&checkout("a", 0.0, 1.0));
    let edges: Vec<String> = resolved(&known, &snapshot).iter().map(|(a, b)| format!("{a} -> {b}")).collect();
    assert_eq!(edges, ["Deployment shop/checkout -> StatefulSet shop/inventory-db"]);
}

proptest! {
    /// Spans come from elsewhere: parents may be missing, circular, or end before their children.
    #[test]
    fn whatever_spans_say_the_time_of_the_slow_one_is_within_what_was_measured(
        parts in proptest::collection::vec((0_usize..6, 0_usize..6, 0.0_f64..9.0, 0.0_f64..9.0, any::<bool>()), 0..12),
    ) {
        let all: Vec<Span> = parts.iter().map(|(id, parent, start, seconds, failed)| Span {
            trace: "t".into(),
            id: id.to_string(),
            parent: parent.to_string(),
            service: format!("s{id}"),
            name: "n".into(),
            start: *start,
            seconds: *seconds,
            failed: *failed,
            peer: None,
        }).collect();
        let found = found(&all, &[]);
        let most = all.iter().map(|span| span.seconds).fold(0.0, f64::max);
        if let Some(slow) = found.slow {
            let (value, _) = slow.quote.value.unwrap();
            prop_assert!(value > 0.0 && value <= most);
        }
        if let Some(failing) = found.failing {
            prop_assert!(all.iter().any(|span| span.failed && span.service == failing.service));
        }
    }
}
