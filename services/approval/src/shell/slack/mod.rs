//! `/slack/interactions` and `/slack/commands`: buttons, forms and the slash command, from a Slack that signs what it sends.

mod api;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Json, Response},
    routing::post,
};
use paramedic_bus::{Error as BusError, Kv};
use paramedic_domain::{approval::Channel, button::Subject, digest::Digest, people::Role};
use paramedic_people::Standing;
use paramedic_runtime::Kit;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use self::api::Api;
use super::{
    desk::{Desk, Name, NotCounted},
    index::{Note, Place},
};
use crate::{
    config::Slack as Config,
    core::{
        decide::Vote,
        slack::{
            payload::{self, Deed, Interaction, User},
            signature, views,
        },
    },
    metrics,
};

/// Bucket of the requests that were taken: each counts once.
pub const BUCKET: &str = "slack-requests";
/// How long they are kept: longer than a request may be old.
pub const KEPT: Duration = Duration::from_secs(15 * 60);
/// Largest request: a message of 50 blocks comes back with every click.
const MAX_BODY: usize = 1 << 20;

/// Slack's door to the desk.
#[derive(Clone)]
pub struct Slack {
    desk: Desk,
    kit: Kit,
    index: Arc<dyn Kv>,
    taken: Arc<dyn Kv>,
    secret: SecretString,
    api: Api,
}

impl Slack {
    /// A door with the app's secrets.
    #[must_use]
    pub fn new(config: &Config, kit: Kit, desk: Desk, index: Arc<dyn Kv>, taken: Arc<dyn Kv>) -> Self {
        Self {
            desk,
            api: Api::new(config, kit.cluster.http.clone()),
            kit,
            index,
            taken,
            secret: config.signing_secret.clone(),
        }
    }

