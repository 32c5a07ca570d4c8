//! The inventory, arranged for the questions that dependencies ask.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use paramedic_correlation::topology::Entity;

use crate::core::topology::{
    hosts,
    inventory::Inventory,
    kind::Kind,
    record::{Detail, Labels, Record},
    selector::Selector,
};

/// Longest chain of owners: a pod, its ReplicaSet, its Deployment; a pod, its Job, its CronJob.
const LONGEST_CHAIN: usize = 4;

/// The inventory with what was looked up once.
pub(super) struct Index<'a> {
    inventory: &'a Inventory,
    /// Pods of each namespace: labels, and what they belong to.
    pods: HashMap<&'a str, Vec<(&'a Labels, Entity)>>,
    /// Workloads of each namespace: labels of their pods, and themselves.
    templates: HashMap<&'a str, Vec<(&'a Labels, &'a Entity)>>,
    /// Workloads by namespace and name.
    workloads: HashMap<(&'a str, &'a str), &'a Entity>,
    /// Services and workloads by name alone; `None` where several have it.
    anywhere: HashMap<&'a str, Option<&'a Entity>>,
    /// Pods that hand-kept endpoints lead to, by namespace and name of the Service.
    by_hand: HashMap<(&'a str, &'a str), BTreeSet<Entity>>,
    /// What each Service leads to.
    behind: BTreeMap<&'a Entity, BTreeSet<Entity>>,
}

impl<'a> Index<'a> {
    pub(super) fn of(inventory: &'a Inventory) -> Self {
        let mut index = Self {
            inventory,
            pods: HashMap::new(),
            templates: HashMap::new(),
            workloads: HashMap::new(),
            anywhere: HashMap::new(),
            by_hand: HashMap::new(),
            behind: BTreeMap::new(),
        };
        for record in inventory.records() {
            index.enter(record);
        }
        let behind = inventory
            .records()
            .filter_map(|record| Some((&record.entity, index.led_to(record)?)));
        index.behind = behind.collect();
        index
    }

    fn enter(&mut self, record: &'a Record) {
        let (namespace, entity) = (namespace(&record.entity), &record.entity);
        match &record.detail {
            Detail::Pod { labels, .. } => {
                let top = self.top(entity);
                self.pods.entry(namespace).or_default().push((labels, top));
            }
            Detail::Workload { labels, .. } => {
                self.templates.entry(namespace).or_default().push((labels, entity));
                // What was made for one run of a CronJob is not what is called by that name.
                if self.top(entity) == *entity {
                    self.workloads.insert((namespace, &entity.name), entity);
                    self.name(entity);
                }
            }
            Detail::Service { .. } => self.name(entity),
            Detail::Endpoints { service, pods } => {
                let tops: Vec<Entity> = pods.iter().map(|pod| self.top(&sibling(entity, "Pod", pod))).collect();
                self.by_hand.entry((namespace, service)).or_default().extend(tops);
            }
            Detail::Plain
            | Detail::Namespace(_)
            | Detail::Node { .. }
            | Detail::ConfigMap(_)
            | Detail::Claim(_)
            | Detail::Autoscaler(_)
            | Detail::Budget(_)
            | Detail::Policy(_)
            | Detail::Route { .. }
            | Detail::Certificate(_) => {}
        }
    }

    /// A Service and its workload of one name in one namespace are the same for whoever names it.
    fn name(&mut self, entity: &'a Entity) {
        self.anywhere
            .entry(&entity.name)
            .and_modify(|known| *known = known.filter(|known| known.namespace == entity.namespace).map(|_| entity))
            .or_insert(Some(entity));
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &'a Record> + use<'a> {
        self.inventory.records()
    }

    pub(super) fn get(&self, entity: &Entity) -> Option<&'a Record> {
        self.inventory.get(entity)
    }

