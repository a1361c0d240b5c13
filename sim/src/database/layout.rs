//! The bytes of the database: log records of 512 bytes and pages of 4 KiB. All numbers are little-endian.
//!
//! ```text
//!  record   0 "VSSIMLOG"   8 LSN            16 transaction   24 kind   28 page      32 hash of the payload   40 seed of the payload
//!          48 checksum of the record before  56 oldest LSN still needed  64 number of pages (checkpoint)
//!          72 the LSN of each page (checkpoint)                        504 checksum of bytes 0 to 503
//!
//!  page     0 "VSSIMPAG"   8 page           16 LSN           24 seed   32 payload (4056 bytes)      4088 checksum of bytes 0 to 4087
//! ```
//!
//! The record with LSN n lies in slot (n - 1) modulo the number of slots. The payload follows from its seed, so an update record holds all
//! that is needed to make its page again. A slot or page of zeros was never written.

use xxhash_rust::xxh3::xxh3_64;

/// The size of a log record: a sector, which lands whole or not at all.
pub const RECORD: usize = 512;

/// The size of a page.
pub const PAGE: usize = 4096;

/// The most pages: as many as a checkpoint record can name.
pub const MAX_PAGES: usize = 48;

const RECORD_MAGIC: [u8; 8] = *b"VSSIMLOG";
const PAGE_MAGIC: [u8; 8] = *b"VSSIMPAG";
const RECORD_SUM: usize = RECORD - 8;
const PAGE_SUM: usize = PAGE - 8;
const PAGE_LSNS: usize = 72;
const PAYLOAD: usize = 32;

/// What a log record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A transaction begins.
    Begin,
    /// A page gets the payload that follows from the seed.
    Update { page: u32, hash: u64, seed: u64 },
    /// The transaction is whole.
    Commit,
    /// Every page is written; these are their LSNs.
    Checkpoint { pages: Vec<u64> },
}

/// A log record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogRecord {
    pub(super) lsn: u64,
    pub(super) transaction: u64,
    pub(super) kind: Kind,
    /// The checksum of the record before.
    pub(super) previous: u64,
    /// The oldest record that is still needed.
    pub(super) oldest: u64,
}

/// A page, without its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PageHead {
    pub(super) page: u32,
    pub(super) lsn: u64,
    pub(super) hash: u64,
}

impl LogRecord {
    pub(super) fn encode(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&RECORD_MAGIC);
        put(&mut bytes, 8, self.lsn);
        put(&mut bytes, 16, self.transaction);
        put(&mut bytes, 48, self.previous);
        put(&mut bytes, 56, self.oldest);
        let (kind, page) = match &self.kind {
            Kind::Begin => (1_u32, 0),
            Kind::Update { page, hash, seed } => {
                put(&mut bytes, 32, *hash);
                put(&mut bytes, 40, *seed);
                (2, *page)
            }
            Kind::Commit => (3, 0),
            Kind::Checkpoint { pages } => {
                let pages = &pages[..pages.len().min(MAX_PAGES)];
                put(&mut bytes, 64, pages.len() as u64);
                for (at, &lsn) in pages.iter().enumerate() {
                    put(&mut bytes, PAGE_LSNS + 8 * at, lsn);
                }
                (4, 0)
            }
        };
        bytes[24..28].copy_from_slice(&kind.to_le_bytes());
        bytes[28..32].copy_from_slice(&page.to_le_bytes());
        let sum = xxh3_64(&bytes[..RECORD_SUM]);
        put(&mut bytes, RECORD_SUM, sum);
        bytes
    }

    /// Reads a record; `None` when the bytes are not one.
    pub(super) fn decode(bytes: &[u8; RECORD]) -> Option<LogRecord> {
        if bytes[..8] != RECORD_MAGIC || get(bytes, RECORD_SUM) != xxh3_64(&bytes[..RECORD_SUM]) {
            return None;
        }
        let kind = match get(bytes, 24) & 0xffff_ffff {
            1 => Kind::Begin,
            2 => Kind::Update { page: (get(bytes, 24) >> 32) as u32, hash: get(bytes, 32), seed: get(bytes, 40) },
            3 => Kind::Commit,
            4 => {
                let count = usize::try_from(get(bytes, 64)).ok().filter(|&count| count <= MAX_PAGES)?;
                Kind::Checkpoint { pages: (0..count).map(|at| get(bytes, PAGE_LSNS + 8 * at)).collect() }
            }
            _ => return None,
        };
        let (lsn, transaction) = (get(bytes, 8), get(bytes, 16));
        Some(LogRecord { lsn, transaction, kind, previous: get(bytes, 48), oldest: get(bytes, 56) })
    }
}

/// The checksum that the next record repeats.
pub(super) fn checksum(record: &[u8; RECORD]) -> u64 {
    get(record, RECORD_SUM)
}

/// The bytes of a page.
pub(super) fn encode_page(page: u32, lsn: u64, seed: u64) -> [u8; PAGE] {
    let mut bytes = [0; PAGE];
    bytes[..8].copy_from_slice(&PAGE_MAGIC);
    bytes[8..12].copy_from_slice(&page.to_le_bytes());
    put(&mut bytes, 16, lsn);
    put(&mut bytes, 24, seed);
    let mut state = seed;
    for at in (PAYLOAD..PAGE_SUM).step_by(8) {
        // SplitMix64 (Steele, Lea, Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        put(&mut bytes, at, mixed ^ mixed >> 31);
    }
    let sum = xxh3_64(&bytes[..PAGE_SUM]);
    put(&mut bytes, PAGE_SUM, sum);
    bytes
}

/// The hash of a page's payload, as its update record has it.
pub(super) fn payload_hash(page: &[u8; PAGE]) -> u64 {
    xxh3_64(&page[PAYLOAD..PAGE_SUM])
}

/// Reads a page: `Some(None)` when it was never written, `None` when the bytes are not a page.
pub(super) fn decode_page(bytes: &[u8; PAGE]) -> Option<Option<PageHead>> {
    if bytes.iter().all(|&byte| byte == 0) {
        return Some(None);
    }
    if bytes[..8] != PAGE_MAGIC || get(bytes, PAGE_SUM) != xxh3_64(&bytes[..PAGE_SUM]) {
        return None;
    }
    let page = (get(bytes, 8) & 0xffff_ffff) as u32;
    Some(Some(PageHead { page, lsn: get(bytes, 16), hash: payload_hash(bytes) }))
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn get(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}
