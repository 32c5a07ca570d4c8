//! The alerts that can fire, named and timed as real rules are: kubernetes-mixin, node-exporter and CoreDNS mixins, cert-manager's,
//! the usual exporters' and what teams write for their own services.

/// What computes an alert, which decides the labels that it carries beside those of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// kube-state-metrics, series as scraped.
    State,
    /// kube-state-metrics or cAdvisor, aggregated over the object.
    Aggregated,
    /// The kubelet itself.
    Kubelet,
    /// node-exporter.
    NodeExporter,
    /// An exporter beside a store, CoreDNS, Prometheus: scraped through a ServiceMonitor.
    Scraped,
    /// A team's own rule; labels as the team likes them.
    Team,
    /// An expression that leaves nothing but the labels of its object.
    Bare,
}

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlertRule {
    pub name: &'static str,
    pub for_seconds: u32,
    pub severity: &'static str,
    pub source: Source,
    /// What people read; `{}` is the object.
    pub summary: &'static str,
}

/// How a team names its alerts and labels them.
#[derive(Debug)]
pub(crate) struct Dialect {
    pub errors: AlertRule,
    pub latency: AlertRule,
    pub surge: AlertRule,
    pub absent: AlertRule,
    pub style: Style,
}

/// Labels that say which service a team's alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `namespace`, `service`.
    Service,
    /// `namespace`, `job`.
    Job,
    /// `namespace`, `app`.
    App,
    /// `service_name`, `service_namespace`, as OpenTelemetry's span metrics have them.
    Span,
}

const fn rule(name: &'static str, for_seconds: u32, severity: &'static str, source: Source, summary: &'static str) -> AlertRule {
    AlertRule {
        name,
        for_seconds,
        severity,
        source,
        summary,
    }
}

const MINUTES: u32 = 60;

macro_rules! rules {
    ($($id:ident = $name:literal, $for:expr, $severity:literal, $source:ident, $summary:literal;)*) => {
        $(pub(crate) static $id: AlertRule = rule($name, $for, $severity, Source::$source, $summary);)*
        static RULES: &[&AlertRule] = &[$(&$id),*];
    };
}

