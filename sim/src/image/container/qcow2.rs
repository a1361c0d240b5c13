//! qcow2, QEMU's container, versions 2 and 3. Source: the QEMU project, "Qcow2 Image File Format" (docs/interop/qcow2.rst).
//!
//! ```text
//!  header ─► L1 table ─► L2 tables ─► clusters: as they are, or packed with deflate or Zstandard
//! ```
//!
//! Numbers are big endian. Internal snapshots have L1 tables of their own and are passed over; refcounts matter to a writer only.

use std::rc::Rc;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::ContainerError;
use super::cache::{Cache, Tables};
use super::map::{Map, Piece, Place};
use crate::disk_format::{ReadAt, ReadError};

/// What the file begins with.
pub(super) const MAGIC: &[u8] = b"QFI\xfb";

/// The bits of an entry that are an offset.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

/// An entry whose cluster is packed.
const PACKED: u64 = 1 << 62;

/// An entry whose cluster reads as zeros (version 3).
const ZERO: u64 = 1;

/// The largest L1 table, which is also QEMU's limit: it is walked through when the image is opened.
const L1_MAXIMUM: u64 = 32 << 20;

/// How much memory unpacked clusters take at most.
const UNPACKED: u64 = 16 << 20;

/// The largest window of a Zstandard frame, as its specification advises: a writer of clusters needs far less.
const WINDOW: u64 = 8 << 20;

/// How clusters are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Deflate,
    Zstandard,
}

/// A disk in a qcow2 file.
pub(super) struct Qcow2<D> {
    tables: Tables<D>,
    size: u64,
    cluster_bits: u32,
    l1: u64,
    version: u32,
    packing: Packing,
    unpacked: Cache,
}

/// The header's fields, from the bytes at their offsets.
struct Header([u8; 112]);

impl Header {
    fn u32(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[at..at + 4]);
        u32::from_be_bytes(bytes)
    }

    fn u64(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[at..at + 8]);
        u64::from_be_bytes(bytes)
    }
}

impl<D: ReadAt> Qcow2<D> {
    /// Opens the file.
    pub(super) fn open(file: D) -> Result<Qcow2<D>, ContainerError> {
        let tables = Tables::new(file);
        let mut header = Header([0; 112]);
        let there = usize::try_from(tables.size().min(112)).unwrap_or(112);
        if there < 72 {
            return Err(ContainerError::new(0, "the qcow2 header is cut off: it takes 72 bytes"));
        }
        tables.read(0, &mut header.0[..there])?;
        let version = header.u32(4);
        if !(2..=3).contains(&version) {
            return Err(ContainerError::new(
                4,
                format!("this is qcow of version {version}; versions 2 and 3 are read"),
            ));
        }
        if version == 2 {
            header.0[72..].fill(0);
        } else if header.u32(100) < 112 {
            // A shorter header has no compression type.
            header.0[104..].fill(0);
        }
        refuse_what_is_elsewhere(&tables, &header)?;
        let cluster_bits = header.u32(20);
        if !(9..=21).contains(&cluster_bits) {
            let why = format!("clusters of 2^{cluster_bits} bytes; qcow2 has 2^9 to 2^21");
            return Err(ContainerError::new(20, why));
        }
        let packing = match header.0[104] {
            0 => Packing::Deflate,
            1 => Packing::Zstandard,
            other => return Err(ContainerError::new(104, format!("clusters are packed in an unknown way ({other})"))),
        };
        let limit = usize::try_from(UNPACKED >> cluster_bits).unwrap_or(1).min(64);
        let (size, l1) = (header.u64(24), header.u64(40));
        let qcow2 = Qcow2 { tables, size, cluster_bits, l1, version, packing, unpacked: Cache::new(limit) };
        qcow2.check_l1(u64::from(header.u32(36)))?;
        Ok(qcow2)
    }

