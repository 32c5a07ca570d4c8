//! Who calls: bearer tokens to identities.

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tonic::{Status, metadata::MetadataMap};

use crate::config::{Approver, Config};

/// What callers may do, from the configuration.
pub struct Callers {
    approvers: Vec<Approver>,
    notifier_token: SecretString,
}

impl Callers {
    /// From the configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            approvers: config.approvers.clone(),
            notifier_token: config.notifier_token.clone(),
        }
    }

    /// Whether the caller's word is taken for its identity, since nobody was configured.
    #[must_use]
    pub fn open(&self) -> bool {
        self.approvers.is_empty()
    }

    /// The identity under which this call decides: the token's owner. Only without configured approvers it is `claimed`.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for a missing or unknown token.
    pub fn decider(&self, metadata: &MetadataMap, claimed: &str) -> Result<String, Status> {
        if self.open() {
            return Ok(claimed.trim().to_owned());
        }
        let given = bearer(metadata)?;
        // every token is compared, so that the time tells nothing about which one was close
        let mut found = None;
        for approver in &self.approvers {
            if same(&approver.token, given) {
                found = Some(approver.identity.clone());
            }
        }
        found.ok_or_else(|| Status::unauthenticated("this token belongs to no approver; see approval.approvers in the configuration"))
    }

    /// Lets the notifier through: a link decides in its recipient's name, so not everybody may have one made.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` or `PERMISSION_DENIED`.
    pub fn notifier(&self, metadata: &MetadataMap) -> Result<(), Status> {
        if self.notifier_token.expose_secret().is_empty() {
            return if self.open() {
                Ok(())
            } else {
                Err(Status::permission_denied(
                    "no links are handed out: approvers are configured, but approval.notifier_token is not",
                ))
            };
        }
        if same(&self.notifier_token, bearer(metadata)?) {
            Ok(())
        } else {
            Err(Status::permission_denied("only the notifier's token may ask for links"))
        }
    }
}

fn bearer(metadata: &MetadataMap) -> Result<&str, Status> {
    let value = metadata.get("authorization").and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
        .ok_or_else(|| Status::unauthenticated("a bearer token is needed: metadata `authorization: Bearer <token>`"))
}

fn same(token: &SecretString, given: &str) -> bool {
    token.expose_secret().as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn callers(approvers: &[(&str, &str)], notifier: &str) -> Callers {
        Callers {
            approvers: approvers
                .iter()
                .map(|(identity, token)| Approver {
                    identity: (*identity).into(),
                    token: (*token).to_owned().into(),
                })
                .collect(),
            notifier_token: notifier.to_owned().into(),
        }
    }

    fn with_token(token: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", format!("Bearer {token}").parse().unwrap());
        metadata
    }

    #[test]
    fn a_token_says_who_decides_whatever_the_request_claims() {
        let callers = callers(&[("ann", "token-of-ann-0001"), ("ben", "token-of-ben-0001")], "");
        assert_eq!(callers.decider(&with_token("token-of-ben-0001"), "ann").unwrap(), "ben");
        let unknown = callers.decider(&with_token("token-of-ben-0002"), "ann").unwrap_err();
        assert_eq!(unknown.code(), Code::Unauthenticated);
        assert_eq!(
            callers.decider(&MetadataMap::new(), "ann").unwrap_err().code(),
            Code::Unauthenticated
        );
    }

    #[test]
    fn without_approvers_the_caller_is_taken_at_its_word() {
        assert_eq!(callers(&[], "").decider(&MetadataMap::new(), " ann ").unwrap(), "ann");
    }

    #[test]
    fn links_are_only_for_the_notifier_once_approvers_are_known() {
        let nobody = callers(&[("ann", "token-of-ann-0001")], "");
        assert_eq!(
            nobody.notifier(&with_token("token-of-ann-0001")).unwrap_err().code(),
            Code::PermissionDenied
        );
        let known = callers(&[("ann", "token-of-ann-0001")], "token-of-notifier");
        assert!(known.notifier(&with_token("token-of-notifier")).is_ok());
        assert!(known.notifier(&with_token("token-of-ann-0001")).is_err());
        assert!(callers(&[], "").notifier(&MetadataMap::new()).is_ok());
    }
}
