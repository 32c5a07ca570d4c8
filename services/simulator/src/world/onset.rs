//! When faults bite: all the time a container runs, from some time on, or only while a fault bites in another workload.

use super::{
    ledger::{Instance, Ledger, PodRecord},
    model::Run,
    obj::secs,
};
use crate::scenario::{Scenario, fault::Fault};

/// From and until, seconds since 1970; infinite while nothing ended it.
pub(crate) type Spell = (f64, f64);

/// Where faults are looked up.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) ledger: &'a Ledger,
    /// The scenario's beginning, seconds since 1970.
    pub(crate) origin: f64,
}

/// A stretch of a run in which the same faults bite.
pub(crate) struct Phase<'a> {
    pub(crate) from: f64,
    pub(crate) until: f64,
    pub(crate) faults: Vec<&'a Fault>,
}

impl<'a> Sight<'a> {
    /// The spells in which a fault bites in a run.
    pub(crate) fn spells(&self, fault: &Fault, instance: &Instance) -> Vec<Spell> {
        let own = self.own(fault, instance);
        if fault.during.is_empty() {
            return vec![own];
        }
        let others = self.troubles(&fault.during);
        let cut = others.into_iter().map(|(from, until)| (from.max(own.0), until.min(own.1)));
        cut.filter(|(from, until)| from < until).collect()
    }

    /// The spells in which a fault of its own bites in any pod of these workloads, `namespace/name`, in order and apart.
    pub(crate) fn troubles(&self, workloads: &[String]) -> Vec<Spell> {
        let named = |pod: &&PodRecord| {
            workloads
                .iter()
                .filter_map(|workload| workload.split_once('/'))
                .any(|(namespace, name)| {
                    let job =
                        || pod.workload.kind == "Job" && pod.workload.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
                    pod.workload.namespace == namespace && (pod.workload.name == name || job())
                })
        };
        let mut found: Vec<Spell> = Vec::new();
        for pod in self.ledger.pods.iter().filter(named) {
            for container in &pod.containers {
                let Some(behaviour) = container.behaviour.map(|i| &self.scenario.workloads[i]) else {
                    continue;
                };
                let next = container.instances.iter().skip(1).map(|next| Some(next.started)).chain([None]);
                for (instance, next) in container.instances.iter().zip(next) {
                    let faults = instance.faults.iter().map(|&i| &behaviour.faults[i]);
                    found.extend(faults.filter(|fault| fault.during.is_empty()).map(|fault| {
                        // Whoever needs it misses it until it runs again, or until its pod is gone.
                        let until = next.into_iter().chain(pod.deleted).min().map_or(f64::INFINITY, secs);
                        (self.from(fault, instance), until)
                    }));
                }
            }
        }
        merged(found)
    }

    /// The stretches of a run, one after the other without gaps, the first from its start.
    pub(crate) fn phases(&self, run: &Run<'a>) -> Vec<Phase<'a>> {
        let faults: Vec<(&'a Fault, Vec<Spell>)> = run.faults().map(|fault| (fault, self.spells(fault, run.instance))).collect();
        let start = secs(run.instance.started);
        let mut cuts: Vec<f64> = faults
            .iter()
            .flat_map(|(_, spells)| spells)
            .flat_map(|(from, until)| [*from, *until])
            .filter(|t| *t > start && t.is_finite())
            .chain([start])
            .collect();
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        let ends = cuts.iter().skip(1).copied().chain([f64::INFINITY]);
        cuts.iter()
            .zip(ends)
            .map(|(&from, until)| Phase {
                from,
                until,
                faults: faults
                    .iter()
                    .filter(|(_, spells)| within(spells, from))
                    .map(|(fault, _)| *fault)
                    .collect(),
            })
            .collect()
    }

    /// The faults that bite in a run at `t`.
    pub(crate) fn biting(&self, run: &Run<'a>, t: f64) -> Vec<&'a Fault> {
        run.faults().filter(|fault| within(&self.spells(fault, run.instance), t)).collect()
    }

    /// The life of a fault in a run, whatever goes on elsewhere.
    fn own(&self, fault: &Fault, instance: &Instance) -> Spell {
        let until = instance.end.as_ref().map_or(f64::INFINITY, |end| secs(end.at));
        (self.from(fault, instance), until)
    }

    fn from(&self, fault: &Fault, instance: &Instance) -> f64 {
        let began = fault.began.map_or(f64::MIN, |ago| self.origin - ago.as_secs_f64());
        secs(instance.started).max(began)
    }
}

/// Whether one of the spells covers `t`.
pub(crate) fn within(spells: &[Spell], t: f64) -> bool {
    spells.iter().any(|(from, until)| *from <= t && t < *until)
}

/// Spells in order, those that touch as one.
fn merged(mut spells: Vec<Spell>) -> Vec<Spell> {
    spells.retain(|(from, until)| from < until);
    spells.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out: Vec<Spell> = Vec::new();
    for (from, until) in spells {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => out.push((from, until)),
        }
    }
    out
}
