//! What a sender presents in its `Authorization` header.

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Credentials that a header holds.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A bearer token.
    Bearer(SecretString),
    /// `user:password`.
    Basic(SecretString),
}

/// The credentials of an `Authorization` header; the scheme is case-insensitive (RFC 9110).
#[must_use]
pub fn read(authorization: &str) -> Option<Credential> {
    let (scheme, value) = authorization.split_once(' ')?;
    let value = value.trim();
    if value.is_empty() {
        None
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Some(Credential::Bearer(value.into()))
    } else if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
        Some(Credential::Basic(pair.into()))
    } else {
        None
    }
}

/// The user of a `user:password` pair.
#[must_use]
pub fn user(pair: &SecretString) -> &str {
    let pair = pair.expose_secret();
    pair.split_once(':').map_or(pair, |(user, _)| user)
}

/// Whether `secret` is one of `allowed`. Takes the same time whichever it is and wherever it differs: digests of equal
/// length are compared, all of them.
#[must_use]
pub fn is_allowed<'a>(secret: &SecretString, allowed: impl IntoIterator<Item = &'a SecretString>) -> bool {
    let digest = Sha256::digest(secret.expose_secret().as_bytes());
    let matches = |known: &SecretString| Sha256::digest(known.expose_secret().as_bytes()).as_slice().ct_eq(digest.as_slice());
    allowed.into_iter().map(matches).fold(Choice::from(0), |any, one| any | one).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(secret: &str, allowed: &[SecretString]) -> bool {
        is_allowed(&secret.into(), allowed)
    }

    #[test]
    fn every_configured_secret_is_allowed_and_nothing_else() {
        let allowed = ["first-token", "second-token"].map(SecretString::from);
        assert!(allows("first-token", &allowed) && allows("second-token", &allowed));
        for wrong in ["", "first-toke", "first-token ", "FIRST-TOKEN", "third-token"] {
            assert!(!allows(wrong, &allowed), "{wrong:?}");
        }
        assert!(!allows("anything", &[]));
    }

    #[test]
    fn both_schemes_are_read_in_any_case() {
        let bearer = |text| matches!(read(text), Some(Credential::Bearer(token)) if token.expose_secret() == "abc");
        assert!(bearer("Bearer abc") && bearer("bearer  abc "));
        let basic = |text| matches!(read(text), Some(Credential::Basic(pair)) if pair.expose_secret() == "ann:pass:word");
        assert!(basic("Basic YW5uOnBhc3M6d29yZA==") && basic("BASIC YW5uOnBhc3M6d29yZA=="));
        for wrong in ["abc", "Digest abc", "Bearer", "Bearer  ", "Basic %%%", "Basic /w==", ""] {
            assert!(read(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn credentials_are_not_printed() {
        assert!(!format!("{:?}", read("Bearer secret-token")).contains("secret-token"));
    }
}
