//! Use of memory as the metrics API tells it.

use std::collections::BTreeSet;

use paramedic_domain::evidence::Source;
use serde_json::json;

use crate::core::{
    measures::memory_shares,
    snapshot::{Snapshot, kinds::named},
};

#[test]
fn the_share_of_the_limit_is_told_of_containers_that_have_one() {
    let mut snapshot = Snapshot::new("2026-03-02T12:00:00Z".parse().unwrap(), BTreeSet::from(["shop".to_owned()]));
    let containers = json!([{"name": "main", "resources": {"limits": {"memory": "256Mi"}}}, {"name": "sidecar"}]);
    let pod = json!({"kind": "Pod", "metadata": {"name": "web-0", "namespace": "shop"}, "spec": {"containers": containers}});
    snapshot.file(named("Pod").unwrap(), vec![pod]);
    let used = json!([
        {"name": "main", "usage": {"cpu": "12n", "memory": "196608Ki"}},
        {"name": "sidecar", "usage": {"cpu": "12n", "memory": "196608Ki"}},
    ]);
    let gone = json!({"metadata": {"name": "gone", "namespace": "shop"}, "containers": used});
    let list = json!({"items": [{"metadata": {"name": "web-0", "namespace": "shop"}, "containers": used}, gone]});
    let path = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods";
    let shares = memory_shares(&snapshot, path, &list);
    assert_eq!(shares.len(), 1, "{shares:?}");
    let quote = shares[0].quote();
    assert_eq!(
        (shares[0].value, quote.source, quote.query.as_str()),
        (0.75, Source::Kubernetes, path)
    );
}
