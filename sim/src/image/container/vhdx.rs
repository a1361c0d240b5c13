//! VHDX, the container of Windows 8 and later. Source: Microsoft, [MS-VHDX] "Virtual Hard Disk v2 (VHDX) File Format".
//!
//! ```text
//!  0       file type identifier           1 MiB …  log, block table (BAT), metadata, blocks
//!  64 KiB  header 1, 128 KiB header 2     the one with the higher sequence number counts
//!  192 KiB region table, 256 KiB its copy ──► where block table and metadata lie
//! ```
//!
//! Numbers are little endian. A log that is not empty holds changes that belong into the tables: such an image is refused, with
//! what to do. So is a differencing disk.

use crc::{CRC_32_ISCSI, Crc};
use vssim_model::ids::Guid;

use super::ContainerError;
use super::cache::Tables;
use super::map::{Map, Piece, Place};
use crate::disk_format::{ReadAt, ReadError, guid_at, u16_at, u32_at, u64_at};

/// What the file begins with.
pub(super) const MAGIC: &[u8] = b"vhdxfile";

const MIB: u64 = 1 << 20;
const KIB: u64 = 1 << 10;

const HEADERS: [u64; 2] = [64 * KIB, 128 * KIB];
const REGIONS: [u64; 2] = [192 * KIB, 256 * KIB];

pub(super) const BLOCK_TABLE: Guid = Guid(0x2dc2_7766_f623_4200_9d64_115e_9bfd_4a08);
pub(super) const METADATA: Guid = Guid(0x8b7c_a206_4790_4b9a_b8fe_575f_050f_886e);

pub(super) const FILE_PARAMETERS: Guid = Guid(0xcaa1_6737_fa36_4d43_b3b6_33f0_aa44_e76b);
pub(super) const DISK_SIZE: Guid = Guid(0x2fa5_4224_cd1b_4876_b211_5dbe_d83b_f4b8);
pub(super) const LOGICAL_SECTOR: Guid = Guid(0x8141_bf1d_a96f_4709_ba47_f233_a8fa_ab5f);
/// Items that every reader has to know and that say nothing about where data lie: physical sector size, disk id, parent locator.
const WITHOUT_CONSEQUENCE: [Guid; 3] = [
    Guid(0xcda3_48c7_445d_4471_9cc9_e988_5251_c556),
    Guid(0xbeca_12ab_b2e6_4523_93ef_c309_e000_c746),
    Guid(0xa8d3_5f2d_b30b_454d_abf7_d3d8_4834_ab0c),
];

/// The largest number of entries in the region table and in the metadata table.
const MOST_ENTRIES: usize = 2047;

/// CRC-32C, which has the name of iSCSI in the catalogue of checksums.
static CRC_32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Whether the checksum at offset 4 is that of `bytes`.
fn checksum_is_right(bytes: &[u8]) -> bool {
    checksum(bytes) == u32_at(bytes, 4)
}

/// CRC-32C with the checksum's own field as zeros.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut digest = CRC_32C.digest();
    digest.update(bytes.get(..4).unwrap_or_default());
    digest.update(&[0; 4]);
    digest.update(bytes.get(8..).unwrap_or_default());
    digest.finalize()
}

/// A disk in a VHDX file.
pub(super) struct Vhdx<D> {
    tables: Tables<D>,
    size: u64,
    /// Where the block table lies.
    table: u64,
    block: u64,
    /// After so many blocks the table has an entry for a bitmap of sectors, which only differencing disks use.
    chunk: u64,
}

/// A part of the file: offset and length.
type Region = (u64, u64);

/// What the metadata say.
#[derive(Default)]
struct Metadata {
    parameters: Option<(u64, u32, u32)>,
    size: Option<u64>,
    sector: Option<(u64, u32)>,
}

