//! Log lines that differ only in their numbers are one pattern.

use std::collections::BTreeMap;

use paramedic_domain::id::EvidenceId;

/// A line as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The pod that wrote it.
    pub pod: String,
    /// Unix seconds.
    pub at: f64,
    /// Text, secrets redacted.
    pub text: String,
}

/// Lines of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// The shape: numbers are `#`.
    pub shape: String,
    /// How many lines of it were read.
    pub count: usize,
    /// Pods that wrote it.
    pub pods: Vec<String>,
    /// The newest line.
    pub latest: String,
    /// A number in it that only ever grows in every pod, if there is one: its first and last value in the pod with the newest line.
    pub growing: Option<(f64, f64)>,
    /// Whether it reports an error.
    pub alarming: bool,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A group of lines before it is evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// See [`Pattern::shape`].
    pub shape: String,
    /// See [`Pattern::count`].
    pub count: usize,
    /// See [`Pattern::pods`].
    pub pods: Vec<String>,
    /// Unix seconds of the first line.
    pub began: f64,
    /// See [`Pattern::latest`].
    pub latest: String,
    /// See [`Pattern::growing`].
    pub growing: Option<(f64, f64)>,
    /// See [`Pattern::alarming`].
    pub alarming: bool,
}

/// Fewest lines of one pod before a growing number in them means anything.
const MIN_TREND: usize = 5;

/// Groups lines by shape: alarming ones first, then those with a growing number, then the most frequent.
#[must_use]
pub fn cluster(lines: &[Line]) -> Vec<Cluster> {
    let mut groups: BTreeMap<String, Vec<(&Line, Vec<f64>)>> = BTreeMap::new();
    for line in lines {
        let (shape, numbers) = shape(&line.text);
        groups.entry(shape).or_default().push((line, numbers));
    }
    let mut clusters: Vec<Cluster> = groups.into_iter().map(|(shape, lines)| group(shape, lines)).collect();
    clusters.sort_by_key(|cluster| (!cluster.alarming, cluster.growing.is_none(), std::cmp::Reverse(cluster.count)));
    clusters
}

fn group(shape: String, mut lines: Vec<(&Line, Vec<f64>)>) -> Cluster {
    lines.sort_by(|a, b| a.0.at.total_cmp(&b.0.at));
    let mut by_pod: BTreeMap<&str, Vec<&[f64]>> = BTreeMap::new();
    for (line, numbers) in &lines {
        by_pod.entry(&line.pod).or_default().push(numbers);
    }
    let newest = lines.last().map(|(line, _)| *line);
    Cluster {
        growing: newest.and_then(|newest| growing(&shape, &by_pod, &newest.pod)),
        alarming: alarming(&shape),
        shape,
        count: lines.len(),
        pods: by_pod.keys().map(ToString::to_string).collect(),
        began: lines.first().map_or(0.0, |(line, _)| line.at),
        latest: newest.map_or_else(String::new, |line| line.text.clone()),
    }
}

/// Words that name something a process holds; a growing time stamp or sequence number means nothing.
const HOLDINGS: [&str; 14] = [
    "pool",
    "heap",
    "size",
    "alloc",
    "objects",
    "coroutine",
    "goroutine",
    "thread",
    "queue",
    "cache",
    "entries",
    "connections",
    "handles",
    "sessions",
];

/// A number that falls below this share of the one before began anew with its process.
const RESTART_DROP: f64 = 0.7;

/// The first number that never falls and ends higher, in every pod with enough lines since its process began.
fn growing(shape: &str, by_pod: &BTreeMap<&str, Vec<&[f64]>>, newest: &str) -> Option<(f64, f64)> {
    let words = shape.to_lowercase();
    if !HOLDINGS.iter().any(|word| words.contains(word)) {
        return None;
    }
    let columns = by_pod.values().flat_map(|rows| rows.iter().map(|row| row.len())).min()?;
    (0..columns).find_map(|column| {
        let runs: BTreeMap<&str, Vec<f64>> = by_pod
            .iter()
            .map(|(pod, rows)| (*pod, since_restart(rows.iter().map(|row| row[column]).collect())))
            .filter(|(_, run)| run.len() >= MIN_TREND)
            .collect();
        let steady = |run: &Vec<f64>| run.windows(2).all(|pair| pair[0] <= pair[1]) && run.first() < run.last();
        let run = runs.get(newest).or_else(|| runs.values().next())?;
        runs.values().all(steady).then(|| Some((*run.first()?, *run.last()?)))?
    })
}

fn since_restart(mut values: Vec<f64>) -> Vec<f64> {
    let restart = values.windows(2).rposition(|pair| pair[1] < pair[0] * RESTART_DROP);
    values.split_off(restart.map_or(0, |at| at + 1))
}

fn alarming(shape: &str) -> bool {
    let text = shape.to_lowercase();
    ["fatal", "panic", "level=error", "exception", " error ", "error:", "outofmemory"]
        .iter()
        .any(|word| text.contains(word))
}

/// A line with its numbers taken out. A number inside a word (an id such as `pay_3f2a`) takes the whole word with it.
fn shape(text: &str) -> (String, Vec<f64>) {
    let mut shape = String::new();
    let mut numbers = Vec::new();
    for (i, word) in text.split(|c: char| c.is_whitespace()).enumerate() {
        if i > 0 {
            shape.push(' ');
        }
        let (key, value) = word.split_once('=').map_or(("", word), |(key, value)| (key, value));
        let bare = value.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if !key.is_empty() {
            shape.push_str(key);
            shape.push('=');
        }
        if let Ok(number) = bare.parse::<f64>() {
            numbers.push(number);
            shape.push('#');
        } else if bare.bytes().any(|b| b.is_ascii_digit()) {
            shape.push('#');
        } else {
            shape.push_str(value);
        }
    }
    (shape, numbers)
}
