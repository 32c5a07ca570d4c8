//! What was committed to the repositories that are applied, on the paths that are.

use jiff::Timestamp;
use paramedic_domain::{evidence::Source, object::ObjectRef};

use super::Origin;
use crate::core::{
    subjects::Quote,
    timeline::{Moment, Telling},
};

/// Format of `git log`, with `-z`: no text of a commit can hold its separator.
pub const FORMAT: &str = "%H%x00%P%x00%ct%x00%an%x00%s";
/// Fields of [`FORMAT`].
const FIELDS: usize = 5;
/// Characters of an id that are told.
const SHORT: usize = 10;
/// Files of one commit that are told.
const MOST_FILES: usize = 3;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// When it was committed.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
    /// Who wrote it, as it says.
    pub author: String,
    /// First line of its message.
    pub subject: String,
    /// Files that it changed.
    pub files: Vec<String>,
    /// The repository, by the address that is configured.
    pub repository: String,
    /// Who applies it.
    pub of: ObjectRef,
    /// The command that found it.
    pub query: String,
}

/// Arguments of `git log` for the commits since a time on the paths of an origin, on what was fetched.
#[must_use]
pub fn arguments(origin: &Origin, since: Timestamp, most: usize) -> Vec<String> {
    let mut all = vec![
        "log".to_owned(),
        "-z".into(),
        format!("--format={FORMAT}"),
        format!("--max-count={most}"),
        format!("--since=@{}", since.as_second()),
        "FETCH_HEAD".into(),
        "--".into(),
    ];
    // A path is a name here and no pattern. The empty one is the whole repository.
    let whole = origin.paths.iter().any(String::is_empty) || origin.paths.is_empty();
    if !whole {
        all.extend(origin.paths.iter().map(|path| format!(":(top,literal){path}")));
    }
    all
}

/// What a person types to see the same.
#[must_use]
pub fn query(origin: &Origin, repository: &str, since: Timestamp) -> String {
    let paths = origin.paths.join(" ");
    let revision = if origin.revision.is_empty() { "HEAD" } else { &origin.revision };
    format!("git log --since={since} {revision} -- {paths} of {repository}")
}

/// Commits in the answer of `git log`, newest first.
#[must_use]
pub fn parse(log: &[u8], repository: &str, of: &ObjectRef, query: &str) -> Vec<Commit> {
    let text = String::from_utf8_lossy(log);
    let fields: Vec<&str> = text.split('\0').collect();
    let commits = fields.chunks_exact(FIELDS).filter_map(|commit| {
        let [id, parents, at, author, subject] = commit else {
            return None;
        };
        // Where the fetched history ends, a commit seems to have made everything that there is.
        (!parents.is_empty()).then_some(())?;
        Some(Commit {
            at: Timestamp::from_second(at.parse().ok()?).ok()?,
            id: (*id).to_owned(),
            author: (*author).to_owned(),
            subject: (*subject).to_owned(),
            files: Vec::new(),
            repository: repository.to_owned(),
            of: of.clone(),
            query: query.to_owned(),
        })
    });
    commits.collect()
}

/// Adds the files of commits from the answer of `git diff-tree --stdin -r -z --name-only`: each id, and then its files.
pub fn name_files(commits: &mut [Commit], changed: &[u8]) {
    let text = String::from_utf8_lossy(changed);
    let mut of: Option<usize> = None;
    for field in text
        .split('\0')
        .map(|field| field.trim_start_matches('\n'))
        .filter(|field| !field.is_empty())
    {
        match commits.iter().position(|commit| commit.id == field) {
            Some(at) => of = Some(at),
            None => {
                if let Some(commit) = of.and_then(|at| commits.get_mut(at)) {
                    commit.files.push(field.to_owned());
                }
            }
        }
    }
}

impl Commit {
    /// `67e2c98a60 by Ada: raise the pool (web/values.yaml)`.
    #[must_use]
    pub fn words(&self) -> String {
        let Self {
            id,
            author,
            subject,
            files,
            ..
        } = self;
        let short = id.get(..SHORT).unwrap_or(id);
        let named = files.iter().take(MOST_FILES).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match files.len().saturating_sub(MOST_FILES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let files = if named.is_empty() {
            String::new()
        } else {
            format!(" ({named}{more})")
        };
        format!("{short} by {author}: {subject}{files}")
    }

    /// What it says, as evidence.
    #[must_use]
    pub fn quote(&self) -> Quote {
        Quote {
            source: Source::Git,
            query: self.query.clone(),
            excerpt: format!("commit {} of {}", self.words(), self.at),
            value: None,
        }
    }

    /// The commit as a row of the time line.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment {
            at: self.at,
            telling: Telling::Turn,
            object: self.repository.clone(),
            what: format!("commit {}", self.words()),
            quote: self.quote(),
        }
    }
}

impl Origin {
    /// What is fetched; `None` where it is no plain name of a branch, tag or commit (a range of versions, or worse).
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        let name = if self.revision.is_empty() { "HEAD" } else { &self.revision };
        let good = name.len() <= 250 && name.bytes().all(fits) && !name.starts_with(['-', '/']) && !name.contains("..");
        good.then(|| name.to_owned())
    }
}

/// Whether two addresses are of one repository: `https://host/a/b.git`, `git@host:a/b` and `ssh://git@host/a/b` are.
#[must_use]
pub fn same_repository(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// Host and path, without scheme, user, port and suffix.
fn plain(url: &str) -> String {
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => url.split_once(':').unwrap_or(("", url)),
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next().unwrap_or(host).to_lowercase();
    let path = path.trim_matches('/');
    format!("{host}/{}", path.strip_suffix(".git").unwrap_or(path))
}
