//! Rights that logs say were refused, and what the API server says of them now. A log is a claim; a SubjectAccessReview is proof.

use paramedic_domain::{evidence::Source, object::ObjectRef};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    read::text,
    subjects::{Quote, World, owners::WORKLOADS},
};

/// Where reviews are asked for.
pub const PATH: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// Most reviews of one investigation: a workload that lacks a role is refused many things for one reason.
pub const MOST: usize = 4;
/// Longest name in a claim: those of Kubernetes are shorter.
const LONGEST: usize = 253;

/// Something that a ServiceAccount wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Right {
    /// `namespace/name` of the ServiceAccount.
    pub account: String,
    /// `list`.
    pub verb: String,
    /// Group of the API; empty: the first one, with pods and ConfigMaps.
    #[serde(default)]
    pub group: String,
    /// `pods`, `pods/log`.
    pub resource: String,
    /// Where; empty: in the whole cluster.
    #[serde(default)]
    pub namespace: String,
    /// Of one object only; empty: of any.
    #[serde(default)]
    pub name: String,
}

/// What the API server says of a right.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The right.
    pub right: Right,
    /// Whether the account has it.
    pub allowed: bool,
    /// Why, in the server's words.
    #[serde(default)]
    pub reason: String,
}

impl Right {
    /// The right that a line says was refused: `User "system:serviceaccount:ci:agent" cannot list resource "pods" in API group ""
    /// in the namespace "ci"`. Quotes may be escaped, as in lines that quote other lines.
    #[must_use]
    pub fn refused(line: &str) -> Option<Self> {
        let line = line.replace('\\', "");
        let (before, rest) = line.split_once("User \"system:serviceaccount:")?;
        let (account, rest) = rest.split_once("\" cannot ")?;
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once('"')?;
        let after = |mark: &str| {
            rest.split_once(mark)
                .and_then(|(_, rest)| Some(rest.split_once('"')?.0))
                .unwrap_or_default()
        };
        let object = before.trim_end_matches([' ', ':']).strip_suffix(" is forbidden").and_then(|said| {
            let quoted = said.strip_suffix('"')?;
            Some(quoted.rsplit_once('"')?.1)
        });
        let right = Self {
            account: account.replacen(':', "/", 1),
            verb: verb.to_owned(),
            group: after("in API group \"").to_owned(),
            resource: resource.to_owned(),
            namespace: after("in the namespace \"").to_owned(),
            name: object.unwrap_or_default().to_owned(),
        };
        right.is_plausible().then_some(right)
    }

    /// Logs are other people's text: only what can be a name is asked about.
    fn is_plausible(&self) -> bool {
        let word = |text: &str| text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/:".contains(&b));
        let all = [&self.account, &self.verb, &self.group, &self.resource, &self.namespace, &self.name];
        all.into_iter().all(|text| word(text)) && self.account.contains('/') && !self.verb.is_empty() && !self.resource.is_empty()
    }

    /// The body of the review.
    #[must_use]
    pub fn question(&self) -> Value {
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((&self.resource, ""));
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": format!("system:serviceaccount:{}", self.account.replacen('/', ":", 1)),
                "groups": self.groups(),
                "resourceAttributes": {
                    "verb": self.verb, "group": self.group, "resource": resource, "subresource": subresource,
                    "namespace": self.namespace, "name": self.name,
                },
            },
        })
    }

    /// The groups that every ServiceAccount is in: roles may be bound to them.
    fn groups(&self) -> Vec<String> {
        let namespace = self.account.split('/').next().unwrap_or_default();
        let own = format!("system:serviceaccounts:{namespace}");
        vec!["system:authenticated".into(), "system:serviceaccounts".into(), own]
    }

    /// `list pods in ci`.
    #[must_use]
    pub fn words(&self) -> String {
        let name = if self.name.is_empty() {
            String::new()
        } else {
            format!(" {}", self.name)
        };
        let place = if self.namespace.is_empty() {
            "the whole cluster"
        } else {
            &self.namespace
        };
        format!("{} {}{name} in {place}", self.verb, self.resource)
    }
}

impl Review {
    /// As evidence.
    #[must_use]
    pub fn quote(&self) -> Quote {
        let answer = if self.allowed { "may" } else { "may not" };
        let reason = if self.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", self.reason)
        };
        Quote {
            source: Source::Kubernetes,
            query: format!("POST {PATH} {}", self.right.question()["spec"]),
            excerpt: format!(
                "SubjectAccessReview: ServiceAccount {} {answer} {}{reason}",
                self.right.account,
                self.right.words()
            ),
            value: None,
        }
    }
}

/// The rights to ask about: those that workloads say were refused to the account they run as.
#[must_use]
pub fn claimed(world: &World) -> Vec<Right> {
    let mut found: Vec<Right> = Vec::new();
    for said in &world.said {
        let Some(right) = Right::refused(&said.text) else { continue };
        if account(world, &said.by).is_some_and(|own| own == right.account) && !found.contains(&right) {
            found.push(right);
        }
    }
    found.truncate(MOST);
    found
}

/// `namespace/name` of the account that a workload runs as.
#[must_use]
pub fn account(world: &World, workload: &ObjectRef) -> Option<String> {
    let namespace = workload.namespace.as_deref()?;
    if !WORKLOADS.contains(&workload.kind.as_str()) {
        return None;
    }
    let object = world.snapshot.named(&workload.kind, namespace, &workload.name)?;
    let name = Some(text(object, "/spec/template/spec/serviceAccountName")).filter(|name| !name.is_empty());
    Some(format!("{namespace}/{}", name.unwrap_or("default")))
}

/// The answer of the API server to a review; `None`: it is none.
#[must_use]
pub fn answered(right: Right, answer: &Value) -> Option<Review> {
    let words = ["/status/reason", "/status/evaluationError"].map(|pointer| text(answer, pointer));
    Some(Review {
        right,
        allowed: answer.pointer("/status/allowed")?.as_bool()?,
        reason: words.into_iter().find(|words| !words.is_empty()).unwrap_or_default().to_owned(),
    })
}
