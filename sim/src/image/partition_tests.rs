use super::super::sample;
use super::*;

const DISK: usize = 8 << 20;
/// Where the volume lies on the disk of the tests.
const START: u64 = 2048 * 512;
const BASIC_DATA: Guid = Guid(0xebd0_a0a2_b9e5_4433_87c0_68b6_b726_99c7);

fn put_mbr(disk: &mut [u8], at: u64, entries: &[(u8, u32, u32)]) {
    for (slot, (kind, start, sectors)) in entries.iter().enumerate() {
        let entry = at + 446 + 16 * slot as u64;
        sample::write(disk, entry + 4, &[*kind]);
        sample::write(disk, entry + 8, &start.to_le_bytes());
        sample::write(disk, entry + 12, &sectors.to_le_bytes());
    }
    sample::write(disk, at + 510, &[0x55, 0xaa]);
}

fn disk_with_volume() -> Vec<u8> {
    let mut disk = vec![0; DISK];
    sample::write(&mut disk, START, &sample::volume(&[]));
    disk
}

fn mbr_disk() -> Vec<u8> {
    let mut disk = disk_with_volume();
    put_mbr(&mut disk, 0, &[(7, 2048, 8192), (0, 0, 0), (0x0f, 11_000, 4000)]);
    put_mbr(&mut disk, 11_000 * 512, &[(6, 63, 900), (5, 1000, 1000)]);
    put_mbr(&mut disk, 12_000 * 512, &[(0x83, 63, 500)]);
    disk
}

fn put_gpt(disk: &mut [u8], own: u64, other: u64, entries: u64, list: &[(u64, u64)]) {
    let mut table = vec![0; 128 * 128];
    for (slot, (first, last)) in list.iter().enumerate() {
        let entry = &mut table[128 * slot..][..128];
        entry[..16].copy_from_slice(&crate::disk_format::guid_to_bytes(BASIC_DATA));
        entry[16] = slot as u8 + 1;
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
        entry[56..60].copy_from_slice(b"D\0k\0");
    }
    sample::write(disk, entries * 512, &table);
    let mut header = vec![0; 92];
    header[..8].copy_from_slice(b"EFI PART");
    header[12..16].copy_from_slice(&92_u32.to_le_bytes());
    header[24..32].copy_from_slice(&own.to_le_bytes());
    header[32..40].copy_from_slice(&other.to_le_bytes());
    header[72..80].copy_from_slice(&entries.to_le_bytes());
    header[80..84].copy_from_slice(&128_u32.to_le_bytes());
    header[84..88].copy_from_slice(&128_u32.to_le_bytes());
    header[88..92].copy_from_slice(&(!crc32(!0, &table)).to_le_bytes());
    let sum = !crc32(!0, &header);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    sample::write(disk, own * 512, &header);
}

fn gpt_disk() -> Vec<u8> {
    let mut disk = disk_with_volume();
    put_mbr(&mut disk, 0, &[(0xee, 1, u32::MAX)]);
    let last = DISK as u64 / 512 - 1;
    let list = [(2048, 2048 + 8191), (12_000, 12_999)];
    put_gpt(&mut disk, 1, last, 2, &list);
    put_gpt(&mut disk, last, 1, last - 32, &list);
    disk
}

fn read(disk: &[u8]) -> Partitions {
    read_partitions(&disk).unwrap()
}

fn places(partitions: &Partitions) -> Vec<(u32, u64, u64)> {
    partitions.list.iter().map(|one| (one.number, one.offset / 512, one.size / 512)).collect()
}

#[test]
fn the_checksum_is_that_of_ieee() {
    assert_eq!(!crc32(!0, b"123456789"), 0xcbf4_3926);
}

#[test]
fn a_bare_volume_is_one_volume() {
    let found = read(&sample::volume(&[]));
    assert_eq!((found.scheme, places(&found)), (Scheme::Bare, vec![(1, 0, 8192)]));
    let volume = &found.list[0];
    assert_eq!((volume.is_ntfs, volume.volume, volume.kind), (true, Some(sample::VOLUME), PartitionType::Bare));
    let mut without_ntfs = sample::volume(&[]);
    without_ntfs[..512].fill(0);
    assert!(!read(&without_ntfs).list[0].is_ntfs);
}

#[test]
fn a_device_with_neither_says_so() {
    assert_eq!(read_partitions(&&[0; 4096][..]).unwrap_err().offset, 510);
    assert_eq!(read_partitions(&&[0; 100][..]).unwrap_err().structure, MBR);
}

