//! An application's database: a log and pages, from whose bytes alone one can tell what a shadow copy caught.
//!
//! ```text
//!  Begin ──► Update … Update ──► Commit ──► page ──► page ──► …        each line is one write; the record of an update
//!    log       log                log        pages     pages            is in the log before its page is written
//! ```
//!
//! [`Database`] is a pure state machine. Asked for its next write it gives file, offset and bytes; the caller lands
//! them in this order, through whatever gate there is. Pages are written after the commit of their transaction only, so that after a
//! crash the log is replayed and nothing has to be taken back. [`Database::quiesce`] finishes the transaction in flight, writes every
//! page and a checkpoint, and then nothing more until [`Database::resume`]: that is what a writer does in Freeze and Thaw.
//!
//! [`classify`] reads the two files back and says *clean*, *crash-consistent* or *corrupt*. Whatever prefix of the writes landed, it is
//! never corrupt; log and pages of different instants are, as soon as a page is newer than the log, or a page the
//! log takes for written is not.
//!
//! The log is a ring. With circular logging a checkpoint frees what is before it; without, the log fills up and the database
//! stands still until the log is truncated ([`Database::truncate_log`]), which is what a writer does after a full backup.

mod classify;
mod layout;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use layout::{Kind, LogRecord, checksum, encode_page, payload_hash};

pub use classify::{Finding, classify};
pub use layout::{MAX_PAGES, PAGE, RECORD};

/// How a database is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DatabaseSpec {
    /// How many pages it has, 1 to [`MAX_PAGES`].
    pub pages: u32,
    /// How many records its log has room for, at least `updates + 4`.
    pub log_records: u32,
    /// The most updates of one transaction, 1 to 64.
    pub updates: u32,
    /// Whether a checkpoint frees the log before it.
    pub circular: bool,
}

/// Why a database cannot be made so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDatabase {
    /// The number of pages is not between 1 and [`MAX_PAGES`].
    Pages(u32),
    /// The number of updates is not between 1 and 64.
    Updates(u32),
    /// The log is too small for one transaction; it needs this many records.
    LogTooSmall(u32),
}

impl fmt::Display for BadDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadDatabase::Pages(pages) => write!(f, "{pages} pages; expected 1 to {MAX_PAGES}"),
            BadDatabase::Updates(updates) => write!(f, "{updates} updates a transaction; expected 1 to 64"),
            BadDatabase::LogTooSmall(needed) => write!(f, "the log is too small; expected at least {needed} records"),
        }
    }
}

impl std::error::Error for BadDatabase {}

/// One of the two files of a database. They may lie on different volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DatabaseFile {
    /// The log.
    Log,
    /// The pages.
    Pages,
}

/// What the database writes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseWrite {
    /// The file.
    pub file: DatabaseFile,
    /// Where in the file.
    pub offset: u64,
    /// The bytes: one record or one page.
    pub bytes: Arc<[u8]>,
}

/// An update whose page is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Update {
    page: u32,
    lsn: u64,
    seed: u64,
}

/// A database: what it has written and what it will write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Database {
    spec: DatabaseSpec,
    next_lsn: u64,
    /// The oldest record that must not be written over.
    oldest: u64,
    /// The checksum of the newest record.
    previous: u64,
    newest_is_checkpoint: bool,
    transaction: u64,
    /// The updates left of the open transaction.
    left: Option<u32>,
    /// The updates of the open transaction.
    open: Vec<Update>,
    /// Committed updates whose pages are not written, one a page, in order of commit.
    dirty: Vec<Update>,
    /// The LSN of each page as written.
    written: Vec<u64>,
    quiescing: bool,
    truncating: bool,
}

impl Database {
    /// A database that has written nothing: its files are zeros.
    ///
    /// # Errors
    /// When the numbers are out of range.
    pub fn new(spec: DatabaseSpec) -> Result<Database, BadDatabase> {
        if spec.pages == 0 || spec.pages as usize > MAX_PAGES {
            return Err(BadDatabase::Pages(spec.pages));
        }
        if spec.updates == 0 || spec.updates > 64 {
            return Err(BadDatabase::Updates(spec.updates));
        }
        if spec.log_records < spec.updates + 4 {
            return Err(BadDatabase::LogTooSmall(spec.updates + 4));
        }
        Ok(Database {
            spec,
            next_lsn: 1,
            oldest: 1,
            previous: 0,
            newest_is_checkpoint: false,
            transaction: 0,
            left: None,
            open: Vec::new(),
            dirty: Vec::new(),
            written: vec![0; spec.pages as usize],
            quiescing: false,
            truncating: false,
        })
    }

    /// How it was made.
    #[must_use]
    pub fn spec(&self) -> DatabaseSpec {
        self.spec
    }

    /// The size of a file in bytes, which never changes.
    #[must_use]
    pub fn file_size(&self, file: DatabaseFile) -> u64 {
        match file {
            DatabaseFile::Log => u64::from(self.spec.log_records) * RECORD as u64,
            DatabaseFile::Pages => u64::from(self.spec.pages) * PAGE as u64,
        }
    }

