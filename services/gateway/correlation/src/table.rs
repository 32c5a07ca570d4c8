//! What is remembered of each alert, by its fingerprint.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use crate::fingerprint::Fingerprint;

/// Entries by fingerprint, each with a number that stays the same as long as it is remembered.
///
/// Numbers are hashed rather than entries: with a million entries the empty half of a hash map would take as much room as all else.
#[derive(Debug)]
pub struct Table<V> {
    places: Vec<Place<V>>,
    /// Places that are free, to be used again.
    free: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

#[derive(Debug)]
enum Place<V> {
    Free,
    Taken(Fingerprint, V),
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            numbers: HashTable::new(),
            hasher: RandomState::new(),
        }
    }
}

impl<V> Table<V> {
    /// The number of an alert that is remembered.
    #[must_use]
    pub fn number(&self, fingerprint: &Fingerprint) -> Option<u32> {
        let hash = self.hasher.hash_one(fingerprint);
        self.numbers
            .find(hash, |number| self.fingerprint(*number) == Some(fingerprint))
            .copied()
    }

    /// What is remembered of an alert.
    #[must_use]
    pub fn get(&self, fingerprint: &Fingerprint) -> Option<&V> {
        self.at(self.number(fingerprint)?)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, fingerprint: &Fingerprint) -> Option<&mut V> {
        self.at_mut(self.number(fingerprint)?)
    }

    /// What is remembered under a number.
    #[must_use]
    pub fn at(&self, number: u32) -> Option<&V> {
        match self.places.get(number as usize)? {
            Place::Taken(_, value) => Some(value),
            Place::Free => None,
        }
    }

    /// The same, to be changed.
    pub fn at_mut(&mut self, number: u32) -> Option<&mut V> {
        match self.places.get_mut(number as usize)? {
            Place::Taken(_, value) => Some(value),
            Place::Free => None,
        }
    }

    /// The alert with a number.
    #[must_use]
    pub fn fingerprint(&self, number: u32) -> Option<&Fingerprint> {
        match self.places.get(number as usize)? {
            Place::Taken(fingerprint, _) => Some(fingerprint),
            Place::Free => None,
        }
    }

    /// Remembers something of an alert in place of what was remembered. Its number.
    pub fn insert(&mut self, fingerprint: &Fingerprint, value: V) -> u32 {
        if let Some(number) = self.number(fingerprint) {
            if let Some(known) = self.at_mut(number) {
                *known = value;
            }
            return number;
        }
        let place = Place::Taken(fingerprint.clone(), value);
        let number = match self.free.pop() {
            Some(number) => {
                self.places[number as usize] = place;
                number
            }
            None => {
                self.places.push(place);
                index(self.places.len() - 1)
            }
        };
        let (places, hasher) = (&self.places, &self.hasher);
        let hash = |number: &u32| match &places[*number as usize] {
            Place::Taken(fingerprint, _) => hasher.hash_one(fingerprint),
            Place::Free => 0,
        };
        self.numbers.insert_unique(hash(&number), number, hash);
        number
    }

    /// Forgets alerts of which nothing is to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&Fingerprint, &V) -> bool) {
        for (at, place) in self.places.iter_mut().enumerate() {
            let Place::Taken(fingerprint, value) = place else { continue };
            if keep(fingerprint, value) {
                continue;
            }
            let number = index(at);
            let hash = self.hasher.hash_one(&*fingerprint);
            if let Ok(entry) = self.numbers.find_entry(hash, |other| *other == number) {
                entry.remove();
            }
            *place = Place::Free;
            self.free.push(number);
        }
    }

    /// Everything that is remembered.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.places.iter().filter_map(|place| match place {
            Place::Taken(_, value) => Some(value),
            Place::Free => None,
        })
    }
}

/// There are fewer alerts than an index has room for.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_stay_while_others_are_forgotten_and_are_used_again() {
        let mut table = Table::default();
        let [a, b, c] = ["a", "b", "c"].map(Fingerprint::from);
        let numbers = [&a, &b, &c].map(|one| table.insert(one, one.to_string()));
        assert_eq!(numbers, [0, 1, 2]);
        table.retain(|one, _| *one != b);
        assert_eq!((table.number(&a), table.number(&b), table.number(&c)), (Some(0), None, Some(2)));
        assert_eq!((table.at(1), table.fingerprint(2)), (None, Some(&c)));
        assert_eq!(table.insert(&b, "again".into()), 1);
        assert_eq!(table.get(&b).map(String::as_str), Some("again"));
    }

    proptest! {
        #[test]
        fn it_remembers_what_a_map_would(steps in prop::collection::vec((0_u8..3, 0_u64..20, any::<u16>()), 0..200)) {
            let mut table = Table::default();
            let mut map: HashMap<u64, u16> = HashMap::new();
            let name = |key: u64| Fingerprint::from(&*format!("{key:016x}"));
            for (step, key, value) in steps {
                match step {
                    0 => { table.insert(&name(key), value); map.insert(key, value); }
                    1 => { table.retain(|_, known| *known >= value); map.retain(|_, known| *known >= value); }
                    _ => prop_assert_eq!(table.get(&name(key)), map.get(&key)),
                }
            }
            let mut values: Vec<u16> = table.values().copied().collect();
            let mut expected: Vec<u16> = map.into_values().collect();
            values.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(values, expected);
        }
    }
}
