//! Other tags of images: the numbers of a version become others, the same ones everywhere, and the later version stays the later one.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::{begins, ends, files::Files, texts};

/// What is added to major, minor and patch level, and to whatever comes after.
const STEPS: [u64; 4] = [11, 3, 7, 5];

/// Changes every tag that is a version, in every text.
pub fn retag(files: &mut Files) {
    let mut changes = BTreeMap::new();
    for document in files.documents() {
        images(document, &mut changes);
    }
    // The longer ones first, so that `2.4.1` is not taken for `2.4` with something behind it.
    let mut longest: Vec<&String> = changes.keys().collect();
    longest.sort_by_key(|text| (std::cmp::Reverse(text.len()), (*text).clone()));
    let patterns: Vec<String> = longest.into_iter().map(|text| regex::escape(text)).collect();
    let Ok(pattern) = Regex::new(&patterns.join("|")) else { return };
    if changes.is_empty() {
        return;
    }
    for document in files.documents() {
        texts(document, &|text| changed(text, &pattern, &changes));
    }
}

/// Versions in tags of images, each with what it becomes; also as a regular expression writes it.
fn images(value: &Value, changes: &mut BTreeMap<String, String>) {
    match value {
        Value::Array(all) => all.iter().for_each(|value| images(value, changes)),
        Value::Object(map) => {
            for (name, value) in map {
                match value.as_str().filter(|_| name == "image").and_then(version) {
                    Some(version) => changes.extend(spellings(version)),
                    None => images(value, changes),
                }
            }
        }
        _ => {}
    }
}

/// The version in the tag of an image: at least two numbers, since a single one is found in too many texts.
fn version(image: &str) -> Option<&str> {
    let (_, name) = image.rsplit_once('/').unwrap_or(("", image));
    let tag = name.split('@').next()?.split_once(':')?.1;
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let version = tag.split(['-', '_']).next()?;
    let numbers = version.split('.').all(|number| number.parse::<u32>().is_ok());
    (numbers && version.contains('.')).then_some(version)
}

/// The version, and each of its beginnings that ends in a dot; plain, and with dots as regular expressions escape them.
fn spellings(version: &str) -> Vec<(String, String)> {
    let before: Vec<u64> = version.split('.').filter_map(|number| number.parse().ok()).collect();
    let after: Vec<u64> = before
        .iter()
        .enumerate()
        .map(|(index, number)| number + STEPS[index.min(3)])
        .collect();
    let join = |numbers: &[u64], dot: &str| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(dot);
    let mut all = vec![(join(&before, "."), join(&after, ".")), (join(&before, "\\."), join(&after, "\\."))];
    for length in 1..before.len() {
        let part = |numbers: &[u64]| join(&numbers[..length], "\\.") + "\\.";
        all.push((part(&before), part(&after)));
    }
    all
}

fn changed(text: &str, pattern: &Regex, changes: &BTreeMap<String, String>) -> String {
    let (mut out, mut done) = (String::new(), 0);
    for found in pattern.find_iter(text) {
        if let Some(other) = changes.get(found.as_str()).filter(|_| whole(text, found.start(), found.end())) {
            out.push_str(&text[done..found.start()]);
            out.push_str(other);
            done = found.end();
        }
    }
    out.push_str(&text[done..]);
    out
}

/// Whether no number goes on before or after: `2.4.1` is in `v2.4.1`, and neither in `12.4.1` nor in `10.2.4.1` nor in `2.4.1.7`. Two numbers
/// may be anything, so they count only where a tag would stand.
fn whole(text: &str, start: usize, end: usize) -> bool {
    if text[start..end].matches('.').count() < 2 && !text[..start].ends_with([':', 'v']) {
        return false;
    }
    let before = text[..start].strip_suffix('v').unwrap_or(&text[..start]);
    let after = text[end..].strip_prefix('.').unwrap_or(&text[end..]);
    let number_after = after.len() < text.len() - end && after.starts_with(|c: char| c.is_ascii_digit());
    let expression = text[..end].ends_with('.');
    begins(text, before.len()) && !before.ends_with('.') && !number_after && (ends(text, end) || expression)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::files::File, *};

    fn retagged(value: Value) -> Value {
        let mut files = Files(vec![File {
            path: "x.yaml".into(),
            documents: vec![value],
        }]);
        retag(&mut files);
        files.0.remove(0).documents.remove(0)
    }

    #[test]
    fn a_version_is_changed_wherever_it_is_told() {
        let after = retagged(json!([
            {"image": "registry.example.com:5000/shop/cart:v2.13.2"}, {"image": "redis:7.2"},
            "rolled out v2.13.2, then 2.13.2.", "12.13.2", "10.2.13.2", "2.13.2.7", "redis:7.2 at 7.2 %", "shop/cart:2\\.13\\.[0-9]+$", ":2\\.", "2\\.13\\.2 -> "
        ]));
        assert_eq!(
            after,
            json!([
                {"image": "registry.example.com:5000/shop/cart:v13.16.9"}, {"image": "redis:18.5"},
                "rolled out v13.16.9, then 13.16.9.", "12.13.2", "10.2.13.2", "2.13.2.7", "redis:18.5 at 7.2 %", "shop/cart:13\\.16\\.[0-9]+$", ":13\\.", "13\\.16\\.9 -> "
            ])
        );
    }

    #[test]
    fn words_digests_and_single_numbers_are_no_versions() {
        for image in ["redis:7", "redis", "redis:latest", "redis@sha256:0a1", "host:5000/redis"] {
            assert_eq!(version(image), None, "{image}");
        }
        assert_eq!(version("redis:7.2.4-alpine@sha256:0a1"), Some("7.2.4"));
    }
}
