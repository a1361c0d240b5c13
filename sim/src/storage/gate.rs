//! The write gate of flush and hold: while a volume's writes are held, application writes wait in order.
//!
//! ```text
//!            hold                         release
//!   Open ───────────► Held { waiting } ───────────► Open, and the waiting writes go to the caller, first come first
//! ```
//!
//! Between the two nothing of an application lands on the volume (SNP-010, SNP-011, PRV-HW-022). A gate can be planted broken: it then
//! lets writes through while it is held and says so, which is how a torn shadow copy is made. Writes of VSS itself never pass a gate.

use std::collections::VecDeque;
use std::sync::Arc;

use super::file_table::FileId;

/// A write of an application to a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileWrite {
    /// Tells the owner which write it was; the storage does not look at it.
    pub tag: u64,
    /// The file.
    pub file: FileId,
    /// Where in the file.
    pub offset: u64,
    /// What is written.
    pub bytes: Arc<[u8]>,
}

/// What the gate does with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Passage {
    /// The gate is open: the write goes on.
    Open,
    /// The gate is held: the write has to wait.
    Wait,
    /// The gate is held but broken: the write goes on although it must not.
    Leak,
}

/// The write gate of one volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gate {
    held: bool,
    broken: bool,
    waiting: VecDeque<FileWrite>,
}

impl Gate {
    /// Whether writes are held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Whether the gate was planted broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Plants or removes the fault: a broken gate holds nothing back.
    pub fn set_broken(&mut self, broken: bool) {
        self.broken = broken;
    }

    /// What happens to a write that comes now.
    #[must_use]
    pub fn passage(&self) -> Passage {
        match (self.held, self.broken) {
            (false, _) => Passage::Open,
            (true, false) => Passage::Wait,
            (true, true) => Passage::Leak,
        }
    }

    /// Holds the writes from now on. Gives false when they are held already.
    pub fn hold(&mut self) -> bool {
        !std::mem::replace(&mut self.held, true)
    }

    /// Lets a write wait.
    pub fn wait(&mut self, write: FileWrite) {
        self.waiting.push_back(write);
    }

    /// The writes that wait, first come first.
    pub fn waiting(&self) -> impl Iterator<Item = &FileWrite> + '_ {
        self.waiting.iter()
    }

    /// Opens the gate and gives the writes that waited, first come first; `None` when nothing was held.
    pub fn release(&mut self) -> Option<VecDeque<FileWrite>> {
        std::mem::replace(&mut self.held, false).then(|| std::mem::take(&mut self.waiting))
    }
}
