//! What was found after a power cut, held against the promises.

use std::fmt;
use std::sync::Arc;

use vssim_model::ids::{SnapshotId, VolumeId};

use crate::disk_format::ReadAt;
use crate::image::{Copies, NeverCopied};

use super::super::attach::{Attached, Interrupted};
use super::super::block_store::{BLOCK_BYTES, BLOCK_SIZE, Block, STRUCTURE_HASH};
use super::super::host::Place;
use super::super::snapshot::SnapshotView;
use super::super::{Snapshot, Storage, StorageError};
use super::promises::{Promise, Promises, Rule};

/// What is wrong after a power cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The structures cannot be read.
    Unreadable(StorageError),
    /// A shadow copy that had to be there is gone.
    Missing(SnapshotId),
    /// A shadow copy is there that was never begun, or is there twice.
    Unknown(SnapshotId),
    /// A shadow copy says something else of itself.
    Facts(SnapshotId),
    /// A block of a shadow copy shows other bytes.
    Block {
        /// The copy.
        snapshot: SnapshotId,
        /// The volume that it is a copy of.
        volume: VolumeId,
        /// The block.
        block: u64,
    },
    /// The reader of images sees something else than the machine.
    Reader {
        /// The volume.
        volume: VolumeId,
        /// What it says.
        why: String,
    },
    /// The machine did not go on after the cut.
    Stopped(StorageError),
    /// What the recovery left behind is not in order: the next start of the machine finds something to end.
    Unfinished(SnapshotId),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unreadable(why) => write!(f, "the structures cannot be read: {why}"),
            Fault::Missing(id) => write!(f, "shadow copy {id} is gone and had to stay"),
            Fault::Unknown(id) => write!(f, "shadow copy {id} is there and was never committed"),
            Fault::Facts(id) => write!(f, "shadow copy {id} has another time, set, context or other attributes"),
            Fault::Block { snapshot, volume, block } => {
                write!(f, "block {block} of volume {volume} is wrong in shadow copy {snapshot}")
            }
            Fault::Reader { volume, why } => write!(f, "volume {volume}, as an image: {why}"),
            Fault::Stopped(why) => write!(f, "the machine does not go on: {why}"),
            Fault::Unfinished(id) => write!(f, "the next start gives shadow copy {id} up"),
        }
    }
}

/// What became of the shadow copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) intact: u64,
    /// By [`Rule::ALL`].
    pub(super) gone: [u64; Rule::ALL.len()],
}

/// Judges a machine after its recovery. `places` gets every block that was compared.
pub(super) fn judge(
    storage: &Storage,
    attached: &Attached,
    promises: &Promises,
    places: &mut Vec<Place>,
) -> Result<Tally, Fault> {
    let mut tally = Tally::default();
    for (at, volume) in storage.volumes.iter().enumerate() {
        for (index, copy) in volume.snapshots.iter().enumerate() {
            let view = SnapshotView { volumes: &storage.volumes, volume: at, at: index };
            let promise = promises.get(copy.id).ok_or(Fault::Unknown(copy.id))?;
            if storage.snapshot_at(copy.id) != Ok((at, index)) {
                return Err(Fault::Unknown(copy.id));
            }
            intact(view, promise, places)?;
            tally.intact += 1;
        }
    }
    for (id, promise) in promises.iter().filter(|(id, _)| storage.snapshot_at(*id).is_err()) {
        let dependent = attached.given_up.contains(&(id, Interrupted::Dependent)).then_some(Rule::Dependent);
        let rule = promise.may_be_gone.or(dependent).ok_or(Fault::Missing(id))?;
        if let Some(at) = Rule::ALL.iter().position(|known| *known == rule) {
            tally.gone[at] += 1;
        }
    }
    Ok(tally)
}

/// Whether the copy shows one of the versions that it may show, whole.
pub(super) fn intact(view: SnapshotView<'_>, promise: &Promise, places: &mut Vec<Place>) -> Result<(), Fault> {
    let mut found = Err(Fault::Unknown(view.snapshot().id));
    for version in &promise.versions {
        found = same(view, version, places);
        if found.is_ok() {
            break;
        }
    }
    found
}

fn same(view: SnapshotView<'_>, version: &Arc<Snapshot>, places: &mut Vec<Place>) -> Result<(), Fault> {
    let found = view.snapshot();
    if found.commit != version.commit || found.information.service_machine != version.information.service_machine {
        return Err(Fault::Facts(found.id));
    }
    let Some(reference) = &version.reference else { return Ok(()) };
    for block in version.owned.iter() {
        let place = view.place(block);
        places.push(place);
        if found.area.lookup_overlay(block).is_some() {
            places.push(view.place_below(block));
        }
        let hash = view.volumes[place.volume].store.block_hash(place.block);
        let known = hash != STRUCTURE_HASH && !found.composed.contains_key(&block);
        let same = known && hash == reference.block_hash(block);
        if !same && !equal(view.block(block), reference.block(block)) {
            return Err(Fault::Block { snapshot: found.id, volume: view.volume().id(), block });
        }
    }
    Ok(())
}

/// Most blocks that are compared are one and the same in memory.
fn equal(shown: Option<&Block>, wanted: Option<&Block>) -> bool {
    match (shown, wanted) {
        (Some(shown), Some(wanted)) => std::ptr::eq(shown, wanted) || shown == wanted,
        _ => false,
    }
}

/// Reads every copy of the machine with the reader of images, and holds what it shows against the references.
pub(super) fn read_as_images(storage: &Storage, promises: &Promises) -> Result<(), Fault> {
    for volume in &storage.volumes {
        let host = &storage.volumes[volume.area.host];
        let wrong = |why: String| Fault::Reader { volume: volume.id(), why };
        let copies = Copies::open(volume, Some(host)).map_err(|why| wrong(why.to_string()))?;
        if copies.list().len() != volume.snapshots.len() {
            let (read, there) = (copies.list().len(), volume.snapshots.len());
            return Err(wrong(format!("{read} shadow copies instead of {there}")));
        }
        for (index, copy) in volume.snapshots.iter().enumerate() {
            if copies.list()[index].id() != Some(copy.id.0) {
                return Err(wrong(format!("copy number {index} is not {}", copy.id)));
            }
            let Some(promise) = promises.get(copy.id) else { continue };
            let view = copies.view(index, NeverCopied::Live).map_err(|why| wrong(why.to_string()))?;
            let differs = |version: &Arc<Snapshot>| {
                let reference = version.reference.as_ref()?;
                let mut bytes = vec![0; BLOCK_SIZE];
                version.owned.iter().find(|&block| {
                    let offset = block * BLOCK_BYTES;
                    let length = (view.size() - offset.min(view.size())).min(BLOCK_BYTES) as usize;
                    view.read_at(offset, &mut bytes[..length]).is_err()
                        || reference.block(block).is_none_or(|wanted| wanted[..length] != bytes[..length])
                })
            };
            let all: Option<Vec<u64>> = promise.versions.iter().map(differs).collect();
            if let Some(&block) = all.as_ref().and_then(|all| all.first()) {
                return Err(wrong(format!("block {block} of shadow copy {} shows other bytes", copy.id)));
            }
        }
    }
    Ok(())
}
