//! The objects of the simulated cluster: the only truth that API and controllers share.
//!
//! Every write takes the next `resourceVersion` of one cluster-wide counter and is appended to a bounded change log that
//! watches read. Values are plain JSON; what is valid is decided by `api`, what happens next by `world`.

mod gvr;
mod meta;
mod status;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test owns the tasks it spawns")]
mod tests;
mod watch;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch as latest;

pub use self::{
    gvr::Gvr,
    meta::{name_of, name_suffix, namespace_of, rfc3339, rfc3339_micro},
    status::{Cause, Status},
    watch::{Change, ChangeKind, WatchStream},
};

/// Where an object lives inside its collection: namespace (empty for cluster scope), then name.
type Key = (String, String);

/// A mutation of one object; an error leaves the object as it was.
pub type Mutation<'a> = &'a mut dyn FnMut(&mut Value) -> Result<(), Status>;

#[derive(Default)]
struct Inner {
    collections: HashMap<(String, String), BTreeMap<Key, Arc<Value>>>,
    log: watch::Log,
    rv: u64,
    /// Objects, by uid, that controllers leave alone.
    still: HashSet<String>,
}

/// The object store. Cheap to clone; every clone is the same store. Calls are short and never wait for I/O.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Mutex<Inner>>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    newest: latest::Sender<u64>,
}

