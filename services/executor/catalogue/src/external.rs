//! Actions that the operator registered: an HTTP endpoint, a gRPC service or a Job, with the schema, risk and undo that
//! the registration gives. They join the catalogue beside those of the program.

#[cfg(test)]
mod tests;

use std::time::Duration;

use paramedic_domain::{
    change::{Call, DryRun, Exchange, Request as Outside, Wait},
    risk::RiskLevel,
};
use serde_json::{Value, json};

use crate::{
    action::{About, Action, Draft, Kind, Moment, Params, Refused, Request, Work},
    world::{Need, World},
};

/// The service that a team implements, as in `paramedic/v1/external_action.proto`.
const GRPC_SERVICE: &str = "paramedic.v1.ExternalAction";
/// The method of an exchange over gRPC.
pub const GRPC: &str = "GRPC";
/// The variable in which a Job's containers find the parameters, as a JSON object.
const PARAMETERS: &str = "PARAMEDIC_PARAMETERS";
/// The variable in which a Job's containers find the idempotency key.
const KEY: &str = "PARAMEDIC_IDEMPOTENCY_KEY";

/// A registered action.
#[derive(Debug, Clone)]
pub struct External {
    /// Its name.
    pub name: String,
    /// What it does, for people.
    pub description: String,
    /// JSON Schema of its parameters.
    pub schema: Value,
    /// What it is graded.
    pub risk: RiskLevel,
    /// How it is done.
    pub how: How,
    /// Why its effect cannot be undone, when it cannot.
    pub irreversible: Option<String>,
    /// Longest time one attempt may take.
    pub timeout: Duration,
    texts: Texts,
    validator: jsonschema::Validator,
}

/// How a registered action is done.
#[derive(Debug, Clone, PartialEq)]
pub enum How {
    /// Requests with the parameters as JSON body.
    Http {
        /// `POST`, `PUT`, `PATCH` or `DELETE`.
        method: String,
        /// Where it is asked for.
        url: String,
        /// Method and URL of what takes it back.
        undo: Option<(String, String)>,
        /// Whether it can be tried without effect.
        dry_run: bool,
    },
    /// `paramedic.v1.ExternalAction` at this address.
    Grpc {
        /// `http://host:port`.
        url: String,
        /// Whether it can be tried without effect.
        dry_run: bool,
    },
    /// A Job in the cluster.
    Job {
        /// Where.
        namespace: String,
        /// The Job, but for its name and the parameters.
        template: Value,
    },
}

#[derive(Debug, Clone)]
struct Texts {
    risk: String,
    undo: String,
    dry_run: &'static str,
}

/// What a registration says.
#[derive(Debug, Clone)]
pub struct Registration {
    /// See [`External`].
    pub name: String,
    /// See [`External`].
    pub description: String,
    /// See [`External`].
    pub schema: Value,
    /// See [`External`].
    pub risk: RiskLevel,
    /// See [`External`].
    pub how: How,
    /// See [`External`].
    pub irreversible: Option<String>,
    /// See [`External`].
    pub timeout: Duration,
}

impl External {
    /// The registered action.
    ///
    /// # Errors
    /// A sentence when it is not one: a name, schema or Job that cannot be used, or neither an undo nor a reason for none.
    pub fn new(registration: Registration) -> Result<Self, String> {
        let Registration {
            name,
            description,
            schema,
            risk,
            how,
            irreversible,
            timeout,
        } = registration;
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 63 || !name.chars().all(word) {
            return Err(format!("name {name:?} is not made of lower-case letters, digits and '_'"));
        }
        if schema.get("type") != Some(&json!("object")) || schema.get("additionalProperties") != Some(&json!(false)) {
            return Err(
                "schema: must have \"type\": \"object\" and \"additionalProperties\": false, so that unknown parameters are refused".into(),
            );
        }
        let validator = jsonschema::validator_for(&schema).map_err(|error| format!("schema: {error}"))?;
        if let How::Job { template, namespace } = &how {
            check_job(template, namespace)?;
        }
        let undone = match (&how, &irreversible) {
            (How::Http { undo: Some(_), .. } | How::Grpc { .. }, None) => "the same endpoint is asked to take it back".to_owned(),
            (How::Http { undo: None, .. } | How::Grpc { .. } | How::Job { .. }, Some(why)) => format!("nothing takes it back: {why}"),
            (How::Http { undo: Some(_), .. }, Some(_)) => return Err("irreversible: it has an undo as well; give one of them".into()),
            (How::Http { undo: None, .. }, None) => {
                return Err("undo_url: give one, or say in irreversible why nothing takes it back".into());
            }
            (How::Job { .. }, None) => return Err("irreversible: say why nothing takes back what the Job did".into()),
        };
        let texts = Texts {
            risk: format!("{}: as registered", word_of(risk)),
            undo: undone,
            dry_run: match &how {
                How::Http { dry_run: true, .. } | How::Grpc { dry_run: true, .. } => "the endpoint is asked to try it",
                How::Http { dry_run: false, .. } | How::Grpc { dry_run: false, .. } => "the endpoint has none",
                How::Job { .. } => "server-side dry run of the Job's creation; what is in its container is not tried",
            },
        };
        Ok(Self {
            name,
            description,
            schema,
            risk,
            how,
            irreversible,
            timeout,
            texts,
            validator,
        })
    }

