//! Commands inside containers: the few read-only ones that collecting diagnostics needs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    files::{self, Entry},
    logs::Source,
    obj, tar,
};
use crate::api::backend::ExecResult;

/// A container from the inside.
pub(crate) struct Inside {
    pub(crate) hostname: String,
    pub(crate) env: BTreeMap<String, String>,
    /// By path.
    pub(crate) files: Vec<Entry>,
    pub(crate) now: Timestamp,
}

/// Runs a command as the scenario describes it, or as any container does.
pub(crate) fn run(source: &Source<'_>, argv: &[String], now: Timestamp) -> ExecResult {
    let own = source.container.behaviour.map(|i| &source.world.scenario().workloads[i].commands);
    if let Some(command) = own.into_iter().flatten().find(|command| command.argv == argv) {
        let stdout = source.fill(&command.output, now).into_bytes();
        return ExecResult {
            stdout,
            code: command.exit_code,
            ..ExecResult::default()
        };
    }
    let inside = Inside {
        hostname: source.pod.name.clone(),
        env: source.container.env.clone(),
        files: files::all(source, now),
        now,
    };
    run_inside(&inside, argv)
}

/// Runs a command. Unknown ones end as a shell would end them: exit code 127.
pub(crate) fn run_inside(inside: &Inside, argv: &[String]) -> ExecResult {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    run_words(inside, &words)
}

fn run_words(inside: &Inside, words: &[&str]) -> ExecResult {
    let (files, now) = (&inside.files, inside.now);
    match words {
        ["sh" | "/bin/sh" | "bash" | "/bin/bash", "-c", script, ..] => script_line(inside, script),
        ["true" | ":"] => ok(""),
        ["false"] => ExecResult {
            code: 1,
            ..ExecResult::default()
        },
        ["echo", rest @ ..] => ok(&format!("{}\n", rest.join(" "))),
        ["hostname"] => ok(&format!("{}\n", inside.hostname)),
        ["date", ..] => ok(&format!("{}\n", obj::rfc3339(now))),
        ["env" | "printenv"] => {
            let own = inside.env.iter().filter(|(_, value)| !value.is_empty());
            let lines: String = own.map(|(key, value)| format!("{key}={value}\n")).collect();
            ok(&format!("PATH=/usr/local/bin:/usr/bin:/bin\nHOSTNAME={}\n{lines}", inside.hostname))
        }
        ["cat", paths @ ..] => cat(files, paths),
        ["ls", rest @ ..] => ls(files, rest, now),
        ["find", root, ..] => {
            let found: String = under(files, root).iter().map(|file| format!("{}\n", file.path)).collect();
            if found.is_empty() {
                fail(1, &format!("find: '{root}': No such file or directory\n"))
            } else {
                ok(&found)
            }
        }
        ["du", .., root] => du(files, root),
        ["tar", rest @ ..] => run_tar(files, rest, now),
        [] => fail(126, "no command given\n"),
        [name, ..] => fail(127, &format!("exec: \"{name}\": executable file not found in $PATH\n")),
    }
}

/// One simple command; anything a shell would have to interpret is refused.
fn script_line(inside: &Inside, script: &str) -> ExecResult {
    let script = script.trim().strip_prefix("exec ").unwrap_or(script.trim());
    let script = script.strip_suffix("2>/dev/null").unwrap_or(script);
    if script.contains(['|', ';', '&', '>', '<', '$', '`', '*', '(']) {
        return fail(2, "sh: this image has no shell features beyond one simple command\n");
    }
    let words: Vec<&str> = script.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
    run_words(inside, &words)
}

fn cat(files: &[Entry], paths: &[&str]) -> ExecResult {
    let mut out = ExecResult::default();
    for path in paths {
        match files.iter().find(|file| file.path == *path) {
            Some(file) => out.stdout.extend(&file.content),
            None => {
                out.stderr.extend(format!("cat: {path}: No such file or directory\n").bytes());
                out.code = 1;
            }
        }
    }
    out
}

