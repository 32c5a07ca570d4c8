//! What a saved plan does, read from `show -json`; the text that the program prints only has to agree with it.
//!
//! The format is that of <https://developer.hashicorp.com/terraform/internals/json-format>, major version 1; OpenTofu writes the same.

use std::collections::BTreeSet;

use paramedic_catalogue::redact::redact;
use paramedic_domain::change::{FieldChange, ResourceChange, ResourceEffect, SavedPlan};
use serde_json::Value;

/// Parts of a plan that do more than change the resources that are listed.
const UNSHOWN: [&str; 2] = ["deferred_changes", "action_invocations"];
/// Most resources of one plan: more than that nobody reads.
const MOST: usize = 300;
/// Longest value that is shown, in characters.
const LONGEST: usize = 200;
/// Most bytes of all values together: a plan must fit into a message.
const MOST_BYTES: usize = 128 << 10;

/// What the plan does to each resource.
///
/// # Errors
/// Why it is not a plan that people can decide on, as a sentence.
pub fn changes(shown: &Value) -> Result<Vec<ResourceChange>, String> {
    let version = shown.get("format_version").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("1.") {
        return Err(format!(
            "the plan is written in format {version:?}, of which nothing is known here (1.x is)"
        ));
    }
    if shown.get("errored") == Some(&Value::Bool(true)) {
        return Err("the plan is incomplete: planning ended with an error".into());
    }
    for part in UNSHOWN {
        if shown.get(part).and_then(Value::as_array).is_some_and(|part| !part.is_empty()) {
            return Err(format!(
                "the plan holds {part}, which an approval cannot show here: apply it by hand"
            ));
        }
    }
    let mut changes = Vec::new();
    let listed = shown.get("resource_changes").and_then(Value::as_array);
    for listed in listed.map(Vec::as_slice).unwrap_or_default() {
        let address = listed.get("address").and_then(Value::as_str).unwrap_or_default();
        let change = &listed["change"];
        if change.get("importing").is_some_and(|import| !import.is_null()) {
            return Err(format!("the plan imports {address} into the state, which is done by people"));
        }
        let Some(effect) = effect(address, &change["actions"])? else {
            continue;
        };
        changes.push(ResourceChange {
            address: address.to_owned(),
            effect,
            attributes: attributes(change),
        });
    }
    let bytes: usize = changes.iter().flat_map(|change| &change.attributes).map(weight).sum();
    if changes.len() > MOST || bytes > MOST_BYTES {
        return Err(format!(
            "the plan changes {} resources with {bytes} bytes of attributes: more than can be read in an approval ({MOST}, {MOST_BYTES}); split the module",
            changes.len()
        ));
    }
    Ok(changes)
}

fn weight(field: &FieldChange) -> usize {
    field.path.len() + [&field.from, &field.to].into_iter().flatten().map(String::len).sum::<usize>()
}

/// What the list of actions means; `None`: the resource stays as it is.
fn effect(address: &str, actions: &Value) -> Result<Option<ResourceEffect>, String> {
    let listed: Option<Vec<&str>> = actions.as_array().map(|actions| actions.iter().filter_map(Value::as_str).collect());
    match listed.unwrap_or_default().as_slice() {
        ["no-op" | "read"] => Ok(None),
        ["create"] => Ok(Some(ResourceEffect::Create)),
        ["update"] => Ok(Some(ResourceEffect::Update)),
        ["delete", "create"] | ["create", "delete"] => Ok(Some(ResourceEffect::Replace)),
        ["delete"] => Ok(Some(ResourceEffect::Destroy)),
        _ => Err(format!("what the plan does to {address} is not known here: {actions}")),
    }
}

