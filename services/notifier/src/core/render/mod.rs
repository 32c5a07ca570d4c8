//! From a message to what a channel carries. Each renderer escapes every string for its own format.

pub mod discord;
pub mod html;
pub mod markdown;
pub mod parts;
pub mod plain;
pub mod slack;
pub mod teams;
pub mod telegram;

/// Lines of a table with aligned columns; `None` when they would be longer than `max` characters.
pub(crate) fn columns(header: &[String], rows: &[Vec<String>], max: usize) -> Option<Vec<String>> {
    let one_line = |cell: &String| cell.replace('\n', " ");
    let all: Vec<Vec<String>> = std::iter::once(header)
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| row.iter().map(one_line).collect())
        .collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            all.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    if widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1) > max {
        return None;
    }
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = all.iter().map(line).collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    lines.insert(1, rule.join("  "));
    Some(lines)
}
