//! NTFS volumes made by hand: what the reader finds in them, and what it refuses.

use vssim_sim::disk_format::{ReadAt, ReadError};
use vssim_sim::ntfs::{Clusters, Content, NtfsError, NtfsFile, NtfsVolume, read_ntfs};
use vssim_tests::ntfs_image::{Image, ROOT, Record, data, name, plain, resident};

fn read(image: &Image) -> Result<NtfsVolume, NtfsError> {
    read_ntfs(&image.bytes.as_slice())
}

fn find<'a>(volume: &'a NtfsVolume, path: &str) -> &'a NtfsFile {
    volume.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is not in {volume:#?}"))
}

fn run(first: u64, count: u64) -> Clusters {
    Clusters { first, count }
}

/// The place and the field that are wrong.
fn refused(image: &Image) -> (u64, &'static str) {
    match read(image) {
        Err(NtfsError::Bad { offset, bad }) => (offset + bad.at, bad.field),
        other => panic!("{other:?}"),
    }
}

const MFT: u64 = 4 * 4096;

#[test]
fn files_are_found_with_path_sizes_and_clusters() {
    let mut image = Image::small();
    image.record(24, &Record::folder(&[name(ROOT, "System Volume Information", 1)]));
    let content = data(0, &[(Some(20), 2), (Some(15), 1)], [3 * 4096, 9000, 5000], 0);
    image.record(25, &Record::file(&[name((24, 1), "STORE~1", 2), name((24, 1), "store", 1), content]));
    image.record(26, &Record::file(&[name(ROOT, "Small.txt", 1), resident(b"hello")]));
    image.record(27, &Record { flags: 0, ..Record::file(&[name(ROOT, "deleted", 1)]) });
    image.mark(15..16);
    image.mark(20..22);
    image.mark(63..64);
    let volume = read(&image).unwrap();
    assert_eq!((volume.cluster, volume.clusters, volume.size), (4096, 64, 64 * 4096 + 512));
    assert_eq!(volume.used, [run(0, 13), run(15, 1), run(20, 2), run(63, 1)]);
    assert_eq!((volume.lost, volume.unreachable), (0, 0));
    let store = find(&volume, r"System Volume Information\store");
    assert_eq!((store.record, store.size, store.valid), (25, 9000, 5000));
    assert_eq!(store.content, Content::Clusters(vec![run(20, 2), run(15, 1)]));
    let places: Vec<_> = volume.bytes_of(store).map(|bytes| (bytes.offset, bytes.length)).collect();
    assert_eq!(places, [(20 * 4096, 8192), (15 * 4096, 808)]);
    assert_eq!((find(&volume, "Small.txt").size, &find(&volume, "Small.txt").content), (5, &Content::Resident));
    let paths: Vec<_> = volume.files.iter().map(|file| (file.path.as_str(), file.is_metadata())).collect();
    let own = [("$MFT", true), ("$Bitmap", true), (r"System Volume Information\store", false), ("Small.txt", false)];
    assert_eq!(paths, own);
}

#[test]
fn what_lies_behind_the_last_cluster_counts_as_used() {
    let mut image = Image::small();
    let tail = |image: &Image| read(image).unwrap().used_bytes().last().map(|last| (last.offset, last.length));
    assert_eq!(tail(&image), Some((64 * 4096, 512)));
    image.mark(62..64);
    assert_eq!(tail(&image), Some((62 * 4096, 2 * 4096 + 512)));
}

#[test]
fn data_that_is_not_plain_is_named_and_has_no_clusters() {
    let mut image = Image::small();
    let kinds =
        [(0x0001, Content::Compressed), (0x4000, Content::Encrypted), (0x8000, Content::Sparse), (0, Content::Sparse)];
    for (number, (flags, _)) in (24..).zip(&kinds) {
        let content = data(0, &[(Some(20), 1), (None, 15)], [16 * 4096, 60_000, 60_000], *flags);
        image.record(number, &Record::file(&[name(ROOT, &number.to_string(), 1), content]));
    }
    image.record(28, &Record::file(&[name(ROOT, "nothing", 1)]));
    let volume = read(&image).unwrap();
    for (number, (_, content)) in (24..).zip(kinds) {
        let file = find(&volume, &number.to_string());
        assert_eq!((file.size, &file.content), (60_000, &content));
        assert_eq!(volume.bytes_of(file).count(), 0);
    }
    assert_eq!(find(&volume, "nothing").content, Content::None);
}

