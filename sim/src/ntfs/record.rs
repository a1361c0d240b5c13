//! One record of the master file table: its header, its update sequence, its attributes.
//!
//! ```text
//!  0  "FILE"   4  update sequence: offset, count   16 sequence   20 first attribute   22 flags   24 used bytes   32 base record
//!  then attributes: type, length, resident or not, …   …   ffffffff
//! ```
//!
//! The last two bytes of every 512 are replaced on disk by the update sequence number, so that a record of which only a part was
//! written is noticed; the right bytes stand in the update sequence array.

use super::map::{Run, decode};
use crate::disk_format::{BadStructure, u16_at, u32_at, u64_at};

/// The unnamed `$DATA`.
const DATA: u32 = 0x80;
const FILE_NAME: u32 = 0x30;
const END: u32 = 0xffff_ffff;
const STRIDE: usize = 512;

const COMPRESSED: u16 = 0x00ff;
const ENCRYPTED: u16 = 0x4000;
const SPARSE: u16 = 0x8000;

/// A record by number, and how often its place had been used then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) record: u64,
    pub(super) sequence: u16,
}

impl Reference {
    fn at(bytes: &[u8], at: usize) -> Reference {
        let whole = u64_at(bytes, at);
        Reference { record: whole & 0xffff_ffff_ffff, sequence: (whole >> 48) as u16 }
    }
}

/// What a record in use says.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) sequence: u16,
    pub(super) folder: bool,
    /// The record of which this one is a part; none for a base record.
    pub(super) base: Option<Reference>,
    pub(super) name: Option<Name>,
    pub(super) data: Option<Data>,
}

/// A name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) parent: Reference,
    pub(super) text: String,
    /// Whether it is nothing but the short form of another one.
    pub(super) short: bool,
}

/// Unnamed data, or a part of it.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// In the record itself: how many bytes.
    Resident(u64),
    Part(Part),
}

/// A part of unnamed data that lies in clusters.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) vcn: u64,
    pub(super) runs: Vec<Run>,
    pub(super) kind: Kind,
    /// Only in the first part.
    pub(super) allocated: u64,
    pub(super) size: u64,
    pub(super) valid: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Compressed,
    Encrypted,
    Sparse,
}

/// Reads a record and puts the ends of its sectors right; none where there is none in use.
pub(super) fn read(bytes: &mut [u8], clusters: u64) -> Result<Option<Record>, BadStructure> {
    match bytes.get(..4) {
        Some(b"FILE") => {}
        // Never used, or found damaged by Windows and given up.
        Some([0, 0, 0, 0] | b"BAAD") => return Ok(None),
        found => {
            let found = format!("{:02x?}", found.unwrap_or_default());
            return Err(BadStructure::new(0, "signature of a record", "`FILE`", found));
        }
    }
    // A record that is not in use may be anything else.
    let flags = u16_at(bytes, 22);
    if flags & 1 == 0 {
        return Ok(None);
    }
    repair(bytes)?;
    let base = Some(Reference::at(bytes, 32)).filter(|base| *base != Reference { record: 0, sequence: 0 });
    let sequence = u16_at(bytes, 16);
    let mut record = Record { sequence, folder: flags & 2 != 0, base, name: None, data: None };
    let used = u32_at(bytes, 24) as usize;
    let Some(used) = bytes.get(..used) else {
        return Err(BadStructure::new(24, "used bytes of a record", format!("at most {}", bytes.len()), used));
    };
    let mut at = usize::from(u16_at(used, 20));
    loop {
        let bad = |place: usize, field, expected: &str, found: u64| {
            Err(BadStructure::new((at + place) as u64, field, expected, found))
        };
        let rest = used.get(at..).unwrap_or_default();
        if rest.len() < 4 {
            return bad(0, "attribute", "an attribute or the end mark inside the used bytes", rest.len() as u64);
        }
        let kind = u32_at(rest, 0);
        if kind == END {
            return Ok(Some(record));
        }
        let length = u32_at(rest, 4) as usize;
        let attribute = rest.get(..length).filter(|it| it.len() >= 24 && it.len().is_multiple_of(8));
        let Some(attribute) = attribute else {
            return bad(4, "length of an attribute", "a multiple of 8, from 24 to the used bytes", length as u64);
        };
        match kind {
            FILE_NAME => take_name(&mut record, attribute),
            DATA if attribute[9] == 0 => take_data(&mut record, attribute, clusters),
            _ => Ok(()),
        }
        .map_err(|inner| BadStructure { at: inner.at + at as u64, ..inner })?;
        at += length;
    }
}

