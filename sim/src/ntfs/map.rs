//! Where an attribute lies: the runs of clusters in its mapping pairs, and reading through them.
//!
//! A mapping pair is one byte (the sizes of what follows: count in the low half, distance in the high one), the count of clusters, and
//! the distance of the first cluster from that of the pair before it, signed. Without a distance the run is a hole. A zero
//! byte ends the list.

use super::{Clusters, Geometry, NtfsError};
use crate::disk_format::{BadStructure, ReadAt};

/// Clusters in a row, as a part of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Its first cluster, counted in the attribute.
    pub(super) vcn: u64,
    /// The same on the volume; none for a hole.
    pub(super) lcn: Option<u64>,
    /// How many clusters.
    pub(super) count: u64,
}

impl Run {
    pub(super) fn end(&self) -> u64 {
        self.vcn + self.count
    }
}

/// Clusters of an attribute never reach beyond this, so that sums of them and their bytes cannot overflow.
const MOST_CLUSTERS: u64 = 1 << 42;

/// Reads the mapping pairs of an attribute part that begins at cluster `vcn`. `at` is their place, for errors.
pub(super) fn decode(pairs: &[u8], at: u64, vcn: u64, clusters: u64) -> Result<Vec<Run>, BadStructure> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut place, mut vcn, mut lcn, mut owned) = (0_usize, vcn, 0_u64, 0_u64);
    let cut = |place: usize| BadStructure::new(at + place as u64, "mapping pairs", "a whole pair", "their end");
    while let Some(&head) = pairs.get(place)
        && head != 0
    {
        let (count_size, distance_size) = (usize::from(head & 15), usize::from(head >> 4));
        if !(1..=8).contains(&count_size) || distance_size > 8 {
            let found = format!("{head:#04x}");
            return Err(BadStructure::new(at + place as u64, "head of a mapping pair", "sizes of 1 to 8 bytes", found));
        }
        let rest = pairs.get(place + 1..).unwrap_or_default();
        let (count, rest) = rest.split_at_checked(count_size).ok_or_else(|| cut(place))?;
        let (distance, _) = rest.split_at_checked(distance_size).ok_or_else(|| cut(place))?;
        let count = signed(count);
        let count =
            u64::try_from(count).ok().filter(|&count| (1..=MOST_CLUSTERS - vcn.min(MOST_CLUSTERS)).contains(&count));
        let Some(count) = count else {
            let expected = "a number of clusters";
            return Err(BadStructure::new(at + place as u64, "count of a mapping pair", expected, "none that can be"));
        };
        let mut run = Run { vcn, lcn: None, count };
        if distance_size > 0 {
            let first = lcn.checked_add_signed(signed(distance));
            let first = first.filter(|&first| first < clusters && count <= clusters - first);
            let Some(first) = first else {
                let (expected, found) =
                    (format!("inside the {clusters} clusters"), format!("{count} clusters outside"));
                return Err(BadStructure::new(at + place as u64, "clusters of a mapping pair", expected, found));
            };
            lcn = first;
            owned += count;
            run.lcn = Some(first);
        }
        if owned > clusters {
            let expected = format!("at most the {clusters} clusters of the volume");
            return Err(BadStructure::new(at + place as u64, "clusters of an attribute", expected, owned));
        }
        vcn += count;
        place += 1 + count_size + distance_size;
        runs.push(run);
    }
    Ok(runs)
}

/// A little-endian number with sign; at most 8 bytes.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut whole = if negative { [0xff; 8] } else { [0; 8] };
    for (to, from) in whole.iter_mut().zip(bytes) {
        *to = *from;
    }
    i64::from_le_bytes(whole)
}

/// The runs of a whole attribute, in order and without gaps, from its first cluster on.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    runs: Vec<Run>,
}

impl Map {
    /// The cluster that comes next.
    pub(super) fn end(&self) -> u64 {
        self.runs.last().map_or(0, Run::end)
    }

    /// Appends a part; false if it does not begin where the others end.
    pub(super) fn append(&mut self, vcn: u64, runs: &[Run]) -> bool {
        if vcn != self.end() {
            return false;
        }
        self.runs.extend_from_slice(runs);
        true
    }