#[test]
fn a_file_in_several_records_is_put_together_in_any_order() {
    let mut image = Image::small();
    let first = data(0, &[(Some(20), 2)], [5 * 4096, 5 * 4096, 4096], 0);
    image.record(24, &Record::part_of(26, &[data(3, &[(Some(15), 2)], [0; 3], 0)]));
    image.record(26, &Record::file(&[name(ROOT, "parts", 1), first]));
    let without = image.clone();
    image.record(30, &Record::part_of(26, &[data(2, &[(Some(30), 1)], [0; 3], 0)]));
    // A record of an earlier file at the same place.
    image.record(31, &Record { base: (26, 9), ..Record::part_of(26, &[data(2, &[(Some(40), 1)], [0; 3], 0)]) });
    let volume = read(&image).unwrap();
    let parts = find(&volume, "parts");
    assert_eq!((parts.size, parts.valid), (5 * 4096, 4096));
    assert_eq!(parts.content, Content::Clusters(vec![run(20, 2), run(30, 1), run(15, 2)]));
    assert_eq!(refused(&without), (MFT + 26 * 1024, "parts of the unnamed data"));
}

#[test]
fn a_master_file_table_in_parts_is_read_to_its_end() {
    let mut image = Image::small();
    // Clusters 4 and 5 hold records 0 to 7, of which 2 and 3 tell where the other parts are; the last part is told of first.
    let first = data(0, &[(Some(4), 2)], [5 * 4096, 5 * 4096, 5 * 4096], 0);
    image.record(0, &Record::file(&[name(ROOT, "$MFT", 3), first]));
    image.record(2, &Record::part_of(0, &[data(4, &[(Some(50), 1)], [0; 3], 0)]));
    image.record(3, &Record::part_of(0, &[data(2, &[(Some(40), 2)], [0; 3], 0)]));
    let file = Record::file(&[name(ROOT, "last", 1), plain(4096, &[(60, 1)])]).bytes();
    image.bytes[50 * 4096 + 3 * 1024..51 * 4096].copy_from_slice(&file);
    let volume = read(&image).unwrap();
    assert_eq!(find(&volume, "last").record, 19);
    assert_eq!(find(&volume, "$MFT").content, Content::Clusters(vec![run(4, 2), run(40, 2), run(50, 1)]));
    assert_eq!(volume.lost, 4);
    image.record(3, &Record { flags: 0, ..Record::file(&[]) });
    assert_eq!(refused(&image), (MFT, "parts of $MFT"));
}

#[test]
fn a_record_may_lie_in_two_runs() {
    let mut image = Image::new(512, 200);
    // Records 0 to 6 and the first half of 7 lie in clusters 4 to 18, the rest of 7 and 8 to 15 in clusters 30 to 46.
    let table = plain(512, &[(4, 15), (30, 17)]);
    image.record(0, &Record::file(&[name(ROOT, "$MFT", 3), table]));
    image.record(5, &Record { sequence: 5, ..Record::folder(&[name(ROOT, ".", 3)]) });
    image.record(6, &Record::file(&[name(ROOT, "$Bitmap", 3), plain(512, &[(20, 1)])]));
    let halved = Record::file(&[name(ROOT, "halved", 1), resident(&[7; 600])]);
    image.half(18, &halved, 0);
    image.half(30, &halved, 1);
    let volume = read(&image).unwrap();
    assert_eq!((find(&volume, "halved").record, find(&volume, "halved").size), (7, 600));
}

#[test]
fn a_folder_below_itself_leaves_its_files_without_a_path() {
    let mut image = Image::small();
    image.record(24, &Record::folder(&[name((25, 1), "a", 1)]));
    image.record(25, &Record::folder(&[name((24, 1), "b", 1)]));
    image.record(26, &Record::file(&[name((25, 1), "lost", 1)]));
    image.record(27, &Record::file(&[name((25, 7), "its folder's place was used again", 1)]));
    image.record(28, &Record::file(&[name((26, 1), "below a file", 1)]));
    let volume = read(&image).unwrap();
    assert_eq!((volume.unreachable, volume.files.len()), (3, 2));
}

