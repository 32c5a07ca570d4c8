//! What a real Prometheus has of each family of request metrics is found, and asked for by its names, labels and units.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, routing::get};
use jiff::Timestamp;
use paramedic_analysis::{
    core::{
        criteria::share_failed,
        families::{FAMILIES, Family, Told, first, usual},
        measures::{Measure, Measures},
    },
    shell::prometheus::Prometheus,
};
use paramedic_domain::{evidence::Source, object::ObjectRef};
use paramedic_runtime::Clock;
use paramedic_testkit::{eventually, servers};
use tokio::{net::TcpListener, task::JoinSet};

const POD: &str = "cart-7d4b9c-x2x4z";

/// A program whose requests of each family are counted in a namespace of its own, nine in ten answered and within a quarter of a second.
fn exposition(scrapes: u64) -> String {
    let mut text = String::new();
    for (number, family) in FAMILIES.iter().enumerate() {
        let namespace = format!("shop-{number}");
        let labels = match family.told {
            Told::ByPod => format!("namespace=\"{namespace}\",pod=\"{POD}\""),
            Told::ByName(within, name) => format!("{within}=\"{namespace}\",{name}=\"cart\""),
            Told::Joined(label) => format!("{label}=\"{namespace}-cart-http@kubernetes\""),
        };
        let labels = format!("{labels}{}", family.more);
        let [good, bad] = match family.failed {
            "5" => ["2", "5"],
            _ => ["200", "503"],
        };
        for (code, each) in [(good, 9), (bad, 1)] {
            let requests = scrapes * each;
            text.push_str(&format!("{}{{{labels},{}=\"{code}\"}} {requests}\n", family.requests, family.code));
        }
        let quarter = if family.milliseconds { "250" } else { "0.25" };
        for bound in [quarter, "+Inf"] {
            text.push_str(&format!("{}{{{labels},le=\"{bound}\"}} {}\n", family.buckets, scrapes * 10));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_is_found_and_read() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let scrapes = Arc::new(AtomicU64::new(0));
    let app = Router::new()
        .route(
            "/metrics",
            get(async |State(scrapes): State<Arc<AtomicU64>>| exposition(scrapes.fetch_add(1, Ordering::SeqCst))),
        )
        .with_state(scrapes);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
    let server = servers::Prometheus::start(&[target], "").await.unwrap();
    let prometheus = Prometheus::new(&reqwest::Client::new(), &server.url(), Duration::from_secs(5));
    let clock = Clock::system();
    let value = async |query: &str, at: Timestamp| prometheus.greatest(query, at).await.unwrap();
    let cart = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "cart");
    for (number, family) in FAMILIES.iter().enumerate() {
        let namespace = format!("shop-{number}");
        let of = family.of(&namespace, std::iter::once(&cart));
        eventually!(value(&family.rate(&of, "1m"), clock.now()).await.is_some_and(|rate| rate > 0.0));
        let selectors: Vec<String> = FAMILIES.iter().map(|family| family.within(&namespace)).collect();
        let now = clock.now();
        let hour = now.checked_sub(jiff::SignedDuration::from_hours(1)).unwrap();
        let names = prometheus.names(&selectors, hour, now).await.unwrap();
        assert_eq!(names, [family.requests]);
        assert_eq!(first(&names).map(|found| found.requests), Some(family.requests));
        let failed = value(&share_failed(family, &of, "1m"), now).await.unwrap();
        assert!((failed - 0.1).abs() < 1e-6, "{}: {failed}", family.requests);
        let p99 = value(&family.p99(&of, "1m"), now).await.unwrap();
        assert!((0.2..0.25).contains(&p99), "{}: {p99}", family.buckets);
        measured(&prometheus, family, &namespace, now).await;
    }
    assert_eq!(first(&["up".to_owned()]), None);
    assert_eq!(usual().requests, "http_requests_total");
}

/// The numbers that rules see of the workload, whatever its labels are called.
async fn measured(prometheus: &Prometheus, family: &Family, namespace: &str, now: Timestamp) {
    let mut all = Vec::new();
    for (name, query) in family.questions(namespace) {
        for answer in prometheus.instant(&query, now).await.unwrap() {
            all.push(Measure {
                name,
                labels: family.plain(answer.labels),
                value: answer.points.last().unwrap().1,
                source: Source::Prometheus,
                query: query.clone(),
            });
        }
    }
    let measures = Measures(all);
    let pod = serde_json::json!({"metadata": {"name": POD}});
    let of = |name| {
        measures
            .of_workload(name, (namespace, "cart"), &[&pod])
            .map(|one| one.value)
            .sum::<f64>()
    };
    match family.told {
        Told::Joined(_) => assert_eq!(measures, Measures::default()),
        _ => {
            let (requests, failed, p99) = (of("requests"), of("failed"), of("p99"));
            assert!(
                (failed / requests - 0.1).abs() < 1e-6,
                "{}: {failed} of {requests}",
                family.requests
            );
            assert!((0.2..0.25).contains(&p99), "{}: {p99}", family.buckets);
        }
    }
}
