//! Paths in an object, by name.

use serde_json::{Map, Value};

/// A path of member names and list positions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<String>);

impl Path {
    /// A path of these members.
    pub fn new<S: Into<String>>(tokens: impl IntoIterator<Item = S>) -> Self {
        Self(tokens.into_iter().map(Into::into).collect())
    }

    /// This path, longer.
    #[must_use]
    pub fn join<S: Into<String>>(&self, tokens: impl IntoIterator<Item = S>) -> Self {
        Self(self.0.iter().cloned().chain(tokens.into_iter().map(Into::into)).collect())
    }

    /// As RFC 6901 writes it.
    #[must_use]
    pub fn pointer(&self) -> String {
        self.0
            .iter()
            .map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1")))
            .collect()
    }

    /// One level up.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, parents) = self.0.split_last()?;
        Some(Self(parents.to_vec()))
    }

    /// The value there.
    #[must_use]
    pub fn read<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        object.pointer(&self.pointer())
    }

    /// Whether `other` is this path or above it.
    #[must_use]
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The shallowest part of this path that `object` does not have.
    #[must_use]
    pub fn shallowest_missing(&self, object: &Value) -> Option<Self> {
        (1..=self.0.len())
            .map(|n| Self(self.0[..n].to_vec()))
            .find(|part| part.read(object).is_none())
    }

    /// The paths above this one, the shallowest first.
    pub fn above(&self) -> impl Iterator<Item = Self> {
        (1..self.0.len()).map(|n| Self(self.0[..n].to_vec()))
    }

    /// Whether its last part may be a position in a list.
    #[must_use]
    pub fn ends_in_a_number(&self) -> bool {
        self.0.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Its last part.
    #[must_use]
    pub fn called(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }

    /// Whether what changes there is told value by value: in pod templates, and the taints of nodes.
    #[must_use]
    pub fn detailed(&self) -> bool {
        matches!(self.0.as_slice(), [spec, part, ..] if spec == "spec" && (part == "template" || part == "taints"))
    }

    /// Whether the values below change without anybody's doing: the object itself, its `metadata` and `metadata.annotations`,
    /// and its `spec`, where autoscalers write the replicas.
    #[must_use]
    pub fn volatile(&self) -> bool {
        match self.0.as_slice() {
            [] => true,
            [only] => only == "metadata" || only == "spec",
            [first, _] => first == "metadata",
            [_, _, _, ..] => false,
        }
    }

    /// Writes (or removes) a value, creating objects on the way.
    ///
    /// # Errors
    /// The path, when a value on the way is neither an object nor a list that is long enough.
    pub fn write(&self, object: &mut Value, value: Option<Value>) -> Result<(), String> {
        let refused = || self.pointer();
        let Some((last, parents)) = self.0.split_last() else {
            return Err(refused());
        };
        let mut place = object;
        for token in parents {
            place = match place {
                Value::Object(members) => {
                    if value.is_none() && !members.contains_key(token) {
                        return Ok(());
                    }
                    members.entry(token.clone()).or_insert_with(|| Value::Object(Map::new()))
                }
                Value::Array(items) => token
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get_mut(index))
                    .ok_or_else(refused)?,
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(refused()),
            };
        }
        match (place, value) {
            (Value::Object(members), Some(value)) => {
                members.insert(last.clone(), value);
            }
            (Value::Object(members), None) => {
                members.remove(last);
            }
            (Value::Array(items), Some(value)) => {
                let index = last.parse::<usize>().map_err(|_| refused())?;
                *items.get_mut(index).ok_or_else(refused)? = value;
            }
            (Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => return Err(refused()),
        }
        Ok(())
    }
}
