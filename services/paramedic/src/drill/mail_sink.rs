//! A mail server that keeps nothing: it shows what would have been sent. Loopback only, for the length of a drill.

use std::net::SocketAddr;

use mail_parser::MessageParser;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc::UnboundedSender,
    task::JoinSet,
};

use super::message::Message;

/// Longest mail that is taken, in bytes.
const MAX_MAIL: usize = 4 << 20;

/// Starts the server; it ends with the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "ends with the drill's process; a lost connection is the sender's error to handle"
)]
pub async fn start(messages: UnboundedSender<Message>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let mut sessions = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            sessions.spawn(session(stream, messages.clone()));
            while sessions.try_join_next().is_some() {}
        }
    });
    Ok(address)
}

/// One SMTP session (RFC 5321, without extensions).
async fn session(stream: TcpStream, messages: UnboundedSender<Message>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 drill mail sink\r\n").await?;
    let (mut line, mut recipients) = (String::new(), Vec::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end();
        let verb = command.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        let reply: &[u8] = match verb.as_str() {
            "EHLO" | "HELO" => b"250 drill mail sink\r\n",
            "MAIL" | "NOOP" => b"250 ok\r\n",
            "RSET" => {
                recipients.clear();
                b"250 ok\r\n"
            }
            "RCPT" => {
                recipients.push(command.split(['<', '>']).nth(1).unwrap_or("").to_owned());
                b"250 ok\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 end with a dot\r\n").await?;
                let Some(mail) = body(&mut stream).await? else {
                    stream.write_all(b"552 too large\r\n").await?;
                    continue;
                };
                let _ = messages.send(message(&mail, recipients.split_off(0).join(", ")));
                b"250 taken\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"502 not here\r\n",
        };
        stream.write_all(reply).await?;
    }
}

/// The mail up to the lone dot, dots unstuffed; `None` if it is too large.
async fn body(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let (mut mail, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 || line == b".\r\n" {
            return Ok((mail.len() <= MAX_MAIL).then_some(mail));
        }
        if mail.len() <= MAX_MAIL {
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
}

fn message(mail: &[u8], recipient: String) -> Message {
    let parsed = MessageParser::default().parse(mail);
    Message {
        channel: "email",
        recipient,
        title: parsed.as_ref().and_then(|mail| mail.subject()).unwrap_or("(no subject)").to_owned(),
        body: parsed
            .as_ref()
            .and_then(|mail| mail.body_text(0))
            .map(|text| text.into_owned())
            .unwrap_or_default(),
        reply: parsed.as_ref().is_some_and(|mail| !mail.in_reply_to().is_empty()),
    }
}
