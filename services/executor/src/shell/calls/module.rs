//! The commands of one module, run on a copy of its files.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use paramedic_catalogue::redact::redact;
use paramedic_domain::digest::Digest;
use paramedic_runtime::program::{Ended, Program, inherited, secrets};
use serde_json::Value;
use tempfile::TempDir;

use crate::{config, shell::kubernetes::Trouble};

/// Longest time that looking may take: providers are fetched, and each resource is read.
const LOOKING: Duration = Duration::from_secs(300);
/// Longest time of an apply, a little less than its step has.
const APPLYING: Duration = Duration::from_secs(3300);
/// Most files of a module, and most bytes of them: far more than people write.
const MOST_FILES: usize = 5_000;
const MOST_BYTES: u64 = 64 << 20;
/// Where the saved plan is.
const PLAN: &str = "paramedic.tfplan";

/// A copy of a module's files.
pub(super) struct Module<'a> {
    folder: TempDir,
    config: &'a config::Module,
    sources: Digest,
    environment: Vec<(String, String)>,
}

/// Which state it is.
pub(super) struct State {
    pub(super) lineage: String,
    pub(super) serial: u64,
}

/// What another plan shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    AsDescribed,
    Differs,
}

impl<'a> Module<'a> {
    /// Copies the files, and takes their digest.
    pub(super) async fn copy(config: &'a config::Module) -> Result<Self, Trouble> {
        let (from, name) = (config.folder.clone(), config.name.clone());
        let copied = tokio::task::spawn_blocking(move || copy(&from)).await;
        let copied = copied.unwrap_or_else(|error| Err(error.to_string()));
        let (folder, sources) = copied.map_err(|detail| Trouble::Transient {
            what: format!("files of module {name}"),
            detail,
            sent: false,
        })?;
        let mut module = Self {
            folder,
            config,
            sources,
            environment: Vec::new(),
        };
        module.environment = module.environment()?;
        Ok(module)
    }

    /// Digest of the files.
    pub(super) fn sources(&self) -> Digest {
        self.sources
    }

    fn environment(&self) -> Result<Vec<(String, String)>, Trouble> {
        let mut environment = inherited(&[]);
        if !self.config.secrets_folder.as_os_str().is_empty() {
            environment.extend(secrets(&self.config.secrets_folder).map_err(|error| Trouble::Transient {
                what: format!("secrets of module {}", self.config.name),
                detail: format!("cannot read {}: {error}", self.config.secrets_folder.display()),
                sent: false,
            })?);
        }
        // Last, so that no secret can be named like one of them.
        let cache = self.config.plugin_cache.display().to_string();
        let fixed = [
            ("HOME", self.folder.path().display().to_string()),
            ("TF_IN_AUTOMATION", "1".into()),
            ("TF_INPUT", "0".into()),
            ("TF_WORKSPACE", self.config.workspace.clone()),
            ("TF_PLUGIN_CACHE_DIR", cache),
            ("CHECKPOINT_DISABLE", "1".into()),
            ("LC_ALL", "C".into()),
        ];
        let fixed = fixed.into_iter().filter(|(_, value)| !value.is_empty());
        environment.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
        Ok(environment)
    }

    pub(super) async fn init(&self) -> Result<(), Trouble> {
        let mut arguments = vec!["init", "-input=false", "-no-color"];
        if self.folder.path().join(".terraform.lock.hcl").exists() {
            arguments.push("-lockfile=readonly");
        }
        self.good(&arguments, LOOKING).await.map(drop)
    }

    pub(super) async fn validate(&self) -> Result<(), Trouble> {
        self.good(&["validate", "-no-color"], LOOKING).await.map(drop)
    }

    /// The state's identity; before the first apply there is none.
    pub(super) async fn state(&self) -> Result<State, Trouble> {
        let pulled = self.good(&["state", "pull"], LOOKING).await?;
        let state: Value = match pulled.trim_ascii().is_empty() {
            true => Value::Null,
            false => self.parsed("state pull", &pulled)?,
        };
        Ok(State {
            lineage: state["lineage"].as_str().unwrap_or_default().to_owned(),
            serial: state["serial"].as_u64().unwrap_or_default(),
        })
    }

    /// What planning printed, and the plan file.
    pub(super) async fn plan(&self) -> Result<(String, Vec<u8>), Trouble> {
        let out = format!("-out={PLAN}");
        let mut arguments = vec!["plan", "-input=false", "-no-color", "-lock-timeout=30s", &out];
        let variables = self.variables();
        arguments.extend(variables.iter().map(String::as_str));
        let said = self.good(&arguments, LOOKING).await?;
        let file = tokio::fs::read(self.folder.path().join(PLAN))
            .await
            .map_err(|error| Trouble::Unfit {
                what: self.what("plan"),
                code: 0,
                message: format!("it wrote no plan file: {error}"),
            })?;
        Ok((String::from_utf8_lossy(&said).into_owned(), file))
    }

    /// The saved plan as JSON.
    pub(super) async fn show(&self) -> Result<Value, Trouble> {
        let shown = self.good(&["show", "-json", "-no-color", PLAN], LOOKING).await?;
        self.parsed("show", &shown)
    }

    /// Applies this file, and nothing else.
    pub(super) async fn apply(&self, file: &[u8]) -> Result<(), Trouble> {
        let path = self.folder.path().join(PLAN);
        tokio::fs::write(&path, file).await.map_err(|error| Trouble::Transient {
            what: self.what("apply"),
            detail: format!("the plan file cannot be written: {error}"),
            sent: false,
        })?;
        let arguments = ["apply", "-input=false", "-no-color", "-lock-timeout=30s", PLAN];
        self.good(&arguments, APPLYING).await.map(drop)
    }

