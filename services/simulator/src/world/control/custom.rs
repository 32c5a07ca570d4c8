//! CustomResourceDefinitions are accepted as soon as they are seen.

use jiff::Timestamp;

use crate::{
    api::custom::accepted,
    store::{Gvr, Store},
    world::obj,
};

/// Writes the status of every new definition.
pub(crate) fn step(store: &Store, now: Timestamp) {
    for definition in store.awake(&Gvr::custom_resource_definitions()) {
        if obj::condition(&definition, "Established").is_none() {
            let status = accepted(&definition, &obj::rfc3339(now));
            obj::change(
                store,
                &Gvr::custom_resource_definitions(),
                "",
                obj::name(&definition),
                |definition| {
                    definition["status"] = status.clone();
                },
            );
        }
    }
}
