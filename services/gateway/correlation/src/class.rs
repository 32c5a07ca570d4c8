//! What an alert's name says about it: whether it tells of the thing's own failure or of what it suffers, and how long its rule waits.

/// What an alert tells about the thing that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Something is wrong with the thing itself: it crashes, is full, expires, does not answer.
    Own,
    /// Its programs end again and again: because of itself, or because they give up without what they need.
    Crash,
    /// It, or part of it, is not ready.
    Unready,
    /// Requests to it fail: because of itself, or of something that it needs.
    Error,
    /// Requests to it are slow.
    Slow,
    /// It is busier than usual.
    Load,
    /// It wants more processor time than it gets.
    Starving,
    /// It takes much of what it runs on.
    Hungry,
    /// Nobody asks it for anything.
    Idle,
    /// It could not be measured.
    Unseen,
    /// It cannot resolve names.
    Naming,
    /// Its connections to what it calls run out.
    Exhausted,
    /// Something that goes on for days before it matters: a quota, a disk that fills, a job that failed at night.
    Chronic,
}

impl Class {
    /// How many there are.
    pub const COUNT: usize = 13;
    /// All of them, in their order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Own,
        Self::Crash,
        Self::Unready,
        Self::Error,
        Self::Slow,
        Self::Load,
        Self::Starving,
        Self::Hungry,
        Self::Idle,
        Self::Unseen,
        Self::Naming,
        Self::Exhausted,
        Self::Chronic,
    ];

    /// A bit of its own.
    #[must_use]
    pub fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What is known about alerts of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nature {
    /// What they tell.
    pub class: Class,
    /// The rule's `for`, seconds.
    pub for_seconds: u32,
    /// Whether that is known, or only usual.
    pub for_known: bool,
    /// They fire all the time, by design, and say nothing.
    pub constant: bool,
}

/// Alerts that fire by design (kube-prometheus).
const CONSTANT: [&str; 3] = ["Watchdog", "InfoInhibitor", "DeadMansSwitch"];

/// `for` of the kubernetes-mixin's rules, in minutes, where it is not the mixin's usual quarter of an hour.
const MIXIN_FOR_MINUTES: [(&str, u32); 14] = [
    ("KubeContainerWaiting", 60),
    ("KubeDaemonSetNotScheduled", 10),
    ("KubeJobNotCompleted", 0),
    ("KubeCPUOvercommit", 10),
    ("KubeMemoryOvercommit", 10),
    ("KubeCPUQuotaOvercommit", 5),
    ("KubeMemoryQuotaOvercommit", 5),
    ("KubePersistentVolumeFillingUp", 1),
    ("KubePersistentVolumeInodesFillingUp", 1),
    ("KubePersistentVolumeErrors", 5),
    ("KubeNodePressure", 10),
    ("KubeNodeEviction", 0),
    ("KubeletPlegDurationHigh", 5),
    ("KubeAPITerminatedRequests", 5),
];
/// `for` of most kubernetes-mixin rules, seconds.
const MIXIN_FOR: u32 = 900;
/// `for` of a rule that nothing is known about, seconds: the middle of what application teams use (1 to 3 minutes).
const USUAL_FOR: u32 = 120;

