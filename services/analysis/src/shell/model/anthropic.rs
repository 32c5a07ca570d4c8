//! Anthropic's Messages API with tools.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Conversation, Failure, Model, Reply, http::Api};
use crate::core::model::{
    budget::{Grant, Usage},
    prompt::SYSTEM,
    tools::Tool,
};

/// Version of the API that this speaks.
const VERSION: &str = "2023-06-01";

/// An API that speaks Messages.
pub(super) struct Anthropic {
    api: Api,
    model: String,
    name: String,
}

#[derive(Deserialize)]
struct Body {
    content: Vec<Value>,
    stop_reason: Option<String>,
    usage: Option<Used>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
        input: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Used {
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

impl Anthropic {
    pub(super) fn new(api: Api, model: &str) -> Self {
        Self {
            api,
            model: model.to_owned(),
            name: format!("model/anthropic/{model}"),
        }
    }
}

#[async_trait]
impl Model for Anthropic {
    fn name(&self) -> &str {
        &self.name
    }

    async fn turn(&self, conversation: &Conversation, tools: &[Tool], grant: &Grant) -> Result<Reply, Failure> {
        let mut messages = vec![json!({"role": "user", "content": conversation.question})];
        for (said, told) in &conversation.turns {
            messages.push(json!({"role": "assistant", "content": said}));
            let results = told
                .iter()
                .map(|told| json!({"type": "tool_result", "tool_use_id": told.call, "content": told.text}));
            messages.push(json!({"role": "user", "content": results.collect::<Vec<_>>()}));
        }
        let tools: Vec<Value> = tools
            .iter()
            .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema}))
            .collect();
        let body = json!({
            "model": self.model,
            "max_tokens": grant.output_tokens,
            "system": SYSTEM,
            "messages": messages,
            "tools": tools,
        });
        let mut request = self.api.post("/v1/messages", &body).header("anthropic-version", VERSION);
        if let Some(key) = self.api.key() {
            request = request.header("x-api-key", key);
        }
        reply(self.api.answer(request, grant.time).await?)
    }
}

fn reply(answer: Value) -> Result<Reply, Failure> {
    let unread = |error: serde_json::Error| Failure::Malformed(format!("this is no message: {error}"));
    let body: Body = serde_json::from_value(answer).map_err(unread)?;
    match body.stop_reason.as_deref() {
        Some("max_tokens" | "model_context_window_exceeded") => return Err(Failure::Cut),
        Some("refusal") => return Err(Failure::Declined),
        _ => {}
    }
    let (mut calls, mut text) = (Vec::new(), String::new());
    for block in &body.content {
        match serde_json::from_value(block.clone()).map_err(unread)? {
            Block::Text { text: more } => text.push_str(&more),
            Block::ToolUse { id, name, input } => calls.push(Call {
                id,
                tool: name,
                arguments: input,
            }),
            Block::Other => {}
        }
    }
    Ok(Reply {
        said: Value::Array(body.content),
        calls,
        text,
        usage: body.usage.map(|used| Usage {
            input: used
                .input_tokens
                .saturating_add(used.cache_creation_input_tokens.unwrap_or(0))
                .saturating_add(used.cache_read_input_tokens.unwrap_or(0)),
            output: used.output_tokens,
        }),
    })
}