    /// The L1 table lies in the file and covers the disk; no two of its entries name the same L2 table, so that there is no more to
    /// walk through than the file holds.
    fn check_l1(&self, entries: u64) -> Result<(), ContainerError> {
        let size = self.tables.size();
        if self.size > i64::MAX as u64 {
            return Err(ContainerError::new(24, format!("a disk of {} bytes is larger than any", self.size)));
        }
        let needed = self.size.div_ceil(self.l2_covers());
        if entries < needed {
            let why = format!("the L1 table has {entries} entries; a disk of {} bytes takes {needed}", self.size);
            return Err(ContainerError::new(36, why));
        }
        if needed > L1_MAXIMUM / 8 {
            let why = format!("the L1 table has {needed} entries; {} are read at most, as by QEMU", L1_MAXIMUM / 8);
            return Err(ContainerError::new(36, why));
        }
        if !self.l1.is_multiple_of(8) || self.l1.checked_add(needed * 8).is_none_or(|end| end > size) {
            let why = format!(
                "the L1 table at {:#x} with {needed} entries does not lie in the file of {size} bytes",
                self.l1
            );
            return Err(ContainerError::new(40, why));
        }
        let mut l2_tables = std::collections::BTreeSet::new();
        for number in 0..needed {
            let entry = self.l1_entry(number)?;
            if entry & OFFSET != 0 && !l2_tables.insert(entry & OFFSET) {
                let why =
                    format!("L1 entry {number} names the L2 table at {:#x}, which another entry has", entry & OFFSET);
                return Err(ContainerError::new(self.l1 + number * 8, why));
            }
            if l2_tables.len() as u64 > (size >> self.cluster_bits) + 1 {
                return Err(ContainerError::new(
                    self.l1,
                    "the L1 table names more L2 tables than there is room for in the file",
                ));
            }
        }
        Ok(())
    }

    fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// How much of the disk one L2 table covers.
    fn l2_covers(&self) -> u64 {
        1 << (2 * self.cluster_bits - 3)
    }

    fn l1_entry(&self, number: u64) -> Result<u64, ReadError> {
        self.tables.array(self.l1 + number * 8).map(u64::from_be_bytes)
    }

    /// The bytes of a packed cluster in the file: offset and length.
    fn packed(&self, entry: u64) -> Result<(u64, u64), ContainerError> {
        let bits = 62 - (self.cluster_bits - 8);
        let offset = entry & ((1 << bits) - 1);
        let sectors = ((entry & (PACKED - 1)) >> bits) + 1;
        let there = self.tables.size().saturating_sub(offset);
        if there == 0 {
            let why = format!("a packed cluster begins beyond the end of the file of {} bytes", self.tables.size());
            return Err(ContainerError::new(offset, why));
        }
        // The last sector of the file need not be whole.
        Ok((offset, (sectors * 512 - offset % 512).min(there)))
    }
}

/// Whether the entry of the table is an offset that clusters can have.
fn check_aligned(offset: u64, cluster: u64, at: u64, what: &str, size: u64) -> Result<(), ContainerError> {
    if !offset.is_multiple_of(cluster) || offset >= size {
        let why = format!("{what} at {offset:#x}: expected a multiple of {cluster:#x} inside the file of {size} bytes");
        return Err(ContainerError::new(at, why));
    }
    Ok(())
}

/// A foreign name for a message: not longer than a line or two, and without what a terminal would obey.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(200).flat_map(char::escape_debug).collect()
}

/// What needs another file or a secret is refused, and so are features that are not known.
fn refuse_what_is_elsewhere<D: ReadAt>(tables: &Tables<D>, header: &Header) -> Result<(), ContainerError> {
    let backing = header.u64(8);
    if backing != 0 {
        let length = usize::try_from(header.u32(16)).unwrap_or_default().min(1023);
        let mut name = vec![0; length];
        let name = tables.read(backing, &mut name).map(|()| shown(&name));
        let why = format!(
            "the image holds only what differs from its backing file `{}`; `qemu-img convert -O qcow2` makes one image of both",
            name.unwrap_or_default()
        );
        return Err(ContainerError::new(8, why));
    }
    if header.u32(32) != 0 {
        return Err(ContainerError::new(
            32,
            "the image is encrypted; `qemu-img convert` with its key makes one that is not",
        ));
    }
    let features = header.u64(72);
    if features & 4 != 0 {
        let why =
            "the data lie in another file (external data file); `qemu-img convert -O qcow2` makes one image of both";
        return Err(ContainerError::new(72, why));
    }
    if features & 16 != 0 {
        let why = "the image has extended L2 entries, which are not read here; `qemu-img convert -O qcow2` makes one without them";
        return Err(ContainerError::new(72, why));
    }
    // 1: refcounts are stale, 2: a writer has seen damage, 8: the way of packing stands in the header. None hinders a reader.
    if features & !(1 | 2 | 8) != 0 {
        let why = format!("the image needs features that are not known here (incompatible features {features:#x})");
        return Err(ContainerError::new(72, why));
    }
    Ok(())
}

