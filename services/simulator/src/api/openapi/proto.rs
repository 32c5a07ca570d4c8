//! The protobuf form of the version 2 document, which kubectl insists on: just the fields it reads.

use serde_json::{Map, Value};

/// A protobuf message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A length-delimited field.
    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    fn message(&mut self, field: u32, message: &Message) {
        self.bytes(field, &message.0);
    }

    fn boolean(&mut self, field: u32, value: bool) {
        self.varint(u64::from(field) << 3);
        self.varint(u64::from(value));
    }
}

/// Encodes a version 2 document (`swagger`, `info`, `paths`, `definitions`).
pub(super) fn document(document: &Value) -> Vec<u8> {
    let mut out = Message::default();
    out.text(1, text(&document["swagger"]));
    let mut info = Message::default();
    info.text(1, text(&document["info"]["title"]));
    info.text(2, text(&document["info"]["version"]));
    out.message(2, &info);
    let mut paths = Message::default();
    for (name, item) in entries(&document["paths"]) {
        paths.message(2, &named(name, &path_item(item)));
    }
    out.message(8, &paths);
    let mut definitions = Message::default();
    for (name, body) in entries(&document["definitions"]) {
        definitions.message(1, &named(name, &schema(body)));
    }
    out.message(9, &definitions);
    out.0
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn named(name: &str, value: &Message) -> Message {
    let mut out = Message::default();
    out.text(1, name);
    out.message(2, value);
    out
}

/// A vendor extension: its value as YAML, of which JSON is a part.
fn extension(name: &str, value: &Value) -> Message {
    let mut any = Message::default();
    any.text(2, &value.to_string());
    named(name, &any)
}

fn path_item(item: &Value) -> Message {
    let mut out = Message::default();
    for (verb, field) in [("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("patch", 8)] {
        if item[verb].is_object() {
            out.message(field, &operation(&item[verb]));
        }
    }
    out
}

fn operation(operation: &Value) -> Message {
    let mut out = Message::default();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let mut query = Message::default();
        query.text(2, "query");
        query.text(4, text(&parameter["name"]));
        query.text(6, "string");
        // ParametersItem { Parameter { NonBodyParameter { QueryParameterSubSchema } } }
        let wrapped = [3, 2, 1].into_iter().fold(query, |inner, field| {
            let mut outer = Message::default();
            outer.message(field, &inner);
            outer
        });
        out.message(8, &wrapped);
    }
    for (name, value) in entries(operation).filter(|(name, _)| name.starts_with("x-")) {
        out.message(13, &extension(name, value));
    }
    out
}

fn schema(body: &Value) -> Message {
    let mut out = Message::default();
    out.text(1, text(&body["$ref"]));
    out.text(2, text(&body["format"]));
    out.text(4, text(&body["description"]));
    for required in body["required"].as_array().into_iter().flatten() {
        out.text(19, text(required));
    }
    match &body["additionalProperties"] {
        Value::Bool(value) => {
            let mut item = Message::default();
            item.boolean(2, *value);
            out.message(21, &item);
        }
        value @ Value::Object(_) => {
            let mut item = Message::default();
            item.message(1, &schema(value));
            out.message(21, &item);
        }
        _ => {}
    }
    let kind = text(&body["type"]);
    if !kind.is_empty() {
        let mut item = Message::default();
        item.text(1, kind);
        out.message(22, &item);
    }
    if body["items"].is_object() {
        let mut item = Message::default();
        item.message(1, &schema(&body["items"]));
        out.message(23, &item);
    }
    if body["properties"].is_object() {
        let mut properties = Message::default();
        for (name, property) in entries(&body["properties"]) {
            properties.message(1, &named(name, &schema(property)));
        }
        out.message(25, &properties);
    }
    for (name, value) in entries(body).filter(|(name, _)| name.starts_with("x-")) {
        out.message(31, &extension(name, value));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::document;

    #[test]
    fn a_small_document_has_the_known_bytes() {
        let bytes = document(&json!({"swagger": "2.0", "definitions": {"A": {"type": "string"}}}));
        // swagger; empty info; empty paths; definitions { "A": { type { "string" } } }
        let wanted = b"\x0a\x032.0\x12\x00\x42\x00\x4a\x12\x0a\x10\x0a\x01A\x12\x0b\xb2\x01\x08\x0a\x06string";
        assert_eq!(bytes, wanted);
    }
}
