//! How fast the storage is: first copies against plain copies, reads through 1 and 64 copies, many small files, a clone.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use vssim_model::ids::{Guid, SnapshotId, VolumeId};
use vssim_sim::storage::{
    AreaSettings, BLOCK_BYTES, BLOCK_SIZE, DiskExtent, FileId, MountPoint, Storage, VolumeSpec, WriteReport,
};

const VOLUME: VolumeId = VolumeId(Guid(1));
const BLOCKS: u64 = 256;

/// A volume with one file of 256 blocks and room for as many saved ones.
fn machine() -> (Storage, FileId) {
    let mut storage = Storage::new();
    let length = 8 * BLOCKS * BLOCK_BYTES;
    let disk = storage.add_disk("disk0", length).expect("a first disk");
    let extents = vec![DiskExtent { disk, offset: 0, length }];
    let spec = VolumeSpec { id: VOLUME, mount: Some(MountPoint::Letter('C')), extents, blocks_a_page: 16 };
    storage.add_volume(spec).expect("a first volume");
    let area = AreaSettings { host: VOLUME, initial: 0, step: 64 * BLOCK_BYTES, maximum: None };
    storage.set_area(VOLUME, area).expect("the volume is there");
    let file = storage.create_file(VOLUME, "data", 0).expect("there is room");
    let bytes = vec![1; BLOCK_SIZE * BLOCKS as usize];
    storage.write_file(VOLUME, file, 0, &bytes, &mut WriteReport::default()).expect("there is room");
    (storage, file)
}

fn take(storage: &mut Storage, number: u128) -> SnapshotId {
    let id = SnapshotId(Guid(number));
    storage.prepare_snapshot(VOLUME, id).and_then(|()| storage.commit_snapshot(id, 0)).expect("there is room");
    id
}

/// The same memory for both: a destination whose pages were touched, sources that are all there.
fn first_touch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first touch of 256 blocks");
    let (mut storage, file) = machine();
    storage.keep_references(false);
    // One history before the measured one has touched the blocks that the diff area gets again.
    let warm = |storage: &mut Storage| {
        let id = take(storage, 1);
        touch(storage, file);
        storage.delete_snapshot(id).expect("it was just made");
        take(storage, 2);
    };
    group.bench_function("write after a commit", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut spent = std::time::Duration::ZERO;
            warm(&mut storage);
            for _ in 0..rounds {
                let start = criterion::measurement::Measurement::start(&criterion::measurement::WallTime);
                touch(&mut storage, file);
                spent += criterion::measurement::Measurement::end(&criterion::measurement::WallTime, start);
                storage.delete_snapshot(SnapshotId(Guid(2))).expect("it is there");
                take(&mut storage, 2);
            }
            storage.delete_snapshot(SnapshotId(Guid(2))).expect("it is there");
            spent
        });
    });
    group.bench_function("write without a copy", |bencher| bencher.iter(|| touch(&mut storage, file)));
    let source = vec![1_u8; BLOCK_SIZE * BLOCKS as usize];
    let mut target = vec![2_u8; BLOCK_SIZE * BLOCKS as usize];
    group.bench_function("plain copy of the blocks", |bencher| {
        bencher.iter(|| {
            for (to, from) in target.chunks_mut(BLOCK_SIZE).zip(source.chunks(BLOCK_SIZE)) {
                black_box(to).copy_from_slice(black_box(from));
            }
        });
    });
    group.finish();
}

/// One byte into each block, so that what is measured is the copy and the hash of the block.
fn touch(storage: &mut Storage, file: FileId) {
    let mut report = WriteReport::default();
    for block in 0..BLOCKS {
        storage.write_file(VOLUME, file, block * BLOCK_BYTES, &[3], &mut report).expect("the file is there");
    }
    black_box(report);
}

fn read_through(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read 256 blocks");
    for copies in [1, 64] {
        let (mut storage, file) = machine();
        storage.keep_references(false);
        let oldest = take(&mut storage, 1);
        for number in 2..=copies {
            take(&mut storage, number);
        }
        // Saved in the newest copy: the oldest one reads through all of them.
        touch(&mut storage, file);
        let mut into = vec![0; BLOCK_SIZE];
        group.bench_function(format!("through {copies}"), |bencher| {
            bencher.iter(|| {
                let view = storage.view(oldest).expect("it is there");
                for block in 0..BLOCKS {
                    view.read(block * BLOCK_BYTES, &mut into).expect("inside");
                }
                black_box(&into);
            });
        });
    }
    group.finish();
}

fn small_files(criterion: &mut Criterion) {
    let paths: Vec<String> = (0..20_000).map(|number| format!(r"Windows\System32\file{number:05}.dll")).collect();
    criterion.bench_function("20,000 small files made", |bencher| {
        bencher.iter_batched(
            || {
                let mut storage = Storage::new();
                let length = 8_000 * BLOCK_BYTES;
                let disk = storage.add_disk("disk0", length).expect("a first disk");
                let extents = vec![DiskExtent { disk, offset: 0, length }];
                storage
                    .add_volume(VolumeSpec { id: VOLUME, mount: None, extents, blocks_a_page: 16 })
                    .expect("a first volume");
                storage
            },
            |mut storage| {
                for path in &paths {
                    let file = storage.create_file(VOLUME, path, 0).expect("there is room");
                    let written = storage.write_file(VOLUME, file, 0, b"MZ", &mut WriteReport::default());
                    written.expect("there is room");
                }
                storage
            },
            BatchSize::LargeInput,
        );
    });
}

fn clones(criterion: &mut Criterion) {
    let (mut storage, file) = machine();
    for number in 1..=8 {
        take(&mut storage, number);
        touch(&mut storage, file);
    }
    criterion.bench_function("clone with 8 copies", |bencher| bencher.iter(|| black_box(storage.clone())));
}

criterion_group!(benches, first_touch, read_through, small_files, clones);
criterion_main!(benches);
