//! The log of repositories whose content is applied: shallow clones without files, kept while the process lives.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use paramedic_runtime::{git, program::Lost};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::{meter::Meter, probes::Probes};
use crate::{
    config::Repository,
    core::{
        delivery::{
            Delivery, Origin,
            commits::{Commit, arguments, name_files, parse, query, same_repository},
        },
        facts::Facts,
        redact::redact,
    },
};

/// Commits that are fetched of a branch: those of a few busy days.
const DEPTH: &str = "200";
/// Commits that are read on the paths of one owner.
const MOST_COMMITS: usize = 10;
/// Changes may take so long to show.
const LOOKBACK: SignedDuration = SignedDuration::from_hours(24);
/// Characters of what Git says of an error that are told.
const MOST_WORDS: usize = 200;

/// Clones by the address of their repository.
#[derive(Clone, Default)]
pub(super) struct Clones {
    folders: Arc<Mutex<HashMap<String, Arc<Mutex<TempDir>>>>>,
    meter: Meter,
}

/// Reads what was committed to what deliveries apply, where the repository is configured.
pub(super) async fn commits(probes: &Probes, facts: &mut Facts) {
    let since = Probes::before(facts.at, LOOKBACK);
    let mut found = Vec::new();
    for delivery in &facts.world.deliveries {
        for origin in &delivery.origin {
            let known = probes
                .config
                .repositories
                .iter()
                .find(|known| same_repository(&known.url, &origin.url));
            let Some(repository) = known else { continue };
            let patience = probes.config.probe_timeout();
            let read = tokio::time::timeout(patience, read(probes, repository, delivery, origin, since)).await;
            match read.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs()))) {
                Ok(commits) => found.extend(commits),
                Err(problem) => {
                    // What was broken off may leave a lock behind: the next one begins anew.
                    probes.clones.forget(&repository.url).await;
                    facts.missing.push(format!("git: {}: {problem}", repository.url));
                }
            }
        }
    }
    facts.moments.extend(found.iter().map(Commit::moment));
    facts.world.commits = found;
}

async fn read(
    probes: &Probes,
    repository: &Repository,
    delivery: &Delivery,
    origin: &Origin,
    since: Timestamp,
) -> Result<Vec<Commit>, String> {
    let revision = origin.reference().ok_or("what it follows is no name of a branch, tag or commit")?;
    let clone = probes.clones.of(&repository.url).await?;
    // One investigation at a time: what was fetched is what is read.
    let folder = clone.lock().await;
    let git = Git {
        repository,
        meter: &probes.clones.meter,
        folder: folder.path().to_owned(),
        environment: environment(repository, folder.path()).await?,
    };
    if !folder.path().join("HEAD").exists() {
        git.run(&["init", "--bare", "--quiet", "--template=", "."], &[]).await?;
    }
    let fetch = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--filter=blob:none",
        "--depth",
        DEPTH,
        "--",
        &repository.url,
        &revision,
    ];
    git.run(&fetch, &[]).await?;
    let arguments = arguments(origin, since, MOST_COMMITS);
    let log = git.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await?;
    let mut commits = parse(&log, &repository.url, &delivery.owner, &query(origin, &repository.url, since));
    let ids: String = commits.iter().map(|commit| format!("{}\n", commit.id)).collect();
    let changed = git
        .run(&["diff-tree", "--stdin", "-r", "-z", "--name-only"], ids.as_bytes())
        .await?;
    name_files(&mut commits, &changed);
    Ok(commits)
}

async fn environment(repository: &Repository, home: &Path) -> Result<Vec<(String, String)>, String> {
    let token = match repository.token_file.as_os_str().is_empty() {
        true => None,
        false => {
            let read = tokio::fs::read_to_string(&repository.token_file).await;
            Some(read.map_err(|error| format!("cannot read {}: {error}", repository.token_file.display()))?)
        }
    };
    let token = token.as_ref().map(|token| (repository.user.as_str(), token.trim()));
    Ok(git::environment(&repository.url, token, home))
}

struct Git<'a> {
    repository: &'a Repository,
    meter: &'a Meter,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Git<'_> {
    async fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        let what = arguments.first().copied().unwrap_or_default();
        let ended = git::run(&self.folder, arguments, self.environment.clone(), input).await;
        let ended = ended.map_err(|lost: Lost| format!("git {what}: {lost}"))?;
        if ended.code == Some(0) {
            let taken = self.meter.take(ended.stdout.len(), "git", what);
            return taken.map(|()| ended.stdout).map_err(|used_up| format!("git {what}: {used_up}"));
        }
        let said = redact(String::from_utf8_lossy(&ended.stderr).trim());
        let said: String = said.replace(&self.repository.url, "it").chars().take(MOST_WORDS).collect();
        Err(format!("git {what}: {said}"))
    }
}

impl Clones {
    async fn of(&self, url: &str) -> Result<Arc<Mutex<TempDir>>, String> {
        let mut all = self.folders.lock().await;
        if let Some(known) = all.get(url) {
            return Ok(known.clone());
        }
        let folder = TempDir::with_prefix("paramedic-log-").map_err(|error| format!("no folder for a clone: {error}"))?;
        let folder = Arc::new(Mutex::new(folder));
        all.insert(url.to_owned(), folder.clone());
        Ok(folder)
    }

    async fn forget(&self, url: &str) {
        self.folders.lock().await.remove(url);
    }

    /// The same, reading from a budget.
    pub(super) fn metered(&self, meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use paramedic_domain::object::ObjectRef;
    use paramedic_testkit::outside::GitRepository;
    use serde_json::json;

    use super::*;
    use crate::core::delivery::{Owner, Places, Records, owned};

    fn applying(url: &str) -> Delivery {
        let deployment = json!({"metadata": {
            "name": "web", "namespace": "shop", "annotations": {"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web"}
        }});
        let mut facts = Facts::new(Timestamp::UNIX_EPOCH, Vec::new());
        facts.world.snapshot.scope.insert("shop".into());
        facts
            .world
            .snapshot
            .file(crate::core::snapshot::kinds::named("Deployment").unwrap(), vec![deployment]);
        let places = Places {
            argo_namespace: "argocd",
            helm: Records::Off,
        };
        let web = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
        let owners: Vec<Owner> = owned(&facts.world, &[], &[web], places);
        let object = json!({"spec": {"source": {"repoURL": url, "path": "web", "targetRevision": "main"}}});
        Delivery::read(&owners[0], &object).unwrap()
    }

    #[tokio::test]
    async fn a_lock_that_was_left_behind_costs_one_answer() {
        let repository = GitRepository::start("web/values.yaml", "1").unwrap();
        repository.commit("main", "web/values.yaml", "2", "more of it").unwrap();
        let mut probes = crate::shell::probes::tests::without_sources();
        probes.config.repositories = vec![serde_json::from_value(json!({"url": repository.url()})).unwrap()];
        let clone = probes.clones.of(&repository.url()).await.unwrap();
        let lock = clone.lock().await.path().join("shallow.lock");
        tokio::fs::write(&lock, "").await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..2 {
            let mut facts = Facts::new(probes.clock.now(), Vec::new());
            facts.world.deliveries.push(applying(&repository.url()));
            commits(&probes, &mut facts).await;
            let subjects: Vec<String> = facts.world.commits.into_iter().map(|commit| commit.subject).collect();
            seen.push((facts.missing.len(), subjects));
        }
        assert_eq!(seen, [(1, vec![]), (0, vec!["more of it".to_owned()])]);
    }
}
