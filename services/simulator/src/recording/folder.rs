//! One state of the world, from the files of one folder. A file that is not there says nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;

use super::{Part, logs, metrics, objects, objects::Found, traces};

/// Everything in a folder; an absent folder is an empty one.
pub(super) fn part(folder: &Path) -> anyhow::Result<Part> {
    let mut found = Vec::new();
    for file in manifests(&folder.join("cluster"))? {
        found.extend(documents(&file)?);
    }
    found.extend(events(&folder.join("events.json"))?);
    let json = |name: &str| -> anyhow::Result<Option<Value>> {
        let file = folder.join(name);
        let Some(text) = text(&file)? else { return Ok(None) };
        let value = serde_json::from_str(&text).with_context(|| format!("{} is not valid JSON; mend it there", file.display()))?;
        Ok(Some(value))
    };
    let of = |name: &str| format!("in {}", folder.join(name).display());
    let metrics = json("prom.json")?.map(|value| metrics::parse(value).with_context(|| of("prom.json")));
    let traces = json("jaeger.json")?.map(|value| traces::parse(value).with_context(|| of("jaeger.json")));
    let logs = text(&folder.join("loki.jsonl"))?.map(|text| logs::parse(&text).with_context(|| of("loki.jsonl")));
    Ok(Part {
        objects: objects::checked(found)?,
        metrics: metrics.transpose()?.unwrap_or_default(),
        logs: logs.transpose()?.unwrap_or_default(),
        traces: traces.transpose()?.unwrap_or_default(),
    })
}

/// The text of a file, unless there is none.
fn text(file: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// The YAML files of a folder, by name.
fn manifests(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let listed = || format!("cannot list {}", folder.display());
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).with_context(listed)? {
        let path = entry.with_context(listed)?.path();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("yaml" | "yml") => all.push(path),
            _ => bail!("{} is not a .yaml file; move it out of the folder of the objects", path.display()),
        }
    }
    all.sort();
    Ok(all)
}

/// The objects of a file of several documents; lists are taken apart.
fn documents(file: &Path) -> anyhow::Result<Vec<Found>> {
    let text = text(file)?.unwrap_or_default();
    let mut out = Vec::new();
    for (i, document) in serde_yaml_ng::Deserializer::from_str(&text).enumerate() {
        let place = format!("{}, document {}", file.display(), i + 1);
        let parsed = || -> Result<Value, serde_yaml_ng::Error> {
            let mut value = serde_yaml_ng::Value::deserialize(document)?;
            value.apply_merge()?;
            serde_yaml_ng::from_value(value)
        };
        let value = parsed().with_context(|| format!("{place} is not valid YAML; mend it there"))?;
        if value.is_null() {
            continue;
        }
        let list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && value["items"].is_array();
        let items = value["items"].as_array().filter(|_| list);
        match items {
            Some(items) => {
                let numbered = items.iter().enumerate();
                out.extend(numbered.map(|(n, item)| Found::new(item.clone(), format!("{place}, item {}", n + 1))));
            }
            None => out.push(Found::new(value, place)),
        }
    }
    Ok(out)
}

/// The events of a file: a list, or an object with `items`.
fn events(file: &Path) -> anyhow::Result<Vec<Found>> {
    let Some(text) = text(file)? else { return Ok(Vec::new()) };
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{} is not valid JSON; mend it there", file.display()))?;
    let list = value.as_array().or_else(|| value["items"].as_array());
    let list = list.with_context(|| format!("{} holds no list; write a list of v1 Event objects", file.display()))?;
    let numbered = list.iter().enumerate();
    Ok(numbered
        .map(|(i, event)| Found::new(objects::event(event.clone(), i), format!("{}, event {}", file.display(), i + 1)))
        .collect())
}
