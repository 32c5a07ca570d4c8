//! What holds now, from a file that may change while we run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use paramedic_domain::digest::Digest;
use paramedic_people::Directory;
use paramedic_policy::Policy;

/// A file that may change while we run.
pub trait Reloadable: Sized + Send + Sync + 'static {
    /// What it is, in words for logs: `the policy`.
    const WHAT: &'static str;
    /// 1 while the configured file cannot be used and an older one (or none) holds.
    const BROKEN: &'static str;
    /// How to look for what is wrong with a file.
    const CHECK: &'static str;

    /// What holds where no file is configured.
    fn unconfigured() -> Self;
    /// What holds while a configured file could never be used.
    fn never_read() -> Self;
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn read(text: &str) -> Result<Self, Vec<String>>;
    /// Digest of the file.
    fn digest(&self) -> Digest;
}

impl Reloadable for Policy {
    const WHAT: &'static str = "the policy";
    const BROKEN: &'static str = "paramedic_policy_broken";
    const CHECK: &'static str = "paramedic policy check";

    fn unconfigured() -> Self {
        Self::shipped()
    }

    /// Everything asks.
    fn never_read() -> Self {
        Self::none()
    }

    fn read(text: &str) -> Result<Self, Vec<String>> {
        Self::parse(text)
    }

    fn digest(&self) -> Digest {
        self.digest()
    }
}

impl Reloadable for Directory {
    const WHAT: &'static str = "the people file";
    const BROKEN: &'static str = "paramedic_people_broken";
    const CHECK: &'static str = "paramedic people check";

    fn unconfigured() -> Self {
        Self::unchecked()
    }

    /// Nobody may do anything.
    fn never_read() -> Self {
        Self::nobody()
    }

    fn read(text: &str) -> Result<Self, Vec<String>> {
        Self::parse(text)
    }

    fn digest(&self) -> Digest {
        self.digest()
    }
}

/// The policy of a process.
pub type Policies = Reloaded<Policy>;
/// The people whom a process knows.
pub type People = Reloaded<Directory>;

/// What a file holds. Clones share it.
#[derive(Debug)]
pub struct Reloaded<T>(Arc<Mutex<Held<T>>>);

#[derive(Debug)]
struct Held<T> {
    file: Option<PathBuf>,
    /// What was read last, whether it could be used or not.
    read: Option<Result<String, String>>,
    value: Arc<T>,
}

impl<T> Clone for Reloaded<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Reloadable> Default for Reloaded<T> {
    /// What holds where no file is configured.
    fn default() -> Self {
        Self::of(T::unconfigured())
    }
}

impl<T: Reloadable> Reloaded<T> {
    /// What does not change.
    #[must_use]
    pub fn of(value: T) -> Self {
        Self(Arc::new(Mutex::new(Held {
            file: None,
            read: None,
            value: Arc::new(value),
        })))
    }

    /// What a file holds; an empty path: no file is configured.
    #[must_use]
    pub fn open(file: &Path) -> Self {
        metrics::describe_gauge!(
            T::BROKEN,
            "1 while the configured file cannot be used and an older one (or none) holds"
        );
        if file.as_os_str().is_empty() {
            return Self::default();
        }
        let reloaded = Self(Arc::new(Mutex::new(Held {
            file: Some(file.to_owned()),
            read: None,
            value: Arc::new(T::never_read()),
        })));
        drop(reloaded.current());
        reloaded
    }

    /// As it stands now. The file is read each time: it is small, and what is decided by it takes far longer.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = held.file.clone() {
            held.look(&file);
        }
        held.value.clone()
    }
}

impl<T: Reloadable> Held<T> {
    fn look(&mut self, file: &Path) {
        let read = fs::read_to_string(file).map_err(|error| error.to_string());
        if self.read.as_ref() == Some(&read) {
            return;
        }
        let parsed = |text: &String| T::read(text).map_err(|problems| problems.join("; "));
        match read.as_ref().map_err(Clone::clone).and_then(parsed) {
            Ok(value) => {
                tracing::info!(file = %file.display(), digest = %value.digest(), "{} was read", T::WHAT);
                metrics::gauge!(T::BROKEN).set(0.0);
                self.value = Arc::new(value);
            }
            Err(problem) => {
                tracing::error!(
                    file = %file.display(), problem, holding = %self.value.digest(),
                    "{} cannot be used; the last good one holds. Try `{}`", T::WHAT, T::CHECK
                );
                metrics::gauge!(T::BROKEN).set(1.0);
            }
        }
        self.read = Some(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_holds_at_once_and_a_broken_one_changes_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("policy.yaml");
        let policies = Policies::open(&file);
        assert!(policies.current().rules().is_empty(), "nothing was ever read: everything asks");
        fs::write(&file, "rules: [{name: all, then: deny, reason: closed}]").unwrap();
        let first = policies.current();
        assert_eq!(first.rules()[0].name, "all");
        for broken in ["rules: [", "rules: [{name: x, when: stepp.risk, then: auto, reason: r}]"] {
            fs::write(&file, broken).unwrap();
            assert_eq!(policies.current().digest(), first.digest(), "{broken}");
        }
        fs::remove_file(&file).unwrap();
        assert_eq!(policies.current().digest(), first.digest());
        fs::write(&file, "rules: [{name: other, then: ask, reason: r}]").unwrap();
        assert_eq!(policies.current().rules()[0].name, "other");
    }

    #[test]
    fn no_file_means_what_the_product_does_without_one() {
        assert_eq!(Policies::open(Path::new("")).current().digest(), Policy::shipped().digest());
        assert!(People::open(Path::new("")).current().is_unchecked());
    }

    #[test]
    fn people_that_cannot_be_read_are_nobody() {
        let folder = tempfile::TempDir::new().unwrap();
        let people = People::open(&folder.path().join("people.yaml"));
        assert!(!people.current().is_unchecked() && people.current().is_empty());
    }
}
