//! Secrets out of text before it is kept anywhere (INV-13). It rather removes too much than too little.

/// What stands in the place of what is not shown.
pub const MASK: &str = "[redacted]";

/// Names whose value is a secret, wherever they end a word: `DB_PASSWORD=`, `"apiToken":`.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "token",
    "secret",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "access-key",
    "accesskey",
    "secret_key",
    "private_key",
    "credential",
    "credentials",
    "authorization",
    "cookie",
];

/// The text with secret values replaced.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_pem = false;
    for line in text.split_inclusive('\n') {
        if in_pem {
            in_pem = !line.contains("-----END ");
            continue;
        }
        if let Some(at) = line.find("-----BEGIN ") {
            out.push_str(&redact_line(&line[..at]));
            out.push_str(MASK);
            if let Some(end) = line.find("-----END ") {
                let rest = line[end + 9..].find("-----").map_or("", |dashes| &line[end + 9 + dashes + 5..]);
                out.push_str(&redact_line(rest));
            } else {
                in_pem = true;
                out.push('\n');
            }
            continue;
        }
        out.push_str(&redact_line(line));
    }
    out
}

/// Whether a setting of that name holds a secret.
#[must_use]
pub fn names_a_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    NAMES.iter().any(|secret| lower.ends_with(secret))
}

fn redact_line(line: &str) -> String {
    urls(&bare_tokens(&named_values(line)))
}

/// `name=value`, `name: value`, `"name":"value"`, `Authorization: Bearer value`.
fn named_values(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut out = String::with_capacity(line.len());
    let mut done = 0;
    let mut from = 0;
    while let Some((at, name)) = NAMES
        .iter()
        .filter_map(|name| lower[from..].find(name).map(|at| (from + at, *name)))
        .min_by_key(|(at, name)| (*at, std::cmp::Reverse(name.len())))
    {
        from = at + name.len();
        let Some((start, end)) = value_after(line, from, name == "authorization" || name == "cookie") else {
            continue;
        };
        if start < done {
            continue;
        }
        out.push_str(&line[done..start]);
        out.push_str(MASK);
        done = end;
        from = end;
    }
    out.push_str(&line[done..]);
    out
}

/// Start and end of the value that follows a name which ends at `at`. `whole`: the value runs to the end of the line or quote.
fn value_after(line: &str, at: usize, whole: bool) -> Option<(usize, usize)> {
    let rest = &line[at..];
    let trimmed = rest.trim_start_matches(['"', '\'', '\\']).trim_start();
    let after = trimmed.strip_prefix([':', '='])?.trim_start_matches(' ');
    let after = after.trim_start_matches('\\');
    let (after, quote) = match after.chars().next()? {
        quote @ ('"' | '\'') => (&after[1..], Some(quote)),
        _ => (after, None),
    };
    let start = line.len() - after.len();
    let length = match quote {
        Some(quote) => after.find([quote, '\\', '\n']),
        None if whole => after.find(['\n', '\r', '"']),
        None => after.find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '&' | '"' | '\'' | '}' | ')' | ']')),
    };
    let end = start + length.unwrap_or(after.len());
    (end > start).then_some((start, end))
}

/// Values that are secrets by their shape: AWS access keys, JSON web tokens, bearer values.
fn bare_tokens(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut after_bearer = false;
    for (token, border) in tokens(line) {
        let secret = after_bearer && token.len() >= 8
            || (token.len() == 20
                && (token.starts_with("AKIA") || token.starts_with("ASIA"))
                && token.bytes().all(|b| b.is_ascii_alphanumeric()))
            || (token.starts_with("eyJ") && token.matches('.').count() == 2)
            || (token.starts_with("ghp_") || token.starts_with("xoxb-") || token.starts_with("xapp-"));
        out.push_str(if secret { MASK } else { token });
        out.push_str(border);
        if !token.is_empty() {
            after_bearer = token.eq_ignore_ascii_case("bearer") || token.eq_ignore_ascii_case("basic");
        }
    }
    out
}

fn tokens(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let border = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(border).unwrap_or(rest.len());
        let next = rest[end..].find(|c| !border(c)).map_or(rest.len(), |at| end + at);
        let item = (&rest[..end], &rest[end..next]);
        rest = &rest[next..];
        Some(item)
    })
}

/// `scheme://user:password@host`.
fn urls(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let authority = &rest[at + 3..];
        let end = authority
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?'))
            .unwrap_or(authority.len());
        out.push_str(&rest[..at + 3]);
        match authority[..end].rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(MASK);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(&authority[..end]),
        }
        rest = &authority[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::redact;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let cases = [
            ("level=info password=hunter2 user=ada", "level=info password=[redacted] user=ada"),
            (r#"{"apiToken": "abc def", "n": 1}"#, r#"{"apiToken": "[redacted]", "n": 1}"#),
            ("Authorization: Bearer abc.def\nnext", "Authorization: [redacted]\nnext"),
            ("using AKIAIOSFODNN7EXAMPLE now", "using [redacted] now"),
            ("dial postgres://app:s3cret@db:5432/x", "dial postgres://[redacted]@db:5432/x"),
            ("coroutine pool size 18231", "coroutine pool size 18231"),
            ("tokens: none left", "tokens: none left"),
            (
                "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
                "a\n[redacted]\nb",
            ),
            ("curl -H 'bearer 0123456789abcdef'", "curl -H 'bearer [redacted]'"),
        ];
        for (text, expected) in cases {
            assert_eq!(redact(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_survives_any_surroundings(
            secret in "[A-Za-z0-9]{12,24}",
            name in prop::sample::select(vec!["password", "DB_PASSWORD", "token", "client_secret", "aws_secret_access_key"]),
            separator in prop::sample::select(vec!["=", ": ", "\": \"", "='"]),
            before in "[ -~\n]{0,40}",
        ) {
            // A quote before would open a value that ends at our separator; what is tested here is the name in front of it.
            prop_assume!(!before.contains("-----") && !before.to_lowercase().contains(&secret.to_lowercase()));
            let text = format!("{before} {name}{separator}{secret}\n");
            prop_assert!(!redact(&text).contains(&secret), "{}", redact(&text));
        }

        #[test]
        fn any_text_can_be_redacted(text in "\\PC{0,200}") {
            prop_assert!(redact(&text).len() <= text.len() + 20 * (text.len() + 1));
        }
    }
}
