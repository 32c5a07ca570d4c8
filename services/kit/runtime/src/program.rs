//! Programs of this machine: an argument vector, an environment that is said, a folder, a time, and no shell.
//!
//! A program gets a process group of its own. When its time is over, or nobody waits for it any more, the group is asked to end
//! (`SIGINT`, on which Terraform writes down what it did) and killed a little later.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::oneshot,
};

/// What programs may see of this process's environment: where programs, proxies and authorities are.
const KEPT: &[&str] = &[
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
/// Time to end in, once asked.
const GRACE: Duration = Duration::from_secs(20);
/// Most that is kept of what a program writes, in bytes; the rest is read and dropped.
const MOST_OUTPUT: u64 = 16 << 20;

/// One run.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name or path.
    pub program: String,
    /// Its arguments; no shell reads them.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
    /// What it reads from its standard input.
    pub input: Vec<u8>,
    /// Longest time it may take.
    pub timeout: Duration,
}

/// What became of it.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it wrote of errors.
    pub stderr: Vec<u8>,
}

/// Why nothing is known of how it ended.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// It is not there, or may not be run.
    #[error("cannot run {program}: {error}")]
    NotStarted {
        /// Its name or path.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// Its time was over.
    #[error("not done after {} s, so it was asked to end", .0.as_secs())]
    TooLong(Duration),
    /// Its pipes broke, or nobody waited for it any more.
    #[error("lost: {0}")]
    Io(std::io::Error),
    /// It wrote more than is kept.
    #[error("it wrote more than {MOST_OUTPUT} bytes")]
    TooMuch,
}

impl Program {
    /// Runs it to its end. Dropped before that, the program is asked to end as if its time were over.
    ///
    /// # Errors
    /// It could not be run, or how it ended is not known. A code other than 0 is no error here.
    #[allow(
        clippy::disallowed_methods,
        reason = "it outlives whoever waits, by seconds, and has nothing to report to the process"
    )]
    pub async fn run(self) -> Result<Ended, Lost> {
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| Lost::NotStarted {
                program: self.program,
                error,
            })?;
        let (waits, gone) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            answer.send(supervise(child, self.input, self.timeout, gone).await).ok();
        });
        let ended = answered
            .await
            .unwrap_or_else(|_| Err(Lost::Io(std::io::ErrorKind::Interrupted.into())));
        drop::<oneshot::Sender<()>>(waits);
        ended
    }
}

/// What a program sees of this process's environment: where programs, proxies and authorities are, and what more is named.
#[must_use]
pub fn inherited(more: &[&str]) -> Vec<(String, String)> {
    let names = KEPT.iter().chain(more);
    names
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect()
}

/// Environment variables from a folder, as a mounted Secret is: each file's name and its content, without the line's end.
///
/// # Errors
/// The folder, or a file of it, cannot be read.
pub fn secrets(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Kubernetes mounts a Secret by links below names that begin with two dots.
        if !name.starts_with('.') && entry.path().is_file() {
            found.push((name, std::fs::read_to_string(entry.path())?.trim_end().to_owned()));
        }
    }
    Ok(found)
}

async fn supervise(mut child: Child, input: Vec<u8>, timeout: Duration, gone: oneshot::Receiver<()>) -> Result<Ended, Lost> {
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let fed = async {
        if let Some(mut stdin) = stdin {
            // One that ends before it read all says itself why.
            stdin.write_all(&input).await.ok();
        }
    };
    let finished = async {
        let ((), stdout, stderr, status) = tokio::join!(fed, bounded(stdout), bounded(stderr), child.wait());
        let (stdout, stderr) = (stdout?, stderr?);
        Ok(Ended {
            code: status.map_err(Lost::Io)?.code(),
            stdout,
            stderr,
        })
    };
    tokio::pin!(finished);
    let over = tokio::select! {
        ended = &mut finished => {
            group.0 = None;
            return ended;
        }
        () = tokio::time::sleep(timeout) => Lost::TooLong(timeout),
        _ = gone => Lost::Io(std::io::ErrorKind::Interrupted.into()),
    };
    group.signal(Signal::INT);
    if tokio::time::timeout(GRACE, &mut finished).await.is_ok() {
        group.0 = None;
    }
    Err(over)
}

/// A group of processes that does not outlive who looks after it: when this process ends first, nobody would be left to.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        // A group that is gone already needs no signal.
        self.0.and_then(|group| kill_process_group(group, signal).ok());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Reads to the end, so that the program is never stopped by a full pipe.
async fn bounded(from: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Lost> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return Ok(kept) };
    (&mut from).take(MOST_OUTPUT).read_to_end(&mut kept).await.map_err(Lost::Io)?;
    let dropped = tokio::io::copy(&mut from, &mut tokio::io::sink()).await.map_err(Lost::Io)?;
    if dropped > 0 { Err(Lost::TooMuch) } else { Ok(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, timeout: Duration) -> Program {
        Program {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: "/".into(),
            environment: vec![("SAID".into(), "here".into())],
            input: b"given\n".to_vec(),
            timeout,
        }
    }

    #[tokio::test]
    async fn code_input_output_and_environment_are_those_that_were_said() {
        let ended = sh("read line; echo \"$SAID $HOME$line\"; echo bad >&2; exit 3", GRACE)
            .run()
            .await
            .unwrap();
        assert_eq!(
            (ended.code, &ended.stdout[..], &ended.stderr[..]),
            (Some(3), &b"here given\n"[..], &b"bad\n"[..])
        );
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_asked_to_end_with_all_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        let script = format!("trap 'echo asked > {}; exit 1' INT; while :; do sleep 0.1; done", told.display());
        let lost = sh(&script, Duration::from_millis(300)).run().await.unwrap_err();
        assert!(matches!(lost, Lost::TooLong(_)), "{lost}");
        assert_eq!(std::fs::read_to_string(told).unwrap(), "asked\n");
    }

    /// What a file holds, once it does.
    async fn read(path: &Path) -> String {
        loop {
            match tokio::fs::read_to_string(path).await {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                _ => tokio::task::yield_now().await,
            }
        }
    }

    #[test]
    fn one_that_would_not_end_does_not_outlive_the_process_that_looks_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        let script = format!("trap '' INT; echo $$ > {}; while :; do sleep 0.1; done", told.display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pid = runtime.block_on(async {
            tokio::select! {
                lost = sh(&script, GRACE).run() => panic!("{lost:?}"),
                pid = read(&told) => pid,
            }
        });
        // The task that asked it to end, in vain, ends here.
        drop(runtime);
        // It is gone, or a zombie until its parent, this process, is: either way it runs no more.
        let runs = || {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            state
                .rsplit_once(')')
                .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
        };
        let deadline = std::time::Instant::now() + GRACE;
        while runs() {
            assert!(std::time::Instant::now() < deadline, "process {pid} still runs");
            std::thread::yield_now();
        }
    }

    #[tokio::test]
    async fn endless_output_is_not_kept() {
        let lost = sh("head -c 17000000 /dev/zero", GRACE).run().await.unwrap_err();
        assert!(matches!(lost, Lost::TooMuch), "{lost}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let mut program = sh("", GRACE);
        program.program = "no-such-program".into();
        let said = program.run().await.unwrap_err().to_string();
        assert!(said.starts_with("cannot run no-such-program"), "{said}");
    }
}
