//! Text from clusters, logs and alerts in the markup of reports and trackers: it is shown, and never means anything there.

use paramedic_catalogue::redact::redact;

/// How a reader takes a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Markup {
    /// CommonMark and what GitHub, GitLab and Gitea make of it.
    Markdown,
    /// The wiki markup of Jira's REST API 2.
    Jira,
}

/// Shown as nothing; it parts what would mean something together: `@name`, `#1`, `://`, a quick action at the beginning of a line.
const NOTHING: char = '\u{200b}';

impl Markup {
    /// A heading of our own words and a field.
    #[must_use]
    pub fn heading(self, level: usize, words: &str) -> String {
        let words = line(words);
        match self {
            Self::Markdown => format!("{} {words}\n", "#".repeat(level)),
            Self::Jira => format!("h{level}. {words}\n"),
        }
    }

    /// An untrusted value, without its secrets: in the line if it is one, else as a block of its own.
    #[must_use]
    pub fn field(self, text: &str) -> String {
        let text = redact(text);
        let text = text.trim_end();
        if text.contains(['\n', '\r']) {
            self.block(text)
        } else {
            line(text)
        }
    }

    fn block(self, text: &str) -> String {
        let text: String = text
            .replace("\r\n", "\n")
            .replace('\r', "\n")
            .chars()
            .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
            .collect();
        match self {
            Self::Markdown => {
                let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
                let fence = "`".repeat(longest.max(2) + 1);
                format!("\n\n{fence}\n{text}\n{fence}\n")
            }
            Self::Jira => {
                let text = text.replace("{noformat", &format!("{{{NOTHING}noformat"));
                format!("\n{{noformat}}\n{text}\n{{noformat}}\n")
            }
        }
    }
}

/// A value of one line.
fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    if text.starts_with(|first: char| !first.is_alphanumeric()) {
        out.push(NOTHING);
    }
    for c in text.chars() {
        match c {
            '@' | '#' | ':' => out.extend([c, NOTHING]),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '!' | '|' | '~' | '&' | '^' | '$' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_mentions_nobody_links_nothing_and_is_no_html() {
        let said = Markup::Markdown.field("<img src=x> @everyone fixes #1, [click](https://evil.example) ![p](u) `code`");
        for meant in ["@e", "#1", "://", "[click]", "![", "<img"] {
            let found = said.find(meant).is_some_and(|at| !said[..at].ends_with('\\'));
            assert!(!found, "{meant} in {said}");
        }
        assert!(!Markup::Markdown.field("/close").starts_with('/'), "a quick action of GitLab");
    }

    #[test]
    fn a_block_ends_where_it_says_whatever_it_holds() {
        let log = "line\n```\n/close\n@everyone\n`````\nend";
        let said = Markup::Markdown.field(log);
        let fence = "`".repeat(6);
        assert_eq!(said.lines().filter(|line| *line == fence).count(), 2, "{said}");
        assert!(said.contains(log));
        let jira = Markup::Jira.field("one\n{noformat}\n[~admin]\n{noformat:title=x}");
        assert_eq!(jira.matches("{noformat").count(), 2, "{jira}");
    }

    #[test]
    fn secrets_are_gone_before_anything_is_escaped() {
        for text in ["DB_PASSWORD=hunter22 rest", "first\nDB_PASSWORD=hunter22\nlast"] {
            assert!(!Markup::Markdown.field(text).contains("hunter22"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_quoted_leaves_its_block_or_line(text in "([a-z@#/`{}\\[\\]!<>\\\\ ]|\\n|\\r|```|\\{noformat\\}|@all|/close){0,60}") {
            let said = Markup::Markdown.field(&text);
            let mut fence: Option<&str> = None;
            let mut closed = 0;
            for line in said.lines() {
                let ticks = line.len() - line.trim_start_matches('`').len();
                match fence {
                    None if ticks >= 3 && line.chars().all(|c| c == '`') => fence = Some(line),
                    Some(open) if line == open => {
                        fence = None;
                        closed += 1;
                    }
                    // Outside of a block no line begins a quick action or a block of its own, and nobody is mentioned.
                    None => prop_assert!(!line.starts_with('/') && ticks == 0 && !line.contains("@a"), "{said}"),
                    Some(open) => prop_assert!(ticks < open.len(), "{said}"),
                }
            }
            prop_assert!(fence.is_none() && closed <= 1, "{said}");
        }
    }
}
