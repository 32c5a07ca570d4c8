//! Block Kit's limits, as Slack documents them; lengths are in characters.

use serde_json::Value;

const BLOCKS: usize = 50;
const ELEMENTS: usize = 25;
const CONTEXT_ELEMENTS: usize = 10;
const FIELDS: usize = 10;
const TEXT: usize = 3000;
const FIELD_TEXT: usize = 2000;
const HEADER_TEXT: usize = 150;
const BUTTON_TEXT: usize = 75;
const BUTTON_VALUE: usize = 2000;
const IDENTIFIER: usize = 255;
/// A form's title and its buttons.
const MODAL_TITLE: usize = 24;
/// Above this, Slack refuses the fallback text.
const MESSAGE_TEXT: usize = 40_000;

/// The error Slack answers a bad message with.
pub(super) fn check_message(body: &Value) -> Result<(), String> {
    let text = body.get("text").and_then(Value::as_str).unwrap_or_default();
    if text.chars().count() > MESSAGE_TEXT {
        return Err("msg_too_long".into());
    }
    let blocks = match body.get("blocks") {
        None | Some(Value::Null) => return if text.is_empty() { Err("no_text".into()) } else { Ok(()) },
        Some(Value::Array(blocks)) => blocks,
        Some(_) => return Err("invalid_blocks_format".into()),
    };
    let fits = blocks.len() <= BLOCKS && blocks.iter().all(|block| check_block(block).is_some()) && unique_ids(blocks);
    if fits { Ok(()) } else { Err("invalid_blocks".into()) }
}

fn check_block(block: &Value) -> Option<()> {
    identifier(block.get("block_id"))?;
    match block.get("type")?.as_str()? {
        "section" => {
            let fields = list(block, "fields", FIELDS)?;
            fields.iter().try_for_each(|field| text_object(field, FIELD_TEXT))?;
            match block.get("text") {
                Some(text) => text_object(text, TEXT)?,
                None if fields.is_empty() => return None,
                None => {}
            }
            block.get("accessory").map_or(Some(()), element)
        }
        "header" => text_object(block.get("text")?, HEADER_TEXT),
        "context" => {
            let elements = list(block, "elements", CONTEXT_ELEMENTS)?;
            if elements.is_empty() {
                return None;
            }
            elements.iter().try_for_each(|e| {
                if e.get("type")? == "image" {
                    Some(())
                } else {
                    text_object(e, TEXT)
                }
            })
        }
        "actions" => {
            let elements = list(block, "elements", ELEMENTS)?;
            if elements.is_empty() {
                return None;
            }
            elements.iter().try_for_each(element)
        }
        "divider" | "rich_text" | "image" | "input" | "markdown" | "video" => Some(()),
        _ => None,
    }
}

fn element(element: &Value) -> Option<()> {
    identifier(element.get("action_id"))?;
    if element.get("type")? == "button" {
        let text = element.get("text")?;
        // Markdown is not allowed on a button.
        (text.get("type")? == "plain_text").then_some(())?;
        text_object(text, BUTTON_TEXT)?;
        within(element.get("value"), BUTTON_VALUE)?;
        within(element.get("url"), TEXT)?;
        style(element.get("style"))?;
    }
    Some(())
}

fn style(style: Option<&Value>) -> Option<()> {
    match style {
        None => Some(()),
        Some(style) => (style == "primary" || style == "danger").then_some(()),
    }
}

/// Optional, at most `limit` characters.
fn within(value: Option<&Value>, limit: usize) -> Option<()> {
    match value {
        None => Some(()),
        Some(value) => (value.as_str()?.chars().count() <= limit).then_some(()),
    }
}

fn identifier(value: Option<&Value>) -> Option<()> {
    within(value, IDENTIFIER)
}

fn text_object(value: &Value, limit: usize) -> Option<()> {
    let kind = value.get("type")?.as_str()?;
    let length = value.get("text")?.as_str()?.chars().count();
    ((kind == "plain_text" || kind == "mrkdwn") && (1..=limit).contains(&length)).then_some(())
}

/// An optional array with at most `limit` entries.
fn list<'a>(block: &'a Value, name: &str, limit: usize) -> Option<&'a [Value]> {
    match block.get(name) {
        None => Some(&[]),
        Some(value) => value.as_array().map(Vec::as_slice).filter(|entries| entries.len() <= limit),
    }
}

fn unique_ids(blocks: &[Value]) -> bool {
    let mut ids: Vec<_> = blocks.iter().filter_map(|block| block.get("block_id")?.as_str()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    ids.len() == all
}

/// Every string under a key named `text`, in document order.
pub(super) fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "text" => found.push(text.clone()),
                    _ => texts(value, found),
                }
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| texts(entry, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether the field has that value anywhere.
pub(super) fn find(value: &Value, field: &str, wanted: &str) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| (name == field && value == wanted) || find(value, field, wanted)),
        Value::Array(entries) => entries.iter().any(|entry| find(entry, field, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether Slack would open this form (<https://docs.slack.dev/reference/views/modal-views>).
pub(super) fn check_modal(view: &Value) -> Result<(), String> {
    let title = |field: &str| view.get(field).is_none_or(|text| text_object(text, MODAL_TITLE).is_some());
    let fits = view["type"] == "modal"
        && view.get("title").is_some()
        && ["title", "submit", "close"].into_iter().all(title)
        && within(view.get("private_metadata"), TEXT).is_some()
        && within(view.get("callback_id"), IDENTIFIER).is_some();
    let blocks = view["blocks"].as_array().filter(|blocks| blocks.len() <= 100 && unique_ids(blocks));
    if fits && blocks.is_some() {
        Ok(())
    } else {
        Err("invalid_arguments".to_owned())
    }
}