impl<D: ReadAt> Vhdx<D> {
    /// Opens the file.
    pub(super) fn open(file: D) -> Result<Vhdx<D>, ContainerError> {
        let tables = Tables::new(file);
        check_header(&tables)?;
        let (table, metadata) = regions(&tables)?;
        let found = read_metadata(&tables, metadata)?;
        let missing = |what: &str| ContainerError::new(metadata.0, format!("the metadata do not tell {what}"));
        let (at, block, flags) = found.parameters.ok_or_else(|| missing("the size of the blocks"))?;
        let size = found.size.ok_or_else(|| missing("the size of the disk"))?;
        let (sector_at, sector) = found.sector.ok_or_else(|| missing("the size of the sectors"))?;
        if flags & 2 != 0 {
            let why = "a differencing VHDX holds only what differs from its parent; merge both first (`Merge-VHD`)";
            return Err(ContainerError::new(at + 4, why));
        }
        let block = u64::from(block);
        if !block.is_power_of_two() || !(MIB..=256 * MIB).contains(&block) {
            let why = format!("blocks of {block} bytes; expected a power of two from 1 MiB to 256 MiB");
            return Err(ContainerError::new(at, why));
        }
        if sector != 512 && sector != 4096 {
            return Err(ContainerError::new(sector_at, format!("sectors of {sector} bytes; expected 512 or 4096")));
        }
        let chunk = (u64::from(sector) << 23) / block;
        let vhdx = Vhdx { tables, size, table: table.0, block, chunk };
        vhdx.check_table(table)?;
        Ok(vhdx)
    }

    /// The table covers the disk, and names no more blocks than the file has room for.
    fn check_table(&self, (at, length): Region) -> Result<(), ContainerError> {
        if self.size > 64 << 40 {
            return Err(ContainerError::new(at, format!("a disk of {} bytes; a VHDX has at most 64 TiB", self.size)));
        }
        let blocks = self.size.div_ceil(self.block);
        let entries = blocks + blocks.saturating_sub(1) / self.chunk;
        if entries * 8 > length {
            let why =
                format!("the block table has {} entries; a disk of {} bytes takes {entries}", length / 8, self.size);
            return Err(ContainerError::new(at, why));
        }
        let room = self.tables.size() / self.block + 1;
        let mut used = 0;
        for number in 0..blocks {
            let (_, entry) = self.entry(number)?;
            used += u64::from(entry & 7 == 6);
            if used > room {
                let size = self.tables.size();
                let why =
                    format!("the block table names more blocks than the file of {size} bytes has room for ({room})");
                return Err(ContainerError::new(at, why));
            }
        }
        Ok(())
    }

    /// Where the entry of a block lies, and the entry.
    fn entry(&self, number: u64) -> Result<(u64, u64), ReadError> {
        let at = self.table + (number + number / self.chunk) * 8;
        Ok((at, u64::from_le_bytes(self.tables.array(at)?)))
    }
}

/// Finds the current header, and refuses the file when its log has to be replayed first.
fn check_header<D: ReadAt>(tables: &Tables<D>) -> Result<(), ContainerError> {
    let mut current: Option<(u64, u64, [u8; 4096])> = None;
    for at in HEADERS {
        let Ok(header) = tables.array::<4096>(at) else { continue };
        let sequence = u64_at(&header, 8);
        let good = header.starts_with(b"head") && checksum_is_right(&header);
        if good && current.as_ref().is_none_or(|(_, known, _)| sequence > *known) {
            current = Some((at, sequence, header));
        }
    }
    let Some((at, _, header)) = current else {
        return Err(ContainerError::new(
            HEADERS[0],
            "neither of the two headers of the VHDX is whole (sign `head`, checksum)",
        ));
    };
    let version = u16_at(&header, 66);
    if version != 1 {
        return Err(ContainerError::new(at + 66, format!("this is VHDX of version {version}; version 1 is read")));
    }
    if guid_at(&header, 48) != Guid(0) {
        let why = "the log of the VHDX is not empty: the machine that used it did not close it. Mount it once in Windows, or run `qemu-img \
                   check -r all` on a copy, and try again";
        return Err(ContainerError::new(at + 48, why));
    }
    Ok(())
}

