//! `add_network_policy_rule`, `remove_network_policy_rule`, `delete_network_policy`: who may talk to whom.

use std::collections::BTreeMap;

use paramedic_domain::{object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused, Request},
    network::Network,
    patch::{Edit, Path},
    world::{Need, World, with_uid},
};

pub(super) const ADD: BuiltIn = BuiltIn {
    name: "add_network_policy_rule",
    aliases: &["allow_network_traffic", "allow_network_peer"],
    about: About {
        description: "adds a rule to a NetworkPolicy that allows a peer or a port",
        risk: "medium: more traffic is allowed; high when the rule allows everything",
        undo: "the old rules are put back",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<Rule>,
    needs: needs_rule,
    draft: add,
};

pub(super) const REMOVE: BuiltIn = BuiltIn {
    name: "remove_network_policy_rule",
    aliases: &["deny_network_traffic"],
    about: About {
        description: "removes a rule from a NetworkPolicy, told by its place",
        risk: "high: traffic that was allowed is not any more",
        undo: "the rule is put back",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<Place>,
    needs: needs_place,
    draft: remove,
};

pub(super) const DELETE: BuiltIn = BuiltIn {
    name: "delete_network_policy",
    aliases: &["remove_network_policy"],
    about: About {
        description: "deletes a NetworkPolicy, for instance one that denies everything and was added by hand",
        risk: "high: what it kept out may come in",
        undo: "the policy is created again as it was",
        dry_run: "server-side dry run of the deletion",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<Delete>,
    needs: needs_delete,
    draft: delete,
};

/// Which way traffic goes, seen from the pods of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Direction {
    /// To the pods.
    Ingress,
    /// From the pods.
    Egress,
}

impl Direction {
    fn field(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::Egress => "Egress",
        }
    }
}

/// A rule that allows something.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Namespace.
    namespace: String,
    /// Name of the NetworkPolicy.
    #[serde(alias = "name", alias = "networkPolicy", alias = "network_policy")]
    policy: String,
    /// Which way.
    direction: Direction,
    /// Labels of the pods at the other end.
    #[serde(rename = "podLabels", alias = "pod_labels", default)]
    pod_labels: BTreeMap<String, String>,
    /// Labels of the namespaces at the other end; left out: the policy's own namespace.
    #[serde(rename = "namespaceLabels", alias = "namespace_labels", default)]
    namespace_labels: BTreeMap<String, String>,
    /// Addresses at the other end, like `10.0.0.0/8`.
    cidr: Option<String>,
    /// Ports; left out: all.
    #[serde(default)]
    ports: Vec<u16>,
    /// Protocol of the ports.
    #[serde(default)]
    protocol: Protocol,
}

/// Protocol of ports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// Both, as DNS needs.
    Both,
}

/// A rule that is there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Place {
    /// Namespace.
    namespace: String,
    /// Name of the NetworkPolicy.
    #[serde(alias = "name", alias = "networkPolicy", alias = "network_policy")]
    policy: String,
    /// Which way.
    direction: Direction,
    /// Place of the rule, from 0.
    index: usize,
}

/// A policy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Namespace.
    namespace: String,
    /// Name of the NetworkPolicy.
    #[serde(alias = "name", alias = "networkPolicy", alias = "network_policy")]
    policy: String,
}

fn reference(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new("networking.k8s.io/v1", "NetworkPolicy", Some(namespace), name)
}

fn needs_rule(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Rule = parse(params)?;
    Ok(vec![Need::Object(reference(&params.namespace, &params.policy))])
}

fn needs_place(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Place = parse(params)?;
    Ok(vec![Need::Object(reference(&params.namespace, &params.policy))])
}

fn needs_delete(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Delete = parse(params)?;
    Ok(vec![Need::Object(reference(&params.namespace, &params.policy))])
}

