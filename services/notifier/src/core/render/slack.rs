//! Slack Block Kit.
//!
//! Untrusted text can do nothing there: `&`, `<` and `>` are escaped (a mention or link needs them), and `verbatim` keeps
//! Slack from turning words into links or mentions by itself.

use paramedic_domain::{
    button::{APPROVE, DENY, LOOK, Subject, TAKE_OVER},
    digest::Digest,
    drawing,
    id::GateId,
};
use serde_json::{Value, json};

use super::columns;
use crate::core::{
    message::{Block, Message, Tone},
    words,
};

/// Slack's limits: blocks per message, characters of a section's text, characters of a header.
const MAX_BLOCKS: usize = 50;
const MAX_TEXT: usize = 3_000;
const MAX_HEADER: usize = 150;
/// Widest table drawn in a code block before it is written as lines.
const WIDTH: usize = 90;

/// Blocks, with buttons where clicks reach us, and the text for notifications and screen readers.
#[must_use]
pub fn render(message: &Message, buttons: bool) -> (Vec<Value>, String) {
    let mark = match message.tone {
        Tone::Info => ":information_source:",
        Tone::Action => ":raised_hand:",
        Tone::Good => ":white_check_mark:",
        Tone::Bad => ":rotating_light:",
    };
    let header = pieces(&escape(&message.title), MAX_HEADER)
        .into_iter()
        .next()
        .unwrap_or_else(|| "-".to_owned());
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": header, "emoji": false},
    })];
    let (mut body, mut tail) = (Vec::new(), Vec::new());
    for block in &message.blocks {
        match block {
            Block::Answer { gate, digest, .. } => {
                if buttons {
                    tail.push(actions(message, gate, digest));
                }
                tail.extend(sections(block));
            }
            Block::Paragraph { .. }
            | Block::Heading { .. }
            | Block::Facts { .. }
            | Block::List { .. }
            | Block::Table { .. }
            | Block::Graph { .. } => body.extend(sections(block)),
        }
    }
    tail.push(json!({
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": format!("{mark} Paramedic, incident `{}` on cluster `{}`", message.incident, message.cluster), "verbatim": true}],
    }));
    let room = MAX_BLOCKS - blocks.len() - tail.len();
    if body.len() > room {
        let left_out = body.len() - (room - 1);
        body.truncate(room - 1);
        let warning = if message.asks().is_some() {
            "Do not decide from this message alone."
        } else {
            ""
        };
        body.push(section(&format!(
            ":warning: {left_out} parts do not fit into a Slack message. {warning} All of it: `paramedic show {}`",
            message.incident
        )));
    }
    blocks.extend(body);
    blocks.extend(tail);
    (blocks, escape(&message.title))
}

/// Buttons that name the exact change: whoever clicks answers about what this message shows, or is refused.
fn actions(message: &Message, gate: &GateId, digest: &Digest) -> Value {
    let subject = Subject {
        cluster: message.cluster.clone(),
        incident: message.incident.clone(),
        gate: gate.clone(),
        digest: *digest,
    };
    let value = serde_json::to_string(&subject).expect("four plain fields");
    let button = |id: &str, text: &str| json!({"type": "button", "action_id": id, "value": value, "text": {"type": "plain_text", "text": text, "emoji": false}});
    let (mut approve, mut deny) = (button(APPROVE, "Approve"), button(DENY, "Deny..."));
    approve["style"] = json!("primary");
    approve["confirm"] = json!({
        "title": {"type": "plain_text", "text": "Approve this change?"},
        "text": {"type": "plain_text", "text": format!("Exactly the change {} will run.", digest.short())},
        "confirm": {"type": "plain_text", "text": "Approve"},
        "deny": {"type": "plain_text", "text": "Back"},
    });
    deny["style"] = json!("danger");
    let mut take_over = button(TAKE_OVER, "I do it by hand");
    take_over["confirm"] = json!({
        "title": {"type": "plain_text", "text": "Take over?"},
        "text": {"type": "plain_text", "text": "The workflow ends, what it changed is undone, and the incident is yours."},
        "confirm": {"type": "plain_text", "text": "Take over"},
        "deny": {"type": "plain_text", "text": "Back"},
    });
    json!({"type": "actions", "elements": [approve, deny, button(LOOK, "I look at it"), take_over]})
}

