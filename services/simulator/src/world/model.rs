//! What a container uses at a given time: closed formulas, so that any time can be asked for without simulating it.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    ledger::{ContainerRecord, Instance, PodRecord},
    obj::{after, secs},
};
use crate::scenario::{
    Scenario,
    behaviour::{Latency, Workload},
    fault::{Fault, MemoryPeaks, Subject},
};

const MIB: f64 = 1_048_576.0;

/// Working set of a container nobody described, MiB.
const PLAIN_MIB: f64 = 24.0;

/// Share of the base working set a process has right after it started.
const FRESH_SHARE: f64 = 0.55;

/// One run of a container with everything its formulas need.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) container: &'a ContainerRecord,
    pub(crate) instance: &'a Instance,
}

impl<'a> Run<'a> {
    /// The behaviour, if the scenario describes this container.
    pub(crate) fn behaviour(&self) -> Option<&'a Workload> {
        self.container.behaviour.map(|i| &self.scenario.workloads[i])
    }

    /// The faults that bite in this run.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &'a Fault> + use<'a> {
        let all = self.behaviour().map_or(&[][..], |behaviour| &behaviour.faults);
        let instance = self.instance;
        instance.faults.iter().map(move |&i| &all[i])
    }

    /// Memory limit in bytes.
    pub(crate) fn limit(&self) -> Option<f64> {
        self.container.limits.get("memory").copied()
    }

    /// Leaked so far, MiB.
    pub(crate) fn leaked_mib(&self, t: f64) -> f64 {
        let hours = (t - secs(self.instance.started)).max(0.0) / 3600.0;
        self.faults()
            .filter_map(|fault| fault.memory_leak.as_ref())
            .map(|leak| leak.rate_mib_per_hour * hours)
            .sum()
    }

    /// Working set without a leak, MiB, once started.
    fn base_mib(&self) -> f64 {
        let healthy = self.behaviour().map_or(PLAIN_MIB, |behaviour| behaviour.memory.base_mib);
        self.faults()
            .filter_map(|fault| fault.memory_leak.as_ref().and_then(|leak| leak.base_mib).or(fault.memory_base_mib))
            .fold(healthy, |_, base| base)
    }

    /// Working set in bytes at `t` when the pod serves `rps`, never above the limit.
    pub(crate) fn working_set(&self, t: f64, rps: f64) -> f64 {
        let warm = self.behaviour().map_or(3.0, |behaviour| behaviour.startup.as_secs_f64()).max(0.1);
        let age = (t - secs(self.instance.started)).max(0.0);
        let base = self.base_mib() * (FRESH_SHARE + (1.0 - FRESH_SHARE) * (age / warm).min(1.0));
        let base = self.peaks().map(|peaks| peaks.at(age, base)).fold(base, f64::max);
        let load = self.behaviour().map_or(0.0, |behaviour| behaviour.memory.mib_per_rps * rps);
        let bytes = (base + load + self.leaked_mib(t)) * MIB;
        self.limit().map_or(bytes, |limit| bytes.min(limit))
    }

    fn peaks(&self) -> impl Iterator<Item = &'a MemoryPeaks> + use<'a> {
        self.faults().filter_map(|fault| fault.memory_peaks.as_ref())
    }

    /// When the working set reaches the limit, if it ever does.
    pub(crate) fn oom_at(&self) -> Option<Timestamp> {
        let room = self.limit()? / MIB - self.base_mib();
        let started = self.instance.started;
        if room <= 0.0 {
            // Dies while it warms up.
            let warm = self.behaviour().map_or(3.0, |behaviour| behaviour.startup.as_secs_f64());
            return Some(after(started, Duration::from_secs_f64((warm * 0.6).max(0.5))));
        }
        let rate: f64 = self
            .faults()
            .filter_map(|f| f.memory_leak.as_ref())
            .map(|leak| leak.rate_mib_per_hour)
            .sum();
        let leak = (rate > 0.0).then(|| room / rate * 3600.0);
        let peak = self.peaks().filter_map(|peaks| peaks.reaches(self.base_mib(), room));
        let seconds = leak.into_iter().chain(peak).min_by(f64::total_cmp)?;
        Some(after(started, Duration::from_secs_f64(seconds.min(3e9))))
    }

    /// CPU use in cores when the pod serves `rps`.
    pub(crate) fn cpu(&self, rps: f64) -> f64 {
        self.cpu_parts().0 + self.cpu_parts().1 * rps
    }

    /// Cores used without traffic, and cores per request per second.
    pub(crate) fn cpu_parts(&self) -> (f64, f64) {
        let extra: f64 = self.faults().filter_map(|fault| fault.cpu_millicores).sum();
        self.behaviour().map_or((0.002 + extra / 1000.0, 0.0), |behaviour| {
            (
                (behaviour.cpu.idle_millicores + extra) / 1000.0,
                behaviour.cpu.millicores_per_rps / 1000.0,
            )
        })
    }

    /// Response times while these faults bite.
    pub(crate) fn latency(&self, biting: &[&Fault]) -> Latency {
        let healthy = self.behaviour().map(|behaviour| behaviour.latency).unwrap_or_default();
        biting.iter().filter_map(|fault| fault.latency).fold(healthy, |_, latency| latency)
    }

    /// Share of requests that fail while these faults bite.
    pub(crate) fn error_rate(&self, biting: &[&Fault]) -> f64 {
        let healthy = self.behaviour().map_or(0.0, |behaviour| behaviour.error_rate);
        biting.iter().filter_map(|fault| fault.error_rate).fold(healthy, |_, rate| rate)
    }
}

