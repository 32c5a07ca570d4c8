//! Tickets, found again by a mark at the end of their text.

use std::time::Duration;

use paramedic_catalogue::{redact::redact, systems::TrackerKind};
use paramedic_domain::{
    change::{Notice, Ticket},
    event::Artifact,
};
use reqwest::Method;
use serde_json::json;

use super::{
    forge::{Address, Issues},
    http::Api,
    jira::Jira,
    secret, unknown,
    upload::File,
};
use crate::{
    config,
    core::markup::Markup,
    shell::{
        failure::Halt,
        kubernetes::Trouble,
        run::{Report, Run},
    },
};

/// Kept files that are sent along: text, from which secrets were taken. A heap dump holds what no pattern finds; it is listed.
const SENT: &[&str] = &[".log", ".json", ".md", ".txt"];
/// Largest file that is sent along, in bytes: what every tracker takes.
const LARGEST: u64 = 8 << 20;

/// How often Jira is searched for a ticket that may have been filed: it indexes an issue some seconds after it was made.
const LOOKS: u32 = 6;
/// Pause between two of them.
const BETWEEN_LOOKS: Duration = Duration::from_secs(3);

/// A ticket as its tracker knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filed {
    /// What the tracker's API calls it.
    pub(super) key: String,
    /// Where people look at it.
    pub(super) url: String,
}

/// A tracker that can be searched.
enum Tracker<'a> {
    Jira(Jira<'a>),
    Forge(Issues),
}

impl Tracker<'_> {
    async fn find(&self, ticket: &Ticket, mark: &str) -> Result<Option<Filed>, Trouble> {
        match self {
            Self::Jira(jira) => jira.find(ticket, mark).await,
            Self::Forge(issues) => issues.find(mark).await,
        }
    }

    async fn file(&self, ticket: &Ticket, text: &str, mark: &str) -> Result<Filed, Trouble> {
        match self {
            Self::Jira(jira) => jira.file(ticket, text, mark).await,
            Self::Forge(issues) => issues.file(ticket, text).await,
        }
    }

    async fn attached(&self, filed: &Filed) -> Result<Option<Vec<String>>, Trouble> {
        match self {
            Self::Jira(jira) => jira.attached(filed).await.map(Some),
            Self::Forge(issues) => issues.attached(filed).await,
        }
    }

    async fn attach(&self, filed: &Filed, file: File) -> Result<(), Trouble> {
        match self {
            Self::Jira(jira) => jira.attach(filed, file).await,
            Self::Forge(issues) => issues.attach(filed, file).await,
        }
    }
}