    fn call(&self, forward: Exchange, undo: Option<Exchange>) -> Draft {
        Work::Call(Call::Request(Outside {
            action: self.name.clone(),
            forward,
            undo,
            irreversible: self.irreversible.clone(),
            dry_run: DryRun::Unavailable {
                reason: self.texts.dry_run.into(),
            },
        }))
        .into()
    }
}

impl Action for External {
    fn name(&self) -> &str {
        &self.name
    }
    fn aliases(&self) -> &[&str] {
        &[]
    }
    fn about(&self) -> About<'_> {
        About {
            description: &self.description,
            risk: &self.texts.risk,
            undo: &self.texts.undo,
            dry_run: self.texts.dry_run,
            external: true,
        }
    }
    fn kind(&self) -> Kind {
        match &self.how {
            How::Http { .. } | How::Grpc { .. } => Kind::Outside,
            How::Job { .. } => Kind::Cluster,
        }
    }
    fn timeout(&self) -> Duration {
        self.timeout
    }
    fn typical(&self) -> Duration {
        self.timeout / 4
    }
    fn schema(&self) -> Value {
        self.schema.clone()
    }
    fn needs(&self, params: &Params) -> Result<Vec<Need>, Refused> {
        let instance = Value::Object(params.clone());
        match self.validator.iter_errors(&instance).next() {
            Some(error) => Err(Refused {
                reason: format!("parameters{}: {error}", error.instance_path()),
                path: Some(error.instance_path().to_string()),
            }),
            None => Ok(Vec::new()),
        }
    }
    fn draft(&self, params: &Params, _world: &World, moment: &Moment) -> Result<Draft, Refused> {
        let exchange = |method: &str, url: String| Exchange {
            method: method.to_owned(),
            url,
            body: Value::Object(params.clone()),
        };
        let draft = match &self.how {
            How::Http { method, url, undo, .. } => {
                let undo = undo.as_ref().map(|(method, url)| exchange(method, url.clone()));
                self.call(exchange(method, url.clone()), undo)
            }
            How::Grpc { url, .. } => {
                let of = |method: &str| exchange(GRPC, format!("{}/{GRPC_SERVICE}/{method}", url.trim_end_matches('/')));
                self.call(of("Apply"), self.irreversible.is_none().then(|| of("Undo")))
            }
            How::Job { namespace, template } => Draft::from(Request::Create {
                object: job(&self.name, namespace, template, params, moment),
                wait: Wait::JobComplete,
                irreversible: self.irreversible.clone(),
            }),
        };
        Ok(draft.concern(self.risk, format!("registered by the operator with risk {}", word_of(self.risk))))
    }
}

fn word_of(risk: RiskLevel) -> &'static str {
    match risk {
        RiskLevel::None => "none",
        RiskLevel::Low => "low",
        RiskLevel::Medium => "medium",
        RiskLevel::High => "high",
        RiskLevel::Critical => "critical",
    }
}

fn check_job(template: &Value, namespace: &str) -> Result<(), String> {
    if namespace.is_empty() {
        return Err("namespace: say where the Job runs".into());
    }
    let containers = template.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    match containers {
        Some(containers) if !containers.is_empty() && containers.iter().all(Value::is_object) => Ok(()),
        _ => Err("template: is not a Job with spec.template.spec.containers".into()),
    }
}

/// The Job of one step: its name belongs to the step, and its containers find the parameters in a variable. They are data
/// there: no shell line is made of them.
fn job(action: &str, namespace: &str, template: &Value, params: &Params, moment: &Moment) -> Value {
    let mut job = template.clone();
    let name: String = action.replace('_', "-").chars().take(40).collect();
    job["apiVersion"] = json!("batch/v1");
    job["kind"] = json!("Job");
    job["metadata"]["name"] = json!(format!("{name}-{}", moment.suffix));
    job["metadata"]["namespace"] = json!(namespace);
    // Kubernetes wants a policy, and only these two go with a Job.
    let pod = &mut job["spec"]["template"]["spec"];
    if pod.get("restartPolicy").is_none() {
        pod["restartPolicy"] = json!("Never");
    }
    let given = [
        (PARAMETERS, Value::Object(params.clone()).to_string()),
        (KEY, moment.marker.clone()),
    ];
    for container in pod["containers"].as_array_mut().into_iter().flatten() {
        let mut variables = container.get("env").and_then(Value::as_array).cloned().unwrap_or_default();
        variables.retain(|variable| given.iter().all(|(name, _)| variable["name"] != json!(name)));
        variables.extend(given.iter().map(|(name, value)| json!({"name": name, "value": value})));
        container["env"] = Value::Array(variables);
    }
    job
}
