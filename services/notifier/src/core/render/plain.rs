//! Plain text: the part of an email that always works.

use paramedic_domain::drawing;

use crate::core::{
    message::{Block, Message},
    words,
};

use super::columns;

/// Widest table that is drawn as one; a wider one becomes one paragraph per row.
const WIDTH: usize = 100;

/// The message as text.
#[must_use]
pub fn render(message: &Message) -> String {
    let mut out = format!("{}\n{}\n", message.title, "=".repeat(message.title.chars().count().min(WIDTH)));
    for block in &message.blocks {
        out.push('\n');
        for line in lines(block) {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out.push_str(&format!(
        "\n-- \nParamedic, incident {} on cluster {}\n",
        message.incident, message.cluster
    ));
    out
}

fn lines(block: &Block) -> Vec<String> {
    match block {
        Block::Paragraph { text } => text.lines().map(str::to_owned).collect(),
        Block::Heading { text } => vec![text.clone(), "-".repeat(text.chars().count().min(WIDTH))],
        Block::Facts { rows } => {
            let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0) + 1;
            let indented = |value: &str| value.replace('\n', &format!("\n{}", " ".repeat(width + 1)));
            rows.iter()
                .map(|row| format!("{:<width$} {}", format!("{}:", row.name), indented(&row.value)))
                .collect()
        }
        Block::List { title, items } => {
            let bullet = |item: &String| format!("- {}", item.replace('\n', "\n  "));
            std::iter::once(format!("{title}:")).chain(items.iter().map(bullet)).collect()
        }
        Block::Table { title, header, rows } => {
            let body = columns(header, rows, WIDTH).unwrap_or_else(|| records(header, rows));
            std::iter::once(format!("{title}:")).chain(body).collect()
        }
        Block::Graph { title, graph } => {
            let picture = drawing::draw(graph);
            std::iter::once(format!("{title}:"))
                .chain(picture.lines().map(str::to_owned))
                .collect()
        }
        Block::Answer {
            approve,
            deny,
            expires_at,
            links,
            ..
        } => {
            let mut lines = vec![format!("How to answer (until {}):", words::time(*expires_at))];
            if let Some(links) = links {
                lines.push(format!("  Approve: {}", links.approve));
                lines.push(format!("  Deny:    {}", links.deny));
                lines.push("  Each link is yours and works once; it shows the change again and asks for confirmation.".into());
            }
            lines.push(format!("  $ {approve}"));
            lines.push(format!("  $ {deny}"));
            lines
        }
    }
}

/// A wide table as one group of lines per row.
fn records(header: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        let mut mark = "* ";
        for (name, cell) in header.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            lines.push(format!("{mark}{name}: {}", cell.replace('\n', "\n    ")));
            mark = "  ";
        }
    }
    lines
}
