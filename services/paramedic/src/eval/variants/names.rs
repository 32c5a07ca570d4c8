//! Other names: each word of `rename` becomes a word that nothing says anything about.

use std::collections::BTreeSet;

use super::{begins, ends, files::Files, texts};
use rand::{Rng, rngs::StdRng};
use regex::Regex;

/// Replaces the words everywhere, in one pass: what was put in is not replaced again.
pub fn rename(files: &mut Files, words: &[String], chance: &mut StdRng) {
    let mut words = words.to_vec();
    // The longer ones first: `checkout-api` is not `checkout` with something behind it.
    words.sort_by_key(|word| (std::cmp::Reverse(word.len()), word.clone()));
    words.dedup();
    if words.is_empty() {
        return;
    }
    let others = others(&words, &whole_text(files), chance);
    let patterns: Vec<String> = words.iter().map(|word| regex::escape(word)).collect();
    let Ok(pattern) = Regex::new(&patterns.join("|")) else { return };
    let pairs: Vec<(&String, &String)> = words.iter().zip(&others).collect();
    for document in files.documents() {
        texts(document, &|text| replaced(text, &pattern, &pairs));
    }
}

/// The text with each whole word replaced. Where a longer word is not whole, a shorter one that begins there may be.
fn replaced(text: &str, pattern: &Regex, pairs: &[(&String, &String)]) -> String {
    let (mut out, mut done) = (String::new(), 0);
    while let Some(found) = pattern.find_at(text, done) {
        let start = found.start();
        let whole = |word: &str| text[start..].starts_with(word) && ends(text, start + word.len());
        out.push_str(&text[done..start]);
        match pairs.iter().find(|(word, _)| begins(text, start) && whole(word)) {
            Some((word, other)) => {
                out.push_str(other);
                done = start + word.len();
            }
            None => {
                let next = text[start..].chars().next();
                out.extend(next);
                done = start + next.map_or(1, char::len_utf8);
            }
        }
    }
    out.push_str(&text[done..]);
    out
}

fn whole_text(files: &mut Files) -> String {
    files
        .documents()
        .map(|document| document.to_string())
        .collect::<Vec<_>>()
        .join("\n")
}

/// As many words, each a label of DNS (of as many labels as before), of another length than before, and nowhere in the case.
fn others(words: &[String], text: &str, chance: &mut StdRng) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut one = |word: &String| {
        loop {
            let labels: Vec<String> = word.split('.').map(|_| label(chance)).collect();
            let other = labels.join(".");
            if other.len() != word.len() && !text.contains(&other) && taken.insert(other.clone()) {
                return other;
            }
        }
    };
    words.iter().map(&mut one).collect()
}

/// Two to five syllables that mean nothing.
fn label(chance: &mut StdRng) -> String {
    const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
    const VOWELS: &[u8] = b"aeiou";
    let syllables = chance.random_range(2..=5);
    (0..syllables)
        .flat_map(|_| [CONSONANTS, VOWELS])
        .map(|letters| char::from(letters[chance.random_range(0..letters.len())]))
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::{Value, json};

    use super::{super::files::File, *};

    fn renamed(words: &[&str], value: Value) -> (Value, Value) {
        let file = |path: &str, value| File {
            path: path.into(),
            documents: vec![value],
        };
        let mut files = Files(vec![file("truth.yaml", json!({"rename": words})), file("x.json", value)]);
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        rename(&mut files, &words, &mut StdRng::seed_from_u64(1));
        let mut all = files.0.into_iter().map(|mut file| file.documents.remove(0));
        (all.next().unwrap()["rename"].clone(), all.next().unwrap())
    }

    #[test]
    fn whole_words_are_replaced_everywhere_and_parts_of_words_are_not() {
        let (others, value) = renamed(
            &["shop", "shop-api"],
            json!({"shop": ["workshop", "shop-api-7d9f", "a/shop/b", "shops", "SHOP", "\\bshop\\b", "shop_db"]}),
        );
        let (shop, api) = (others[0].as_str().unwrap(), others[1].as_str().unwrap());
        assert!(shop.len() != 4 && api.len() != 8 && shop != api);
        assert_eq!(
            value,
            json!({shop: ["workshop", format!("{api}-7d9f"), format!("a/{shop}/b"), "shops", "SHOP", format!("\\b{shop}\\b"), format!("{shop}_db")]})
        );
    }

    #[test]
    fn a_shorter_word_is_found_where_a_longer_one_is_not_whole() {
        let (others, value) = renamed(&["cart", "cart-db"], json!("cart-db2 cart-db"));
        let (cart, db) = (others[0].as_str().unwrap(), others[1].as_str().unwrap());
        assert_eq!(value, json!(format!("{cart}-db2 {db}")));
    }

    #[test]
    fn a_host_stays_a_host() {
        let (others, _) = renamed(&["registry.example.com"], json!("registry.example.com/x"));
        assert_eq!(others[0].as_str().unwrap().split('.').count(), 3);
    }
}
