//! Containers made by hand: what is read, what is refused, and that damage is answered in bounded time.

use super::samples;
use super::*;

type Sample = (Format, Vec<u8>);

fn every_kind() -> Vec<Sample> {
    vec![
        (Format::Raw, samples::disk()),
        (Format::Qcow2, samples::qcow2()),
        (Format::VhdFixed, samples::vhd_fixed()),
        (Format::VhdDynamic, samples::vhd_dynamic(3)),
        (Format::Vhdx, samples::vhdx()),
    ]
}

fn refusal(file: &[u8]) -> ContainerError {
    Container::open(file).unwrap_err()
}

fn changed(mut file: Vec<u8>, at: usize, value: &[u8]) -> Vec<u8> {
    file[at..at + value.len()].copy_from_slice(value);
    file
}

/// What `next_data` says, joined.
fn data_of(disk: &dyn ReadAt) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    let mut at = 0;
    while let Some((from, to)) = disk.next_data(at) {
        assert!(at <= from && from < to && to <= disk.size());
        match found.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            _ => found.push((from, to)),
        }
        at = to;
    }
    found
}

#[test]
fn every_kind_holds_the_same_disk() {
    for (format, file) in every_kind() {
        let container = Container::open(&file[..]).unwrap();
        assert_eq!((container.format(), container.size()), (format, 40 * 512));
        let mut whole = vec![1; 40 * 512];
        container.read_at(0, &mut whole).unwrap();
        assert_eq!(whole, samples::disk(), "{format}");
        let mut part = [1; 1000];
        container.read_at(2500, &mut part).unwrap();
        assert_eq!(part[..], whole[2500..3500], "{format}");
        container.read_at(40 * 512 - 1000, &mut part).unwrap();
        assert!(container.read_at(40 * 512 - 999, &mut part).is_err());
        assert!(container.read_at(u64::MAX, &mut part).is_err());
    }
}

#[test]
fn what_was_never_written_is_passed_over() {
    let clusters = |list: &[(u64, u64)], size: u64| -> Vec<(u64, u64)> {
        list.iter().map(|(from, to)| (from * size, to * size)).collect()
    };
    let qcow2 = samples::qcow2();
    let found = data_of(&Container::open(&qcow2[..]).unwrap());
    assert_eq!(found, clusters(&[(0, 1), (5, 7), (17, 18), (39, 40)], 512));
    let vhd = samples::vhd_dynamic(3);
    let found = data_of(&Container::open(&vhd[..]).unwrap());
    assert_eq!(found, clusters(&[(0, 2), (4, 5), (9, 10)], 2048));
    let vhdx = changed(samples::vhdx(), 2 << 20, &[2]);
    assert_eq!(data_of(&Container::open(&vhdx[..]).unwrap()), []);
}

#[test]
fn zstandard_and_older_versions_of_qcow2_are_read() {
    let old = changed(samples::qcow2(), 7, &[2]);
    // Version 2 knows no clusters that read as zeros; the place of cluster 20 holds zeros anyway.
    let mut whole = vec![1; 40 * 512];
    Container::open(&old[..]).unwrap().read_at(0, &mut whole).unwrap();
    assert_eq!(whole, samples::disk());
    // One raw block of a Zstandard frame: 512 bytes of 7.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x60, 0, 1, 0x03, 0x10, 0x00];
    frame.push(7);
    let mut file = changed(samples::qcow2(), 72, &[0, 0, 0, 0, 0, 0, 0, 8]);
    file[104] = 1;
    let at = file.len() as u64;
    file.extend(&frame);
    let file = changed(file, 1024 + 30 * 8, &(1_u64 << 62 | at).to_be_bytes());
    let mut cluster = [0; 512];
    Container::open(&file[..]).unwrap().read_at(30 * 512, &mut cluster).unwrap();
    assert_eq!(cluster, [7; 512]);
}

#[test]
fn a_window_that_no_cluster_needs_is_refused() {
    // The window descriptor asks for 2 GiB.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x03, 0x10, 0x00, 7];
    let mut file = changed(samples::qcow2(), 72, &[0, 0, 0, 0, 0, 0, 0, 8]);
    file[104] = 1;
    let at = file.len() as u64;
    file.extend(&frame);
    let file = changed(file, 1024 + 30 * 8, &(1_u64 << 62 | at).to_be_bytes());
    let error = Container::open(&file[..]).unwrap().read_at(30 * 512, &mut [0; 512]).unwrap_err();
    assert!(error.why.contains("cannot be unpacked"), "{error}");
}

