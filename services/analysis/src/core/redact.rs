//! Secrets are taken out of text before it becomes evidence.

/// Words after which a value must not be repeated, lower case; the same as those of the executor's redaction.
const NAMES: [&str; 17] = [
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

/// What stands in a secret's place.
const MASK: &str = "[redacted]";

/// The text with values of secret-looking names, bearer tokens, URL passwords, JWTs and private keys masked.
#[must_use]
pub fn redact(text: &str) -> String {
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY") {
        return MASK.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut hide_next = 0;
    for piece in text.split_inclusive(|c: char| c.is_whitespace()) {
        let word = piece.trim_end();
        let space = &piece[word.len()..];
        let lower = word.to_lowercase();
        if hide_next > 0 && !word.is_empty() {
            hide_next -= 1;
            // `Authorization: Bearer abc`: the scheme stays, what follows goes
            if matches!(lower.as_str(), "bearer" | "basic" | "=" | ":") {
                out.push_str(word);
                hide_next = 1;
            } else {
                out.push_str(MASK);
            }
        } else if let Some(at) = assigned(&lower) {
            out.push_str(&word[..at]);
            if at == word.len() {
                hide_next = 1;
            } else {
                out.push_str(MASK);
            }
        } else if matches!(lower.as_str(), "bearer" | "basic") {
            out.push_str(word);
            hide_next = 1;
        } else if looks_like_jwt(word) {
            out.push_str(MASK);
        } else {
            out.push_str(&without_url_password(word));
        }
        out.push_str(space);
    }
    out
}

/// Where the value of `name=value` or `"name":"value"` begins, when the name is a secret's.
fn assigned(lower: &str) -> Option<usize> {
    let at = lower.find(['=', ':'])?;
    if lower[at..].starts_with("://") {
        return None;
    }
    NAMES.iter().any(|name| lower[..at].contains(name)).then_some(at + 1)
}

fn looks_like_jwt(word: &str) -> bool {
    word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).starts_with("eyJ") && word.matches('.').count() >= 2
}

fn without_url_password(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let Some((user, host)) = authority.rsplit_once('@') else {
        return word.to_owned();
    };
    let Some((user, _)) = user.split_once(':') else {
        return word.to_owned();
    };
    format!("{scheme}://{user}:{MASK}@{host}{}", &rest[authority.len()..])
}