impl MemoryPeaks {
    /// Working set, MiB, of a container of this age whose working set between peaks is `base`. It rises for half of a peak.
    fn at(&self, age: f64, base: f64) -> f64 {
        let (every, lasts) = (self.every.as_secs_f64(), self.lasts.as_secs_f64());
        let within = age % every;
        if age < every || within > lasts {
            return base;
        }
        base + (self.mib - base) * (within / (lasts / 2.0)).min(1.0)
    }

    /// Age in seconds at which a container has used up the `room` above its `base`, MiB; `None` if a peak is lower.
    fn reaches(&self, base: f64, room: f64) -> Option<f64> {
        let rise = self.mib - base;
        (rise >= room).then(|| self.every.as_secs_f64() + room / rise * self.lasts.as_secs_f64() / 2.0)
    }
}

impl Latency {
    /// Share of requests that take at most `seconds` (log-normal).
    pub(crate) fn share_within(&self, seconds: f64) -> f64 {
        if seconds <= 0.0 {
            return 0.0;
        }
        normal((seconds * 1000.0 / self.p50_ms).ln() / self.sigma())
    }

    /// The time, in seconds, that a share of the requests stays below.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let (mut low, mut high) = (0.0, self.p50_ms / 1000.0 * (8.0 * self.sigma()).exp());
        // Halving sixty times is exact enough and needs no inverse of the normal distribution.
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.share_within(middle) < share {
                low = middle
            } else {
                high = middle
            }
        }
        high
    }

    /// Mean response time, seconds.
    pub(crate) fn mean(&self) -> f64 {
        self.p50_ms / 1000.0 * (self.sigma().powi(2) / 2.0).exp()
    }

    /// Spread of the logarithm: the 99th percentile is 2.3263 deviations above the median.
    fn sigma(&self) -> f64 {
        ((self.p99_ms / self.p50_ms).ln() / 2.326_347_9).max(0.01)
    }
}

/// Distribution function of the standard normal (Abramowitz and Stegun 26.2.17, error below 1e-7).
fn normal(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-x * x / 2.0).exp() / (std::f64::consts::TAU).sqrt() * poly;
    if x >= 0.0 { 1.0 - tail } else { tail }
}

/// The faults of a behaviour that bite in a container starting `since_origin` after the scenario began.
pub(crate) fn biting(scenario: &Scenario, pod: &PodRecord, container: &ContainerRecord, since_origin: Duration) -> Vec<usize> {
    let Some(behaviour) = container.behaviour.map(|i| &scenario.workloads[i]) else {
        return Vec::new();
    };
    let subject = subject(pod, container, since_origin);
    let hits = behaviour
        .faults
        .iter()
        .enumerate()
        .filter(|(_, fault)| fault.when.matches(&subject));
    hits.map(|(i, _)| i).collect()
}

/// The facts of a container that conditions look at.
pub(crate) fn subject<'a>(pod: &'a PodRecord, container: &'a ContainerRecord, since_origin: Duration) -> Subject<'a> {
    Subject {
        image: &container.image,
        env: &container.env,
        args: &container.args,
        node: &pod.node,
        pod: &pod.name,
        first: pod.first,
        memory_limit_mib: container.limits.get("memory").map(|bytes| bytes / MIB),
        since_origin,
    }
}

/// Repeatable noise between -1 and 1 for a name and a number.
pub(crate) fn noise(name: &str, n: i64) -> f64 {
    hash(name, n) as f64 / u64::MAX as f64 * 2.0 - 1.0
}

/// A repeatable 64-bit hash (FNV-1a with a finisher).
pub(crate) fn hash(name: &str, n: i64) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes().chain(n.to_le_bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^ (state >> 33)
}
