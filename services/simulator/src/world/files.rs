//! The files inside a container: those the scenario declares, and the few of the kernel that people look at.

use jiff::Timestamp;

use super::{logs::Source, obj};

/// A file with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
}

/// The files of the kernel that people look at: what a container uses, in bytes, and may use.
pub(crate) fn of_kernel(pod: &str, args: &[String], used: f64, limit: Option<f64>) -> Vec<Entry> {
    let limit = limit.map_or_else(|| "max".to_owned(), |limit| format!("{limit:.0}"));
    let files = [
        ("/sys/fs/cgroup/memory.current", format!("{used:.0}\n")),
        ("/sys/fs/cgroup/memory.max", format!("{limit}\n")),
        ("/etc/hostname", format!("{pod}\n")),
        ("/proc/1/cmdline", format!("{}\0", args.join("\0"))),
        (
            "/proc/1/status",
            format!("Name:\tapp\nState:\tS (sleeping)\nPid:\t1\nVmRSS:\t{:.0} kB\n", used / 1024.0),
        ),
    ];
    let entry = |(path, text): (&str, String)| Entry {
        path: path.to_owned(),
        content: text.into_bytes(),
    };
    files.into_iter().map(entry).collect()
}

/// All files of a running container at `now`, by path.
pub(crate) fn all(source: &Source<'_>, now: Timestamp) -> Vec<Entry> {
    let run = super::model::Run {
        scenario: source.world.scenario(),
        container: source.container,
        instance: source.instance,
    };
    let mut files: Vec<Entry> = run
        .behaviour()
        .map_or(&[][..], |behaviour| &behaviour.files)
        .iter()
        .map(|file| {
            let text: String = (0..file.repeat)
                .map(|i| {
                    // One line a second, the newest last.
                    let age = std::time::Duration::from_secs((file.repeat - i) as u64);
                    source.fill(&file.content, obj::before(now, age))
                })
                .collect();
            Entry {
                path: file.path.clone(),
                content: text.into_bytes(),
            }
        })
        .collect();
    let used = run.working_set(obj::secs(now), super::rps(source.ledger, source.pod, &run, now));
    files.extend(of_kernel(&source.pod.name, &source.container.args, used, run.limit()));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}
