//! Who cancels.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tonic::{Status, metadata::MetadataMap};

use crate::config::Operator;

/// The caller's identity: of its bearer token once there are operators, else what it says of itself.
pub(super) fn verified(operators: &[Operator], metadata: &MetadataMap, claimed: &str) -> Result<String, Status> {
    if operators.is_empty() {
        let claimed = claimed.trim();
        if claimed.is_empty() || claimed.len() > 200 || claimed.chars().any(char::is_control) {
            return Err(Status::invalid_argument("by: must name a person or program, at most 200 bytes"));
        }
        return Ok(claimed.to_owned());
    }
    let token = metadata
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Status::unauthenticated("a bearer token is needed: metadata `authorization: Bearer <token>`"))?;
    let given = Sha256::digest(token.as_bytes());
    // Every token is compared, in the same time wherever it differs.
    let mut found = None;
    for operator in operators {
        let known = Sha256::digest(operator.token.expose_secret().as_bytes());
        if known.as_slice().ct_eq(given.as_slice()).into() {
            found = Some(operator);
        }
    }
    found
        .map(|operator| operator.identity.clone())
        .ok_or_else(|| Status::unauthenticated("the bearer token is none of console.operators"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(value: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", value.parse().unwrap());
        metadata
    }

    #[test]
    fn with_operators_only_the_token_counts() {
        let operators = [Operator {
            identity: "ann".into(),
            token: "0123456789abcdef".into(),
        }];
        assert_eq!(verified(&operators, &metadata("Bearer 0123456789abcdef"), "eve").unwrap(), "ann");
        assert!(verified(&operators, &metadata("Bearer nonsense"), "ann").is_err());
        assert!(verified(&operators, &MetadataMap::new(), "ann").is_err());
    }

    #[test]
    fn without_operators_the_name_must_be_one() {
        assert_eq!(verified(&[], &MetadataMap::new(), " ann ").unwrap(), "ann");
        assert!(verified(&[], &MetadataMap::new(), " ").is_err());
        assert!(verified(&[], &MetadataMap::new(), "a\nb").is_err());
    }
}