#[test]
fn what_lies_elsewhere_is_refused_in_words() {
    let mut backed = changed(samples::qcow2(), 8, &200_u64.to_be_bytes());
    backed = changed(backed, 16, &8_u32.to_be_bytes());
    backed = changed(backed, 200, b"base.raw");
    let parent = 0x1_0000_u64 + (1 << 20);
    let parent = usize::try_from(parent).unwrap() + 4;
    for (file, offset, word) in [
        (backed, 8, "backing file `base.raw`"),
        (changed(samples::qcow2(), 35, &[2]), 32, "encrypted"),
        (changed(samples::qcow2(), 79, &[4]), 72, "another file"),
        (changed(samples::qcow2(), 79, &[16]), 72, "extended L2"),
        (changed(samples::qcow2(), 79, &[32]), 72, "not known"),
        (changed(samples::qcow2(), 7, &[1]), 4, "version 1"),
        (changed(samples::qcow2(), 23, &[8]), 20, "2^9 to 2^21"),
        (samples::vhd_dynamic(4), 0, "parent"),
        (changed(samples::vhdx(), parent, &[2]), parent as u64, "parent"),
        (b"KDMV and so on".to_vec(), 0, "VMware"),
    ] {
        let error = refusal(&file);
        assert!(error.why.contains(word), "{error}");
        assert!(offset == 0 || error.offset == offset, "{error}");
    }
}

#[test]
fn the_name_of_a_backing_file_is_short_and_holds_nothing_that_a_terminal_obeys() {
    let mut backed = changed(samples::qcow2(), 8, &200_u64.to_be_bytes());
    backed = changed(backed, 16, &1023_u32.to_be_bytes());
    backed = changed(backed, 200, b"\x1b[2J\0\xe2\x80\xae");
    let shown = refusal(&backed).to_string();
    assert!(shown.len() < 2048, "{} bytes", shown.len());
    assert!(!shown.contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown:?}");
}

#[test]
fn tables_that_do_not_fit_the_file_are_refused() {
    let end = samples::vhd_fixed().len() - 512;
    for (file, word) in [
        (changed(samples::qcow2(), 24, &(1_u64 << 40).to_be_bytes()), "L1 table has 1 entries"),
        (changed(samples::qcow2(), 24, &u64::MAX.to_be_bytes()), "larger than any"),
        (changed(changed(samples::qcow2(), 24, &(1_u64 << 40).to_be_bytes()), 36, &[0xff; 4]), "are read at most"),
        (changed(samples::qcow2(), 40, &(1_u64 << 40).to_be_bytes()), "does not lie in the file"),
        (changed(samples::vhd_fixed(), end + 70, &[9]), "checksum"),
        (changed(samples::vhdx(), 2 << 20 | 7, &[9]), ""),
        (samples::vhdx()[..300 << 10].to_vec(), "does not lie in the file"),
        (samples::vhdx()[..100 << 10].to_vec(), "region tables"),
        (samples::qcow2()[..60].to_vec(), "cut off"),
    ] {
        match Container::open(&file[..]) {
            Err(error) => assert!(error.why.contains(word), "{error}"),
            // The block lies outside; the file opens, and reading says so.
            Ok(disk) => assert!(disk.read_at(0, &mut [0; 512]).unwrap_err().why.contains("does not lie in the file")),
        }
    }
    let mut footer = samples::vhd_fixed()[end..].to_vec();
    footer[48] = 1;
    samples::sum(&mut footer, 64);
    assert!(refusal(&changed(samples::vhd_fixed(), end, &footer)).why.contains("lie before the footer"));
}

#[test]
fn one_l2_table_for_many_parts_of_the_disk_is_refused() {
    let mut file = changed(samples::qcow2(), 24, &(40_u64 * 512 * 64).to_be_bytes());
    file = changed(file, 39, &[40]);
    for entry in 0..40 {
        file = changed(file, 512 + entry * 8, &1024_u64.to_be_bytes());
    }
    assert!(refusal(&file).why.contains("which another entry has"));
}

#[test]
fn one_whole_footer_is_enough_for_a_dynamic_vhd() {
    let whole = samples::vhd_dynamic(3);
    for file in [changed(whole.clone(), 0, &[0; 512]), whole[..whole.len() - 512].to_vec()] {
        let mut disk = vec![0; 40 * 512];
        Container::open(&file[..]).unwrap().read_at(0, &mut disk).unwrap();
        assert_eq!(disk, samples::disk());
    }
}

