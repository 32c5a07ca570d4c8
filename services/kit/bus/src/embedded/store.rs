//! The directory: its lock, the sled database, and the group commit.
//!
//! A writer changes sled (in memory), then [`Store::commit`]s: one thread flushes for everybody who committed since the last
//! flush began. `sled` writes its log with `sync_file_range`, which survives the process but not a power cut, so the thread
//! adds an `fdatasync` before it reports anything as durable.

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::Error;

/// Page cache of sled, in bytes: the hot incidents of a small install, not its whole history.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How often sled cleans up its segments, in milliseconds. Durability does not depend on it.
const HOUSEKEEPING_MS: u64 = 500;

/// How long sled may take to let go of a directory that this process closed a moment ago.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// Runs once the change it belongs to is durable, in commit order, on the flushing thread: must be short and must not block.
pub(super) type OnDurable = Box<dyn FnOnce() + Send>;

pub(super) struct Store {
    db: sled::Db,
    committer: Arc<Committer>,
    thread: Option<JoinHandle<()>>,
    closed: CancellationToken,
    // Declared last: released after everything that writes.
    _lock: File,
}

#[derive(Default)]
struct Committer {
    queue: Mutex<Queue>,
    work: Condvar,
    /// Set by the first failed flush; from then on memory and disk may differ, so nothing is answered any more.
    failure: OnceLock<String>,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    flushing: bool,
    stopping: bool,
    /// The commit thread has ended: nothing becomes durable any more.
    ended: bool,
}

struct Job {
    on_durable: Option<OnDurable>,
    done: oneshot::Sender<Result<(), String>>,
}

/// Resolves when the change is durable. Dropping it does not undo the change.
#[must_use = "a change is durable only after wait()"]
pub(super) struct Durable(Option<oneshot::Receiver<Result<(), String>>>);

impl Durable {
    pub(super) async fn wait(self) -> Result<(), Error> {
        let Some(done) = self.0 else { return Ok(()) };
        match done.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(Error::Unavailable(why)),
            Err(_) => Err(Error::Unavailable("bus closed before the change was durable".into())),
        }
    }
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |what: &str, e: &dyn std::fmt::Display| Error::Unavailable(format!("{what} {}: {e}", path.display()));
        fs::create_dir_all(path).map_err(|e| failed("cannot create bus directory", &e))?;
        let lock = lock(path)?;
        let db = open_sled(path).map_err(|e| failed("cannot open bus directory", &e))?;
        let log = File::open(path.join("db")).map_err(|e| failed("cannot open the log of", &e))?;
        let committer = Arc::new(Committer::default());
        let flushed = db.clone();
        let thread = Committer::start(&committer, move || flush(&flushed, &log));
        let thread = thread.map_err(|e| failed("cannot start the commit thread of", &e))?;
        Ok(Self {
            db,
            committer,
            thread: Some(thread),
            closed: CancellationToken::new(),
            _lock: lock,
        })
    }

    pub(super) fn tree(&self, name: &str) -> Result<sled::Tree, Error> {
        self.db.open_tree(name).map_err(broken)
    }

    pub(super) fn tree_names(&self) -> Vec<String> {
        let names = self.db.tree_names();
        names.iter().filter_map(|n| String::from_utf8(n.to_vec()).ok()).collect()
    }

    /// Call while holding the lock under which the change was made, so that `on_durable` runs in the order of the changes.
    pub(super) fn commit(&self, on_durable: Option<OnDurable>) -> Durable {
        self.committer.commit(on_durable)
    }

    /// Resolves when everything committed so far is durable.
    pub(super) fn barrier(&self) -> Durable {
        let idle = {
            let queue = self.committer.lock();
            queue.jobs.is_empty() && !queue.flushing && !queue.ended && self.committer.failure.get().is_none()
        };
        if idle { Durable(None) } else { self.commit(None) }
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.closed.is_cancelled() {
            return Err(closed());
        }
        match self.committer.failure.get() {
            Some(why) => Err(Error::Unavailable(why.clone())),
            None => Ok(()),
        }
    }

    /// Resolves when the bus is closed.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    pub(super) fn close(&self) {
        self.closed.cancel();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.committer.lock().stopping = true;
        self.committer.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // The last handle may have been held by an `OnDurable` on the thread itself.
            if thread.thread().id() != thread::current().id() {
                thread.join().ok();
            }
        }
    }
}

impl Committer {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(committer: &Arc<Self>, flush: impl FnMut() -> Result<(), String> + Send + 'static) -> std::io::Result<JoinHandle<()>> {
        let committer = committer.clone();
        let thread = thread::Builder::new().name("bus-commit".into());
        thread.spawn(move || {
            let ended = Ended(&committer);
            ended.0.run(flush);
        })
    }

    fn commit(&self, on_durable: Option<OnDurable>) -> Durable {
        let (done, durable) = oneshot::channel();
        let mut queue = self.lock();
        if !queue.ended {
            queue.jobs.push(Job { on_durable, done });
        }
        drop(queue);
        self.work.notify_one();
        Durable(Some(durable))
    }

