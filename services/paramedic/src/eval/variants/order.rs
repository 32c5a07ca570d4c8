//! Another order where order means nothing: alerts of a post, objects, events, series, traces, conditions, lines of one time.

use rand::{rngs::StdRng, seq::SliceRandom};
use serde_json::Value;

use super::files::{File, Files};

/// Lists inside of objects whose order means nothing. That of containers does: the first one is the main one.
const LOOSE: [&str; 7] = [
    "conditions",
    "containerStatuses",
    "endpoints",
    "items",
    "ownerReferences",
    "subsets",
    "tolerations",
];

/// Shuffles them.
pub fn shuffle(files: &mut Files, chance: &mut StdRng) {
    for file in &mut files.0 {
        if file.is("truth.yaml") {
            continue;
        }
        if file.is("loki.jsonl") {
            lines(file, chance);
        } else {
            // Documents of a file of objects; any other file has one.
            file.documents.shuffle(chance);
        }
        let whole = file.is("events.json");
        for document in &mut file.documents {
            match document {
                Value::Array(events) if whole => events.shuffle(chance),
                // Posts keep their order.
                Value::Array(posts) => posts.iter_mut().for_each(|post| inside(post, chance)),
                other => inside(other, chance),
            }
        }
    }
}

fn inside(value: &mut Value, chance: &mut StdRng) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|value| inside(value, chance)),
        Value::Object(map) => {
            for (name, value) in map {
                inside(value, chance);
                let loose = LOOSE.contains(&name.as_str()) || ["alerts", "series", "traces"].contains(&name.as_str());
                if let Value::Array(all) = value
                    && loose
                {
                    all.shuffle(chance);
                }
            }
        }
        _ => {}
    }
}

/// Lines of one time, wherever in the file they stand, change places.
fn lines(file: &mut File, chance: &mut StdRng) {
    file.documents.shuffle(chance);
    file.documents
        .sort_by(|a, b| a["ts"].as_str().unwrap_or_default().cmp(b["ts"].as_str().unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;

    fn shuffled(path: &str, documents: Vec<Value>) -> Vec<Value> {
        let path = path.into();
        let mut files = Files(vec![File { path, documents }]);
        shuffle(&mut files, &mut StdRng::seed_from_u64(2));
        files.0.remove(0).documents
    }

    #[test]
    fn alerts_change_places_within_their_post_and_posts_do_not() {
        let post = |from: u32| json!({"alerts": (from..from + 20).collect::<Vec<_>>()});
        let posts = shuffled("alerts.json", vec![json!([post(0), post(20)])]).remove(0);
        let numbers = |index: usize| posts[index]["alerts"].as_array().unwrap().clone();
        assert_ne!(posts, json!([post(0), post(20)]));
        assert!(numbers(0).iter().all(|number| number.as_u64() < Some(20)) && numbers(1).len() == 20);
    }

    #[test]
    fn containers_keep_their_order_and_conditions_do_not() {
        let many: Vec<u32> = (0..20).collect();
        let object = json!({"spec": {"containers": many}, "status": {"conditions": many}});
        let after = shuffled("cluster/a.yaml", vec![object]).remove(0);
        assert_eq!(after["spec"]["containers"], json!(many));
        assert_ne!(after["status"]["conditions"], json!(many));
    }

    #[test]
    fn lines_stay_in_the_order_of_their_times() {
        let line = |second: u32, number: u32| json!({"ts": format!("2026-03-02T14:00:{second:02}Z"), "line": number});
        let before: Vec<Value> = (0..30).map(|number| line(number / 10, number)).collect();
        let after = shuffled("loki.jsonl", before.clone());
        assert_ne!(after, before);
        assert!(after.windows(2).all(|pair| pair[0]["ts"].as_str() <= pair[1]["ts"].as_str()));
    }
}
