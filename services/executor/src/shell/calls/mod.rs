//! Requests to systems outside of the cluster. Each looks for its own effect by its mark before it sends anything, and again
//! after an answer that was lost; so does its undo.

mod commit;
mod forge;
mod git;
mod http;
mod jira;
mod module;
mod pull_request;
mod request;
mod silence;
mod terraform;
mod ticket;
mod upload;

use std::{io, path::Path, sync::Arc, time::Duration};

use paramedic_catalogue::{
    patch::marker,
    systems::{RepositoryFile, Systems},
};
use paramedic_domain::{
    change::Call,
    fault::{Effect, FailureKind},
};

use self::git::Git;
use super::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::Trouble,
    run::{Report, Run},
};
use crate::config::{self, Config};

/// Longest wait for a connection; every request says itself how long it waits for the answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The way to the systems outside of the cluster.
#[derive(Clone)]
pub struct Outside {
    http: reqwest::Client,
    config: Arc<Config>,
}

impl Outside {
    /// The systems of this configuration. Redirects are not followed: a token goes to the address that was configured and to
    /// no other.
    ///
    /// # Panics
    /// When the process has no TLS provider; its own HTTP client could not have been built then.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("paramedic/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("the process's own client was built in the same way");
        Self {
            http,
            config: Arc::new(config.clone()),
        }
    }

    /// What drafts may know of them.
    #[must_use]
    pub fn systems(&self) -> Systems {
        self.config.systems()
    }

    fn repository(&self, name: &str) -> Option<&config::Repository> {
        self.config.repositories.iter().find(|repository| repository.name == name)
    }

    fn tracker(&self, name: &str) -> Option<&config::Tracker> {
        self.config.trackers.iter().find(|tracker| tracker.name == name)
    }

    fn module(&self, name: &str) -> Option<&config::Module> {
        self.config.modules.iter().find(|module| module.name == name)
    }

    fn action(&self, name: &str) -> Option<&config::Action> {
        self.config.actions.iter().find(|action| action.name == name)
    }

    /// Files on the base branch of one repository; why they cannot be had is part of the answer.
    pub(crate) async fn files(&self, repository: &str, paths: &[String]) -> Vec<RepositoryFile> {
        let seen = |path: &String, seen| RepositoryFile {
            repository: repository.to_owned(),
            path: path.clone(),
            seen,
        };
        let Some(configured) = self.repository(repository) else {
            // The draft says which ones there are.
            return Vec::new();
        };
        let git = match Git::clone(configured).await {
            Ok(git) => git,
            Err(trouble) => return paths.iter().map(|path| seen(path, Err(trouble.to_string()))).collect(),
        };
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let read = async { Ok((git.head().await?, git.file(path).await?.1)) };
            files.push(seen(path, read.await.map_err(|trouble: Trouble| trouble.to_string())));
        }
        files
    }
}

impl Run<'_> {
    pub(crate) async fn call(&self, call: &Call) -> Result<Report, Halt> {
        match call {
            Call::Silence(silence) => self.silence(silence).await,
            Call::Ticket(ticket) => self.ticket(ticket).await,
            Call::Commit(commit) => self.commit(commit).await,
            Call::Request(request) => self.request(request).await,
            Call::Apply(plan) => self.apply_saved(plan).await,
        }
    }

    pub(crate) async fn call_back(&self, call: &Call) -> Result<Report, Halt> {
        self.know(Effect::Unknown);
        match call {
            Call::Silence(_) => self.end_silence().await,
            Call::Ticket(_) => Ok(Report::of("people were told: the ticket stays")),
            Call::Commit(commit) => self.withdraw(commit).await,
            Call::Request(request) => self.request_back(request).await,
            Call::Apply(plan) => Ok(Report::of(format!(
                "what was applied to module {} stays: the module as it was before is another plan",
                plan.module
            ))),
        }
    }

    /// What finds the step's effect again.
    fn mark(&self) -> String {
        marker(&self.attempt.plan, &self.step.id)
    }

    /// Whether a worker or an attempt before this one may have sent its request.
    fn began_before(&self) -> bool {
        let state = self.incident.run.as_ref().and_then(|run| run.steps.get(&self.step.id));
        state.is_none_or(|state| state.workers.len() > 1 || state.effect != Effect::None)
    }

    /// The last question before a request that may have an effect. From here on nobody knows, until there is an answer.
    async fn about_to_send(&self) -> Result<(), Halt> {
        crash::point(&self.step.id, Moment::BeforeApply);
        self.permitted(&[]).await?;
        self.know(Effect::Unknown);
        Ok(())
    }

    /// The request had its effect.
    fn had_effect(&self) {
        self.know(Effect::Applied);
        crash::point(&self.step.id, Moment::AfterApply);
    }

    /// Trouble while nothing but looking was done.
    fn seeing(&self, trouble: &Trouble) -> Halt {
        Halt::looking(trouble, self.effect())
    }
}

/// A system that the plan names and the configuration does not (any more).
fn unknown(what: &str, section: &str) -> Halt {
    Halt::failed(
        FailureKind::Permanent,
        Effect::None,
        format!("{what} is not configured for this executor: add it to {section}"),
    )
}

/// The secret in a file, without the line's end; `None` when no file is named. Read each time: tokens are rotated.
async fn secret(what: &str, path: &Path) -> Result<Option<String>, Trouble> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    match tokio::fs::read_to_string(path).await {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Trouble::Missing(format!("file {} with the token of {what}", path.display())))
        }
        Err(error) => Err(Trouble::Transient {
            what: format!("token of {what}"),
            detail: format!("cannot read {}: {error}", path.display()),
            sent: false,
        }),
    }
}
