//! The master file table, from its first record to its last.
//!
//! `$MFT` is a file like any other and may itself lie in parts, which records further on describe. A part is appended as soon as
//! its record was met and everything before it is there; NTFS writes no part into clusters that only the part itself would name.

use std::collections::BTreeMap;

use super::map::{Map, Run};
use super::record::{self, Data, Kind, Name, Part, Record, Reference};
use super::{Content, Geometry, MOST_FILES, MOST_PATH_BYTES, MOST_RECORDS, MOST_RUNS, NtfsError, NtfsFile};
use crate::disk_format::{BadStructure, ReadAt};

/// Records below this one are the file system's own.
pub(super) const FIRST_ORDINARY: u64 = 24;
const ROOT: u64 = 5;
const BITMAP: u64 = 6;
/// The longest path of Windows, in UTF-16 units; no name is shorter than one.
const LONGEST_PATH: usize = 32_767;
/// Records that are read together.
const TOGETHER: u64 = 64 << 10;

/// What records say of one file or folder.
#[derive(Default)]
struct Entry {
    /// Where its base record lies.
    offset: u64,
    /// What the base record says; none while only other records of the file were met.
    base: Option<Base>,
    parts: Vec<(u16, Data)>,
    /// With the sequence number that the base record should have, and whether they stand in it.
    names: Vec<(u16, bool, Name)>,
    /// The best of the names, once all are known.
    name: Option<Name>,
}

struct Base {
    sequence: u16,
    folder: bool,
}

/// What the master file table says.
pub(super) struct Found {
    entries: BTreeMap<u64, Entry>,
}

/// The unnamed data of a file, put together.
struct Whole {
    map: Map,
    kind: Kind,
    size: u64,
    valid: u64,
}

/// Reads the master file table.
pub(super) fn scan(device: &dyn ReadAt, geometry: &Geometry) -> Result<Found, NtfsError> {
    let mut bytes = vec![0; usize::try_from(geometry.record).unwrap_or(0)];
    device.read_at(geometry.mft, &mut bytes)?;
    let first = record::read(&mut bytes, geometry.clusters).map_err(|bad| NtfsError::bad(geometry.mft, bad))?;
    let Some(Data::Part(part)) =
        first.and_then(|first| first.data).filter(|data| matches!(data, Data::Part(part) if part.vcn == 0))
    else {
        let bad = BadStructure::new(0, "record of $MFT", "a record in use whose data lies in clusters", "another one");
        return Err(NtfsError::bad(geometry.mft, bad));
    };
    let mut scan = Scan {
        geometry,
        size: part.valid / geometry.record * geometry.record,
        map: Map::default(),
        waiting: BTreeMap::new(),
        records: 0,
        runs: 0,
        named: 0,
        found: Found { entries: BTreeMap::new() },
    };
    scan.append(part.vcn, part.runs);
    scan.all(device)?;
    scan.found.entries.values_mut().for_each(Entry::choose_name);
    Ok(scan.found)
}

struct Scan<'a> {
    geometry: &'a Geometry,
    /// How many bytes of the table were written.
    size: u64,
    map: Map,
    /// Parts of the table that begin further on.
    waiting: BTreeMap<u64, Vec<Run>>,
    records: u64,
    runs: u64,
    named: u64,
    found: Found,
}

