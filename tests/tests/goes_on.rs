//! Volumes that Windows made, with their shadow copies, go on in a machine: further copies are taken, old blocks are written over, and the
//! copies that were there show what they showed.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId, VolumeId};
use vssim_sim::disk_format::device::Part;
use vssim_sim::disk_format::{BLOCK, ReadAt};
use vssim_sim::image::{Copies, NeverCopied, Severity, read_partitions, read_volume, verify};
use vssim_sim::ntfs::find_ntfs;
use vssim_sim::storage::{AreaSettings, Commit, DiskExtent, Storage, VolumeSpec, WriteReport};
use vssim_tests::corpus::corpus;
use vssim_tests::images::Image;

const NEW: SnapshotId = SnapshotId(Guid(0x1234));

/// A machine with these devices as its volumes.
fn machine(devices: &[&dyn ReadAt]) -> Storage {
    let mut storage = Storage::new();
    for (device, number) in devices.iter().zip(0_u32..) {
        let disk = storage.add_disk(&format!("disk{number}"), device.size()).unwrap();
        let extents = vec![DiskExtent { disk, offset: 0, length: device.size() }];
        let id = volume(number);
        storage.add_volume(VolumeSpec { id, mount: None, extents, blocks_a_page: 16 }).unwrap();
        let file_system = find_ntfs(device).unwrap();
        assert!(file_system.is_some(), "Windows made a file system");
        storage.load(id, device, file_system.as_ref()).unwrap();
    }
    storage
}

fn volume(number: u32) -> VolumeId {
    VolumeId(Guid(u128::from(number) + 1))
}

/// Writes over fifty blocks that the newest copy had in use; gives how many had to be saved first.
fn write_over(storage: &mut Storage, id: VolumeId, byte: u8) -> usize {
    let newest = storage.snapshots(id).unwrap().last().expect("there is a copy");
    let vss = storage.volume(id).unwrap().files().vss_blocks();
    let blocks: Vec<u64> = newest.owned().iter().filter(|block| !vss.get(*block)).take(50).collect();
    let mut report = WriteReport::default();
    for block in blocks {
        storage.write_raw(id, block * BLOCK + 100, &[byte; 1_000], &mut report).unwrap();
    }
    assert_eq!(report.lost, []);
    report.first_copies.len()
}

/// A further copy. The limit of the images is used up by stores of 320 MiB.
fn take(storage: &mut Storage, id: VolumeId, copy: SnapshotId) {
    let area = AreaSettings { initial: 1 << 20, step: 1 << 20, maximum: None, ..storage.area(id).unwrap() };
    storage.set_area(id, area).unwrap();
    storage.prepare_snapshot(id, copy).unwrap();
    let set = SnapshotSetId(Guid(0x5678));
    let commit = Commit { created: 133_485_408_000_000_000, set, context: 0x19, attributes: 0x2_0019 };
    storage.commit_snapshot(copy, commit).unwrap();
}

/// Every copy shows what the other machine's shows, in all blocks that were in use.
fn same(now: &Storage, then: &Storage, id: VolumeId) -> u64 {
    let mut compared = 0;
    for copy in then.snapshots(id).unwrap() {
        let (now, then) = (now.view(copy.id()).unwrap(), then.view(copy.id()).unwrap());
        for block in copy.owned().iter() {
            assert!(now.block(block) == then.block(block), "block {block} of {}", copy.id());
            compared += 1;
        }
    }
    compared
}

#[test]
fn a_volume_that_windows_made_takes_further_copies() {
    let Some(image) = corpus().and_then(|corpus| Image::open(&corpus, "plaso_vsstest")) else {
        return;
    };
    let id = volume(0);
    let mut storage = machine(&[&image]);
    let attached = storage.attach().unwrap();
    assert_eq!((attached.copies.len(), attached.given_up.len()), (2, 0));
    let then = storage.clone();
    assert!(write_over(&mut storage, id, 7) > 0, "the newest copy saves what it still read from the volume");
    take(&mut storage, id, NEW);
    assert_eq!(write_over(&mut storage, id, 8), 50, "each block is saved for the new copy");
    let mut report = WriteReport::default();
    let new = storage.create_file(id, r"new\file.bin", 0).unwrap();
    storage.write_file(id, new, 0, &[9; 3_000_000], &mut report).unwrap();
    assert!(same(&storage, &then, id) > 1_000);
    for copy in storage.snapshots(id).unwrap() {
        assert_eq!(storage.compare(copy.id()).unwrap().unwrap().different, 0);
    }

    // The same from the bytes alone, by the reader of images.
    let on_disk = storage.volume(id).unwrap();
    let findings = verify(on_disk, None);
    assert_eq!(findings.count(Severity::Wrong), 0, "{findings:?}");
    let copies = Copies::open(on_disk, None).unwrap();
    assert_eq!(copies.list().len(), 3);
    let mut bytes = vec![0; BLOCK as usize];
    for (copy, number) in storage.snapshots(id).unwrap().zip(0..) {
        let view = copies.view(number, NeverCopied::Zeros).unwrap();
        let expected = storage.view(copy.id()).unwrap();
        for block in copy.owned().iter() {
            view.read_at(block * BLOCK, &mut bytes).unwrap();
            assert!(expected.block(block).unwrap()[..] == bytes[..], "block {block} of {}", copy.id());
        }
    }
}

