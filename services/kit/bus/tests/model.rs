//! Random operations on the embedded bus and on a model of it in a few maps: both must answer alike, over reopenings.

use std::{collections::BTreeMap, time::Duration};

use paramedic_bus::{
    Append, Bus, Consumer, ConsumerSpec, Delivery, Entry, Error, Expect, Start, StreamSpec,
    embedded::EmbeddedBus,
    subject::{is_subset, matches},
};
use proptest::prelude::*;
use tempfile::TempDir;

const STREAM: &str = "INCIDENTS";

/// One step. Numbers are indexes into small pools, so that steps meet each other.
#[derive(Debug, Clone)]
enum Step {
    Append {
        subject: usize,
        id: Option<u8>,
        expect: Option<(usize, Guess)>,
    },
    Replay {
        filter: usize,
        from: u64,
    },
    Put {
        key: usize,
    },
    Create {
        key: usize,
    },
    Update {
        key: usize,
        stale: bool,
    },
    Delete {
        key: usize,
    },
    Receive,
    Ack {
        which: usize,
    },
    Nak {
        which: usize,
    },
    Reopen,
}

#[derive(Debug, Clone, Copy)]
enum Guess {
    Right,
    Wrong(u64),
}

const SUBJECTS: [&str; 8] = [
    "inc.a.1.x",
    "inc.a.1.y",
    "inc.a.2.x",
    "inc.b.1.x",
    "inc.b.1.y",
    "inc.b",
    "inc.a",
    "inc.b.1.x.z",
];
const FILTERS: [&str; 9] = [
    ">",
    "inc.>",
    "inc.a.>",
    "inc.a.1.>",
    "inc.*.1.*",
    "inc.b.1.x",
    "inc.*.*.y",
    "inc.b",
    "inc.c.>",
];
const KEYS: [&str; 4] = ["a", "a.b", "a/b", "c"];

fn step() -> impl Strategy<Value = Step> {
    let guess = prop_oneof![3 => Just(Guess::Right), 1 => (0..12_u64).prop_map(Guess::Wrong)];
    let expect = proptest::option::of((0..FILTERS.len(), guess));
    prop_oneof![
        8 => (0..SUBJECTS.len(), proptest::option::of(0..6_u8), expect)
            .prop_map(|(subject, id, expect)| Step::Append { subject, id, expect }),
        3 => (0..FILTERS.len(), 0..30_u64).prop_map(|(filter, from)| Step::Replay { filter, from }),
        1 => (0..KEYS.len()).prop_map(|key| Step::Put { key }),
        1 => (0..KEYS.len()).prop_map(|key| Step::Create { key }),
        2 => (0..KEYS.len(), any::<bool>()).prop_map(|(key, stale)| Step::Update { key, stale }),
        1 => (0..KEYS.len()).prop_map(|key| Step::Delete { key }),
        3 => Just(Step::Receive),
        2 => (0..4_usize).prop_map(|which| Step::Ack { which }),
        2 => (0..4_usize).prop_map(|which| Step::Nak { which }),
        1 => Just(Step::Reopen),
    ]
}

/// What the bus should be.
#[derive(Default)]
struct Model {
    /// Subjects by sequence - 1.
    log: Vec<&'static str>,
    ids: BTreeMap<u8, u64>,
    keys: BTreeMap<&'static str, u64>,
    revision: u64,
    /// Deliveries so far of what matches the consumer and is not settled.
    attempts: BTreeMap<u64, u32>,
}

impl Model {
    fn last(&self, filter: &str) -> u64 {
        let found = self.log.iter().rposition(|subject| matches(filter, subject));
        found.map_or(0, |index| index as u64 + 1)
    }

    fn replay(&self, filter: &str, from: u64) -> Vec<u64> {
        let all = (1..).zip(&self.log);
        all.filter(|(seq, subject)| *seq >= from && matches(filter, subject))
            .map(|(seq, _)| seq)
            .collect()
    }
}

struct World {
    directory: TempDir,
    bus: EmbeddedBus,
    consumer: Box<dyn Consumer>,
    held: Vec<Delivery>,
    model: Model,
}

const CONSUMED: &str = "inc.*.1.>";

fn worker() -> ConsumerSpec {
    ConsumerSpec {
        stream: STREAM.into(),
        durable: "worker".into(),
        filters: vec![CONSUMED.into()],
        ack_wait: Duration::from_secs(600),
        max_deliver: None,
        max_ack_pending: 1000,
        start: Start::Beginning,
    }
}

async fn open(directory: &TempDir) -> (EmbeddedBus, Box<dyn Consumer>) {
    let bus = EmbeddedBus::open(directory.path()).expect("open");
    let spec = StreamSpec {
        name: STREAM.into(),
        subjects: vec!["inc.>".into()],
        duplicate_window: Duration::from_secs(600),
        replicas: 1,
    };
    bus.ensure_stream(&spec).await.expect("stream");
    let consumer = bus.consumer(&worker()).await.expect("consumer");
    (bus, consumer)
}

impl World {
    async fn new() -> Self {
        let directory = TempDir::with_prefix("model-").expect("directory");
        let (bus, consumer) = open(&directory).await;
        Self {
            directory,
            bus,
            consumer,
            held: vec![],
            model: Model::default(),
        }
    }

