//! Patterns of names in configuration: `*` is any text, `?` any one character.

use regex::Regex;

/// Longest pattern, characters: a Kubernetes name has at most 253.
const MAX_LENGTH: usize = 300;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Glob(Regex);

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// A sentence when it is empty or longer than 300 characters.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if pattern.is_empty() || pattern.chars().count() > MAX_LENGTH {
            return Err(format!(
                "{pattern:?} is no pattern: write 1 to {MAX_LENGTH} characters, * for any text, ? for any one"
            ));
        }
        let escaped = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
        let anchored = Regex::new(&format!("^(?s:{escaped})$"));
        anchored.map(Self).map_err(|error| format!("{pattern:?} is no pattern: {error}"))
    }

    /// Whether all of `text` is of the pattern.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_are_the_only_special_characters() {
        for (pattern, text, matches) in [
            ("shop", "shop", true),
            ("shop", "shop-2", false),
            ("shop", "my-shop", false),
            ("shop-*", "shop-", true),
            ("shop-*", "shop-eu-1", true),
            ("*", "", true),
            ("team-?", "team-a", true),
            ("team-?", "team-ab", false),
            ("a.c", "abc", false),
            ("a|b", "a", false),
            ("(a)+", "aa", false),
            (r"\d", "1", false),
        ] {
            assert_eq!(Glob::new(pattern).unwrap().matches(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert!(Glob::new("").is_err());
        assert!(Glob::new(&"a".repeat(301)).is_err());
    }
}
