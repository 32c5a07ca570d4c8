//! CommonMark, for everything that shows Markdown.
//!
//! Untrusted text can do nothing there: every character that could begin markup is escaped with a backslash
//! (<https://spec.commonmark.org/0.31.2/#backslash-escapes>), also those of bare links and of HTML; indentation, which could
//! begin a code block, is taken away; a code block contains no backtick that could end it.

use super::parts::{self, Line, Part};
use crate::core::message::Message;

/// Two spaces at a line's end: the line break that is one in every dialect.
const BREAK: &str = "  \n";
const FENCE: &str = "```";

/// The message as a document; its parts have at most `max` bytes together.
#[must_use]
pub fn render(message: &Message, max: usize) -> String {
    let mut out = format!("# {}\n", escape(&message.title));
    for one in parts::fitting(message, max, |one| part(one).len() + 1) {
        out.push('\n');
        out.push_str(&part(&one));
    }
    out.push_str(&format!("\n---\n\n{}\n", escape(&parts::footer(message))));
    out
}

/// One part; ends with a line end.
#[must_use]
pub fn part(part: &Part) -> String {
    let mut out = String::new();
    if !part.title.is_empty() {
        out.push_str(&format!("**{}**\n", escape(&part.title.replace('\n', " "))));
        out.push_str(if part.lines.is_empty() { "" } else { "\n" });
    }
    if part.lines.is_empty() {
        return out;
    }
    if part.code {
        let lines: Vec<String> = part.lines.iter().flat_map(|line| &line.cells).map(|(_, text)| code(text)).collect();
        return format!("{out}{FENCE}\n{}\n{FENCE}\n", lines.join("\n"));
    }
    let bullets = part.lines.iter().any(|line| line.bullet);
    let lines: Vec<String> = part.lines.iter().map(line).collect();
    format!("{out}{}\n", lines.join(if bullets { "\n" } else { BREAK }))
}

fn line(line: &Line) -> String {
    let cells: Vec<String> = line
        .cells
        .iter()
        .map(|(name, value)| match name.is_empty() {
            true => escape(value),
            false => format!("**{}:** {}", escape(name), escape(value)),
        })
        .collect();
    let text = cells.join(", ");
    if line.bullet {
        format!("- {}", text.replace('\n', "\n  "))
    } else {
        text
    }
}

fn code(text: &str) -> String {
    text.replace('`', "'").replace(['\r', '\n'], " ")
}

/// Text that stays text: as paragraphs' content, in a list item, in bold.
#[must_use]
pub fn escape(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(escape_line)
        .collect();
    lines.join(BREAK)
}

fn escape_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    for c in line.chars() {
        if c.is_ascii_punctuation() && !matches!(c, ',' | ';' | '?' | '\'' | '"' | '%' | '/' | '$' | '^') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_of_every_kind_stays_text() {
        for (hostile, shown) in [
            ("**bold** _it_ ~~no~~", r"\*\*bold\*\* \_it\_ \~\~no\~\~"),
            ("[click](https://evil.example)", r"\[click\]\(https\://evil\.example\)"),
            ("<img src=x>", r"\<img src\=x\>"),
            ("&lt;b&gt;", r"\&lt;b\&gt;"),
            (
                "# big\n\n    code\n===\n1. one\n- two",
                "\\# big  \ncode  \n\\=\\=\\=  \n1\\. one  \n\\- two",
            ),
            ("@everyone <@1>", r"\@everyone \<\@1\>"),
            (r"a\*b", r"a\\\*b"),
        ] {
            assert_eq!(escape(hostile), shown);
        }
    }

    #[test]
    fn a_code_block_cannot_be_left() {
        let hostile = Part {
            title: String::new(),
            code: true,
            kept: false,
            lines: vec![Line {
                bullet: false,
                cells: vec![(String::new(), "```\n# out".into())],
            }],
        };
        assert_eq!(part(&hostile), "```\n''' # out\n```\n");
    }

    proptest! {
        #[test]
        fn every_character_that_begins_markup_is_escaped_and_none_is_lost(text in "[ -~]{0,80}") {
            let escaped = escape(&text);
            let mut plain = String::new();
            let mut rest = escaped.chars();
            while let Some(c) = rest.next() {
                if c == '\\' {
                    plain.push(rest.next().unwrap_or(' '));
                } else {
                    prop_assert!(!"*_`[]()<>#!&~|:@.+-={}".contains(c), "{c} in {escaped:?}");
                    plain.push(c);
                }
            }
            prop_assert_eq!(plain, text.trim());
        }
    }
}
