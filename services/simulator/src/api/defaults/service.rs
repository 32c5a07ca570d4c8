//! Defaults of services, addresses included.

use rand::Rng;
use serde_json::{Value, json};

use super::or;

/// Node ports are given out of this range.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;

pub(super) fn fill(spec: &mut Value) {
    or(spec, "type", json!("ClusterIP"));
    or(spec, "sessionAffinity", json!("None"));
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    let outside = matches!(kind.as_str(), "NodePort" | "LoadBalancer");
    if let Some(ports) = spec.get_mut("ports").and_then(Value::as_array_mut) {
        for port in ports.iter_mut().filter(|p| p.is_object()) {
            or(port, "protocol", json!("TCP"));
            let number = port["port"].clone();
            or(port, "targetPort", number);
            if outside {
                or(port, "nodePort", json!(rand::rng().random_range(NODE_PORTS)));
            }
        }
    }
    if kind == "ExternalName" {
        return;
    }
    if spec["clusterIP"].as_str().unwrap_or_default().is_empty() {
        let mut rng = rand::rng();
        let (high, low) = (rng.random_range(0..=255u8), rng.random_range(2..=250u8));
        spec["clusterIP"] = json!(format!("10.96.{high}.{low}"));
    }
    let address = spec["clusterIP"].clone();
    or(spec, "clusterIPs", json!([address]));
    or(spec, "ipFamilies", json!(["IPv4"]));
    or(spec, "ipFamilyPolicy", json!("SingleStack"));
    or(spec, "internalTrafficPolicy", json!("Cluster"));
    if outside {
        or(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        or(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
}