#[test]
fn the_log_of_a_vhdx_is_carried_out_in_memory() {
    for wrapped in [false, true] {
        let file = samples::vhdx_with_log(wrapped);
        let disk = Container::open(&file[..]).unwrap();
        let mut whole = vec![1; 40 * 512];
        disk.read_at(0, &mut whole).unwrap();
        assert_eq!(whole, samples::disk());
    }
}

#[test]
fn an_entry_of_the_log_that_is_not_whole_ends_it() {
    // Entry 8 is damaged: block 0 lies where entry 7 says, at 2 MiB, where the table itself begins.
    let file = changed(samples::vhdx_with_log(false), (4 << 20) + 8192 + 3 * 4096 + 5000, &[1]);
    let mut start = [0; 8];
    Container::open(&file[..]).unwrap().read_at(0, &mut start).unwrap();
    assert_eq!(u64::from_le_bytes(start), 2 << 20 | 6);
    // Both are: then there is no log, and the table says that there is no block.
    let file = changed(file, (4 << 20) + 8192 + 5000, &[1]);
    assert_eq!(data_of(&Container::open(&file[..]).unwrap()), []);
}

#[test]
fn a_log_that_leads_outside_is_refused() {
    let outside = |at: usize, value: &[u8]| {
        let mut header = changed(samples::vhdx_with_log(false), (128 << 10) + at, value)[128 << 10..][..4096].to_vec();
        samples::crc(&mut header);
        refusal(&changed(samples::vhdx_with_log(false), 128 << 10, &header))
    };
    assert!(outside(72, &u64::MAX.to_le_bytes()).why.contains("does not lie in the file"));
    assert!(outside(68, &[1]).why.contains("does not lie in the file"));
    assert!(outside(64, &[1]).why.contains("version 1"));
    let entry = |at: usize, value: &[u8]| {
        let start = (4 << 20) + 8192 + 3 * 4096;
        let mut bytes = changed(samples::vhdx_with_log(false), start + at, value)[start..][..3 * 4096].to_vec();
        samples::crc(&mut bytes);
        refusal(&changed(samples::vhdx_with_log(false), start, &bytes))
    };
    assert!(entry(48, &u64::MAX.to_le_bytes()).why.contains("was flushed"));
    assert!(entry(56, &u64::MAX.to_le_bytes()).why.contains("ends at"));
    assert!(entry(24, &u32::MAX.to_le_bytes()).why.contains("more descriptors"));
    assert!(entry(64 + 8, &u64::MAX.to_le_bytes()).why.contains("not in the file"));
    assert!(entry(96 + 16, &u64::MAX.to_le_bytes()).why.contains("not in the file"));
    assert!(entry(96, b"what").why.contains("neither"));
    assert!(entry(96 + 24, &[1]).why.contains("another entry"));
    assert!(entry(4096, b"what").why.contains("data sector of another entry"));
}

/// Every byte of the tables in turn gets other values; whatever comes, it is an answer.
#[test]
fn damage_anywhere_is_answered() {
    let with_log = (Format::Vhdx, samples::vhdx_with_log(false));
    let samples = every_kind().into_iter().filter(|(format, _)| !matches!(format, Format::Raw | Format::Vhdx));
    for (format, file) in samples.chain([with_log]) {
        let tables: Vec<usize> = match format {
            // The log of one sample is as good a place for damage as any.
            Format::Vhdx => [(4 << 20) + 8192, 128 << 10, 192 << 10, 1 << 20, (1 << 20) + (64 << 10), 2 << 20]
                .into_iter()
                .flat_map(|at| at..at + 128)
                .collect(),
            _ => (0..file.len().min(4096)).chain(file.len() - 512..file.len()).collect(),
        };
        let mut file = file;
        for at in tables {
            let was = file[at];
            for value in [0, 0xff, was ^ 1, was ^ 0x80] {
                file[at] = value;
                if let Ok(disk) = Container::open(&file[..]) {
                    look_around(&disk);
                }
            }
            file[at] = was;
        }
    }
}

fn look_around(disk: &dyn ReadAt) {
    let (mut at, mut into) = (0, [0; 2048]);
    for _ in 0..20 {
        let Some((from, to)) = disk.next_data(at) else { break };
        assert!(at <= from && from < to && to <= disk.size());
        let take = usize::try_from(to - from).unwrap_or(usize::MAX).min(into.len());
        let _ = disk.read_at(from, &mut into[..take]);
        at = to;
    }
    let _ = disk.read_at(disk.size().saturating_sub(2048), &mut into);
}
