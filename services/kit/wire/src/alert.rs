//! Alerts.

use paramedic_domain::alert::{Alert, AlertStatus, Severity};

use crate::codec::{message, words};

words!(AlertStatus => AlertStatus { Firing, Resolved });
words!(Severity => Severity { Info, Warning, Critical });
message!(Alert => Alert { fingerprint, status, labels, annotations, starts_at, ends_at, generator_url, group_key });
