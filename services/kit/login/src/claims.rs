//! Who an ID token is about. Its signature, issuer, audience, time and nonce have been checked before.

use serde_json::{Map, Value};

use crate::Config;

/// Longest identity, characters: as long as others that the people file may hold.
const MAX_IDENTITY: usize = 200;

/// Somebody, as the provider knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) identity: String,
    pub(crate) subject: String,
    pub(crate) groups: Vec<String>,
}

/// Why an ID token that is genuine is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Useless {
    #[error("the ID token has no claim {0:?} that could be an identity")]
    NoIdentity(String),
    #[error("the provider has not verified the address of {0:?}")]
    Unverified(String),
    #[error("the ID token is for the use of another client: {0:?}")]
    OtherParty(String),
}

/// Reads the claims that we use.
pub(crate) fn person(claims: &Map<String, Value>, config: &Config) -> Result<Person, Useless> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if let Some(party) = text("azp").filter(|party| *party != config.client_id) {
        return Err(Useless::OtherParty(party.to_owned()));
    }
    let usable = |name: &str| text(name).map(str::trim).filter(|value| printable(value));
    let missing = |name: &str| Useless::NoIdentity(name.to_owned());
    let subject = usable("sub").ok_or_else(|| missing("sub"))?.to_owned();
    let identity = usable(&config.identity_claim).ok_or_else(|| missing(&config.identity_claim))?;
    if config.identity_claim == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err(Useless::Unverified(subject));
    }
    Ok(Person {
        identity: identity.to_owned(),
        subject,
        groups: groups(claims.get(&config.groups_claim)),
    })
}

fn printable(value: &str) -> bool {
    !value.is_empty() && value.chars().count() <= MAX_IDENTITY && !value.chars().any(char::is_control)
}

/// A list of texts, or one text. Anything else names no group: fewer groups are fewer rights.
fn groups(claim: Option<&Value>) -> Vec<String> {
    let texts = match claim {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(value)) => vec![value.as_str()],
        _ => vec![],
    };
    texts.into_iter().filter(|group| printable(group)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::example;

    fn read(claims: Value, change: fn(&mut Config)) -> Result<Person, Useless> {
        let mut config = example();
        change(&mut config);
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        person(&claims, &config)
    }

    #[test]
    fn an_address_counts_once_it_is_verified() {
        let claims = |verified: Value| json!({"sub": "1", "email": "ann@example.com", "email_verified": verified, "groups": ["sre"]});
        let ann = read(claims(json!(true)), |_| ()).unwrap();
        assert_eq!(
            (ann.identity.as_str(), ann.subject.as_str(), ann.groups),
            ("ann@example.com", "1", vec!["sre".to_owned()])
        );
        for verified in [json!(false), json!(null), json!("true"), json!(1)] {
            assert_eq!(read(claims(verified), |_| ()), Err(Useless::Unverified("1".into())));
        }
        assert_eq!(
            read(json!({"sub": "1", "email": "ann@example.com"}), |_| ()),
            Err(Useless::Unverified("1".into()))
        );
    }

    #[test]
    fn another_claim_may_be_the_identity() {
        let claims = json!({"sub": "1", "preferred_username": " ann ", "email": "ann@example.com", "roles": "sre"});
        let ann = read(claims, |c| {
            c.identity_claim = "preferred_username".into();
            c.groups_claim = "roles".into();
        });
        assert_eq!(ann.map(|ann| (ann.identity, ann.groups)), Ok(("ann".into(), vec!["sre".into()])));
    }

    #[test]
    fn an_identity_that_is_none_is_refused() {
        for email in [
            json!(null),
            json!(""),
            json!("  "),
            json!(7),
            json!(["ann"]),
            json!("a\nb"),
            json!("a".repeat(201)),
        ] {
            let found = read(json!({"sub": "1", "email": email, "email_verified": true}), |_| ());
            assert_eq!(found, Err(Useless::NoIdentity("email".into())));
        }
    }

    #[test]
    fn a_token_for_another_party_is_refused() {
        let claims = json!({"sub": "1", "azp": "another", "email": "ann@example.com", "email_verified": true});
        assert_eq!(read(claims, |_| ()), Err(Useless::OtherParty("another".into())));
    }

    #[test]
    fn groups_of_another_form_are_none() {
        for groups in [json!(null), json!({"a": 1}), json!(1), json!([1, {"a": 1}, "", "a\u{0}b"])] {
            let claims = json!({"sub": "1", "email": "ann@example.com", "email_verified": true, "groups": groups});
            assert_eq!(read(claims, |_| ()).unwrap().groups, Vec::<String>::new());
        }
    }
}
