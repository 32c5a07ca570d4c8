//! What an investigation may cost, as a state machine: a turn is granted with a worst case that still fits, or it is not granted.

use std::time::Duration;

/// Fewest tokens of output that are worth a turn: an answer with one claim needs about as many.
const LEAST_OUTPUT: u64 = 256;

/// Bounds of one asking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Calls of the model.
    pub turns: u32,
    /// Tokens, read and written.
    pub tokens: u64,
    /// Tokens written in one turn.
    pub output_tokens: u64,
    /// Time.
    pub time: Duration,
    /// Price of a million tokens read, which is also the price of one token in millionths.
    pub input_price: f64,
    /// Price of a million tokens written.
    pub output_price: f64,
}

/// What is left, in millionths of the currency that prices are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purse {
    /// For this incident.
    pub incident: u64,
    /// For today.
    pub day: u64,
}

/// Tokens of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Read.
    pub input: u64,
    /// Written.
    pub output: u64,
}

/// Why there is no further turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the sentences say it")]
pub enum Exhausted {
    #[error("it has had its turns (analysis.model.turns)")]
    Turns,
    #[error("its tokens are used up (analysis.model.tokens)")]
    Tokens,
    #[error("its time is over (analysis.model.seconds)")]
    Time,
    #[error("the money for this incident is used up (analysis.model.incident_money)")]
    IncidentMoney,
    #[error("the money for today is used up (analysis.model.day_money)")]
    DayMoney,
}

/// A permitted turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Most tokens it may write.
    pub output_tokens: u64,
    /// Most time it may take.
    pub time: Duration,
    /// Why no other follows, if none does: it must conclude.
    pub last: Option<Exhausted>,
    /// What it may use at worst.
    pub worst: Usage,
    /// What that costs, in millionths.
    pub cost: u64,
}

/// What one asking has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    limits: Limits,
    turns: u32,
    tokens: u64,
}

impl Budget {
    /// Nothing used yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            turns: 0,
            tokens: 0,
        }
    }

    // Open => Open (a turn) | Exhausted
    /// The next turn, which will read `input` tokens, after `elapsed`.
    ///
    /// # Errors
    /// What is used up.
    pub fn grant(&mut self, elapsed: Duration, input: u64, purse: Purse) -> Result<Grant, Exhausted> {
        let limits = self.limits;
        if self.turns >= limits.turns {
            return Err(Exhausted::Turns);
        }
        let time = limits.time.saturating_sub(elapsed);
        if time.is_zero() {
            return Err(Exhausted::Time);
        }
        let room = limits.tokens.saturating_sub(self.tokens).saturating_sub(input);
        let worst = |output_tokens: u64| Usage {
            input,
            output: output_tokens,
        };
        let mut output_tokens = limits.output_tokens.min(room);
        if output_tokens < LEAST_OUTPUT {
            return Err(Exhausted::Tokens);
        }
        // A shorter answer may still fit the purse.
        let reading = limits.cost(worst(0));
        for (left, why) in [(purse.incident, Exhausted::IncidentMoney), (purse.day, Exhausted::DayMoney)] {
            if limits.output_price > 0.0 {
                let affordable = (left.saturating_sub(reading) as f64 / limits.output_price).floor() as u64;
                output_tokens = output_tokens.min(affordable);
            }
            if output_tokens < LEAST_OUTPUT || limits.cost(worst(output_tokens)) > left {
                return Err(why);
            }
        }
        self.turns += 1;
        let after = room.saturating_sub(output_tokens);
        let last = match (self.turns == limits.turns, after < input + LEAST_OUTPUT) {
            (true, _) => Some(Exhausted::Turns),
            (false, true) => Some(Exhausted::Tokens),
            (false, false) => None,
        };
        Ok(Grant {
            output_tokens,
            time,
            last,
            worst: worst(output_tokens),
            cost: limits.cost(worst(output_tokens)),
        })
    }

    /// Counts what a turn used, and says what it cost in millionths.
    pub fn spend(&mut self, usage: Usage) -> u64 {
        self.tokens = self.tokens.saturating_add(usage.input).saturating_add(usage.output);
        self.limits.cost(usage)
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl Limits {
    /// The price of a turn, in millionths, rounded up.
    fn cost(&self, usage: Usage) -> u64 {
        (usage.input as f64 * self.input_price + usage.output as f64 * self.output_price).ceil() as u64
    }
}

/// An amount of money in millionths.
#[must_use]
pub fn millionths(money: f64) -> u64 {
    (money * 1e6).round() as u64
}

/// Tokens that a text of so many bytes has at most, roughly: English has about four bytes a token, JSON and log lines three.
#[must_use]
pub fn estimated(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(3)
}