    fn run(&self, mut flush: impl FnMut() -> Result<(), String>) {
        while let Some(jobs) = self.next_jobs() {
            let flushed = match self.failure.get() {
                Some(why) => Err(why.clone()),
                None => flush().inspect_err(|why| {
                    tracing::error!(error = %why, "embedded bus cannot write: refusing all work until restarted");
                    self.failure.set(why.clone()).ok();
                }),
            };
            for job in jobs {
                if let (Ok(()), Some(on_durable)) = (&flushed, job.on_durable) {
                    on_durable();
                }
                job.done.send(flushed.clone()).ok();
            }
            self.lock().flushing = false;
        }
    }

    fn next_jobs(&self) -> Option<Vec<Job>> {
        let mut queue = self.lock();
        while queue.jobs.is_empty() {
            if queue.stopping {
                return None;
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.flushing = true;
        Some(std::mem::take(&mut queue.jobs))
    }
}

/// Whatever ends the commit thread, a panic of the database too, nobody waits for it for ever.
struct Ended<'a>(&'a Committer);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let why = "the bus database failed: see the log, then restart";
            self.0.failure.set(why.to_owned()).ok();
        }
        let mut queue = self.0.lock();
        queue.ended = true;
        // Dropping a job tells who waits for it.
        queue.jobs.clear();
    }
}

fn flush(db: &sled::Db, log: &File) -> Result<(), String> {
    db.flush()
        .map_err(|e| format!("cannot flush the bus: {e}; check the disk, then restart"))?;
    log.sync_data()
        .map_err(|e| format!("cannot sync the bus: {e}; check the disk, then restart"))
}

/// One process at a time. The lock is the kernel's, so a killed process leaves none behind.
fn lock(path: &Path) -> Result<File, Error> {
    let file = path.join("lock");
    let failed = |e: std::io::Error| Error::Unavailable(format!("cannot lock {}: {e}", file.display()));
    let mut lock = File::options()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(&file)
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            lock.read_to_string(&mut holder).ok();
            return Err(Error::Unavailable(format!(
                "bus directory {} is in use by process {}: stop it or choose another directory",
                path.display(),
                holder.trim(),
            )));
        }
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    }
    lock.set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| writeln!(lock, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(lock)
}

/// sled keeps its own lock; having ours, the only other holder can be a closing database of this process.
fn open_sled(path: &Path) -> Result<sled::Db, sled::Error> {
    let deadline = Instant::now() + RELEASE_PATIENCE;
    loop {
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
        match config.flush_every_ms(Some(HOUSEKEEPING_MS)).open() {
            Err(sled::Error::Io(e)) if e.to_string().contains("could not acquire lock") && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

pub(super) fn closed() -> Error {
    Error::Unavailable("bus closed".into())
}

/// sled could not do what was asked: the disk, or a damaged file.
pub(super) fn broken(e: sled::Error) -> Error {
    Error::Unavailable(format!("embedded bus storage: {e}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn stop(committer: &Committer) {
        committer.lock().stopping = true;
        committer.work.notify_one();
    }

    #[tokio::test]
    async fn changes_made_before_a_flush_share_it() {
        let committer = Arc::new(Committer::default());
        let flushes = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<_> = (0..100).map(|_| committer.commit(None)).collect();
        let counted = flushes.clone();
        let thread = Committer::start(&committer, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        for durable in waiting {
            durable.wait().await.expect("durable");
        }
        assert_eq!(flushes.load(Ordering::SeqCst), 1);
        stop(&committer);
        thread.expect("thread").join().expect("ends");
    }

    #[tokio::test]
    async fn after_a_failed_flush_nothing_is_acknowledged_any_more() {
        let committer = Arc::new(Committer::default());
        let mut flushes = 0;
        let thread = Committer::start(&committer, move || {
            flushes += 1;
            if flushes == 2 { Err("disk full".into()) } else { Ok(()) }
        });
        committer.commit(None).wait().await.expect("the first flush works");
        for _ in 0..2 {
            let told = Arc::new(AtomicUsize::new(0));
            let counted = told.clone();
            let on_durable: OnDurable = Box::new(move || {
                counted.fetch_add(1, Ordering::SeqCst);
            });
            let error = committer.commit(Some(on_durable)).wait().await.expect_err("failed");
            assert!(error.to_string().contains("disk full"), "{error}");
            assert_eq!(told.load(Ordering::SeqCst), 0, "nobody was told that it is durable");
        }
        stop(&committer);
        thread.expect("thread").join().expect("ends");
    }

    #[tokio::test]
    async fn a_panic_of_the_database_is_an_error_for_everybody() {
        let committer = Arc::new(Committer::default());
        let thread = Committer::start(&committer, || panic!("corrupt page")).expect("thread");
        assert!(committer.commit(None).wait().await.is_err());
        thread.join().expect_err("it panicked");
        assert!(committer.commit(None).wait().await.is_err(), "later changes do not wait for ever");
        assert!(committer.failure.get().is_some());
    }
}
