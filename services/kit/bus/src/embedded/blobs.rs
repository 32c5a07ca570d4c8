//! Blobs as files: `<path>/objects/<bucket>/<sha-256 of the name>`. Written beside, synced, then renamed, so that a reader
//! sees the old value or the new one and a crash leaves at most a temporary file, which the next open removes.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::store::Store;
use crate::{Blobs, Error};

/// Not `blobs`: that one is sled's own.
const DIRECTORY: &str = "objects";

/// Endings of files being written.
const TEMPORARY: &str = "tmp";

/// Tells temporary files of this process apart.
static WRITES: AtomicU64 = AtomicU64::new(0);

pub(super) struct FileBlobs {
    store: Arc<Store>,
    directory: PathBuf,
}

impl FileBlobs {
    pub(super) fn open(store: &Arc<Store>, path: &Path, bucket: &str) -> Result<Self, Error> {
        let directory = path.join(DIRECTORY).join(bucket);
        fs::create_dir_all(&directory).map_err(|e| failed("create", &directory, &e))?;
        Ok(Self {
            store: store.clone(),
            directory,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(hex::encode(Sha256::digest(name.as_bytes())))
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, name: &str, value: Bytes) -> Result<(), Error> {
        self.store.check_open()?;
        let file = self.file(name);
        blocking(move || write(&file, &value).map_err(|e| failed("write", &file, &e))).await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, Error> {
        self.store.check_open()?;
        let file = self.file(name);
        blocking(move || match fs::read(&file) {
            Ok(value) => Ok(Some(value.into())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed("read", &file, &e)),
        })
        .await
    }
}

fn write(file: &Path, value: &[u8]) -> io::Result<()> {
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = file.with_extension(format!("{number}.{TEMPORARY}"));
    let written = File::create(&temporary).and_then(|mut out| {
        out.write_all(value)?;
        out.sync_all()
    });
    if let Err(e) = written.and_then(|()| fs::rename(&temporary, file)) {
        fs::remove_file(&temporary).ok();
        return Err(e);
    }
    // The new name itself must be on disk too.
    file.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// Removes what an interrupted write left. Called before anybody writes.
pub(super) fn clean(path: &Path) {
    let Ok(buckets) = fs::read_dir(path.join(DIRECTORY)) else { return };
    for bucket in buckets.flatten() {
        let Ok(files) = fs::read_dir(bucket.path()) else { continue };
        for file in files.flatten() {
            if file.path().extension().is_some_and(|e| e == TEMPORARY) {
                fs::remove_file(file.path()).ok();
            }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|e| Error::Unavailable(format!("blob work stopped: {e}")))?
}

fn failed(what: &str, file: &Path, e: &io::Error) -> Error {
    Error::Unavailable(format!("cannot {what} blob file {}: {e}", file.display()))
}
