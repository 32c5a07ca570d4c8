//! Whether a request comes from Slack: `v0=` and the hex HMAC-SHA256 of `v0:<timestamp>:<body>` with the app's signing secret
//! (<https://docs.slack.dev/authentication/verifying-requests-from-slack>).

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

/// Furthest that a request's timestamp may be from our clock, seconds: Slack's own advice. What is older may be a replay.
const WINDOW: i64 = 5 * 60;

/// Why a request is not taken for Slack's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSlack {
    /// A header is missing or is not what it must be.
    #[error("the headers X-Slack-Request-Timestamp and X-Slack-Signature are missing or malformed")]
    Headers,
    /// Old, or from a clock that is wrong.
    #[error("its timestamp is {0} s away from our clock: a replay, or one of the clocks is wrong")]
    Stale(i64),
    /// Not signed with our secret, or changed on the way.
    #[error("its signature is not that of our app's signing secret (approval.slack.signing_secret)")]
    Signature,
}

/// Checks the headers of a request against its body, byte by byte as it came. The comparison takes the same time wherever it differs.
///
/// # Errors
/// [`NotSlack`].
pub fn verify(secret: &[u8], timestamp: Option<&str>, signature: Option<&str>, body: &[u8], now: Timestamp) -> Result<(), NotSlack> {
    let (timestamp, signature) = timestamp.zip(signature).ok_or(NotSlack::Headers)?;
    let digits = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = timestamp.parse().ok().filter(|_| digits).ok_or(NotSlack::Headers)?;
    let mac = signature
        .strip_prefix("v0=")
        .and_then(|hex| hex::decode(hex).ok())
        .ok_or(NotSlack::Headers)?;
    // The signature first: who cannot sign learns nothing about our clock.
    keyed(secret, timestamp, body).verify_slice(&mac).map_err(|_| NotSlack::Signature)?;
    let distance = now.as_second().saturating_sub(seconds).saturating_abs();
    if distance > WINDOW {
        return Err(NotSlack::Stale(distance));
    }
    Ok(())
}

fn keyed(secret: &[u8], timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    for part in [b"v0:", timestamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    mac
}

/// The signature that Slack would put on a body.
#[cfg(test)]
pub(crate) fn sign(secret: &[u8], timestamp: &str, body: &[u8]) -> String {
    format!("v0={}", hex::encode(keyed(secret, timestamp, body).finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's documentation.
    const SECRET: &[u8] = b"8f742231b10e8888abcd99yyyzzz85a5";
    const TIMESTAMP: &str = "1531420618";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_documented_example_is_slacks_and_nothing_near_it_is() {
        let now = at(1_531_420_618);
        let check = |timestamp, signature, body: &[u8], now| verify(SECRET, timestamp, signature, body, now);
        assert_eq!(check(Some(TIMESTAMP), Some(SIGNATURE), BODY, now), Ok(()));
        assert_eq!(sign(SECRET, TIMESTAMP, BODY), SIGNATURE);
        let mut changed = BODY.to_vec();
        changed.push(b' ');
        assert_eq!(check(Some(TIMESTAMP), Some(SIGNATURE), &changed, now), Err(NotSlack::Signature));
        assert_eq!(check(Some("1531420619"), Some(SIGNATURE), BODY, now), Err(NotSlack::Signature));
        assert_eq!(check(None, Some(SIGNATURE), BODY, now), Err(NotSlack::Headers));
        assert_eq!(check(Some(TIMESTAMP), None, BODY, now), Err(NotSlack::Headers));
        assert_eq!(check(Some("+1531420618"), Some(SIGNATURE), BODY, now), Err(NotSlack::Headers));
        assert_eq!(check(Some(TIMESTAMP), Some(&SIGNATURE[3..]), BODY, now), Err(NotSlack::Headers));
        assert_eq!(check(Some(TIMESTAMP), Some(&SIGNATURE[..61]), BODY, now), Err(NotSlack::Signature));
        assert_eq!(
            verify(b"another", Some(TIMESTAMP), Some(SIGNATURE), BODY, now),
            Err(NotSlack::Signature)
        );
    }

    #[test]
    fn what_is_older_than_five_minutes_or_from_the_future_is_stale() {
        for (now, expected) in [
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(NotSlack::Stale(301))),
            (-301, Err(NotSlack::Stale(301))),
        ] {
            let found = verify(SECRET, Some(TIMESTAMP), Some(SIGNATURE), BODY, at(1_531_420_618 + now));
            assert_eq!(found, expected, "{now}");
        }
    }
}
