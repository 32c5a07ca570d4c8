//! Secrets in a file that may change while we run.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use paramedic_runtime::config::Invalid;
use secrecy::SecretString;

/// A file with secrets, read again when it is another one than before: Kubernetes replaces the files of a mounted secret, people
/// write over theirs. A look costs one `stat`.
pub(crate) struct SecretFile {
    key: String,
    path: PathBuf,
    /// What lies between two secrets.
    separators: &'static [char],
    /// Whether a text counts as a secret.
    accepts: fn(&str) -> bool,
    read: Mutex<(Stamp, Arc<[SecretString]>)>,
}

/// What changes when a file does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl SecretFile {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// When it cannot be read or holds something that is no secret; names the configuration key.
    pub(crate) fn open(key: String, path: &Path, separators: &'static [char], accepts: fn(&str) -> bool) -> Result<Self, Invalid> {
        let read = stamp(path)
            .map_err(|error| error.to_string())
            .and_then(|stamp| Ok((stamp, load(path, separators, accepts)?)))
            .map_err(|problem| Invalid::new(&key, format!("cannot use the file {}: {problem}", path.display())))?;
        Ok(Self {
            key,
            path: path.to_owned(),
            separators,
            accepts,
            read: Mutex::new(read),
        })
    }

    /// What the file holds now. A file that cannot be used is reported once, and what it held before goes on being valid: a
    /// half-written file must not lock everybody out.
    pub(crate) fn secrets(&self) -> Arc<[SecretString]> {
        let now = stamp(&self.path).ok();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = now.filter(|now| *now != read.0) {
            match load(&self.path, self.separators, self.accepts) {
                Ok(secrets) => {
                    tracing::info!(
                        key = self.key,
                        secrets = secrets.len(),
                        "the file with secrets changed and was read again"
                    );
                    *read = (now, secrets);
                }
                Err(problem) => {
                    tracing::warn!(
                        key = self.key,
                        problem,
                        "the file with secrets changed and cannot be used; the old secrets stay valid"
                    );
                    read.0 = now;
                }
            }
        }
        read.1.clone()
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path)?;
    Ok(Stamp {
        modified: metadata.modified().ok(),
        bytes: metadata.len(),
        inode: metadata.ino(),
    })
}

fn load(path: &Path, separators: &[char], accepts: fn(&str) -> bool) -> Result<Arc<[SecretString]>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let secrets: Vec<&str> = text.split(separators).map(str::trim).filter(|secret| !secret.is_empty()).collect();
    if secrets.is_empty() {
        return Err("it holds no secret".into());
    }
    if !secrets.iter().all(|secret| accepts(secret)) {
        return Err("it holds a secret that is too short or of another form".into());
    }
    Ok(secrets.into_iter().map(SecretString::from).collect())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn shown(file: &SecretFile) -> Vec<String> {
        file.secrets().iter().map(|secret| secret.expose_secret().to_owned()).collect()
    }

    #[test]
    fn another_file_is_read_and_a_broken_one_keeps_the_old_secrets() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("tokens");
        let open = || SecretFile::open("tokens_file".into(), &path, &['\n', ','], |text| text.len() > 2);
        assert!(open().err().unwrap().problem.contains("cannot use the file"));
        fs::write(&path, "one,two\n three \n").unwrap();
        let file = open().unwrap();
        assert_eq!(shown(&file), ["one", "two", "three"]);
        // As Kubernetes does it: another file takes the place of the old one.
        let replace = |text: &str| {
            let next = folder.path().join("next");
            fs::write(&next, text).unwrap();
            fs::rename(&next, &path).unwrap();
        };
        replace("four");
        assert_eq!(shown(&file), ["four"]);
        for broken in ["", "x"] {
            replace(broken);
            assert_eq!(shown(&file), ["four"], "{broken:?}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(shown(&file), ["four"]);
        fs::write(&path, "fives").unwrap();
        assert_eq!(shown(&file), ["fives"]);
    }
}
