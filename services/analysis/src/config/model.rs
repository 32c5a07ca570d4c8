//! The `[analysis.model]` section.

use std::time::Duration;

use paramedic_runtime::config::Invalid;
use secrecy::SecretString;
use serde::Deserialize;

use crate::core::model::budget::Limits;

/// The section; `defaults.toml` says what each key means and why.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "defaults.toml documents every key with its unit")]
pub struct Model {
    pub url: String,
    pub provider: Provider,
    pub name: String,
    pub api_key: SecretString,
    pub ask_below: f64,
    pub turns: u32,
    pub tokens: u64,
    pub output_tokens: u64,
    pub seconds: u64,
    pub incident_money: f64,
    pub day_money: f64,
    pub input_price: f64,
    pub output_price: f64,
    /// Its opinion is the diagnosis. No configuration can say so: evaluations do, to judge a model.
    #[serde(skip)]
    pub alone: bool,
}

/// What a model speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Chat completions.
    Openai,
    /// Messages.
    Anthropic,
    /// HolmesGPT.
    Holmes,
}

impl Model {
    /// Whether there is one.
    #[must_use]
    pub fn enabled(&self) -> bool {
        !self.url.is_empty()
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let invalid = |key: &str, problem: String| Err(Invalid::new(format!("analysis.model.{key}"), problem));
        if self.enabled() && !(self.url.starts_with("http://") || self.url.starts_with("https://")) {
            return invalid("url", format!("{:?} is not an http(s) URL", self.url));
        }
        if self.enabled() && self.name.is_empty() && self.provider != Provider::Holmes {
            return invalid("name", "is missing: analysis.model.url is set".into());
        }
        if !(0.0..=1.0).contains(&self.ask_below) {
            return invalid("ask_below", format!("{} must be 0 to 1", self.ask_below));
        }
        let ranges = [
            ("turns", u64::from(self.turns), 1, 50),
            ("tokens", self.tokens, 1_000, 10_000_000),
            ("output_tokens", self.output_tokens, 256, 100_000),
            ("seconds", self.seconds, 1, 600),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return invalid(key, format!("{value} must be {least} to {most}"));
            }
        }
        let amounts = [
            ("incident_money", self.incident_money),
            ("day_money", self.day_money),
            ("input_price", self.input_price),
            ("output_price", self.output_price),
        ];
        for (key, value) in amounts {
            if !(0.0..=1e6).contains(&value) {
                return invalid(key, format!("{value} must be 0 to 1000000"));
            }
        }
        Ok(())
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            turns: self.turns,
            tokens: self.tokens,
            output_tokens: self.output_tokens,
            time: Duration::from_secs(self.seconds),
            input_price: self.input_price,
            output_price: self.output_price,
        }
    }
}
