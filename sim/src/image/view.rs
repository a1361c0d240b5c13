//! The shadow copies of a volume, and the bytes that each of them shows.

use std::collections::BTreeMap;

use vssim_model::ids::Guid;

use super::table::{FreeBlocks, Saved, Sizes, Source, Table};
use super::{ImageError, Reader, StoreStructures, VolumeStructures};
use crate::disk_format::{CopyEntry, ReadAt, ReadError, StoreEntry, VOLUME_HEADER_OFFSET};

/// What the newest copy shows of blocks that were never copied, where its bitmaps say that nobody had any use of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NeverCopied {
    /// What the live volume holds there now.
    #[default]
    Live,
    /// Zeros, as libvshadow gives them: where the bits of the current and of the previous bitmap are set.
    Zeros,
}

/// A shadow copy of a volume.
#[derive(Clone, Debug)]
pub struct ShadowCopy {
    /// What the catalog says of it.
    pub entry: CopyEntry,
    /// Where the catalog does.
    pub entry_offset: u64,
    /// Its store, or what keeps it from being read.
    pub store: Result<StoreStructures, ImageError>,
    /// Where the catalog entry of the store lies, on the volume with the diff area.
    pub store_entry_offset: Option<u64>,
}

impl ShadowCopy {
    /// The GUID of the shadow copy.
    #[must_use]
    pub fn id(&self) -> Option<Guid> {
        self.store.as_ref().ok().map(|store| store.information.snapshot)
    }

    /// The GUID of its set.
    #[must_use]
    pub fn set(&self) -> Option<Guid> {
        self.store.as_ref().ok().map(|store| store.information.set)
    }

    /// The GUID of its store.
    #[must_use]
    pub fn store_id(&self) -> Guid {
        self.entry.store
    }

    /// When it was made (FILETIME).
    #[must_use]
    pub fn created(&self) -> u64 {
        self.entry.created
    }

    /// `VSS_VOLSNAP_ATTR_*`.
    #[must_use]
    pub fn attributes(&self) -> Option<u32> {
        self.store.as_ref().ok().map(|store| store.information.attributes)
    }

    /// `VSS_CTX_*`.
    #[must_use]
    pub fn context(&self) -> Option<u32> {
        self.store.as_ref().ok().map(|store| store.information.context)
    }

    /// The size of the volume, as the catalog has it.
    #[must_use]
    pub fn volume_size(&self) -> u64 {
        self.entry.volume_size
    }

    /// How many bytes of the volume its store takes: the ranges, and the three blocks that Windows leaves out of them.
    #[must_use]
    pub fn allocated(&self) -> Option<u64> {
        let store = self.store.as_ref().ok()?;
        let ranges = store.ranges.values().fold(0_u64, |sum, range| sum.saturating_add(range.size));
        let outside = [0, 1, 2].into_iter().filter(|block| store.place_of(block * crate::disk_format::BLOCK).is_none());
        Some(ranges.saturating_add(outside.count() as u64 * crate::disk_format::BLOCK))
    }

    /// How many descriptors its store has: saved blocks, and overlays with their extensions.
    #[must_use]
    pub fn blocks(&self) -> Option<u64> {
        self.store.as_ref().ok().map(|store| store.descriptors.slots.len() as u64)
    }
}

/// The shadow copies of a volume.
pub struct Copies<'a> {
    volume: &'a dyn ReadAt,
    area: &'a dyn ReadAt,
    missing: Option<Guid>,
    structures: VolumeStructures,
    copies: Vec<ShadowCopy>,
}