    /// The controller of something, known or not.
    pub(super) fn owner(&self, entity: &Entity) -> Option<Entity> {
        let Some(record) = self.get(entity) else {
            return self.behind_replica_set(entity);
        };
        record.owner.clone()
    }

    /// Where ReplicaSets may not be read: their names are those of their Deployments with a hash.
    fn behind_replica_set(&self, entity: &Entity) -> Option<Entity> {
        let (name, _) = entity.name.rsplit_once('-').filter(|_| entity.kind == Kind::ReplicaSet.name())?;
        [Kind::Deployment, Kind::Rollout]
            .map(|kind| sibling(entity, kind.name(), name))
            .into_iter()
            .find(|owner| self.get(owner).is_some())
    }

    /// The workload that something belongs to: the highest one that Kubernetes itself knows, or what an operator calls it where that
    /// makes pods by itself.
    pub(super) fn top(&self, entity: &Entity) -> Entity {
        let mut top = entity.clone();
        for _ in 0..LONGEST_CHAIN {
            let Some(owner) = self.owner(&top) else { break };
            let is_workload = |entity: &Entity| {
                self.get(entity)
                    .is_some_and(|record| matches!(record.detail, Detail::Workload { .. }))
            };
            if is_workload(&top) && !is_workload(&owner) {
                break;
            }
            top = owner;
        }
        top
    }

    /// What the pods that a selector takes belong to; while there are none, the workloads that would make such.
    pub(super) fn selected(&self, namespace: &str, selector: &Selector) -> BTreeSet<Entity> {
        let pods = self.pods.get(namespace).into_iter().flatten();
        let running: BTreeSet<Entity> = pods
            .filter(|(labels, _)| selector.takes(labels))
            .map(|(_, top)| top.clone())
            .collect();
        if !running.is_empty() {
            return running;
        }
        let templates = self.templates.get(namespace).into_iter().flatten();
        templates
            .filter(|(labels, _)| selector.takes(labels))
            .map(|(_, entity)| self.top(entity))
            .collect()
    }

    fn led_to(&self, record: &Record) -> Option<BTreeSet<Entity>> {
        let Detail::Service { selector, .. } = &record.detail else {
            return None;
        };
        let namespace = namespace(&record.entity);
        Some(match selector {
            Some(selector) => self.selected(namespace, selector),
            None => self
                .by_hand
                .get(&(namespace, record.entity.name.as_str()))
                .cloned()
                .unwrap_or_default(),
        })
    }

    /// What each Service leads to.
    pub(super) fn behind(&self) -> impl Iterator<Item = (&'a Entity, &BTreeSet<Entity>)> {
        self.behind.iter().map(|(service, behind)| (*service, behind))
    }

    /// What one Service leads to; `None` for what is no Service.
    pub(super) fn behind_of(&self, service: &Entity) -> Option<&BTreeSet<Entity>> {
        self.behind.get(service)
    }

    /// The Service that a host name stands for in a namespace.
    pub(super) fn service(&self, host: &str, own: &str) -> Option<Entity> {
        let all = hosts::services(host, own).into_iter();
        all.map(|(name, namespace)| Entity::in_namespace("Service", namespace, name))
            .find(|service| self.get(service).is_some())
    }

    /// The workload of a name in a namespace.
    pub(super) fn workload(&self, namespace: &str, name: &str) -> Option<&'a Entity> {
        self.workloads.get(&(namespace, name)).copied()
    }

    /// The only Service or workload of a name.
    pub(super) fn anywhere(&self, name: &str) -> Option<&'a Entity> {
        self.anywhere.get(name).copied().flatten()
    }
}

/// The namespace of an entity, `""` outside of them.
pub(super) fn namespace(entity: &Entity) -> &str {
    entity.namespace.as_deref().unwrap_or_default()
}

/// Something else in the same namespace.
pub(super) fn sibling(of: &Entity, kind: &str, name: &str) -> Entity {
    Entity {
        kind: kind.into(),
        namespace: of.namespace.clone(),
        name: name.into(),
    }
}
