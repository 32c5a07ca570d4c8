//! A real SMTP server that keeps what it receives: aiosmtpd with its Mailbox (Maildir) handler.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::process::{Process, find};
use crate::ports::free_port;

/// A message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// Header lines, unfolded, in order.
    pub headers: Vec<(String, String)>,
    /// Everything after the headers, with its transfer encoding.
    pub body: String,
}

impl Mail {
    /// The first header of that name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A real SMTP server of its own, without TLS.
#[derive(Debug)]
pub struct SmtpSink {
    directory: TempDir,
    port: u16,
    process: Option<Process>,
}

impl SmtpSink {
    /// Starts it. The program is `$PARAMEDIC_AIOSMTPD`, `.tools/venv/bin/aiosmtpd` of the checkout, or on the PATH.
    pub async fn start() -> Result<Self> {
        let mut sink = Self {
            directory: TempDir::with_prefix("smtp-")?,
            port: free_port()?,
            process: None,
        };
        sink.start_again().await?;
        Ok(sink)
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> (String, u16) {
        ("127.0.0.1".into(), self.port)
    }

    /// Stops answering; what was received is kept.
    pub fn kill9(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Starts it on the same port after [`Self::kill9`].
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the smtp sink already runs");
        let mut command = Command::new(find("PARAMEDIC_AIOSMTPD", &["aiosmtpd"])?);
        command
            .args(["--nosetuid", "--smtputf8", "--class", "aiosmtpd.handlers.Mailbox"])
            .arg(format!("--listen=127.0.0.1:{}", self.port))
            .arg(self.maildir());
        let mut process = Process::start("aiosmtpd", command, self.directory.path())?;
        process.wait_for_port(self.port).await.context("aiosmtpd")?;
        self.process = Some(process);
        Ok(())
    }

    /// Everything received so far, oldest first.
    pub fn mails(&self) -> Result<Vec<Mail>> {
        let new = self.maildir().join("new");
        let Ok(listing) = fs::read_dir(&new) else { return Ok(Vec::new()) };
        let mut files = Vec::new();
        for entry in listing {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        files.sort();
        files
            .into_iter()
            .map(|(_, file)| Ok(parse(&fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?)))
            .collect()
    }

    fn maildir(&self) -> PathBuf {
        self.directory.path().join("maildir")
    }
}

/// Splits headers and body; aiosmtpd adds the envelope as `X-MailFrom` and `X-RcptTo`.
fn parse(raw: &str) -> Mail {
    let raw = raw.replace("\r\n", "\n");
    let (head, body) = raw.split_once("\n\n").unwrap_or((&raw, ""));
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let headers = unfolded.lines().filter_map(|line| line.split_once(':'));
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let mut mail = Mail {
        from: String::new(),
        to: vec![],
        headers,
        body: body.to_owned(),
    };
    mail.from = mail.header("X-MailFrom").unwrap_or_default().to_owned();
    let recipients = mail
        .header("X-RcptTo")
        .unwrap_or_default()
        .split(',')
        .map(|one| one.trim().to_owned());
    mail.to = recipients.filter(|one| !one.is_empty()).collect();
    mail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_unfolded_and_the_envelope_is_found() {
        let mail = parse("Subject: one\r\n two\r\nX-MailFrom: a@b\r\nX-RcptTo: c@d, e@f\r\n\r\nbody\r\n\r\nmore");
        assert_eq!(mail.header("subject"), Some("one two"));
        assert_eq!(mail.from, "a@b");
        assert_eq!(mail.to, ["c@d", "e@f"]);
        assert_eq!(mail.body, "body\n\nmore");
    }
}