impl<'a> Copies<'a> {
    /// Reads the shadow copies of `volume`. Where its diff area lies on another volume, that is `area`; without it the copies are
    /// listed, and each one says which volume is missing. `area` is not looked at where the diff area lies on the volume itself.
    ///
    /// # Errors
    /// When a catalog cannot be read, or `area` is another volume than the one wanted. A store that cannot be read is an error of its
    /// copy.
    pub fn open(volume: &'a dyn ReadAt, area: Option<&'a dyn ReadAt>) -> Result<Copies<'a>, ImageError> {
        let mut reader = Reader::new(volume);
        let structures = reader.volume()?;
        let Some(header) = structures.header.filter(|header| header.is_redirected()) else {
            let stores = by_id(&structures);
            let copies = read_copies(&structures, &stores, |entry, size| reader.store(entry, Some(size)));
            return Ok(Copies { volume, area: volume, missing: None, structures, copies });
        };
        let Some(area) = area else {
            let error = missing_volume(header.diff_area);
            let copies = structures.copies().map(|(slot, entry)| ShadowCopy {
                entry,
                entry_offset: slot.offset,
                store: Err(error.clone()),
                store_entry_offset: None,
            });
            let copies = sorted(copies.collect());
            let missing = Some(header.diff_area);
            return Ok(Copies { volume, area: volume, missing, structures, copies });
        };
        let mut reader = Reader::new(area);
        let host = reader.volume()?;
        let found = host.header.map(|header| header.volume);
        if found != Some(header.diff_area) {
            let found = found.map_or("has no volume header".to_owned(), |found| format!("is {found}"));
            let why = format!("the diff area lies on volume {}; the volume given {found}", header.diff_area);
            return Err(ImageError::new(VOLUME_HEADER_OFFSET + 64, "volume header", why));
        }
        let stores = by_id(&host);
        let copies = read_copies(&structures, &stores, |entry, size| reader.store(entry, Some(size)));
        Ok(Copies { volume, area, missing: None, structures, copies })
    }

    /// The volume that has the diff area and was not given.
    #[must_use]
    pub fn missing(&self) -> Option<Guid> {
        self.missing
    }

    /// What the volume says of itself.
    #[must_use]
    pub fn structures(&self) -> &VolumeStructures {
        &self.structures
    }

    /// The copies, oldest first.
    #[must_use]
    pub fn list(&self) -> &[ShadowCopy] {
        &self.copies
    }

    /// The bytes that copy number `index` of the list shows.
    ///
    /// # Errors
    /// When there is no such copy, its store or that of a newer copy cannot be read, or a descriptor leads outside.
    pub fn view(&self, index: usize, rule: NeverCopied) -> Result<View<'a>, ImageError> {
        let newer = self.copies.get(index..).unwrap_or_default();
        let Some(copy) = newer.first() else {
            let why = format!("there is no copy number {index}; the volume has {}", self.copies.len());
            return Err(ImageError::new(VOLUME_HEADER_OFFSET, "catalog", why));
        };
        let size = view_size(&copy.entry, &self.structures);
        let sizes = |copy: &ShadowCopy| Sizes {
            view: view_size(&copy.entry, &self.structures),
            live: self.structures.size,
            area: self.area.size(),
        };
        let mut saved = Vec::with_capacity(newer.len());
        for copy in newer {
            let store = copy.store.as_ref().map_err(Clone::clone)?;
            saved.push(Saved::resolve(store, sizes(copy))?);
        }
        let zeros = match (newer, rule) {
            ([ShadowCopy { store: Ok(store), .. }], NeverCopied::Zeros) => FreeBlocks::of(store),
            _ => FreeBlocks::default(),
        };
        let saved: Vec<&Saved> = saved.iter().collect();
        Ok(View { volume: self.volume, area: self.area, size, table: Table::build(&saved, size, &zeros) })
    }
}

/// The entries of type 3 by their store, each with its place. Of two for one store the first one counts.
fn by_id(structures: &VolumeStructures) -> BTreeMap<Guid, (u64, StoreEntry)> {
    let mut found = BTreeMap::new();
    for (slot, entry) in structures.stores() {
        found.entry(entry.store).or_insert((slot.offset, entry));
    }
    found
}

