//! Percentiles, and what the system says about this process.

use std::time::Duration;

/// In milliseconds; zero of nothing.
pub(crate) fn percentile(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
    sorted.get(at).copied().map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// Resident memory of this process in MiB.
pub(crate) fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}

/// Processor time of this thread.
pub(crate) fn thread_time() -> Duration {
    // Nanoseconds on a processor, then nanoseconds waiting for one, then turns.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// Processor time of a process, all of its threads.
pub(crate) fn process_time(id: u32) -> Duration {
    /// Milliseconds in a tick of the times that Linux tells.
    const TICK: u64 = 10;
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The name of the program may hold anything; after it, the eleventh and twelfth word: as a user, and in the system.
    let (_, words) = text.rsplit_once(')').unwrap();
    let ticks = words.split_whitespace().skip(11).take(2).map(|word| word.parse::<u64>().unwrap());
    Duration::from_millis(TICK * ticks.sum::<u64>())
}

/// Of one, five and fifteen minutes.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
