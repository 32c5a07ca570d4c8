//! Blobs in an object store bucket.

use async_nats::jetstream::{
    Context,
    object_store::{Config, GetErrorKind, ObjectStore},
};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncReadExt;

use super::errors;
use crate::{Blobs, Error};

pub(super) struct ObjectBlobs {
    bucket: String,
    store: ObjectStore,
}

impl ObjectBlobs {
    pub(super) async fn open(context: &Context, config: Config) -> Result<Self, Error> {
        let bucket = config.bucket.clone();
        let store = match context.get_object_store(&bucket).await {
            Ok(store) => store,
            Err(_) => {
                let created = context.create_object_store(config).await;
                created.map_err(|e| errors::unavailable(&format!("blob bucket {bucket}"), &e))?
            }
        };
        Ok(Self { bucket, store })
    }

    fn failed(&self, what: &str, name: &str, why: &dyn std::fmt::Display) -> Error {
        errors::unavailable(&format!("{what} blob {name} of bucket {}", self.bucket), why)
    }
}

#[async_trait]
impl Blobs for ObjectBlobs {
    async fn put(&self, name: &str, value: Bytes) -> Result<(), Error> {
        let stored = self.store.put(name, &mut value.as_ref()).await;
        stored.map(|_| ()).map_err(|e| self.failed("store", name, &e))
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, Error> {
        let mut object = match self.store.get(name).await {
            Ok(object) => object,
            Err(e) if e.kind() == GetErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.failed("read", name, &e)),
        };
        let mut value = Vec::with_capacity(object.info().size);
        object.read_to_end(&mut value).await.map_err(|e| self.failed("read", name, &e))?;
        Ok(Some(value.into()))
    }
}