/// Words of alert names and what they tell, asked in this order: the first that an alert's name has decides.
const WORDS: [(Class, &[&str]); 13] = [
    (
        Class::Chronic,
        &[
            "quota",
            "overcommit",
            "fillingup",
            "almostoutof",
            "jobfailed",
            "jobnotcompleted",
            "clock",
            "timesync",
            "versionmismatch",
            "outdated",
        ],
    ),
    (Class::Naming, &["lookup", "nameresolution", "resolutionfail"]),
    // Before all that a certificate that is not ready would be.
    (Class::Own, &["cert"]),
    (Class::Exhausted, &["poolexhausted", "connectionpool", "poolsaturat"]),
    (
        Class::Idle,
        &[
            "norequest",
            "notraffic",
            "trafficabsent",
            "ratezero",
            "belowforecast",
            "trafficbelow",
            "trafficlow",
            "requestratelow",
            "nomessages",
        ],
    ),
    (
        Class::Unseen,
        &["target", "scrape", "absent", "instanceunreachable", "kubeletdown", "metricsmissing"],
    ),
    (Class::Starving, &["throttl"]),
    (Class::Hungry, &["highcpu", "containercpu", "cpuutil", "containermemoryhigh"]),
    (
        Class::Load,
        &[
            "traffic",
            "requestrate",
            "spanrate",
            "maxedout",
            "highload",
            "saturat",
            "concurren",
            "qps",
            "surge",
            "toomanyconn",
            "rejectedconn",
            "cpuhigh",
            "memoryhigh",
            "pressure",
            "eviction",
            "evicted",
        ],
    ),
    (Class::Crash, &["crashloop", "restart"]),
    (
        Class::Unready,
        &[
            "notready",
            "replicasmismatch",
            "notenoughhealthy",
            "unschedulable",
            "misscheduled",
            "notscheduled",
            "waiting",
            "generationmismatch",
        ],
    ),
    (Class::Own, &["tls", "handshake", "coredns", "prometheus", "etcd", "kube"]),
    (
        Class::Slow,
        &["latency", "slow", "lag", "queue", "backlog", "duration", "apdex", "degraded"],
    ),
];
/// Words of requests that fail, asked last.
const ERROR: [&str; 16] = [
    "error",
    "5xx",
    "availab",
    "slo",
    "burn",
    "timeout",
    "success",
    "failure",
    "failing",
    "unreachable",
    "probe",
    "dropped",
    "rejected",
    "refused",
    "retries",
    "nodatabase",
];

/// What alerts of this name tell. `for_seconds` of the rule where it is known.
#[must_use]
pub fn nature(name: &str, for_seconds: Option<u32>) -> Nature {
    let low = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| low.contains(word));
    let worded = WORDS.iter().find(|(_, words)| has(words)).map(|(class, _)| *class);
    let failing = has(&ERROR);
    let class = worded.unwrap_or(if failing { Class::Error } else { Class::Own });
    let mixin = MIXIN_FOR_MINUTES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, minutes)| minutes * 60);
    let mixin = mixin.or_else(|| name.starts_with("Kube").then_some(MIXIN_FOR));
    Nature {
        class,
        for_seconds: for_seconds.or(mixin).unwrap_or(USUAL_FOR),
        for_known: for_seconds.is_some(),
        constant: CONSTANT.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_kind_of_trouble_it_is() {
        for (name, class) in [
            ("KubePodCrashLooping", Class::Crash),
            ("ContainerOOMKilled", Class::Own),
            ("KubeDeploymentRolloutStuck", Class::Own),
            ("KubePodNotReady", Class::Unready),
            ("KubeDeploymentReplicasMismatch", Class::Unready),
            ("KubeNodeNotReady", Class::Unready),
            ("HighRequestLatency", Class::Slow),
            ("HighErrorRate", Class::Error),
            ("DatabaseConnectionPoolExhausted", Class::Exhausted),
            ("CertManagerCertNotReady", Class::Own),
            ("KubeHpaMaxedOut", Class::Load),
            ("CPUThrottlingHigh", Class::Starving),
            ("ContainerHighCpuUtilization", Class::Hungry),
            ("TargetDown", Class::Unseen),
            ("RedisDown", Class::Own),
            ("NoRequestsReceived", Class::Idle),
            ("DNSLookupFailures", Class::Naming),
            ("CoreDNSErrorsHigh", Class::Own),
            ("KubeQuotaAlmostFull", Class::Chronic),
            ("SomethingStrange", Class::Own),
        ] {
            assert_eq!(nature(name, None).class, class, "{name}");
        }
    }

    #[test]
    fn a_known_rule_beats_the_table_and_the_table_beats_the_guess() {
        assert_eq!(nature("KubePodNotReady", Some(60)).for_seconds, 60);
        assert_eq!(nature("KubePodNotReady", None).for_seconds, 900);
        assert_eq!(nature("KubePersistentVolumeErrors", None).for_seconds, 300);
        assert_eq!(nature("CartLatencyHigh", None).for_seconds, 120);
    }
}