fn ls(files: &[Entry], rest: &[&str], now: Timestamp) -> ExecResult {
    let long = rest.iter().any(|word| word.starts_with('-') && word.contains('l'));
    let root = rest.iter().find(|word| !word.starts_with('-')).copied().unwrap_or("/");
    let folder = format!("{}/", root.trim_end_matches('/'));
    let mut names = std::collections::BTreeMap::new();
    for file in under(files, root) {
        if file.path == root {
            names.insert(root.to_owned(), Some(file.content.len()));
        } else if let Some(rest) = file.path.strip_prefix(&folder) {
            match rest.split_once('/') {
                Some((child, _)) => names.insert(child.to_owned(), None),
                None => names.insert(rest.to_owned(), Some(file.content.len())),
            };
        }
    }
    if names.is_empty() {
        return fail(2, &format!("ls: cannot access '{root}': No such file or directory\n"));
    }
    let date = now.strftime("%b %e %H:%M");
    let lines = names.into_iter().map(|(name, size)| match (long, size) {
        (true, Some(size)) => format!("-rw-r--r-- 1 app app {size:>9} {date} {name}\n"),
        (true, None) => format!("drwxr-xr-x 2 app app {:>9} {date} {name}\n", 4096),
        (false, _) => format!("{name}\n"),
    });
    ok(&lines.collect::<String>())
}

fn du(files: &[Entry], root: &str) -> ExecResult {
    let found = under(files, root);
    if found.is_empty() {
        return fail(1, &format!("du: cannot access '{root}': No such file or directory\n"));
    }
    let blocks: usize = found.iter().map(|file| file.content.len().div_ceil(4096) * 4).sum();
    ok(&format!("{blocks}\t{root}\n"))
}

/// `tar c[z]f - [-C folder] paths`, archives to standard output only.
fn run_tar(files: &[Entry], words: &[&str], now: Timestamp) -> ExecResult {
    let (mut create, mut zip, mut to, mut base) = (false, false, None, String::new());
    let mut paths = Vec::new();
    let mut words = words.iter().copied().enumerate();
    while let Some((i, word)) = words.next() {
        if word == "-C" || word == "--directory" {
            base = words
                .next()
                .map_or_else(String::new, |(_, folder)| folder.trim_end_matches('/').to_owned());
        } else if word == "-" {
            to = Some("-");
        } else if word.starts_with("--") {
            match word {
                "--create" => create = true,
                "--gzip" => zip = true,
                "--file=-" => to = Some("-"),
                _ => {}
            }
        } else if word.starts_with('-') || i == 0 {
            let flags = word.trim_start_matches('-');
            create |= flags.contains('c');
            zip |= flags.contains('z');
            if flags.ends_with('f') {
                to = words.next().map(|(_, target)| target);
            }
        } else {
            paths.push(word);
        }
    }
    if !create || to.is_some_and(|target| target != "-") {
        return fail(
            2,
            "tar: only archives written to standard output can be made here (tar cf - PATH)\n",
        );
    }
    let mut chosen = Vec::new();
    let mut problems = String::new();
    for path in paths {
        let full = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{base}/{path}")
        };
        let full = full.trim_end_matches("/.").trim_end_matches('/').to_owned();
        let found = under(files, if full.is_empty() { "/" } else { &full });
        if found.is_empty() {
            problems.push_str(&format!("tar: {path}: Cannot stat: No such file or directory\n"));
        }
        chosen.extend(found);
    }
    // As GNU tar: an archive of what there is, if only of nothing, and a bad end.
    let missing = !problems.is_empty();
    if missing {
        problems.push_str("tar: Exiting with failure status due to previous errors\n");
    }
    let archive = tar::archive(&chosen, &base, now.as_second());
    ExecResult {
        stdout: if zip { tar::gzip(&archive) } else { archive },
        stderr: problems.into_bytes(),
        code: if missing { 2 } else { 0 },
    }
}

fn under<'a>(files: &'a [Entry], root: &str) -> Vec<&'a Entry> {
    let folder = format!("{}/", root.trim_end_matches('/'));
    files
        .iter()
        .filter(|file| file.path == root || file.path.starts_with(&folder))
        .collect()
}

fn ok(text: &str) -> ExecResult {
    ExecResult {
        stdout: text.as_bytes().to_vec(),
        ..ExecResult::default()
    }
}

fn fail(code: i32, text: &str) -> ExecResult {
    ExecResult {
        stderr: text.as_bytes().to_vec(),
        code,
        ..ExecResult::default()
    }
}