#[test]
fn primary_and_logical_partitions_are_found() {
    let found = read(&mbr_disk());
    assert_eq!(found.scheme, Scheme::Mbr);
    assert_eq!(places(&found), [(1, 2048, 8192), (5, 11_063, 900), (6, 12_063, 500)]);
    let kinds: Vec<_> = found.list.iter().map(|one| (one.kind, one.is_ntfs)).collect();
    let mbr = PartitionType::Mbr;
    assert_eq!(kinds, [(mbr(7), true), (mbr(6), false), (mbr(0x83), false)]);
    assert_eq!(found.list[0].volume, Some(sample::VOLUME));
    assert_eq!(found.findings, []);
}

#[test]
fn a_loop_of_logical_partitions_is_refused() {
    let mut disk = mbr_disk();
    put_mbr(&mut disk, 12_000 * 512, &[(0x83, 63, 500), (5, 1000, 1000)]);
    let error = read_partitions(&&disk[..]).unwrap_err();
    assert_eq!((error.offset, error.structure), (12_000 * 512, EBR));
}

#[test]
fn a_chain_that_leaves_its_partition_or_the_disk_is_refused() {
    let mut disk = mbr_disk();
    put_mbr(&mut disk, 12_000 * 512, &[(0x83, 63, 500), (5, 4000, 1000)]);
    assert_eq!(read_partitions(&&disk[..]).unwrap_err().offset, 12_000 * 512);
    let mut disk = mbr_disk();
    sample::write(&mut disk, 12_000 * 512 + 510, &[0]);
    assert_eq!(read_partitions(&&disk[..]).unwrap_err().offset, 12_000 * 512 + 510);
    put_mbr(&mut disk, 0, &[(7, 2048, 8192), (0, 0, 0), (0x0f, u32::MAX, u32::MAX)]);
    assert_eq!(read_partitions(&&disk[..]).unwrap_err().offset, u64::from(u32::MAX) * 512);
}

#[test]
fn partitions_that_overlap_or_leave_the_disk_are_told() {
    let mut disk = disk_with_volume();
    put_mbr(&mut disk, 0, &[(7, 2048, 8192), (7, 4000, 100), (7, 16_000, 9000)]);
    let found = read(&disk);
    let fields: Vec<_> = found.findings.iter().map(|finding| (finding.offset / 512, finding.field)).collect();
    assert_eq!(fields, [(16_000, "end"), (4000, "start")]);
}

#[test]
fn a_gpt_gives_its_partitions() {
    let found = read(&gpt_disk());
    assert_eq!((found.scheme, found.findings.len()), (Scheme::Gpt, 0));
    assert_eq!(places(&found), [(1, 2048, 8192), (2, 12_000, 1000)]);
    let first = &found.list[0];
    assert_eq!((first.name.as_str(), first.kind, first.is_ntfs), ("Dk", PartitionType::Gpt(BASIC_DATA), true));
}

#[test]
fn a_gpt_with_a_damaged_first_table_is_read_from_its_backup() {
    for at in [512, 512 + 50, 1024 + 32] {
        let mut disk = gpt_disk();
        disk[at] ^= 1;
        let found = read(&disk);
        assert_eq!(places(&found), [(1, 2048, 8192), (2, 12_000, 1000)]);
        let finding = &found.findings[0];
        assert_eq!((finding.field, finding.severity), ("first table", Severity::Wrong));
        let last = disk.len() - 512;
        disk[last] ^= 1;
        assert_eq!(read_partitions(&&disk[..]).unwrap_err().structure, GPT);
    }
}

#[test]
fn a_damaged_or_misplaced_backup_is_told() {
    let mut disk = gpt_disk();
    let last = disk.len() - 512;
    disk[last + 30] ^= 1;
    assert_eq!(read(&disk).findings[0].field, "backup");
    let mut longer = gpt_disk();
    longer.extend([0; 512]);
    assert_eq!(read(&longer).findings[0].field, "place of the backup");
}

#[test]
fn a_gpt_with_too_many_entries_is_refused() {
    let mut disk = gpt_disk();
    disk[DISK - 512] = 0;
    let count: u32 = 1 << 24;
    sample::write(&mut disk, 512 + 80, &count.to_le_bytes());
    sample::write(&mut disk, 512 + 16, &[0; 4]);
    let sum = !crc32(!0, &disk[512..512 + 92]);
    sample::write(&mut disk, 512 + 16, &sum.to_le_bytes());
    let error = read_partitions(&&disk[..]).unwrap_err();
    assert_eq!(error.offset, 512 + 80);
}
