//! Who calls a gRPC service.

use jiff::Timestamp;
use paramedic_domain::people::Role;
use paramedic_people::{Directory, Place, Standing};
use tonic::{Status, metadata::MetadataMap};

/// Longest identity that is taken on somebody's word, characters.
const MAX_IDENTITY: usize = 200;

/// The caller's standing: that of its bearer token's owner. Only where no people are configured it is who it claims to be.
///
/// # Errors
/// `UNAUTHENTICATED` for a missing or unknown token, `INVALID_ARGUMENT` for a claim that is no identity.
#[allow(clippy::result_large_err, reason = "tonic's own")]
pub fn caller(people: &Directory, metadata: &MetadataMap, claimed: &str, now: Timestamp) -> Result<Standing, Status> {
    if people.is_unchecked() {
        let claimed = claimed.trim();
        if claimed.is_empty() || claimed.chars().count() > MAX_IDENTITY || claimed.chars().any(char::is_control) {
            return Err(Status::invalid_argument(
                "by: must name a person or program (an address or user name of printable characters, at most 200)",
            ));
        }
        return Ok(Standing::unchecked(claimed));
    }
    people
        .by_token(bearer(metadata)?, now)
        .map_err(|unknown| Status::unauthenticated(unknown.to_string()))
}

/// The caller, if it has a role there; nowhere in particular: anywhere.
///
/// # Errors
/// As [`caller`], and `PERMISSION_DENIED`.
#[allow(clippy::result_large_err, reason = "tonic's own")]
pub fn permitted(who: Standing, role: Role, place: Option<&Place<'_>>) -> Result<Standing, Status> {
    let (has, where_) = match place {
        Some(place) => (who.has(role, place), place.to_string()),
        None => (who.has_anywhere(role), "some namespace".to_owned()),
    };
    if has {
        Ok(who)
    } else {
        Err(Status::permission_denied(format!(
            "{} may not do that: it takes the role {role} in {where_}, which the people file does not give",
            who.id
        )))
    }
}

/// The bearer token of a call.
///
/// # Errors
/// `UNAUTHENTICATED` when there is none.
#[allow(clippy::result_large_err, reason = "tonic's own")]
pub fn bearer(metadata: &MetadataMap) -> Result<&str, Status> {
    metadata
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Status::unauthenticated("a bearer token is needed: metadata `authorization: Bearer <token>`"))
}

#[cfg(test)]
mod tests {
    use paramedic_people::token_hash;
    use tonic::Code;

    use super::*;

    fn metadata(value: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", value.parse().unwrap());
        metadata
    }

    #[test]
    fn a_token_says_who_calls_whatever_the_request_claims() {
        let people = format!("people: [{{id: ann, tokens: [\"{}\"]}}]", token_hash("token-of-ann"));
        let people = Directory::parse(&people).unwrap();
        let call = |metadata: &MetadataMap| caller(&people, metadata, "eve", Timestamp::UNIX_EPOCH);
        assert_eq!(call(&metadata("bearer token-of-ann")).unwrap().id, "ann");
        assert_eq!(call(&metadata("Bearer token-of-bob")).unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(call(&metadata("Basic token-of-ann")).unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(call(&MetadataMap::new()).unwrap_err().code(), Code::Unauthenticated);
    }

    #[test]
    fn without_people_a_caller_is_taken_at_its_word_if_that_is_a_name() {
        let call = |claimed: &str| caller(&Directory::unchecked(), &MetadataMap::new(), claimed, Timestamp::UNIX_EPOCH);
        assert_eq!(call(" ann ").unwrap().id, "ann");
        for nobody in [" ", "a\nb", &"x".repeat(201)] {
            assert_eq!(call(nobody).unwrap_err().code(), Code::InvalidArgument);
        }
    }
}
