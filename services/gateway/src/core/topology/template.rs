//! What a pod needs, from its specification.

use serde_json::Value;

use super::{
    hosts::hosts,
    record::{Needs, Part},
};

/// ConfigMaps that every namespace has and every pod mounts: nobody depends on one of them in particular.
const EVERYWHERE: [&str; 2] = ["kube-root-ca.crt", "openshift-service-ca.crt"];

/// Everything that the containers and volumes of a pod specification name.
#[must_use]
pub fn needs(spec: &Value) -> Needs {
    let mut needs = volumes(spec);
    for container in each(spec, "initContainers").chain(each(spec, "containers")) {
        for source in each(container, "envFrom") {
            whole(&mut needs, name(&source["configMapRef"]));
            needs.secrets.extend(name(&source["secretRef"]));
        }
        for variable in each(container, "env") {
            let from = &variable["valueFrom"];
            if let (Some(map), Some(key)) = (name(&from["configMapKeyRef"]), from["configMapKeyRef"]["key"].as_str()) {
                let part = needs.config_maps.entry(map).or_insert_with(|| Part::Keys([].into()));
                if let Part::Keys(keys) = part {
                    keys.insert(key.to_owned());
                }
            }
            needs.secrets.extend(name(&from["secretKeyRef"]));
            if let (Some(key), Some(value)) = (variable["name"].as_str(), variable["value"].as_str()) {
                needs.hosts.extend(hosts(key, value));
            }
        }
        let words = each(container, "command").chain(each(container, "args")).filter_map(Value::as_str);
        let mut flag = "";
        for word in words {
            needs.hosts.extend(hosts(flag, word));
            // `--db-host postgres` is two words.
            flag = if word.starts_with('-') && !word.contains('=') { word } else { "" };
        }
    }
    needs
}

/// What the volumes of a pod specification name, and nothing else.
#[must_use]
pub fn volumes(spec: &Value) -> Needs {
    let mut needs = Needs::default();
    for volume in each(spec, "volumes") {
        whole(&mut needs, name(&volume["configMap"]));
        needs.secrets.extend(volume["secret"]["secretName"].as_str().map(ToOwned::to_owned));
        needs
            .claims
            .extend(volume["persistentVolumeClaim"]["claimName"].as_str().map(ToOwned::to_owned));
        for source in each(&volume["projected"], "sources") {
            whole(&mut needs, name(&source["configMap"]));
            needs.secrets.extend(name(&source["secret"]));
        }
    }
    needs
}

/// Names of the claims that are made for one pod alone: `POD-VOLUME`.
pub fn ephemeral<'a>(pod: &'a str, spec: &'a Value) -> impl Iterator<Item = String> + 'a {
    each(spec, "volumes")
        .filter(|volume| volume["ephemeral"].is_object())
        .filter_map(move |volume| Some(format!("{pod}-{}", volume["name"].as_str()?)))
}

fn whole(needs: &mut Needs, map: Option<String>) {
    if let Some(map) = map.filter(|map| !EVERYWHERE.contains(&map.as_str())) {
        needs.config_maps.insert(map, Part::Whole);
    }
}

fn name(reference: &Value) -> Option<String> {
    reference["name"].as_str().filter(|name| !name.is_empty()).map(ToOwned::to_owned)
}

/// The elements of a list in `of`; none where it is missing.
pub(super) fn each<'a>(of: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of[field].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_a_template_names_is_needed_but_no_secret_is_read() {
        let needs = needs(&json!({
            "initContainers": [{"command": ["wait", "--for-host", "db"]}],
            "containers": [{
                "args": ["--upstream=http://api:80", "--verbose"],
                "env": [
                    {"name": "REDIS_URL", "value": "redis://redis:6379"},
                    {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "mode"}}},
                    {"name": "PEER", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "peer"}}},
                    {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}},
                ],
                "envFrom": [{"configMapRef": {"name": "common"}}, {"secretRef": {"name": "tokens"}}],
            }],
            "volumes": [
                {"name": "a", "configMap": {"name": "files"}},
                {"name": "b", "secret": {"secretName": "tls"}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "d", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}, {"secret": {"name": "token"}}]}},
                {"name": "e", "ephemeral": {"volumeClaimTemplate": {}}},
            ],
        }));
        let keys = Part::Keys(["mode".into(), "peer".into()].into());
        let maps: BTreeMap<String, Part> = [
            ("flags".into(), keys),
            ("common".into(), Part::Whole),
            ("files".into(), Part::Whole),
        ]
        .into();
        assert_eq!(needs.config_maps, maps);
        assert_eq!(needs.secrets, ["login", "tls", "token", "tokens"].map(ToOwned::to_owned).into());
        assert_eq!(needs.claims, ["data".to_owned()].into());
        assert_eq!(needs.hosts, ["api", "db", "redis"].map(ToOwned::to_owned).into());
    }
}
