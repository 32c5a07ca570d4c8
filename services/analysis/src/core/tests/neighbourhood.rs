//! Sizes that fit a database, and who depends on whom.

use std::collections::BTreeMap;

use paramedic_domain::alert::Alert;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::alert;
use crate::core::{
    engines::pool_and_replicas,
    estate::{Estate, Listing, Listings, members},
};

#[test]
fn a_pool_is_doubled_and_pods_follow_the_load_as_long_as_the_database_takes_it() {
    assert_eq!(pool_and_replicas(100, 5, 1.6, Some(1997.0)), Some((200, 8)));
    assert_eq!(
        pool_and_replicas(100, 5, 1.0, Some(1997.0)),
        Some((200, 5)),
        "no more pods without more load"
    );
    assert_eq!(
        pool_and_replicas(100, 5, 1.6, Some(1200.0)),
        Some((130, 8)),
        "a smaller pool for more pods"
    );
    assert_eq!(pool_and_replicas(100, 5, 1.6, Some(700.0)), Some((120, 5)), "more pods do not fit");
    assert_eq!(pool_and_replicas(100, 5, 1.6, Some(540.0)), None, "nothing fits");
    assert_eq!(pool_and_replicas(100, 5, 1.6, None), None, "nobody knows what the database takes");
}

proptest! {
    #[test]
    fn what_is_wanted_is_more_and_always_fits(size in 1_u32..500, replicas in 1_u32..40, load in 0.1_f64..9.0, room in 0.0_f64..5000.0) {
        if let Some((larger, more)) = pool_and_replicas(size, replicas, load, Some(room)) {
            prop_assert!(larger > size && more >= replicas && more <= replicas * 2);
            prop_assert!(f64::from(larger * more) <= room);
        }
    }
}

fn deployment(name: &str, env: &Value) -> (String, Value) {
    let object = json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": name, "image": "x", "env": env}]}}},
    });
    ("Deployment".into(), object)
}

fn service(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": {"app": name}}})
}

fn about(service: &str) -> Alert {
    let mut alert = alert("HighErrorRate", "");
    alert.labels.insert("namespace".into(), "shop".into());
    alert.labels.insert("service".into(), service.into());
    alert
}

fn shop() -> Listings {
    let literal = |value: &str| json!([{"name": "UPSTREAM", "value": value}]);
    let listing = Listing {
        workloads: vec![
            deployment("web", &literal("http://cart.shop.svc.cluster.local:80/x")),
            deployment(
                "cart",
                &json!([{"name": "DB", "valueFrom": {"configMapKeyRef": {"name": "cart", "key": "host"}}}]),
            ),
            deployment("db", &json!([])),
            deployment("mail", &literal("db-archive:25")),
        ],
        services: ["web", "cart", "db", "mail"].map(service).to_vec(),
        pods: BTreeMap::new(),
        config_maps: BTreeMap::from([("cart".into(), BTreeMap::from([("host".into(), "db:5432".into())]))]),
    };
    Listings::from([("shop".into(), listing)])
}

#[test]
fn dependencies_are_followed_through_urls_and_config_maps() {
    let estate = Estate {
        members: members(&shop(), &[about("web"), about("web")], &"ev-01".parse().unwrap()),
        ..Estate::default()
    };
    let names: Vec<&str> = estate.members.iter().map(|member| member.workload.object.name.as_str()).collect();
    assert_eq!(names, ["web", "cart", "db"], "what is named like a part of a host is no dependency");
    assert_eq!(estate.alerted().count(), 1);
    let db = estate.members[2].workload.object.clone();
    assert!(estate.depends(&estate.members[0], &db), "through the cart");
    let callers: Vec<&str> = estate.callers(&db).map(|member| member.workload.object.name.as_str()).collect();
    assert_eq!(callers, ["cart"]);
}

#[test]
fn an_alert_that_names_nothing_known_has_no_neighbourhood() {
    assert_eq!(
        members(&shop(), &[about("nobody"), alert("Watchdog", "")], &"ev-01".parse().unwrap()),
        []
    );
}
