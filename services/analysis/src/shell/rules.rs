//! Rules of the operator, from a folder.

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};

use crate::core::rules::RuleSet;

/// The shipped rules, and those of every `*.yaml` in `folder`, by name; an empty path: only the shipped ones.
///
/// # Errors
/// A folder or file that cannot be read, and every rule that cannot be used.
pub fn load(folder: &Path) -> anyhow::Result<Arc<RuleSet>> {
    let files = match folder.as_os_str().is_empty() {
        true => Vec::new(),
        false => files(folder, false)?,
    };
    match RuleSet::load(&files) {
        Ok(rules) => Ok(Arc::new(rules)),
        Err(problems) => bail!("analysis.rules: {}", problems.join("\n")),
    }
}

/// The tests of every `*.test.yaml` in `folder`, by name.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn tests(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    files(folder, true)
}

fn files(folder: &Path, tests: bool) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read the folder of rules {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.to_string_lossy();
        let is_test = name.ends_with(".test.yaml") || name.ends_with(".test.yml");
        if (name.ends_with(".yaml") || name.ends_with(".yml")) && is_test == tests {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push((path.display().to_string(), text));
        }
    }
    files.sort();
    Ok(files)
}
