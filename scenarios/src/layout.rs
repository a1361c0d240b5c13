//! Where volumes lie on disks: the extents that were written, or the next free bytes of a disk.

use crate::error::{ErrorKind, Problem};
use crate::syntax::machine::{Disk, Machine, Volume};
use crate::yaml::{MAX_PROBLEMS, Pos};

/// A part of a disk that belongs to a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The disk, by its place in the list of disks.
    pub disk: usize,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

impl Placed {
    fn end(self) -> u64 {
        // Both are at most 16 TiB.
        self.offset.saturating_add(self.length)
    }
}

/// Extents begin and end at multiples of this: the block of the shadow copy.
pub const BLOCK: u64 = 16 * 1024;

/// Whether the size of a volume is that of its image, which only staging knows.
#[must_use]
pub fn is_open(volume: &Volume) -> bool {
    volume.image.is_some() && volume.size.is_none() && volume.extents.is_empty()
}

/// Lays out every volume, in order; `of_image` gives the sizes of open ones. A volume with a mistake gets no extents, and neither
/// does one whose size is not known.
#[must_use]
pub fn lay_out(
    machine: &Machine,
    of_image: &dyn Fn(usize) -> Option<u64>,
    problems: &mut Vec<Problem>,
) -> Vec<Vec<Placed>> {
    let mut layout = Layout { disks: &machine.disks, taken: Vec::new(), problems };
    let volumes = machine.volumes.iter().enumerate();
    volumes.map(|(at, volume)| layout.volume(volume, is_open(volume).then(|| of_image(at)))).collect()
}

struct Layout<'a> {
    disks: &'a [Disk],
    taken: Vec<(Placed, &'a str)>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Layout<'a> {
    fn problem(&mut self, problem: Problem, pos: Pos) {
        self.problems.push(problem.at(pos));
    }

    /// `of_image` is there for a volume that takes its size from its image, and the size where it is known.
    fn volume(&mut self, volume: &'a Volume, of_image: Option<Option<u64>>) -> Vec<Placed> {
        if let (Some(size), Some(image)) = (of_image, &volume.image) {
            let whole = size.and_then(|size| size.checked_next_multiple_of(BLOCK));
            return whole.map(|size| self.next_free(volume, size, image.file.pos)).unwrap_or_default();
        }
        match (&volume.size, volume.extents.is_empty()) {
            (Some(size), false) => {
                let what = format!("volume `{}` has both `size` and `extents`", volume.name.0);
                self.problem(Problem::new(ErrorKind::Contradiction, what).expected("one of them"), size.pos);
                Vec::new()
            }
            (None, true) => {
                let what = format!("volume `{}` has no size", volume.name.0);
                let problem = Problem::new(ErrorKind::MissingKey, what).expected("`size`, `extents` or `image`");
                self.problem(problem, volume.name.pos);
                Vec::new()
            }
            (Some(size), true) => self.next_free(volume, size.0, size.pos),
            (None, false) => {
                if let Some(disk) = &volume.disk {
                    let what = format!("volume `{}` has both `disk` and `extents`", volume.name.0);
                    self.problem(Problem::new(ErrorKind::Contradiction, what).expected("one of them"), disk.pos);
                }
                self.extents(volume)
            }
        }
    }

    fn next_free(&mut self, volume: &'a Volume, size: u64, pos: Pos) -> Vec<Placed> {
        let disk = match &volume.disk {
            Some(name) => self.disk(&name.0, name.pos),
            None if self.disks.len() == 1 => Some(0),
            None => {
                let what = format!("volume `{}` must name its disk, for there are {}", volume.name.0, self.disks.len());
                let problem = Problem::new(ErrorKind::MissingKey, what).expected("the key `disk`");
                self.problem(problem, volume.name.pos);
                None
            }
        };
        let Some(disk) = disk else { return Vec::new() };
        let offset = self.taken.iter().filter(|(placed, _)| placed.disk == disk).map(|(placed, _)| placed.end()).max();
        let placed = Placed { disk, offset: offset.unwrap_or(0), length: size };
        if !self.fits(placed, pos, pos) {
            return Vec::new();
        }
        self.taken.push((placed, volume.name.as_str()));
        vec![placed]
    }

    fn extents(&mut self, volume: &'a Volume) -> Vec<Placed> {
        let mut all = Vec::new();
        for extent in &volume.extents {
            let Some(disk) = self.disk(&extent.disk.0, extent.disk.pos) else { continue };
            let placed = Placed { disk, offset: extent.offset.0, length: extent.length.0 };
            if !self.fits(placed, extent.offset.pos, extent.length.pos) {
                continue;
            }
            let other = self
                .taken
                .iter()
                .find(|(taken, _)| taken.disk == disk && placed.offset < taken.end() && taken.offset < placed.end());
            if let Some((taken, owner)) = other {
                let what = format!("the extent overlaps one of volume `{owner}`, which ends at {} B", taken.end());
                self.problem(Problem::new(ErrorKind::Overlap, what), extent.offset.pos);
                continue;
            }
            self.taken.push((placed, volume.name.as_str()));
            all.push(placed);
        }
        all
    }

    fn disk(&mut self, name: &str, pos: Pos) -> Option<usize> {
        let found = self.disks.iter().position(|disk| disk.name.0 == name);
        if found.is_none() && self.problems.len() < MAX_PROBLEMS {
            let names = || self.disks.iter().map(|disk| disk.name.as_str());
            let problem = crate::resolve::unknown("disk", name, names());
            self.problem(problem, pos);
        }
        found
    }

    fn fits(&mut self, placed: Placed, offset_pos: Pos, length_pos: Pos) -> bool {
        let Some(disk) = self.disks.get(placed.disk) else { return false };
        if placed.length == 0 || !placed.length.is_multiple_of(BLOCK) {
            let problem = Problem::new(ErrorKind::ImpossibleSize, format!("{} B cannot be laid out", placed.length))
                .expected("a multiple of 16 KiB, at least one");
            self.problem(problem, length_pos);
            return false;
        }
        if !placed.offset.is_multiple_of(BLOCK) {
            let problem = Problem::new(ErrorKind::ImpossibleSize, format!("nothing can begin at {} B", placed.offset))
                .expected("a multiple of 16 KiB");
            self.problem(problem, offset_pos);
            return false;
        }
        if placed.end() > disk.size.0 {
            let what = format!(
                "this reaches to {} B, beyond the end of disk `{}` at {} B",
                placed.end(),
                disk.name.0,
                disk.size.0
            );
            let room = disk.size.0.saturating_sub(placed.offset);
            let problem = Problem::new(ErrorKind::ImpossibleSize, what).expected(format!("at most {} KiB", room >> 10));
            self.problem(problem, length_pos);
            return false;
        }
        true
    }
}