impl Scan<'_> {
    fn all(&mut self, device: &dyn ReadAt) -> Result<(), NtfsError> {
        let record = self.geometry.record;
        let mut buffer = vec![0; usize::try_from(TOGETHER.max(record)).unwrap_or(0)];
        let mut at = 0;
        while at < self.size {
            let Some(data) = self.map.next_data(device, self.geometry, at) else {
                if self.map.end() * self.geometry.cluster < self.size {
                    let found = format!("{} bytes", self.map.end() * self.geometry.cluster);
                    let expected = format!("clusters for all {} bytes of it", self.size);
                    let bad = BadStructure::new(0, "parts of $MFT", expected, found);
                    return Err(NtfsError::bad(self.geometry.mft, bad));
                }
                break;
            };
            at = data / record * record;
            let there = (self.map.end() * self.geometry.cluster).min(self.size);
            let length = there.saturating_sub(at).min(buffer.len() as u64) / record * record;
            if length == 0 {
                // The end of the part lies within a record: the next part has to be known by now.
                let bad =
                    BadStructure::new(0, "parts of $MFT", "clusters for a whole record", format!("an end at {there}"));
                return Err(NtfsError::bad(self.geometry.mft, bad));
            }
            let bytes = &mut buffer[..usize::try_from(length).unwrap_or(0)];
            self.map.read(device, self.geometry, at, bytes)?;
            for bytes in bytes.chunks_exact_mut(usize::try_from(record).unwrap_or(usize::MAX)) {
                self.record(at / record, bytes)?;
                at += record;
            }
        }
        Ok(())
    }

    fn record(&mut self, number: u64, bytes: &mut [u8]) -> Result<(), NtfsError> {
        self.records += 1;
        if self.records > MOST_RECORDS {
            return Err(NtfsError::TooMany { what: "records in the master file table", most: MOST_RECORDS });
        }
        let offset = self.map.place(self.geometry, number * self.geometry.record).unwrap_or(self.geometry.mft);
        let read = record::read(bytes, self.geometry.clusters).map_err(|bad| NtfsError::bad(offset, bad))?;
        let Some(Record { sequence, folder, base, name, data }) = read else { return Ok(()) };
        if let Some(Data::Part(part)) = &data {
            self.runs += part.runs.len() as u64;
            if self.runs > MOST_RUNS {
                return Err(NtfsError::TooMany { what: "runs of clusters in files", most: MOST_RUNS });
            }
            if base.is_some_and(|base| base.record == 0) {
                self.append(part.vcn, part.runs.clone());
            }
        }
        let entry = self.found.entries.entry(base.map_or(number, |base| base.record)).or_default();
        let owner = base.map_or(sequence, |base| base.sequence);
        if base.is_none() {
            entry.offset = offset;
            entry.base = Some(Base { sequence, folder });
        }
        entry.names.extend(name.map(|name| (owner, base.is_none(), name)));
        entry.parts.extend(data.map(|data| (owner, data)));
        self.named += 1;
        if self.named > MOST_FILES {
            return Err(NtfsError::TooMany { what: "files and folders", most: MOST_FILES });
        }
        Ok(())
    }

    /// Appends a part of the table, and those that waited for it.
    fn append(&mut self, vcn: u64, runs: Vec<Run>) {
        if !self.map.append(vcn, &runs) && vcn > self.map.end() {
            self.waiting.insert(vcn, runs);
        }
        while let Some(runs) = self.waiting.remove(&self.map.end()) {
            let vcn = self.map.end();
            if runs.is_empty() || !self.map.append(vcn, &runs) {
                break;
            }
        }
    }
}

impl Entry {
    /// Chooses the name: a long one before a short one, then one of the base record before one of another record.
    fn choose_name(&mut self) {
        let Some(base) = &self.base else { return };
        let names = std::mem::take(&mut self.names).into_iter().filter(|(owner, ..)| *owner == base.sequence);
        self.name = names.min_by_key(|(_, own, name)| (name.short, !own)).map(|(.., name)| name);
    }

    /// The unnamed data; when it lies in no clusters, its size, or none where there is none.
    fn whole(&self, geometry: &Geometry) -> Result<Result<Whole, Option<u64>>, NtfsError> {
        let Some(base) = &self.base else { return Ok(Err(None)) };
        let own = self.parts.iter().filter(|(owner, _)| *owner == base.sequence).map(|(_, data)| data);
        let mut parts: Vec<&Part> = Vec::new();
        for data in own {
            match data {
                Data::Resident(size) => return Ok(Err(Some(*size))),
                Data::Part(part) => parts.push(part),
            }
        }
        parts.sort_by_key(|part| part.vcn);
        let Some(first) = parts.first() else { return Ok(Err(None)) };
        let mut map = Map::default();
        let bad = |expected: String, found: String| {
            NtfsError::bad(self.offset, BadStructure::new(0, "parts of the unnamed data", expected, found))
        };
        for part in &parts {
            let end = map.end();
            if !map.append(part.vcn, &part.runs) {
                return Err(bad(
                    format!("one that begins at cluster {end} of the file"),
                    format!("cluster {}", part.vcn),
                ));
            }
        }
        let there = map.end() * geometry.cluster;
        if first.kind == Kind::Plain && there != first.allocated {
            return Err(bad(format!("{} allocated bytes", first.allocated), there.to_string()));
        }
        Ok(Ok(Whole { map, kind: first.kind, size: first.size, valid: first.valid }))
    }
}

