//! Which incidents reach which components, and about when.

use std::collections::{BTreeSet, HashMap};

use crate::{graph::Component, weights};

/// Incidents by the components that they reach and the second in which they do, so that an alert need not be compared with all of them.
#[derive(Debug, Default)]
pub(super) struct Reach(HashMap<Component, BTreeSet<(i32, u32)>>);

impl Reach {
    /// The incident reaches these components at these times, seconds since the origin.
    pub(super) fn add(&mut self, incident: u32, reached: impl Iterator<Item = (Component, f32)>) {
        for (component, time) in reached {
            self.0.entry(component).or_default().insert((second(time), incident));
        }
    }

    /// It does no longer.
    pub(super) fn remove(&mut self, incident: u32, reached: impl Iterator<Item = (Component, f32)>) {
        for (component, time) in reached {
            if let Some(incidents) = self.0.get_mut(&component) {
                incidents.remove(&(second(time), incident));
                if incidents.is_empty() {
                    self.0.remove(&component);
                }
            }
        }
    }

    /// Incidents that reach the component close enough to the time that something may be because of them; each once.
    pub(super) fn near(&self, component: Component, time: f32) -> BTreeSet<u32> {
        let first = second(time - weights::STRAY_SECONDS).saturating_sub(1);
        let last = second(time + weights::STRAY_SECONDS).saturating_add(1);
        let incidents = self.0.get(&component).into_iter();
        incidents
            .flat_map(|incidents| incidents.range((first, 0)..=(last, u32::MAX)))
            .map(|(_, incident)| *incident)
            .collect()
    }
}

/// The whole second of a time; of times that are centuries away the last there is.
fn second(time: f32) -> i32 {
    #[allow(clippy::cast_possible_truncation, reason = "it saturates")]
    let second = time.floor() as i32;
    second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_is_near_where_it_reaches_and_only_half_an_hour_around() {
        let mut reach = Reach::default();
        reach.add(1, [(7, 100.0), (8, 160.0), (7, 5_000.0)].into_iter());
        reach.add(2, [(7, -300.5)].into_iter());
        assert_eq!(reach.near(7, 0.0), [1, 2].into());
        assert_eq!(reach.near(7, 1_900.0), [1].into());
        assert_eq!(reach.near(7, 2_500.0), BTreeSet::new());
        assert_eq!((reach.near(7, 4_000.0), reach.near(8, 0.0)), ([1].into(), [1].into()));
        reach.remove(1, [(7, 100.0), (8, 160.0)].into_iter());
        assert_eq!((reach.near(7, 0.0), reach.near(8, 0.0)), ([2].into(), BTreeSet::new()));
        assert_eq!(reach.near(7, 4_000.0), [1].into());
    }
}