#[test]
fn two_volumes_of_which_one_has_the_diff_area_of_the_other_go_on() {
    let open = |name| corpus().and_then(|corpus| Image::open(&corpus, name));
    let (Some(first), Some(second)) = (open("dfir_ntfs_vss_1_vol"), open("dfir_ntfs_vss_2_stor")) else { return };
    let part = |image| {
        let partition = read_partitions(image).unwrap().list[1].clone();
        Part::new(image as &dyn ReadAt, partition.offset, partition.size)
    };
    let (first, second) = (part(&first), part(&second));
    let mut storage = machine(&[&first, &second]);
    assert_eq!(storage.attach().unwrap().copies.len(), 3);
    let (protected, host) = (volume(0), volume(1));
    assert_eq!(storage.area(protected).unwrap().host, host);
    let then = storage.clone();
    for id in [protected, host] {
        assert!(write_over(&mut storage, id, 7) > 0);
    }
    take(&mut storage, protected, NEW);
    assert!(same(&storage, &then, protected) > 100 && same(&storage, &then, host) > 100);
    let copies = [storage.snapshots(protected).unwrap().count(), storage.snapshots(host).unwrap().count()];
    assert_eq!(copies, [3, 1]);
    // Windows puts the entries of the protected volume's copies side by side: one goes, and the next one takes only its slot.
    let oldest = storage.snapshots(protected).unwrap().next().unwrap().id();
    storage.delete_snapshot(oldest).unwrap();
    take(&mut storage, protected, SnapshotId(Guid(0x4321)));
    let (on_disk, area) = (storage.volume(protected).unwrap(), storage.volume(host).unwrap());
    let copies = Copies::open(on_disk, Some(area)).unwrap();
    let found: Vec<SnapshotId> = copies.list().iter().filter_map(|copy| copy.id().map(SnapshotId)).collect();
    let expected: Vec<SnapshotId> = storage.snapshots(protected).unwrap().map(|copy| copy.id()).collect();
    assert_eq!((found.len(), &found), (3, &expected));
    let findings = verify(storage.volume(host).unwrap(), None);
    assert_eq!(findings.count(Severity::Wrong), 0, "{findings:?}");
}

#[test]
fn stores_of_a_volume_that_is_not_here_stay_as_they_are() {
    let Some(image) = corpus().and_then(|corpus| Image::open(&corpus, "dfir_ntfs_vss_2_stor")) else { return };
    let partition = read_partitions(&image).unwrap().list[1].clone();
    let host = Part::new(&image, partition.offset, partition.size);
    let mut storage = machine(&[&host]);
    assert_eq!(storage.attach_foreign().unwrap().copies.len(), 1);
    take(&mut storage, volume(0), NEW);
    write_over(&mut storage, volume(0), 7);
    let (now, then) = (read_volume(storage.volume(volume(0)).unwrap()).unwrap(), read_volume(&host).unwrap());
    assert_eq!((then.stores().count(), now.stores().count()), (3, 4));
    let mut bytes = (vec![0; BLOCK as usize], vec![0; BLOCK as usize]);
    for (slot, entry) in then.stores() {
        assert!(now.stores().any(|(other, same)| (other.offset, same) == (slot.offset, entry)));
        for at in (0..64).map(|block| entry.header + block * BLOCK) {
            host.read_at(at, &mut bytes.0).unwrap();
            storage.volume(volume(0)).unwrap().read_at(at, &mut bytes.1).unwrap();
            // Its own copy saves blocks in its own store; those of the other volume are as they were.
            assert!(bytes.0 == bytes.1 || entry.store == then.copies().next().unwrap().1.store, "{at:#x}");
        }
    }
}
