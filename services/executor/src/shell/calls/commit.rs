//! A commit on a branch of its own and the request to merge it, found again by the branch and the mark in the message.

use paramedic_catalogue::systems::Forge;
use paramedic_domain::{
    change::{Commit, FileChange},
    digest::Digest,
    fault::{Effect, FailureKind},
};

use super::{
    forge::Address,
    git::Git,
    pull_request::{PullRequest, PullRequests, State},
    secret, unknown,
};
use crate::{
    config::Repository,
    shell::{
        failure::Halt,
        kubernetes::Trouble,
        run::{Report, Run},
    },
};

impl Run<'_> {
    pub(super) async fn commit(&self, commit: &Commit) -> Result<Report, Halt> {
        let config = self.repository(commit)?;
        let requests = self.pull_requests(config, commit).await?;
        if let Some(request) = self.requested(requests.as_ref(), commit).await? {
            self.know(Effect::Applied);
            return Ok(Report::of(format!("the request to merge {} was opened already", request.url)));
        }
        let git = Git::clone(config).await.map_err(|trouble| self.seeing(&trouble))?;
        let pushed = match self.pushed(&git, commit).await? {
            Some(_) => {
                self.know(Effect::Applied);
                "was pushed already"
            }
            None => {
                self.know(Effect::None);
                self.push(&git, commit).await?;
                "was pushed"
            }
        };
        self.settle();
        let Some(requests) = requests else {
            return Ok(Report::of(format!("branch {} of {} {pushed}", commit.branch, commit.repository)));
        };
        self.about_to_send().await?;
        let request = match requests.open(commit).await {
            Ok(request) => request,
            Err(trouble @ (Trouble::Transient { sent: true, .. } | Trouble::Unfit { .. })) => {
                match self.requested(Some(&requests), commit).await? {
                    Some(request) => request,
                    None => return Err(self.sending(&trouble)),
                }
            }
            Err(trouble) => return Err(self.sending(&trouble)),
        };
        self.had_effect();
        Ok(Report::of(format!(
            "branch {} of {} {pushed}; asked to merge it: {}",
            commit.branch, commit.repository, request.url
        )))
    }

    /// Pushes the branch, if what it is based on is what people approved.
    async fn push(&self, git: &Git<'_>, commit: &Commit) -> Result<(), Halt> {
        let mut files: Vec<(&FileChange, String)> = Vec::with_capacity(commit.files.len());
        for file in &commit.files {
            let (mode, content) = match git.file(&file.path).await {
                Ok(found) => found,
                Err(Trouble::Missing(_)) => return Err(self.moved(commit, &file.path, "is gone")),
                Err(trouble) => return Err(self.seeing(&trouble)),
            };
            if Digest::of(content.as_bytes()) != file.before {
                return Err(self.moved(commit, &file.path, "was changed"));
            }
            files.push((file, mode));
        }
        // The opening of the incident: a date that is the same in every attempt.
        let at = self.incident.opened_at.unwrap_or(self.started);
        let made = git
            .commit(&files, &commit.message, at)
            .await
            .map_err(|trouble| self.seeing(&trouble))?;
        self.about_to_send().await?;
        match git.push(&made, &commit.branch).await {
            Ok(()) => {}
            // Somebody was faster, or the answer was lost: look whose branch it is.
            Err(trouble @ (Trouble::Transient { sent: true, .. } | Trouble::Unfit { .. })) => {
                if self.pushed(git, commit).await?.is_none() {
                    return Err(self.sending(&trouble));
                }
            }
            Err(trouble) => return Err(self.sending(&trouble)),
        }
        self.had_effect();
        Ok(())
    }

    /// Closes the request to merge and deletes the branch, if nobody merged or went on with it.
    pub(super) async fn withdraw(&self, commit: &Commit) -> Result<Report, Halt> {
        let config = self.repository(commit)?;
        let requests = self.pull_requests(config, commit).await?;
        let looking = |trouble: Trouble| Halt::looking(&trouble, Effect::Unknown);
        let mut said = Vec::new();
        if let (Some(requests), Some(request)) = (&requests, self.requested(requests.as_ref(), commit).await?) {
            match request.state {
                State::Merged => {
                    return Err(Halt::failed(
                        FailureKind::Drift,
                        Effect::Applied,
                        format!("{} was merged already: revert the merge by hand if it must go", request.url),
                    ));
                }
                State::Closed => {}
                State::Open => {
                    self.about_to_send().await?;
                    requests.close(&request).await.map_err(looking)?;
                    said.push(format!("{} was closed", request.url));
                }
            }
        }
        let git = Git::clone(config).await.map_err(looking)?;
        if let Some(head) = self.pushed(&git, commit).await? {
            self.about_to_send().await?;
            match git.delete(&commit.branch, &head).await {
                Ok(()) => {}
                Err(trouble) => {
                    if self.pushed(&git, commit).await?.is_some() {
                        return Err(Halt::looking(&trouble, Effect::Unknown));
                    }
                }
            }
            said.push(format!("branch {} of {} was deleted", commit.branch, commit.repository));
        }
        Ok(Report::of(if said.is_empty() {
            "there is nothing to withdraw".to_owned()
        } else {
            said.join("; ")
        }))
    }

    /// Where the branch stands, if it is the step's; somebody else's is none of ours.
    async fn pushed(&self, git: &Git<'_>, commit: &Commit) -> Result<Option<String>, Halt> {
        let Some(head) = git.branch(&commit.branch).await.map_err(|trouble| self.seeing(&trouble))? else {
            return Ok(None);
        };
        let message = git.message(&commit.branch).await.map_err(|trouble| self.seeing(&trouble))?;
        let mark = format!("Paramedic-Step: {}", self.mark());
        if message.lines().any(|line| line == mark) {
            return Ok(Some(head));
        }
        Err(Halt::failed(
            FailureKind::Drift,
            self.effect(),
            format!(
                "the last commit of branch {} of {} is somebody else's: it is left alone",
                commit.branch, commit.repository
            ),
        ))
    }

    fn moved(&self, commit: &Commit, path: &str, how: &str) -> Halt {
        Halt::failed(
            FailureKind::Drift,
            self.effect(),
            format!(
                "{path} of {} {how} on branch {} since commit {}, which the change was computed on",
                commit.repository, commit.base, commit.base_commit
            ),
        )
    }

    /// The configured repository; its protected branches count as they are now.
    fn repository(&self, commit: &Commit) -> Result<&Repository, Halt> {
        let outside = &self.worker.outside;
        let Some(config) = outside.repository(&commit.repository) else {
            return Err(unknown(&format!("repository {:?}", commit.repository), "[[executor.repositories]]"));
        };
        let known = outside.systems().repositories;
        let protected = known
            .iter()
            .any(|repository| repository.name == commit.repository && repository.protects(&commit.branch));
        if protected {
            return Err(Halt::failed(
                FailureKind::Forbidden,
                Effect::None,
                format!(
                    "branch {} of {} is protected: nothing is pushed to it",
                    commit.branch, commit.repository
                ),
            ));
        }
        Ok(config)
    }

    async fn pull_requests(&self, config: &Repository, commit: &Commit) -> Result<Option<PullRequests>, Halt> {
        if !commit.pull_request || config.forge == Forge::None {
            return Ok(None);
        }
        let address = Address {
            http: self.worker.outside.http.clone(),
            system: format!("forge of {}", config.name),
            base: config.api_url.trim_end_matches('/').to_owned(),
            token: secret(&config.name, &config.token_file)
                .await
                .map_err(|trouble| self.seeing(&trouble))?,
            project: config.project.clone(),
        };
        Ok(Some(PullRequests::new(address, config.forge)))
    }

    async fn requested(&self, requests: Option<&PullRequests>, commit: &Commit) -> Result<Option<PullRequest>, Halt> {
        match requests {
            Some(requests) => requests.find(commit).await.map_err(|trouble| self.seeing(&trouble)),
            None => Ok(None),
        }
    }
}
