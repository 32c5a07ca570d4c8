//! One stream: its log, its subject index, its dedupe window. All of it in one sled tree, so that an append is one atomic batch.

mod tail;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sled::IVec;
use tokio::sync::Notify;

use super::{
    clock, codec,
    consumer::Shared,
    heads::Heads,
    keys::{age_key, chunk_key, id_key, index_key, index_prefix, message_key, pair, prefix_end, seq_at_end, split_index, split_pair},
    store::{Durable, Store, broken},
};
use crate::{
    Ack, Append, ConsumerSpec, Error, Start, Stored, StreamSpec,
    subject::{self, Subject},
};

/// Trees of streams start with this.
const TREE: &str = "stream/";
/// Where a stream's definition is kept in its tree.
const SPEC: &[u8] = b"spec";
/// Expired message ids forgotten with each append that brings a new one: more than one, so that a backlog shrinks.
const FORGET_PER_APPEND: usize = 4;
/// A replay this close to the end walks the log instead of the index.
const SHORT_TAIL: u64 = 256;

pub(super) struct Stream {
    name: String,
    store: Arc<Store>,
    tree: sled::Tree,
    subjects: Vec<String>,
    window: Mutex<Duration>,
    head: Mutex<Head>,
    tail: Arc<Tail>,
    consumers: Mutex<HashMap<String, Arc<Shared>>>,
}

/// What consumers may see of a stream.
pub(super) struct Tail {
    /// The last durable sequence.
    pub(super) last: AtomicU64,
    /// Rung whenever `last` grew.
    pub(super) grown: Notify,
}

/// The writing end; whoever holds it appends.
struct Head {
    last: u64,
    /// Nanoseconds since the epoch, never decreasing.
    last_time: i64,
    heads: Heads,
}

#[derive(Serialize, Deserialize)]
struct Record {
    subjects: Vec<String>,
    duplicate_window_ms: u64,
}

impl Stream {
    pub(super) fn stored_names(store: &Store) -> Vec<String> {
        let names = store.tree_names().into_iter();
        names.filter_map(|n| n.strip_prefix(TREE).map(str::to_owned)).collect()
    }

    pub(super) fn create(store: &Arc<Store>, spec: &StreamSpec) -> Result<(Self, Durable), Error> {
        let tree = store.tree(&format!("{TREE}{}", spec.name))?;
        let stream = Self::build(store, spec.name.clone(), tree, spec.subjects.clone(), spec.duplicate_window)?;
        let durable = stream.save_spec(spec.duplicate_window)?;
        Ok((stream, durable))
    }

    /// `None`: its creation was cut short before anything was acknowledged.
    pub(super) fn reopen(store: &Arc<Store>, name: &str) -> Result<Option<Self>, Error> {
        let tree = store.tree(&format!("{TREE}{name}"))?;
        let Some(stored) = tree.get(SPEC).map_err(broken)? else {
            return Ok(None);
        };
        let record: Record =
            serde_json::from_slice(&stored).map_err(|e| Error::Unavailable(format!("definition of stream {name}: {e}")))?;
        let window = Duration::from_millis(record.duplicate_window_ms);
        Self::build(store, name.to_owned(), tree, record.subjects, window).map(Some)
    }

    fn build(store: &Arc<Store>, name: String, tree: sled::Tree, subjects: Vec<String>, window: Duration) -> Result<Self, Error> {
        let (last, last_time) = match tree.scan_prefix(b"m").next_back() {
            Some(newest) => {
                let (key, value) = newest.map_err(broken)?;
                let seq = seq_at_end(&key);
                (seq, codec::time(seq, &value)?)
            }
            None => (0, 0),
        };
        let (heads, grown) = (Heads::default(), Notify::new());
        Ok(Self {
            name,
            store: store.clone(),
            tree,
            subjects,
            window: Mutex::new(window),
            head: Mutex::new(Head { last, last_time, heads }),
            tail: Arc::new(Tail {
                last: AtomicU64::new(last),
                grown,
            }),
            consumers: Mutex::default(),
        })
    }

