//! A bare Git repository in a temporary folder, reached over `file://`.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The repository.
#[derive(Debug)]
pub struct GitRepository {
    folder: TempDir,
}

impl GitRepository {
    /// One with a branch `main` that holds this file.
    pub fn start(path: &str, content: &str) -> Result<Self> {
        let repository = Self {
            folder: TempDir::with_prefix("repository-")?,
        };
        repository.git(&["init", "--quiet", "--bare", "--initial-branch=main", "."], None)?;
        // Shallow clones fetch single commits of branches by name; this is what forges allow, too.
        repository.commit("main", path, content, "first")?;
        Ok(repository)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }

    /// Somebody commits a file to a branch.
    pub fn commit(&self, branch: &str, path: &str, content: &str, message: &str) -> Result<()> {
        self.commit_at(branch, path, content, message, None)
    }

    /// Somebody commits a file to a branch, at a time as Git takes it (`@1772000000 +0000`); left out: now.
    pub fn commit_at(&self, branch: &str, path: &str, content: &str, message: &str, at: Option<&str>) -> Result<()> {
        let parent = self.head(branch)?;
        let id = self.git(&["hash-object", "-w", "--stdin"], Some(content))?;
        if let Some(parent) = &parent {
            self.git(&["read-tree", parent], None)?;
        }
        self.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{id},{path}")], None)?;
        let tree = self.git(&["write-tree"], None)?;
        let mut arguments = vec!["commit-tree", &tree, "-m", message];
        if let Some(parent) = &parent {
            arguments.extend(["-p", parent]);
        }
        let date = at.map(|at| [("GIT_AUTHOR_DATE", at), ("GIT_COMMITTER_DATE", at)]);
        let commit = self.output(&arguments, None, date.as_ref().map_or(&[], |date| &date[..]))?;
        let commit = commit.trim_end();
        self.git(&["update-ref", &format!("refs/heads/{branch}"), commit], None)?;
        Ok(())
    }

    /// Names of the branches, sorted.
    pub fn branches(&self) -> Result<Vec<String>> {
        let listed = self.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"], None)?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Commit of a branch.
    pub fn head(&self, branch: &str) -> Result<Option<String>> {
        let listed = self.git(&["for-each-ref", "--format=%(objectname)", &format!("refs/heads/{branch}")], None)?;
        Ok(listed.lines().next().map(str::to_owned))
    }

    /// A file on a branch.
    pub fn file(&self, branch: &str, path: &str) -> Result<String> {
        self.output(&["show", &format!("{branch}:{path}")], None, &[])
    }

    /// Message of the last commit of a branch.
    pub fn message(&self, branch: &str) -> Result<String> {
        self.git(&["log", "-1", "--format=%B", branch], None)
    }

    /// Commits of a branch.
    pub fn length(&self, branch: &str) -> Result<usize> {
        Ok(self.git(&["rev-list", "--count", branch], None)?.parse()?)
    }

    fn git(&self, arguments: &[&str], input: Option<&str>) -> Result<String> {
        Ok(self.output(arguments, input, &[])?.trim_end().to_owned())
    }

    fn output(&self, arguments: &[&str], input: Option<&str>, more: &[(&str, &str)]) -> Result<String> {
        let folder: &Path = self.folder.path();
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(folder)
            .env("GIT_INDEX_FILE", folder.join("test-index"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .envs(more.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run git")?;
        if let (Some(stdin), Some(input)) = (&mut child.stdin, input) {
            stdin.write_all(input.as_bytes())?;
        }
        drop(child.stdin.take());
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}
