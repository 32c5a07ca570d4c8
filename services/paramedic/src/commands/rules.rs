//! Diagnoses as data: which there are, and whether they do what their tests say.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use paramedic_analysis::{
    core::rules::{parse, trial},
    shell,
};
use serde_json::json;

use crate::{
    cli::{ListRules, Rules},
    text,
};

/// Lists or tests rules.
pub fn rules(command: Rules) -> anyhow::Result<ExitCode> {
    match command {
        Rules::List(arguments) => list(&arguments),
        Rules::Test { folder } => test(folder.as_deref()),
    }
}

fn list(arguments: &ListRules) -> anyhow::Result<ExitCode> {
    let set = shell::rules::load(arguments.folder.as_deref().unwrap_or(Path::new("")))?;
    if arguments.json {
        let rule = |rule: &parse::Rule| json!({"name": rule.name, "category": rule.category, "each": rule.each, "wrong_if": rule.wrong_if});
        text::say(&serde_json::to_string_pretty(&set.rules.iter().map(rule).collect::<Vec<_>>())?);
        return Ok(ExitCode::SUCCESS);
    }
    let width = set.rules.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
    for rule in &set.rules {
        let category = text::word(&rule.category);
        text::say(&format!(
            "{:<width$}  {category:<20}  each {:<12}  wrong if {}",
            rule.name, rule.each, rule.wrong_if
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn test(folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    let set = shell::rules::load(folder.unwrap_or(Path::new("")))?;
    let mut files: Vec<(String, String)> = parse::SHIPPED_TESTS
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    if let Some(folder) = folder {
        files.extend(shell::rules::tests(folder)?);
    }
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for (name, source) in files {
        let file: trial::File = parse::read(&source).map_err(anyhow::Error::msg).with_context(|| name.clone())?;
        for test in &file.tests {
            match trial::run(&set, test) {
                Ok(()) => {
                    passed += 1;
                    text::say(&format!("ok      {name}: {}", test.name));
                }
                Err(found) => {
                    failed += 1;
                    text::say(&format!("FAILED  {name}: {}\n        {found}", test.name));
                }
            }
        }
    }
    text::say(&format!("{} rules; {passed} tests passed, {failed} failed", set.rules.len()));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
