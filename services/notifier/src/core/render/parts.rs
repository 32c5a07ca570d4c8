//! What chat formats have in common: a message as parts of lines, and which of them fit into a provider's limit.
//!
//! Parts hold plain text. A format escapes it; since only whole lines are left out, nothing is cut inside an escape.

use paramedic_domain::drawing;

use super::columns;
use crate::core::{
    message::{Block, Message},
    words,
};

/// Widest table that is drawn as one; a wider one becomes a bullet per row.
const WIDTH: usize = 90;

/// Lines that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What stands above them; empty: nothing.
    pub title: String,
    /// Whether columns matter: shown in a fixed width, without names and bullets.
    pub code: bool,
    /// Whether it is sent whatever else does not fit: how to answer.
    pub kept: bool,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of plain text; values may have line breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Starts with a bullet.
    pub bullet: bool,
    /// Name and value, the name is shown bold; without a name only the value is shown.
    pub cells: Vec<(String, String)>,
}

impl Line {
    fn plain(text: impl Into<String>) -> Self {
        Self {
            bullet: false,
            cells: vec![(String::new(), text.into())],
        }
    }
}

impl Part {
    fn new(title: impl Into<String>, lines: Vec<Line>) -> Self {
        Self {
            title: title.into(),
            code: false,
            kept: false,
            lines,
        }
    }

    fn code(title: impl Into<String>, lines: impl IntoIterator<Item = String>) -> Self {
        Self {
            code: true,
            ..Self::new(title, lines.into_iter().map(Line::plain).collect())
        }
    }

    fn prefix(&self, lines: usize) -> Self {
        Self {
            title: self.title.clone(),
            lines: self.lines[..lines].to_vec(),
            ..*self
        }
    }
}

/// The message's content, in reading order.
fn parts(message: &Message) -> Vec<Part> {
    message.blocks.iter().flat_map(of_block).collect()
}

/// Who sent it and about what: the last line of every message.
#[must_use]
pub fn footer(message: &Message) -> String {
    format!("Paramedic, incident {} on cluster {}", message.incident, message.cluster)
}

/// The parts that fit into `max`, as the format measures them; says so when something was left out.
#[must_use]
pub fn fitting(message: &Message, max: usize, measure: impl Fn(&Part) -> usize) -> Vec<Part> {
    let (kept, body): (Vec<Part>, Vec<Part>) = parts(message).into_iter().partition(|part| part.kept);
    let total: usize = body.iter().chain(&kept).map(&measure).sum();
    if total <= max {
        return body.into_iter().chain(kept).collect();
    }
    let all: usize = body.iter().map(|part| part.lines.len()).sum();
    let reserved: usize = measure(&warning(message, all)) + kept.iter().map(&measure).sum::<usize>();
    let mut room = max.saturating_sub(reserved);
    let mut shown = Vec::new();
    let mut lines = 0;
    for part in body {
        let size = measure(&part);
        if size <= room {
            room -= size;
            lines += part.lines.len();
            shown.push(part);
            continue;
        }
        let counts: Vec<usize> = (1..part.lines.len()).collect();
        let most = counts.partition_point(|count| measure(&part.prefix(*count)) <= room);
        if most > 0 {
            lines += most;
            shown.push(part.prefix(most));
        }
        break;
    }
    shown.push(warning(message, all - lines));
    shown.extend(kept);
    shown
}

fn warning(message: &Message, left_out: usize) -> Part {
    let decide = if message.asks().is_some() {
        " Do not decide from this message alone."
    } else {
        ""
    };
    let said = format!(
        "{left_out} lines do not fit into this message.{decide} All of it: paramedic show {}",
        message.incident
    );
    Part::new("", vec![Line::plain(said)])
}

fn of_block(block: &Block) -> Vec<Part> {
    match block {
        Block::Paragraph { text } => vec![Part::new("", text.lines().map(Line::plain).collect())],
        Block::Heading { text } => vec![Part::new(text.clone(), Vec::new())],
        Block::Facts { rows } => {
            let line = |row: &crate::core::message::Fact| Line {
                bullet: false,
                cells: vec![(row.name.clone(), row.value.clone())],
            };
            vec![Part::new("", rows.iter().map(line).collect())]
        }
        Block::List { title, items } => {
            let line = |item: &String| Line {
                bullet: true,
                ..Line::plain(item.clone())
            };
            vec![Part::new(title.clone(), items.iter().map(line).collect())]
        }
        Block::Table { title, header, rows } => {
            vec![columns(header, rows, WIDTH).map_or_else(
                || Part::new(title.clone(), rows.iter().map(|row| record(header, row)).collect()),
                |drawn| Part::code(title.clone(), drawn),
            )]
        }
        Block::Graph { title, graph } => vec![Part::code(title.clone(), drawing::draw(graph).lines().map(str::to_owned))],
        Block::Answer {
            approve, deny, expires_at, ..
        } => {
            // no links: whoever can read the channel could use them, and they decide in one person's name
            let title = format!("How to answer (until {})", words::time(*expires_at));
            vec![Part {
                kept: true,
                ..Part::code(title, [approve.clone(), deny.clone()])
            }]
        }
    }
}

fn record(header: &[String], row: &[String]) -> Line {
    let cells = header.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
    Line {
        bullet: true,
        cells: cells.map(|(name, cell)| (name.clone(), cell.clone())).collect(),
    }
}