#[test]
fn clusters_of_files_are_used_even_where_the_bitmap_calls_them_free() {
    let mut image = Image::small();
    image.record(24, &Record::file(&[name(ROOT, "a", 1), plain(4096, &[(12, 0), (13, 3), (30, 2)])]));
    // A pair without clusters is none.
    assert_eq!(refused(&image).1, "count of a mapping pair");
    image.record(24, &Record::file(&[name(ROOT, "a", 1), plain(4096, &[(13, 3), (30, 2)])]));
    image.mark(31..32);
    let volume = read(&image).unwrap();
    assert_eq!((volume.used, volume.lost), (vec![run(0, 16), run(30, 2)], 4));
}

#[test]
fn a_cluster_of_two_files_is_refused() {
    let mut image = Image::small();
    image.record(24, &Record::file(&[name(ROOT, "a", 1), plain(4096, &[(20, 5)])]));
    image.record(25, &Record::file(&[name(ROOT, "b", 1), plain(4096, &[(24, 1)])]));
    let error = read(&image).unwrap_err();
    assert_eq!(error.to_string(), "NTFS: cluster 24 belongs to two files, `a` and `b`");
}

#[test]
fn damage_is_refused_with_its_place() {
    type Damage = fn(&mut Image);
    let cases: &[(&str, Damage, u64)] = &[
        ("file system name", |image| image.bytes[3] = b'F', 3),
        ("sectors", |image| image.bytes[47] = 1, 40),
        ("size of a record", |image| image.bytes[64] = 0x80, 64),
        ("first cluster of the master file table", |image| image.bytes[48] = 64, 48),
        ("record of $MFT", |image| image.bytes[MFT as usize + 22] = 0, MFT),
        ("signature of a record", |image| image.bytes[MFT as usize + 24 * 1024] = 1, MFT + 24 * 1024),
        ("update sequence number at the end of a sector", |image| image.bytes[MFT as usize + 6654] = 8, MFT + 6654),
        ("length of the update sequence", |image| image.bytes[MFT as usize + 5126] = 4, MFT + 5126),
        ("offset of the update sequence", |image| image.bytes[MFT as usize + 5125] = 2, MFT + 5124),
        ("used bytes of a record", |image| image.bytes[MFT as usize + 5146] = 1, MFT + 5144),
        ("attribute", |image| image.bytes[MFT as usize + 5144] = 58, MFT + 5120 + 56),
        ("length of an attribute", |image| image.bytes[MFT as usize + 5120 + 60] = 3, MFT + 5120 + 60),
        ("$Bitmap", |image| image.record(6, &Record::file(&[resident(&[0; 8])])), MFT + 6 * 1024),
        ("$Bitmap", |image| image.bytes[MFT as usize + 6 * 1024 + 22] = 0, MFT + 6 * 1024),
    ];
    for (field, damage, place) in cases {
        let mut image = Image::small();
        damage(&mut image);
        assert_eq!(refused(&image), (*place, *field));
    }
    assert!(matches!(read_ntfs(&[0; 100].as_slice()), Err(NtfsError::Bad { offset: 0, .. })));
}

/// A device that is larger than memory and holds only the first bytes.
struct Vast<'a>(&'a [u8], u64);

impl ReadAt for Vast<'_> {
    fn size(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let there = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let length = there.len().min(into.len());
        into.fill(0);
        into[..length].copy_from_slice(&there[..length]);
        Ok(())
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        let end = self.0.len() as u64;
        (offset < end).then_some((offset, end))
    }
}

#[test]
fn a_table_and_a_bitmap_that_claim_terabytes_of_holes_take_no_time() {
    let mut image = Image::small();
    let clusters = 1_u64 << 30;
    image.bytes[40..48].copy_from_slice(&(clusters * 8).to_le_bytes());
    let size = clusters * 4096 + 512;
    let table = (clusters / 2) * 4096;
    let claimed = data(0, &[(Some(4), 8), (Some(1 << 20), clusters / 2 - 8)], [table; 3], 0);
    image.record(0, &Record::file(&[name(ROOT, "$MFT", 3), claimed]));
    let bitmap = clusters / 8;
    let claimed = data(0, &[(Some(12), 1), (Some(1 << 19), bitmap / 4096 - 1)], [bitmap; 3], 0);
    image.record(6, &Record::file(&[name(ROOT, "$Bitmap", 3), claimed]));
    let volume = read_ntfs(&Vast(&image.bytes, size)).unwrap();
    assert_eq!(volume.used.iter().map(|run| run.count).sum::<u64>(), 13 + clusters / 2 - 8 + bitmap / 4096 - 1);
    assert_eq!(volume.files.len(), 2);
}