    /// The routes.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/slack/interactions", post(interactions))
            .route("/slack/commands", post(commands))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(self)
    }

    /// Lets a request in that Slack signed a moment ago and that was not here before.
    async fn admit(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Response> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (timestamp, signed) = (header("x-slack-request-timestamp"), header("x-slack-signature"));
        if let Err(problem) = signature::verify(
            self.secret.expose_secret().as_bytes(),
            timestamp,
            signed,
            body,
            self.kit.clock.now(),
        ) {
            ::metrics::counter!(metrics::FORGED, "with" => "slack").increment(1);
            tracing::warn!(%problem, "a request to Slack's door was turned away");
            return Err((StatusCode::UNAUTHORIZED, problem.to_string()).into_response());
        }
        // What was signed and not how the signature is written: hexadecimal digits have two cases.
        let said = [timestamp.unwrap_or_default().as_bytes(), b":", body].concat();
        let key = hex::encode(Digest::of(&said).bytes());
        match self.taken.create(&key, Bytes::from_static(b"taken")).await {
            Ok(_) => Ok(()),
            Err(BusError::WrongRevision { .. }) => {
                ::metrics::counter!(metrics::FORGED, "with" => "slack").increment(1);
                tracing::warn!("a request to Slack's door came twice");
                Err((StatusCode::CONFLICT, "this request was here before: each counts once").into_response())
            }
            Err(error) => {
                tracing::warn!(%error, "a request to Slack's door could not be remembered");
                let sentence = "The event log cannot be reached, so nothing was decided. Try again in a moment.";
                Err((StatusCode::SERVICE_UNAVAILABLE, sentence).into_response())
            }
        }
    }

    /// Does what somebody did; the answer is for Slack, what the person should read is whispered to them.
    async fn act(&self, interaction: &Interaction) -> Value {
        let said = match self.who(&interaction.user) {
            Ok(who) => self.act_as(&who, &interaction.deed).await,
            Err(unknown) => Err(unknown),
        };
        match (&interaction.deed, said) {
            // a form shows what is wrong where it was typed
            (Deed::Deny { .. }, Err(problem)) => json!({"response_action": "errors", "errors": {payload::REASON: problem}}),
            (Deed::Deny { .. }, Ok(_)) => json!({"response_action": "clear"}),
            (_, Ok(said)) => {
                if let Some(text) = said {
                    self.api.whisper(&interaction.response_url, &text).await;
                }
                Value::Null
            }
            (_, Err(problem)) => {
                self.api.whisper(&interaction.response_url, &problem).await;
                Value::Null
            }
        }
    }

    fn who(&self, user: &User) -> Result<Standing, String> {
        let name = Name::Slack {
            team: &user.team,
            user: &user.id,
        };
        self.desk.standing(&name).map_err(|unknown| unknown.to_string())
    }

    async fn act_as(&self, who: &Standing, deed: &Deed) -> Result<Option<String>, String> {
        match deed {
            Deed::AskWhy { subject, trigger } => self.api.open(trigger, &views::denial(subject)).await.map(|()| None),
            Deed::Look(subject) => {
                let asked = (&subject.gate, Channel::Slack);
                let seen = self.desk.acknowledge(&subject.cluster, &subject.incident, asked, who).await;
                seen.map(|_| Some("Reminders and escalations wait for you.".to_owned()))
                    .map_err(sentence)
            }
            Deed::TakeOver(subject) => {
                let done = self
                    .desk
                    .take_over(&subject.cluster, &subject.incident, (&subject.gate, Channel::Slack, ""), who)
                    .await;
                done.map(|_| Some("It is yours: the workflow ends, and what it changed is undone.".to_owned()))
                    .map_err(sentence)
            }
            Deed::Approve(subject) => self.vote(who, deed, subject).await,
            Deed::Deny { subject, .. } => self.vote(who, deed, subject).await,
        }
    }

    async fn vote(&self, who: &Standing, deed: &Deed, subject: &Subject) -> Result<Option<String>, String> {
        let Some((answer, _, reason)) = deed.answer() else {
            return Ok(None);
        };
        let vote = Vote {
            gate: subject.gate.clone(),
            digest: subject.digest,
            answer,
            channel: Channel::Slack,
            reason: reason.trim().to_owned(),
        };
        let counted = self.desk.answer(&subject.cluster, &subject.incident, &vote, who).await;
        counted.map(|counted| Some(counted.message)).map_err(sentence)
    }

    /// What waits, for whoever may look.
    async fn listed(&self, user: &User) -> Value {
        let may = self.who(user).and_then(|who| {
            let may = who.has_anywhere(Role::Viewer);
            may.then_some(())
                .ok_or_else(|| format!("{} has no role anywhere: looking takes the role viewer", who.id))
        });
        if let Err(problem) = may {
            return views::whisper(&problem);
        }
        match self.waiting().await {
            Ok(incidents) => views::waiting(&incidents),
            Err(problem) => {
                tracing::warn!(problem, "the slash command could not be answered");
                views::whisper("The event log cannot be reached. Try again in a moment.")
            }
        }
    }

    async fn waiting(&self) -> Result<Vec<paramedic_domain::incident::Incident>, String> {
        let mut incidents = std::collections::BTreeMap::new();
        for key in self.index.keys().await.map_err(|error| error.to_string())? {
            let Some(place) = Place::parse(&key) else { continue };
            let entry = self.index.get(&key).await.map_err(|error| error.to_string())?;
            let waits = entry.and_then(|entry| entry.value).is_some_and(|value| Note::parse(&value).waits);
            if waits && !incidents.contains_key(&place.incident) {
                let incident = self
                    .desk
                    .incident(&place.cluster, &place.incident)
                    .await
                    .map_err(|error| error.to_string())?;
                incidents.insert(place.incident, incident);
            }
        }
        Ok(incidents.into_values().collect())
    }
}

fn sentence(problem: NotCounted) -> String {
    match problem {
        NotCounted::Refused(refusal) => refusal.to_string(),
        NotCounted::Log(error) => {
            tracing::warn!(%error, "an answer from Slack could not be counted");
            "The event log cannot be reached, so nothing was decided. Try again in a moment.".to_owned()
        }
    }
}

async fn interactions(State(slack): State<Slack>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = slack.admit(&headers, &body).await {
        return refused;
    }
    let payload = form(&body, "payload").and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let Some(payload) = payload else {
        return (StatusCode::BAD_REQUEST, "the form has no JSON in its field payload").into_response();
    };
    match payload::interaction(&payload) {
        Ok(Some(interaction)) => match slack.act(&interaction).await {
            Value::Null => StatusCode::OK.into_response(),
            answer => Json(answer).into_response(),
        },
        Ok(None) => StatusCode::OK.into_response(),
        Err(problem) => (StatusCode::BAD_REQUEST, problem.to_string()).into_response(),
    }
}

async fn commands(State(slack): State<Slack>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = slack.admit(&headers, &body).await {
        return refused;
    }
    let (Some(team), Some(id)) = (form(&body, "team_id"), form(&body, "user_id")) else {
        return (StatusCode::BAD_REQUEST, "the form has no team_id or no user_id").into_response();
    };
    Json(slack.listed(&User { team, id }).await).into_response()
}

/// A field of a form.
fn form(body: &[u8], field: &str) -> Option<String> {
    let mut fields = url::form_urlencoded::parse(body);
    fields.find(|(name, _)| name == field).map(|(_, value)| value.into_owned())
}
