//! The policy that holds now, from a file that may change while we run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use paramedic_policy::Policy;

/// 1 while the configured policy cannot be used and an older one (or none) holds.
pub(crate) const BROKEN: &str = "paramedic_policy_broken";

/// The policy of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Policies(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    file: Option<PathBuf>,
    /// What was read last, whether it could be used or not.
    read: Option<Result<String, String>>,
    policy: Arc<Policy>,
}

impl Default for Policies {
    /// The policy that comes with the product.
    fn default() -> Self {
        Self::of(Policy::shipped())
    }
}

impl Policies {
    /// A policy that does not change.
    #[must_use]
    pub fn of(policy: Policy) -> Self {
        Self(Arc::new(Mutex::new(Held {
            file: None,
            read: None,
            policy: Arc::new(policy),
        })))
    }

    /// The policy of a file; an empty path: the one that comes with the product. While a file has never held one, everything asks.
    #[must_use]
    pub fn open(file: &Path) -> Self {
        metrics::describe_gauge!(
            BROKEN,
            "1 while the configured policy cannot be used and an older one (or none) holds"
        );
        if file.as_os_str().is_empty() {
            return Self::default();
        }
        let policies = Self(Arc::new(Mutex::new(Held {
            file: Some(file.to_owned()),
            read: None,
            policy: Arc::new(Policy::none()),
        })));
        drop(policies.current());
        policies
    }

    /// The policy as it stands now. The file is read each time: it is small, and a decision takes far longer.
    #[must_use]
    pub fn current(&self) -> Arc<Policy> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = held.file.clone() {
            held.look(&file);
        }
        held.policy.clone()
    }
}

impl Held {
    fn look(&mut self, file: &Path) {
        let read = fs::read_to_string(file).map_err(|error| error.to_string());
        if self.read.as_ref() == Some(&read) {
            return;
        }
        let parsed = |text: &String| Policy::parse(text).map_err(|problems| problems.join("; "));
        match read.as_ref().map_err(Clone::clone).and_then(parsed) {
            Ok(policy) => {
                tracing::info!(file = %file.display(), digest = %policy.digest(), rules = policy.rules().len(), "the policy was read");
                metrics::gauge!(BROKEN).set(0.0);
                self.policy = Arc::new(policy);
            }
            Err(problem) => {
                tracing::error!(
                    file = %file.display(), problem, holding = %self.policy.digest(), rules = self.policy.rules().len(),
                    "the policy file cannot be used; the last good policy holds (with no rules: everything asks). Try `paramedic policy check`"
                );
                metrics::gauge!(BROKEN).set(1.0);
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
    fn no_file_means_the_policy_of_the_product() {
        assert_eq!(Policies::open(Path::new("")).current().digest(), Policy::shipped().digest());
    }
}
