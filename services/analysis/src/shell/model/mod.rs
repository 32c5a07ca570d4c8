//! Models on the other side of a network: one trait, three engines behind it, and the asking.

mod anthropic;
pub mod ask;
mod bench;
mod holmes;
mod http;
mod ledger;
mod openai;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    config::{self, Provider},
    core::model::{
        budget::{Exhausted, Grant, Usage},
        tools::Tool,
    },
};

/// A model that can be asked.
///
/// # Contract
/// One call of [`Model::turn`] is one request, of at most the granted tokens and time. It changes nothing anywhere. What it returns is
/// read by nobody but the judge.
#[async_trait]
trait Model: Send + Sync {
    /// `model/openai/gpt-5`.
    fn name(&self) -> &str;

    /// Tokens that one turn may read at worst, when the question has `question` of them and an asking may use `all`: a model that calls
    /// tools of its own reads more than it is sent.
    fn reads(&self, question: u64, _all: u64) -> u64 {
        question
    }

    /// One turn of the conversation.
    async fn turn(&self, conversation: &Conversation, tools: &[Tool], grant: &Grant) -> Result<Reply, Failure>;
}

/// What was said so far.
#[derive(Debug, Default)]
struct Conversation {
    /// The question.
    question: String,
    /// What the model said, in its own form, and what it was told.
    turns: Vec<(Value, Vec<Told>)>,
}

/// The answer of a tool.
#[derive(Debug)]
struct Told {
    /// The call's id.
    call: String,
    /// What the tool said.
    text: String,
}

/// A call of a tool.
#[derive(Debug)]
struct Call {
    id: String,
    tool: String,
    /// Arguments; a string where they were no JSON.
    arguments: Value,
}

/// What a model said in one turn.
#[derive(Debug)]
struct Reply {
    /// In its own form, to be repeated to it.
    said: Value,
    /// Tools that it calls.
    calls: Vec<Call>,
    /// Plain text.
    text: String,
    /// What it used, if it says.
    usage: Option<Usage>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// No connection, or none in time.
    #[error("{0}")]
    Unreachable(String),
    /// It asks to be asked later.
    #[error("{message}")]
    Busy {
        /// How long it wants to be left alone, if it says.
        after: Option<Duration>,
        message: String,
    },
    /// Its server refuses: a wrong key, a request that it does not take.
    #[error("{0}")]
    Refused(String),
    /// The model, or a filter before it, does not want to. That is an answer, and paid for.
    #[error("it refuses to answer")]
    Declined,
    /// There is no such path or model.
    #[error("{0}")]
    Absent(String),
    /// What it said cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// It was cut off.
    #[error("its answer was cut off")]
    Cut,
    /// A budget.
    #[error("{0}")]
    Exhausted(#[from] Exhausted),
    /// What was spent cannot be counted.
    #[error("what was spent cannot be counted: {0}")]
    Ledger(String),
}

impl Failure {
    /// For the metric.
    fn label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Busy { .. } => "busy",
            Self::Refused(_) | Self::Absent(_) => "refused",
            Self::Declined => "declined",
            Self::Malformed(_) => "malformed",
            Self::Cut => "cut",
            Self::Exhausted(Exhausted::Turns) => "turns",
            Self::Exhausted(Exhausted::Tokens) => "tokens",
            Self::Exhausted(Exhausted::Time) => "time",
            Self::Exhausted(Exhausted::IncidentMoney) => "incident_money",
            Self::Exhausted(Exhausted::DayMoney) => "day_money",
            Self::Ledger(_) => "ledger",
        }
    }
}

/// The model of a configuration.
fn open(config: &config::Model) -> Box<dyn Model> {
    let api = http::Api::new(config);
    match config.provider {
        Provider::Openai => Box::new(openai::OpenAi::new(api, &config.name)),
        Provider::Anthropic => Box::new(anthropic::Anthropic::new(api, &config.name)),
        Provider::Holmes => Box::new(holmes::Holmes::new(api, &config.name)),
    }
}
