//! Volumes with shadow copies for hostile-input tests, made by the codecs, and the language in which a fuzzer damages them.
//!
//! ```text
//!  case ─► first byte 0 ─────► the rest is a file: a container or a raw disk
//!       └► first byte 1 and up ─► a sample (SAMPLES) with patches:  where, 2 bytes │ in the sector, 2 │ count, 1 │ bytes
//!                                    bit 15: the other volume   bit 14: any sector, else one of those with structures
//! ```
//!
//! Random bytes never get past the first GUID. A patch lands in a structure, and the rest of the sample stays right, so a
//! fuzzer reaches every list, descriptor and bitmap within one change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use vssim_model::ids::Guid;
use vssim_sim::disk_format::{
    BLOCK, BlockHeader, BootSector, CatalogEntry, CopyEntry, Descriptor, DescriptorFlags, Range, ReadAt, ReadError,
    RecordType, SECTOR, StoreEntry, VOLUME_HEADER_OFFSET, VolumeHeader,
};
use vssim_sim::fixture::store_information;

/// The size of a sample's volume.
const VOLUME: u64 = 64 * BLOCK;
/// Where the catalog lies.
const CATALOG: u64 = 8 * BLOCK;
/// The blocks of a store: header, descriptors, more descriptors, ranges, bitmap, previous bitmap, four saved ones.
const STORE: u64 = 10 * BLOCK;
/// Where the first saved block lies in a store.
const FIRST_PLACE: u64 = 6 * BLOCK;
/// The volume of a sample, and the one with the diff area.
const IDS: [Guid; 2] =
    [Guid(0x1111_0000_0000_11eb_90f4_0800_2776_8df7), Guid(0x2222_0000_0000_11eb_90f4_0800_2776_8df7)];

/// The name of the sample whose checksums are put right, unless bit 7 of the first byte is set.
const GPT: &str = "GPT";

/// A sample: the file of a disk, and where it needs one, that with the volume of the diff area.
#[derive(Debug)]
pub struct Sample {
    /// What it is for, in a word or two.
    pub name: &'static str,
    /// The bytes of each disk.
    pub disks: Vec<Vec<u8>>,
    /// The sectors of each disk that hold structures.
    structures: Vec<Vec<u64>>,
}

/// A disk with patches.
#[derive(Debug)]
pub struct Patched {
    disk: &'static [u8],
    sectors: BTreeMap<u64, [u8; SECTOR as usize]>,
}

impl ReadAt for Patched {
    fn size(&self) -> u64 {
        self.disk.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.disk.read_at(offset, into)?;
        let end = offset + into.len() as u64;
        for (sector, bytes) in self.sectors.range(offset / SECTOR..end.div_ceil(SECTOR)) {
            for (at, byte) in (sector * SECTOR..).zip(bytes) {
                if (offset..end).contains(&at) {
                    into[(at - offset) as usize] = *byte;
                }
            }
        }
        Ok(())
    }
}

/// What a case stands for.
#[derive(Debug)]
pub enum Case<'a> {
    /// A file.
    File(&'a [u8]),
    /// A damaged sample: its disks.
    Disks(Vec<Patched>),
}

/// The meaning of a case.
#[must_use]
pub fn case(bytes: &[u8]) -> Case<'_> {
    let Some((first, rest)) = bytes.split_first().filter(|(first, _)| **first != 0) else {
        return Case::File(bytes.get(1..).unwrap_or_default());
    };
    let sample = &SAMPLES[(usize::from(*first & 0x7f).saturating_sub(1)) % SAMPLES.len()];
    let mut disks: Vec<Patched> = sample.disks.iter().map(|disk| Patched { disk, sectors: BTreeMap::new() }).collect();
    let mut rest = rest;
    while let [low, high, in_low, in_high, count, more @ ..] = rest {
        let (place, within) = (u16::from_le_bytes([*low, *high]), u16::from_le_bytes([*in_low, *in_high]));
        let (value, left) = more.split_at(more.len().min(usize::from(*count)));
        rest = left;
        let which = usize::from(place >> 15) % disks.len();
        let wanted = usize::from(place & 0x3fff);
        let known = &sample.structures[which];
        let all = disks[which].disk.len() as u64 / SECTOR;
        let sector = if place & 0x4000 == 0 { known[wanted % known.len()] } else { wanted as u64 % all };
        patch(&mut disks[which], sector, usize::from(within) % SECTOR as usize, value);
    }
    if sample.name == GPT && first & 0x80 == 0 {
        disks.iter_mut().for_each(Patched::sum_gpt);
    }
    Case::Disks(disks)
}