impl<D: ReadAt> Map for Qcow2<D> {
    fn disk_size(&self) -> u64 {
        self.size
    }

    fn piece(&self, offset: u64) -> Result<Piece, ContainerError> {
        let covers = self.l2_covers();
        let l1_at = self.l1 + offset / covers * 8;
        let l2 = self.l1_entry(offset / covers)? & OFFSET;
        if l2 == 0 {
            return Ok(Piece { place: Place::Zeros, length: covers - offset % covers });
        }
        let (cluster, size) = (self.cluster(), self.tables.size());
        check_aligned(l2, cluster, l1_at, "L2 table", size)?;
        let l2_at = l2 + offset % covers / cluster * 8;
        let entry = u64::from_be_bytes(self.tables.array(l2_at)?);
        let within = offset % cluster;
        let length = cluster - within;
        if entry & PACKED != 0 {
            let from = usize::try_from(within).unwrap_or_default();
            return Ok(Piece { place: Place::Packed { entry, from }, length });
        }
        let at = entry & OFFSET;
        if at == 0 || (self.version >= 3 && entry & ZERO != 0) {
            return Ok(Piece { place: Place::Zeros, length });
        }
        check_aligned(at, cluster, l2_at, "cluster", size)?;
        // A writer may leave the rest of the last cluster to the end of the file, which then counts as zeros.
        let there = size.saturating_sub(at + within);
        Ok(match there {
            0 => Piece { place: Place::Zeros, length },
            _ => Piece { place: Place::At(at + within), length: length.min(there) },
        })
    }

    fn read_file(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.tables.file().read_at(offset, into)
    }

    fn unpack(&self, entry: u64) -> Result<Rc<[u8]>, ContainerError> {
        self.unpacked.get(entry, || {
            let (offset, length) = self.packed(entry)?;
            let mut packed = vec![0; usize::try_from(length).unwrap_or_default()];
            self.tables.file().read_at(offset, &mut packed)?;
            let mut cluster = vec![0; usize::try_from(self.cluster()).unwrap_or_default()];
            let unpacked = match self.packing {
                Packing::Deflate => inflate(&packed, &mut cluster),
                Packing::Zstandard => unpack_zstandard(&packed, &mut cluster),
            };
            unpacked
                .map_err(|why| ContainerError::new(offset, format!("a packed cluster cannot be unpacked: {why}")))?;
            Ok(cluster.into())
        })
    }
}

/// Unpacks raw deflate; what follows a whole cluster is of no interest.
fn inflate(packed: &[u8], cluster: &mut [u8]) -> Result<(), String> {
    let mut state = Box::<DecompressorOxide>::default();
    let (status, _, length) = decompress(&mut state, packed, cluster, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
    match status {
        TINFLStatus::BadParam | TINFLStatus::Adler32Mismatch | TINFLStatus::Failed => {
            Err(format!("no deflate ({status:?})"))
        }
        _ if length < cluster.len() => Err(format!("expected {} bytes, found {length}", cluster.len())),
        _ => Ok(()),
    }
}

/// Unpacks the Zstandard frame at the start of `packed`.
fn unpack_zstandard(mut packed: &[u8], cluster: &mut [u8]) -> Result<(), String> {
    let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(&mut packed, WINDOW);
    let mut decoder = decoder.map_err(|error| error.to_string())?;
    std::io::Read::read_exact(&mut decoder, cluster).map_err(|error| error.to_string())
}
