//! Object references.

use paramedic_domain::object::ObjectRef;

use crate::codec::message;

message!(ObjectRef => ObjectRef { api_version, kind, namespace, name, uid });
