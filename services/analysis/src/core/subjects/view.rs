//! Views of objects that say what their fields mean: rules are checked against them, and their reference is written from them.

use std::collections::BTreeMap;

/// What expressions find at a name.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A text.
    Text,
    /// A whole number.
    Whole,
    /// A number; in comparisons it needs a point: `0.5`, `60.0`.
    Number,
    /// `true` or `false`.
    Truth,
    /// A list.
    List(Box<Self>),
    /// Values by text.
    Map(Box<Self>),
    /// Named fields.
    Fields(View),
}

/// A view: what it shows, and its fields.
#[derive(Debug, Clone)]
pub struct View {
    /// A sentence.
    pub about: &'static str,
    /// In order.
    pub fields: Vec<Field>,
}

/// A field of a view.
#[derive(Debug, Clone)]
pub struct Field {
    /// What expressions call it.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What is found there.
    pub shape: Shape,
}

/// What can be shown to rules.
pub trait Shaped {
    /// What rules find.
    fn shape() -> Shape;
}

impl Shape {
    /// What is found at a field; `None` where there is no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(values) => Some(values),
            Self::Fields(view) => view.fields.iter().find(|field| field.name == name).map(|field| &field.shape),
            Self::Text | Self::Whole | Self::Number | Self::Truth | Self::List(_) => None,
        }
    }

    /// What it is called in the reference.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Whole => "whole number".into(),
            Self::Number => "number".into(),
            Self::Truth => "true or false".into(),
            Self::List(of) => format!("list: {}", of.words()),
            Self::Map(of) => format!("by text: {}", of.words()),
            Self::Fields(_) => "fields".into(),
        }
    }

    /// The fields in it, of lists and maps those of what they hold.
    #[must_use]
    pub fn view(&self) -> Option<&View> {
        match self {
            Self::List(of) | Self::Map(of) => of.view(),
            Self::Fields(view) => Some(view),
            Self::Text | Self::Whole | Self::Number | Self::Truth => None,
        }
    }
}

macro_rules! shaped {
    ($($type:ty => $shape:expr),* $(,)?) => {
        $(impl Shaped for $type {
            fn shape() -> Shape {
                $shape
            }
        })*
    };
}

shaped!(String => Shape::Text, &'static str => Shape::Text, i64 => Shape::Whole, f64 => Shape::Number, bool => Shape::Truth);

impl<T: Shaped> Shaped for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }
}

impl<K, T: Shaped> Shaped for BTreeMap<K, T> {
    fn shape() -> Shape {
        Shape::Map(Box::new(T::shape()))
    }
}

/// A struct that rules see, each field of which has to say what it means.
macro_rules! view {
    ($(#[doc = $about:literal])+ $vis:vis struct $name:ident {
        $($(#[doc = $meaning:literal])+ $seen:vis $field:ident: $type:ty,)*
    }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
        $vis struct $name {
            $($(#[doc = $meaning])+ $seen $field: $type,)*
        }

        impl $crate::core::subjects::view::Shaped for $name {
            fn shape() -> $crate::core::subjects::view::Shape {
                use $crate::core::subjects::view::{Field, Shape, Shaped, View};
                Shape::Fields(View {
                    about: concat!($($about),+).trim_ascii(),
                    fields: vec![$(Field {
                        name: stringify!($field).trim_start_matches("r#"),
                        meaning: concat!($($meaning),+).trim_ascii(),
                        shape: <$type as Shaped>::shape(),
                    }),*],
                })
            }
        }
    };
}

pub(super) use view;
