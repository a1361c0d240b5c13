//! NTFS volumes made by hand, as small as can be: for what `mkntfs` does not make.

use std::ops::Range;

const RECORD: usize = 1024;

/// The root folder, as a parent.
pub const ROOT: (u64, u16) = (5, 5);

/// The bytes of a volume, with a boot sector and nothing else yet.
#[derive(Clone)]
pub struct Image {
    /// The bytes.
    pub bytes: Vec<u8>,
    cluster: u64,
    clusters: u64,
    /// Where the bitmap lies, in clusters.
    bitmap: u64,
}

/// A record of the master file table.
#[derive(Clone)]
pub struct Record {
    /// Its sequence number.
    pub sequence: u16,
    /// 1 for in use, 2 for a folder.
    pub flags: u16,
    /// The base record and its sequence number; zeros for a base record.
    pub base: (u64, u16),
    /// Its attributes.
    pub attributes: Vec<Vec<u8>>,
}

impl Record {
    /// A file.
    #[must_use]
    pub fn file(attributes: &[Vec<u8>]) -> Record {
        Record { sequence: 1, flags: 1, base: (0, 0), attributes: attributes.to_vec() }
    }

    /// A folder.
    #[must_use]
    pub fn folder(attributes: &[Vec<u8>]) -> Record {
        Record { flags: 3, ..Record::file(attributes) }
    }

    /// A part of the file with that record.
    #[must_use]
    pub fn part_of(base: u64, attributes: &[Vec<u8>]) -> Record {
        Record { base: (base, 1), ..Record::file(attributes) }
    }

    /// The record's bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; RECORD];
        put(&mut bytes, 0, b"FILE");
        put(&mut bytes, 4, &48_u16.to_le_bytes());
        put(&mut bytes, 6, &3_u16.to_le_bytes());
        put(&mut bytes, 16, &self.sequence.to_le_bytes());
        put(&mut bytes, 20, &56_u16.to_le_bytes());
        put(&mut bytes, 22, &self.flags.to_le_bytes());
        put(&mut bytes, 28, &(RECORD as u32).to_le_bytes());
        put(&mut bytes, 32, &(self.base.0 | u64::from(self.base.1) << 48).to_le_bytes());
        let mut at = 56;
        for attribute in &self.attributes {
            put(&mut bytes, at, attribute);
            at += attribute.len();
        }
        put(&mut bytes, at, &[0xff; 4]);
        put(&mut bytes, 24, &(at as u32 + 8).to_le_bytes());
        put(&mut bytes, 48, &7_u16.to_le_bytes());
        for sector in 0..2 {
            let end = 512 * sector + 510;
            let kept = [bytes[end], bytes[end + 1]];
            put(&mut bytes, 50 + 2 * sector, &kept);
            put(&mut bytes, end, &7_u16.to_le_bytes());
        }
        bytes
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn attribute(kind: u32, flags: u16, resident: bool, head: usize, value: &[u8]) -> Vec<u8> {
    let length = (head + value.len()).next_multiple_of(8);
    let mut bytes = vec![0; length];
    put(&mut bytes, 0, &kind.to_le_bytes());
    put(&mut bytes, 4, &(length as u32).to_le_bytes());
    bytes[8] = u8::from(!resident);
    put(&mut bytes, 12, &flags.to_le_bytes());
    put(&mut bytes, head, value);
    bytes
}

/// Resident data.
#[must_use]
pub fn resident(value: &[u8]) -> Vec<u8> {
    let mut bytes = attribute(0x80, 0, true, 24, value);
    put(&mut bytes, 16, &(value.len() as u32).to_le_bytes());
    put(&mut bytes, 20, &24_u16.to_le_bytes());
    bytes
}

/// A name; `space` is 0 for POSIX, 1 for a long one, 2 for a short one.
#[must_use]
pub fn name(parent: (u64, u16), text: &str, space: u8) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut value = vec![0; 66];
    put(&mut value, 0, &(parent.0 | u64::from(parent.1) << 48).to_le_bytes());
    value[64] = units.len() as u8;
    value[65] = space;
    value.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    let mut bytes = attribute(0x30, 0, true, 24, &value);
    put(&mut bytes, 16, &(value.len() as u32).to_le_bytes());
    put(&mut bytes, 20, &24_u16.to_le_bytes());
    bytes
}