    /// The LSN of the newest record; zero when there is none.
    #[must_use]
    pub fn newest_lsn(&self) -> u64 {
        self.next_lsn - 1
    }

    /// Whether nothing is in flight: no open transaction, every page written.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.left.is_none() && self.dirty.is_empty()
    }

    /// Whether it was told to quiesce and has nothing more to write.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.quiescing && self.is_settled() && !self.wants_checkpoint()
    }

    /// Whether the log has no room for another transaction and may not free any itself.
    #[must_use]
    pub fn is_log_full(&self) -> bool {
        !self.spec.circular && !self.truncating && self.is_settled() && !self.has_room()
    }

    /// Finishes the transaction in flight, writes every page and a checkpoint, then nothing more.
    pub fn quiesce(&mut self) {
        self.quiescing = true;
    }

    /// Goes on after [`Database::quiesce`].
    pub fn resume(&mut self) {
        self.quiescing = false;
    }

    /// Frees the log: as soon as nothing is in flight a checkpoint is written before which no record is needed. While it is quiet that
    /// waits for [`Database::resume`].
    pub fn truncate_log(&mut self) {
        self.truncating = true;
    }

    /// The next write; `None` when there is nothing to write: it is quiet, or the log is full. `random` decides what a transaction
    /// does, what it writes and whether a waiting page goes before the next record.
    pub fn next_write(&mut self, random: u64) -> Option<DatabaseWrite> {
        let page_first = random >> 63 == 1 && !self.dirty.is_empty();
        match self.left {
            Some(_) if page_first => self.write_page(),
            Some(0) => Some(self.commit()),
            Some(left) => Some(self.update(left, random)),
            None => self.between_transactions(page_first, random),
        }
    }

    fn between_transactions(&mut self, page_first: bool, random: u64) -> Option<DatabaseWrite> {
        let settle = self.quiescing || self.truncating || !self.has_room();
        if !self.dirty.is_empty() && (settle || page_first) {
            return self.write_page();
        }
        if self.wants_checkpoint() {
            return Some(self.checkpoint());
        }
        if settle {
            return None;
        }
        self.transaction += 1;
        self.left = Some(1 + (random % u64::from(self.spec.updates)) as u32);
        Some(self.log(Kind::Begin))
    }

    fn wants_checkpoint(&self) -> bool {
        if self.quiescing {
            // One slot stays for the checkpoint that truncates the log.
            return !self.newest_is_checkpoint && (self.truncating || self.room() >= 2);
        }
        self.truncating || self.spec.circular && !self.has_room()
    }

    fn update(&mut self, left: u32, random: u64) -> DatabaseWrite {
        let page = ((random >> 8) % u64::from(self.spec.pages)) as u32;
        self.open.push(Update { page, lsn: self.next_lsn, seed: random });
        self.left = Some(left - 1);
        let hash = payload_hash(&encode_page(page, self.next_lsn, random));
        self.log(Kind::Update { page, hash, seed: random })
    }

    fn commit(&mut self) -> DatabaseWrite {
        self.left = None;
        for update in std::mem::take(&mut self.open) {
            self.dirty.retain(|other| other.page != update.page);
            self.dirty.push(update);
        }
        self.log(Kind::Commit)
    }

    fn checkpoint(&mut self) -> DatabaseWrite {
        if self.spec.circular || self.truncating {
            self.oldest = self.next_lsn;
            self.truncating = false;
        }
        let write = self.log(Kind::Checkpoint { pages: self.written.clone() });
        self.newest_is_checkpoint = true;
        write
    }

    fn write_page(&mut self) -> Option<DatabaseWrite> {
        if self.dirty.is_empty() {
            return None;
        }
        let Update { page, lsn, seed } = self.dirty.remove(0);
        self.written[page as usize] = lsn;
        let offset = u64::from(page) * PAGE as u64;
        Some(DatabaseWrite { file: DatabaseFile::Pages, offset, bytes: Arc::from(encode_page(page, lsn, seed)) })
    }

    fn log(&mut self, kind: Kind) -> DatabaseWrite {
        let lsn = self.next_lsn;
        let record =
            LogRecord { lsn, transaction: self.transaction, kind, previous: self.previous, oldest: self.oldest };
        let bytes = record.encode();
        self.next_lsn += 1;
        self.previous = checksum(&bytes);
        self.newest_is_checkpoint = false;
        let offset = (lsn - 1) % u64::from(self.spec.log_records) * RECORD as u64;
        DatabaseWrite { file: DatabaseFile::Log, offset, bytes: Arc::from(bytes) }
    }

    /// How many records fit before one that is still needed would be written over.
    fn room(&self) -> u64 {
        u64::from(self.spec.log_records) - (self.next_lsn - self.oldest)
    }

    /// Whether the longest transaction (begin, updates, commit) and a checkpoint fit.
    fn has_room(&self) -> bool {
        self.room() >= u64::from(self.spec.updates) + 3
    }
}