impl Run<'_> {
    pub(super) async fn ticket(&self, ticket: &Ticket) -> Result<Report, Halt> {
        let outside = &self.worker.outside;
        let Some(config) = outside.tracker(&ticket.tracker) else {
            return Err(unknown(&format!("tracker {:?}", ticket.tracker), "[[executor.trackers]]"));
        };
        let notice = Notice {
            title: ticket.title.clone(),
            body: ticket.body.clone(),
            attachments: ticket.attachments.clone(),
        };
        let mark = format!("paramedic:{}", self.mark());
        let markup = match config.kind {
            TrackerKind::Jira => Markup::Jira,
            TrackerKind::Github | TrackerKind::Gitlab | TrackerKind::Gitea | TrackerKind::Webhook => Markup::Markdown,
        };
        let text = format!("{}\n{mark}\n", self.text(&notice, markup));
        let token = secret(&config.name, &config.token_file)
            .await
            .map_err(|trouble| self.seeing(&trouble))?;
        let address = Address {
            http: outside.http.clone(),
            system: format!("tracker {}", config.name),
            base: config.url.trim_end_matches('/').to_owned(),
            token,
            project: ticket.project.clone(),
        };
        let tracker = match config.kind {
            TrackerKind::Webhook => return self.post(config, &address, ticket, &text, &mark).await,
            TrackerKind::Jira => Tracker::Jira(Jira::new(config, address)),
            TrackerKind::Github => Tracker::Forge(Issues::github(address)),
            TrackerKind::Gitlab => Tracker::Forge(Issues::gitlab(address)),
            TrackerKind::Gitea => Tracker::Forge(Issues::gitea(address)),
        };
        let (filed, how) = match self.find(&tracker, ticket, &mark).await? {
            Some(filed) => (filed, "was filed already"),
            None => (self.file(&tracker, ticket, &text, &mark).await?, "filed"),
        };
        self.settle();
        let files: Vec<Artifact> = self.attached(&notice).cloned().collect();
        let sent = self.attach_all(&tracker, &filed, &files).await?;
        Ok(Report::of(format!(
            "ticket {} {how} in {} ({}), {sent} of {} files attached, the others are listed",
            filed.key,
            ticket.tracker,
            filed.url,
            files.len()
        )))
    }

    /// The ticket that an earlier attempt has filed. Whoever comes first need not look for it twice; after that a search index may not
    /// know it yet.
    async fn find(&self, tracker: &Tracker<'_>, ticket: &Ticket, mark: &str) -> Result<Option<Filed>, Halt> {
        let looks = match tracker {
            Tracker::Jira(_) if !self.is_first() => LOOKS,
            Tracker::Jira(_) | Tracker::Forge(_) => 1,
        };
        for look in 1..=looks {
            if let Some(filed) = tracker.find(ticket, mark).await.map_err(|trouble| self.seeing(&trouble))? {
                return Ok(Some(filed));
            }
            if look < looks {
                self.worker.kit.clock.sleep(BETWEEN_LOOKS).await;
            }
        }
        Ok(None)
    }

    async fn file(&self, tracker: &Tracker<'_>, ticket: &Ticket, text: &str, mark: &str) -> Result<Filed, Halt> {
        self.about_to_send().await?;
        let filed = match tracker.file(ticket, text, mark).await {
            Ok(filed) => filed,
            Err(trouble @ Trouble::Transient { sent: true, .. }) => {
                match tracker.find(ticket, mark).await.map_err(|trouble| self.seeing(&trouble))? {
                    Some(filed) => filed,
                    // The next attempt looks for longer.
                    None => return Err(self.sending(&trouble)),
                }
            }
            Err(trouble) => return Err(self.sending(&trouble)),
        };
        self.had_effect();
        Ok(filed)
    }

    /// Attaches what may be and is not yet; says how many are there then.
    async fn attach_all(&self, tracker: &Tracker<'_>, filed: &Filed, files: &[Artifact]) -> Result<usize, Halt> {
        let fit = |file: &&Artifact| file.bytes <= LARGEST && SENT.iter().any(|end| file.name.ends_with(end));
        let wanted: Vec<&Artifact> = files.iter().filter(fit).collect();
        if wanted.is_empty() {
            return Ok(0);
        }
        let Some(there) = tracker.attached(filed).await.map_err(|trouble| self.seeing(&trouble))? else {
            return Ok(0);
        };
        for artifact in &wanted {
            let name = short(&artifact.name);
            if there.contains(&name) {
                continue;
            }
            let Some(content) = self.worker.blobs.get(&artifact.name).await? else {
                continue;
            };
            self.permitted(&[]).await?;
            let file = File {
                name,
                content: redact(&String::from_utf8_lossy(&content)).into_bytes(),
            };
            tracker.attach(filed, file).await.map_err(|trouble| self.seeing(&trouble))?;
        }
        Ok(wanted.len())
    }

    /// A webhook cannot be searched: it is given the mark as a key, by which it knows a repetition.
    async fn post(&self, config: &config::Tracker, address: &Address, ticket: &Ticket, text: &str, mark: &str) -> Result<Report, Halt> {
        let api = Api {
            http: address.http.clone(),
            system: address.system.clone(),
            base: address.base.clone(),
            credentials: address.token.as_ref().map(|token| ("Authorization", format!("Bearer {token}"))),
        };
        let body = json!({
            "title": ticket.title,
            "text": text,
            "project": ticket.project,
            "labels": ticket.labels,
            "priority": ticket.priority,
            "incident": self.event.incident.as_str(),
            "idempotency_key": mark,
        });
        self.about_to_send().await?;
        let request = api.http.post(&api.base).header("Idempotency-Key", mark).json(&body);
        api.send(Method::POST, "", request)
            .await
            .map_err(|trouble| self.sending(&trouble))?;
        self.had_effect();
        Ok(Report::of(format!("ticket {:?} posted to {}", ticket.title, config.name)))
    }
}

/// The last two parts of an artifact's name: the step and the file.
fn short(name: &str) -> String {
    let mut parts: Vec<&str> = name.rsplit('/').take(2).collect();
    parts.reverse();
    parts.join("_")
}
