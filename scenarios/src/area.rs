//! How large a diff area is at least: Windows' own rule, and what becomes of it on volumes that are too small for it.

use vssim_sim::storage::StoreArea;

use crate::layout::{BLOCK, Placed};
use crate::syntax::Document;

/// Windows' rule holds from this size of a volume on (docs/choices.md, "The least size of a diff area").
const ORDINARY: u64 = 64 << 20;

/// The least size of a diff area, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Least {
    /// What Windows gives.
    Windows(u64),
    /// What one shadow copy needs before it saves a block, and one block: the volume is too small for Windows' rule.
    Structures(u64),
}

/// The least size for the diff area of a volume on a host, by their places in the scenario.
pub(crate) fn least(document: &Document, layout: &[Vec<Placed>], volume: usize, host: usize) -> Least {
    let size = |at: usize| -> u64 { layout.get(at).into_iter().flatten().map(|part| part.length).sum() };
    let release = document.release.0;
    let set = document.machine.registry.min_diff_area_file_size.as_ref();
    let set = set.and_then(|megabytes| release.least_diff_area_set(megabytes.0).ok());
    if set.is_none() && size(volume).min(size(host)) < ORDINARY {
        return Least::Structures((StoreArea::overhead(size(volume) / BLOCK) + 1) * BLOCK);
    }
    Least::Windows(set.unwrap_or_else(|| release.least_diff_area(size(volume))))
}
