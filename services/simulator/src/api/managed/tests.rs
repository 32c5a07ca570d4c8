use serde_json::{Value, json};

use super::{Writer, apply, track_update};
use crate::api::catalog;

fn writer(manager: &str) -> Writer {
    Writer {
        manager: manager.to_owned(),
        subresource: String::new(),
        at: "2026-11-22T00:00:00Z".parse().unwrap(),
    }
}

fn web(memory: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3,
        "template": {"spec": {"containers": [{"name": "app", "image": "a:1", "resources": {"limits": {"memory": memory}}}]}}}})
}

fn find(group: &str, version: &str, plural: &str) -> &'static catalog::Resource {
    let mut all = catalog::RESOURCES.iter();
    all.find(|r| (r.group, r.version, r.plural) == (group, version, plural)).unwrap()
}

fn deployments() -> &'static catalog::Resource {
    find("apps", "v1", "deployments")
}

#[test]
fn a_create_owns_what_it_set_and_an_update_takes_over_what_it_changed() {
    let mut first = web("128Mi");
    track_update(deployments(), None, &mut first, &writer("one"));
    let mut second = first.clone();
    second["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!("256Mi");
    track_update(deployments(), Some(&first), &mut second, &writer("two"));
    let entries = &second["metadata"]["managedFields"];
    let container = |i: usize| entries[i]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"app\"}"].clone();
    assert_eq!(container(0)["f:resources"], json!({".": {}, "f:limits": {}}));
    assert_eq!(container(1), json!({"f:resources": {"f:limits": {"f:memory": {}}}}));
}

#[test]
fn applying_a_field_of_somebody_else_is_a_conflict_until_forced() {
    let mut live = web("128Mi");
    track_update(deployments(), None, &mut live, &writer("one"));
    let error = apply(deployments(), Some(&live), &web("300Mi"), &writer("two"), false).unwrap_err();
    let path = ".spec.template.spec.containers[name=\"app\"].resources.limits.memory";
    assert_eq!(
        error.message,
        format!("Apply failed with 1 conflict: conflict with \"one\" using apps/v1: {path}")
    );
    let forced = apply(deployments(), Some(&live), &web("300Mi"), &writer("two"), true).unwrap();
    assert_eq!(
        forced["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"],
        "300Mi"
    );
}

#[test]
fn what_is_no_longer_applied_goes() {
    let with = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}});
    let without = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}});
    let maps = find("", "v1", "configmaps");
    let first = apply(maps, None, &with, &writer("me"), false).unwrap();
    let second = apply(maps, Some(&first), &without, &writer("me"), false).unwrap();
    assert_eq!(second["data"], json!({"a": "1"}));
}
