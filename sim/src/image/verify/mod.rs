//! Holds every field of every structure against the format. Readers ignore many fields; a writer is held to account here.
//!
//! *Wrong* is what may lead a reader astray; *unusual* is what Windows was not seen to write. What Windows writes was learnt from its images:
//! in them nothing is wrong.

mod catalog;
mod space;
mod store;

use std::fmt;

use vssim_model::ids::Guid;

use self::catalog::Known;
use self::space::Space;
use super::{ImageError, Reader, VolumeStructures};
use crate::disk_format::{BLOCK, BlockHeader, BootSector, ReadAt, SECTOR, VOLUME_HEADER_OFFSET, u32_at, u64_at};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Windows was not seen to write this.
    Unusual,
    /// Readers may go astray.
    Wrong,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Unusual => "unusual",
            Severity::Wrong => "wrong",
        })
    }
}

/// A field that holds something other than expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, in bytes from the start of the volume (of the disk, for a partition table).
    pub offset: u64,
    /// The structure that it belongs to.
    pub structure: &'static str,
    /// The field.
    pub field: &'static str,
    /// What it should hold.
    pub expected: String,
    /// What it holds.
    pub found: String,
    /// How bad that is.
    pub severity: Severity,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { offset, structure, field, expected, found, severity } = self;
        write!(f, "{severity}: {structure} at offset {offset:#x}, {field}: expected {expected}, found {found}")
    }
}

/// What was found on a volume and on the one with its diff area.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// On the volume.
    pub volume: Vec<Finding>,
    /// On the other volume, where the diff area lies on one. Empty otherwise.
    pub area: Vec<Finding>,
}

impl Findings {
    /// How many findings of this severity there are.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.volume.iter().chain(&self.area).filter(|finding| finding.severity == severity).count()
    }
}

/// The most findings of a volume that are listed. The last one says that there were more.
pub const MOST_FINDINGS: usize = 1_000;

/// Findings as they are made.
#[derive(Debug, Default)]
pub(super) struct Notes {
    list: Vec<Finding>,
}

impl Notes {
    /// Whether there is still room. Work for more findings can be left.
    fn is_open(&self) -> bool {
        self.list.len() <= MOST_FINDINGS
    }

    fn add(&mut self, finding: Finding) {
        if self.list.len() < MOST_FINDINGS {
            self.list.push(finding);
        } else if self.is_open() {
            let more = format!("more than {MOST_FINDINGS}; the others are left out");
            self.list.push(Finding { field: "findings", expected: "none".to_owned(), found: more, ..finding });
        }
    }

    /// The field holds `found` and should hold `expected`.
    fn differ(
        &mut self,
        severity: Severity,
        (offset, structure, field): Place,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) {
        let (expected, found) = (expected.to_string(), found.to_string());
        self.add(Finding { offset, structure, field, expected, found, severity });
    }

    fn wrong(&mut self, place: Place, expected: impl fmt::Display, found: impl fmt::Display) {
        self.differ(Severity::Wrong, place, expected, found);
    }

    fn unusual(&mut self, place: Place, expected: impl fmt::Display, found: impl fmt::Display) {
        self.differ(Severity::Unusual, place, expected, found);
    }

    /// A number that has to be `expected`.
    fn number(&mut self, severity: Severity, place: Place, expected: u64, found: u64) {
        if expected != found {
            self.differ(severity, place, format!("{expected:#x}"), format!("{found:#x}"));
        }
    }

    /// Something could not be read at all.
    fn unread(&mut self, error: &ImageError) {
        self.wrong((error.offset, error.structure, "structure"), "one that can be read", &error.why);
    }

    /// Bytes that mean nothing and are zeros.
    fn zeros(&mut self, structure: &'static str, start: u64, bytes: &[u8], from: usize, to: usize) {
        let part = bytes.get(from..to).unwrap_or_default();
        if let Some(at) = part.iter().position(|byte| *byte != 0) {
            let offset = start + (from + at) as u64;
            self.unusual((offset, structure, "reserved bytes"), "zeros", format!("{:#04x}", part[at]));
        }
    }

    /// The header of a block, as far as every block has the same.
    fn header(&mut self, structure: &'static str, offset: u64, header: &BlockHeader, bytes: &[u8]) {
        self.number(Severity::Wrong, (offset + 16, structure, "version"), 1, u64::from(header.version));
        self.number(Severity::Wrong, (offset + 32, structure, "own offset"), offset, header.current);
        self.zeros(structure, offset, bytes, 56, BlockHeader::SIZE);
    }
}

/// Where a field lies, the structure and the field.
type Place = (u64, &'static str, &'static str);

/// A block of a device, for a second look at its raw bytes; zeros when it cannot be read.
fn raw(device: &dyn ReadAt, offset: u64) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK as usize];
    // The block was read before, so an error here is the device's, and the first look has told of it.
    let _ = device.read_at(offset, &mut bytes);
    bytes
}

/// Holds a volume against the format, and its stores on `area` where the diff area lies on another volume.
#[must_use]
pub fn verify(volume: &dyn ReadAt, area: Option<&dyn ReadAt>) -> Findings {
    let mut notes = Notes::default();
    let mut reader = Reader::new(volume);
    let structures = match reader.volume() {
        Ok(structures) => structures,
        Err(error) => {
            notes.unread(&error);
            return Findings { volume: notes.list, area: Vec::new() };
        }
    };
    let mut space = Space::default();
    whole(volume, &structures, &mut notes, &mut space);
    let redirected = structures.header.filter(|header| header.is_redirected());
    let Some(header) = redirected else {
        let known = Known::of(&structures, true);
        catalog::stores(&mut reader, volume, &structures, &known, &mut notes, &mut space);
        space.compare(&mut notes);
        return Findings { volume: notes.list, area: Vec::new() };
    };
    let known = Known::of(&structures, false);
    catalog::stores(&mut reader, volume, &structures, &Known::default(), &mut notes, &mut space);
    space.compare(&mut notes);
    let Some(area) = area else {
        return Findings { volume: notes.list, area: Vec::new() };
    };
    let there = on_area(area, header.diff_area, known);
    Findings { volume: notes.list, area: there }
}