/// Where block table and metadata lie.
fn regions<D: ReadAt>(tables: &Tables<D>) -> Result<(Region, Region), ContainerError> {
    let whole = |at: u64| {
        let mut bytes = vec![0; 64 << 10];
        tables.read(at, &mut bytes).ok()?;
        (bytes.starts_with(b"regi") && checksum_is_right(&bytes)).then_some((at, bytes))
    };
    let Some((at, bytes)) = REGIONS.into_iter().find_map(whole) else {
        return Err(ContainerError::new(
            REGIONS[0],
            "neither of the two region tables of the VHDX is whole (sign `regi`, checksum)",
        ));
    };
    let (mut table, mut metadata) = (None, None);
    let count = usize::try_from(u32_at(&bytes, 8)).unwrap_or(usize::MAX).min(MOST_ENTRIES);
    for entry in 0..count {
        let place = 16 + entry * 32;
        let (guid, offset, length) =
            (guid_at(&bytes, place), u64_at(&bytes, place + 16), u64::from(u32_at(&bytes, place + 24)));
        let here = at + place as u64;
        let size = tables.size();
        match guid {
            BLOCK_TABLE | METADATA if offset.checked_add(length).is_none_or(|end| end > size) => {
                let why = format!("a region of {length} bytes at {offset:#x} does not lie in the file of {size} bytes");
                return Err(ContainerError::new(here, why));
            }
            BLOCK_TABLE => table = Some((offset, length)),
            METADATA => metadata = Some((offset, length)),
            other if u32_at(&bytes, place + 28) & 1 != 0 => {
                return Err(ContainerError::new(
                    here,
                    format!("the VHDX needs a region that is not known here ({other})"),
                ));
            }
            _ => {}
        }
    }
    let missing = |what: &str| ContainerError::new(at, format!("the region table does not tell where the {what} lies"));
    Ok((table.ok_or_else(|| missing("block table"))?, metadata.ok_or_else(|| missing("metadata table"))?))
}

/// Reads the metadata that matter.
fn read_metadata<D: ReadAt>(tables: &Tables<D>, (at, length): Region) -> Result<Metadata, ContainerError> {
    let head: [u8; 32] = tables.array(at)?;
    if !head.starts_with(b"metadata") {
        return Err(ContainerError::new(at, "expected the metadata table of a VHDX, which begins with `metadata`"));
    }
    let mut found = Metadata::default();
    for entry in 0..usize::from(u16_at(&head, 10)).min(MOST_ENTRIES) {
        let here = at + 32 + entry as u64 * 32;
        let bytes: [u8; 32] = tables.array(here)?;
        let (item, offset) = (guid_at(&bytes, 0), u64::from(u32_at(&bytes, 16)));
        let known = [FILE_PARAMETERS, DISK_SIZE, LOGICAL_SECTOR].contains(&item);
        if !known {
            if u32_at(&bytes, 24) & 4 != 0 && !WITHOUT_CONSEQUENCE.contains(&item) {
                return Err(ContainerError::new(
                    here,
                    format!("the VHDX needs metadata that are not known here ({item})"),
                ));
            }
            continue;
        }
        if offset + 8 > length {
            let why = format!("metadata at {offset:#x} in a region of {length} bytes");
            return Err(ContainerError::new(here + 16, why));
        }
        let value: [u8; 8] = tables.array(at + offset)?;
        match item {
            FILE_PARAMETERS => found.parameters = Some((at + offset, u32_at(&value, 0), u32_at(&value, 4))),
            DISK_SIZE => found.size = Some(u64_at(&value, 0)),
            _ => found.sector = Some((at + offset, u32_at(&value, 0))),
        }
    }
    Ok(found)
}

impl<D: ReadAt> Map for Vhdx<D> {
    fn disk_size(&self) -> u64 {
        self.size
    }

    fn piece(&self, offset: u64) -> Result<Piece, ContainerError> {
        let (number, within) = (offset / self.block, offset % self.block);
        let length = (self.block - within).min(self.size - offset);
        let (at, entry) = self.entry(number)?;
        match entry & 7 {
            // Not present, undefined, zero, unmapped: all of them may be read as zeros.
            0..=3 => Ok(Piece { place: Place::Zeros, length }),
            6 => {
                let start = entry & !(MIB - 1);
                let size = self.tables.size();
                let end = start.checked_add(within).and_then(|from| from.checked_add(length));
                if start == 0 || end.is_none_or(|end| end > size) {
                    let why = format!("block {number} at {start:#x} does not lie in the file of {size} bytes");
                    return Err(ContainerError::new(at, why));
                }
                Ok(Piece { place: Place::At(start + within), length })
            }
            7 => Err(ContainerError::new(
                at,
                format!("block {number} is partly in a parent disk, and this disk has none"),
            )),
            other => Err(ContainerError::new(at, format!("block {number} is in a state that is not known ({other})"))),
        }
    }

    fn read_file(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.tables.file().read_at(offset, into)
    }
}