/// The copies of a catalog with their stores, which belong to them by their id alone, wherever the entries stand.
fn read_copies(
    structures: &VolumeStructures,
    stores: &BTreeMap<Guid, (u64, StoreEntry)>,
    mut read: impl FnMut(&StoreEntry, u64) -> Result<StoreStructures, ImageError>,
) -> Vec<ShadowCopy> {
    let mut copies = Vec::new();
    for (slot, entry) in structures.copies() {
        let store = match stores.get(&entry.store) {
            Some((_, store)) => read(store, view_size(&entry, structures)),
            None => {
                let why = format!("no entry of type 3 says where store {} lies", entry.store);
                Err(ImageError::new(slot.offset + 16, "catalog", why))
            }
        };
        let store_entry_offset = stores.get(&entry.store).map(|(offset, _)| *offset);
        copies.push(ShadowCopy { entry, entry_offset: slot.offset, store, store_entry_offset });
    }
    sorted(copies)
}

fn sorted(mut copies: Vec<ShadowCopy>) -> Vec<ShadowCopy> {
    copies.sort_by_key(|copy| (copy.entry.created, copy.entry.sequence));
    copies
}

fn missing_volume(wanted: Guid) -> ImageError {
    let why = format!("the diff area lies on volume {wanted}, which is needed as well");
    ImageError::new(VOLUME_HEADER_OFFSET + 80, "volume header", why)
}

/// The size of a copy. A catalog may hold one that no volume has; the boot sector and the device decide then.
fn view_size(entry: &CopyEntry, structures: &VolumeStructures) -> u64 {
    let fits = |size: &u64| (1..=structures.size).contains(size);
    let boot = structures.boot.as_ref().ok().map(crate::disk_format::BootSector::volume_size);
    Some(entry.volume_size).filter(fits).or(boot.filter(fits)).unwrap_or(structures.size)
}

/// The bytes of a shadow copy.
pub struct View<'a> {
    volume: &'a dyn ReadAt,
    area: &'a dyn ReadAt,
    size: u64,
    table: Table,
}

impl View<'_> {
    /// In how many runs its bytes lie.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.table.len()
    }

    /// Whether the bytes at `offset` are those of the live volume at the same place, and up to where that stays so. Copies of one
    /// volume can be compared by it without reading what they share.
    #[must_use]
    pub fn is_live(&self, offset: u64) -> (bool, u64) {
        let run = self.table.runs_from(offset).next().filter(|_| offset < self.size);
        run.map_or((false, self.size), |run| (run.source == Source::Live(run.start), run.end))
    }
}

impl ReadAt for View<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        ReadError::check(offset, into.len() as u64, self.size)?;
        let mut at = offset;
        let mut rest = into;
        for run in self.table.runs_from(offset) {
            let count = usize::try_from(run.end - at).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            let read = match run.source.after(at - run.start) {
                Source::Live(from) => self.volume.read_at(from, now),
                Source::Area(from) => self.area.read_at(from, now),
                Source::Zeros => {
                    now.fill(0);
                    Ok(())
                }
            };
            read.map_err(|error| ReadError {
                offset: at,
                length: count as u64,
                why: format!("in its source, {error}"),
            })?;
            if later.is_empty() {
                return Ok(());
            }
            at = run.end;
            rest = later;
        }
        Ok(())
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        if offset >= self.size {
            return None;
        }
        self.table.runs_from(offset).find_map(|run| {
            let at = offset.max(run.start);
            let (device, from) = match run.source.after(at - run.start) {
                Source::Live(from) => (self.volume, from),
                Source::Area(from) => (self.area, from),
                Source::Zeros => return None,
            };
            let (start, end) = device.next_data(from)?;
            let here = |there: u64| at.saturating_add(there.saturating_sub(from)).min(run.end);
            (here(start) < here(end)).then(|| (here(start), here(end)))
        })
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
