//! Silences in Alertmanager, found again by a mark in their comment.

use jiff::SignedDuration;
use paramedic_domain::{
    change::{Matchers, Silence},
    fault::Effect,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{http::Api, secret, unknown};
use crate::shell::{
    failure::Halt,
    kubernetes::Trouble,
    run::{Report, Run},
};

/// Whose silences they are.
const CREATOR: &str = "paramedic";
const SILENCES: &str = "/api/v2/silences";

impl Run<'_> {
    pub(super) async fn silence(&self, silence: &Silence) -> Result<Report, Halt> {
        let api = self.alertmanager().await?;
        let there = self.silences(&api).await?;
        let all = silence.matchers.len();
        let mut made = 0;
        for (index, matchers) in silence.matchers.iter().enumerate() {
            let mark = format!("{}{}/{all}]", self.silence_mark(), index + 1);
            if marked(&there, &mark).next().is_some() {
                self.know(Effect::Applied);
            } else {
                self.know(Effect::None);
                self.silence_one(&api, silence, matchers, &mark).await?;
                made += 1;
            }
            self.settle();
        }
        let before = if made < all {
            format!(", {} of them before", all - made)
        } else {
            String::new()
        };
        Ok(Report::of(format!(
            "{all} silences were made for at most {} s{before}",
            silence.lasts.as_secs()
        )))
    }

    async fn silence_one(&self, api: &Api, silence: &Silence, matchers: &Matchers, mark: &str) -> Result<(), Halt> {
        let now = self.worker.kit.clock.now();
        let ends = now + SignedDuration::try_from(silence.lasts).unwrap_or(SignedDuration::ZERO);
        let equal = |(name, value): (&String, &String)| json!({"name": name, "value": value, "isRegex": false, "isEqual": true});
        let body = json!({
            "matchers": matchers.labels.iter().map(equal).collect::<Vec<_>>(),
            "startsAt": now.to_string(),
            "endsAt": ends.to_string(),
            "createdBy": CREATOR,
            "comment": format!("{} {mark}", silence.comment),
        });
        self.about_to_send().await?;
        match api.json(Method::POST, SILENCES, &body).await {
            Ok(_) => {}
            Err(trouble @ Trouble::Transient { sent: true, .. }) => {
                let there = self.silences(api).await?;
                if marked(&there, mark).next().is_none() {
                    return Err(self.sending(&trouble));
                }
            }
            Err(trouble) => return Err(self.sending(&trouble)),
        }
        self.had_effect();
        Ok(())
    }

    /// Ends every silence of the step that has not ended yet.
    pub(super) async fn end_silence(&self) -> Result<Report, Halt> {
        let api = self.alertmanager().await?;
        let there = self.silences(&api).await?;
        let open: Vec<&str> = marked(&there, &self.silence_mark())
            .filter(|silence| !ended(silence))
            .filter_map(id)
            .collect();
        for id in &open {
            self.about_to_send().await?;
            match api.delete(&format!("/api/v2/silence/{id}")).await {
                Ok(_) | Err(Trouble::Missing(_)) => {}
                Err(trouble) => {
                    // Somebody may have ended it meanwhile, which Alertmanager answers with an error.
                    let now = self.silences(&api).await?;
                    if now.iter().any(|silence| self::id(silence) == Some(id) && !ended(silence)) {
                        return Err(Halt::looking(&trouble, Effect::Unknown));
                    }
                }
            }
        }
        Ok(Report::of(match open.len() {
            0 => "no silence of this step is in force".to_owned(),
            count => format!("{count} silences were ended"),
        }))
    }

    /// How the comment of every silence of the step goes on.
    fn silence_mark(&self) -> String {
        format!("[paramedic {} ", self.mark())
    }

    async fn silences(&self, api: &Api) -> Result<Vec<Value>, Halt> {
        match api.get(SILENCES, &[]).await {
            Ok(Value::Array(silences)) => Ok(silences),
            Ok(other) => Err(self.seeing(&Trouble::Transient {
                what: api.system.clone(),
                detail: format!(
                    "the answer is not a list of silences: {}",
                    other.to_string().chars().take(100).collect::<String>()
                ),
                sent: false,
            })),
            Err(trouble) => Err(self.seeing(&trouble)),
        }
    }

    async fn alertmanager(&self) -> Result<Api, Halt> {
        let outside = &self.worker.outside;
        let config = &outside.config.alertmanager;
        if config.url.is_empty() {
            return Err(unknown("Alertmanager", "[executor.alertmanager]"));
        }
        let token = secret("Alertmanager", &config.token_file)
            .await
            .map_err(|trouble| self.seeing(&trouble))?;
        Ok(Api {
            http: outside.http.clone(),
            system: "Alertmanager".into(),
            base: config.url.trim_end_matches('/').to_owned(),
            credentials: token.map(|token| ("Authorization", format!("Bearer {token}"))),
        })
    }
}

/// Silences with this mark, ended ones too: what a person ended is not made again.
fn marked<'a>(silences: &'a [Value], mark: &str) -> impl Iterator<Item = &'a Value> {
    silences
        .iter()
        .filter(move |silence| silence["createdBy"] == CREATOR && silence["comment"].as_str().is_some_and(|comment| comment.contains(mark)))
}

fn ended(silence: &Value) -> bool {
    silence.pointer("/status/state").and_then(Value::as_str) == Some("expired")
}

fn id(silence: &Value) -> Option<&str> {
    silence.get("id")?.as_str()
}
