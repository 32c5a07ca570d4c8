//! Names of namespaces in settings: a whole name, or the beginning of one with `*`.

/// Whether a name is meant by a pattern.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

/// What is wrong with patterns, in a sentence.
///
/// # Errors
/// The first that is no name and no beginning of one.
pub fn check(patterns: &[String]) -> Result<(), String> {
    let bad = |pattern: &&String| pattern.is_empty() || pattern.trim_end_matches('*').contains('*');
    match patterns.iter().find(bad) {
        None => Ok(()),
        Some(pattern) => Err(format!("{pattern:?} is no name and no beginning of one (a * only at the end)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_the_rest_of_a_name() {
        assert!(fits("shop", "shop") && fits("shop*", "shop-eu") && fits("*", "any"));
        assert!(!fits("shop", "shop-eu") && !fits("shop*", "a-shop"));
        assert!(check(&["shop".into(), "pay*".into()]).is_ok());
        assert!(check(&["a*b".into()]).is_err() && check(&[String::new()]).is_err());
    }
}