impl Found {
    /// Where `$Bitmap` lies, how much of it was written, and where its record is.
    pub(super) fn bitmap(&self, geometry: &Geometry) -> Result<(Map, u64, u64), NtfsError> {
        let entry = self.entries.get(&BITMAP).filter(|entry| entry.base.is_some());
        let Some(entry) = entry else {
            let bad = BadStructure::new(0, "$Bitmap", "record 6 in use", "none");
            return Err(NtfsError::bad(geometry.mft.saturating_add(BITMAP * geometry.record), bad));
        };
        match entry.whole(geometry)? {
            Ok(whole) if whole.kind == Kind::Plain => Ok((whole.map, whole.valid, entry.offset)),
            _ => {
                let bad = BadStructure::new(0, "$Bitmap", "plain data in clusters", "other data");
                Err(NtfsError::bad(entry.offset, bad))
            }
        }
    }

    /// The files with a path, and how many have none.
    pub(super) fn files(&self, geometry: &Geometry) -> Result<(Vec<NtfsFile>, u64), NtfsError> {
        let (mut files, mut unreachable) = (Vec::new(), 0);
        let lengths = self.lengths();
        let mut bytes = 0;
        for (&record, entry) in &self.entries {
            match &entry.base {
                Some(base) if base.folder => continue,
                // Records 12 to 23 are kept for the file system, in use and without a name.
                Some(_) if record < FIRST_ORDINARY && entry.name.is_none() => continue,
                Some(_) => {}
                None => {
                    unreachable += 1;
                    continue;
                }
            }
            let (size, valid, content) = match entry.whole(geometry)? {
                Ok(whole) => {
                    let content = match (whole.kind, whole.map.clusters()) {
                        (Kind::Plain, Some(runs)) => Content::Clusters(runs),
                        (Kind::Plain | Kind::Sparse, _) => Content::Sparse,
                        (Kind::Compressed, _) => Content::Compressed,
                        (Kind::Encrypted, _) => Content::Encrypted,
                    };
                    (whole.size, whole.valid, content)
                }
                Err(Some(size)) => (size, size, Content::Resident),
                Err(None) => (0, 0, Content::None),
            };
            let Some(path) = self.path(entry, &lengths) else {
                unreachable += 1;
                continue;
            };
            bytes += path.len() as u64;
            if bytes > MOST_PATH_BYTES {
                return Err(NtfsError::TooMany { what: "bytes in paths of files", most: MOST_PATH_BYTES });
            }
            files.push(NtfsFile { record, path, size, valid, content });
        }
        Ok((files, unreachable))
    }

    /// The folder that a name lies in, if it is one still.
    fn folder(&self, parent: Reference) -> Option<&Entry> {
        let entry = self.entries.get(&parent.record)?;
        entry.base.as_ref().is_some_and(|base| base.folder && base.sequence == parent.sequence).then_some(entry)
    }

    /// How long the path of each folder is, with a backslash at its end; none for one that does not lead to the root: because a
    /// folder above is not there, is below itself, or the path is longer than Windows has any. Each folder is looked at once.
    fn lengths(&self) -> BTreeMap<u64, Option<usize>> {
        let mut lengths = BTreeMap::from([(ROOT, Some(0))]);
        for (&record, entry) in &self.entries {
            if !entry.base.as_ref().is_some_and(|base| base.folder) {
                continue;
            }
            let (mut chain, mut at) = (Vec::new(), (record, entry));
            let mut length = loop {
                let (record, entry) = at;
                if let Some(&known) = lengths.get(&record) {
                    break known;
                }
                // Whoever meets this one again on the way up went round in a circle.
                lengths.insert(record, None);
                let Some(name) = &entry.name else { break None };
                chain.push((record, name.text.len() + 1));
                let Some(above) = self.folder(name.parent) else { break None };
                at = (name.parent.record, above);
            };
            for (record, own) in chain.into_iter().rev() {
                length = length.map(|length| length + own).filter(|&length| length <= 3 * LONGEST_PATH);
                lengths.insert(record, length);
            }
        }
        lengths
    }

    /// The path of an entry; none if it does not lead to the root.
    fn path(&self, entry: &Entry, lengths: &BTreeMap<u64, Option<usize>>) -> Option<String> {
        let mut name = entry.name.as_ref()?;
        let mut folder = self.folder(name.parent)?;
        lengths.get(&name.parent.record).copied().flatten()?;
        let mut names = vec![name.text.as_str()];
        while name.parent.record != ROOT {
            name = folder.name.as_ref()?;
            names.push(name.text.as_str());
            folder = self.folder(name.parent)?;
        }
        names.reverse();
        Some(names.join("\\"))
    }
}
