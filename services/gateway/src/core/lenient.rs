//! JSON values read as what they should be, with a note of what they are instead: a wrong value becomes a sentence in the
//! answer, not the end of the reading, and nothing is kept of it.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::problems::Problems;

/// Bytes of texts that are kept of one object: more than any usable alert has, and a bound on what a hostile one costs.
pub(crate) const MAX_KEPT_BYTES: usize = 1 << 20;

/// Elements of one array that are read: the largest groups have some thousands, and each costs about a kilobyte once it is read.
pub(crate) const MAX_ELEMENTS: usize = 100_000;

/// A value that should be a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Text {
    /// Not there, or null.
    #[default]
    Missing,
    /// It is one.
    Is(String),
    /// It is something else: what.
    Other(&'static str),
}

/// A value that should be a count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

/// A value that should be an object of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Texts {
    /// Not there, or null.
    #[default]
    Missing,
    /// It is one.
    Is {
        /// Its texts.
        texts: BTreeMap<String, String>,
        /// Names whose values are no texts, and what they are.
        others: Vec<(String, &'static str)>,
        /// Bytes of names and texts, those included that were not kept.
        bytes: usize,
    },
    /// It is something else: what.
    Other(&'static str),
}

/// A value that should be an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Object<T> {
    /// It is one.
    Is(T),
    /// It is something else: what.
    Other(&'static str),
}

impl Texts {
    /// The same and these, where they are texts and their names are not taken.
    pub(crate) fn with<const N: usize>(self, more: [(&str, Text); N]) -> Self {
        let mut more = more
            .into_iter()
            .filter_map(|(name, text)| match text {
                Text::Is(text) if !text.is_empty() => Some((name, text)),
                Text::Is(_) | Text::Missing | Text::Other(_) => None,
            })
            .peekable();
        if more.peek().is_none() {
            return self;
        }
        let (mut texts, others, mut bytes) = match self {
            Self::Is { texts, others, bytes } => (texts, others, bytes),
            Self::Missing => (BTreeMap::new(), Vec::new(), 0),
            Self::Other(what) => return Self::Other(what),
        };
        for (name, text) in more {
            bytes += name.len() + text.len();
            texts.entry(name.to_owned()).or_insert(text);
        }
        Self::Is { texts, others, bytes }
    }
}

/// How a visitor takes each kind of value.
trait Take<'de>: Sized {
    const EXPECTED: &'static str;
    fn null() -> Self;
    fn text(text: &str) -> Self;
    fn number(number: Option<u64>) -> Self;
    fn boolean() -> Self;
    fn array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::other("an array"))
    }
    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::other("an object"))
    }
    fn other(what: &'static str) -> Self;
}

struct Taker<T>(PhantomData<T>);

impl<'de, T: Take<'de>> Visitor<'de> for Taker<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::null())
    }
    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::boolean())
    }
    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::number(None))
    }
    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::number(Some(number)))
    }
    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::number(None))
    }
    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<T, A::Error> {
        T::array(array)
    }
    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::object(object)
    }
}

impl Take<'_> for Text {
    const EXPECTED: &'static str = "a string";
    fn null() -> Self {
        Self::Missing
    }
    fn text(text: &str) -> Self {
        Self::Is(text.to_owned())
    }
    fn number(_: Option<u64>) -> Self {
        Self::Other("a number")
    }
    fn boolean() -> Self {
        Self::Other("a boolean")
    }
    fn other(what: &'static str) -> Self {
        Self::Other(what)
    }
}

impl Take<'_> for Count {
    const EXPECTED: &'static str = "a number";
    fn null() -> Self {
        Self(0)
    }
    fn text(_: &str) -> Self {
        Self(0)
    }
    fn number(number: Option<u64>) -> Self {
        Self(number.unwrap_or(0))
    }
    fn boolean() -> Self {
        Self(0)
    }
    fn other(_: &'static str) -> Self {
        Self(0)
    }
}

