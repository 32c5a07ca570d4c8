//! A change that somebody asks for: read strictly, since what is not understood must not be carried out in part.

use paramedic_domain::{
    alert::Severity,
    event::Event,
    id::RequestId,
    image::Image,
    incident::Incident,
    object::ObjectRef,
    request::{ChangeRequest, What},
};
use serde::Deserialize;

use super::{
    body::{Chunks, Rejection},
    problems::quoted,
};

/// Largest body: a request is a few names.
pub const MAX_BYTES: usize = 16 << 10;
/// Longest name of a module, characters.
const MAX_MODULE: usize = 200;
/// Longest name of a person, characters.
const MAX_PERSON: usize = 200;

const EXAMPLE: &str = r#"{"id": "release-17", "ask": {"set_image": {"namespace": "payments", "deployment": "payments-service", "image": "registry.example/payments:2.3.1"}}}"#;

/// What a body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    id: RequestId,
    on_behalf_of: String,
    what: What,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    id: String,
    #[serde(default)]
    by: String,
    ask: Ask,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Ask {
    SetImage(SetImage),
    ApplyModule(ApplyModule),
    ReportCosts(ReportCosts),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplyModule {
    module: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportCosts {
    account: String,
    month: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetImage {
    namespace: String,
    deployment: String,
    container: Option<String>,
    image: String,
}

/// Reads a request.
///
/// # Errors
/// What is wrong with it.
pub fn parse(body: &Chunks) -> Result<Wish, Rejection> {
    let text: Vec<u8> = body.pieces().flatten().copied().collect();
    // From the text itself: a field that comes twice is an error, not whichever came last.
    let body: Body = serde_json::from_slice(&text).map_err(|error| {
        let problem = format!("{error}; a request looks like {EXAMPLE}");
        if error.is_data() {
            Rejection::Shape(problem)
        } else {
            Rejection::Malformed(format!("the body is not valid JSON: {problem}"))
        }
    })?;
    let shape = |problem: String| Rejection::Shape(problem);
    let id = body.id.parse().map_err(|invalid| shape(format!("id: {invalid}")))?;
    if body.by.chars().count() > MAX_PERSON || body.by.chars().any(char::is_control) {
        return Err(shape(format!("by is no name of at most {MAX_PERSON} characters")));
    }
    let what = match body.ask {
        Ask::SetImage(ask) => set_image(ask).map_err(|problem| shape(format!("ask.set_image.{problem}")))?,
        Ask::ApplyModule(ask) => apply_module(ask).map_err(|problem| shape(format!("ask.apply_module.{problem}")))?,
        Ask::ReportCosts(ask) => report_costs(ask).map_err(|problem| shape(format!("ask.report_costs.{problem}")))?,
    };
    Ok(Wish {
        id,
        on_behalf_of: body.by.trim().to_owned(),
        what,
    })
}

fn set_image(ask: SetImage) -> Result<What, String> {
    named("namespace", &ask.namespace, is_label)?;
    named("deployment", &ask.deployment, |name| {
        name.len() <= 253 && name.split('.').all(is_label)
    })?;
    if let Some(container) = &ask.container {
        named("container", container, is_label)?;
    }
    Image::exact(&ask.image).map_err(|invalid| format!("image: {invalid}"))?;
    Ok(What::SetImage {
        target: ObjectRef::new("apps/v1", "Deployment", Some(&ask.namespace), &ask.deployment),
        container: ask.container,
        image: ask.image,
    })
}

fn apply_module(ask: ApplyModule) -> Result<What, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if ask.module.is_empty() || ask.module.len() > MAX_MODULE || !ask.module.chars().all(allowed) {
        return Err(format!(
            "module: {} is not a name of letters, digits and -_./, at most {MAX_MODULE} of them",
            quoted(&ask.module)
        ));
    }
    Ok(What::ApplyModule { module: ask.module })
}

fn report_costs(ask: ReportCosts) -> Result<What, String> {
    if ask.account.len() != 12 || !ask.account.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("account: {} is not 12 digits", quoted(&ask.account)));
    }
    if ask.month.len() != 7 || format!("{}-01", ask.month).parse::<jiff::civil::Date>().is_err() {
        return Err(format!("month: {} is not a month like 2026-10", quoted(&ask.month)));
    }
    Ok(What::ReportCosts {
        account: ask.account,
        month: ask.month,
    })
}

fn named(field: &str, name: &str, is_name: impl Fn(&str) -> bool) -> Result<(), String> {
    match is_name(name) {
        true => Ok(()),
        false => Err(format!("{field}: {} is not a name in Kubernetes", quoted(name))),
    }
}

/// A DNS label (RFC 1123), as Kubernetes names containers and namespaces.
fn is_label(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-') && !text.ends_with('-')
}

impl Wish {
    /// The namespace in which something would change; `None`: it is not about the cluster.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        match &self.what {
            What::SetImage { target, .. } => target.namespace.as_deref(),
            What::ApplyModule { .. } | What::ReportCosts { .. } => None,
        }
    }

    /// The request of whoever presented the credentials of `by`.
    #[must_use]
    pub fn of(self, by: &str) -> ChangeRequest {
        ChangeRequest {
            id: self.id,
            by: by.to_owned(),
            on_behalf_of: self.on_behalf_of,
            what: self.what,
        }
    }
}

