//! Telegram's HTML: few tags, and every `&`, `<` and `>` of a text is escaped (<https://core.telegram.org/bots/api#html-style>).
//!
//! Mentions and links that Telegram finds in plain text itself cannot be switched off, except inside `<code>`: words that could
//! become one are put there.

use super::parts::{self, Line, Part};
use crate::core::message::{Message, Tone};

/// "1-4096 characters after entities parsing" (<https://core.telegram.org/bots/api#sendmessage>). Counted before parsing and in
/// UTF-16, which is never less.
const MAX_TEXT: usize = 4_096;
/// Characters of a title; with every word in a tag it becomes many times as long.
const MAX_TITLE: usize = 120;

/// The text.
#[must_use]
pub fn render(message: &Message) -> String {
    let mark = match message.tone {
        Tone::Info => "\u{2139}\u{fe0f}",
        Tone::Action => "\u{270b}",
        Tone::Good => "\u{2705}",
        Tone::Bad => "\u{1f6a8}",
    };
    let title: String = message.title.chars().take(MAX_TITLE).collect();
    let head = format!("{mark} {}\n\n", bold(&title));
    let foot = format!("<i>{}</i>", escape(&parts::footer(message)));
    let room = MAX_TEXT.saturating_sub(length(&head) + length(&foot));
    // an empty line after a part
    let shown: Vec<String> = parts::fitting(message, room, |part| length(&html(part)) + 1)
        .iter()
        .map(|part| html(part) + "\n")
        .collect();
    format!("{head}{}{foot}", shown.concat())
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn html(part: &Part) -> String {
    let mut out = String::new();
    if !part.title.is_empty() {
        out.push_str(&format!("{}\n", bold(&part.title)));
    }
    if part.code && !part.lines.is_empty() {
        let lines: Vec<String> = part
            .lines
            .iter()
            .flat_map(|line| &line.cells)
            .map(|(_, cell)| escape(cell))
            .collect();
        return format!("{out}<pre>{}</pre>\n", lines.join("\n"));
    }
    for one in &part.lines {
        out.push_str(&line(one));
        out.push('\n');
    }
    out
}

fn line(line: &Line) -> String {
    let cells: Vec<String> = line
        .cells
        .iter()
        .map(|(name, value)| match name.is_empty() {
            true => text(value),
            false => format!("{} {}", bold(&format!("{name}:")), text(value)),
        })
        .collect();
    format!("{}{}", if line.bullet { "• " } else { "" }, cells.join(", "))
}

/// Escaped, and without mentions, commands and links.
fn text(text: &str) -> String {
    let word = |word: &str| {
        let (said, space) = word.split_at(word.trim_end().len());
        if said.contains(['@', '/', '#']) || names_a_host(said) {
            format!("<code>{}</code>{space}", escape(said))
        } else {
            escape(word)
        }
    };
    text.split_inclusive(char::is_whitespace).map(word).collect()
}

/// A full stop before a letter: `evil.example` would be a link.
fn names_a_host(word: &str) -> bool {
    word.split('.').skip(1).any(|after| after.starts_with(char::is_alphabetic))
}

/// Bold, unless a word of it must be in `<code>`, which cannot stand inside another tag.
fn bold(said: &str) -> String {
    let escaped = text(said);
    if escaped.contains("<code>") {
        escaped
    } else {
        format!("<b>{escaped}</b>")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
