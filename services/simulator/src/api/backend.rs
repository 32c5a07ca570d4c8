//! What the API server asks of the simulated machines: logs and commands inside containers.

use jiff::Timestamp;

use crate::store::Status;

/// Outcome of a command inside a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecResult {
    /// Everything the command wrote to its standard output.
    pub stdout: Vec<u8>,
    /// Everything the command wrote to its standard error.
    pub stderr: Vec<u8>,
    /// Exit code; 0 is success.
    pub code: i32,
}

/// One line a container wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When (simulated time).
    pub at: Timestamp,
    /// The line without its newline.
    pub text: String,
}

/// Which container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// Pod name.
    pub pod: &'a str,
    /// Container name, already checked to be one of the pod.
    pub container: &'a str,
    /// The terminated instance before the current one.
    pub previous: bool,
    /// Only lines written after this time.
    pub since: Option<Timestamp>,
    /// At most this many lines, the newest.
    pub tail: Option<usize>,
}

/// The kubelets of the simulated nodes, as far as the API server talks to them.
pub trait Kubelets: Send + Sync {
    /// The lines of one container, oldest first. `None` when that instance never existed (for `previous`: no terminated one).
    fn logs(&self, query: &LogQuery<'_>) -> Option<Vec<LogLine>>;

    /// Runs a command in a running container with `stdin` as its whole input.
    fn exec(&self, namespace: &str, pod: &str, container: &str, argv: &[String], stdin: &[u8]) -> Result<ExecResult, Status>;
}
