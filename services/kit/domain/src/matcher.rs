//! Matchers of labels, as Alertmanager has them: `name=value`, `!=`, `=~` and `!~`. A label that is missing is `""`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// Longest name or value, bytes.
const MAX_LENGTH: usize = 1024;
/// Largest compiled pattern, bytes; a pattern of a hundred alternatives takes a tenth.
const MAX_COMPILED: usize = 256 << 10;

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`: the pattern matches the whole value.
    Matches,
    /// `!~`
    MatchesNot,
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }
}

/// One matcher.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Matcher {
    name: String,
    comparison: Comparison,
    value: String,
    pattern: Option<Regex>,
}

/// A text that is no matcher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no matcher: {problem}")]
pub struct NotAMatcher {
    /// Its beginning.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Matcher {
    /// A matcher of its parts.
    ///
    /// # Errors
    /// When a part is too long, the name is empty, or the pattern is none.
    pub fn new(name: &str, comparison: Comparison, value: &str) -> Result<Self, NotAMatcher> {
        let refused = |problem: String| NotAMatcher {
            text: format!("{name}{}{value}", comparison.sign()).chars().take(80).collect(),
            problem,
        };
        if name.is_empty() || name.len() > MAX_LENGTH || value.len() > MAX_LENGTH {
            return Err(refused(format!(
                "name and value have at most {MAX_LENGTH} bytes, and the name at least 1"
            )));
        }
        let pattern = match comparison {
            Comparison::Equal | Comparison::NotEqual => None,
            Comparison::Matches | Comparison::MatchesNot => {
                let anchored = RegexBuilder::new(&format!("^(?:{value})$")).size_limit(MAX_COMPILED).build();
                Some(anchored.map_err(|error| refused(format!("the pattern cannot be used: {error}")))?)
            }
        };
        Ok(Self {
            name: name.to_owned(),
            comparison,
            value: value.to_owned(),
            pattern,
        })
    }

    /// Whether labels are as it wants them.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        let is_like = match &self.pattern {
            Some(pattern) => pattern.is_match(value),
            None => value == self.value,
        };
        match self.comparison {
            Comparison::Equal | Comparison::Matches => is_like,
            Comparison::NotEqual | Comparison::MatchesNot => !is_like,
        }
    }

    /// Whether it matches alerts without any label: then it alone may be about everything.
    #[must_use]
    pub fn matches_empty(&self) -> bool {
        self.matches(&BTreeMap::new())
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.comparison, &self.value) == (&other.name, other.comparison, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
        write!(f, "{}{}\"{value}\"", self.name, self.comparison.sign())
    }
}

impl FromStr for Matcher {
    type Err = NotAMatcher;

    /// Reads `name=value`, the value in quotes or not.
    fn from_str(text: &str) -> Result<Self, NotAMatcher> {
        let refused = |problem: &str| NotAMatcher {
            text: text.chars().take(80).collect(),
            problem: problem.to_owned(),
        };
        let (name, rest) = text
            .find(['=', '!'])
            .map(|at| text.split_at(at))
            .ok_or_else(|| refused("write name=value, name!=value, name=~pattern or name!~pattern"))?;
        let signs = [Comparison::Matches, Comparison::MatchesNot, Comparison::NotEqual, Comparison::Equal];
        let (comparison, value) = signs
            .into_iter()
            .find_map(|comparison| Some((comparison, rest.strip_prefix(comparison.sign())?)))
            .ok_or_else(|| refused("between name and value stands =, !=, =~ or !~"))?;
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            None => value.to_owned(),
            Some(quoted) => unquoted(quoted).ok_or_else(|| refused("the quotes of the value are not closed at its end"))?,
        };
        Self::new(name.trim(), comparison, &value)
    }
}

/// What stands between quotes, the first of which is gone.
fn unquoted(text: &str) -> Option<String> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(value),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                // As in a pattern: `\d`.
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.to_string()
    }
}

impl TryFrom<String> for Matcher {
    type Error = NotAMatcher;

    fn try_from(text: String) -> Result<Self, NotAMatcher> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(matcher: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        matcher.parse::<Matcher>().unwrap().matches(&labels)
    }

    #[test]
    fn labels_are_compared_as_alertmanager_does() {
        for (matcher, value, expected) in [
            ("severity=page", "page", true),
            ("severity = \"page\"", "page", true),
            ("severity=page", "pages", false),
            ("severity!=page", "info", true),
            ("severity=~\"page|info\"", "info", true),
            ("severity=~pag", "page", false),
            ("severity=~pa.*", "page", true),
            ("severity!~pa.*", "page", false),
            (r#"severity=~"\d+""#, "12", true),
            (r#"severity="a\"b\\c""#, r#"a"b\c"#, true),
        ] {
            assert_eq!(matches(matcher, &[("severity", value)]), expected, "{matcher} {value}");
        }
    }

    #[test]
    fn a_missing_label_is_empty() {
        assert!(matches("team=", &[]) && matches("team!=a", &[]) && matches("team=~a?", &[]));
        assert!(!matches("team=a", &[]) && !matches("team=~.+", &[]) && !matches("team!=\"\"", &[]));
    }

    #[test]
    fn a_matcher_reads_as_it_is_written() {
        for text in ["a=b", r#"a=~"x\d \"y\" \\z""#, "a!=", "a!~b|c", "dotted.name=x"] {
            let matcher: Matcher = text.parse().unwrap();
            assert_eq!(matcher.to_string().parse::<Matcher>().unwrap(), matcher, "{text}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused() {
        for text in [
            "",
            "a",
            "=b",
            "a!b",
            r#"a="b"#,
            r#"a="b"c"#,
            "a=~(",
            "a=~((x{1,200}){1,200}){1,200}",
        ] {
            assert!(text.parse::<Matcher>().is_err(), "{text}");
        }
        assert!(format!("a={}", "x".repeat(2000)).parse::<Matcher>().is_err());
    }
}
