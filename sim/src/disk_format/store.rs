//! What a store's header says of its shadow copy.

use vssim_model::ids::Guid;

use super::{BLOCK, BadStructure, BlockHeader, guid_at, guid_to_bytes, put, u16_at, u32_at};

/// The information that follows the header of a store.
///
/// ```text
///  0 unknown GUID   16 shadow copy   32 set   48 context   52 one   56 attributes   60 zeros
///  64 length, operating machine (UTF-16)   then length, service machine (UTF-16)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreInformation {
    /// Not known.
    pub unknown: Guid,
    /// The shadow copy.
    pub snapshot: Guid,
    /// Its set.
    pub set: Guid,
    /// The `VSS_CTX_*` value.
    pub context: u32,
    /// 1 in every image that Windows made.
    pub one: u32,
    /// `VSS_VOLSNAP_ATTR_*`.
    pub attributes: u32,
    /// The machine on which the copy was made.
    pub operating_machine: String,
    /// The machine of the service.
    pub service_machine: String,
}

impl StoreInformation {
    /// The most bytes it can have: what a store header block has room for.
    pub const MAXIMUM: usize = BLOCK as usize - BlockHeader::SIZE;
    const STRINGS_AT: usize = 64;

    /// The bytes: 68 and both strings. A string that would not fit is cut off.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; StoreInformation::STRINGS_AT];
        put(&mut bytes, 0, &guid_to_bytes(self.unknown));
        put(&mut bytes, 16, &guid_to_bytes(self.snapshot));
        put(&mut bytes, 32, &guid_to_bytes(self.set));
        put(&mut bytes, 48, &self.context.to_le_bytes());
        put(&mut bytes, 52, &self.one.to_le_bytes());
        put(&mut bytes, 56, &self.attributes.to_le_bytes());
        for text in [&self.operating_machine, &self.service_machine] {
            let units: Vec<u8> = text.encode_utf16().take(2_000).flat_map(u16::to_le_bytes).collect();
            let length = u16::try_from(units.len()).unwrap_or(0);
            bytes.extend(length.to_le_bytes());
            bytes.extend(units);
        }
        bytes
    }

    /// Reads what follows a store header.
    ///
    /// # Errors
    /// When a string does not lie inside `bytes`, or is not UTF-16.
    pub fn decode(bytes: &[u8]) -> Result<StoreInformation, BadStructure> {
        let mut at = StoreInformation::STRINGS_AT;
        let mut string = |field| {
            let length = usize::from(u16_at(bytes, at));
            let start = at + 2;
            let there = bytes.get(start..).and_then(|rest| rest.get(..length)).filter(|_| length % 2 == 0);
            let Some(there) = there else {
                let left = bytes.len().saturating_sub(start);
                let expected = format!("an even number of bytes, at most {left}");
                return Err(BadStructure::new(at as u64, field, expected, length));
            };
            let units: Vec<u16> = there.chunks_exact(2).map(|unit| u16_at(unit, 0)).collect();
            let text = String::from_utf16(&units)
                .map_err(|_| BadStructure::new(start as u64, field, "UTF-16", "a lone surrogate"))?;
            at = start + length;
            Ok(text)
        };
        Ok(StoreInformation {
            operating_machine: string("operating machine")?,
            service_machine: string("service machine")?,
            unknown: guid_at(bytes, 0),
            snapshot: guid_at(bytes, 16),
            set: guid_at(bytes, 32),
            context: u32_at(bytes, 48),
            one: u32_at(bytes, 52),
            attributes: u32_at(bytes, 56),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn information() -> StoreInformation {
        StoreInformation {
            unknown: Guid(1),
            snapshot: Guid(2),
            set: Guid(3),
            context: 9,
            one: 1,
            attributes: 0x0042_0009,
            operating_machine: "SRV01".to_owned(),
            service_machine: "Größe".to_owned(),
        }
    }

    #[test]
    fn information_reads_back_as_written() {
        let bytes = information().encode();
        assert_eq!(bytes.len(), 68 + 2 * 5 + 2 * 5);
        assert_eq!(StoreInformation::decode(&bytes), Ok(information()));
    }

    #[test]
    fn a_string_that_leaves_the_structure_is_refused() {
        let bytes = information().encode();
        let refused = StoreInformation::decode(&bytes[..70]).unwrap_err();
        assert_eq!((refused.at, refused.field), (64, "operating machine"));
    }
}
