//! Metrics that count the requests of a workload and time them: libraries, proxies and meshes each name and label them in their own way.
//!
//! Sources: OpenTelemetry's semantic conventions for HTTP metrics and its translation to Prometheus (`http.server.request.duration`, s),
//! Micrometer's `http.server.requests` (Spring Boot), Istio's standard metrics (as the server's proxy reports them, ms), Envoy's statistics of
//! HTTP connection managers (`downstream_rq_*`, ms), Linkerd's proxy metrics (`response_total`, ms), ingress-nginx's and Traefik's
//! documentation of their metrics. Where none is found, the names of the Prometheus client libraries' examples are asked for.

use std::collections::BTreeMap;

use paramedic_domain::object::ObjectRef;

use super::criteria::pods_like;

/// How the series of one workload are told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// By labels `namespace` and `pod`.
    ByPod,
    /// By labels with the namespace and the name of the workload, or of a Service with that name.
    ByName(&'static str, &'static str),
    /// By one label that begins with namespace, `-`, name, `-`.
    Joined(&'static str),
}

/// Metrics that belong together.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The counter of requests.
    pub requests: &'static str,
    /// The histogram of their times: its buckets.
    pub buckets: &'static str,
    /// The label with the status.
    pub code: &'static str,
    /// The statuses that are failures, as a regular expression.
    pub failed: &'static str,
    /// Further matchers, so that nothing is counted twice.
    pub more: &'static str,
    /// Whose they are.
    pub told: Told,
    /// Milliseconds, not seconds.
    pub milliseconds: bool,
}

/// What most client libraries call them.
const USUAL: Family = Family {
    requests: "http_requests_total",
    buckets: "http_request_duration_seconds_bucket",
    code: "code",
    failed: "5..",
    more: "",
    told: Told::ByPod,
    milliseconds: false,
};

/// Every family, the closest to the program first: what it counts itself leaves out nothing that a proxy refused.
pub static FAMILIES: [Family; 8] = [
    USUAL,
    Family {
        requests: "http_server_request_duration_seconds_count",
        buckets: "http_server_request_duration_seconds_bucket",
        code: "http_response_status_code",
        ..USUAL
    },
    Family {
        requests: "http_server_requests_seconds_count",
        buckets: "http_server_requests_seconds_bucket",
        code: "status",
        ..USUAL
    },
    Family {
        requests: "istio_requests_total",
        buckets: "istio_request_duration_milliseconds_bucket",
        code: "response_code",
        more: ",reporter=\"destination\"",
        told: Told::ByName("destination_workload_namespace", "destination_workload"),
        milliseconds: true,
        ..USUAL
    },
    Family {
        requests: "response_total",
        buckets: "response_latency_ms_bucket",
        code: "status_code",
        more: ",direction=\"inbound\"",
        milliseconds: true,
        ..USUAL
    },
    Family {
        requests: "envoy_http_downstream_rq_xx",
        buckets: "envoy_http_downstream_rq_time_bucket",
        code: "envoy_response_code_class",
        failed: "5",
        milliseconds: true,
        ..USUAL
    },
    Family {
        requests: "nginx_ingress_controller_requests",
        buckets: "nginx_ingress_controller_request_duration_seconds_bucket",
        code: "status",
        told: Told::ByName("exported_namespace", "exported_service"),
        ..USUAL
    },
    Family {
        requests: "traefik_service_requests_total",
        buckets: "traefik_service_request_duration_seconds_bucket",
        told: Told::Joined("service"),
        ..USUAL
    },
];

/// The family that is asked for where none is known.
#[must_use]
pub fn usual() -> &'static Family {
    &FAMILIES[0]
}

/// The first family whose counter is among these names.
#[must_use]
pub fn first(names: &[String]) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| names.iter().any(|name| name == family.requests))
}

