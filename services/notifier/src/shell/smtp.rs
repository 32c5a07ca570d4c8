//! Email through SMTP.
//!
//! The Message-ID follows from the idempotency key: should a crash between delivery and its record lead to a second
//! delivery, both are the same message to every mail program that knows Message-IDs.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor,
    message::{
        Attachment, Body, Mailbox, MultiPart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{PoolConfig, authentication::Credentials},
};
use paramedic_domain::digest::Digest;
use secrecy::ExposeSecret as _;

use super::channel::{Channel, Delivered, Outgoing, SendError};
use crate::{
    config::Email,
    core::render::{html, plain},
};

/// Longest wait for the server at any command.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Connections kept open: messages of one incident go one after the other.
const CONNECTIONS: u32 = 4;

/// An SMTP server.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<String>,
}

impl Smtp {
    /// From the configuration; connects when the first mail is sent.
    ///
    /// # Errors
    /// When the configuration was not validated.
    pub fn new(config: &Email) -> anyhow::Result<Self> {
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&config.url)
            .context("notifier.email.url")?
            .timeout(Some(TIMEOUT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS));
        if !config.username.is_empty() {
            let password = config.password.expose_secret().to_owned();
            builder = builder.credentials(Credentials::new(config.username.clone(), password));
        }
        Ok(Self {
            transport: builder.build(),
            from: config.from.parse().context("notifier.email.from")?,
            to: config.to.clone(),
        })
    }

    fn message_id(&self, key: &str) -> String {
        let digest = hex_of(&Digest::of(key.as_bytes()));
        format!("<{}@{}>", &digest[..32], self.from.email.domain())
    }

    fn mail(&self, outgoing: &Outgoing<'_>, message_id: &str) -> anyhow::Result<Mail> {
        let message = outgoing.message;
        let first = outgoing.thread.map(|receipt| receipt.thread.clone());
        let subject = match &first {
            Some(_) => format!("Re: {}", message.subject),
            None => message.subject.clone(),
        };
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mut builder = Mail::builder()
            .from(self.from.clone())
            .to(outgoing.recipient.parse().context("recipient")?)
            .subject(subject)
            .message_id(Some(message_id.to_owned()))
            .date(SystemTime::from(outgoing.time))
            // keeps holiday responders quiet
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        if let Some(first) = first {
            builder = builder.in_reply_to(first.clone()).references(first);
        }
        let texts = MultiPart::alternative_plain_html(plain::render(message), html::render(message));
        if outgoing.files.is_empty() {
            return Ok(builder.multipart(texts)?);
        }
        let binary = ContentType::parse("application/octet-stream").context("a content type of ours")?;
        let mut parts = MultiPart::mixed().multipart(texts);
        for (name, content) in outgoing.files {
            // Never as it is: a text's line ends are not those of a mail, so a server sees one line that is too long.
            let body = Body::new_with_encoding(content.to_vec(), ContentTransferEncoding::Base64);
            let body = body.map_err(|_| anyhow::anyhow!("{name} cannot be encoded"))?;
            parts = parts.singlepart(Attachment::new(name.clone()).body(body, binary.clone()));
        }
        Ok(builder.multipart(parts)?)
    }
}

fn hex_of(digest: &Digest) -> String {
    hex::encode(digest.bytes())
}

#[async_trait]
impl Channel for Smtp {
    fn name(&self) -> &'static str {
        "email"
    }

    fn recipients(&self) -> &[String] {
        &self.to
    }

    fn personal(&self) -> bool {
        true
    }

    fn files(&self) -> bool {
        true
    }

    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Delivered, SendError> {
        let message_id = self.message_id(outgoing.key);
        let mail = self.mail(outgoing, &message_id).map_err(|error| SendError::Permanent {
            reason: format!("the mail cannot be built: {error:#}"),
        })?;
        match self.transport.send(mail).await {
            Ok(_) => Ok(Delivered {
                thread: outgoing.thread.map_or_else(|| message_id.clone(), |receipt| receipt.thread.clone()),
                message_id,
            }),
            Err(error) if error.is_permanent() => Err(SendError::Permanent {
                reason: format!("the mail server refused it: {error}"),
            }),
            Err(error) => Err(SendError::Transient {
                reason: format!("the mail server did not take it: {error}"),
                after: None,
            }),
        }
    }
}
