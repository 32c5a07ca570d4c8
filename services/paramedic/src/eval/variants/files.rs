//! The files of a case as data, and back. What is written is JSON, of which YAML is a superset.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use rand::{rngs::StdRng, seq::SliceRandom};
use serde::Deserialize;
use serde_json::Value;

/// Every file, with its place in the folder.
pub struct Files(pub Vec<File>);

/// One file.
pub struct File {
    /// Its place in the folder of the case.
    pub path: PathBuf,
    /// Its documents or lines; a JSON file has one.
    pub documents: Vec<Value>,
}

impl File {
    /// Whether it is this file, of whatever state of the world.
    pub fn is(&self, name: &str) -> bool {
        self.path.file_name().is_some_and(|file| file == name)
    }
}

impl Files {
    /// Reads a folder and those in it.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        read_into(folder, Path::new(""), &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self(files))
    }

    /// The documents of every file.
    pub fn documents(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0.iter_mut().flat_map(|file| &mut file.documents)
    }

    /// Writes them; with chance, the fields of each object come in any order.
    pub fn write(&self, folder: &Path, mut chance: Option<&mut StdRng>) -> anyhow::Result<()> {
        for file in &self.0 {
            let path = folder.join(&file.path);
            let texts: Vec<String> = file
                .documents
                .iter()
                .map(|document| json(document, chance.as_deref_mut()))
                .collect();
            let between = if ending(&path) == "yaml" { "\n---\n" } else { "\n" };
            let written = || format!("cannot write {}", path.display());
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).with_context(written)?;
            }
            fs::write(&path, texts.join(between) + "\n").with_context(written)?;
        }
        Ok(())
    }
}

fn ending(path: &Path) -> &str {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("yml") => "yaml",
        other => other.unwrap_or_default(),
    }
}

fn read_into(root: &Path, below: &Path, files: &mut Vec<File>) -> anyhow::Result<()> {
    let folder = root.join(below);
    let listed = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(&folder).with_context(listed)? {
        let path = below.join(entry.with_context(listed)?.file_name());
        if root.join(&path).is_dir() {
            read_into(root, &path, files)?;
        } else {
            let documents = documents(&root.join(&path))?;
            files.push(File { path, documents });
        }
    }
    Ok(())
}

fn documents(file: &Path) -> anyhow::Result<Vec<Value>> {
    let read = || format!("cannot read {}", file.display());
    let text = fs::read_to_string(file).with_context(read)?;
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    match ending(file) {
        "yaml" => serde_yaml_ng::Deserializer::from_str(&text)
            .map(|document| -> Result<Value, serde_yaml_ng::Error> {
                let mut value = serde_yaml_ng::Value::deserialize(document)?;
                value.apply_merge()?;
                serde_yaml_ng::from_value(value)
            })
            .collect::<Result<_, _>>()
            .with_context(read),
        "json" => Ok(vec![serde_json::from_str(&text).with_context(read)?]),
        "jsonl" => lines().map(serde_json::from_str).collect::<Result<_, _>>().with_context(read),
        other => bail!("{} ends in {other:?}: a case has .yaml, .json and .jsonl files", file.display()),
    }
}

/// JSON on one line.
fn json(value: &Value, mut chance: Option<&mut StdRng>) -> String {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            if let Some(chance) = chance.as_deref_mut() {
                fields.shuffle(chance);
            }
            let fields = fields
                .into_iter()
                .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), json(value, chance.as_deref_mut())));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Array(all) => {
            let all = all.iter().map(|value| json(value, chance.as_deref_mut()));
            format!("[{}]", all.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;

    #[test]
    fn files_are_read_back_as_they_were_in_whatever_order_their_fields_stand() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("cluster")).unwrap();
        fs::write(from.path().join("cluster/a.yaml"), "a: {b: 1}\n---\nc: 'x: y'\n").unwrap();
        fs::write(from.path().join("loki.jsonl"), "{\"line\": \"a\\nb\"}\n\n{\"line\": \"c\"}\n").unwrap();
        let mut chance = StdRng::seed_from_u64(1);
        Files::read(from.path()).unwrap().write(to.path(), Some(&mut chance)).unwrap();
        let read = Files::read(to.path()).unwrap();
        assert_eq!(read.0[1].documents, [json!({"line": "a\nb"}), json!({"line": "c"})]);
        assert_eq!(read.0[0].documents.len(), 2);
    }

    #[test]
    fn chance_changes_the_order_of_fields_alone() {
        let value = json!({"a": 1, "b": {"c": [1, {"d": 2, "e": 3, "f": 4}]}, "g": 5, "h": 6});
        let mut chance = StdRng::seed_from_u64(3);
        let text = json(&value, Some(&mut chance));
        assert_ne!(text, json(&value, None));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let error = Files::read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("notes.txt"), "{error}");
    }
}