fn patch(disk: &mut Patched, sector: u64, within: usize, value: &[u8]) {
    let start = (sector * SECTOR) as usize;
    let old = disk.disk.get(start..start + SECTOR as usize).and_then(|bytes| bytes.try_into().ok());
    let bytes = disk.sectors.entry(sector).or_insert_with(|| old.unwrap_or([0; SECTOR as usize]));
    bytes.iter_mut().skip(within).zip(value).for_each(|(byte, new)| *byte = *new);
}

/// A patch, as a case has it: `value` at `offset` of disk number `disk` of `sample`.
///
/// # Panics
/// When it does not lie in one sector, or is longer than a patch can be.
#[must_use]
pub fn patch_bytes(disk: u16, offset: u64, value: &[u8]) -> Vec<u8> {
    let (sector, within) = (offset / SECTOR, offset % SECTOR);
    assert!(within + value.len() as u64 <= SECTOR && sector < 0x4000, "a patch lies in one sector");
    let place = disk << 15 | 0x4000 | u16::try_from(sector).expect("it was checked");
    let count = u8::try_from(value.len()).expect("a patch has at most 255 bytes");
    [&place.to_le_bytes()[..], &(within as u16).to_le_bytes(), &[count], value].concat()
}

/// The samples that a case can damage.
pub static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let one = [vec![plain(0, 2, 0), plain(0, 3, 1)]];
    let several = [
        vec![plain(0, 2, 0), plain(0, 3, 1), overlay(0, 4, 2, 0x0f), extension(0, 4, 2, 0xf000_0000)],
        vec![forwarder(2, 5), plain(1, 5, 0), forwarder(5, 6), plain(1, 4, 1), plain(1, 2, 2)],
        vec![plain(2, 6, 0), overlay(2, 3, 1, 0x8000_0001), forwarder(7, 3), not_used(plain(2, 4, 2))],
    ];
    vec![
        sample("no shadow copy", vec![bare(&[], IDS[0], IDS[0])]),
        sample("one copy", vec![volume(&one)]),
        sample("several copies", vec![volume(&several)]),
        sample("redirected", redirected(&several).into()),
        sample("master boot record", vec![with_mbr(&volume(&several))]),
        sample(GPT, vec![with_gpt(&volume(&several))]),
        sample("qcow2", vec![in_qcow2(&volume(&several))]),
        sample("dynamic VHD", vec![in_vhd(&volume(&several))]),
    ]
});

/// Notes which sectors hold more than one value: structures, not the filling of blocks. The sector behind each counts too: there the
/// next entry of a list would stand.
fn sample(name: &'static str, disks: Vec<Vec<u8>>) -> Sample {
    let structures = disks.iter().map(|disk| {
        let holds = |sector: &[u8]| sector.iter().any(|byte| *byte != sector[0]);
        let with = (0..).zip(disk.chunks_exact(SECTOR as usize)).filter(|(_, sector)| holds(sector));
        let sectors: BTreeSet<u64> = with.flat_map(|(at, _)| [at, at + 1]).collect();
        sectors.into_iter().filter(|at| (at + 1) * SECTOR <= disk.len() as u64).collect()
    });
    let structures = structures.collect();
    Sample { name, disks, structures }
}

/// Where store number `store` lies.
fn store_at(store: u64) -> u64 {
    16 * BLOCK + store * STORE
}

fn store_id(store: u64) -> Guid {
    Guid(IDS[0].0 + ((u128::from(store) + 1) << 96))
}

/// Block number `block` is saved at place number `place` of store `store`.
fn plain(store: u64, block: u64, place: u64) -> Descriptor {
    let relative = FIRST_PLACE + place * BLOCK;
    Descriptor { original: block * BLOCK, relative, place: store_at(store) + relative, ..Descriptor::default() }
}

fn overlay(store: u64, block: u64, place: u64, bitmap: u32) -> Descriptor {
    Descriptor { flags: DescriptorFlags(DescriptorFlags::OVERLAY), bitmap, ..plain(store, block, place) }
}

/// More sectors of an overlay.
fn extension(store: u64, block: u64, place: u64, bitmap: u32) -> Descriptor {
    Descriptor { relative: 1, ..overlay(store, block, place, bitmap) }
}

