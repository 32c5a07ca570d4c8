//! kill -9: a child process appends to an embedded bus and reports what was acknowledged; after the kill all of it is there.
//!
//! The child is this test binary again, told by [`DIRECTORY`] what to do.

mod child;

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use paramedic_bus::{Bus, ConsumerSpec, Start, embedded::EmbeddedBus};
use tempfile::TempDir;

use child::{DIRECTORY, STREAM, TASK, worker};

const ROUNDS: usize = 25;

/// Entry point of the child; does nothing when run as a test.
#[test]
fn child_process() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        child::run(Path::new(&directory), &env::var(TASK).expect("a task"));
    }
}

fn start(directory: &Path, task: &str) -> Child {
    Command::new(env::current_exe().expect("this binary"))
        .args(["--exact", "child_process", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(TASK, task)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("child")
}

/// Reads what the child reports until it reported `lines` lines, kills it, and reads the rest of the pipe.
fn reports(mut child: Child, lines: usize) -> Vec<String> {
    let mut reader = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let mut found = Vec::new();
    while found.len() < lines {
        let line = reader.next().expect("the child works until it is killed");
        found.extend(line.split_once("REPORT ").map(|(_, report)| report.to_owned()));
    }
    child.kill().expect("kill -9");
    // A line cut in the middle by the kill was not reported.
    for line in reader {
        found.extend(
            line.split_once("REPORT ")
                .and_then(|(_, r)| r.strip_suffix('.'))
                .map(|r| format!("{r}.")),
        );
    }
    child.wait().expect("reaped");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_append_survives() {
    let directory = TempDir::with_prefix("crash-").expect("directory");
    let mut acknowledged: BTreeMap<u64, String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let child = start(directory.path(), &format!("append {round}"));
        for report in reports(child, 20 + 37 * (round % 7)) {
            let (seq, body) = report.trim_end_matches('.').split_once(' ').expect("seq and body");
            acknowledged.insert(seq.parse().expect("seq"), body.to_owned());
        }
        let bus = EmbeddedBus::open(directory.path()).expect("opens after the kill");
        let stored = bus.replay(STREAM, ">", Start::Beginning).await.expect("replay");
        let gapless = stored.iter().zip(1..).all(|(message, seq)| message.seq == seq);
        assert!(gapless, "round {round}: a gap");
        for (seq, body) in &acknowledged {
            let index = usize::try_from(seq - 1).expect("small");
            let message = stored
                .get(index)
                .unwrap_or_else(|| panic!("round {round}: acknowledged {seq} is lost"));
            assert_eq!(message.payload, body.as_bytes(), "round {round}: {seq} changed");
        }
        // The index agrees with the log: each incident is what the log says, and the next expectation holds.
        for incident in 0..child::INCIDENTS {
            let filter = format!("inc.c.{incident}.>");
            let indexed = bus.replay(STREAM, &filter, Start::Beginning).await.expect("replay");
            let logged = stored.iter().filter(|m| m.subject.starts_with(filter.trim_end_matches('>')));
            assert!(indexed.iter().map(|m| m.seq).eq(logged.map(|m| m.seq)), "round {round}: {filter}");
        }
    }
    assert!(acknowledged.len() > 20 * ROUNDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn settled_stays_settled_and_attempts_are_counted() {
    let directory = TempDir::with_prefix("crash-").expect("directory");
    let mut settled = BTreeMap::new();
    let mut delivered: BTreeMap<u64, u32> = BTreeMap::new();
    for round in 0..ROUNDS {
        for report in reports(start(directory.path(), "consume"), 10 + 13 * (round % 5)) {
            let words: Vec<_> = report.trim_end_matches('.').split(' ').collect();
            let (seq, attempt): (u64, u32) = (words[1].parse().expect("seq"), words[2].parse().expect("attempt"));
            assert!(
                !settled.contains_key(&seq),
                "round {round}: {seq} was acknowledged in round {:?}",
                settled.get(&seq)
            );
            match words[0] {
                "acked" => {
                    settled.insert(seq, round);
                }
                "got" => {
                    let before = delivered.insert(seq, attempt).unwrap_or(0);
                    assert!(attempt > before, "round {round}: delivery {attempt} of {seq} after {before}");
                }
                other => panic!("{other}"),
            }
        }
    }
    let bus = EmbeddedBus::open(directory.path()).expect("opens");
    let mut consumer = bus
        .consumer(&ConsumerSpec {
            max_deliver: None,
            ..worker()
        })
        .await
        .expect("consumer");
    let next = consumer.next().await.expect("the rest is still there");
    assert!(!settled.contains_key(&next.message.seq));
}

#[test]
fn a_directory_in_use_is_refused_by_name() {
    let directory = TempDir::with_prefix("crash-").expect("directory");
    let mut child = start(directory.path(), "append 0");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("REPORT")), "the child has it open");
    let error = EmbeddedBus::open(directory.path()).expect_err("in use").to_string();
    assert!(error.contains(&format!("in use by process {}", child.id())), "{error}");
    child.kill().expect("kill -9");
    child.wait().expect("reaped");
    EmbeddedBus::open(directory.path()).expect("free after the kill");
}

#[test]
fn a_stream_whose_creation_was_cut_short_is_no_obstacle() {
    let directory = TempDir::with_prefix("crash-").expect("directory");
    let database = sled::open(directory.path()).expect("sled");
    database.open_tree("stream/INCIDENTS").expect("tree");
    drop(database);
    EmbeddedBus::open(directory.path()).expect("opens");
}
