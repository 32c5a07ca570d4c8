//! A reason with `{expressions}` in it.

use crate::condition::{Expression, Scope};

/// Longest value that is put into a sentence, characters: what objects say may be long.
const MAX_INSERTED: usize = 200;

/// A compiled sentence.
#[derive(Debug)]
pub(crate) struct Text(Vec<Part>);

#[derive(Debug)]
enum Part {
    Plain(String),
    Inserted(Expression),
}

impl Text {
    /// Compiles a sentence.
    ///
    /// # Errors
    /// The expression that cannot be used.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((plain, more)) = rest.split_once('{') {
            let (expression, after) = more
                .split_once('}')
                .ok_or_else(|| format!("{source:?} opens an expression and does not close it"))?;
            parts.push(Part::Plain(plain.to_owned()));
            parts.push(Part::Inserted(Expression::new(expression.trim())?));
            rest = after;
        }
        parts.push(Part::Plain(rest.to_owned()));
        Ok(Self(parts))
    }

    /// Paths of facts that it names.
    pub(crate) fn uses(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|part| match part {
                Part::Plain(_) => None,
                Part::Inserted(expression) => Some(expression.uses()),
            })
            .flatten()
    }

    /// The sentence with the values of its expressions, on one line.
    pub(crate) fn fill(&self, scope: &Scope) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Plain(text) => out.push_str(text),
                Part::Inserted(expression) => {
                    let printable = |character: &char| !character.is_control();
                    out.extend(expression.text(scope).chars().filter(printable).take(MAX_INSERTED));
                }
            }
        }
        out
    }
}