rules! {
    CRASH_LOOPING = "KubePodCrashLooping", 15 * MINUTES, "warning", State, "container of {} keeps crashing";
    NOT_READY = "KubePodNotReady", 15 * MINUTES, "warning", Aggregated, "{} has not been ready for a while";
    CONTAINER_WAITING = "KubeContainerWaiting", 60 * MINUTES, "warning", State, "container of {} is waiting";
    DEPLOYMENT_MISMATCH = "KubeDeploymentReplicasMismatch", 15 * MINUTES, "warning", State, "{} has fewer replicas than it should";
    STATEFULSET_MISMATCH = "KubeStatefulSetReplicasMismatch", 15 * MINUTES, "warning", State, "{} has fewer replicas than it should";
    DAEMONSET_STUCK = "KubeDaemonSetRolloutStuck", 15 * MINUTES, "warning", State, "{} does not run everywhere it should";
    ROLLOUT_STUCK = "KubeDeploymentRolloutStuck", 15 * MINUTES, "warning", State, "rollout of {} does not progress";
    HPA_MAXED = "KubeHpaMaxedOut", 15 * MINUTES, "warning", State, "{} runs at its largest size";
    PDB_UNHEALTHY = "KubePdbNotEnoughHealthyPods", 15 * MINUTES, "warning", State, "{} has not enough healthy pods";
    JOB_FAILED = "KubeJobFailed", 15 * MINUTES, "warning", State, "{} failed";
    QUOTA_ALMOST_FULL = "KubeQuotaAlmostFull", 15 * MINUTES, "info", Aggregated, "{} is almost used up";
    MEMORY_OVERCOMMIT = "KubeMemoryOvercommit", 10 * MINUTES, "warning", Bare, "the cluster promises more memory than it has";
    CPU_THROTTLING = "CPUThrottlingHigh", 15 * MINUTES, "info", Aggregated, "{} is throttled";
    VOLUME_FILLING = "KubePersistentVolumeFillingUp", 60 * MINUTES, "warning", Kubelet, "{} is filling up";
    NODE_NOT_READY = "KubeNodeNotReady", 15 * MINUTES, "warning", State, "{} is not ready";
    NODE_UNREACHABLE = "KubeNodeUnreachable", 15 * MINUTES, "warning", State, "{} cannot be reached";
    NODE_PRESSURE = "KubeNodePressure", 10 * MINUTES, "info", State, "{} is under pressure";
    NODE_EVICTION = "KubeNodeEviction", 0, "info", Kubelet, "{} evicts pods";
    KUBELET_UNREACHABLE = "KubeletInstanceUnreachable", 15 * MINUTES, "warning", Kubelet, "kubelet of {} is not scraped";
    NODE_CPU = "NodeCPUHighUsage", 15 * MINUTES, "info", NodeExporter, "{} uses almost all of its processors";
    NODE_MEMORY = "NodeMemoryHighUtilization", 15 * MINUTES, "warning", NodeExporter, "{} uses almost all of its memory";
    NODE_SATURATED = "NodeSystemSaturation", 15 * MINUTES, "warning", NodeExporter, "load of {} is high";
    NODE_DISK = "NodeFilesystemSpaceFillingUp", 60 * MINUTES, "warning", NodeExporter, "file system of {} is filling up";
    NODE_CLOCK = "NodeClockNotSynchronising", 10 * MINUTES, "warning", NodeExporter, "clock of {} is not synchronised";
    TARGET_DOWN = "TargetDown", 10 * MINUTES, "warning", Bare, "{} is not scraped";
    WATCHDOG = "Watchdog", 0, "none", Bare, "alerting works";
    INFO_INHIBITOR = "InfoInhibitor", 0, "none", Bare, "only informational alerts fire in {}";
    OOM_KILLED = "ContainerOOMKilled", 0, "warning", Aggregated, "container of {} was killed for its memory";
    MEMORY_NEAR_LIMIT = "ContainerMemoryNearLimit", 5 * MINUTES, "warning", Aggregated, "container of {} is near its memory limit";
    CONTAINER_CPU = "ContainerHighCpuUtilization", 2 * MINUTES, "warning", Aggregated, "container of {} uses a lot of processor time";
    POOL_EXHAUSTED = "DatabaseConnectionPoolExhausted", MINUTES, "critical", Team, "connection pool of {} is exhausted";
    POSTGRES_DOWN = "PostgresqlDown", MINUTES, "critical", Scraped, "{} does not answer";
    POSTGRES_CONNECTIONS = "PostgresqlTooManyConnections", 2 * MINUTES, "warning", Scraped, "{} has almost no connections left";
    POSTGRES_SLOW = "PostgresqlSlowQueries", 2 * MINUTES, "warning", Scraped, "{} answers slowly";
    POSTGRES_ROLLBACKS = "PostgresqlHighRollbackRate", MINUTES, "warning", Scraped, "{} rolls back many transactions";
    REDIS_DOWN = "RedisDown", MINUTES, "critical", Scraped, "{} does not answer";
    REDIS_REJECTED = "RedisRejectedConnections", MINUTES, "critical", Scraped, "{} rejects connections";
    REDIS_MEMORY = "RedisOutOfConfiguredMaxmemory", 2 * MINUTES, "warning", Scraped, "{} uses all memory it may";
    KAFKA_UNDER_REPLICATED = "KafkaUnderReplicatedPartitions", 5 * MINUTES, "warning", Scraped, "{} has under-replicated partitions";
    KAFKA_OFFLINE = "KafkaOfflinePartitions", MINUTES, "critical", Scraped, "{} has partitions without a leader";
    KAFKA_LAG = "KafkaConsumerGroupLag", 2 * MINUTES, "warning", Scraped, "{} lags behind";
    DNS_ERRORS = "CoreDNSErrorsHigh", 10 * MINUTES, "critical", Aggregated, "CoreDNS answers with errors";
    DNS_LATENCY = "CoreDNSLatencyHigh", 10 * MINUTES, "critical", Aggregated, "CoreDNS answers slowly";
    LOOKUPS_FAIL = "DNSLookupFailures", 2 * MINUTES, "warning", Team, "{} cannot resolve names";
    CERTIFICATE_NOT_READY = "CertManagerCertNotReady", 10 * MINUTES, "critical", Scraped, "certificate {} is not ready";
    PROBE_FAILED = "BlackboxProbeFailed", MINUTES, "critical", Bare, "{} does not answer from outside";
    HANDSHAKES_FAIL = "TLSHandshakeErrorsHigh", 2 * MINUTES, "warning", Team, "clients of {} give up in the TLS handshake";
    SYNC_FAILURE = "PrometheusTargetSyncFailure", 5 * MINUTES, "critical", Scraped, "{} cannot find its targets";
    BAD_CONFIG = "PrometheusBadConfig", 10 * MINUTES, "critical", Scraped, "{} cannot load its configuration";
    NO_DATABASE_OPERATIONS = "NoDatabaseOperations", 5 * MINUTES, "warning", Team, "{} no longer writes to its database";
}

/// The ways in which teams name the four alerts of a service.
pub(crate) static DIALECTS: [Dialect; 4] = [
    dialect(
        [
            "HighRequestErrorRate",
            "HighRequestLatency",
            "RequestRateSurge",
            "NoRequestsReceived",
        ],
        [1, 2, 2, 3],
        Style::Service,
    ),
    dialect(
        ["HTTPErrorRateHigh", "HTTPLatencyP99High", "HTTPTrafficSpike", "HTTPTrafficAbsent"],
        [2, 3, 2, 5],
        Style::Job,
    ),
    dialect(
        [
            "ErrorBudgetBurn",
            "LatencyBudgetBurn",
            "TrafficAboveForecast",
            "TrafficBelowForecast",
        ],
        [2, 3, 3, 5],
        Style::App,
    ),
    dialect(
        ["SpanErrorRatioHigh", "SpanLatencyHigh", "SpanRateHigh", "SpanRateZero"],
        [1, 1, 2, 3],
        Style::Span,
    ),
];

const fn dialect(names: [&'static str; 4], minutes: [u32; 4], style: Style) -> Dialect {
    Dialect {
        errors: rule(
            names[0],
            minutes[0] * MINUTES,
            "critical",
            Source::Team,
            "too many requests to {} fail",
        ),
        latency: rule(names[1], minutes[1] * MINUTES, "warning", Source::Team, "{} answers slowly"),
        surge: rule(
            names[2],
            minutes[2] * MINUTES,
            "warning",
            Source::Team,
            "{} gets more requests than usual",
        ),
        absent: rule(names[3], minutes[3] * MINUTES, "warning", Source::Team, "{} gets no requests"),
        style,
    }
}

/// Every rule that may fire.
pub(crate) fn all() -> impl Iterator<Item = &'static AlertRule> {
    let teams = DIALECTS
        .iter()
        .flat_map(|dialect| [&dialect.errors, &dialect.latency, &dialect.surge, &dialect.absent]);
    RULES.iter().copied().chain(teams)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: BTreeSet<_> = all().map(|rule| rule.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