    async fn step(self, step: Step) -> Self {
        match step {
            Step::Append { subject, id, expect } => self.append(SUBJECTS[subject], id, expect).await,
            Step::Replay { filter, from } => self.replay(FILTERS[filter], from).await,
            Step::Put { key } => self.write(KEYS[key], Write::Put).await,
            Step::Create { key } => self.write(KEYS[key], Write::Create).await,
            Step::Update { key, stale } => self.write(KEYS[key], Write::Update { stale }).await,
            Step::Delete { key } => self.write(KEYS[key], Write::Delete).await,
            Step::Receive => self.receive().await,
            Step::Ack { which } => self.settle(which, true).await,
            Step::Nak { which } => self.settle(which, false).await,
            Step::Reopen => self.reopen().await,
        }
    }

    async fn append(mut self, subject: &'static str, id: Option<u8>, expect: Option<(usize, Guess)>) -> Self {
        let expect = expect.map(|(filter, guess)| {
            let right = self.model.last(FILTERS[filter]);
            let last = match guess {
                Guess::Right => right,
                Guess::Wrong(other) => other,
            };
            (
                Expect {
                    filter: FILTERS[filter].into(),
                    last,
                },
                right,
            )
        });
        let message = Append {
            subject: subject.into(),
            msg_id: id.map(|id| id.to_string()),
            expect: expect.as_ref().map(|(expect, _)| expect.clone()),
            ..Append::default()
        };
        let answer = self.bus.append(STREAM, message).await;
        if let Some(seq) = id.and_then(|id| self.model.ids.get(&id)) {
            let ack = answer.expect("a repeated id is acknowledged");
            assert_eq!((ack.seq, ack.duplicate), (*seq, true));
            return self;
        }
        if expect.is_some_and(|(expect, right)| expect.last != right) {
            assert!(matches!(answer, Err(Error::Conflict { .. })), "{answer:?}");
            return self;
        }
        let ack = answer.expect("append");
        self.model.log.push(subject);
        assert_eq!((ack.seq, ack.duplicate), (self.model.log.len() as u64, false));
        if let Some(id) = id {
            self.model.ids.insert(id, ack.seq);
        }
        if is_subset(subject, CONSUMED) {
            self.model.attempts.insert(ack.seq, 0);
        }
        self
    }

    async fn replay(self, filter: &str, from: u64) -> Self {
        let stored = self.bus.replay(STREAM, filter, Start::Sequence(from)).await.expect("replay");
        let seqs: Vec<_> = stored.iter().map(|m| m.seq).collect();
        assert_eq!(seqs, self.model.replay(filter, from), "{filter} from {from}");
        self
    }

    async fn write(mut self, key: &'static str, write: Write) -> Self {
        let kv = self.bus.kv("leases", None).await.expect("bucket");
        let now = self.model.keys.get(key).copied();
        let guess = |stale: bool| now.map_or(1, |revision| revision + u64::from(stale));
        let (answer, allowed) = match write {
            Write::Put => (kv.put(key, key.into()).await, true),
            Write::Create => (kv.create(key, key.into()).await, now.is_none()),
            Write::Update { stale } => (kv.update(key, key.into(), guess(stale)).await, now.is_some() && !stale),
            Write::Delete => (kv.delete(key, None).await.map(|()| self.model.revision + 1), true),
        };
        match answer {
            Ok(_) if matches!(write, Write::Delete) => {
                self.model.revision += u64::from(self.model.keys.remove(key).is_some());
            }
            Ok(revision) => {
                assert!(allowed && revision > self.model.revision, "{key}");
                self.model.revision = revision;
                self.model.keys.insert(key, revision);
            }
            Err(Error::WrongRevision { .. }) => assert!(!allowed, "{key}"),
            Err(other) => panic!("{other}"),
        }
        let entry = kv.get(key).await.expect("get");
        let expected = self.model.keys.get(key).map(|revision| Entry {
            key: key.into(),
            value: Some(key.into()),
            revision: *revision,
        });
        assert_eq!(entry, expected);
        let keys: Vec<_> = self.model.keys.keys().map(ToString::to_string).collect();
        assert_eq!(kv.keys().await.expect("keys"), keys);
        self
    }

    async fn receive(mut self) -> Self {
        let held: Vec<_> = self.held.iter().map(|d| d.message.seq).collect();
        let mut free = self.model.attempts.iter_mut().filter(|(seq, _)| !held.contains(seq));
        let again = free.any(|(_, attempts)| *attempts > 0);
        let Some(_) = self.model.attempts.keys().find(|seq| !held.contains(seq)) else {
            return self;
        };
        let delivery = self.consumer.next().await.expect("something is there");
        let seq = delivery.message.seq;
        assert!(!held.contains(&seq), "{seq} is in hand");
        let attempts = self.model.attempts.get_mut(&seq).expect("matches and is not settled");
        assert_eq!(*attempts > 0, again, "what was delivered before goes first");
        *attempts += 1;
        assert_eq!(delivery.attempt, *attempts, "{seq}");
        self.held.push(delivery);
        self
    }

    async fn settle(mut self, which: usize, done: bool) -> Self {
        if which < self.held.len() {
            let delivery = self.held.remove(which);
            if done {
                delivery.settle.ack().await.expect("ack");
                self.model.attempts.remove(&delivery.message.seq);
            } else {
                delivery.settle.nak(Duration::ZERO).await.expect("nak");
            }
        }
        self
    }

    async fn reopen(self) -> Self {
        let Self {
            directory,
            bus,
            consumer,
            held,
            model,
        } = self;
        drop((bus, consumer, held));
        let (bus, consumer) = open(&directory).await;
        Self {
            directory,
            bus,
            consumer,
            held: vec![],
            model,
        }
    }
}

#[derive(Clone, Copy)]
enum Write {
    Put,
    Create,
    Update { stale: bool },
    Delete,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_embedded_bus_answers_like_its_model(steps in proptest::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world = world.step(step).await;
            }
        });
    }
}