/// Data in clusters: runs of (first cluster, how many), none for a hole; allocated, whole and valid size.
#[must_use]
pub fn data(vcn: u64, runs: &[(Option<i64>, u64)], sizes: [u64; 3], flags: u16) -> Vec<u8> {
    let (mut pairs, mut last, mut count) = (Vec::new(), 0, 0);
    for (first, clusters) in runs {
        pairs.push(if first.is_some() { 0x84 } else { 0x04 });
        pairs.extend((*clusters as u32).to_le_bytes());
        if let Some(first) = first {
            pairs.extend((first - last).to_le_bytes());
            last = *first;
        }
        count += clusters;
    }
    pairs.push(0);
    let mut bytes = attribute(0x80, flags, false, 64, &pairs);
    put(&mut bytes, 16, &vcn.to_le_bytes());
    put(&mut bytes, 24, &(vcn + count).wrapping_sub(1).to_le_bytes());
    put(&mut bytes, 32, &64_u16.to_le_bytes());
    for (at, size) in [40, 48, 56].into_iter().zip(sizes) {
        put(&mut bytes, at, &size.to_le_bytes());
    }
    bytes
}

/// Plain data in these runs, filling them.
#[must_use]
pub fn plain(cluster: u64, runs: &[(i64, u64)]) -> Vec<u8> {
    let bytes = runs.iter().map(|run| run.1).sum::<u64>() * cluster;
    let runs: Vec<_> = runs.iter().map(|&(first, count)| (Some(first), count)).collect();
    data(0, &runs, [bytes; 3], 0)
}

impl Image {
    /// A volume of so many clusters, whose master file table begins at cluster 4.
    #[must_use]
    pub fn new(cluster: u64, clusters: u64) -> Image {
        let mut bytes = vec![0; (cluster * clusters) as usize + 512];
        put(&mut bytes, 3, b"NTFS    ");
        put(&mut bytes, 11, &512_u16.to_le_bytes());
        bytes[13] = (cluster / 512) as u8;
        put(&mut bytes, 40, &(cluster * clusters / 512).to_le_bytes());
        put(&mut bytes, 48, &4_u64.to_le_bytes());
        bytes[64] = 0xf6;
        Image { bytes, cluster, clusters, bitmap: 12 }
    }

    /// A volume with a master file table in clusters 4 to 11, a root and a bitmap in cluster 12, which calls clusters 0 to 12 used.
    /// Records 24 to 31 are free for files.
    #[must_use]
    pub fn small() -> Image {
        Image::with_records(4096, 64, 32)
    }

    /// The same with so many records, the bitmap in the cluster behind them.
    #[must_use]
    pub fn with_records(cluster: u64, clusters: u64, records: u64) -> Image {
        let mut image = Image::new(cluster, clusters);
        let table = (records * RECORD as u64).div_ceil(cluster);
        image.bitmap = 4 + table;
        image.record(0, &Record::file(&[name(ROOT, "$MFT", 3), plain(cluster, &[(4, table)])]));
        image.record(5, &Record { sequence: 5, ..Record::folder(&[name(ROOT, ".", 3)]) });
        let bytes = clusters.div_ceil(64) * 8;
        let bitmap_clusters = bytes.div_ceil(cluster);
        let first = Some(4 + table as i64);
        let bitmap = data(0, &[(first, bitmap_clusters)], [bitmap_clusters * cluster, bytes, bytes], 0);
        image.record(6, &Record::file(&[name(ROOT, "$Bitmap", 3), bitmap]));
        image.mark(0..4 + table + bitmap_clusters);
        image
    }