/// Holds the other volume against the format, with the stores of the copies in `known` and its own.
fn on_area(area: &dyn ReadAt, wanted: Guid, mut known: Known) -> Vec<Finding> {
    let (mut notes, mut space) = (Notes::default(), Space::default());
    let mut reader = Reader::new(area);
    let host = match reader.volume() {
        Ok(host) => host,
        Err(error) => {
            notes.unread(&error);
            return notes.list;
        }
    };
    whole(area, &host, &mut notes, &mut space);
    let found = host.header.map(|header| header.volume);
    if found != Some(wanted) {
        let found = found.map_or("no volume header".to_owned(), |found| found.to_string());
        notes.wrong((VOLUME_HEADER_OFFSET + 64, "volume header", "volume"), wanted, found);
    }
    if host.header.is_some_and(|header| !header.is_redirected()) {
        known.extend(Known::of(&host, true));
    }
    catalog::stores(&mut reader, area, &host, &known, &mut notes, &mut space);
    space.compare(&mut notes);
    notes.list
}

/// Boot sector, volume header and catalog.
fn whole(device: &dyn ReadAt, structures: &VolumeStructures, notes: &mut Notes, space: &mut Space) {
    boot(device, structures, notes);
    space.take(0, BLOCK, "boot sector and volume header", true);
    let last = structures.size.saturating_sub(SECTOR);
    space.take(last, structures.size, "backup of the boot sector", true);
    if structures.header.is_some() {
        volume_header(device, structures, notes);
        catalog::catalog(device, structures, notes, space);
    }
}

fn boot(device: &dyn ReadAt, structures: &VolumeStructures, notes: &mut Notes) {
    const NAME: &str = "boot sector";
    let boot = match &structures.boot {
        Ok(boot) => *boot,
        Err(bad) => return notes.wrong((bad.at, NAME, bad.field), &bad.expected, &bad.found),
    };
    notes.number(Severity::Unusual, (11, NAME, "bytes a sector"), SECTOR, u64::from(boot.bytes_a_sector));
    let (size, there) = (boot.volume_size(), structures.size);
    if size != there {
        let severity = if size > there { Severity::Wrong } else { Severity::Unusual };
        let expected = format!("sectors for the {there:#x} bytes of the volume");
        notes.differ(severity, (40, NAME, "sectors"), expected, format!("sectors for {size:#x} bytes"));
    }
    let (mut first, mut backup) = ([0; 512], [0; 512]);
    let _ = device.read_at(0, &mut first);
    for (at, field, expected) in [(64, "clusters a file record", 0xf6), (68, "clusters an index block", 1)] {
        notes.number(Severity::Unusual, (at as u64, NAME, field), expected, u64::from(first[at]));
    }
    if first[510..] != [0x55, 0xaa] {
        notes.unusual((510, NAME, "signature"), "55 aa", format!("{:02x} {:02x}", first[510], first[511]));
    }
    let sectors = boot.sectors.checked_mul(u64::from(boot.bytes_a_sector));
    let Some(at) = sectors.filter(|at| device.read_at(*at, &mut backup).is_ok()) else {
        return;
    };
    if BootSector::decode(&backup) != Ok(boot) {
        let expected = "the same as the boot sector";
        notes.wrong((at, "backup of the boot sector", "sector"), expected, "something else");
    } else if first != backup {
        notes.unusual((at, "backup of the boot sector", "sector"), "the same bytes as the boot sector", "others");
    }
}

fn volume_header(device: &dyn ReadAt, structures: &VolumeStructures, notes: &mut Notes) {
    const NAME: &str = "volume header";
    const AT: u64 = VOLUME_HEADER_OFFSET;
    let Some(header) = structures.header else {
        return;
    };
    let mut bytes = [0; 512];
    let _ = device.read_at(AT, &mut bytes);
    let severity = if header.version == 2 { Severity::Unusual } else { Severity::Wrong };
    notes.number(severity, (AT + 16, NAME, "version"), 1, u64::from(header.version));
    notes.number(Severity::Wrong, (AT + 24, NAME, "own offset"), AT, u64_at(&bytes, 24));
    notes.number(Severity::Unusual, (AT + 32, NAME, "offset at 32"), AT, u64_at(&bytes, 32));
    notes.zeros(NAME, AT, &bytes, 40, 48);
    notes.zeros(NAME, AT, &bytes, 100, 512);
    let known_flags = u64::from(header.flags & 1);
    notes.number(Severity::Unusual, (AT + 96, NAME, "flags"), known_flags, u64::from(u32_at(&bytes, 96)));
    if header.volume == Guid(0) {
        notes.wrong((AT + 64, NAME, "volume"), "a GUID", header.volume);
    }
    match (header.is_redirected(), header.volume == header.diff_area) {
        (true, true) => {
            notes.wrong((AT + 80, NAME, "diff area"), "another volume, as the flag says", header.diff_area);
        }
        (false, false) => {
            notes.wrong(
                (AT + 80, NAME, "diff area"),
                format!("{}, since the flag is not set", header.volume),
                header.diff_area,
            );
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "../verify_tests.rs"]
mod tests;
