//! Rules of the operator, from a folder.

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};

use crate::core::rules::RuleSet;

/// The shipped rules, and those of every `*.yaml` in `folder`, by name; an empty path: only the shipped ones.
///
/// # Errors
/// A folder or file that cannot be read, and every rule that cannot be used.
pub fn load(folder: &Path) -> anyhow::Result<Arc<RuleSet>> {
    let mut files = Vec::new();
    if !folder.as_os_str().is_empty() {
        let entries = std::fs::read_dir(folder).with_context(|| format!("analysis.rules: cannot read the folder {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                let text = std::fs::read_to_string(&path).with_context(|| format!("analysis.rules: cannot read {}", path.display()))?;
                files.push((path.display().to_string(), text));
            }
        }
    }
    files.sort();
    match RuleSet::load(&files) {
        Ok(rules) => Ok(Arc::new(rules)),
        Err(problems) => bail!("analysis.rules: {}", problems.join("\n")),
    }
}
