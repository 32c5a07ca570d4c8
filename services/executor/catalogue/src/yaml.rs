//! One value of a YAML file is replaced, and not a character besides: comments, order and quotes stay as they are.
//!
//! The parser says where the value is; the line is edited as text; then the result is read again and must differ from
//! what was there in exactly that value. Whatever cannot be done like this is refused.

mod tree;
mod write;

#[cfg(test)]
mod tests;

use serde_json::Value;

use self::{
    tree::{Kind, Tree, documents},
    write::rendered,
};

/// Why a file cannot be changed: a sentence with the path in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unfit(pub(crate) String);

/// The file with every `(path, value)` replaced. A path is a key of a ConfigMap's `data`, a key of the
/// file itself, a dotted path (`spec.template.spec.containers[0].image`, `containers[name=app]`), or a JSON pointer.
///
/// # Errors
/// When the file cannot be read, when a path is in none or several of its documents, or when a value is not a plain one.
pub(crate) fn replace<'a>(text: &str, patch: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Result<String, Unfit> {
    if documents(text)?.iter().any(|document| document.text("kind") == Some("Secret")) {
        return Err(Unfit("the file holds a Secret: it would be in the plan for all to read".into()));
    }
    let mut text = text.to_owned();
    for (path, value) in patch {
        text = replace_one(&text, path, value)?;
    }
    Ok(text)
}

fn replace_one(text: &str, path: &str, value: &Value) -> Result<String, Unfit> {
    let before = documents(text)?;
    let mut found: Vec<(usize, Vec<usize>)> = before
        .iter()
        .enumerate()
        .filter_map(|(index, document)| Some((index, locate(document, path)?)))
        .collect();
    let (document, place) = match (found.pop(), found.len()) {
        (None, _) => {
            return Err(Unfit(format!(
                "{path} is not in the file: only values that are there can be changed"
            )));
        }
        (Some(only), 0) => only,
        (Some(_), more) => {
            return Err(Unfit(format!(
                "{path} is in {} documents of the file: it is not clear which is meant",
                more + 1
            )));
        }
    };
    let unclear = |why: &str| Unfit(format!("{path} cannot be changed exactly: {why}"));
    let node = before[document].at(&place).ok_or_else(|| unclear("it was lost"))?;
    let Kind::Scalar(scalar) = &node.kind else {
        return Err(unclear("it is not a single value"));
    };
    if node.anchor != 0 {
        return Err(unclear("it has an anchor, other places of the file would change with it"));
    }
    let (start, end) = scalar
        .span(text)
        .ok_or_else(|| unclear("it runs over several lines or has a tag"))?;
    let (written, after) = rendered(scalar, value).map_err(|why| unclear(&why))?;
    let mut edited = String::with_capacity(text.len() + written.len());
    edited.push_str(&text[..start]);
    edited.push_str(&written);
    edited.push_str(&text[end..]);
    let mut expected = before.clone();
    if let Some(place) = expected[document].at_mut(&place)
        && let Kind::Scalar(scalar) = &mut place.kind
    {
        scalar.become_value(after);
    }
    let seen = documents(&edited).map_err(|problem| unclear(&problem.0))?;
    let same = seen.len() == expected.len() && seen.iter().zip(&expected).all(|(one, other)| one.reads_as(other));
    if !same {
        return Err(unclear("more than that value would change"));
    }
    Ok(edited)
}

/// Where a path leads in a document, as the numbers of children.
fn locate(document: &Tree, path: &str) -> Option<Vec<usize>> {
    if let Some(pointer) = path.strip_prefix('/') {
        let names: Vec<String> = pointer.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        return document.follow(names.iter().map(String::as_str));
    }
    // Keys of a ConfigMap often have dots in them, so the whole path is tried as a key first.
    document
        .follow(["data", path])
        .filter(|_| document.text("kind") == Some("ConfigMap"))
        .or_else(|| document.follow([path]))
        .or_else(|| {
            let names = dotted(path)?;
            document.follow(names.iter().map(String::as_str))
        })
}

/// `spec.containers[0].image` and `spec.containers[name=app].image` as names: `spec`, `containers`, `0` or `name=app`, `image`.
fn dotted(path: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for part in path.split('.') {
        let (name, mut rest) = part.find('[').map_or((part, ""), |at| part.split_at(at));
        names.push(name.to_owned());
        while let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']')?;
            names.push(index.to_owned());
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(names)
}
