//! Actions that the operator registered: an exchange over HTTP or gRPC under a key, by which the endpoint knows it again.

use std::time::Duration;

use paramedic_catalogue::external::GRPC;
use paramedic_domain::{
    change::{DryRun, Exchange, Request},
    fault::{Effect, FailureKind},
};
use paramedic_proto::v1::{self, external_action_client::ExternalActionClient};
use paramedic_runtime::grpc;
use reqwest::Method;
use tonic::{
    Code,
    metadata::{MetadataKey, MetadataValue},
};
use url::Url;

use super::{
    Outside,
    http::{Answer, answered, bounded, judge},
    secret, unknown,
};
use crate::{
    config::Action,
    shell::{
        failure::Halt,
        kubernetes::Trouble,
        run::{Report, Run},
    },
};

/// The header by which an endpoint knows a request again.
const KEY: &str = "Idempotency-Key";
/// Longest wait for the answer to a dry run: people wait for the plan.
const TRYING: Duration = Duration::from_secs(10);

/// What an endpoint is asked, in the words of the gRPC service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    DryRun,
    Apply,
    Undo,
}

impl Run<'_> {
    pub(super) async fn request(&self, request: &Request) -> Result<Report, Halt> {
        let action = self.registered(&request.action, &request.forward, Ask::Apply)?;
        let unsure = self.began_before();
        self.about_to_send().await?;
        match self
            .worker
            .outside
            .exchange(action, &request.forward, &self.mark(), Ask::Apply)
            .await
        {
            Ok(said) => {
                self.had_effect();
                Ok(Report::of(said))
            }
            // Who takes over knows only that his own request was refused, not what became of the one before.
            Err(trouble @ (Trouble::Missing(_) | Trouble::Unfit { .. } | Trouble::Forbidden { .. })) if unsure => {
                Err(Halt::failed(FailureKind::Permanent, Effect::Unknown, trouble.to_string()))
            }
            Err(trouble) => Err(self.sending(&trouble)),
        }
    }

    pub(super) async fn request_back(&self, request: &Request) -> Result<Report, Halt> {
        let Some(undo) = &request.undo else {
            let why = request.irreversible.as_deref().unwrap_or("no reason is registered");
            return Ok(Report::of(format!("what {} did stays: {why}", request.action)));
        };
        let action = self.registered(&request.action, undo, Ask::Undo)?;
        self.about_to_send().await?;
        // Another key than forward: to the endpoint it is another request.
        let key = format!("{}/undo", self.mark());
        match self.worker.outside.exchange(action, undo, &key, Ask::Undo).await {
            Ok(said) => Ok(Report::of(said)),
            Err(trouble) => Err(Halt::looking(&trouble, Effect::Unknown)),
        }
    }

    /// The registration, if it still says what was approved: its secrets go nowhere else.
    fn registered(&self, name: &str, exchange: &Exchange, ask: Ask) -> Result<&Action, Halt> {
        let Some(action) = self.worker.outside.action(name) else {
            return Err(unknown(name, "[[executor.actions]]"));
        };
        let same = match (exchange.method.as_str(), ask) {
            (GRPC, _) => exchange.url.starts_with(&format!("{}/", action.url.trim_end_matches('/'))),
            (_, Ask::Undo) => exchange.url == action.undo_url,
            (_, Ask::Apply | Ask::DryRun) => exchange.url == action.url,
        };
        if same {
            return Ok(action);
        }
        Err(Halt::failed(
            FailureKind::Drift,
            self.effect(),
            format!(
                "the registration of {name} names another address than {}, which was approved",
                exchange.url
            ),
        ))
    }
}

impl Outside {
    /// Asks the endpoint to try a request without effect, and keeps its answer in it.
    pub(crate) async fn try_out(&self, request: &mut Request, key: &str) {
        let Some(action) = self.action(&request.action) else { return };
        let mut exchange = request.forward.clone();
        if exchange.method != GRPC {
            let trial = &action.dry_run;
            if trial == &crate::config::DryRun::default() {
                return;
            }
            if !trial.url.is_empty() {
                exchange.url.clone_from(&trial.url);
            }
        } else if !action.dry_run.method {
            return;
        }
        request.dry_run = match self.exchange(action, &exchange, key, Ask::DryRun).await {
            Ok(_) => DryRun::Accepted { warnings: Vec::new() },
            Err(trouble @ Trouble::Transient { .. }) => DryRun::Unavailable {
                reason: trouble.to_string(),
            },
            Err(trouble) => DryRun::Rejected {
                message: trouble.to_string(),
            },
        };
    }