impl Store {
    /// An empty store whose creation times come from `now` (simulated time).
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            inner: Arc::default(),
            now: Arc::new(now),
            newest: latest::Sender::new(0),
        }
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// A copy of one object.
    pub fn get(&self, gvr: &Gvr, ns: Option<&str>, name: &str) -> Option<Value> {
        self.get_shared(gvr, ns, name).map(|object| (*object).clone())
    }

    /// One object without copying it.
    pub fn get_shared(&self, gvr: &Gvr, ns: Option<&str>, name: &str) -> Option<Arc<Value>> {
        self.lock().find(gvr, ns, name)
    }

    /// Copies of all objects of a namespace (or of all namespaces), ordered by namespace and name, and the collection's
    /// `resourceVersion`.
    pub fn list(&self, gvr: &Gvr, ns: Option<&str>) -> (Vec<Value>, u64) {
        let (items, rv) = self.list_shared(gvr, ns);
        (items.iter().map(|item| (**item).clone()).collect(), rv)
    }

    /// Like [`Store::list`] without copying.
    pub fn list_shared(&self, gvr: &Gvr, ns: Option<&str>) -> (Vec<Arc<Value>>, u64) {
        let inner = self.lock();
        let Some(all) = inner.collections.get(&slot(gvr)) else {
            return (Vec::new(), inner.rv);
        };
        let items = match ns {
            Some(ns) => {
                let from = (ns.to_owned(), String::new());
                all.range(from..)
                    .take_while(|(key, _)| key.0 == ns)
                    .map(|(_, item)| item.clone())
                    .collect()
            }
            None => all.values().cloned().collect(),
        };
        (items, inner.rv)
    }

    /// The objects of a kind that controllers look after: all but those that stand still.
    pub fn awake(&self, gvr: &Gvr) -> Vec<Arc<Value>> {
        let inner = self.lock();
        let all = inner.collections.get(&slot(gvr)).into_iter().flat_map(BTreeMap::values);
        let awake = |object: &&Arc<Value>| !inner.still.contains(object["metadata"]["uid"].as_str().unwrap_or_default());
        all.filter(awake).cloned().collect()
    }

    /// Lets an object stand still: controllers leave it as it is until [`Store::wake`].
    pub fn hold_still(&self, uid: &str) {
        self.lock().still.insert(uid.to_owned());
    }

    /// Lets controllers look after an object again; true when it stood still.
    pub fn wake(&self, uid: &str) -> bool {
        self.lock().still.remove(uid)
    }

    /// Whether an object stands still.
    pub fn is_still(&self, uid: &str) -> bool {
        self.lock().still.contains(uid)
    }

    /// Stores a new object. Fills name (from `generateName`), uid, creationTimestamp, generation and resourceVersion; a uid,
    /// creationTimestamp or generation that is already there is kept, so that a scenario can start with old objects.
    pub fn create(&self, gvr: &Gvr, mut object: Value) -> Result<Value, Status> {
        let mut inner = self.lock();
        inner.prepare_new(gvr, &mut object, self.now())?;
        let rv = inner.next_rv();
        stamp(&mut object, rv);
        let object = Arc::new(object);
        let key = (namespace_of(&object).to_owned(), name_of(&object).to_owned());
        inner.collections.entry(slot(gvr)).or_default().insert(key, object.clone());
        inner.log.push(Change {
            rv,
            kind: ChangeKind::Added,
            gvr: gvr.clone(),
            object: object.clone(),
            previous: None,
        });
        self.announce(inner);
        Ok((*object).clone())
    }

    /// What [`Store::create`] would answer, without storing anything. The answer has no `resourceVersion`.
    pub fn create_dry(&self, gvr: &Gvr, mut object: Value) -> Result<Value, Status> {
        self.lock().prepare_new(gvr, &mut object, self.now())?;
        Ok(object)
    }

    /// Changes one object. `change` works on a copy; name, namespace, uid, creationTimestamp, generation and
    /// resourceVersion are put back afterwards. The resourceVersion moves only if something changed, the generation only if
    /// `spec` did (or a deletion was asked for). An object that is being deleted and has neither finalizers nor grace period
    /// left is removed.
    pub fn update(&self, gvr: &Gvr, ns: Option<&str>, name: &str, change: Mutation<'_>) -> Result<Value, Status> {
        let mut inner = self.lock();
        let (old, mut new, changed) = inner.prepare_change(gvr, ns, name, change)?;
        if !changed {
            return Ok(new);
        }
        let rv = inner.next_rv();
        stamp(&mut new, rv);
        let gone = meta::ready_to_go(&new);
        let new = Arc::new(new);
        let key = (ns.unwrap_or_default().to_owned(), name.to_owned());
        let collection = inner.collections.entry(slot(gvr)).or_default();
        let kind = if gone {
            collection.remove(&key);
            ChangeKind::Deleted
        } else {
            collection.insert(key, new.clone());
            ChangeKind::Modified
        };
        inner.log.push(Change {
            rv,
            kind,
            gvr: gvr.clone(),
            object: new.clone(),
            previous: Some(old),
        });
        self.announce(inner);
        Ok((*new).clone())
    }

    /// What [`Store::update`] would answer, without storing anything. The `resourceVersion` stays the old one.
    pub fn update_dry(&self, gvr: &Gvr, ns: Option<&str>, name: &str, change: Mutation<'_>) -> Result<Value, Status> {
        self.lock().prepare_change(gvr, ns, name, change).map(|(_, new, _)| new)
    }

    /// Removes one object at once and answers its last state. Graceful deletion is the business of `api` and `world`.
    pub fn delete(&self, gvr: &Gvr, ns: Option<&str>, name: &str) -> Result<Value, Status> {
        let mut inner = self.lock();
        let key = (ns.unwrap_or_default().to_owned(), name.to_owned());
        let removed = inner.collections.get_mut(&slot(gvr)).and_then(|all| all.remove(&key));
        let previous = removed.ok_or_else(|| Status::not_found(gvr, name))?;
        let rv = inner.next_rv();
        let mut last = (*previous).clone();
        stamp(&mut last, rv);
        let object = Arc::new(last);
        let change = Change {
            rv,
            kind: ChangeKind::Deleted,
            gvr: gvr.clone(),
            object: object.clone(),
            previous: Some(previous),
        };
        inner.log.push(change);
        self.announce(inner);
        Ok((*object).clone())
    }

    /// Every change of every kind after `from_rv`; 410 Gone when that is too long ago.
    pub fn watch(&self, from_rv: u64) -> Result<WatchStream, Status> {
        self.lock().log.check(from_rv)?;
        Ok(WatchStream {
            store: self.clone(),
            seen: from_rv,
            newest: self.newest.subscribe(),
        })
    }

    /// The newest `resourceVersion`, to wake controllers.
    pub fn changed(&self) -> latest::Receiver<u64> {
        self.newest.subscribe()
    }

    /// The newest `resourceVersion`.
    pub fn resource_version(&self) -> u64 {
        self.lock().rv
    }

    fn change_after(&self, rv: u64) -> Result<Option<Change>, Status> {
        self.lock().log.after(rv)
    }

    fn announce(&self, inner: MutexGuard<'_, Inner>) {
        // Sent under the lock, so that the numbers arrive in order.
        self.newest.send_replace(inner.rv);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside a mutation happens before anything is stored, so the data is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn find(&self, gvr: &Gvr, ns: Option<&str>, name: &str) -> Option<Arc<Value>> {
        let key = (ns.unwrap_or_default().to_owned(), name.to_owned());
        self.collections.get(&slot(gvr))?.get(&key).cloned()
    }

    fn next_rv(&mut self) -> u64 {
        self.rv += 1;
        self.rv
    }

    fn prepare_new(&self, gvr: &Gvr, object: &mut Value, now: Timestamp) -> Result<(), Status> {
        meta::fill_new(gvr, object, now)?;
        let ns = Some(namespace_of(object));
        if self.find(gvr, ns, name_of(object)).is_some() {
            return Err(Status::already_exists(gvr, name_of(object)));
        }
        Ok(())
    }

    fn prepare_change(&self, gvr: &Gvr, ns: Option<&str>, name: &str, change: Mutation<'_>) -> Result<(Arc<Value>, Value, bool), Status> {
        let old = self.find(gvr, ns, name).ok_or_else(|| Status::not_found(gvr, name))?;
        let mut new = (*old).clone();
        change(&mut new)?;
        let changed = meta::settle(gvr, &old, &mut new)?;
        Ok((old, new, changed))
    }
}

/// Versions share storage.
fn slot(gvr: &Gvr) -> (String, String) {
    (gvr.group.clone(), gvr.resource.clone())
}

fn stamp(object: &mut Value, rv: u64) {
    if let Ok(meta) = meta::metadata_mut(object) {
        meta.insert("resourceVersion".to_owned(), json!(rv.to_string()));
    }
}
