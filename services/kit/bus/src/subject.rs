//! Subjects and filters: dot-separated tokens; in a filter `*` stands for one token and a last `>` for one or more.

/// Longest subject or filter, in bytes: keeps a protocol line of NATS (4 KiB) far away.
pub const MAX_SUBJECT_BYTES: usize = 1024;

/// A subject that was checked: no wildcards, no empty tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a>(&'a str);

impl<'a> Subject<'a> {
    /// Checks `text`; the error says what is wrong with it.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        check_tokens(text)?;
        if text.contains(['*', '>']) {
            return Err(format!("subject {text:?} has a wildcard"));
        }
        Ok(Self(text))
    }

    /// The subject as text.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// Every filter of the form `a.b.>` that matches this subject, `>` included, and the subject itself.
    pub fn enclosing_filters(&self) -> impl Iterator<Item = String> + 'a {
        let text = self.0;
        let dots = text.match_indices('.').map(move |(at, _)| format!("{}.>", &text[..at]));
        std::iter::once(">".to_owned()).chain(dots).chain(std::iter::once(text.to_owned()))
    }
}

/// Checks a filter; the error says what is wrong with it.
pub fn check_filter(filter: &str) -> Result<(), String> {
    check_tokens(filter)?;
    let mut tokens = filter.split('.').peekable();
    while let Some(token) = tokens.next() {
        if token == ">" && tokens.peek().is_some() {
            return Err(format!("filter {filter:?}: > is only allowed at the end"));
        }
        if token.len() > 1 && token.contains(['*', '>']) {
            return Err(format!("filter {filter:?}: a wildcard stands alone in its token"));
        }
    }
    Ok(())
}

fn check_tokens(text: &str) -> Result<(), String> {
    if text.len() > MAX_SUBJECT_BYTES {
        return Err(format!("subject of {} bytes, the limit is {MAX_SUBJECT_BYTES}", text.len()));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("subject {text:?}: use printable ascii without spaces"));
    }
    if text.split('.').any(str::is_empty) {
        return Err(format!("subject {text:?} has an empty token"));
    }
    Ok(())
}

/// Whether `filter` matches `subject`.
pub fn matches(filter: &str, subject: &str) -> bool {
    is_subset(subject, filter)
}

/// Whether every subject matched by `inner` (itself a subject or a filter) is matched by `outer`.
pub fn is_subset(inner: &str, outer: &str) -> bool {
    let (mut inner, mut outer) = (inner.split('.'), outer.split('.'));
    loop {
        match (inner.next(), outer.next()) {
            (None, None) => return true,
            (Some(_), Some(">")) => return true,
            (Some(i), Some("*")) if i != ">" => {}
            (Some(i), Some(o)) if i == o => {}
            (Some(_), Some(_)) | (None, Some(_)) | (Some(_), None) => return false,
        }
    }
}

/// Whether some subject is matched by both filters.
pub fn overlap(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(x), Some(y)) if x == y || x == "*" || y == "*" => {}
            (Some(_), Some(_)) | (None, Some(_)) | (Some(_), None) => return false,
        }
    }
}

/// The part of a filter before its first wildcard, ending in a dot unless the filter has no wildcard.
pub fn literal_prefix(filter: &str) -> &str {
    match filter.find(['*', '>']) {
        Some(at) => &filter[..at],
        None => filter,
    }
}

/// Whether the filter is a plain subject.
pub fn is_literal(filter: &str) -> bool {
    !filter.contains(['*', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_follows_the_wildcards() {
        let table = [
            ("a.b", "a.b", true),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("a.>", "a", false),
            ("a.>", "a.b.c", true),
            (">", "a", true),
            ("*.b.*", "a.b.c", true),
            ("*.b.*", "a.c.c", false),
            ("a.b.c", "a.b", false),
        ];
        for (filter, subject, expected) in table {
            assert_eq!(matches(filter, subject), expected, "{filter} on {subject}");
        }
    }

    #[test]
    fn subsets_and_overlaps() {
        assert!(is_subset("a.b.>", "a.>"));
        assert!(is_subset("a.*.c", "a.*.*"));
        assert!(!is_subset("a.>", "a.*"));
        assert!(!is_subset("a.>", "a.b.>"));
        assert!(overlap("a.*.c", "a.b.>"));
        assert!(overlap("*.b", "a.*"));
        assert!(!overlap("a.b", "a.c"));
        assert!(!overlap("a.>", "a"));
    }

    #[test]
    fn bad_subjects_are_named() {
        for bad in ["", ".a", "a.", "a..b", "a b", "a\n", "é"] {
            assert!(Subject::parse(bad).is_err(), "{bad:?}");
            assert!(check_filter(bad).is_err(), "{bad:?}");
        }
        for bad in ["a.>.b", "a.b*", "a.>>"] {
            assert!(check_filter(bad).is_err(), "{bad:?}");
        }
        assert!(Subject::parse("a.*").is_err());
        assert!(check_filter("a.*.>").is_ok());
    }

    #[test]
    fn enclosing_filters_all_match() {
        let subject = Subject::parse("a.b.c").expect("valid");
        let filters: Vec<_> = subject.enclosing_filters().collect();
        assert_eq!(filters, [">", "a.>", "a.b.>", "a.b.c"]);
        assert!(filters.iter().all(|f| matches(f, "a.b.c")));
    }
}
