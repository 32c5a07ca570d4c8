//! Risk and what it is computed from.

use paramedic_domain::risk::{Concern, Context, Risk, RiskLevel};

use crate::codec::{message, words};

words!(RiskLevel => RiskLevel { None, Low, Medium, High, Critical });
message!(Risk => Risk { level, reasons });
message!(Context => RiskContext { replicas, production, template_change, disruptions_allowed, gitops_owner, concerns, labels, gitops_source });
message!(Concern => Concern { level, text });