// nothing => Open
/// The events that the incident of a request lacks.
#[must_use]
pub fn open(incident: &Incident, request: &ChangeRequest, traceparent: Option<&str>) -> Vec<Event> {
    if incident.version > 0 {
        return Vec::new();
    }
    vec![Event::IncidentOpened {
        title: format!("{} asks: {}", request.by, request.what),
        severity: Severity::Info,
        alerts: Vec::new(),
        traceparent: traceparent.map(str::to_owned),
        request: Some(request.clone()),
    }]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<Wish, String> {
        parse(&value.to_string().as_bytes().into()).map_err(|rejection| match rejection {
            Rejection::Shape(text) => text,
            other => panic!("{other:?}"),
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body: Value = serde_json::from_str(EXAMPLE).unwrap();
        *body.pointer_mut(field).unwrap_or_else(|| panic!("{field}")) = value;
        body
    }

    #[test]
    fn the_example_is_a_request_and_who_asks_is_who_the_credentials_say() {
        let mut body: Value = serde_json::from_str(EXAMPLE).unwrap();
        body["by"] = json!("root");
        let request = read(&body).unwrap().of("pipeline");
        assert_eq!((request.by.as_str(), request.on_behalf_of.as_str()), ("pipeline", "root"));
        assert_eq!(
            request.what.to_string(),
            "run Deployment payments/payments-service from registry.example/payments:2.3.1"
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_whole() {
        let mut more: Value = serde_json::from_str(EXAMPLE).unwrap();
        more["ask"]["set_image"]["replicas"] = json!(3);
        assert!(read(&more).unwrap_err().contains("unknown field `replicas`"));
        let mut urgent: Value = serde_json::from_str(EXAMPLE).unwrap();
        urgent["approved"] = json!(true);
        assert!(read(&urgent).unwrap_err().contains("unknown field `approved`"));
        assert!(
            read(&json!({"id": "a", "ask": {"delete": {}}}))
                .unwrap_err()
                .contains("unknown variant `delete`")
        );
        assert!(read(&json!("deploy it")).unwrap_err().contains("a request looks like"));
        for broken in ["{\"id\": \"a\"".to_owned(), String::new(), format!("{EXAMPLE} {{}}")] {
            assert!(
                matches!(parse(&broken.as_bytes().into()), Err(Rejection::Malformed(_))),
                "{broken:?}"
            );
        }
        let twice = EXAMPLE.replace("\"image\"", "\"image\": \"registry.example/payments:9\", \"image\"");
        assert!(parse(&twice.as_bytes().into()).is_err(), "which of the two is meant?");
    }

    #[test]
    fn names_and_images_must_be_legal() {
        for (field, value, problem) in [
            ("/id", "Release 17", "id: invalid request id"),
            ("/ask/set_image/namespace", "pay/ments", "namespace"),
            ("/ask/set_image/namespace", "", "namespace"),
            ("/ask/set_image/deployment", "a..b", "deployment"),
            ("/ask/set_image/image", "registry.example/payments", "neither tag nor digest"),
            ("/ask/set_image/image", "registry.example/payments:latest", "the tag latest"),
            ("/ask/set_image/image", "registry.example/payments:2.3.1 --privileged", "is no tag"),
        ] {
            let found = read(&with(field, json!(value))).unwrap_err();
            assert!(found.contains(problem), "{field} {value:?}: {found}");
        }
        assert!(
            read(&with(
                "/ask/set_image",
                json!({"namespace": "a", "deployment": "b", "container": "C", "image": "a:1"})
            ))
            .is_err()
        );
    }

    #[test]
    fn modules_and_costs_are_asked_for_by_names_that_can_be_one() {
        let ask = |ask: Value| read(&json!({"id": "a-1", "ask": ask}));
        let wish = ask(json!({"apply_module": {"module": "infra/vpc"}})).unwrap();
        assert_eq!(wish.namespace(), None);
        assert_eq!(wish.of("pipeline").what.to_string(), "apply what module infra/vpc describes");
        let wish = ask(json!({"report_costs": {"account": "123456789012", "month": "2026-10"}})).unwrap();
        assert_eq!(wish.of("pipeline").what.target().name, "123456789012");
        for (what, problem) in [
            (json!({"apply_module": {"module": ""}}), "ask.apply_module.module"),
            (json!({"apply_module": {"module": "vpc; rm -r /"}}), "ask.apply_module.module"),
            (json!({"apply_module": {"module": "vpc", "auto_approve": true}}), "auto_approve"),
            (
                json!({"report_costs": {"account": "12345678901x", "month": "2026-10"}}),
                "ask.report_costs.account",
            ),
            (
                json!({"report_costs": {"account": "123456789012", "month": "2026-13"}}),
                "ask.report_costs.month",
            ),
            (
                json!({"report_costs": {"account": "123456789012", "month": "2026-1"}}),
                "ask.report_costs.month",
            ),
        ] {
            let found = ask(what.clone()).unwrap_err();
            assert!(found.contains(problem), "{what}: {found}");
        }
    }

    #[test]
    fn a_request_opens_its_incident_once() {
        let request = read(&serde_json::from_str(EXAMPLE).unwrap()).unwrap().of("pipeline");
        let id = ChangeRequest::incident("request", &request.id);
        let empty = Incident::new("prod".parse().unwrap(), id);
        let events = open(&empty, &request, None);
        let opened = empty.foresee(&events, jiff::Timestamp::UNIX_EPOCH, None);
        assert_eq!(opened.request.as_ref(), Some(&request));
        assert!(opened.alerts.is_empty() && open(&opened, &request, None).is_empty());
    }
}