fn sections(block: &Block) -> Vec<Value> {
    match block {
        Block::Paragraph { text } => texts(&escape(text)),
        Block::Heading { text } => texts(&bold(text)),
        Block::Facts { rows } => {
            let lines: Vec<String> = rows
                .iter()
                .map(|row| format!("{} {}", bold(&row.name), escape(&row.value)))
                .collect();
            texts(&lines.join("\n"))
        }
        Block::List { title, items } => {
            let bullets: Vec<String> = items.iter().map(|item| format!("• {}", escape(item))).collect();
            texts(&format!("{}\n{}", bold(title), bullets.join("\n")))
        }
        Block::Table { title, header, rows } => columns(header, rows, WIDTH).map_or_else(
            || texts(&format!("{}\n{}", bold(title), records(header, rows))),
            |drawn| code(title, &drawn),
        ),
        Block::Graph { title, graph } => {
            let picture = drawing::draw(graph);
            code(title, &picture.lines().map(str::to_owned).collect::<Vec<_>>())
        }
        Block::Answer {
            approve, deny, expires_at, ..
        } => {
            // no links here: whoever can read the channel could use them, and they decide in one person's name
            let mut blocks = texts(&format!("*How to answer* (until {})", words::time(*expires_at)));
            blocks.extend(code("", &[approve.clone(), deny.clone()]));
            blocks
        }
    }
}

fn records(header: &[String], rows: &[Vec<String>]) -> String {
    let record = |row: &Vec<String>| {
        let cells: Vec<String> = header
            .iter()
            .zip(row)
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(name, cell)| format!("{} {}", bold(name), escape(cell)))
            .collect();
        format!("• {}", cells.join("  "))
    };
    rows.iter().map(record).collect::<Vec<_>>().join("\n")
}

fn bold(text: &str) -> String {
    format!("*{}*", escape(&text.replace(['*', '\n'], " ")))
}

/// Code blocks, as many as the lines need; the title stands above the first one.
fn code(title: &str, lines: &[String]) -> Vec<Value> {
    let fence = "```";
    let mut heading = if title.is_empty() {
        String::new()
    } else {
        format!("{}\n", bold(title))
    };
    if heading.chars().count() > MAX_TEXT / 2 {
        heading.clear();
    }
    let safe: Vec<String> = lines.iter().map(|line| escape(line).replace('`', "'")).collect();
    let room = MAX_TEXT - heading.chars().count() - 2 * fence.len() - 2;
    pieces(&safe.join("\n"), room)
        .iter()
        .map(|piece| section(&format!("{}{fence}\n{piece}\n{fence}", std::mem::take(&mut heading))))
        .collect()
}

/// Sections, as many as the text needs.
fn texts(text: &str) -> Vec<Value> {
    pieces(text, MAX_TEXT).iter().map(|piece| section(piece)).collect()
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

/// Cuts at line ends where it can, never inside an escape sequence.
fn pieces(text: &str, max: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for line in text.lines() {
        let line_length = line.chars().count();
        if length > 0 && length + 1 + line_length > max {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
        if length > 0 {
            piece.push('\n');
            length += 1;
        }
        for unit in units(line) {
            let unit_length = unit.chars().count();
            if length + unit_length > max {
                pieces.push(std::mem::take(&mut piece));
                length = 0;
            }
            piece.push_str(unit);
            length += unit_length;
        }
    }
    if !piece.trim().is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Characters, with escape sequences in one piece.
fn units(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = ["&amp;", "&lt;", "&gt;"]
            .iter()
            .find(|entity| rest.starts_with(**entity))
            .map_or(first.len_utf8(), |entity| entity.len());
        let (unit, after) = rest.split_at(length);
        rest = after;
        Some(unit)
    })
}

/// Slack's three control characters.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_piece_is_too_long_and_no_text_is_lost(text in "[a-z&<> \n]{0,400}", max in 10..60usize) {
            let escaped = escape(&text);
            let pieces = pieces(&escaped, max);
            for piece in &pieces {
                prop_assert!(piece.chars().count() <= max);
                let tail = piece.rfind('&').map_or("", |at| &piece[at..]);
                prop_assert!(tail.is_empty() || tail.contains(';'), "cut inside an escape sequence: {piece:?}");
            }
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&pieces.concat()), squeeze(&escaped));
        }
    }
}