    async fn exchange(&self, action: &Action, exchange: &Exchange, key: &str, ask: Ask) -> Result<String, Trouble> {
        let mut headers: Vec<(String, String)> = action.headers.clone().into_iter().collect();
        for (name, path) in &action.header_files {
            if let Some(value) = secret(&action.name, path).await? {
                headers.push((name.clone(), value));
            }
        }
        let timeout = match ask {
            Ask::DryRun => TRYING,
            Ask::Apply | Ask::Undo => Duration::from_secs(action.timeout_seconds),
        };
        if exchange.method == GRPC {
            grpc_exchange(action, exchange, key, ask, headers, timeout).await
        } else {
            self.http_exchange(action, exchange, key, ask, headers, timeout).await
        }
    }

    async fn http_exchange(
        &self,
        action: &Action,
        exchange: &Exchange,
        key: &str,
        ask: Ask,
        headers: Vec<(String, String)>,
        timeout: Duration,
    ) -> Result<String, Trouble> {
        let what = format!("{}: {} {}", action.name, exchange.method, exchange.url);
        let unfit = |message: String| Trouble::Unfit {
            what: what.clone(),
            code: 0,
            message,
        };
        let method: Method = exchange.method.parse().map_err(|_| unfit("is not a method".into()))?;
        let mut url: Url = exchange.url.parse().map_err(|error| unfit(format!("is not a URL: {error}")))?;
        let trial = (ask == Ask::DryRun).then_some(&action.dry_run);
        if let Some((name, value)) = trial.and_then(|trial| trial.query.split_once('=')) {
            url.query_pairs_mut().append_pair(name, value);
        }
        let mut request = self
            .http
            .request(method, url)
            .timeout(timeout)
            .header(KEY, key)
            .json(&exchange.body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some((name, value)) = trial.and_then(|trial| trial.header.split_once(": ")) {
            request = request.header(name, value);
        }
        let answer = answered(&what, ask != Ask::DryRun, request).await?;
        if answer.status.as_u16() == 409 && holds_key(&answer, key) {
            return Ok("was done already".into());
        }
        match judge(&what, ask != Ask::DryRun, &answer) {
            Some(trouble) => Err(trouble),
            None => Ok(format!("answered {}", answer.status.as_u16())),
        }
    }
}

/// Whether a conflict is about this very request: the endpoint says so by repeating its key.
fn holds_key(answer: &Answer, key: &str) -> bool {
    answer.headers.get(KEY).is_some_and(|value| value == key) || answer.json()["idempotency_key"] == key
}

async fn grpc_exchange(
    action: &Action,
    exchange: &Exchange,
    key: &str,
    ask: Ask,
    headers: Vec<(String, String)>,
    timeout: Duration,
) -> Result<String, Trouble> {
    let what = format!("{}: {ask:?} at {}", action.name, action.url);
    let unfit = |message: String| Trouble::Unfit {
        what: what.clone(),
        code: 0,
        message,
    };
    let channel = grpc::channel(&action.url, timeout).map_err(|error| unfit(format!("{error:#}")))?;
    let mut request = grpc::with_trace(v1::ExternalRequest {
        action: action.name.clone(),
        parameters_json: exchange.body.to_string(),
        idempotency_key: key.to_owned(),
    });
    request.set_timeout(timeout);
    for (name, value) in headers {
        let name: MetadataKey<_> = name.parse().map_err(|_| unfit(format!("header {name:?} is not one")))?;
        let value = MetadataValue::try_from(value).map_err(|_| unfit(format!("the value of header {name} is not one")))?;
        request.metadata_mut().insert(name, value);
    }
    let mut client = ExternalActionClient::new(channel);
    let answer = match ask {
        Ask::DryRun => client.dry_run(request).await,
        Ask::Apply => client.apply(request).await,
        Ask::Undo => client.undo(request).await,
    };
    let answer = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => return told(&what, &status),
    };
    let words = bounded(&answer.message);
    match answer.status() {
        v1::ExternalStatus::Done => Ok(format!("done {words}").trim().to_owned()),
        v1::ExternalStatus::AlreadyDone => Ok("was done already".into()),
        v1::ExternalStatus::Refused => Err(unfit(format!("refused: {words}"))),
        v1::ExternalStatus::Unspecified => Err(unfit("the answer does not say whether it was done".into())),
    }
}

/// What follows from a status of gRPC.
fn told(what: &str, status: &tonic::Status) -> Result<String, Trouble> {
    let (what, message) = (what.to_owned(), format!("{:?}: {}", status.code(), bounded(status.message())));
    match status.code() {
        Code::AlreadyExists => Ok("was done already".into()),
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::Unknown
        | Code::Aborted
        | Code::Internal
        | Code::DataLoss
        | Code::Ok => Err(Trouble::Transient {
            what,
            detail: message,
            sent: true,
        }),
        Code::ResourceExhausted => Err(Trouble::Transient {
            what,
            detail: message,
            sent: false,
        }),
        Code::NotFound | Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::Unimplemented => {
            Err(Trouble::Unfit { what, code: 0, message })
        }
        Code::PermissionDenied | Code::Unauthenticated => Err(Trouble::Forbidden { what, code: 0, message }),
    }
}
