//! Which metrics count requests, as queries.

use paramedic_domain::object::ObjectRef;

use crate::core::families::{FAMILIES, first, usual};

#[test]
fn a_workload_is_selected_by_the_labels_of_its_family() {
    let cart = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "cart");
    let rate = |counter: &str| {
        let family = first(&[counter.to_owned()]).unwrap();
        family.rate(&family.of("shop", std::iter::once(&cart)), "5m")
    };
    for (counter, expected) in [
        (
            "http_requests_total",
            r#"sum(rate(http_requests_total{namespace="shop",pod=~"cart-[a-z0-9]+-[a-z0-9]{5}"}[5m]))"#,
        ),
        (
            "istio_requests_total",
            r#"sum(rate(istio_requests_total{destination_workload_namespace="shop",destination_workload=~"cart",reporter="destination"}[5m]))"#,
        ),
        (
            "traefik_service_requests_total",
            r#"sum(rate(traefik_service_requests_total{service=~"shop-(cart)-.*"}[5m]))"#,
        ),
    ] {
        assert_eq!(rate(counter), expected);
    }
    let istio = first(&["istio_requests_total".to_owned()]).unwrap();
    assert_eq!(
        istio.p99("destination_workload=\"cart\"", "5m"),
        "histogram_quantile(0.99, sum by (le) (rate(istio_request_duration_milliseconds_bucket{destination_workload=\"cart\"}[5m]))) / 1000"
    );
}

#[test]
fn what_the_program_counts_itself_comes_before_what_a_proxy_counts() {
    let both = ["istio_requests_total", "http_requests_total"].map(ToOwned::to_owned);
    assert_eq!(first(&both), Some(usual()));
    assert_eq!(first(&["go_goroutines".to_owned()]), None);
    let counters: std::collections::BTreeSet<&str> = FAMILIES.iter().map(|family| family.requests).collect();
    assert_eq!(counters.len(), FAMILIES.len());
}
