//! `VSS_ID`s: one newtype for each kind of thing that a GUID names, so that they cannot be mixed up.
//!
//! Source: `VSS_ID` and the structures of vss.h. Printed in braces and lower case, as `vssadmin` does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A 128-bit GUID. The bytes are in the order in which the text form prints them.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub u128);

impl Guid {
    /// `GUID_NULL`.
    pub const NULL: Guid = Guid(0);

    /// Whether this is `GUID_NULL`.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// Makes a GUID of version 4 (random), variant 1, out of 128 given bits.
    #[must_use]
    pub const fn from_random_bits(bits: u128) -> Guid {
        let version = (bits & !(0xf_u128 << 76)) | (0x4_u128 << 76);
        Guid((version & !(0x3_u128 << 62)) | (0x2_u128 << 62))
    }
}

/// Lower case without braces, as Windows writes it into its documents.
impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            v >> 96,
            (v >> 80) & 0xffff,
            (v >> 64) & 0xffff,
            (v >> 48) & 0xffff,
            v & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// A text that is not a GUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAGuid(pub String);

impl fmt::Display for NotAGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a GUID; expected 8-4-4-4-12 hexadecimal digits, with or without braces", self.0)
    }
}

impl std::error::Error for NotAGuid {}

impl FromStr for Guid {
    type Err = NotAGuid;

    fn from_str(text: &str) -> Result<Guid, NotAGuid> {
        let refuse = || NotAGuid(text.chars().take(80).collect());
        let bare = match text.strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}').ok_or_else(refuse)?,
            None => text,
        };
        let bytes = bare.as_bytes();
        if bytes.len() != 36 {
            return Err(refuse());
        }
        let mut value = 0_u128;
        for (at, &byte) in bytes.iter().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return Err(refuse());
                }
                continue;
            }
            let digit = char::from(byte).to_digit(16).ok_or_else(refuse)?;
            value = value << 4 | u128::from(digit);
        }
        Ok(Guid(value))
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Guid, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Guid);

        impl $name {
            /// `GUID_NULL`.
            pub const NULL: $name = $name(Guid::NULL);

            /// Whether this is `GUID_NULL`.
            #[must_use]
            pub const fn is_null(self) -> bool {
                self.0.is_null()
            }
        }

        /// In braces and lower case.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{{{}}}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAGuid;
            fn from_str(text: &str) -> Result<$name, NotAGuid> {
                text.parse().map($name)
            }
        }
    )*};
}

ids! {
    /// A shadow copy set (`m_SnapshotSetId`).
    SnapshotSetId;
    /// One shadow copy: one volume of a set (`m_SnapshotId`).
    SnapshotId;
    /// A provider (`m_ProviderId`).
    ProviderId;
    /// A writer class, chosen by the writer's developer.
    WriterClassId;
    /// A writer instance, made anew at every start of the writer.
    WriterInstanceId;
    /// The GUID in a volume's `\\?\Volume{GUID}\` name.
    VolumeId;
}

impl ProviderId {
    /// The Microsoft Software Shadow Copy provider 1.0, the system provider.
    pub const SYSTEM: ProviderId = ProviderId(Guid(0xb594_6137_7b9f_4925_af80_51ab_d60b_20d5));
}

impl VolumeId {
    /// The volume GUID name, with its trailing backslash.
    #[must_use]
    pub fn guid_name(self) -> String {
        format!(r"\\?\Volume{{{}}}\", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_reads_with_and_without_braces_in_either_case() {
        let plain: Guid = "b5946137-7b9f-4925-af80-51abd60b20d5".parse().unwrap();
        assert_eq!(plain, "{B5946137-7B9F-4925-AF80-51ABD60B20D5}".parse().unwrap());
        assert_eq!(ProviderId::SYSTEM.to_string(), "{b5946137-7b9f-4925-af80-51abd60b20d5}");
    }

    #[test]
    fn what_is_not_a_guid_is_refused() {
        for text in
            ["", "{", "b5946137", "{b5946137-7b9f-4925-af80-51abd60b20d5", "g5946137-7b9f-4925-af80-51abd60b20d5"]
        {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
        assert!("ä5946137-7b9f-4925-af80-51abd60b20d".parse::<Guid>().is_err());
    }

    #[test]
    fn random_bits_become_a_version_4_guid() {
        let text = Guid::from_random_bits(u128::MAX).to_string();
        assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
