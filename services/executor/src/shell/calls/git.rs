//! The `git` program on a shallow, bare clone in a folder of its own, without a work tree.

use jiff::Timestamp;
use paramedic_catalogue::{redact::redact, systems::Forge};
use paramedic_domain::change::FileChange;
use paramedic_runtime::{git, program::Lost};
use tempfile::TempDir;

use super::secret;
use crate::{
    config::{Repository, split_author},
    shell::kubernetes::Trouble,
};

/// A clone.
pub(super) struct Git<'a> {
    folder: TempDir,
    config: &'a Repository,
    environment: Vec<(String, String)>,
}

/// What a command wrote, and why it failed.
type Output = Result<Vec<u8>, Trouble>;

impl<'a> Git<'a> {
    /// Clones the head of the base branch.
    pub(super) async fn clone(config: &'a Repository) -> Result<Self, Trouble> {
        let folder = TempDir::with_prefix("paramedic-git-").map_err(|error| Trouble::Transient {
            what: format!("clone of {}", config.name),
            detail: format!("no folder for it: {error}"),
            sent: false,
        })?;
        let user = match (config.user.as_str(), config.forge) {
            ("", Forge::Gitlab) => "oauth2",
            ("", Forge::Github) => "x-access-token",
            ("", Forge::Gitea | Forge::None) => "git",
            (user, _) => user,
        };
        let token = secret(&config.name, &config.token_file).await?;
        let token = token.as_ref().map(|token| (user, token.as_str()));
        let environment = git::environment(&config.url, token, folder.path());
        let git = Self {
            folder,
            config,
            environment,
        };
        let options = ["--bare", "--quiet", "--depth", "1", "--single-branch", "--no-tags", "--template="];
        let mut arguments = vec!["clone"];
        arguments.extend(options);
        arguments.extend(["--branch", &config.base, "--", &config.url, "repository"]);
        git.run_in(".", &arguments, &[], false, &[]).await?;
        Ok(git)
    }

    /// Commit of the base branch.
    pub(super) async fn head(&self) -> Result<String, Trouble> {
        self.line(&["rev-parse", "--verify", "HEAD^{commit}"], &[]).await
    }

    /// Mode and content of a file at the head of the base branch.
    pub(super) async fn file(&self, path: &str) -> Result<(String, String), Trouble> {
        let no = |what: &str| Trouble::Missing(format!("{what} {path} on branch {} of {}", self.config.base, self.config.name));
        let listed = self.line(&["ls-tree", "-z", "--full-tree", "HEAD", "--", path], &[]).await?;
        let (entry, name) = listed.trim_end_matches('\0').split_once('\t').unwrap_or_default();
        let parts: Vec<&str> = entry.split(' ').collect();
        match parts.as_slice() {
            [mode @ ("100644" | "100755"), "blob", id] if name == path => {
                let content = self.run(&["cat-file", "blob", id], &[], false).await?;
                let content = String::from_utf8(content).map_err(|_| no("a text file"))?;
                Ok(((*mode).to_owned(), content))
            }
            [] | [""] => Err(no("file")),
            _ => Err(no("an ordinary file")),
        }
    }