    fn run_at(&self, vcn: u64) -> Option<&Run> {
        let at = self.runs.partition_point(|run| run.end() <= vcn);
        self.runs.get(at)
    }

    /// The first offset from `offset` on whose bytes may be something other than zeros.
    pub(super) fn next_data(&self, device: &dyn ReadAt, geometry: &Geometry, offset: u64) -> Option<u64> {
        let mut offset = offset;
        let first = self.runs.partition_point(|run| run.end() <= offset / geometry.cluster);
        for run in self.runs.get(first..).unwrap_or_default() {
            let (start, end) = (run.vcn * geometry.cluster, run.end() * geometry.cluster);
            offset = offset.max(start);
            if let Some(lcn) = run.lcn {
                let place = lcn * geometry.cluster + (offset - start);
                // None means that zeros follow there; the next run may lie before this one.
                if let Some((data, _)) = device.next_data(place) {
                    let data = offset + data.saturating_sub(place);
                    if data < end {
                        return Some(data);
                    }
                }
            }
            offset = end;
        }
        None
    }

    /// Where the byte at `offset` lies on the volume; none for a hole and beyond the end.
    pub(super) fn place(&self, geometry: &Geometry, offset: u64) -> Option<u64> {
        let run = self.run_at(offset / geometry.cluster)?;
        Some(run.lcn? * geometry.cluster + (offset - run.vcn * geometry.cluster))
    }

    /// Fills `into` with the bytes from `offset` on. Holes are zeros, as is what lies beyond the end.
    pub(super) fn read(
        &self,
        device: &dyn ReadAt,
        geometry: &Geometry,
        offset: u64,
        into: &mut [u8],
    ) -> Result<(), NtfsError> {
        let (mut offset, mut rest) = (offset, into);
        while !rest.is_empty() {
            let Some(run) = self.run_at(offset / geometry.cluster) else {
                rest.fill(0);
                return Ok(());
            };
            let inside = offset - run.vcn * geometry.cluster;
            let left = run.count * geometry.cluster - inside;
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(length);
            match run.lcn {
                Some(lcn) => device.read_at(lcn * geometry.cluster + inside, now)?,
                None => now.fill(0),
            }
            offset += length as u64;
            rest = later;
        }
        Ok(())
    }

    /// The clusters of the runs, neighbours joined; none if there is a hole.
    pub(super) fn clusters(&self) -> Option<Vec<Clusters>> {
        let mut all: Vec<Clusters> = Vec::new();
        for run in &self.runs {
            let first = run.lcn?;
            match all.last_mut() {
                Some(last) if last.end() == first => last.count += run.count,
                _ => all.push(Clusters { first, count: run.count }),
            }
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapping_pairs_count_from_the_pair_before_and_forwards_and_backwards() {
        // 24 clusters at 0x5634, 48 at 0x5634 - 0x100, a hole of 5, one cluster 2 behind.
        let pairs = [0x21, 0x18, 0x34, 0x56, 0x21, 0x30, 0x00, 0xff, 0x01, 0x05, 0x11, 0x01, 0x02, 0x00, 0x99];
        let runs = decode(&pairs, 0, 0, 1 << 20).unwrap();
        let told: Vec<_> = runs.iter().map(|run| (run.vcn, run.lcn, run.count)).collect();
        assert_eq!(told, [(0, Some(0x5634), 24), (24, Some(0x5534), 48), (72, None, 5), (77, Some(0x5536), 1)]);
    }

    #[test]
    fn mapping_pairs_that_cannot_be_are_refused() {
        for (pairs, at) in [
            (&[0x10, 1][..], 0),                                             // no count
            (&[0x91, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0),                      // 9 bytes
            (&[0x11, 1], 0),                                                 // cut
            (&[0x11, 0, 5], 0),                                              // nothing
            (&[0x11, 0xff, 5], 0),                                           // less than nothing
            (&[0x11, 1, 5, 0x11, 1, 0xf0], 3),                               // before the volume
            (&[0x11, 4, 97], 0),                                             // beyond it
            (&[0x11, 60, 0, 0x11, 60, 1], 3),                                // more than the volume
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0], 0), // beyond all bounds
        ] {
            assert_eq!(decode(pairs, 0, 0, 100).unwrap_err().at, at, "{pairs:x?}");
        }
    }
}
