//! Workers that die: a bus whose appends of one kind of event are lost, and a client of the cluster that ends with its first
//! effect. And a bus that takes its time.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use http::{Method, Request};
use kube::client::Body;
use paramedic_bus::{Append, Appended, Blobs, Bus, Consumer, ConsumerSpec, Error, IncidentLog, Kv, SharedBus, Start, Stored, StreamSpec};
use paramedic_runtime::Kit;
use tokio::sync::Notify;

struct Faulty {
    bus: SharedBus,
    kind: &'static str,
    fault: Fault,
}

/// What becomes of an append.
#[derive(Clone, Copy)]
enum Fault {
    Lost,
    Late(Duration),
}

/// The same kit, on which events of this kind never get into the log.
pub(crate) fn losing(kit: &Kit, kind: &'static str) -> Kit {
    faulty(kit, kind, Fault::Lost)
}

/// The same kit, on which events of this kind take this long to get into the log.
pub(crate) fn late(kit: &Kit, kind: &'static str, by: Duration) -> Kit {
    faulty(kit, kind, Fault::Late(by))
}

fn faulty(kit: &Kit, kind: &'static str, fault: Fault) -> Kit {
    let bus: SharedBus = Arc::new(Faulty {
        bus: kit.bus.clone(),
        kind,
        fault,
    });
    Kit {
        log: IncidentLog::new(bus.clone()),
        bus,
        ..kit.clone()
    }
}

/// The same kit, whose process dies when the cluster has accepted its first change, before it hears so. The second tells when.
pub(crate) fn dying(kit: &Kit) -> (Kit, Arc<Notify>) {
    let died = Arc::new(Notify::new());
    let (client, told) = (kit.cluster.client.clone().unwrap(), died.clone());
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, told) = (client.clone(), told.clone());
        let tries = request.uri().query().is_some_and(|query| query.contains("dryRun"));
        let changes = request.method() != Method::GET && !tries;
        async move {
            let answer = client.send(request).await;
            if changes && answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                told.notify_one();
                pending::<()>().await;
            }
            answer
        }
    });
    let mut doomed = kit.clone();
    doomed.cluster.client = Some(kube::Client::new(service, "default"));
    (doomed, died)
}

#[async_trait]
impl Bus for Faulty {
    async fn ensure_stream(&self, spec: &StreamSpec) -> Result<(), Error> {
        self.bus.ensure_stream(spec).await
    }
    async fn append_all(&self, stream: &str, messages: Vec<Append>) -> Appended {
        if messages.iter().any(|message| message.subject.ends_with(self.kind)) {
            match self.fault {
                Fault::Lost => return Error::Invalid("the process died here".into()).into(),
                Fault::Late(by) => tokio::time::sleep(by).await,
            }
        }
        self.bus.append_all(stream, messages).await
    }
    async fn replay(&self, stream: &str, filter: &str, start: Start) -> Result<Vec<Stored>, Error> {
        self.bus.replay(stream, filter, start).await
    }
    async fn follow(&self, stream: &str, filter: &str, after: u64) -> Result<BoxStream<'static, Result<Stored, Error>>, Error> {
        self.bus.follow(stream, filter, after).await
    }
    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>, Error> {
        self.bus.consumer(spec).await
    }
    async fn kv(&self, bucket: &str, ttl: Option<Duration>) -> Result<Arc<dyn Kv>, Error> {
        self.bus.kv(bucket, ttl).await
    }
    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, Error> {
        self.bus.blobs(bucket).await
    }
    async fn ping(&self) -> Result<(), Error> {
        self.bus.ping().await
    }
    async fn close(&self) -> Result<(), Error> {
        self.bus.close().await
    }
}

/// The same kit, whose API server cannot be read for a few requests after it has accepted the first change.
pub(crate) fn stumbling(kit: &Kit, requests: u32) -> Kit {
    let client = kit.cluster.client.clone().unwrap();
    let (accepted, left) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(requests)));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, accepted, left) = (client.clone(), accepted.clone(), left.clone());
        let looks = request.method() == Method::GET;
        async move {
            let one_less = |left: u32| left.checked_sub(1);
            if looks && accepted.load(Ordering::SeqCst) && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
                let answer = http::Response::builder().status(503).body(Body::from(b"overloaded".to_vec()));
                return Ok(answer.unwrap());
            }
            let answer = client.send(request).await;
            if !looks && answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                accepted.store(true, Ordering::SeqCst);
            }
            answer
        }
    });
    let mut stumbling = kit.clone();
    stumbling.cluster.client = Some(kube::Client::new(service, "default"));
    stumbling
}
