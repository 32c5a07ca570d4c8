//! The conversion and the macros that spell it field by field.

use crate::Invalid;

/// A domain value and the protobuf value that carries it.
///
/// Going out cannot fail; coming in checks everything that the domain type promises and names the field that breaks it.
pub trait Wire: Sized {
    /// What carries it.
    type Proto;

    /// To the wire.
    fn to_proto(&self) -> Self::Proto;

    /// From the wire.
    ///
    /// # Errors
    /// Names the field that is missing or wrong.
    fn from_proto(proto: Self::Proto) -> Result<Self, Invalid>;
}

/// A value as a field of a message: messages are optional there, lists repeat.
pub(crate) trait Field: Sized {
    type Proto;
    fn to_field(&self) -> Self::Proto;
    fn from_field(proto: Self::Proto) -> Result<Self, Invalid>;
}

impl<T: Wire> Field for Option<T> {
    type Proto = Option<T::Proto>;
    fn to_field(&self) -> Self::Proto {
        self.as_ref().map(T::to_proto)
    }
    fn from_field(proto: Self::Proto) -> Result<Self, Invalid> {
        proto.map(T::from_proto).transpose()
    }
}

impl<T: Wire> Field for Vec<T> {
    type Proto = Vec<T::Proto>;
    fn to_field(&self) -> Self::Proto {
        self.iter().map(T::to_proto).collect()
    }
    fn from_field(proto: Self::Proto) -> Result<Self, Invalid> {
        let item = |(index, proto)| T::from_proto(proto).map_err(|invalid| invalid.within(&format!("[{index}]")));
        proto.into_iter().enumerate().map(item).collect()
    }
}

impl<T: Wire> Field for Box<T> {
    type Proto = Option<T::Proto>;
    fn to_field(&self) -> Self::Proto {
        Some((**self).to_proto())
    }
    fn from_field(proto: Self::Proto) -> Result<Self, Invalid> {
        required(proto).map(Self::new)
    }
}

/// A message field that must be there.
pub(crate) fn required<T: Wire>(proto: Option<T::Proto>) -> Result<T, Invalid> {
    T::from_proto(proto.ok_or_else(|| Invalid::here("is missing"))?)
}

/// `Wire` types that are plain fields: scalars, strings, bytes, enum numbers.
macro_rules! scalar_field {
    ($($type:ty),* $(,)?) => { $(
        impl $crate::codec::Field for $type {
            type Proto = <Self as $crate::Wire>::Proto;
            fn to_field(&self) -> Self::Proto { $crate::Wire::to_proto(self) }
            fn from_field(proto: Self::Proto) -> Result<Self, $crate::Invalid> { $crate::Wire::from_proto(proto) }
        }
    )* };
}

/// `Wire` types that are messages: required fields.
macro_rules! message_field {
    ($($type:ty),* $(,)?) => { $(
        impl $crate::codec::Field for $type {
            type Proto = Option<<Self as $crate::Wire>::Proto>;
            fn to_field(&self) -> Self::Proto { Some($crate::Wire::to_proto(self)) }
            fn from_field(proto: Self::Proto) -> Result<Self, $crate::Invalid> { $crate::codec::required(proto) }
        }
    )* };
}

/// A struct and its message: `Domain => Message { same_name; ours = theirs }`.
macro_rules! message {
    ($domain:ty => $proto:ident { $($field:ident),* $(; $($ours:ident = $theirs:ident),*)? }) => {
        impl $crate::Wire for $domain {
            type Proto = paramedic_proto::v1::$proto;
            fn to_proto(&self) -> Self::Proto {
                paramedic_proto::v1::$proto {
                    $($field: $crate::codec::Field::to_field(&self.$field),)*
                    $($($theirs: $crate::codec::Field::to_field(&self.$ours),)*)?
                }
            }
            fn from_proto(proto: Self::Proto) -> Result<Self, $crate::Invalid> {
                Ok(Self {
                    $($field: $crate::codec::Field::from_field(proto.$field).map_err(|invalid| invalid.within(stringify!($field)))?,)*
                    $($($ours: $crate::codec::Field::from_field(proto.$theirs).map_err(|invalid| invalid.within(stringify!($theirs)))?,)*)?
                })
            }
        }
        $crate::codec::message_field!($domain);
    };
}

/// An enum of words and its enum on the wire, whose 0 is nobody's word.
macro_rules! words {
    ($domain:ty => $proto:ident { $($word:ident),* $(,)? }) => {
        impl $crate::Wire for $domain {
            type Proto = i32;
            fn to_proto(&self) -> i32 {
                match self { $(Self::$word => paramedic_proto::v1::$proto::$word as i32),* }
            }
            fn from_proto(number: i32) -> Result<Self, $crate::Invalid> {
                match paramedic_proto::v1::$proto::try_from(number) {
                    $(Ok(paramedic_proto::v1::$proto::$word) => Ok(Self::$word),)*
                    Ok(paramedic_proto::v1::$proto::Unspecified) => Err($crate::Invalid::here("is missing")),
                    Err(_) => Err($crate::Invalid::here(format!("{number} is not a known value"))),
                }
            }
        }
        $crate::codec::scalar_field!($domain);
    };
}

pub(crate) use {message, message_field, scalar_field, words};
