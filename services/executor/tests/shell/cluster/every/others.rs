//! What only looks, waits or copies.

use serde_json::json;

use super::case::Case;

pub(super) fn cases() -> Vec<Case> {
    let payments = || json!({"deployment": "payment-service", "namespace": "production"});
    vec![
        Case::of("collect_diagnostics", payments()).seen(|seen| assert!(seen.summary.contains("kept"), "{}", seen.summary)),
        Case::of(
            "backup_data",
            json!({"deployment": "payment-service", "namespace": "production", "paths": ["/var/log/payments"]}),
        ),
        Case::of(
            "health_check",
            json!({"deployment": "checkout-api", "service": "checkout-api", "namespace": "production"}),
        )
        .seen(|seen| assert!(seen.summary.contains("endpoints are ready"), "{}", seen.summary)),
        Case::of(
            "verify_recovery",
            json!({"targets": ["checkout-api"], "namespace": "production", "stableFor": "5s"}),
        )
        .seen(|seen| assert!(seen.summary.contains("all of it for"), "{}", seen.summary)),
        Case::of("correlate_alerts", json!({})),
        Case::of("wait", json!({"duration": "3s"})),
    ]
}
