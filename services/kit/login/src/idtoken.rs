//! Whether an ID token is genuine, ours, and of now.

use chrono::{DateTime, Utc};
use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    ClaimsVerificationError, IdToken, IdTokenClaims, IdTokenVerifier, Nonce, SignatureVerificationError,
    core::{CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm},
};

use crate::provider::Others;

/// How far the provider's clock may be from ours, as in most relying parties.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// Signatures that we take. None is made with a secret that we share: whoever reads our configuration must not be able to be anybody,
/// and a public key must not be taken for a shared secret.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Token = IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Claims = IdTokenClaims<Others, CoreGenderClaim>;

/// The claims, once signature, issuer, audience, expiry, time of issue and nonce are right.
pub(crate) fn check<'a>(
    verifier: &IdTokenVerifier<'_, CoreJsonWebKey>,
    token: &'a Token,
    nonce: &Nonce,
    now: Timestamp,
) -> Result<&'a Claims, ClaimsVerificationError> {
    let (earliest, latest) = (utc(now - LEEWAY), utc(now + LEEWAY));
    let verifier = verifier
        .clone()
        .set_allowed_algs(SIGNATURES)
        .set_time_fn(move || earliest)
        .set_issue_time_verifier_fn(move |issued| {
            if issued <= latest {
                Ok(())
            } else {
                Err(format!("the ID token is of {issued}, which is to come: is a clock wrong?"))
            }
        });
    token.claims(&verifier, nonce)
}

/// Whether the problem may be that the provider signs with a key that it did not have when we asked for its keys.
pub(crate) fn may_be_a_new_key(problem: &ClaimsVerificationError) -> bool {
    use SignatureVerificationError::{AmbiguousKeyId, CryptoError, NoMatchingKey};
    matches!(
        problem,
        ClaimsVerificationError::SignatureVerification(NoMatchingKey | CryptoError(_) | AmbiguousKeyId(_))
    )
}

fn utc(time: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp(time.as_second(), 0).unwrap_or_default()
}
