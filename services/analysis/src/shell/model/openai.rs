//! Chat completions with tools, as OpenAI's API and the many that are compatible with it take them.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Conversation, Failure, Model, Reply, http::Api};
use crate::core::model::{
    budget::{Grant, Usage},
    prompt::SYSTEM,
    tools::Tool,
};

/// An API that speaks chat completions.
pub(super) struct OpenAi {
    api: Api,
    model: String,
    name: String,
}

#[derive(Deserialize)]
struct Body {
    choices: Vec<Choice>,
    usage: Option<Used>,
}

#[derive(Deserialize)]
struct Choice {
    message: Value,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Used {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize)]
struct ToolCall {
    id: String,
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    arguments: String,
}

impl OpenAi {
    pub(super) fn new(api: Api, model: &str) -> Self {
        Self {
            api,
            model: model.to_owned(),
            name: format!("model/openai/{model}"),
        }
    }
}

#[async_trait]
impl Model for OpenAi {
    fn name(&self) -> &str {
        &self.name
    }

    async fn turn(&self, conversation: &Conversation, tools: &[Tool], grant: &Grant) -> Result<Reply, Failure> {
        let mut messages = vec![
            json!({"role": "system", "content": SYSTEM}),
            json!({"role": "user", "content": conversation.question}),
        ];
        for (said, told) in &conversation.turns {
            messages.push(said.clone());
            messages.extend(
                told.iter()
                    .map(|told| json!({"role": "tool", "tool_call_id": told.call, "content": told.text})),
            );
        }
        let tools: Vec<Value> = tools
            .iter()
            .map(|tool| {
                json!({
                    "type": "function",
                    "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema, "strict": true},
                })
            })
            .collect();
        let body = json!({
            "model": self.model,
            "messages": messages,
            "tools": tools,
            "max_completion_tokens": grant.output_tokens,
        });
        let request = self.api.bearer(self.api.post("/chat/completions", &body));
        reply(self.api.answer(request, grant.time).await?)
    }
}

fn reply(answer: Value) -> Result<Reply, Failure> {
    let unread = |error: serde_json::Error| Failure::Malformed(format!("this is no chat completion: {error}"));
    let body: Body = serde_json::from_value(answer).map_err(unread)?;
    let nothing = || Failure::Malformed("the chat completion has no choices".into());
    let choice = body.choices.into_iter().next().ok_or_else(nothing)?;
    match choice.finish_reason.as_deref() {
        Some("length") => return Err(Failure::Cut),
        Some("content_filter") => return Err(Failure::Declined),
        _ => {}
    }
    let message: Message = serde_json::from_value(choice.message.clone()).map_err(unread)?;
    if message.refusal.is_some_and(|refusal| !refusal.is_empty()) {
        return Err(Failure::Declined);
    }
    let calls = message.tool_calls.unwrap_or_default().into_iter().map(|call| Call {
        id: call.id,
        tool: call.function.name,
        arguments: serde_json::from_str(&call.function.arguments).unwrap_or(Value::String(call.function.arguments)),
    });
    Ok(Reply {
        said: choice.message,
        calls: calls.collect(),
        text: message.content.unwrap_or_default(),
        usage: body.usage.map(|used| Usage {
            input: used.prompt_tokens,
            output: used.completion_tokens,
        }),
    })
}