    pub(super) async fn outputs(&self) -> Result<Value, Trouble> {
        let outputs = self.good(&["output", "-json", "-no-color"], LOOKING).await?;
        self.parsed("output", &outputs)
    }

    /// Whether another plan shows a change. Takes no lock: it only looks.
    pub(super) async fn check(&self) -> Result<Checked, Trouble> {
        let mut arguments = vec!["plan", "-input=false", "-no-color", "-lock=false", "-detailed-exitcode"];
        let variables = self.variables();
        arguments.extend(variables.iter().map(String::as_str));
        let ended = self.run(&arguments, LOOKING).await?;
        match ended.code {
            Some(0) => Ok(Checked::AsDescribed),
            Some(2) => Ok(Checked::Differs),
            _ => Err(self.refused(&arguments, &ended)),
        }
    }

    fn variables(&self) -> Vec<String> {
        self.config.variables.iter().map(|file| format!("-var-file={file}")).collect()
    }

    fn what(&self, command: &str) -> String {
        format!("{} {command} of {}", self.config.program, self.config.name)
    }

    fn parsed(&self, command: &str, output: &[u8]) -> Result<Value, Trouble> {
        serde_json::from_slice(output).map_err(|error| Trouble::Unfit {
            what: self.what(command),
            code: 0,
            message: format!("its output is not JSON: {error}"),
        })
    }

    async fn good(&self, arguments: &[&str], timeout: Duration) -> Result<Vec<u8>, Trouble> {
        let ended = self.run(arguments, timeout).await?;
        match ended.code {
            Some(0) => Ok(ended.stdout),
            _ => Err(self.refused(arguments, &ended)),
        }
    }

    async fn run(&self, arguments: &[&str], timeout: Duration) -> Result<Ended, Trouble> {
        let run = Program {
            program: self.config.program.clone(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            folder: self.folder.path().to_owned(),
            environment: self.environment.clone(),
            input: Vec::new(),
            timeout,
        };
        run.run().await.map_err(|lost| Trouble::Transient {
            what: self.what(arguments.first().unwrap_or(&"")),
            detail: lost.to_string(),
            sent: true,
        })
    }

    fn refused(&self, arguments: &[&str], ended: &Ended) -> Trouble {
        let said = redact(String::from_utf8_lossy(&ended.stderr).trim());
        Trouble::Unfit {
            what: self.what(arguments.first().unwrap_or(&"")),
            code: ended.code.and_then(|code| code.try_into().ok()).unwrap_or_default(),
            message: said.chars().take(600).collect(),
        }
    }
}

/// A copy of the folder without what runs leave behind, and the digest of paths and contents. Links lead out of the folder and are refused.
fn copy(from: &Path) -> Result<(TempDir, Digest), String> {
    let into = TempDir::with_prefix("paramedic-module-").map_err(|error| format!("no folder for a copy: {error}"))?;
    let mut files = Vec::new();
    list(from, Path::new(""), &mut files)?;
    files.sort();
    let mut digests = Vec::with_capacity(files.len());
    let mut bytes = 0;
    for file in files {
        let unread = |error: std::io::Error| format!("{}: {error}", from.join(&file).display());
        let content = std::fs::read(from.join(&file)).map_err(unread)?;
        bytes += content.len() as u64;
        if bytes > MOST_BYTES {
            return Err(format!("{} has more than {MOST_BYTES} bytes", from.display()));
        }
        let copy = into.path().join(&file);
        if let Some(parent) = copy.parent() {
            std::fs::create_dir_all(parent).map_err(unread)?;
        }
        std::fs::write(&copy, &content).map_err(unread)?;
        digests.push((file.display().to_string(), Digest::of(&content).to_string()));
    }
    Ok((into, Digest::of_json(&digests)))
}

fn list(root: &Path, below: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let folder = root.join(below);
    let unread = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(&folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let kind = entry.file_type().map_err(unread)?;
        let path = below.join(entry.file_name());
        let name = entry.file_name().to_string_lossy().into_owned();
        if matches!(name.as_str(), ".git" | ".terraform") {
            continue;
        }
        if kind.is_symlink() {
            return Err(format!(
                "{} is a link: a module's files must be in its folder",
                root.join(path).display()
            ));
        }
        if kind.is_dir() {
            list(root, &path, files)?;
        } else {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(format!("{} has more than {MOST_FILES} files", root.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_paths_and_contents_and_of_nothing_that_runs_leave_behind() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("main.tf"), "a").unwrap();
        std::fs::write(folder.path().join("sub/x.tf"), "b").unwrap();
        let (into, first) = copy(folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(into.path().join("sub/x.tf")).unwrap(), "b");
        std::fs::create_dir(folder.path().join(".terraform")).unwrap();
        std::fs::write(folder.path().join(".terraform/x"), "provider").unwrap();
        assert_eq!(copy(folder.path()).unwrap().1, first);
        std::fs::write(folder.path().join("sub/x.tf"), "c").unwrap();
        assert_ne!(copy(folder.path()).unwrap().1, first);
    }

    #[test]
    fn a_link_out_of_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("main.tf")).unwrap();
        assert!(copy(folder.path()).unwrap_err().contains("is a link"));
    }
}
