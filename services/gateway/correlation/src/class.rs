//! What an alert's name says about it: whether it tells of the thing's own failure or of what it suffers, and how long its rule waits.

/// What an alert tells about the thing that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Something is wrong with the thing itself: it crashes, is full, is not ready, expires.
    Own,
    /// Requests to it fail or are slow: it, or something that it needs.
    Symptom,
    /// It is busier than usual.
    Load,
    /// Nobody asks it for anything.
    Idle,
    /// It could not be measured.
    Unseen,
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

/// Words of alert names, asked in this order: the first list that has one decides.
const IDLE: [&str; 8] = [
    "norequest",
    "notraffic",
    "trafficabsent",
    "ratezero",
    "belowforecast",
    "trafficbelow",
    "nodatabase",
    "nomessages",
];
const UNSEEN: [&str; 8] = [
    "target",
    "scrape",
    "absent",
    "instanceunreachable",
    "kubeletdown",
    "exporter",
    "metricsmissing",
    "badconfig",
];
const LOAD: [&str; 14] = [
    "traffic",
    "requestrate",
    "spanrate",
    "maxedout",
    "throttl",
    "highload",
    "saturat",
    "concurren",
    "qps",
    "surge",
    "toomanyconn",
    "rejectedconn",
    "nearlimit",
    "highcpu",
];
const SYMPTOM: [&str; 23] = [
    "latency",
    "slow",
    "error",
    "5xx",
    "availab",
    "slo",
    "burn",
    "timeout",
    "success",
    "apdex",
    "lag",
    "queue",
    "backlog",
    "failure",
    "failing",
    "unreachable",
    "probe",
    "degraded",
    "duration",
    "dropped",
    "rejected",
    "refused",
    "retries",
];

/// What alerts of this name tell. `for_seconds` of the rule where it is known.
#[must_use]
pub fn nature(name: &str, for_seconds: Option<u32>) -> Nature {
    let low = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| low.contains(word));
    let class = if has(&IDLE) {
        Class::Idle
    } else if has(&UNSEEN) {
        Class::Unseen
    } else if has(&LOAD) {
        Class::Load
    } else if name.starts_with("Kube") {
        // The mixin tells of objects, whatever words its names have.
        Class::Own
    } else if has(&SYMPTOM) {
        Class::Symptom
    } else {
        Class::Own
    };
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
            ("KubePodCrashLooping", Class::Own),
            ("KubeNodeNotReady", Class::Own),
            ("HighRequestLatency", Class::Symptom),
            ("HighErrorRate", Class::Symptom),
            ("PostgresConnectionPoolExhausted", Class::Own),
            ("KubeHpaMaxedOut", Class::Load),
            ("CPUThrottlingHigh", Class::Load),
            ("TargetDown", Class::Unseen),
            ("RedisDown", Class::Own),
            ("NoRequestsReceived", Class::Idle),
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
