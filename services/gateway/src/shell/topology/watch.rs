//! Kubernetes watches as one stream of changes.

use std::{sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, PartialObjectMeta},
    core::Resource,
    runtime::watcher::{self, Event, watcher},
};
use paramedic_correlation::topology::Entity;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    core::topology::{
        Kind,
        read::{FactKeys, read},
        record::Record,
        survey::{Change, Scope},
    },
    metrics,
};

/// Pauses after failures: from the first to the longest, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often a kind is tried again that may not be read, or that the cluster does not have: rights are given, and definitions installed.
const REFUSED_PAUSE: Duration = Duration::from_secs(300);

/// What is listed and watched, in these namespaces; in all of them where none is named.
pub(super) fn scopes(namespaces: &[String]) -> Vec<Scope> {
    let of = |kind: Kind| -> Vec<Scope> {
        let everywhere = namespaces.is_empty() || !kind.resource().namespaced;
        if everywhere {
            return vec![Scope { kind, namespace: None }];
        }
        let namespace = |name: &String| Scope {
            kind,
            namespace: Some(name.clone()),
        };
        namespaces.iter().map(namespace).collect()
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}

/// Everything that happens in these scopes; it does not end.
pub(super) fn changes(client: &Client, scopes: &[Scope], keys: &Arc<FactKeys>) -> impl Stream<Item = Change> + Send + use<> {
    stream::select_all(scopes.iter().map(|scope| {
        let watch = Watch {
            seen: objects(client.clone(), scope, keys.clone()),
            scope: scope.clone(),
            listing: Vec::new(),
            failures: 0,
            told: false,
        };
        stream::unfold(watch, |mut watch| async move {
            let change = watch.next().await?;
            Some((change, watch))
        })
        .boxed()
    }))
}

/// What a watch sees, of each object no more than is kept.
enum Seen {
    Listing,
    Listed(Option<Record>),
    Done,
    Put(Entity, Option<Record>),
    Gone(Entity),
}

type Objects = BoxStream<'static, Result<Seen, watcher::Error>>;

fn objects(client: Client, scope: &Scope, keys: Arc<FactKeys>) -> Objects {
    let resource = scope.kind.resource();
    let api_version = match resource.group {
        "" => resource.version.to_owned(),
        group => format!("{group}/{}", resource.version),
    };
    let dynamic = ApiResource {
        group: resource.group.into(),
        version: resource.version.into(),
        api_version,
        kind: resource.kind.into(),
        plural: resource.plural.into(),
    };
    if resource.metadata_only {
        watched(api::<PartialObjectMeta<DynamicObject>>(client, scope, &dynamic), scope.kind, keys)
    } else {
        watched(api::<DynamicObject>(client, scope, &dynamic), scope.kind, keys)
    }
}

fn api<K>(client: Client, scope: &Scope, resource: &ApiResource) -> Api<K>
where
    K: Resource<DynamicType = ApiResource, Scope = kube::core::DynamicResourceScope>,
{
    match &scope.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, resource),
        None => Api::all_with(client, resource),
    }
}

fn watched<K>(api: Api<K>, kind: Kind, keys: Arc<FactKeys>) -> Objects
where
    K: Resource + Clone + std::fmt::Debug + Serialize + DeserializeOwned + Send + 'static,
{
    let labels = kind.resource().labels;
    let config = match labels {
        "" => watcher::Config::default(),
        labels => watcher::Config::default().labels(labels),
    };
    let kept = move |object: &K| {
        let entity = Entity {
            kind: kind.name().into(),
            namespace: object.meta().namespace.clone(),
            name: object.meta().name.clone().unwrap_or_default(),
        };
        let record = serde_json::to_value(object).ok().and_then(|object| read(kind, &object, &keys));
        (entity, record)
    };
    let seen = move |event| match event {
        Event::Init => Seen::Listing,
        Event::InitApply(object) => Seen::Listed(kept(&object).1),
        Event::InitDone => Seen::Done,
        Event::Apply(object) => {
            let (entity, record) = kept(&object);
            Seen::Put(entity, record)
        }
        Event::Delete(object) => Seen::Gone(kept(&object).0),
    };
    watcher(api, config).map(move |event| event.map(&seen)).boxed()
}

struct Watch {
    scope: Scope,
    seen: Objects,
    listing: Vec<Record>,
    failures: u32,
    /// A refusal was logged.
    told: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<Change> {
        loop {
            let pause = self.pause();
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let seen = match self.seen.next().await? {
                Ok(seen) => seen,
                Err(error) => match self.failed(&error) {
                    Some(change) => return Some(change),
                    None => continue,
                },
            };
            self.works();
            return Some(match seen {
                Seen::Listing => {
                    self.listing.clear();
                    continue;
                }
                Seen::Listed(record) => {
                    self.listing.extend(record);
                    continue;
                }
                Seen::Done => Change::Listed(self.scope.clone(), std::mem::take(&mut self.listing)),
                Seen::Put(_, Some(record)) => Change::Put(Box::new(record)),
                Seen::Put(entity, None) | Seen::Gone(entity) => Change::Gone(entity),
            });
        }
    }

    /// How long to wait before it is tried again.
    fn pause(&self) -> Duration {
        match (self.failures, self.told) {
            (0, _) => Duration::ZERO,
            (_, true) => REFUSED_PAUSE,
            (failures, false) => FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(8)).min(LONGEST_PAUSE),
        }
    }

    fn works(&mut self) {
        if self.failures > 0 {
            tracing::info!(kind = %self.scope.kind, namespace = self.scope.namespace, "watched again");
        }
        (self.failures, self.told) = (0, false);
        metrics::watching(self.scope.kind.name(), true);
    }

    fn failed(&mut self, error: &watcher::Error) -> Option<Change> {
        self.failures = self.failures.saturating_add(1);
        metrics::watching(self.scope.kind.name(), false);
        let (kind, namespace) = (self.scope.kind, self.scope.namespace.as_deref());
        match refusal(error) {
            Some(why) => {
                // One line for each kind, however often it is tried.
                if !std::mem::replace(&mut self.told, true) {
                    if kind.resource().optional {
                        tracing::info!(%kind, namespace, why, "this cluster has none that may be read; the topology does without");
                    } else {
                        tracing::warn!(%kind, namespace, why, "may not be read; the topology does without: give the gateway list and watch of it");
                    }
                }
                Some(Change::Refused(self.scope.clone()))
            }
            None if self.failures == 1 => {
                tracing::warn!(%kind, namespace, %error, "the watch was interrupted; what is known of it stays, and it is tried again");
                None
            }
            None => {
                tracing::debug!(%kind, namespace, %error, "still not watched");
                None
            }
        }
    }
}

/// Why it may not be read, or does not exist: asking again soon would change nothing.
fn refusal(error: &watcher::Error) -> Option<&'static str> {
    let code = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => return None,
    };
    match code {
        401 => Some("unauthorized"),
        403 => Some("forbidden"),
        404 => Some("no such kind"),
        405 => Some("cannot be listed"),
        _ => None,
    }
}
