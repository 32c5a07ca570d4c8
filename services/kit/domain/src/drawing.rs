//! The dependency graph of a plan as text: levels of boxes, those of one level run at the same time.

use serde::Serialize;

use crate::{
    change::Change,
    plan::{Plan, Step},
    risk::RiskLevel,
};

/// Widest drawing, in characters: a terminal, a mail window, a Slack message on a laptop.
const WIDTH: usize = 76;
/// Widest text in a box.
const BOX_TEXT: usize = 32;
/// Blanks between boxes.
const GAP: usize = 3;

/// The graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// Boxes by level; each level waits for (parts of) the one before.
    pub levels: Vec<Vec<Node>>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Step id.
    pub id: String,
    /// Action name.
    pub action: String,
    /// What it does, in a few words.
    pub note: String,
    /// Whether it waits for approval.
    pub gated: bool,
    /// Steps that must succeed first.
    pub after: Vec<String>,
}

/// The graph of a plan.
#[must_use]
pub fn of(plan: &Plan) -> Graph {
    let levels = plan
        .levels
        .iter()
        .map(|level| level.iter().filter_map(|id| plan.step(id)).map(node).collect());
    Graph { levels: levels.collect() }
}

fn node(step: &Step) -> Node {
    let gated = step.gate.is_some();
    let note = match &step.change {
        _ if gated => format!("APPROVAL: {}", risk(step.risk.level)),
        Change::Read { .. } => "reads only".into(),
        Change::Exec(_) => "copies data out".into(),
        Change::Notify(_) => "tells people".into(),
        Change::Carried { by, .. } => format!("inside the change of {by}"),
        Change::Patch(_) | Change::Delete(_) | Change::Sequence { .. } | Change::Call(_) => {
            format!("runs by itself: {}", risk(step.risk.level))
        }
    };
    Node {
        id: step.id.to_string(),
        action: step.action.clone(),
        note,
        gated,
        after: step.depends_on.iter().map(ToString::to_string).collect(),
    }
}

fn risk(level: RiskLevel) -> &'static str {
    match level {
        RiskLevel::None => "no risk",
        RiskLevel::Low => "low risk",
        RiskLevel::Medium => "medium risk",
        RiskLevel::High => "high risk",
        RiskLevel::Critical => "critical risk",
    }
}

/// At most `max` characters of a text, with an ellipsis where it was longer.
fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// The graph drawn with box characters; a double frame waits for approval.
#[must_use]
pub fn draw(graph: &Graph) -> String {
    let rows: Vec<(bool, Vec<Drawn>)> = graph.levels.iter().flat_map(|level| rows_of(level)).collect();
    let width = rows.iter().map(|(_, row)| row_width(row)).max().unwrap_or(0);
    let mut lines: Vec<String> = Vec::new();
    let mut above: Vec<usize> = Vec::new();
    for (index, (first_of_level, row)) in rows.iter().enumerate() {
        let centres = centres(row, width);
        if index > 0 && *first_of_level {
            lines.extend(band(&above, &centres));
        }
        let continues = rows.get(index + 1).is_some_and(|(first, _)| *first);
        lines.extend(boxes(row, &centres, continues));
        above = centres;
    }
    lines.push(String::new());
    lines.push("same row: at the same time; double frame: waits for approval".into());
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

struct Drawn {
    text: Vec<String>,
    inner: usize,
    gated: bool,
}

fn drawn(node: &Node) -> Drawn {
    let mut text = vec![format!("{} {}", node.id, node.action), node.note.clone()];
    if !node.after.is_empty() {
        text.push(format!("after {}", node.after.join(", ")));
    }
    let text: Vec<String> = text.iter().map(|line| cut(line, BOX_TEXT)).collect();
    let inner = text.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    Drawn {
        text,
        inner,
        gated: node.gated,
    }
}

/// A level broken into rows that fit; the flag marks the first of them.
fn rows_of(level: &[Node]) -> Vec<(bool, Vec<Drawn>)> {
    let mut rows: Vec<(bool, Vec<Drawn>)> = Vec::new();
    for node in level {
        let next = drawn(node);
        match rows.last_mut() {
            Some((_, row)) if row_width(row) + GAP + next.inner + 4 <= WIDTH => row.push(next),
            _ => rows.push((rows.is_empty(), vec![next])),
        }
    }
    rows
}

fn row_width(row: &[Drawn]) -> usize {
    row.iter().map(|one| one.inner + 4).sum::<usize>() + GAP * row.len().saturating_sub(1)
}

fn centres(row: &[Drawn], width: usize) -> Vec<usize> {
    let mut left = (width - row_width(row)) / 2;
    row.iter()
        .map(|one| {
            let centre = left + (one.inner + 4) / 2;
            left += one.inner + 4 + GAP;
            centre
        })
        .collect()
}

/// The lines between two levels: everything above is joined, everything below hangs from it. Which box waits for which
/// is in the boxes.
fn band(above: &[usize], below: &[usize]) -> Vec<String> {
    let ends = || above.iter().chain(below).copied();
    let (Some(left), Some(right)) = (ends().min(), ends().max()) else {
        return Vec::new();
    };
    let bus: String = (0..=right)
        .map(|column| match (column < left, above.contains(&column), below.contains(&column)) {
            (true, _, _) => ' ',
            (_, true, true) if left == right => '│',
            (_, true, true) if column == left => '├',
            (_, true, true) if column == right => '┤',
            (_, true, true) => '┼',
            (_, true, false) if column == left => '└',
            (_, true, false) if column == right => '┘',
            (_, true, false) => '┴',
            (_, false, true) if column == left => '┌',
            (_, false, true) if column == right => '┐',
            (_, false, true) => '┬',
            (_, false, false) => '─',
        })
        .collect();
    let arrows = (0..=right).map(|column| if below.contains(&column) { '▼' } else { ' ' }).collect();
    vec![bus, arrows]
}

fn boxes(row: &[Drawn], centres: &[usize], continues: bool) -> Vec<String> {
    let height = row.iter().map(|one| one.text.len()).max().unwrap_or(0);
    let mut lines = vec![String::new(); height + 2];
    for (one, centre) in row.iter().zip(centres) {
        let left = centre - (one.inner + 4) / 2;
        let [top_left, top_right, side, flat, bottom_left, bottom_right, stem] = if one.gated {
            ['╔', '╗', '║', '═', '╚', '╝', '╤']
        } else {
            ['┌', '┐', '│', '─', '└', '┘', '┬']
        };
        for (index, line) in lines.iter_mut().enumerate() {
            let gap = left - line.chars().count();
            line.extend(std::iter::repeat_n(' ', gap));
            if index == 0 {
                line.push(top_left);
                line.extend(std::iter::repeat_n(flat, one.inner + 2));
                line.push(top_right);
            } else if index == height + 1 {
                line.push(bottom_left);
                let before = centre - left - 1;
                line.extend(std::iter::repeat_n(flat, before));
                line.push(if continues { stem } else { flat });
                line.extend(std::iter::repeat_n(flat, one.inner + 1 - before));
                line.push(bottom_right);
            } else {
                let text = one.text.get(index - 1).map_or("", String::as_str);
                line.push_str(&format!("{side} {text:<width$} {side}", width = one.inner));
            }
        }
    }
    lines
}