impl<'de> Take<'de> for Texts {
    const EXPECTED: &'static str = "an object of strings";
    fn null() -> Self {
        Self::Missing
    }
    fn text(_: &str) -> Self {
        Self::Other("a string")
    }
    fn number(_: Option<u64>) -> Self {
        Self::Other("a number")
    }
    fn boolean() -> Self {
        Self::Other("a boolean")
    }
    fn other(what: &'static str) -> Self {
        Self::Other(what)
    }
    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        /// Wrong values that are named.
        const NAMED: usize = 10;
        let (mut texts, mut others, mut bytes) = (BTreeMap::new(), Vec::new(), 0_usize);
        while let Some((name, value)) = object.next_entry::<String, Text>()? {
            bytes += name.len();
            match value {
                Text::Is(text) => {
                    bytes += text.len();
                    if bytes <= MAX_KEPT_BYTES {
                        texts.insert(name, text);
                    }
                }
                Text::Missing if others.len() < NAMED => others.push((name, "null")),
                Text::Other(what) if others.len() < NAMED => others.push((name, what)),
                Text::Missing | Text::Other(_) => {}
            }
        }
        Ok(Self::Is { texts, others, bytes })
    }
}

macro_rules! deserialize {
    ($($type:ty),*) => { $(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                input.deserialize_any(Taker(PhantomData))
            }
        }
    )* };
}
deserialize!(Text, Count, Texts);

impl<'de, T: Deserialize<'de>> Take<'de> for Object<T> {
    const EXPECTED: &'static str = "an object";
    fn null() -> Self {
        Self::Other("null")
    }
    fn text(_: &str) -> Self {
        Self::Other("a string")
    }
    fn number(_: Option<u64>) -> Self {
        Self::Other("a number")
    }
    fn boolean() -> Self {
        Self::Other("a boolean")
    }
    fn other(what: &'static str) -> Self {
        Self::Other(what)
    }
    fn object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(Self::Is)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(Taker(PhantomData))
    }
}

/// An element of a list of alerts.
pub(crate) trait Element: for<'de> Deserialize<'de> {
    /// What it becomes.
    type Read;
    /// The value, or `None` with every reason in `problems`; `path` says where it was.
    fn read(self, path: fmt::Arguments<'_>, problems: &mut Problems) -> Option<Self::Read>;
}

/// A value that should be an array, of which only what becomes of its elements is kept.
pub(crate) struct Collected<E: Element> {
    /// What was there.
    pub(crate) found: Array,
    /// What became of the elements; empty as soon as there is a problem.
    pub(crate) read: Vec<E::Read>,
    /// What is wrong with elements, by index.
    pub(crate) problems: Problems,
}

/// What was in the place of an array.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Array {
    /// Nothing.
    #[default]
    Missing,
    /// An array of so many elements.
    Of(usize),
    /// Something else: what.
    Other(&'static str),
}

impl<E: Element> Default for Collected<E> {
    fn default() -> Self {
        Self::of(Array::Missing)
    }
}

impl<E: Element> Collected<E> {
    fn of(found: Array) -> Self {
        Self {
            found,
            read: Vec::new(),
            problems: Problems::default(),
        }
    }
}

impl<'de, E: Element> Take<'de> for Collected<E> {
    const EXPECTED: &'static str = "an array";
    fn null() -> Self {
        Self::of(Array::Missing)
    }
    fn text(_: &str) -> Self {
        Self::other("a string")
    }
    fn number(_: Option<u64>) -> Self {
        Self::other("a number")
    }
    fn boolean() -> Self {
        Self::other("a boolean")
    }
    fn other(what: &'static str) -> Self {
        Self::of(Array::Other(what))
    }
    fn array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        let mut all = Self::default();
        let mut index = 0;
        while index < MAX_ELEMENTS
            && let Some(element) = array.next_element::<E>()?
        {
            let read = element.read(format_args!("[{index}]"), &mut all.problems);
            if all.problems.is_empty() {
                all.read.extend(read);
            } else {
                all.read = Vec::new();
            }
            index += 1;
        }
        if index == MAX_ELEMENTS && array.next_element::<IgnoredAny>()?.is_some() {
            all.problems.add(format!(
                "[{MAX_ELEMENTS}] is one more than the {MAX_ELEMENTS} that are accepted at once"
            ));
            all.read = Vec::new();
            while array.next_element::<IgnoredAny>()?.is_some() {}
        }
        all.found = Array::Of(index);
        Ok(all)
    }
}

impl<'de, E: Element> Deserialize<'de> for Collected<E> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(Taker(PhantomData))
    }
}