fn add(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Rule = parse(params)?;
    let target = reference(&params.namespace, &params.policy);
    let object = world.object(&target)?;
    let (rule, everyone) = rule(&params)?;
    let mut rules = rules(object, params.direction);
    if rules.contains(&rule) {
        return refuse(format!("{target} allows this already"));
    }
    rules.push(rule);
    let field = params.direction.field();
    let edits = vec![Edit::set(Path::new(["spec", field]), rules)];
    // A policy restricts only the ways it names.
    let kinds = object
        .pointer("/spec/policyTypes")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if !kinds.is_empty() && !kinds.contains(&json!(params.direction.kind())) {
        return Err(Refused::parameter(
            "/direction",
            format!("{target} does not restrict {field}: with a rule for it, everything else that way would be denied from now on"),
        ));
    }
    let draft = Draft::from(ObjectEdit::plain(with_uid(&target, object), edits));
    let text = format!("{target} allows more {field} traffic");
    Ok(if everyone {
        draft.concern(RiskLevel::High, format!("{text}: from and to everybody"))
    } else {
        draft.concern(RiskLevel::Medium, text)
    })
}

/// The rule, and whether it allows everybody.
fn rule(params: &Rule) -> Result<(Value, bool), Refused> {
    let mut peer = json!({});
    if !params.pod_labels.is_empty() {
        peer["podSelector"] = json!({"matchLabels": params.pod_labels});
    }
    if !params.namespace_labels.is_empty() {
        peer["namespaceSelector"] = json!({"matchLabels": params.namespace_labels});
    }
    let selected = !params.pod_labels.is_empty() || !params.namespace_labels.is_empty();
    if let Some(cidr) = &params.cidr {
        if selected {
            return Err(Refused::parameter("/cidr", "addresses and labels cannot be in one rule: give two"));
        }
        if cidr.parse::<Network>().is_err() {
            return Err(Refused::parameter("/cidr", format!("{cidr:?} is not a range like 10.0.0.0/8")));
        }
        peer["ipBlock"] = json!({"cidr": cidr});
    }
    let nobody = !selected && params.cidr.is_none();
    if nobody && params.ports.is_empty() {
        return refuse("parameters: a rule without peer and port would allow everything; name podLabels, namespaceLabels, cidr or ports");
    }
    let mut rule = json!({});
    if !nobody {
        rule[match params.direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        }] = json!([peer]);
    }
    let protocols: &[&str] = match params.protocol {
        Protocol::Tcp => &["TCP"],
        Protocol::Udp => &["UDP"],
        Protocol::Both => &["UDP", "TCP"],
    };
    let ports: Vec<Value> = params
        .ports
        .iter()
        .flat_map(|port| protocols.iter().map(move |protocol| json!({"protocol": protocol, "port": port})))
        .collect();
    if !ports.is_empty() {
        rule["ports"] = json!(ports);
    }
    let everyone = matches!(params.cidr.as_deref(), Some("0.0.0.0/0" | "::/0"));
    Ok((rule, everyone || nobody))
}

fn rules(object: &Value, direction: Direction) -> Vec<Value> {
    object
        .pointer(&format!("/spec/{}", direction.field()))
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn remove(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Place = parse(params)?;
    let target = reference(&params.namespace, &params.policy);
    let object = world.object(&target)?;
    let field = params.direction.field();
    let mut rules = rules(object, params.direction);
    if params.index >= rules.len() {
        return Err(Refused::parameter(
            "/index",
            format!("{target} has {} {field} rules: there is no rule {}", rules.len(), params.index),
        ));
    }
    let gone = rules.remove(params.index);
    let path = Path::new(["spec", field]);
    let edit = if rules.is_empty() {
        Edit::remove(path)
    } else {
        Edit::set(path, rules.clone())
    };
    let draft = Draft::from(ObjectEdit::plain(with_uid(&target, object), vec![edit]));
    let left = if rules.is_empty() {
        ": no rule is left, so nothing is allowed that way"
    } else {
        ""
    };
    Ok(draft.concern(
        RiskLevel::High,
        format!("{target} does not allow any more what this {field} rule allowed: {gone}{left}"),
    ))
}

fn delete(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Delete = parse(params)?;
    let target = reference(&params.namespace, &params.policy);
    let object = world.object(&target)?;
    let made = object
        .pointer("/metadata/creationTimestamp")
        .and_then(Value::as_str)
        .unwrap_or("an unknown time");
    Ok(Draft::from(Request::Delete {
        target: with_uid(&target, object),
        owner: None,
        restore: true,
        ended: None,
    })
    .note(format!("{target} is there since {made}; what it kept out may come in")))
}
