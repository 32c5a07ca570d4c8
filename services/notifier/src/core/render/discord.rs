//! A Discord embed. Discord's Markdown takes the same escapes as `CommonMark`.

use serde_json::{Value, json};

use super::{
    markdown,
    parts::{self, Part},
};
use crate::core::message::{Message, Tone};

/// Characters of a description and of a title:
/// <https://discord.com/developers/docs/resources/message#embed-object-embed-limits>. With the footer all of an embed stays below
/// the 6,000 characters that a message's embeds may have.
const MAX_DESCRIPTION: usize = 4_096;
const MAX_TITLE: usize = 256;

/// The embed.
#[must_use]
pub fn render(message: &Message) -> Value {
    let colour = match message.tone {
        Tone::Info => 0x0b_57d0,
        Tone::Action => 0xb0_6000,
        Tone::Good => 0x1a_7f37,
        Tone::Bad => 0xc3_291f,
    };
    // a line between parts
    let size = |part: &Part| markdown::part(part).encode_utf16().count() + 1;
    let shown: Vec<String> = parts::fitting(message, MAX_DESCRIPTION, size).iter().map(markdown::part).collect();
    // at worst every character needs an escape
    let title: String = message.title.chars().take(MAX_TITLE / 2).collect();
    json!({
        "title": markdown::escape(&title),
        "description": shown.join("\n").trim_end(),
        "color": colour,
        "footer": {"text": parts::footer(message)},
    })
}