    /// A volume of 50 KiB with a file in a folder.
    #[must_use]
    pub fn tiny() -> Image {
        let mut image = Image::with_records(512, 100, 32);
        image.record(24, &Record::folder(&[name(ROOT, "folder", 1)]));
        image.record(
            25,
            &Record::file(&[name((24, 1), "FILE~1", 2), name((24, 1), "file", 1), plain(512, &[(80, 3), (78, 1)])]),
        );
        image.record(26, &Record::file(&[name(ROOT, "parts", 1), data(0, &[(Some(90), 1)], [1024, 1000, 900], 0)]));
        image.record(27, &Record::part_of(26, &[data(1, &[(Some(92), 1)], [0; 3], 0)]));
        image.record(28, &Record::file(&[name(ROOT, "small", 1), resident(b"hello")]));
        image.mark(78..83);
        image
    }

    /// Puts a record into its place in a master file table that lies in one piece.
    pub fn record(&mut self, number: u64, record: &Record) {
        let at = 4 * self.cluster + number * RECORD as u64;
        put(&mut self.bytes, at as usize, &record.bytes());
    }

    /// Puts half of a record, the one with that sector, at a cluster of 512 bytes.
    pub fn half(&mut self, cluster: u64, record: &Record, sector: usize) {
        let half = record.bytes()[512 * sector..512 * (sector + 1)].to_vec();
        put(&mut self.bytes, (cluster * self.cluster) as usize, &half);
    }

    /// Calls clusters used in the bitmap.
    ///
    /// # Panics
    /// When the volume has none of them.
    pub fn mark(&mut self, clusters: Range<u64>) {
        assert!(clusters.end <= self.clusters);
        for cluster in clusters {
            self.bytes[(self.bitmap * self.cluster + cluster / 8) as usize] |= 1 << (cluster % 8);
        }
    }
}

/// Volumes of about `size` bytes that are made to take time or memory, with what they do.
#[must_use]
pub fn bombs(size: u64) -> Vec<(&'static str, Image)> {
    let records = size / RECORD as u64 * 7 / 8;
    let all = |make: &dyn Fn(u64) -> Record| {
        let mut image = Image::with_records(512, size / 512, records);
        (24..records).for_each(|number| image.record(number, &make(number)));
        image
    };
    let long = "n".repeat(255);
    let mut chequered = Image::with_records(512, size / 512, 32);
    for cluster in (100 + size / 512 / 4096..size / 512).step_by(2) {
        chequered.mark(cluster..cluster + 1);
    }
    let pairs: Vec<_> = (0..60).map(|at| (Some(20 + at * 2), 1)).collect();
    let overlapping = move |number: u64| {
        let content = data(0, &pairs, [60 * 512; 3], 0);
        Record::file(&[name(ROOT, &number.to_string(), 1), content])
    };
    let chain = |number: u64| Record::folder(&[name((number - 1, 1), &long, 1)]);
    let ring = |number: u64| match number {
        24 => Record::folder(&[name((1023, 1), "a", 1)]),
        25..1024 => Record::folder(&[name((number - 1, 1), "a", 1)]),
        _ => Record::file(&[name((1023, 1), "b", 1)]),
    };
    let deep = |number: u64| match number {
        24 => Record::folder(&[name(ROOT, &long, 1)]),
        25..96 => Record::folder(&[name((number - 1, 1), &long, 1)]),
        _ => Record::file(&[name((95, 1), "b", 1)]),
    };
    let waiting = |number: u64| Record::part_of(0, &[data(records * 8 - number * 2, &[(Some(20), 1)], [0; 3], 0)]);
    let parts = |number: u64| Record::part_of(24, &[data(number, &[(None, 1)], [0; 3], 0)]);
    let named = |number: u64| match number {
        24 => Record::folder(&[name(ROOT, "F~1", 2)]),
        _ if number.is_multiple_of(2) => Record::part_of(24, &[name(ROOT, "F~1", 2)]),
        _ => Record::file(&[name((24, 1), "b", 1)]),
    };
    vec![
        ("every other cluster used", chequered),
        ("a file in every record", all(&|number| Record::file(&[name(ROOT, &number.to_string(), 1)]))),
        ("a chain of folders", all(&chain)),
        ("folders in a ring, files below", all(&ring)),
        ("folders as deep as can be, files below", all(&deep)),
        ("files that share clusters", all(&overlapping)),
        ("parts of the table that wait for others", all(&waiting)),
        ("a file of many parts", all(&parts)),
        ("a folder of many names, files below", all(&named)),
    ]
}
