use serde_json::json;

use super::*;
use crate::core::topology::{
    measured::End,
    read::{FactKeys, read},
};

const PACES: Paces = Paces {
    debounce: Duration::from_secs(30),
    pods: Duration::from_secs(300),
    restated: Duration::from_secs(3600),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn scope(kind: Kind) -> Scope {
    Scope { kind, namespace: None }
}

fn record(kind: Kind, object: serde_json::Value) -> Record {
    let keys = FactKeys {
        enabled: "enabled".into(),
        environment: Vec::new(),
        team: Vec::new(),
    };
    read(kind, &object, &keys).unwrap()
}

fn pod(name: &str, node: &str) -> Record {
    let owner = json!([{"kind": "StatefulSet", "name": "db", "controller": true}]);
    let object = json!({"metadata": {"name": name, "namespace": "shop", "ownerReferences": owner}, "spec": {"nodeName": node}});
    record(Kind::Pod, object)
}

fn call(from: &str) -> Call {
    let end = |name: &str| End {
        namespace: None,
        name: name.into(),
    };
    Call {
        from: end(from),
        to: end("db"),
    }
}

/// One that has listed its pods and asks nobody.
fn begun() -> Survey {
    let mut survey = Survey::new(PACES, at(0), [scope(Kind::Pod)], false, None, Measured::default());
    survey.take(Change::Listed(scope(Kind::Pod), vec![pod("db-0", "n1")]));
    survey
}

/// Looks, and says what has to be said.
fn say(survey: &mut Survey, second: i64) -> Option<Say> {
    let say = survey.look(at(second))?;
    let said = match &say {
        Say::New(snapshot) => Said {
            at: at(second),
            digest: snapshot.digest(),
            shape: Some(snapshot.shape()),
        },
        Say::Again => Said {
            at: at(second),
            ..survey.said.clone().unwrap()
        },
    };
    survey.said(Some(said));
    Some(say)
}

#[test]
fn nothing_is_said_before_everything_was_listed() {
    let mut survey = Survey::new(PACES, at(0), [Kind::Pod, Kind::Node].map(scope), false, None, Measured::default());
    assert_eq!(survey.due(), None);
    survey.take(Change::Listed(scope(Kind::Pod), Vec::new()));
    assert_eq!(survey.due(), None);
    assert_eq!(survey.look(at(100)), None);
    // What may not be read is not waited for.
    survey.take(Change::Refused(scope(Kind::Node)));
    assert_eq!(survey.due(), Some(at(0)));
    assert!(matches!(survey.look(at(1)), Some(Say::New(_))));
}

#[test]
fn kinds_that_a_cluster_may_do_without_are_waited_for_a_minute() {
    let scopes = [Kind::Pod, Kind::Certificate].map(scope);
    let mut survey = Survey::new(PACES, at(0), scopes, false, None, Measured::default());
    survey.take(Change::Listed(scope(Kind::Pod), Vec::new()));
    assert_eq!(survey.due(), Some(at(60)));
    assert_eq!(survey.look(at(59)), None);
    assert!(survey.look(at(60)).is_some());
}

#[test]
fn prometheus_is_waited_for_once_and_its_silence_changes_nothing() {
    let before = Measured {
        calls: [call("cart")].into(),
        rules: Vec::new(),
    };
    let mut survey = Survey::new(PACES, at(0), [], true, None, before);
    assert_eq!(survey.due(), None);
    survey.measure(Asked::default(), at(5));
    let Some(Say::New(snapshot)) = say(&mut survey, 5) else {
        panic!("nothing is said");
    };
    assert_eq!(snapshot.measured, [call("cart")].into());
    survey.measure(Asked::default(), at(300));
    assert_eq!(survey.due(), Some(at(3605)));
    // A day after it was last seen a call is forgotten.
    let day = 24 * 60 * 60;
    let asked = |calls: &[&str]| Asked {
        calls: Some(calls.iter().map(|from| call(from)).collect()),
        rules: None,
    };
    survey.measure(asked(&["web"]), at(day));
    assert_eq!(survey.calls.len(), 2);
    survey.measure(asked(&[]), at(day + 1));
    assert_eq!(survey.calls.keys().collect::<Vec<_>>(), [&call("web")]);
}

#[test]
fn many_changes_are_one_snapshot() {
    let mut survey = begun();
    assert!(say(&mut survey, 0).is_some());
    assert_eq!(survey.due(), Some(at(3600)));
    survey.take(Change::Put(Box::new(pod("db-1", "n2"))));
    assert_eq!(survey.due(), Some(at(30)));
    survey.take(Change::Put(Box::new(pod("db-2", "n3"))));
    assert!(matches!(say(&mut survey, 30), Some(Say::New(_))));
    // What is as it was is no news.
    survey.take(Change::Put(Box::new(pod("db-2", "n3"))));
    survey.take(Change::Listed(
        scope(Kind::Pod),
        vec![pod("db-0", "n1"), pod("db-1", "n2"), pod("db-2", "n3")],
    ));
    assert_eq!(survey.due(), Some(at(3630)));
}

#[test]
fn what_came_and_went_in_between_is_not_said() {
    let mut survey = begun();
    say(&mut survey, 0);
    survey.take(Change::Put(Box::new(pod("db-1", "n2"))));
    survey.take(Change::Gone(pod("db-1", "n2").entity));
    assert_eq!(survey.look(at(30)), None);
    assert_eq!(survey.due(), Some(at(3600)));
}

#[test]
fn pods_that_are_replaced_in_place_wait_longer_than_those_that_move() {
    let mut survey = begun();
    say(&mut survey, 0);
    survey.take(Change::Gone(pod("db-0", "n1").entity));
    survey.take(Change::Put(Box::new(pod("db-9", "n1"))));
    assert_eq!(say(&mut survey, 30), None);
    assert_eq!(survey.due(), Some(at(300)));
    assert!(matches!(say(&mut survey, 300), Some(Say::New(_))));
    survey.take(Change::Put(Box::new(pod("db-9", "n2"))));
    assert_eq!(survey.due(), Some(at(330)));
    assert!(matches!(say(&mut survey, 330), Some(Say::New(_))));
}

#[test]
fn what_was_said_is_said_again_even_while_the_cluster_cannot_be_read() {
    let said = Said {
        at: at(-1800),
        digest: Digest::of(b"before"),
        shape: None,
    };
    let mut survey = Survey::new(PACES, at(0), [scope(Kind::Pod)], false, Some(said), Measured::default());
    assert_eq!(survey.due(), Some(at(1800)));
    assert_eq!(say(&mut survey, 1799), None);
    assert_eq!(say(&mut survey, 1800), Some(Say::Again));
    assert_eq!(survey.due(), Some(at(5400)));
}

#[test]
fn a_successor_that_finds_the_same_says_nothing() {
    let mut first = begun();
    say(&mut first, 0);
    let said = first.said.clone();
    let mut second = Survey::new(PACES, at(10), [scope(Kind::Pod)], false, said, Measured::default());
    second.take(Change::Listed(scope(Kind::Pod), vec![pod("db-0", "n1")]));
    assert_eq!(second.due(), Some(at(30)));
    assert_eq!(second.look(at(30)), None);
}

#[test]
fn what_could_not_be_said_is_looked_at_again() {
    let mut survey = begun();
    assert!(survey.look(at(0)).is_some());
    survey.failed(at(0));
    assert_eq!(survey.due(), Some(at(30)));
    assert!(survey.look(at(30)).is_some());
}

/// What happens to one of five pods: it is seen on a node, or gone.
fn happening() -> impl proptest::strategy::Strategy<Value = (usize, Option<usize>)> {
    (0..5_usize, proptest::option::of(0..3_usize))
}

proptest::proptest! {
    /// However it came about, what is there now is what is said: a watch that was interrupted and lists anew comes to the same.
    #[test]
    fn only_what_is_there_now_counts(happenings in proptest::collection::vec(happening(), 0..40), relist in 0..40_usize) {
        let mut survey = begun();
        survey.take(Change::Gone(pod("db-0", "n1").entity));
        let mut there: BTreeMap<usize, usize> = BTreeMap::new();
        let record = |(number, node): (&usize, &usize)| pod(&format!("db-{number}"), &format!("n{node}"));
        for (step, (number, node)) in happenings.iter().enumerate() {
            if step == relist {
                survey.take(Change::Listed(scope(Kind::Pod), there.iter().map(record).collect()));
            }
            match node {
                Some(node) => {
                    there.insert(*number, *node);
                    survey.take(Change::Put(Box::new(record((number, node)))));
                }
                None => {
                    there.remove(number);
                    survey.take(Change::Gone(pod(&format!("db-{number}"), "n0").entity));
                }
            }
        }
        let mut fresh = Survey::new(PACES, at(0), [scope(Kind::Pod)], false, None, Measured::default());
        fresh.take(Change::Listed(scope(Kind::Pod), there.iter().map(record).collect()));
        proptest::prop_assert_eq!(survey.look(at(1)), fresh.look(at(1)));
    }
}
