//! The documents of a file as trees that know where their values stand.

use yaml_rust2::{
    Event,
    parser::{MarkedEventReceiver, Parser, Tag},
    scanner::{Marker, TScalarStyle},
};

use super::Unfit;

/// Deepest nesting that is read: far beyond any manifest, and bounded for the stack.
const DEEPEST: usize = 100;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) kind: Kind,
    /// Number of its anchor; 0: none.
    pub(super) anchor: usize,
    tag: Option<Tag>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Scalar(Scalar),
    /// Keys and values by turns.
    Mapping(Vec<Tree>),
    Sequence(Vec<Tree>),
    /// The anchor it refers to.
    Alias(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar {
    pub(super) value: String,
    pub(super) style: TScalarStyle,
    tagged: bool,
    /// Where it begins, in characters.
    start: usize,
}

/// The documents of the file.
pub(super) fn documents(text: &str) -> Result<Vec<Tree>, Unfit> {
    let mut builder = Builder::default();
    Parser::new_from_str(text)
        .load(&mut builder, true)
        .map_err(|error| Unfit(format!("the file is not YAML that can be read: {error}")))?;
    if builder.too_deep {
        return Err(Unfit(format!("the file is nested deeper than {DEEPEST} levels")));
    }
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Tree>,
    open: Vec<Tree>,
    too_deep: bool,
}

impl Builder {
    fn place(&mut self, tree: Tree) {
        match self.open.last_mut().map(|parent| &mut parent.kind) {
            Some(Kind::Mapping(children) | Kind::Sequence(children)) => children.push(tree),
            Some(Kind::Scalar(_) | Kind::Alias(_)) | None => self.documents.push(tree),
        }
    }

    fn open(&mut self, kind: Kind, anchor: usize, tag: Option<Tag>) {
        self.too_deep |= self.open.len() >= DEEPEST;
        self.open.push(Tree { kind, anchor, tag });
    }
}

impl MarkedEventReceiver for Builder {
    fn on_event(&mut self, event: Event, mark: Marker) {
        match event {
            Event::Scalar(value, style, anchor, tag) => self.place(Tree {
                kind: Kind::Scalar(Scalar {
                    value,
                    style,
                    tagged: tag.is_some(),
                    start: mark.index(),
                }),
                anchor,
                tag,
            }),
            Event::Alias(anchor) => self.place(Tree {
                kind: Kind::Alias(anchor),
                anchor: 0,
                tag: None,
            }),
            Event::MappingStart(anchor, tag) => self.open(Kind::Mapping(Vec::new()), anchor, tag),
            Event::SequenceStart(anchor, tag) => self.open(Kind::Sequence(Vec::new()), anchor, tag),
            Event::MappingEnd | Event::SequenceEnd => {
                if let Some(done) = self.open.pop() {
                    self.place(done);
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart | Event::DocumentEnd => {}
        }
    }
}

impl Tree {
    /// The text of a key of this mapping.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let place = self.follow([key])?;
        match &self.at(&place)?.kind {
            Kind::Scalar(scalar) => Some(&scalar.value),
            Kind::Mapping(_) | Kind::Sequence(_) | Kind::Alias(_) => None,
        }
    }

    /// Where these names lead. An alias leads nowhere: what is behind it stands in another place.
    pub(super) fn follow<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<Vec<usize>> {
        let mut place = Vec::new();
        let mut node = self;
        for name in names {
            let (index, child) = node.child(name)?;
            place.push(index);
            node = child;
        }
        Some(place)
    }

    fn child(&self, name: &str) -> Option<(usize, &Self)> {
        match &self.kind {
            Kind::Mapping(children) => {
                let is = |key: &Self| matches!(&key.kind, Kind::Scalar(scalar) if scalar.value == name);
                let mut keys = children.iter().enumerate().step_by(2).filter(|(_, key)| is(key));
                let (index, _) = keys.next()?;
                // Written twice, nobody knows which one counts.
                if keys.next().is_some() {
                    return None;
                }
                Some((index + 1, children.get(index + 1)?))
            }
            Kind::Sequence(children) => {
                let index = match name.split_once('=') {
                    None => name.parse().ok()?,
                    Some((key, value)) => {
                        let mut matching = children.iter().enumerate().filter(|(_, child)| child.text(key) == Some(value));
                        let (index, _) = matching.next()?;
                        if matching.next().is_some() {
                            return None;
                        }
                        index
                    }
                };
                Some((index, children.get(index)?))
            }
            Kind::Scalar(_) | Kind::Alias(_) => None,
        }
    }

    pub(super) fn at(&self, place: &[usize]) -> Option<&Self> {
        match (place, &self.kind) {
            ([], _) => Some(self),
            ([index, rest @ ..], Kind::Mapping(children) | Kind::Sequence(children)) => children.get(*index)?.at(rest),
            (_, Kind::Scalar(_) | Kind::Alias(_)) => None,
        }
    }

    pub(super) fn at_mut(&mut self, place: &[usize]) -> Option<&mut Self> {
        match place {
            [] => Some(self),
            [index, rest @ ..] => match &mut self.kind {
                Kind::Mapping(children) | Kind::Sequence(children) => children.get_mut(*index)?.at_mut(rest),
                Kind::Scalar(_) | Kind::Alias(_) => None,
            },
        }
    }

    /// Whether both mean the same: where their values stand, and in which quotes, does not matter, but a text is not a
    /// number.
    pub(super) fn reads_as(&self, other: &Self) -> bool {
        let all = |one: &[Self], other: &[Self]| one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.reads_as(other));
        self.anchor == other.anchor
            && self.tag == other.tag
            && match (&self.kind, &other.kind) {
                (Kind::Scalar(one), Kind::Scalar(other)) => one.value == other.value && one.is_text() == other.is_text(),
                (Kind::Mapping(one), Kind::Mapping(other)) | (Kind::Sequence(one), Kind::Sequence(other)) => all(one, other),
                (Kind::Alias(one), Kind::Alias(other)) => one == other,
                _ => false,
            }
    }
}

impl Scalar {
    /// Whether it is a text, and not a number, a truth value or nothing.
    pub(super) fn is_text(&self) -> bool {
        self.style != TScalarStyle::Plain || super::write::plain_is_text(&self.value)
    }

    /// Takes a new value of the same type.
    pub(super) fn become_value(&mut self, value: String) {
        if self.is_text() {
            self.style = TScalarStyle::DoubleQuoted;
        }
        self.value = value;
    }

    /// Where it begins and ends, in bytes, its quotes included; `None` when it is not on one line, or has a tag.
    pub(super) fn span(&self, text: &str) -> Option<(usize, usize)> {
        if self.tagged {
            return None;
        }
        let start = text.char_indices().nth(self.start).map_or(text.len(), |(at, _)| at);
        let line = text[start..].lines().next().unwrap_or_default();
        let length = match self.style {
            TScalarStyle::Plain => line.starts_with(&self.value).then_some(self.value.len())?,
            TScalarStyle::SingleQuoted => closing(line, '\'', |rest| rest.starts_with("''"))?,
            TScalarStyle::DoubleQuoted => closing(line, '"', |rest| rest.starts_with('\\'))?,
            TScalarStyle::Literal | TScalarStyle::Folded => return None,
        };
        // A value that is left out stands nowhere.
        (length > 0).then_some((start, start + length))
    }
}

/// Length of a quoted value with its quotes; `pair` says whether two characters belong together.
fn closing(line: &str, quote: char, pair: impl Fn(&str) -> bool) -> Option<usize> {
    let mut rest = line.strip_prefix(quote)?;
    loop {
        let next = rest.chars().next()?;
        if pair(rest) {
            rest = &rest[next.len_utf8()..];
            rest = &rest[rest.chars().next()?.len_utf8()..];
        } else if next == quote {
            return Some(line.len() - rest.len() + quote.len_utf8());
        } else {
            rest = &rest[next.len_utf8()..];
        }
    }
}
