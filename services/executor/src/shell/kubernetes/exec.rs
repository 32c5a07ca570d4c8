//! Commands in containers, over a WebSocket.

use bytes::Bytes;
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::{Api, api::AttachParams};
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::{Cluster, Trouble, refused};

/// What a command in a container wrote.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its standard output, possibly cut.
    pub stdout: Bytes,
    /// Whether it was cut.
    pub truncated: bool,
    /// Its standard error.
    pub stderr: String,
    /// How it ended, if not well.
    pub error: Option<String>,
    /// Its exit status, if it ended badly by itself.
    pub code: Option<i32>,
}

impl Cluster {
    /// Runs a command in a container and reads at most `limit` bytes of its output.
    ///
    /// # Errors
    /// When it cannot be started; how it ended is in the [`Output`].
    pub async fn exec(&self, namespace: &str, pod: &str, container: &str, argv: &[String], limit: usize) -> Result<Output, Trouble> {
        let what = format!("{} in {namespace}/{pod}", argv.first().map_or("", String::as_str));
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let params = AttachParams::default()
            .container(container)
            .stdin(false)
            .max_stdout_buf_size(64 << 10)
            .max_stderr_buf_size(64 << 10);
        let mut process = pods
            .exec(pod, argv.to_vec(), &params)
            .await
            .map_err(|error| trouble(&what, &error))?;
        let (stdout, stderr, status) = (process.stdout(), process.stderr(), process.take_status());
        let out = async {
            let mut bytes = Vec::new();
            let mut truncated = false;
            if let Some(mut stdout) = stdout {
                let mut chunk = vec![0; 64 << 10];
                while let Ok(read) = stdout.read(&mut chunk).await {
                    if read == 0 {
                        break;
                    }
                    let room = limit.saturating_sub(bytes.len());
                    truncated |= read > room;
                    bytes.extend_from_slice(&chunk[..read.min(room)]);
                }
            }
            (bytes, truncated)
        };
        let err = async {
            let mut text = Vec::new();
            if let Some(stderr) = stderr {
                // A lost end of the error stream only shortens the message.
                stderr.take(64 << 10).read_to_end(&mut text).await.ok();
            }
            String::from_utf8_lossy(&text).into_owned()
        };
        let ((stdout, truncated), stderr) = tokio::join!(out, err);
        let status = match status {
            Some(status) => status.await,
            None => None,
        };
        let code = status.as_ref().and_then(exit_code);
        let error = match status {
            Some(status) if status.status.as_deref() == Some("Success") => None,
            Some(status) => Some(status.message.unwrap_or_else(|| "it failed without a message".into())),
            None => Some("the connection ended before the command did".into()),
        };
        Ok(Output {
            stdout: stdout.into(),
            truncated,
            stderr,
            error,
            code,
        })
    }
}

/// The exit status, as the kubelet writes it among the causes.
fn exit_code(status: &Status) -> Option<i32> {
    let causes = status.details.as_ref()?.causes.as_ref()?;
    let cause = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?;
    cause.message.as_ref()?.parse().ok()
}

fn trouble(what: &str, error: &kube::Error) -> Trouble {
    if let kube::Error::Api(status) = error {
        let body = json!({"message": status.message});
        if let Some(trouble) = refused(what, status.code, body.to_string().as_bytes()) {
            return trouble;
        }
    }
    Trouble::Transient {
        what: what.to_owned(),
        detail: error.to_string(),
        sent: true,
    }
}
