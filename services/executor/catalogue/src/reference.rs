//! The page about every action, for people: `docs/actions/README.md` is this text.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    action::{Action, Kind},
    actions::Catalogue,
};

/// The page, as Markdown.
#[must_use]
pub fn markdown(catalogue: &Catalogue) -> String {
    let mut page = String::from(
        "# Actions\n\n\
         What a plan can be made of. Each action is drafted against the cluster as it will be after the steps before it, tried \
         with a server-side dry run where there is one, and shown as an exact change before anybody is asked.\n\n\
         This page is generated from the catalogue: `UPDATE_GOLDEN=1 cargo test -p paramedic-catalogue --test reference` writes it again.\n\n\
         | Action | Does | Undo |\n|---|---|---|\n",
    );
    for action in catalogue.iter() {
        let about = action.about();
        row(
            &mut page,
            &[&format!("[`{}`](#{})", action.name(), action.name()), about.description, about.undo],
        );
    }
    for action in catalogue.iter() {
        section(&mut page, action.as_ref());
    }
    page
}

fn section(page: &mut String, action: &dyn Action) {
    let about = action.about();
    let mut text = format!("\n## {}\n\n{}.\n\n", action.name(), about.description);
    let aliases: Vec<String> = action.aliases().iter().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- Also called: {}", aliases.join(", "));
    }
    let _ = write!(
        text,
        "- Kind: {}\n- Risk: {}\n- Dry run: {}\n- Undo: {}\n- One attempt may take {}, usually about {}\n\n",
        kind(action.kind()),
        about.risk,
        about.dry_run,
        about.undo,
        span(action.timeout().as_secs()),
        span(action.typical().as_secs()),
    );
    page.push_str(&text);
    let schema = action.schema();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    page.push_str("| Parameter | Type | Needed | Meaning |\n|---|---|---|---|\n");
    for (name, property) in properties {
        let meaning = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let needed = if required.contains(&name.as_str()) { "yes" } else { "" };
        row(page, &[&format!("`{name}`"), &shape(&schema, property), needed, meaning]);
    }
}

fn row(page: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| cell.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

/// What a value looks like: its type, or the words it may be.
fn shape(schema: &Value, property: &Value) -> String {
    if let Some(target) = property.get("$ref").and_then(Value::as_str) {
        let found = target.strip_prefix('#').and_then(|pointer| schema.pointer(pointer));
        return found.map_or_else(|| "object".to_owned(), |found| shape(schema, found));
    }
    let words = |values: &Vec<Value>| {
        let shown: Vec<String> = values
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect();
        shown.join(", ")
    };
    if let Some(value) = property.get("const") {
        return words(&vec![value.clone()]);
    }
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        return words(values);
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(shapes) = property.get(several).and_then(Value::as_array) {
            let mut shown: Vec<String> = shapes.iter().map(|one| shape(schema, one)).filter(|text| text != "null").collect();
            shown.dedup();
            return shown.join(" or ");
        }
    }
    let one = |name: &str| match name {
        "array" => {
            let inner = property
                .get("items")
                .map_or_else(|| "anything".to_owned(), |items| shape(schema, items));
            format!("list of {inner}")
        }
        "object" => match property.get("additionalProperties").filter(|inner| inner.is_object()) {
            Some(inner) => format!("map to {}", shape(schema, inner)),
            None => "object".to_owned(),
        },
        other => other.to_owned(),
    };
    match property.get("type") {
        Some(Value::String(name)) => one(name),
        Some(Value::Array(names)) => {
            let shown: Vec<String> = names
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| *name != "null")
                .map(one)
                .collect();
            shown.join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Read(_) => "reads",
        Kind::Exec => "runs a command in containers that copies data out",
        Kind::Cluster => "changes objects of the cluster",
        Kind::Outside => "asks a system outside of the cluster",
        Kind::Notify => "tells people",
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        _ if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use crate::actions::Catalogue;

    #[test]
    fn every_parameter_is_explained_and_has_a_type() {
        for action in Catalogue::default().iter() {
            let schema = action.schema();
            let properties = schema["properties"].as_object().unwrap();
            for (name, property) in properties {
                let described = property
                    .get("description")
                    .and_then(|text| text.as_str())
                    .is_some_and(|text| !text.is_empty());
                assert!(described, "{}: parameter {name} has no description", action.name());
                assert_ne!(super::shape(&schema, property), "", "{}: {name}", action.name());
            }
        }
    }
}
