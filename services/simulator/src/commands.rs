//! Command-line tools as they were recorded: each call is answered from a file, and is written down.
//!
//! A tool becomes an executable of its name that knows nothing but its recording: what was not recorded fails. What a call changes is a
//! state with a name, which later calls may ask for: `state pull` answers something else after `apply`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The state before anything was changed.
const START: &str = "start";

/// Recorded calls by the name of their tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Recorded {
    /// In the order in which they are looked for.
    pub tools: BTreeMap<String, Vec<Call>>,
}

/// One recorded call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Its arguments, with a blank between two; `*` stands for any characters.
    pub run: String,
    /// Answers only in this state; left out: in any.
    #[serde(default)]
    pub when: Option<String>,
    /// The state afterwards; left out: the same.
    #[serde(default)]
    pub then: Option<String>,
    /// What it prints.
    #[serde(default)]
    pub prints: String,
    /// What it prints as errors.
    #[serde(default)]
    pub complains: String,
    /// Files that it writes, by their path in the folder it runs in.
    #[serde(default)]
    pub writes: BTreeMap<String, String>,
    /// Its exit code.
    #[serde(default)]
    pub exits: u8,
}

/// Executables that replay a recording.
#[derive(Debug)]
pub struct Commands {
    folder: PathBuf,
}

impl Recorded {
    /// Writes the executables into a folder.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn install(&self, folder: &Path) -> io::Result<Commands> {
        let commands = Commands { folder: folder.to_owned() };
        commands.enter(START)?;
        for (tool, calls) in &self.tools {
            let path = folder.join(tool);
            fs::write(&path, script(folder, tool, calls))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(commands)
    }
}

impl Commands {
    /// The executable of a tool.
    #[must_use]
    pub fn tool(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Every call so far, with the name of its tool.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        let written = fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        written.lines().map(str::to_owned).collect()
    }

    /// Changes the state from outside, as somebody else would.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn enter(&self, state: &str) -> io::Result<()> {
        fs::write(self.folder.join("state"), state)
    }
}

fn script(folder: &Path, tool: &str, calls: &[Call]) -> String {
    let here = quoted(&folder.display().to_string());
    let mut script = format!(
        "#!/bin/sh\nhere={here}\nprintf '%s\\n' {}\" $*\" >> \"$here/calls\"\nstate=$(cat \"$here/state\")\ncase \"$state $*\" in\n",
        quoted(tool)
    );
    for call in calls {
        let state = call.when.as_deref().map_or("*".to_owned(), quoted);
        let arguments: Vec<String> = call.run.split('*').map(quoted).collect();
        let mut write = |line: String| writeln!(script, "{line}").expect("a string takes every line");
        write(format!("{state}' '{})", arguments.join("*")));
        for (path, content) in &call.writes {
            write(format!("printf '%s' {} > {}", quoted(content), quoted(path)));
        }
        write(format!("printf '%s' {}", quoted(&call.prints)));
        write(format!("printf '%s' {} >&2", quoted(&call.complains)));
        if let Some(state) = &call.then {
            write(format!("printf '%s' {} > \"$here/state\"", quoted(state)));
        }
        write(format!("exit {};;", call.exits));
    }
    script.push_str("esac\nprintf 'not recorded in state %s: %s\\n' \"$state\" \"$*\" >&2\nexit 64\n");
    script
}

/// A word of the shell that means itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn run(commands: &Commands, arguments: &[&str], within: &Path) -> (i32, String, String) {
        let ended = Command::new(commands.tool("terraform"))
            .args(arguments)
            .current_dir(within)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
    }

    #[test]
    fn calls_are_answered_by_their_arguments_and_the_state_and_written_down() {
        let recorded: Recorded = serde_yaml_ng::from_str(
            r#"
            terraform:
              - {run: "plan -out=*", prints: "it's a $plan `x`\n", writes: {tfplan: "content"}}
              - {run: "state pull", when: applied, prints: "2"}
              - {run: "state pull", prints: "1"}
              - {run: "apply tfplan", then: applied, exits: 3, complains: "half\n"}
            "#,
        )
        .unwrap();
        let (folder, within) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let commands = recorded.install(folder.path()).unwrap();
        let said = run(&commands, &["plan", "-out=tfplan"], within.path());
        assert_eq!(said, (0, "it's a $plan `x`\n".into(), String::new()));
        assert_eq!(fs::read_to_string(within.path().join("tfplan")).unwrap(), "content");
        assert_eq!(run(&commands, &["state", "pull"], within.path()).1, "1");
        assert_eq!(
            run(&commands, &["apply", "tfplan"], within.path()),
            (3, String::new(), "half\n".into())
        );
        assert_eq!(run(&commands, &["state", "pull"], within.path()).1, "2");
        let (code, _, said) = run(&commands, &["apply", "-auto-approve"], within.path());
        assert_eq!((code, said.as_str()), (64, "not recorded in state applied: apply -auto-approve\n"));
        assert_eq!(commands.calls()[0], "terraform plan -out=tfplan");
        assert_eq!(commands.calls().len(), 5);
    }
}
