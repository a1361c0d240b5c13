//! A volume gets the content of one of its shadow copies back.
//!
//! ```text
//!  newer copies go ──► every block of which a file owned a part at the commit is written back ──► the files are those of the copy
//! ```
//!
//! The copy stays, and so do the older ones: what is written back has been saved already, or is what the volume holds.
//! docs/choices.md, S-17.

use vssim_model::ids::SnapshotId;

use super::block_store::{BLOCK_BYTES, BLOCK_SIZE};
use super::io::WriteReport;
use super::words::Bitmap;
use super::{Snapshot, Storage, StorageError, Volume};

impl Storage {
    /// Puts the content of a shadow copy back onto its volume, and gives the copies that are lost by that: all newer ones. Where
    /// VSS's own blocks have taken a place that a file of the copy had, no copy of the volume stays. Adds to `report` what the
    /// writes caused.
    ///
    /// # Errors
    /// When there is no such copy, writes to the volume are held or fail, or blocks of other volumes' diff areas are in the way.
    /// Nothing is changed then.
    pub fn revert(&mut self, id: SnapshotId, report: &mut WriteReport) -> Result<Vec<SnapshotId>, StorageError> {
        let (at, _) = self.snapshot_at(id)?;
        self.unheld(self.volumes[at].id())?;
        if self.area_broken(at).is_some() {
            return Err(StorageError::AreaFull(super::AreaFault::IoFailure));
        }
        let mut trial = self.clone();
        let lost = trial.try_revert(at, id, report)?;
        *self = trial;
        Ok(lost)
    }

    fn try_revert(
        &mut self,
        at: usize,
        id: SnapshotId,
        report: &mut WriteReport,
    ) -> Result<Vec<SnapshotId>, StorageError> {
        let mut lost = Vec::new();
        let (_, copy) = self.snapshot_at(id)?;
        while self.volumes[at].snapshots.len() > copy + 1 {
            let newest = self.volumes[at].snapshots.len() - 1;
            lost.push(self.volumes[at].snapshots[newest].id());
            self.remove_snapshot(at, newest, &mut lost);
        }
        let (snapshot, owned, changed) = self.content_of(id)?;
        if in_the_way(&self.volumes[at], &owned) {
            while let Some(newest) = self.volumes[at].snapshots.len().checked_sub(1) {
                lost.push(self.volumes[at].snapshots[newest].id());
                self.remove_snapshot(at, newest, &mut lost);
            }
            if in_the_way(&self.volumes[at], &owned) {
                return Err(StorageError::NoSpace);
            }
        }
        // No write on the way may take a place that is yet to be filled for what it has to save.
        owned.iter().for_each(|block| self.volumes[at].files.keep_block(block));
        for (block, bytes) in &changed {
            self.land(at, block * BLOCK_BYTES, bytes, report)?;
        }
        let volume = &mut self.volumes[at];
        if snapshot.files_known {
            let mut files = snapshot.files.clone();
            let before: Vec<u64> = files.vss_blocks().iter().collect();
            before.into_iter().for_each(|block| files.release_block(block));
            volume.files.vss_blocks().iter().for_each(|block| files.claim_block(block));
            volume.files = files;
        }
        // Where the files of the copy are not known, the table stays as it is, and what the copy has in use stays in use.
        Ok(lost)
    }

    /// The copy, the blocks that its files own, and the content of those where the volume holds something else now.
    fn content_of(&self, id: SnapshotId) -> Result<Content, StorageError> {
        let view = self.view(id)?;
        // Writers may have given a file of the copy further blocks.
        let mut owned = view.snapshot().owned.clone();
        owned.add(&view.files().owned_blocks());
        let (mut then, mut now) = (vec![0; BLOCK_SIZE], vec![0; BLOCK_SIZE]);
        let mut changed = Vec::new();
        for block in owned.iter() {
            view.read(block * BLOCK_BYTES, &mut then)?;
            view.volume().store().read(block * BLOCK_BYTES, &mut now)?;
            // The first block holds the header of VSS; it is never saved, so that a copy shows the live one.
            if then != now && block > 0 {
                changed.push((block, then.clone()));
            }
        }
        Ok((view.snapshot().clone(), owned, changed))
    }
}

/// A copy, its blocks, and the bytes of those that changed.
type Content = (Snapshot, Bitmap, Vec<(u64, Vec<u8>)>);

/// Whether a block that a file owned at the commit is VSS's own now.
fn in_the_way(volume: &Volume, owned: &Bitmap) -> bool {
    owned.iter().any(|block| volume.files().vss_blocks().get(block))
}
