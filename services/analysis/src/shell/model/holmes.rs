//! HolmesGPT: one question, which it looks into with tools of its own, and an answer by our schema.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Conversation, Failure, Model, Reply, http::Api};
use crate::core::model::{
    answer,
    budget::{Grant, Usage},
    prompt::SYSTEM,
    tools::Tool,
};

/// A HolmesGPT server.
pub(super) struct Holmes {
    api: Api,
    model: String,
    name: String,
}

impl Holmes {
    pub(super) fn new(api: Api, model: &str) -> Self {
        let shown = if model.is_empty() { "default" } else { model };
        Self {
            api,
            model: model.to_owned(),
            name: format!("model/holmes/{shown}"),
        }
    }

    /// Asks who it is before it is sent anything, so that a wrong address, key or model name is told from a bad answer. Older versions
    /// do not say.
    async fn probe(&self, grant: &Grant) -> Result<(), Failure> {
        let request = self.api.bearer(self.api.get("/api/info"));
        let info = match self.api.answer(request, grant.time).await {
            Err(Failure::Absent(_)) => return Ok(()),
            other => other?,
        };
        let models: Vec<&str> = info["models"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !self.model.is_empty() && !models.is_empty() && !models.contains(&self.model.as_str()) {
            return Err(Failure::Refused(format!(
                "HolmesGPT has no model {:?}; it has {} (analysis.model.name)",
                self.model,
                models.join(", ")
            )));
        }
        Ok(())
    }
}

#[async_trait]
impl Model for Holmes {
    fn name(&self) -> &str {
        &self.name
    }

    /// It calls tools of its own, so that one question may read everything that an asking may.
    fn reads(&self, question: u64, all: u64) -> u64 {
        question.max(all / 2)
    }

    async fn turn(&self, conversation: &Conversation, _: &[Tool], grant: &Grant) -> Result<Reply, Failure> {
        self.probe(grant).await?;
        let mut body = json!({
            "ask": conversation.question,
            "additional_system_prompt": SYSTEM,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "Answer", "strict": true, "schema": answer::schema()},
            },
            "stream": false,
            // Tools that need somebody's approval are refused there, and not put to us.
            "enable_tool_approval": false,
        });
        if !self.model.is_empty() {
            body["model"] = json!(self.model);
        }
        // Not as X-API-Key: HolmesGPT passes such headers on to its tools, but never this one.
        let request = self.api.bearer(self.api.post("/api/chat", &body));
        let said = self.api.answer(request, grant.time).await?;
        let text = said["analysis"]
            .as_str()
            .ok_or_else(|| Failure::Malformed("HolmesGPT's answer has no analysis".into()))?;
        let used = |name: &str| said.pointer(&format!("/metadata/usage/{name}")).and_then(Value::as_u64);
        let usage = used("prompt_tokens").zip(used("completion_tokens"));
        Ok(Reply {
            text: text.to_owned(),
            calls: Vec::new(),
            usage: usage.map(|(input, output)| Usage { input, output }),
            said,
        })
    }
}
