//! Changes that are asked for.

use paramedic_domain::request::{ChangeRequest, What};
use paramedic_proto::v1::{self, change_request};

use crate::{
    Invalid, Wire,
    codec::{Field, message_field},
};

message_field!(ChangeRequest);

impl Wire for ChangeRequest {
    type Proto = v1::ChangeRequest;
    fn to_proto(&self) -> v1::ChangeRequest {
        let what = match &self.what {
            What::SetImage { target, container, image } => change_request::What::SetImage(v1::SetImage {
                target: target.to_field(),
                container: container.to_field(),
                image: image.to_field(),
            }),
            What::ApplyModule { module } => change_request::What::ApplyModule(v1::ApplyModule { module: module.to_field() }),
            What::ReportCosts { account, month } => change_request::What::ReportCosts(v1::ReportCosts {
                account: account.to_field(),
                month: month.to_field(),
            }),
        };
        v1::ChangeRequest {
            id: self.id.to_field(),
            by: self.by.to_field(),
            on_behalf_of: self.on_behalf_of.to_field(),
            what: Some(what),
        }
    }
    fn from_proto(proto: v1::ChangeRequest) -> Result<Self, Invalid> {
        let what = match proto.what {
            Some(change_request::What::SetImage(message)) => What::SetImage {
                target: Field::from_field(message.target).map_err(|invalid: Invalid| invalid.within("set_image.target"))?,
                container: Field::from_field(message.container)?,
                image: Field::from_field(message.image)?,
            },
            Some(change_request::What::ApplyModule(message)) => What::ApplyModule {
                module: Field::from_field(message.module)?,
            },
            Some(change_request::What::ReportCosts(message)) => What::ReportCosts {
                account: Field::from_field(message.account)?,
                month: Field::from_field(message.month)?,
            },
            None => return Err(Invalid::new("what", "is missing or unknown")),
        };
        Ok(Self {
            id: Field::from_field(proto.id).map_err(|invalid: Invalid| invalid.within("id"))?,
            by: Field::from_field(proto.by)?,
            on_behalf_of: Field::from_field(proto.on_behalf_of)?,
            what,
        })
    }
}
