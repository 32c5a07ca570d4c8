//! Messages that a role gave up.

use std::process::ExitCode;

use jiff::Timestamp;
use paramedic_proto::v1::DeadLetter;
use paramedic_wire::Wire;
use serde_json::{Value, json};

use crate::{cli::DeadLetters, client::Client, text};

/// Exit code of a list that is not empty, for scripts that watch it.
const SOME: u8 = 2;

/// Runs one of the commands.
pub async fn dead_letters(command: DeadLetters) -> anyhow::Result<ExitCode> {
    match command {
        DeadLetters::List { server, all, json } => {
            let letters = Client::new(&server)?.dead_letters(all).await?;
            if json {
                let letters: Vec<Value> = letters.iter().map(as_json).collect();
                text::say(&serde_json::to_string_pretty(&letters)?);
            } else if letters.is_empty() {
                text::say("no dead letters");
            } else {
                let rows: Vec<Vec<String>> = letters.iter().map(row).collect();
                let head = ["NUMBER", "SINCE", "CONSUMER", "SUBJECT", "RETRIED", "WHY"];
                text::say(&text::clean(&text::table(&head, &rows)));
            }
            let waiting = letters.iter().any(|letter| !letter.retried);
            Ok(if waiting { ExitCode::from(SOME) } else { ExitCode::SUCCESS })
        }
        DeadLetters::Retry { server, number, by } => {
            let letter = Client::new(&server)?.retry_dead_letter(number, by).await?;
            text::say(&text::clean(&format!(
                "{} is handled again by {}; if it fails again, `paramedic deadletters list` shows a new letter",
                letter.subject, letter.consumer
            )));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn since(letter: &DeadLetter) -> String {
    let at = letter.at.and_then(|at| Timestamp::from_proto(at).ok());
    at.map_or_else(|| "?".into(), text::utc)
}

fn row(letter: &DeadLetter) -> Vec<String> {
    vec![
        letter.number.to_string(),
        since(letter),
        letter.consumer.clone(),
        letter.subject.clone(),
        if letter.retried { "yes" } else { "no" }.to_owned(),
        letter.reason.clone(),
    ]
}

fn as_json(letter: &DeadLetter) -> Value {
    json!({"number": letter.number, "at": since(letter), "consumer": letter.consumer, "subject": letter.subject,
        "retried": letter.retried, "reason": letter.reason})
}
