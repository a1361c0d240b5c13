//! What the bytes of a log and of its pages say: clean, crash-consistent or corrupt.
//!
//! 1. The newest record is found; from the oldest one it names as needed to itself every record must be there, each repeating the
//!    checksum of the one before. 2. The newest checkpoint gives the LSN that each page had at least by then. 3. A page may be
//!    as old as that, or as new as a committed update after it; the updates between are replayed. Everything else is corrupt.

use std::collections::BTreeMap;

use vssim_model::trace::Consistency;

use super::layout::{Kind, LogRecord, MAX_PAGES, PAGE, PageHead, RECORD, checksum, decode_page};

/// What was found, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One of the three states.
    pub state: Consistency,
    /// The reason, in words.
    pub detail: String,
}

/// Reads the whole log file and the whole pages file of a database and says in which state they are together. Any bytes will do.
#[must_use]
pub fn classify(log: &[u8], pages: &[u8]) -> Finding {
    match examine(log, pages) {
        Ok((state, detail)) => Finding { state, detail },
        Err(detail) => Finding { state: Consistency::Corrupt, detail },
    }
}

/// The log after the newest checkpoint.
#[derive(Default)]
struct Tail {
    /// The LSN of each page at the checkpoint; empty when there was none, which stands for zeros.
    base: Option<Vec<u64>>,
    /// Committed updates since, by page: LSN and hash of the payload.
    committed: BTreeMap<u32, Vec<(u64, u64)>>,
    /// The transaction in flight, and its updates.
    open: Option<Open>,
}

/// A transaction that did not commit yet.
struct Open {
    transaction: u64,
    updates: Vec<PageUpdate>,
}

#[derive(Clone, Copy)]
struct PageUpdate {
    page: u32,
    lsn: u64,
    hash: u64,
}

fn examine(log: &[u8], pages: &[u8]) -> Result<(Consistency, String), String> {
    let heads = read_pages(pages)?;
    let Some(records) = read_log(log)? else {
        return match heads.iter().find_map(|head| *head) {
            Some(head) => Err(format!("page {} has LSN {} and the log is empty", head.page, head.lsn)),
            None => Ok((Consistency::Clean, "nothing was ever written".to_owned())),
        };
    };
    let newest = records.last().map_or(0, |record| record.lsn);
    let tail = follow(&records)?;
    let behind = check_pages(&heads, &tail, newest)?;
    if let Some(Open { transaction, .. }) = tail.open {
        return Ok((Consistency::CrashConsistent, format!("transaction {transaction} is in flight at LSN {newest}")));
    }
    if behind > 0 {
        return Ok((
            Consistency::CrashConsistent,
            format!("{behind} committed pages are replayed from the log to LSN {newest}"),
        ));
    }
    Ok((Consistency::Clean, format!("no transaction in flight, every page written, log ends at LSN {newest}")))
}

fn read_pages(pages: &[u8]) -> Result<Vec<Option<PageHead>>, String> {
    let (pages, rest) = pages.as_chunks::<PAGE>();
    if !rest.is_empty() || pages.is_empty() || pages.len() > MAX_PAGES {
        return Err(format!("the pages file is not 1 to {MAX_PAGES} pages of {PAGE} bytes"));
    }
    let read = |(at, bytes): (usize, &[u8; PAGE])| match decode_page(bytes) {
        None => Err(format!("page {at} is torn: its checksum does not fit")),
        Some(Some(head)) if head.page as usize != at => {
            Err(format!("page {} lies at the place of page {at}", head.page))
        }
        Some(head) => Ok(head),
    };
    pages.iter().enumerate().map(read).collect()
}

