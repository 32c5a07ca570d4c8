//! Which alerts each group has.

use std::collections::HashMap;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// Groups of which alerts fire, each with a number while one does.
#[derive(Debug, Default)]
pub(super) struct Groups {
    numbers: HashMap<u128, u32>,
    all: Vec<Group>,
    /// Numbers to be used again.
    free: Vec<u32>,
}

/// A group.
#[derive(Debug, Default)]
pub(super) struct Group {
    key: u128,
    /// Numbers of its firing alerts, in no order that means anything.
    pub(super) firing: Vec<u32>,
    /// When the newest notification of it was received.
    pub(super) said: Timestamp,
}

/// Keys of groups may be long: 128 bits of SHA-256 keep a million of them apart.
pub(super) fn key(source: &str, group_key: &str) -> u128 {
    let digest = Sha256::new()
        .chain_update(source)
        .chain_update("\n")
        .chain_update(group_key)
        .finalize();
    digest[..16].iter().fold(0, |all, byte| (all << 8) | u128::from(*byte))
}

impl Groups {
    /// The group of this key, if one of its alerts fires.
    pub(super) fn get(&self, key: u128) -> Option<&Group> {
        self.all.get(*self.numbers.get(&key)? as usize)
    }

    /// Whether the group with this number has this key.
    pub(super) fn is(&self, number: u32, key: u128) -> bool {
        self.numbers.get(&key) == Some(&number)
    }

    /// An alert fires in a group: the group's number, and the place of the alert there.
    pub(super) fn join(&mut self, key: u128, alert: u32) -> (u32, u32) {
        let (all, free) = (&mut self.all, &mut self.free);
        let number = *self.numbers.entry(key).or_insert_with(|| {
            let number = free.pop().unwrap_or_else(|| {
                all.push(Group::default());
                index(all.len() - 1)
            });
            all[number as usize].key = key;
            number
        });
        let firing = &mut self.all[number as usize].firing;
        firing.push(alert);
        (number, index(firing.len() - 1))
    }

    /// The alert at this place leaves the group. The alert that has its place now, if another one does.
    pub(super) fn leave(&mut self, number: u32, place: u32) -> Option<u32> {
        let group = self.all.get_mut(number as usize)?;
        group.firing.swap_remove(place as usize);
        if group.firing.is_empty() {
            self.numbers.remove(&group.key);
            *group = Group::default();
            self.free.push(number);
            return None;
        }
        group.firing.get(place as usize).copied()
    }

    /// The group with this number, if its key is this one, was told about at this time.
    pub(super) fn said(&mut self, number: u32, key: u128, at: Timestamp) {
        if let Some(group) = self.all.get_mut(number as usize).filter(|group| group.key == key) {
            group.said = group.said.max(at);
        }
    }
}

/// There are fewer alerts and groups than an index has room for.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