    /// Where a branch of the remote stands.
    pub(super) async fn branch(&self, branch: &str) -> Result<Option<String>, Trouble> {
        let wanted = format!("refs/heads/{branch}");
        let listed = self.text(&["ls-remote", "--heads", "origin", &wanted], &[]).await?;
        let found = listed
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(_, name)| *name == wanted);
        Ok(found.map(|(id, _)| id.to_owned()))
    }

    /// Message of the last commit of a branch of the remote.
    pub(super) async fn message(&self, branch: &str) -> Result<String, Trouble> {
        let wanted = format!("refs/heads/{branch}");
        self.run(&["fetch", "--quiet", "--depth", "1", "--no-tags", "origin", &wanted], &[], false)
            .await?;
        self.text(&["log", "-1", "--format=%B", "FETCH_HEAD"], &[]).await
    }

    /// A commit on top of the base branch with these files (and their modes). The same step always makes the same commit.
    pub(super) async fn commit(&self, files: &[(&FileChange, String)], message: &str, at: Timestamp) -> Result<String, Trouble> {
        let index = [("GIT_INDEX_FILE", self.folder.path().join("index").display().to_string())];
        let index: Vec<(&str, &str)> = index.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.run(&["read-tree", "HEAD"], &index, false).await?;
        for (file, mode) in files {
            let id = self.given(&["hash-object", "-w", "--stdin"], &[], file.content.as_bytes()).await?;
            let entry = format!("{mode},{id},{}", file.path);
            self.run(&["update-index", "--add", "--cacheinfo", &entry], &index, false).await?;
        }
        let tree = self.line(&["write-tree"], &index).await?;
        let (name, mail) = split_author(&self.config.author).unwrap_or_default();
        let date = format!("{} +0000", at.as_second());
        let who = [
            ("GIT_AUTHOR_NAME", name),
            ("GIT_AUTHOR_EMAIL", mail),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", mail),
            ("GIT_AUTHOR_DATE", &date),
            ("GIT_COMMITTER_DATE", &date),
        ];
        self.given(&["commit-tree", &tree, "-p", "HEAD", "-F", "-"], &who, message.as_bytes())
            .await
    }

    /// Creates a branch of the remote; refused when there is one of that name.
    pub(super) async fn push(&self, commit: &str, branch: &str) -> Result<(), Trouble> {
        let lease = format!("--force-with-lease=refs/heads/{branch}:");
        let what = format!("{commit}:refs/heads/{branch}");
        self.run(&["push", "--quiet", "--no-verify", &lease, "origin", &what], &[], true)
            .await
            .map(drop)
    }

    /// Deletes a branch of the remote; refused when it does not stand there any more.
    pub(super) async fn delete(&self, branch: &str, commit: &str) -> Result<(), Trouble> {
        let lease = format!("--force-with-lease=refs/heads/{branch}:{commit}");
        let what = format!(":refs/heads/{branch}");
        self.run(&["push", "--quiet", "--no-verify", &lease, "origin", &what], &[], true)
            .await
            .map(drop)
    }

    async fn line(&self, arguments: &[&str], more: &[(&str, &str)]) -> Result<String, Trouble> {
        Ok(self.text(arguments, more).await?.trim_end().to_owned())
    }

    async fn text(&self, arguments: &[&str], more: &[(&str, &str)]) -> Result<String, Trouble> {
        Ok(String::from_utf8_lossy(&self.run(arguments, more, false).await?).into_owned())
    }

    async fn given(&self, arguments: &[&str], more: &[(&str, &str)], input: &[u8]) -> Result<String, Trouble> {
        let output = self.run_in("repository", arguments, more, false, input).await?;
        Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
    }

    async fn run(&self, arguments: &[&str], more: &[(&str, &str)], changes: bool) -> Output {
        self.run_in("repository", arguments, more, changes, &[]).await
    }

    async fn run_in(&self, folder: &str, arguments: &[&str], more: &[(&str, &str)], changes: bool, input: &[u8]) -> Output {
        let what = format!("git {} of {}", arguments.first().unwrap_or(&""), self.config.name);
        let lost = |detail: String, sent: bool| Trouble::Transient {
            what: what.clone(),
            detail,
            sent: sent && changes,
        };
        let mut environment = self.environment.clone();
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let folder = self.folder.path().join(folder);
        let ended = git::run(&folder, arguments, environment, input).await.map_err(|error| {
            let sent = !matches!(error, Lost::NotStarted { .. });
            lost(error.to_string(), sent)
        })?;
        if ended.code == Some(0) {
            return Ok(ended.stdout);
        }
        let said = redact(String::from_utf8_lossy(&ended.stderr).trim())
            .chars()
            .take(400)
            .collect::<String>();
        if git::may_pass(&said) {
            return Err(lost(said, true));
        }
        let code = ended.code.and_then(|code| code.try_into().ok()).unwrap_or_default();
        Err(Trouble::Unfit { what, code, message: said })
    }
}
