//! The naive full copy taken at the commit instant, and the comparison of a shadow copy with it.
//!
//! The reference is a clone of the volume's blocks, to which only the later writes into the copy itself are applied. Compared is
//! every block that a file owned at the commit. Left out are VSS's own blocks and blocks free at the commit; which of the two
//! a block was is read from what the copy recorded at its commit, so every block of the volume is counted in exactly one place.

use vssim_model::ids::SnapshotId;

use super::snapshot::SnapshotView;
use super::{Storage, StorageError};

/// What the comparison says of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockVerdict {
    /// A file owned it at the commit, and the copy shows the reference's bytes.
    Equal,
    /// A file owned it at the commit, and the copy shows other bytes.
    Different,
    /// VSS had it for itself at the commit.
    ExcludedVss,
    /// Nobody had it at the commit.
    ExcludedFree,
}

/// A shadow copy held against its reference. `compared + excluded_vss + excluded_free` is the number of blocks of the volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Blocks compared.
    pub compared: u64,
    /// Blocks left out because VSS's own data lay there at the commit.
    pub excluded_vss: u64,
    /// Blocks left out because nobody owned them at the commit.
    pub excluded_free: u64,
    /// Blocks compared that differ.
    pub different: u64,
    /// The first of them.
    pub first_different: Option<u64>,
}

impl Storage {
    /// Compares the whole copy with its reference; `None` when no reference was kept.
    ///
    /// # Errors
    /// When there is no such copy.
    pub fn compare(&self, id: SnapshotId) -> Result<Option<Comparison>, StorageError> {
        let view = self.view(id)?;
        let snapshot = view.snapshot();
        if snapshot.reference.is_none() {
            return Ok(None);
        }
        let blocks = snapshot.owned.len();
        let mut found =
            Comparison { compared: snapshot.owned.ones(), excluded_vss: snapshot.vss.ones(), ..Comparison::default() };
        found.excluded_free = blocks - found.compared - found.excluded_vss;
        for block in snapshot.owned.iter() {
            if verdict(view, block) == Some(BlockVerdict::Different) {
                found.different += 1;
                found.first_different.get_or_insert(block);
            }
        }
        Ok(Some(found))
    }

    /// Compares one block, so that after an event only the [touched](Storage::take_touched) ones need be looked at. `None` when no
    /// reference was kept or the block is beyond the end.
    ///
    /// # Errors
    /// When there is no such copy.
    pub fn compare_block(&self, id: SnapshotId, block: u64) -> Result<Option<BlockVerdict>, StorageError> {
        Ok(verdict(self.view(id)?, block))
    }
}

fn verdict(view: SnapshotView<'_>, block: u64) -> Option<BlockVerdict> {
    let snapshot = view.snapshot();
    let (reference, shown) = (snapshot.reference.as_ref()?.block(block)?, view.block(block)?);
    Some(match (snapshot.owned.get(block), snapshot.vss.get(block)) {
        (true, _) if std::ptr::eq(shown, reference) || shown == reference => BlockVerdict::Equal,
        (true, _) => BlockVerdict::Different,
        (false, true) => BlockVerdict::ExcludedVss,
        (false, false) => BlockVerdict::ExcludedFree,
    })
}
