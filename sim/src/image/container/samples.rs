//! Small images of each kind, made by hand for tests.

use vssim_model::ids::Guid;

use crate::disk_format::guid_to_bytes;

/// The disk of every sample: 40 clusters of 512 bytes, some of them zeros.
pub(crate) fn disk() -> Vec<u8> {
    let byte = |at: usize| match at / 512 {
        0 | 5 | 6 | 39 => u8::try_from(at * 7 % 251).unwrap_or(0),
        17 => u8::try_from(at / 512).unwrap_or(0),
        _ => 0,
    };
    (0..40 * 512).map(byte).collect()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// qcow2, version 3, clusters of 512 bytes; clusters 17 and 39 are packed.
pub(crate) fn qcow2() -> Vec<u8> {
    let disk = disk();
    let mut file = vec![0; 4 * 512];
    put(&mut file, 0, b"QFI\xfb\0\0\0\x03");
    put(&mut file, 20, &9_u32.to_be_bytes());
    put(&mut file, 24, &(disk.len() as u64).to_be_bytes());
    put(&mut file, 36, &1_u32.to_be_bytes());
    put(&mut file, 40, &512_u64.to_be_bytes());
    put(&mut file, 100, &112_u32.to_be_bytes());
    put(&mut file, 512, &(1024_u64 | 1 << 63).to_be_bytes());
    for (number, cluster) in disk.chunks(512).enumerate().filter(|(_, cluster)| cluster.iter().any(|byte| *byte != 0)) {
        let at = file.len() as u64;
        let entry = if matches!(number, 17 | 39) {
            let packed = miniz_oxide::deflate::compress_to_vec(cluster, 6);
            let sectors = packed.len().div_ceil(512) as u64;
            file.extend(&packed);
            file.resize(file.len().next_multiple_of(512), 0xee);
            1 << 62 | (sectors - 1) << 61 | at
        } else {
            file.extend(cluster);
            1 << 63 | at
        };
        put(&mut file, 1024 + number * 8, &entry.to_be_bytes());
    }
    // A cluster that reads as zeros although it has a place.
    put(&mut file, 1024 + 20 * 8, &(1_u64 << 63 | 1536 | 1).to_be_bytes());
    file
}

fn vhd_footer(kind: u32, header: u64) -> [u8; 512] {
    let mut footer = [0; 512];
    put(&mut footer, 0, b"conectix");
    put(&mut footer, 12, &0x1_0000_u32.to_be_bytes());
    put(&mut footer, 16, &header.to_be_bytes());
    put(&mut footer, 48, &(disk().len() as u64).to_be_bytes());
    put(&mut footer, 60, &kind.to_be_bytes());
    sum(&mut footer, 64);
    footer
}

/// Puts a VHD's checksum.
pub(crate) fn sum(bytes: &mut [u8], at: usize) {
    put(bytes, at, &[0; 4]);
    let sum = !bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    put(bytes, at, &sum.to_be_bytes());
}

/// A fixed VHD.
pub(crate) fn vhd_fixed() -> Vec<u8> {
    let mut file = disk();
    file.extend(vhd_footer(2, u64::MAX));
    file
}

/// A dynamic VHD with blocks of 2 KiB; `kind` is 3, or 4 for a differencing one.
pub(crate) fn vhd_dynamic(kind: u32) -> Vec<u8> {
    let disk = disk();
    let footer = vhd_footer(kind, 512);
    let mut header = [0; 1024];
    put(&mut header, 0, b"cxsparse");
    put(&mut header, 16, &1536_u64.to_be_bytes());
    put(&mut header, 28, &10_u32.to_be_bytes());
    put(&mut header, 32, &2048_u32.to_be_bytes());
    sum(&mut header, 36);
    let mut file = [&footer[..], &header[..], &[0xff; 512][..]].concat();
    for (number, block) in disk.chunks(2048).enumerate().filter(|(_, block)| block.iter().any(|byte| *byte != 0)) {
        let sector = u32::try_from(file.len() / 512).unwrap_or(0);
        put(&mut file, 1536 + number * 4, &sector.to_be_bytes());
        file.extend([0xff; 512]);
        file.extend(block);
    }
    file.extend(footer);
    file
}

/// A dynamic VHDX: header at 64 KiB, metadata at 1 MiB, block table at 2 MiB, its one block at 3 MiB.
pub(crate) fn vhdx() -> Vec<u8> {
    let disk = disk();
    let mut file = vec![0; 4 << 20];
    put(&mut file, 0, b"vhdxfile");
    for (at, sequence) in [(64 << 10, 4_u64), (128 << 10, 5)] {
        let mut header = [0; 4096];
        put(&mut header, 0, b"head");
        put(&mut header, 8, &sequence.to_le_bytes());
        put(&mut header, 66, &1_u16.to_le_bytes());
        crc(&mut header);
        put(&mut file, at, &header);
    }
    let mut regions = vec![0; 64 << 10];
    put(&mut regions, 0, b"regi\0\0\0\0\x02");
    for (number, guid, at) in [(0, super::vhdx::BLOCK_TABLE, 2_u64 << 20), (1, super::vhdx::METADATA, 1 << 20)] {
        put(&mut regions, 16 + number * 32, &guid_to_bytes(guid));
        put(&mut regions, 32 + number * 32, &at.to_le_bytes());
        put(&mut regions, 40 + number * 32, &(1_u32 << 20).to_le_bytes());
        put(&mut regions, 44 + number * 32, &[1]);
    }
    crc(&mut regions);
    put(&mut file, 192 << 10, &regions);
    put(&mut file, 256 << 10, &regions);
    put(&mut file, 1 << 20, b"metadata\0\0\x03");
    let items: [(Guid, u64); 3] = [
        (super::vhdx::FILE_PARAMETERS, 1 << 20),
        (super::vhdx::DISK_SIZE, disk.len() as u64),
        (super::vhdx::LOGICAL_SECTOR, 512),
    ];
    for (number, (guid, value)) in items.into_iter().enumerate() {
        let (entry, item) = ((1 << 20) + 32 + number * 32, (64 << 10) + number * 8);
        put(&mut file, entry, &guid_to_bytes(guid));
        put(&mut file, entry + 16, &u32::try_from(item).unwrap_or(0).to_le_bytes());
        put(&mut file, entry + 20, &[8, 0, 0, 0, 4]);
        put(&mut file, (1 << 20) + item, &value.to_le_bytes());
    }
    put(&mut file, 2 << 20, &(3_u64 << 20 | 6).to_le_bytes());
    put(&mut file, 3 << 20, &disk);
    file
}

/// Puts a VHDX's checksum.
pub(crate) fn crc(bytes: &mut [u8]) {
    let sum = super::vhdx::checksum(bytes);
    put(bytes, 4, &sum.to_le_bytes());
}
