//! The sections of infrastructure modules.

use std::path::PathBuf;

use paramedic_runtime::config::Invalid;
use serde::{Deserialize, Serialize};

/// One `[[executor.modules]]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Its name in plans, `infra/vpc`.
    pub name: String,
    /// Folder with its files, for example kept up to date by git-sync; it is copied and never written to. Modules that it names by a
    /// relative path must be inside of it.
    pub folder: PathBuf,
    /// Workspace.
    #[serde(default = "default_workspace")]
    pub workspace: String,
    /// `terraform`, `tofu`, or the path of either.
    #[serde(default = "terraform")]
    pub program: String,
    /// Files of variables in the folder.
    #[serde(default)]
    pub variables: Vec<String>,
    /// Folder whose files are environment variables of their names (`AWS_ACCESS_KEY_ID`, `TF_VAR_...`), as a mounted Secret is; read each
    /// time. Nothing else of this process's environment but where programs, proxies and authorities are reaches the program.
    #[serde(default)]
    pub secrets_folder: PathBuf,
    /// Folder that keeps providers between two runs; empty: they are fetched each time.
    #[serde(default)]
    pub plugin_cache: PathBuf,
}

fn default_workspace() -> String {
    "default".into()
}

fn terraform() -> String {
    "terraform".into()
}

impl Module {
    pub(super) fn validate(&self, key: &str) -> Result<(), Invalid> {
        if !self.folder.is_absolute() {
            return Err(Invalid::new(format!("{key}.folder"), "is not an absolute path"));
        }
        let word = |text: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !text.is_empty() && !text.starts_with(['-', '.']) && text.chars().all(allowed)
        };
        if !word(&self.workspace) {
            return Err(Invalid::new(
                format!("{key}.workspace"),
                format!("{:?} is not the name of a workspace", self.workspace),
            ));
        }
        if self.program.is_empty() || self.program.starts_with('-') {
            return Err(Invalid::new(
                format!("{key}.program"),
                format!("{:?} is not a program: terraform, tofu, or the path of either", self.program),
            ));
        }
        match self.variables.iter().find(|file| !file.split('/').all(word)) {
            Some(file) => Err(Invalid::new(
                format!("{key}.variables"),
                format!("{file:?} is not the path of a file in the module's folder"),
            )),
            None => Ok(()),
        }
    }
}
