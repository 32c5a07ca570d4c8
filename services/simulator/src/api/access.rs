//! What the roles of a cluster let a service account do. Pure, over the objects.

use serde_json::Value;

use crate::store::{Gvr, Store, name_of, namespace_of};

const GROUP: &str = "rbac.authorization.k8s.io";

/// A service account by namespace and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account<'a> {
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Account<'a> {
    /// The account behind a user name, `system:serviceaccount:<namespace>:<name>`; `None` for other users.
    pub(super) fn of(user: &'a str) -> Option<Self> {
        let (namespace, name) = user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Some(Self { namespace, name })
    }

    /// Whether it is among the subjects of a binding.
    fn is_bound(self, binding: &Value) -> bool {
        let own = namespace_of(binding);
        binding["subjects"].as_array().into_iter().flatten().any(|subject| {
            let name = subject["name"].as_str().unwrap_or_default();
            match subject["kind"].as_str() {
                Some("ServiceAccount") => name == self.name && subject["namespace"].as_str().unwrap_or(own) == self.namespace,
                Some("User") => Account::of(name) == Some(self),
                Some("Group") => {
                    let of_namespace = name.strip_prefix("system:serviceaccounts:").is_some_and(|ns| ns == self.namespace);
                    of_namespace || matches!(name, "system:serviceaccounts" | "system:authenticated")
                }
                _ => false,
            }
        })
    }

    /// Why the account may do what the `spec` of a review asks; `None` when no role lets it.
    pub(super) fn may(self, store: &Store, spec: &Value) -> Option<String> {
        let namespace = spec["resourceAttributes"]["namespace"].as_str().filter(|ns| !ns.is_empty());
        let list = |kind: &str, ns: Option<&str>| store.list_shared(&Gvr::new(GROUP, "v1", kind), ns).0;
        let in_namespace = namespace.map(|ns| list("rolebindings", Some(ns))).unwrap_or_default();
        let bindings = in_namespace.into_iter().chain(list("clusterrolebindings", None));
        for binding in bindings.filter(|binding| self.is_bound(binding)) {
            let (kind, name) = (&binding["roleRef"]["kind"], binding["roleRef"]["name"].as_str().unwrap_or_default());
            let role = match kind.as_str() {
                Some("Role") => store.get_shared(&Gvr::new(GROUP, "v1", "roles"), Some(namespace_of(&binding)), name),
                _ => store.get_shared(&Gvr::new(GROUP, "v1", "clusterroles"), None, name),
            };
            // Every cluster has this role, whether or not anybody wrote it down.
            let everything = role.is_none() && name == "cluster-admin";
            let rules = role.as_ref().and_then(|role| role["rules"].as_array());
            if everything || rules.into_iter().flatten().any(|rule| allows(rule, spec)) {
                let of = binding["kind"].as_str().unwrap_or_default();
                return Some(format!(
                    "RBAC: allowed by {of} \"{}\" of {} \"{name}\" to ServiceAccount \"{}/{}\"",
                    name_of(&binding),
                    kind.as_str().unwrap_or("ClusterRole"),
                    self.name,
                    self.namespace
                ));
            }
        }
        None
    }
}

/// Whether a rule covers a request.
fn allows(rule: &Value, spec: &Value) -> bool {
    let listed = |key: &str| rule[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let has = |key: &str, wanted: &str| listed(key).any(|one| one == "*" || one == wanted);
    if let Some(path) = spec["nonResourceAttributes"]["path"].as_str() {
        let verb = spec["nonResourceAttributes"]["verb"].as_str().unwrap_or_default();
        let below = |url: &str| url.strip_suffix('*').is_some_and(|start| path.starts_with(start));
        return has("verbs", verb) && listed("nonResourceURLs").any(|url| url == path || below(url));
    }
    let asked = &spec["resourceAttributes"];
    let text = |key: &str| asked[key].as_str().unwrap_or_default();
    let (resource, sub) = (text("resource"), text("subresource"));
    let covered = if sub.is_empty() {
        has("resources", resource)
    } else {
        has("resources", &format!("{resource}/{sub}")) || has("resources", &format!("*/{sub}"))
    };
    let named = listed("resourceNames").next().is_none() || listed("resourceNames").any(|name| name == text("name"));
    has("verbs", text("verb")) && has("apiGroups", text("group")) && covered && named
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cluster() -> Store {
        let store = Store::new(|| "2026-03-02T14:20:00Z".parse().unwrap());
        let make = |kind: &str, object: Value| {
            store.create(&Gvr::new(GROUP, "v1", kind), object).unwrap();
        };
        make(
            "roles",
            json!({"metadata": {"name": "reader", "namespace": "shop"}, "rules": [
                {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
                {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["settings"], "verbs": ["*"]},
            ]}),
        );
        make(
            "rolebindings",
            json!({"kind": "RoleBinding", "metadata": {"name": "readers", "namespace": "shop"},
                "subjects": [{"kind": "ServiceAccount", "name": "agent"}], "roleRef": {"kind": "Role", "name": "reader"}}),
        );
        make(
            "clusterrolebindings",
            json!({"kind": "ClusterRoleBinding", "metadata": {"name": "admins"},
                "subjects": [{"kind": "ServiceAccount", "name": "root", "namespace": "ops"}], "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}),
        );
        store
    }

    #[test]
    fn an_account_may_do_what_a_role_bound_to_it_lists() {
        let store = cluster();
        let agent = Account::of("system:serviceaccount:shop:agent").unwrap();
        let may = |verb: &str, resource: &str, sub: &str, name: &str, ns: &str| {
            let asked = json!({"resourceAttributes": {"verb": verb, "group": "", "resource": resource, "subresource": sub, "name": name, "namespace": ns}});
            agent.may(&store, &asked).is_some()
        };
        assert!(may("list", "pods", "", "", "shop") && may("get", "pods", "log", "a", "shop"));
        assert!(
            !may("delete", "pods", "", "a", "shop") && !may("get", "pods", "exec", "a", "shop") && !may("list", "pods", "", "", "other")
        );
        assert!(may("patch", "configmaps", "", "settings", "shop") && !may("patch", "configmaps", "", "others", "shop"));
        let root = Account::of("system:serviceaccount:ops:root").unwrap();
        let why = root
            .may(&store, &json!({"resourceAttributes": {"verb": "delete", "resource": "nodes"}}))
            .unwrap();
        assert_eq!(
            why,
            "RBAC: allowed by ClusterRoleBinding \"admins\" of ClusterRole \"cluster-admin\" to ServiceAccount \"root/ops\""
        );
        assert_eq!(Account::of("jane"), None);
    }
}