/// What was in block number `block` lies in block number `to` of the next newer copy.
fn forwarder(block: u64, to: u64) -> Descriptor {
    let flags = DescriptorFlags(DescriptorFlags::FORWARDER);
    Descriptor { original: block * BLOCK, relative: to * BLOCK, flags, ..Descriptor::default() }
}

fn not_used(descriptor: Descriptor) -> Descriptor {
    Descriptor { flags: DescriptorFlags(DescriptorFlags::NOT_USED), ..descriptor }
}

fn copy_entry(store: u64) -> CatalogEntry {
    let created = 0x01d7_15fe_dd0c_03af + store * 600_000_000;
    CatalogEntry::Copy(CopyEntry {
        volume_size: VOLUME,
        store: store_id(store),
        sequence: store + 1,
        flags: 0x40,
        created,
    })
}

fn store_entry(store: u64) -> CatalogEntry {
    let at = |block: u64| store_at(store) + block * BLOCK;
    CatalogEntry::Store(StoreEntry {
        descriptors: at(1),
        store: store_id(store),
        header: at(0),
        ranges: at(3),
        bitmap: at(4),
        file_reference: 0x1_0000_0000_0025 + store,
        allocated: 0,
        previous_bitmap: if store == 0 { 0 } else { at(5) },
        unknown: u64::from(store != 0),
    })
}

/// A volume with these copies, oldest first, and their stores.
fn volume(stores: &[Vec<Descriptor>]) -> Vec<u8> {
    let entries: Vec<CatalogEntry> =
        (0..stores.len() as u64).flat_map(|store| [copy_entry(store), store_entry(store)]).collect();
    let mut bytes = bare(&entries, IDS[0], IDS[0]);
    write_stores(&mut bytes, stores);
    bytes
}

/// A volume with these copies, and the volume with their stores.
fn redirected(stores: &[Vec<Descriptor>]) -> [Vec<u8>; 2] {
    let entries = |entry: fn(u64) -> CatalogEntry| (0..stores.len() as u64).map(entry).collect::<Vec<CatalogEntry>>();
    let mut area = bare(&entries(store_entry), IDS[1], IDS[1]);
    write_stores(&mut area, stores);
    [bare(&entries(copy_entry), IDS[0], IDS[1]), area]
}

/// A volume with a catalog of two blocks.
fn bare(entries: &[CatalogEntry], id: Guid, diff_area: Guid) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..VOLUME / BLOCK).flat_map(|block| [0x20 + block as u8; BLOCK as usize]).collect();
    bytes[..0x2000].fill(0);
    let boot = BootSector::of(VOLUME, 0x1234).encode();
    write(&mut bytes, 0, &boot);
    write(&mut bytes, VOLUME - SECTOR, &boot);
    let flags = if id == diff_area { 0 } else { VolumeHeader::REDIRECTED };
    let header = VolumeHeader { version: 1, catalog: CATALOG, maximum: 0, volume: id, diff_area, flags };
    write(&mut bytes, VOLUME_HEADER_OFFSET, &header.encode());
    let slots: Vec<u8> = entries.iter().flat_map(CatalogEntry::encode).collect();
    write_list(&mut bytes, RecordType::Catalog, 0, CATALOG, Some(&slots));
    write_list(&mut bytes, RecordType::Catalog, BLOCK, CATALOG + BLOCK, None);
    bytes
}