/// The attributes that differ.
fn attributes(change: &Value) -> Vec<FieldChange> {
    let fields = |name: &str| change.get(name).and_then(Value::as_object);
    let names: BTreeSet<&String> = ["before", "after", "after_unknown"]
        .into_iter()
        .filter_map(fields)
        .flat_map(serde_json::Map::keys)
        .collect();
    names
        .into_iter()
        .filter_map(|name| {
            let of = |side: &str| change[side].get(name).filter(|value| !value.is_null());
            let secret = |side: &str| change[side].get(name).is_some_and(marked);
            let unknown = change["after_unknown"].get(name).is_some_and(marked);
            let secret = secret("before_sensitive") || secret("after_sensitive");
            let (from, to) = (of("before"), of("after"));
            if from == to && !unknown {
                return None;
            }
            let text = |value: &Value| if secret { "(sensitive)".to_owned() } else { shown(name, value) };
            Some(FieldChange {
                path: name.clone(),
                from: from.map(text),
                to: if unknown {
                    Some("(known after apply)".into())
                } else {
                    to.map(text)
                },
            })
        })
        .collect()
}

/// Whether any part is marked: marks have the shape of the value, with `true` where they hold.
fn marked(mark: &Value) -> bool {
    match mark {
        Value::Bool(holds) => *holds,
        Value::Array(parts) => parts.iter().any(marked),
        Value::Object(parts) => parts.values().any(marked),
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}

fn shown(name: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // The name says whether the value is a secret; it is not shown twice.
    let masked = redact(&format!("{name}={text}"));
    let masked = masked.strip_prefix(&format!("{name}=")).unwrap_or(&masked);
    let mut short: String = masked.chars().take(LONGEST).collect();
    if short.len() < masked.len() {
        short.push('…');
    }
    short
}

/// Why the plan may not be applied by itself; `None`: people may be asked. `said`: what planning printed.
#[must_use]
pub fn objection(plan: &SavedPlan, said: &str) -> Option<String> {
    let destroyed: Vec<&str> = plan
        .changes
        .iter()
        .filter(|change| change.effect.destroys())
        .map(|change| change.address.as_str())
        .collect();
    if !destroyed.is_empty() {
        return Some(format!(
            "the plan destroys {} ({}): that is done by people, never from here",
            destroyed.join(", "),
            plan.summary()
        ));
    }
    let own = (
        plan.count(ResourceEffect::Create),
        plan.count(ResourceEffect::Update),
        plan.count(ResourceEffect::Destroy),
    );
    match counted(said) {
        Some(printed) if printed != own => Some(format!(
            "planning printed {} to add, {} to change, {} to destroy, and the plan file holds {}: the file counts, and nothing is applied until people know why",
            printed.0,
            printed.1,
            printed.2,
            plan.summary()
        )),
        _ if plan.changes.is_empty() => Some("the module is as it is described: there is nothing to change".into()),
        _ => None,
    }
}

/// The numbers of `Plan: 1 to import, 2 to add, 3 to change, 4 to destroy.`, if planning printed them.
fn counted(said: &str) -> Option<(usize, usize, usize)> {
    let line = said.lines().find_map(|line| line.trim().strip_prefix("Plan: "))?;
    let count = |what: &str| {
        line.trim_end_matches('.').split(", ").find_map(|part| {
            let (count, kind) = part.split_once(" to ")?;
            (kind == what).then(|| count.parse().ok()).flatten()
        })
    };
    Some((count("add")?, count("change")?, count("destroy")?))
}

#[cfg(test)]
mod tests {
    use paramedic_domain::change::DryRun;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn plan(shown: &Value) -> SavedPlan {
        SavedPlan {
            module: "infra/vpc".into(),
            workspace: "default".into(),
            bound: None,
            changes: changes(shown).unwrap(),
            dry_run: DryRun::Accepted { warnings: Vec::new() },
        }
    }

    fn of(actions: &[&[&str]]) -> Value {
        let listed: Vec<Value> = actions
            .iter()
            .enumerate()
            .map(|(index, actions)| json!({"address": format!("aws_subnet.s{index}"), "change": {"actions": actions, "before": null, "after": {"a": 1}}}))
            .collect();
        json!({"format_version": "1.2", "resource_changes": listed})
    }

    #[test]
    fn what_stays_is_left_out_and_the_rest_counted() {
        let plan = plan(&of(&[&["no-op"], &["read"], &["create"], &["create"], &["update"]]));
        assert_eq!(plan.summary(), "2 to create, 1 to update");
        assert_eq!(objection(&plan, "Plan: 2 to add, 1 to change, 0 to destroy."), None);
        assert_eq!(objection(&plan, ""), None, "a text without numbers contradicts nothing");
    }

    #[test]
    fn whatever_loses_something_is_left_to_people() {
        for actions in [&["delete"][..], &["delete", "create"], &["create", "delete"]] {
            let plan = plan(&of(&[&["create"], actions]));
            let why = objection(&plan, "").unwrap();
            assert!(why.starts_with("the plan destroys aws_subnet.s1 ("), "{why}");
        }
    }

    #[test]
    fn a_text_that_says_something_else_than_the_file_stops_it() {
        let fourteen = vec![&["create"][..]; 14];
        let why = objection(&plan(&of(&fourteen)), "Plan: 12 to add, 0 to change, 0 to destroy.").unwrap();
        assert!(why.contains("printed 12 to add") && why.contains("holds 14 to create"), "{why}");
    }

    #[test]
    fn nothing_to_change_is_said() {
        let why = objection(&plan(&of(&[&["no-op"]])), "No changes.").unwrap();
        assert!(why.contains("nothing to change"), "{why}");
    }

    #[test]
    fn a_plan_that_is_not_understood_is_refused() {
        for (shown, wanted) in [
            (json!({}), "format \"\""),
            (json!({"format_version": "2.0"}), "format \"2.0\""),
            (json!({"format_version": "1.2", "errored": true}), "incomplete"),
            (json!({"format_version": "1.2", "deferred_changes": [{}]}), "holds deferred_changes"),
            (
                json!({"format_version": "1.2", "action_invocations": [{}]}),
                "holds action_invocations",
            ),
            (
                json!({"format_version": "1.2", "resource_changes": [
                    {"address": "aws_vpc.v", "change": {"actions": ["no-op"], "importing": {"id": "vpc-1"}}}]}),
                "imports aws_vpc.v",
            ),
            (of(&[&["forget"]]), "not known here: [\"forget\"]"),
            (of(&[&[]]), "not known here: []"),
            (of(&vec![&["create"][..]; MOST + 1]), "more than can be read"),
        ] {
            let why = changes(&shown).unwrap_err();
            assert!(why.contains(wanted), "{why}");
        }
    }

    #[test]
    fn attributes_are_shown_old_and_new_but_not_the_sensitive_ones() {
        let shown = json!({"format_version": "1.2", "resource_changes": [{"address": "aws_db.main", "change": {
            "actions": ["update"],
            "before": {"size": 10, "name": "main", "user_data": "old", "password": "hunter2hunter2", "tags": {"a": "b"}},
            "after": {"size": 20, "name": "main", "user_data": "new", "password": "correcthorse1", "tags": {"a": "c"}},
            "after_unknown": {"arn": true},
            "before_sensitive": {"user_data": true}, "after_sensitive": {"user_data": true}
        }}]});
        let told: Vec<String> = changes(&shown).unwrap()[0]
            .attributes
            .iter()
            .map(|field| format!("{} {:?} {:?}", field.path, field.from.as_deref(), field.to.as_deref()))
            .collect();
        assert_eq!(told[0], r#"arn None Some("(known after apply)")"#);
        assert!(told.contains(&r#"size Some("10") Some("20")"#.to_owned()), "{told:?}");
        assert!(
            told.contains(&r#"user_data Some("(sensitive)") Some("(sensitive)")"#.to_owned()),
            "{told:?}"
        );
        assert!(!told.iter().any(|line| line.starts_with("name ")), "{told:?}");
        assert!(
            !told.join(" ").contains("hunter2") && !told.join(" ").contains("correcthorse"),
            "{told:?}"
        );
    }

    proptest! {
        #[test]
        fn any_text_can_be_read_for_its_numbers(said in "\\PC{0,200}") {
            counted(&said);
        }
    }
}
