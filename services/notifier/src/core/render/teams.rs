//! A Microsoft Teams message with an Adaptive Card.
//!
//! All text stands in text runs, which know no Markdown (<https://adaptivecards.io/explorer/TextRun.html>): nothing in it can
//! become a link or a mention.

use serde_json::{Value, json};

use super::parts::{self, Line, Part};
use crate::core::message::{Message, Tone};

/// Bytes of JSON spent on a card's body. Teams takes messages of 28 KB
/// (<https://learn.microsoft.com/en-us/microsoftteams/limits-specifications-teams>); the rest is for what a workflow puts around it.
const MAX_BODY: usize = 22_000;
/// Characters of a title: a few lines.
const MAX_TITLE: usize = 300;

/// The message.
#[must_use]
pub fn render(message: &Message) -> Value {
    let colour = match message.tone {
        Tone::Info => "accent",
        Tone::Action => "warning",
        Tone::Good => "good",
        Tone::Bad => "attention",
    };
    let title: String = message.title.chars().take(MAX_TITLE).collect();
    let title = json!({"type": "TextRun", "text": title, "weight": "bolder", "size": "large", "color": colour});
    let mut body = vec![json!({"type": "RichTextBlock", "inlines": [title]})];
    let size = |part: &Part| blocks(part).iter().map(|block| block.to_string().len() + 1).sum();
    body.extend(parts::fitting(message, MAX_BODY, size).iter().flat_map(blocks));
    let footer = json!({"type": "TextRun", "text": parts::footer(message), "isSubtle": true, "size": "small"});
    body.push(json!({"type": "RichTextBlock", "separator": true, "inlines": [footer]}));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "Full"},
                "body": body,
            },
        }],
    })
}

fn blocks(part: &Part) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !part.title.is_empty() {
        let run = json!({"type": "TextRun", "text": part.title, "weight": "bolder"});
        blocks.push(json!({"type": "RichTextBlock", "spacing": "medium", "inlines": [run]}));
    }
    blocks.extend(
        part.lines
            .iter()
            .map(|line| json!({"type": "RichTextBlock", "spacing": "small", "inlines": runs(line, part.code)})),
    );
    blocks
}

fn runs(line: &Line, code: bool) -> Vec<Value> {
    let font = if code { "monospace" } else { "default" };
    let mut runs = Vec::new();
    if line.bullet {
        runs.push(json!({"type": "TextRun", "text": "• "}));
    }
    for (index, (name, value)) in line.cells.iter().enumerate() {
        if !name.is_empty() {
            let comma = if index > 0 { ", " } else { "" };
            runs.push(json!({"type": "TextRun", "text": format!("{comma}{name}: "), "weight": "bolder"}));
        }
        // an empty run is refused
        let text = if value.is_empty() { " " } else { value };
        // columns hold together only with spaces that are not collapsed; single ones stay, so that a copied command works
        let text = if code {
            text.replace("  ", "\u{a0}\u{a0}")
        } else {
            text.to_owned()
        };
        runs.push(json!({"type": "TextRun", "text": text, "fontType": font}));
    }
    runs
}