fn write_stores(bytes: &mut [u8], stores: &[Vec<Descriptor>]) {
    for (number, descriptors) in (0..).zip(stores) {
        let at = |block: u64| store_at(number) + block * BLOCK;
        let information = store_information(number).encode();
        let header = BlockHeader::new(RecordType::Store, 0, at(0));
        let header = BlockHeader { information: information.len() as u64, ..header };
        write(bytes, at(0), &[0; BLOCK as usize]);
        write(bytes, at(0), &header.encode());
        write(bytes, at(0) + BlockHeader::SIZE as u64, &information);
        let slots: Vec<u8> = descriptors.iter().flat_map(Descriptor::encode).collect();
        write_list(bytes, RecordType::Descriptors, BLOCK, at(1), Some(&slots));
        write_list(bytes, RecordType::Descriptors, 2 * BLOCK, at(2), None);
        let ranges = [(at(0), 0, 5 * BLOCK), (at(5), 5 * BLOCK, STORE - 5 * BLOCK)];
        let slots = ranges.map(|(start, relative, size)| Range { start, relative, size }.encode()).concat();
        write_one(bytes, RecordType::Ranges, 3 * BLOCK, at(3), 0, &slots);
        // Blocks 8 to 63 were not in use, and those of the catalog and the stores never count.
        write_one(bytes, RecordType::Bitmap, 4 * BLOCK, at(4), 0, &[0, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff]);
        write_one(bytes, RecordType::Bitmap, 5 * BLOCK, at(5), 0, &[0x4c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        for place in 0..(STORE - FIRST_PLACE) / BLOCK {
            write(bytes, at(0) + FIRST_PLACE + place * BLOCK, &[0x80 + (number * 16 + place) as u8; BLOCK as usize]);
        }
    }
}

/// Writes a block of a list; the first one (with `slots`) goes on in the block behind it.
fn write_list(bytes: &mut [u8], record: RecordType, relative: u64, at: u64, slots: Option<&[u8]>) {
    let next = if slots.is_some() { at + BLOCK } else { 0 };
    write_one(bytes, record, relative, at, next, slots.unwrap_or_default());
}

fn write_one(bytes: &mut [u8], record: RecordType, relative: u64, at: u64, next: u64, slots: &[u8]) {
    write(bytes, at, &[0; BLOCK as usize]);
    write(bytes, at, &BlockHeader { next, ..BlockHeader::new(record, relative, at) }.encode());
    write(bytes, at + BlockHeader::SIZE as u64, slots);
}

fn write(bytes: &mut [u8], at: u64, what: &[u8]) {
    bytes[at as usize..][..what.len()].copy_from_slice(what);
}

/// Sectors before the volume on a disk with a partition table, and behind it.
const AROUND: u64 = 64;

fn with_table(volume: &[u8]) -> Vec<u8> {
    let around = vec![0; (AROUND * SECTOR) as usize];
    let mut disk = [&around, volume, &around].concat();
    write(&mut disk, 510, &[0x55, 0xaa]);
    disk
}

fn mbr_entry(kind: u8, first: u64, sectors: u64) -> [u8; 16] {
    let mut entry = [0; 16];
    entry[4] = kind;
    entry[8..12].copy_from_slice(&(first as u32).to_le_bytes());
    entry[12..].copy_from_slice(&(sectors as u32).to_le_bytes());
    entry
}

/// A disk whose volume is a logical partition: two boot records in a chain, the volume in the first.
fn with_mbr(volume: &[u8]) -> Vec<u8> {
    let mut disk = with_table(volume);
    let sectors = volume.len() as u64 / SECTOR;
    write(&mut disk, 446, &mbr_entry(7, 32, 8));
    write(&mut disk, 462, &mbr_entry(5, AROUND - 1, sectors + 33));
    let first = (AROUND - 1) * SECTOR;
    write(&mut disk, first + 446, &[mbr_entry(7, 1, sectors), mbr_entry(5, sectors + 1, 32)].concat());
    write(&mut disk, first + 510, &[0x55, 0xaa]);
    let second = first + (sectors + 1) * SECTOR;
    write(&mut disk, second + 446, &mbr_entry(6, 1, 8));
    write(&mut disk, second + 510, &[0x55, 0xaa]);
    disk
}

/// A disk with a GPT of four entries, which fill one sector, and its backup.
fn with_gpt(volume: &[u8]) -> Vec<u8> {
    let mut disk = with_table(volume);
    let sectors = disk.len() as u64 / SECTOR;
    write(&mut disk, 446, &mbr_entry(0xee, 1, sectors - 1));
    let mut entries = [0; 512];
    // The type of basic data partitions, an id, first and last sector, a name.
    entries[..16].copy_from_slice(&[
        0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7,
    ]);
    entries[16..32].fill(7);
    entries[32..40].copy_from_slice(&AROUND.to_le_bytes());
    entries[40..48].copy_from_slice(&(sectors - AROUND - 1).to_le_bytes());
    entries[56..60].copy_from_slice(&[b'D', 0, b'a', 0]);
    for (here, there, table) in [(1, sectors - 1, 2), (sectors - 1, 1, sectors - 2)] {
        let mut header = [0; 512];
        header[..8].copy_from_slice(b"EFI PART");
        header[10] = 1;
        header[12] = 92;
        for (at, value) in [(24, here), (32, there), (40, 3), (48, sectors - 3), (72, table)] {
            header[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
        }
        (header[80], header[84]) = (4, 128);
        write(&mut disk, here * SECTOR, &header);
        write(&mut disk, table * SECTOR, &entries);
    }
    for header in [1, sectors - 1] {
        let start = (header * SECTOR) as usize;
        let table = if header == 1 { 2 } else { sectors - 2 };
        let entries = crc32(&disk[(table * SECTOR) as usize..][..512]);
        disk[start + 88..start + 92].copy_from_slice(&entries.to_le_bytes());
        let sum = crc32(&disk[start..start + 92]);
        disk[start + 16..start + 20].copy_from_slice(&sum.to_le_bytes());
    }
    disk
}

/// A disk in a qcow2 with clusters of 16 KiB: header, the table of tables, a table, clusters.
fn in_qcow2(disk: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 3 * BLOCK as usize];
    write(&mut file, 0, b"QFI\xfb\0\0\0\x03");
    write(&mut file, 20, &14_u32.to_be_bytes());
    write(&mut file, 24, &(disk.len() as u64).to_be_bytes());
    write(&mut file, 36, &1_u32.to_be_bytes());
    write(&mut file, 40, &BLOCK.to_be_bytes());
    write(&mut file, 100, &112_u32.to_be_bytes());
    write(&mut file, BLOCK, &((2 * BLOCK) | (1 << 63)).to_be_bytes());
    for (number, cluster) in (0..).zip(disk.chunks(BLOCK as usize)) {
        let at = file.len() as u64;
        write(&mut file, 2 * BLOCK + number * 8, &(at | (1 << 63)).to_be_bytes());
        file.extend(cluster);
    }
    file
}

/// A disk in a dynamic VHD with blocks of 64 KiB: footer, header, block table, blocks, footer.
fn in_vhd(disk: &[u8]) -> Vec<u8> {
    const BYTES: usize = 64 << 10;
    let mut footer = [0; SECTOR as usize];
    footer[..8].copy_from_slice(b"conectix");
    footer[12..16].copy_from_slice(&0x1_0000_u32.to_be_bytes());
    footer[16..24].copy_from_slice(&SECTOR.to_be_bytes());
    footer[48..56].copy_from_slice(&(disk.len() as u64).to_be_bytes());
    footer[63] = 3;
    sum_vhd(&mut footer, 64);
    let mut header = [0; 1024];
    header[..8].copy_from_slice(b"cxsparse");
    header[16..24].copy_from_slice(&(3 * SECTOR).to_be_bytes());
    header[28..32].copy_from_slice(&(disk.len().div_ceil(BYTES) as u32).to_be_bytes());
    header[32..36].copy_from_slice(&(BYTES as u32).to_be_bytes());
    sum_vhd(&mut header, 36);
    let mut file = [&footer[..], &header, &[0xff; SECTOR as usize]].concat();
    for (number, block) in (0..).zip(disk.chunks(BYTES)) {
        let sector = file.len() as u32 / SECTOR as u32;
        write(&mut file, 3 * SECTOR + number * 4, &sector.to_be_bytes());
        file.extend([0xff; SECTOR as usize]);
        file.extend(block);
    }
    file.extend(footer);
    file
}

/// Puts the checksum of a VHD's structure at `at`.
fn sum_vhd(bytes: &mut [u8], at: usize) {
    let sum = !bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    bytes[at..at + 4].copy_from_slice(&sum.to_be_bytes());
}

/// The CRC-32 of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |rest, _| (rest >> 1) ^ (0xedb8_8320 & (rest & 1).wrapping_neg()))
    })
}

impl Patched {
    /// Puts right the checksums of a GPT, so that what was patched is looked at.
    fn sum_gpt(&mut self) {
        let sectors = self.disk.len() as u64 / SECTOR;
        for (header, entries) in [(1, 2), (sectors - 1, sectors - 2)] {
            let (mut head, mut table) = ([0; SECTOR as usize], [0; SECTOR as usize]);
            let both =
                self.read_at(header * SECTOR, &mut head).and_then(|()| self.read_at(entries * SECTOR, &mut table));
            if both.is_err() || !head.starts_with(b"EFI PART") {
                continue;
            }
            head[88..92].copy_from_slice(&crc32(&table).to_le_bytes());
            head[16..20].fill(0);
            let sum = crc32(&head[..92]);
            head[16..20].copy_from_slice(&sum.to_le_bytes());
            self.sectors.insert(header, head);
        }
    }
}
