//! Questions to people, and their decisions.

use paramedic_domain::{
    approval::{Answer, Channel, Decision},
    people::Audience,
    terms::Escalation,
};
use paramedic_proto::v1;

use crate::{
    Invalid, Wire,
    codec::{Field, message, words},
};

words!(Channel => Channel { Cli, Email, Slack, Web, Grpc });
words!(Answer => Answer { Approve, Deny });
message!(Decision => Decision { gate, digest, by, channel, reason, right, behalf_of, policy });
message!(Escalation => Escalation { after, to, during, outside });

/// One group: lists of lists need a message of their own.
impl Wire for Vec<Audience> {
    type Proto = v1::AnyOf;
    fn to_proto(&self) -> v1::AnyOf {
        v1::AnyOf {
            audiences: self.to_field(),
        }
    }
    fn from_proto(proto: v1::AnyOf) -> Result<Self, Invalid> {
        Field::from_field(proto.audiences).map_err(|invalid: Invalid| invalid.within("audiences"))
    }
}
