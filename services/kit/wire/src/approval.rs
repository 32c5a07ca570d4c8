//! Decisions of people.

use paramedic_domain::approval::{Answer, Channel, Decision};

use crate::codec::{message, words};

words!(Channel => Channel { Cli, Email, Slack, Web, Grpc });
words!(Answer => Answer { Approve, Deny });
message!(Decision => Decision { gate, digest, by, channel, reason });