impl Family {
    /// The series of its counter in namespaces, given as a pattern.
    #[must_use]
    pub fn within(&self, namespaces: &str) -> String {
        let of = match self.told {
            Told::ByPod => format!("namespace=~\"{namespaces}\""),
            Told::ByName(namespace, _) => format!("{namespace}=~\"{namespaces}\""),
            Told::Joined(label) => format!("{label}=~\"({namespaces})-.*\""),
        };
        format!("{}{{{of}}}", self.requests)
    }

    /// Matchers of the series of workloads of one namespace.
    #[must_use]
    pub fn of<'a>(&self, namespace: &str, workloads: impl Iterator<Item = &'a ObjectRef>) -> String {
        let pattern = |name: fn(&ObjectRef) -> String| workloads.map(name).collect::<Vec<_>>().join("|");
        let name = |workload: &ObjectRef| workload.name.replace('.', "\\\\.");
        let pods = |workload: &ObjectRef| pods_like(&workload.kind, &workload.name);
        let of = match self.told {
            Told::ByPod => format!("namespace=\"{namespace}\",pod=~\"{}\"", pattern(pods)),
            Told::ByName(within, named) => format!("{within}=\"{namespace}\",{named}=~\"{}\"", pattern(name)),
            Told::Joined(label) => format!("{label}=~\"{namespace}-({})-.*\"", pattern(name)),
        };
        format!("{of}{}", self.more)
    }

    /// Requests per second of the series that these matchers select, over a window.
    #[must_use]
    pub fn rate(&self, of: &str, window: &str) -> String {
        format!("sum(rate({}{{{of}}}[{window}]))", self.requests)
    }

    /// Those that fail.
    #[must_use]
    pub fn failures(&self, of: &str, window: &str) -> String {
        self.rate(&format!("{of},{}=~\"{}\"", self.code, self.failed), window)
    }

    /// Seconds within which 99 % of them are answered.
    #[must_use]
    pub fn p99(&self, of: &str, window: &str) -> String {
        self.seconds(&format!("sum by (le) (rate({}{{{of}}}[{window}]))", self.buckets))
    }

    fn seconds(&self, buckets: &str) -> String {
        let unit = if self.milliseconds { " / 1000" } else { "" };
        format!("histogram_quantile(0.99, {buckets}){unit}")
    }

    /// Requests, failures and times of everything in namespaces (a pattern), now and three hours before, by the name of each number;
    /// nothing where no label has the namespace alone.
    #[must_use]
    pub fn questions(&self, namespaces: &str) -> Vec<(&'static str, String)> {
        let (namespace, name) = match self.told {
            Told::ByPod => ("namespace", "pod"),
            Told::ByName(namespace, name) => (namespace, name),
            Told::Joined(_) => return Vec::new(),
        };
        let of = format!("{namespace}=~\"{namespaces}\"{}", self.more);
        let failed = format!("{of},{}=~\"{}\"", self.code, self.failed);
        let rate = |of: &str, window: &str| format!("sum by ({namespace}, {name}) (rate({}{{{of}}}[{window}))", self.requests);
        let p99 = |window: &str| {
            self.seconds(&format!(
                "sum by ({namespace}, {name}, le) (rate({}{{{of}}}[{window}))",
                self.buckets
            ))
        };
        let (now, before) = ("5m]", "10m] offset 3h");
        vec![
            ("requests", rate(&of, now)),
            ("requests_before", rate(&of, before)),
            ("failed", rate(&failed, now)),
            ("failed_before", rate(&failed, before)),
            ("p99", p99(now)),
            ("p99_before", p99(before)),
        ]
    }

    /// The labels of an answer as those of the usual family: `namespace`, and `pod` or `workload`.
    #[must_use]
    pub fn plain(&self, labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let Told::ByName(namespace, name) = self.told else { return labels };
        let renamed = |key: String| match key {
            key if key == namespace => "namespace".to_owned(),
            key if key == name => "workload".to_owned(),
            key => key,
        };
        labels.into_iter().map(|(key, value)| (renamed(key), value)).collect()
    }
}
