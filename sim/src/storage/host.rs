//! The volumes as a diff area sees them: something that copies one block in, and gives and takes blocks of the host volume.

use super::diff_area::AreaHost;
use super::volume::{Area, Volume};

/// Where a block lies: the volume, and the block on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) volume: usize,
    pub(super) block: u64,
}

/// The host of one volume's diff area, for the length of one verb.
pub(super) struct Host<'a> {
    volumes: &'a mut [Volume],
    source: Option<Place>,
    pub(super) area: Area,
}

impl<'a> Host<'a> {
    /// For the diff area of the volume at `original`; `source` is what [`AreaHost::copy_in`] copies.
    pub(super) fn new(volumes: &'a mut [Volume], original: usize, source: Option<Place>) -> Host<'a> {
        let area = volumes[original].area;
        Host { volumes, source, area }
    }
}

impl AreaHost for Host<'_> {
    fn copy_in(&mut self, place: u64) {
        let Some(source) = self.source else { return };
        let host = self.area.host;
        let copied = if source.volume == host {
            self.volumes[host].store.copy_block(source.block, place)
        } else if let Ok([host, from]) = self.volumes.get_disjoint_mut([host, source.volume]) {
            host.store.copy_block_from(&from.store, source.block, place)
        } else {
            return;
        };
        debug_assert!(copied.is_ok(), "places come from the host's own table: {copied:?}");
    }

    fn reserve(&mut self, want: u64, into: &mut Vec<u64>) -> u64 {
        let host = &mut self.volumes[self.area.host];
        let want = want.min(self.area.maximum.saturating_sub(self.area.allocated));
        // A block that a copy of the host itself still needs unsaved must not be written over, and VSS saves nothing for its own writes.
        let got = host.files.reserve_blocks(want, Some(&host.pending), into);
        self.area.allocated += got;
        got
    }

    fn release(&mut self, place: u64) {
        self.volumes[self.area.host].files.release_block(place);
        self.area.allocated = self.area.allocated.saturating_sub(1);
    }
}