    fn save_spec(&self, window: Duration) -> Result<Durable, Error> {
        let record = Record {
            subjects: self.subjects.clone(),
            duplicate_window_ms: window.as_millis().try_into().unwrap_or(u64::MAX),
        };
        let json = serde_json::to_vec(&record).expect("strings and numbers");
        self.tree.insert(SPEC, json).map_err(broken)?;
        Ok(self.store.commit(None))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn subjects(&self) -> &[String] {
        &self.subjects
    }

    pub(super) fn tail(&self) -> &Arc<Tail> {
        &self.tail
    }

    /// The stream exists: the subjects must be the same, the window may change.
    pub(super) fn check_same(&self, spec: &StreamSpec) -> Result<Durable, Error> {
        let (mine, theirs): (BTreeSet<_>, BTreeSet<_>) = (self.subjects.iter().collect(), spec.subjects.iter().collect());
        if mine != theirs {
            return Err(Error::Invalid(format!(
                "stream {} exists with subjects {mine:?}, not {theirs:?}",
                self.name
            )));
        }
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if *window == spec.duplicate_window {
            return Ok(self.store.barrier());
        }
        *window = spec.duplicate_window;
        self.save_spec(spec.duplicate_window)
    }

    /// Another stream is about to be created.
    pub(super) fn check_disjoint(&self, spec: &StreamSpec) -> Result<(), Error> {
        let pairs = self.subjects.iter().flat_map(|a| spec.subjects.iter().map(move |b| (a, b)));
        match pairs.into_iter().find(|(a, b)| subject::overlap(a, b)) {
            None => Ok(()),
            Some((a, b)) => Err(Error::Invalid(format!(
                "stream {}: subjects {b} overlap with {a} of stream {}",
                spec.name, self.name
            ))),
        }
    }

    /// Appends the messages as one atomic batch.
    pub(super) fn append(&self, messages: &[Append]) -> Result<(Vec<Ack>, Durable), Error> {
        let subjects = messages
            .iter()
            .map(|message| self.owned(&message.subject))
            .collect::<Result<Vec<_>, _>>()?;
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.check_open()?;
        let now = clock::nanos().max(head.last_time);
        let mut batch = sled::Batch::default();
        let mut seq = head.last;
        for (subject, message) in subjects.iter().zip(messages) {
            if let Some(id) = &message.msg_id
                && let Some(seq) = self.seen(id, now)?
            {
                return Ok((vec![Ack { seq, duplicate: true }], self.store.barrier()));
            }
            if let Some(expect) = &message.expect
                && self.last_under(&mut head, &expect.filter)? != expect.last
            {
                return Err(Error::Conflict {
                    filter: expect.filter.clone(),
                    expected: expect.last,
                });
            }
            seq += 1;
            if let Some(id) = &message.msg_id {
                self.forget_expired(now, &mut batch)?;
                batch.insert(id_key(id), pair(now, seq).as_slice());
                batch.insert(age_key(now, seq), id.as_bytes());
            }
            batch.insert(
                message_key(seq),
                codec::encode(now, subject.as_str(), &message.headers, &message.payload),
            );
            for (number, chunk) in (0..).zip(codec::chunks(&message.payload)) {
                batch.insert(chunk_key(seq, number), chunk);
            }
            batch.insert(index_key(subject.as_str(), seq), &[]);
        }
        self.tree.apply_batch(batch).map_err(broken)?;
        let acks = (head.last + 1..=seq).map(|seq| Ack { seq, duplicate: false }).collect();
        for (subject, seq) in subjects.into_iter().zip(head.last + 1..) {
            head.heads.appended(subject, seq);
        }
        head.last = seq;
        head.last_time = now;
        let tail = self.tail.clone();
        let durable = self.store.commit(Some(Box::new(move || {
            tail.last.fetch_max(seq, Ordering::Release);
            tail.grown.notify_waiters();
        })));
        Ok((acks, durable))
    }

    fn owned<'a>(&self, subject: &'a str) -> Result<Subject<'a>, Error> {
        let subject = Subject::parse(subject).map_err(Error::Invalid)?;
        if self.subjects.iter().any(|owned| subject::matches(owned, subject.as_str())) {
            return Ok(subject);
        }
        Err(Error::Invalid(format!(
            "subject {} is outside of stream {}",
            subject.as_str(),
            self.name
        )))
    }

    /// The sequence stored for a message id within the window.
    fn seen(&self, id: &str, now: i64) -> Result<Option<u64>, Error> {
        let Some(found) = self.tree.get(id_key(id)).map_err(broken)? else {
            return Ok(None);
        };
        let (time, seq) = split_pair(&found);
        Ok((time > self.window_start(now)).then_some(seq))
    }

    fn window_start(&self, now: i64) -> i64 {
        let window = *self.window.lock().unwrap_or_else(PoisonError::into_inner);
        now.saturating_sub(window.as_nanos().try_into().unwrap_or(i64::MAX))
    }

    fn forget_expired(&self, now: i64, batch: &mut sled::Batch) -> Result<(), Error> {
        let end = age_key(self.window_start(now), u64::MAX);
        for old in self.tree.range(b"t".to_vec()..=end).take(FORGET_PER_APPEND) {
            let (key, id) = old.map_err(broken)?;
            let id_key = id_key(std::str::from_utf8(&id).unwrap_or_default());
            // A newer use of the same id has written its own time: that one stays.
            let current = self.tree.get(&id_key).map_err(broken)?;
            if current.is_some_and(|v| v[..] == key[1..]) {
                batch.remove(id_key);
            }
            batch.remove(key);
        }
        Ok(())
    }

    fn last_under(&self, head: &mut MutexGuard<'_, Head>, filter: &str) -> Result<u64, Error> {
        if let Some(last) = head.heads.get(filter) {
            return Ok(last);
        }
        let last = self.last_in_index(filter)?;
        head.heads.remember(filter, last);
        Ok(last)
    }

    /// Walks the index backwards, one step per subject under the literal part of the filter.
    fn last_in_index(&self, filter: &str) -> Result<u64, Error> {
        let prefix = index_prefix(filter);
        let mut end = prefix_end(&prefix);
        let mut last = 0;
        while let Some(entry) = self.tree.range(prefix.clone()..end.clone()).next_back() {
            let (key, _) = entry.map_err(broken)?;
            let (subject, seq) = split_index(&key);
            if subject::matches(filter, subject) {
                last = last.max(seq);
            }
            end = index_key(subject, 0);
        }
        Ok(last)
    }

    pub(super) fn replay(&self, filter: &str, start: Start) -> Result<(Vec<Stored>, Durable), Error> {
        let last = self.head.lock().unwrap_or_else(PoisonError::into_inner).last;
        // Taken after `last` was read, so it covers everything up to it.
        let durable = self.store.barrier();
        let first = self.first_seq(start, last)?;
        let everything = self.subjects.iter().all(|owned| subject::is_subset(owned, filter));
        let walk_log = everything || last.saturating_sub(first) < SHORT_TAIL;
        let found = if walk_log {
            (first..=last).map(|seq| self.message(seq)).collect::<Result<Vec<_>, _>>()?
        } else {
            let seqs = self.indexed(filter, first, last)?;
            seqs.into_iter().map(|seq| self.message(seq)).collect::<Result<Vec<_>, _>>()?
        };
        Ok((
            found.into_iter().filter(|m| subject::matches(filter, &m.subject)).collect(),
            durable,
        ))
    }

    fn indexed(&self, filter: &str, first: u64, last: u64) -> Result<BTreeSet<u64>, Error> {
        let mut seqs = BTreeSet::new();
        for entry in self.tree.scan_prefix(index_prefix(filter)) {
            let (key, _) = entry.map_err(broken)?;
            let (subject, seq) = split_index(&key);
            if (first..=last).contains(&seq) && subject::matches(filter, subject) {
                seqs.insert(seq);
            }
        }
        Ok(seqs)
    }

    fn raw(&self, seq: u64) -> Result<IVec, Error> {
        let found = self.tree.get(message_key(seq)).map_err(broken)?;
        found.ok_or_else(|| Error::Unavailable(format!("message {seq} of stream {} is missing on disk", self.name)))
    }

    pub(super) fn message(&self, seq: u64) -> Result<Stored, Error> {
        let chunk = |number| self.tree.get(chunk_key(seq, number)).map_err(broken);
        codec::decode(seq, &self.raw(seq)?, chunk)
    }

    /// The first sequence in `from..=to` whose subject is wanted.
    pub(super) fn find(&self, from: u64, to: u64, wanted: impl Fn(&str) -> bool) -> Result<Option<u64>, Error> {
        for entry in self.tree.range(message_key(from)..=message_key(to)) {
            let (key, value) = entry.map_err(broken)?;
            let seq = seq_at_end(&key);
            if wanted(codec::subject(seq, &value)?) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    /// The sequence a start means, given the last one.
    pub(super) fn first_seq(&self, start: Start, last: u64) -> Result<u64, Error> {
        match start {
            Start::Beginning => Ok(1),
            Start::Sequence(seq) => Ok(seq.max(1)),
            Start::New => Ok(last + 1),
            Start::Time(time) => self.first_at(time, last),
        }
    }

    fn first_at(&self, time: Timestamp, last: u64) -> Result<u64, Error> {
        let (mut low, mut high) = (1, last + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if i128::from(codec::time(middle, &self.raw(middle)?)?) < time.as_nanosecond() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Opens the durable consumer, creating it if needed.
    pub(super) fn join(self: &Arc<Self>, spec: &ConsumerSpec) -> Result<(Arc<Shared>, Durable), Error> {
        let mut consumers = self.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = consumers.get(&spec.durable) {
            let durable = shared.configure(spec)?;
            return Ok((shared.clone(), durable));
        }
        let last = self.tail.last.load(Ordering::Acquire);
        let (shared, durable) = Shared::open(self, &self.store, spec, || self.first_seq(spec.start, last))?;
        consumers.insert(spec.durable.clone(), shared.clone());
        Ok((shared, durable))
    }
}
