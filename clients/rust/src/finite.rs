//! Finds NaN and infinity in a value. serde_json would write them as `null`, so that another value comes back.

use std::fmt::{self, Display};

use serde::Serialize;
use serde::ser::{self, Serializer};

/// Whether every number in a value is one that JSON has.
pub(crate) fn is_finite(value: &(impl Serialize + ?Sized)) -> bool {
    value.serialize(Finite).is_ok() // what fails for another reason fails as JSON too
}

struct Finite;

#[derive(Debug)]
struct NotFinite;

impl Display for NotFinite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON has no NaN and no infinity")
    }
}

impl std::error::Error for NotFinite {}

impl ser::Error for NotFinite {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

type Checked = Result<(), NotFinite>;

macro_rules! are_finite {
    ($($name:ident($kind:ty)),+) => { $(fn $name(self, _: $kind) -> Checked { Ok(()) })+ };
}

macro_rules! contain_values {
    ($($name:ident($($given:ty),*) -> $kind:ident),+) => {
        $(fn $name(self, $(_: $given),*) -> Result<Self::$kind, NotFinite> { Ok(self) })+
    };
}

impl Serializer for Finite {
    type Ok = ();
    type Error = NotFinite;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    are_finite!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str)
    );

    contain_values!(
        serialize_seq(Option<usize>) -> SerializeSeq,
        serialize_tuple(usize) -> SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant,
        serialize_map(Option<usize>) -> SerializeMap,
        serialize_struct(&'static str, usize) -> SerializeStruct,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant
    );

    fn serialize_f32(self, value: f32) -> Checked {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Checked {
        if value.is_finite() { Ok(()) } else { Err(NotFinite) }
    }

    fn serialize_none(self) -> Checked {
        Ok(())
    }

    fn serialize_unit(self) -> Checked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Checked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }
}

macro_rules! check_each {
    ($($kind:ident: $($name:ident($($key:ty)?)),+;)+) => {
        $(impl ser::$kind for Finite {
            type Ok = ();
            type Error = NotFinite;

            $(fn $name<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Checked { value.serialize(Finite) })+

            fn end(self) -> Checked {
                Ok(())
            }
        })+
    };
}

check_each!(
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    struct Page {
        at: Option<f32>,
        of: (u8, f64),
        kind: Kind,
    }

    #[derive(Serialize)]
    enum Kind {
        Plain,
        Scaled(f64),
        Turned { by: f64 },
    }

    /// Wherever it stands; null is another value.
    #[test]
    fn not_a_number_is_found() {
        let page = |at, of, kind| Page { at, of: (1, of), kind };
        assert!(is_finite(&page(None, 0.5, Kind::Plain)));
        assert!(is_finite(&serde_json::json!({"a": [1, null, "NaN", 1e300]})));
        assert!(!is_finite(&page(Some(f32::NAN), 0.5, Kind::Plain)));
        assert!(!is_finite(&page(None, f64::INFINITY, Kind::Plain)));
        assert!(!is_finite(&page(None, 0.5, Kind::Scaled(f64::NAN))));
        assert!(!is_finite(&page(None, 0.5, Kind::Turned { by: f64::NEG_INFINITY })));
        assert!(!is_finite(&BTreeMap::from([("a", vec![1.0, f64::NAN])])));
    }
}