/// The records from the oldest one needed to the newest, in order; `None` when the log was never written.
fn read_log(log: &[u8]) -> Result<Option<Vec<LogRecord>>, String> {
    let (slots, rest) = log.as_chunks::<RECORD>();
    if !rest.is_empty() || slots.is_empty() {
        return Err(format!("the log is not whole records of {RECORD} bytes"));
    }
    let mut newest: Option<LogRecord> = None;
    for (at, slot) in slots.iter().enumerate() {
        if slot.iter().all(|&byte| byte == 0) {
            continue;
        }
        let Some(record) = LogRecord::decode(slot) else { return Err(format!("log slot {at} is torn")) };
        if record.lsn == 0 || slot_of(record.lsn, slots.len()) != at {
            return Err(format!("log slot {at} holds the record with LSN {}", record.lsn));
        }
        if newest.as_ref().is_none_or(|newest| newest.lsn < record.lsn) {
            newest = Some(record);
        }
    }
    let Some(newest) = newest else { return Ok(None) };
    let length = newest.lsn.checked_sub(newest.oldest).and_then(|length| length.checked_add(1));
    if newest.oldest == 0 || length.is_none_or(|length| length > slots.len() as u64) {
        return Err(format!("LSN {} needs LSN {}, which the log cannot hold", newest.lsn, newest.oldest));
    }
    let mut records: Vec<LogRecord> = Vec::new();
    let mut previous = None;
    for lsn in newest.oldest..=newest.lsn {
        let slot = &slots[slot_of(lsn, slots.len())];
        let found = LogRecord::decode(slot).filter(|record| record.lsn == lsn);
        let Some(record) = found else { return Err(format!("LSN {lsn} is missing before LSN {}", newest.lsn)) };
        if previous.is_some_and(|previous| previous != record.previous) {
            return Err(format!("LSN {lsn} does not follow the record before it"));
        }
        previous = Some(checksum(slot));
        records.push(record);
    }
    Ok(Some(records))
}

fn slot_of(lsn: u64, slots: usize) -> usize {
    (lsn.wrapping_sub(1) % slots as u64) as usize
}

fn follow(records: &[LogRecord]) -> Result<Tail, String> {
    let mut tail = Tail::default();
    for (at, record) in records.iter().enumerate() {
        let LogRecord { lsn, transaction, .. } = *record;
        if at == 0 && lsn > 1 && !matches!(record.kind, Kind::Checkpoint { .. }) {
            return Err(format!("the log begins at LSN {lsn}, which is no checkpoint"));
        }
        match (&record.kind, &mut tail.open) {
            (Kind::Begin, open @ None) => *open = Some(Open { transaction, updates: Vec::new() }),
            (&Kind::Update { page, hash, .. }, Some(open)) if open.transaction == transaction => {
                open.updates.push(PageUpdate { page, lsn, hash });
            }
            (Kind::Commit, open) => match open.take() {
                Some(open) if open.transaction == transaction => {
                    for PageUpdate { page, lsn, hash } in open.updates {
                        tail.committed.entry(page).or_default().push((lsn, hash));
                    }
                }
                _ => return Err(format!("LSN {lsn} commits transaction {transaction}, which is not open")),
            },
            (Kind::Checkpoint { pages }, None) => tail = Tail { base: Some(pages.clone()), ..Tail::default() },
            _ => return Err(format!("LSN {lsn} does not fit the transaction in flight")),
        }
    }
    Ok(tail)
}

/// How many pages are older than a committed update that the log can replay.
fn check_pages(heads: &[Option<PageHead>], tail: &Tail, newest: u64) -> Result<usize, String> {
    if tail.base.as_ref().is_some_and(|base| base.len() != heads.len()) {
        return Err(format!("the checkpoint does not name {} pages", heads.len()));
    }
    if let Some((&page, _)) = tail.committed.range(heads.len() as u32..).next() {
        return Err(format!("the log updates page {page}, and there are {} pages", heads.len()));
    }
    let mut behind = 0;
    for (at, head) in heads.iter().enumerate() {
        let base = tail.base.as_ref().and_then(|base| base.get(at).copied()).unwrap_or(0);
        let (lsn, hash) = head.map_or((0, 0), |head| (head.lsn, head.hash));
        let committed = tail.committed.get(&(at as u32)).map_or(&[][..], Vec::as_slice);
        if lsn > newest {
            return Err(format!("page {at} has LSN {lsn}, newer than the log's end at LSN {newest}"));
        }
        if lsn < base {
            return Err(format!("page {at} has LSN {lsn}, and the checkpoint takes LSN {base} for written"));
        }
        if lsn > base && !committed.contains(&(lsn, hash)) {
            return Err(format!("page {at} has LSN {lsn}, which the log does not show as committed with these bytes"));
        }
        behind += usize::from(committed.last().is_some_and(|&(last, _)| lsn < last));
    }
    Ok(behind)
}
