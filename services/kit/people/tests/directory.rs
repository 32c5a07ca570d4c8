//! A people file: what it gives, and what is refused in one.
#![allow(clippy::unwrap_used, reason = "a helper of tests may fail a test")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use paramedic_domain::{id::ClusterId, people::Role, touched::Touched};
use paramedic_people::{Directory, Place, Standing, token_hash};

const NOW: &str = "2026-11-24T03:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn read(text: &str) -> Directory {
    Directory::parse(text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn has(who: &Standing, role: Role, cluster: &str, namespaces: &[&str]) -> bool {
    let cluster: ClusterId = cluster.parse().unwrap();
    let place = Place {
        cluster: &cluster,
        namespaces: Touched::Known(namespaces.iter().copied().collect::<BTreeSet<_>>()),
        cluster_wide: false,
    };
    who.has(role, &place)
}

#[test]
fn a_role_holds_in_its_namespaces_and_clusters_and_includes_the_lesser_ones() {
    let people = read(
        "people:
  - id: ann
    roles:
      - {role: approver, namespaces: [shop, pay*], clusters: [prod-*]}
      - {role: responder}",
    );
    let ann = people.by_email("Ann", now()).unwrap();
    assert!(has(&ann, Role::Approver, "prod-eu", &["shop", "payments"]));
    assert!(
        !has(&ann, Role::Approver, "prod-eu", &["shop", "kube-system"]),
        "every namespace must be given"
    );
    assert!(!has(&ann, Role::Approver, "stage", &["shop"]));
    assert!(
        !has(&ann, Role::Approver, "prod-eu", &[]),
        "the cluster belongs to whoever may act in all of it"
    );
    assert!(has(&ann, Role::Responder, "stage", &[]) && has(&ann, Role::Viewer, "stage", &["x"]));
    assert!(!has(&ann, Role::Admin, "prod-eu", &["shop"]));
}

#[test]
fn every_name_of_a_person_leads_to_the_same_identity_and_unknown_ones_to_nobody() {
    let people = read(&format!(
        "people:
  - {{id: ann@example.com, emails: [a.smith@example.com], slack: [U1, T2/U2], tokens: [\"{}\"], roles: [{{role: viewer}}]}}",
        token_hash("secret")
    ));
    let ids = [
        people.by_email(" ANN@example.com", now()),
        people.by_email("a.smith@example.com", now()),
        people.by_slack("T1", "U1", now()),
        people.by_slack("T2", "U2", now()),
        people.by_token("secret", now()),
        people.by_sign_in("A.Smith@example.com", &[], now()),
    ];
    for id in ids {
        assert_eq!(id.unwrap().id, "ann@example.com");
    }
    let nobody = [
        people.by_email("eve@example.com", now()),
        people.by_slack("T1", "U2", now()),
        people.by_token("Secret", now()),
        people.by_token(&token_hash("secret"), now()),
        people.by_sign_in("eve@example.com", &["sre".into()], now()),
    ];
    for who in nobody {
        assert!(who.unwrap_err().to_string().contains("belongs to nobody"));
    }
    assert!(
        Directory::unchecked().by_slack("T1", "U1", now()).is_err(),
        "a workspace has guests"
    );
}

#[test]
fn groups_of_a_sign_in_give_roles_to_people_who_are_not_listed() {
    let people = read("groups: [{name: sre, roles: [{role: approver, namespaces: [shop]}], teams: [web]}]");
    let eve = people.by_sign_in("eve@example.com", &["dev".into(), "sre".into()], now()).unwrap();
    assert!(has(&eve, Role::Approver, "prod", &["shop"]));
    assert!(people.by_email("eve@example.com", now()).is_err(), "only a sign-in proves a group");
}

#[test]
fn what_was_lent_holds_for_its_time_and_is_not_lent_on() {
    let people = read(
        "people:
  - {id: ann, roles: [{role: approver}]}
  - {id: ben}
  - {id: cy}
delegations:
  - {from: ann, to: ben, starts: 2026-11-24T00:00:00Z, ends: 2026-11-25T00:00:00Z, reason: holidays}
  - {from: ben, to: cy, starts: 2026-11-24T00:00:00Z, ends: 2026-11-25T00:00:00Z, reason: and so on}",
    );
    let approver = |id: &str, at: &str| {
        has(
            &people.by_email(id, at.parse().unwrap()).unwrap(),
            Role::Approver,
            "prod",
            &["shop"],
        )
    };
    assert!(approver("ben", NOW));
    assert!(!approver("cy", NOW));
    assert!(!approver("ben", "2026-11-23T23:59:59Z") && !approver("ben", "2026-11-25T00:00:00Z"));
}

#[test]
fn what_is_wrong_with_a_file_is_said_in_a_sentence() {
    let stored = token_hash("x");
    for (text, wanted) in [
        ("people: [{id: ann, role: admin}]".to_owned(), "unknown field `role`"),
        ("people: [{id: ' '}]".to_owned(), "an id is 1 to 200"),
        ("people: [{id: ann}, {id: ANN}]".to_owned(), "is that of \"ann\" too"),
        (
            "people: [{id: a, emails: [x@y]}, {id: b, emails: [X@y]}]".to_owned(),
            "is that of \"a\" too",
        ),
        (
            "people: [{id: a, slack: [U1]}, {id: b, slack: [U1]}]".to_owned(),
            "the Slack user \"U1\" is that of",
        ),
        ("people: [{id: a, tokens: [secret]}]".to_owned(), "never the token itself"),
        (
            format!("people: [{{id: a, tokens: [\"{stored}\"]}}, {{id: b, tokens: [\"{stored}\"]}}]"),
            "is that of \"a\" too",
        ),
        ("people: [{id: a, roles: [{role: boss}]}]".to_owned(), "unknown variant `boss`"),
        ("people: [{id: a, roles: [{role: admin, namespaces: []}]}]".to_owned(), "names none"),
        (
            "people: [{id: a, roles: [{role: admin, namespaces: ['a*b']}]}]".to_owned(),
            "is no name",
        ),
        (
            "people: [{id: a}]\ndelegations: [{from: a, to: b, starts: 2026-01-01T00:00:00Z, ends: 2026-01-02T00:00:00Z, reason: r}]"
                .to_owned(),
            "must be ids of people",
        ),
    ] {
        let problems = Directory::parse(&text).expect_err(&text).join("; ");
        assert!(problems.contains(wanted), "{text}: {problems}");
        assert!(!problems.contains("secret\""), "a token in clear must not be repeated: {problems}");
    }
}
