//! Bearer tokens.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The token of an `Authorization` header; the scheme is case-insensitive (RFC 9110).
#[must_use]
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whether `token` is one of `allowed`. Takes the same time whichever it is and wherever it differs: digests of equal
/// length are compared, all of them.
#[must_use]
pub fn is_allowed(token: &str, allowed: &[SecretString]) -> bool {
    let token = Sha256::digest(token.as_bytes());
    let matches = |known: &SecretString| Sha256::digest(known.expose_secret().as_bytes()).as_slice().ct_eq(token.as_slice());
    allowed.iter().map(matches).fold(Choice::from(0), |any, one| any | one).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configured_token_is_allowed_and_nothing_else() {
        let allowed = ["first-token", "second-token"].map(SecretString::from);
        assert!(is_allowed("first-token", &allowed) && is_allowed("second-token", &allowed));
        for wrong in ["", "first-toke", "first-token ", "FIRST-TOKEN", "third-token"] {
            assert!(!is_allowed(wrong, &allowed), "{wrong:?}");
        }
        assert!(!is_allowed("anything", &[]));
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for wrong in ["abc", "Basic abc", "Bearer", "Bearer  "] {
            assert_eq!(bearer(wrong), None, "{wrong:?}");
        }
    }
}
