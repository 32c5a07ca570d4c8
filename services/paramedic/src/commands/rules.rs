//! Diagnoses as data: which there are, and whether they do what their tests say.

use std::{path::Path, process::ExitCode};

use paramedic_analysis::{
    core::{
        engines::Knobs,
        rules::{parse, reference, shipped},
        trial::{self, Named},
    },
    shell,
};
use serde_json::json;

use crate::{
    cli::{ListRules, Rules},
    text,
};

/// Lists rules, tests them, or says what they may name.
pub fn rules(command: Rules) -> anyhow::Result<ExitCode> {
    match command {
        Rules::List(arguments) => list(&arguments),
        Rules::Test { folder } => test(folder.as_deref()),
        Rules::Fields => {
            text::say(reference::markdown().trim_end());
            Ok(ExitCode::SUCCESS)
        }
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
    let knobs = Knobs {
        rules: shell::rules::load(folder.unwrap_or(Path::new("")))?,
        debug_flags: Vec::new(),
    };
    let own = folder.map(shell::rules::tests).transpose()?.unwrap_or_default();
    let own = own.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let tests = trial::read(shipped::TESTS.iter().copied().chain(own)).map_err(anyhow::Error::msg)?;
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for Named { file, test } in tests {
        match trial::run(&knobs, &test) {
            Ok(()) => {
                passed += 1;
                text::say(&format!("ok      {file}: {}", test.name));
            }
            Err(found) => {
                failed += 1;
                text::say(&format!("FAILED  {file}: {}\n        {found}", test.name));
            }
        }
    }
    text::say(&format!(
        "{} rules; {passed} tests passed, {failed} failed",
        knobs.rules.rules.len()
    ));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