/// Puts the update sequence array's bytes where they belong.
fn repair(bytes: &mut [u8]) -> Result<(), BadStructure> {
    let (offset, count) = (usize::from(u16_at(bytes, 4)), usize::from(u16_at(bytes, 6)));
    let expected = bytes.len() / STRIDE + 1;
    if count != expected {
        return Err(BadStructure::new(6, "length of the update sequence", expected, count));
    }
    let array = bytes.get(offset..offset + 2 * count).filter(|_| offset + 2 * count <= STRIDE - 2).map(<[u8]>::to_vec);
    let Some(array) = array else {
        return Err(BadStructure::new(4, "offset of the update sequence", "inside the first sector", offset));
    };
    let number = u16_at(&array, 0);
    for (sector, chunk) in bytes.chunks_exact_mut(STRIDE).enumerate() {
        let found = u16_at(chunk, STRIDE - 2);
        if found != number {
            let at = (sector * STRIDE + STRIDE - 2) as u64;
            let what = "update sequence number at the end of a sector";
            return Err(BadStructure::new(at, what, format!("{number:#06x}"), format!("{found:#06x}")));
        }
        chunk[STRIDE - 2..].copy_from_slice(&array[2 * sector + 2..2 * sector + 4]);
    }
    Ok(())
}

/// The value of a resident attribute.
fn value(attribute: &[u8]) -> Result<&[u8], BadStructure> {
    let (length, offset) = (u32_at(attribute, 16) as usize, usize::from(u16_at(attribute, 20)));
    let value = attribute.get(offset..).and_then(|rest| rest.get(..length));
    value.ok_or_else(|| {
        let found = format!("{length} bytes at {offset}");
        BadStructure::new(16, "value of an attribute", format!("inside its {} bytes", attribute.len()), found)
    })
}

fn take_name(record: &mut Record, attribute: &[u8]) -> Result<(), BadStructure> {
    if attribute[8] != 0 {
        return Err(BadStructure::new(8, "file name", "a resident attribute", attribute[8]));
    }
    let value = value(attribute)?;
    let text = value.get(66..).and_then(|rest| rest.get(..2 * usize::from(value[64])));
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err(BadStructure::new(
            16,
            "file name",
            "a name inside the attribute",
            format!("{} bytes", value.len()),
        ));
    };
    let units: Vec<u16> = text.chunks_exact(2).map(|unit| u16_at(unit, 0)).collect();
    let name = Name { parent: Reference::at(value, 0), text: String::from_utf16_lossy(&units), short: value[65] == 2 };
    if record.name.as_ref().is_none_or(|had| had.short && !name.short) {
        record.name = Some(name);
    }
    Ok(())
}

fn take_data(record: &mut Record, attribute: &[u8], clusters: u64) -> Result<(), BadStructure> {
    if record.data.is_some() {
        return Err(BadStructure::new(0, "unnamed data", "one attribute in a record", "a second one"));
    }
    if attribute[8] == 0 {
        record.data = Some(Data::Resident(value(attribute)?.len() as u64));
        return Ok(());
    }
    if attribute.len() < 64 {
        return Err(BadStructure::new(4, "length of an attribute with clusters", "at least 64", attribute.len()));
    }
    let (vcn, last, pairs) = (u64_at(attribute, 16), u64_at(attribute, 24), usize::from(u16_at(attribute, 32)));
    let Some(pairs_bytes) = attribute.get(pairs..) else {
        return Err(BadStructure::new(32, "offset of the mapping pairs", "inside the attribute", pairs));
    };
    if vcn >= 1 << 42 {
        return Err(BadStructure::new(16, "first cluster of an attribute", "below 2^42", vcn));
    }
    let runs = decode(pairs_bytes, pairs as u64, vcn, clusters)?;
    let end = runs.last().map_or(vcn, Run::end);
    if last.wrapping_add(1) != end {
        return Err(BadStructure::new(24, "last cluster of an attribute", end.wrapping_sub(1) as i64, last as i64));
    }
    let flags = u16_at(attribute, 12);
    let kind = match flags {
        _ if flags & ENCRYPTED != 0 => Kind::Encrypted,
        _ if flags & COMPRESSED != 0 => Kind::Compressed,
        _ if flags & SPARSE != 0 => Kind::Sparse,
        _ => Kind::Plain,
    };
    let (allocated, size, valid) = (u64_at(attribute, 40), u64_at(attribute, 48), u64_at(attribute, 56));
    if vcn == 0 && (size > allocated || valid > size) {
        let found = format!("{valid}, {size} and {allocated}");
        return Err(BadStructure::new(40, "valid, whole and allocated size", "each at most the next", found));
    }
    record.data = Some(Data::Part(Part { vcn, runs, kind, allocated, size, valid }));
    Ok(())
}
