//! Sections of the channels that wake people.

use paramedic_runtime::config::{Invalid, is_set};
use secrecy::SecretString;
use serde::Deserialize;

/// The `[notifier.pagerduty]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDuty {
    /// Base URL of the Events API.
    pub api_url: String,
    /// Integration key of the service; empty: no `PagerDuty`.
    pub routing_key: SecretString,
}

/// The `[notifier.opsgenie]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opsgenie {
    /// Base URL of the API.
    pub api_url: String,
    /// Key of an API integration; empty: no Opsgenie.
    pub api_key: SecretString,
}

impl PagerDuty {
    /// Whether people are paged.
    #[must_use]
    pub fn enabled(&self) -> bool {
        is_set(&self.routing_key)
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if self.enabled() {
            super::http_url("notifier.pagerduty.api_url", &self.api_url)
        } else {
            Ok(())
        }
    }
}

impl Opsgenie {
    /// Whether people are paged.
    #[must_use]
    pub fn enabled(&self) -> bool {
        is_set(&self.api_key)
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if self.enabled() {
            super::http_url("notifier.opsgenie.api_url", &self.api_url)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_without_a_key_is_off_and_one_with_a_key_needs_an_address() {
        assert!(PagerDuty::default().validate().is_ok() && Opsgenie::default().validate().is_ok());
        let key = || SecretString::from("key".to_owned());
        let pagerduty = PagerDuty {
            api_url: "events.pagerduty.com".into(),
            routing_key: key(),
        };
        assert_eq!(pagerduty.validate().unwrap_err().key, "notifier.pagerduty.api_url");
        let opsgenie = Opsgenie {
            api_url: String::new(),
            api_key: key(),
        };
        assert_eq!(opsgenie.validate().unwrap_err().key, "notifier.opsgenie.api_url");
    }
}
