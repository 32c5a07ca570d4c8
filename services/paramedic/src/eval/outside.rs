//! What a case has outside of its cluster: infrastructure modules, cloud accounts, and the command-line tools as they were recorded.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, ensure};
use paramedic_analysis::config::{Cloud, CloudKind};
use paramedic_executor::config::{Account, Module};
use paramedic_simulator::commands::{Commands, Recorded};
use serde::Deserialize;
use tempfile::TempDir;

/// The file `outside.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Files by path, by the name of the module.
    #[serde(default)]
    modules: BTreeMap<String, BTreeMap<String, String>>,
    /// Ids of cloud accounts.
    #[serde(default)]
    accounts: Vec<String>,
    /// Clouds that the analysis may ask.
    #[serde(default)]
    clouds: Vec<Cloud>,
    /// What the tools answer.
    #[serde(default)]
    tools: Recorded,
}

/// It, in folders of its own.
pub struct Installed {
    /// The modules.
    pub modules: Vec<Module>,
    /// The cloud accounts.
    pub accounts: Vec<Account>,
    /// The clouds.
    pub clouds: Vec<Cloud>,
    commands: Commands,
    _folder: TempDir,
}

impl Outside {
    /// Reads it; most cases have none.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn load(case: &Path) -> anyhow::Result<Self> {
        let file = case.join("outside.yaml");
        if !file.exists() {
            return Ok(Self::default());
        }
        let cannot = || format!("cannot read {}", file.display());
        let text = std::fs::read_to_string(&file).with_context(cannot)?;
        serde_yaml_ng::from_str(&text).with_context(cannot)
    }

    /// Writes the modules and the tools.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn install(&self) -> anyhow::Result<Installed> {
        let folder = tempfile::tempdir()?;
        let tools = folder.path().join("tools");
        std::fs::create_dir(&tools)?;
        let commands = self.tools.install(&tools)?;
        let mut modules = Vec::with_capacity(self.modules.len());
        for (index, (name, files)) in self.modules.iter().enumerate() {
            let root = folder.path().join(format!("module-{index}"));
            for (path, content) in files {
                let within = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
                ensure!(within, "{path:?} of module {name} is not a path within it");
                let file = root.join(path);
                std::fs::create_dir_all(file.parent().unwrap_or(&root))?;
                std::fs::write(file, content)?;
            }
            modules.push(Module {
                name: name.clone(),
                folder: root,
                workspace: "default".into(),
                program: commands.tool("terraform").display().to_string(),
                variables: Vec::new(),
                secrets_folder: PathBuf::new(),
                plugin_cache: PathBuf::new(),
            });
        }
        let account = |id: &String| Account {
            id: id.clone(),
            region: "eu-central-1".into(),
            program: commands.tool("aws").display().to_string(),
            secrets_folder: PathBuf::new(),
        };
        let cloud = |cloud: &Cloud| {
            let tool = match cloud.kind {
                CloudKind::Aws => "aws",
                CloudKind::Gcp => "gcloud",
            };
            Cloud {
                program: commands.tool(tool).display().to_string(),
                ..cloud.clone()
            }
        };
        Ok(Installed {
            modules,
            accounts: self.accounts.iter().map(account).collect(),
            clouds: self.clouds.iter().map(cloud).collect(),
            commands,
            _folder: folder,
        })
    }
}

impl Installed {
    /// Every call of a tool so far.
    pub fn calls(&self) -> Vec<String> {
        self.commands.calls()
    }
}
