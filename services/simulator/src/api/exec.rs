//! `pods/exec` over WebSocket, in the remote-command protocols v4 and v5.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        FromRequestParts,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code},
    },
    response::IntoResponse,
};
use http::request::Parts;
use serde_json::{Value, json};

use super::{
    Api,
    backend::Kubelets,
    logs,
    reply::Reply,
    request::{Query, Target},
};
use crate::store::{Gvr, Status};

const V5: &str = "v5.channel.k8s.io";
const V4: &str = "v4.channel.k8s.io";
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
/// v5: the client closes a stream with `[255, channel]`.
const CLOSE: u8 = 255;
/// Output is sent in pieces no larger than this.
const PIECE: usize = 32 * 1024;
/// A command without a closing stdin (v4 has no close) starts after this much silence.
const STDIN_SILENCE: Duration = Duration::from_millis(300);

/// How long a container takes to start a command (wall time). kubectl throws away what arrives before it is ready to read,
/// which no real kubelet is quick enough to notice.
const START: Duration = Duration::from_millis(100);

struct Command {
    kubelets: Arc<dyn Kubelets>,
    namespace: String,
    pod: String,
    container: String,
    argv: Vec<String>,
    stdin: bool,
    stderr: bool,
}

impl Api {
    /// Upgrades the connection and runs the command.
    pub(super) async fn exec(&self, target: &Target, query: &Query, parts: &mut Parts) -> Result<Reply, Status> {
        let gvr = Gvr::pods();
        let found = self.store.get_shared(&gvr, target.ns(), target.name());
        let pod = found.ok_or_else(|| Status::not_found(&gvr, target.name()))?;
        let argv = query.all("command");
        if argv.is_empty() {
            let cause = crate::store::Cause::required("command", "");
            return Err(Status::invalid("", "PodExecOptions", "", &[cause]));
        }
        let container = logs::container(&pod, query.get("container"))?;
        let upgrade = WebSocketUpgrade::from_request_parts(parts, &()).await.map_err(|_| {
            Status::bad_request("Upgrade request required: exec speaks the WebSocket protocols v5.channel.k8s.io and v4.channel.k8s.io")
        })?;
        let command = Command {
            kubelets: self.kubelets.clone(),
            namespace: target.ns().unwrap_or_default().to_owned(),
            pod: target.name().to_owned(),
            container,
            argv,
            stdin: query.flag("stdin"),
            stderr: query.flag("stderr") || !query.flag("tty"),
        };
        let running = container_running(&pod, &command.container);
        let response = upgrade.protocols([V5, V4]).on_upgrade(move |socket| async move {
            // The client went away: nothing is left to tell it.
            serve(socket, command, running).await.ok();
        });
        Ok(Reply::Raw(response.into_response()))
    }
}

fn container_running(pod: &Value, container: &str) -> bool {
    let statuses = pod["status"]["containerStatuses"].as_array();
    statuses
        .into_iter()
        .flatten()
        .any(|s| s["name"] == container && s["state"]["running"].is_object())
}

async fn serve(mut socket: WebSocket, command: Command, running: bool) -> Result<(), axum::Error> {
    let input = if command.stdin { read_stdin(&mut socket).await } else { Vec::new() };
    tokio::time::sleep(START).await;
    let outcome = if running {
        let Command {
            kubelets,
            namespace,
            pod,
            container,
            argv,
            ..
        } = &command;
        kubelets.exec(namespace, pod, container, argv, &input)
    } else {
        Err(Status::internal(format!("container not running ({})", command.container)))
    };
    let verdict = match outcome {
        Ok(result) => {
            send(&mut socket, STDOUT, &result.stdout).await?;
            if command.stderr {
                send(&mut socket, STDERR, &result.stderr).await?;
            }
            verdict(result.code)
        }
        Err(status) => status.to_json(),
    };
    send(&mut socket, ERROR, verdict.to_string().as_bytes()).await?;
    socket
        .send(Message::Close(Some(CloseFrame {
            code: close_code::NORMAL,
            reason: Utf8Bytes::default(),
        })))
        .await
}

async fn send(socket: &mut WebSocket, channel: u8, bytes: &[u8]) -> Result<(), axum::Error> {
    for piece in bytes.chunks(PIECE) {
        let mut message = Vec::with_capacity(piece.len() + 1);
        message.push(channel);
        message.extend_from_slice(piece);
        socket.send(Message::Binary(message.into())).await?;
    }
    Ok(())
}

/// Everything the client sends until it closes its input.
async fn read_stdin(socket: &mut WebSocket) -> Vec<u8> {
    let mut input = Vec::new();
    while let Ok(Some(Ok(message))) = tokio::time::timeout(STDIN_SILENCE, socket.recv()).await {
        match &message.into_data()[..] {
            [CLOSE, STDIN, ..] => break,
            [STDIN, rest @ ..] => input.extend_from_slice(rest),
            _ => {}
        }
    }
    input
}

fn verdict(code: i32) -> Value {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"});
    }
    json!({"metadata": {}, "status": "Failure", "message": format!("command terminated with non-zero exit code: exit status {code}"),
        "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}})
}
