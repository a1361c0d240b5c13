//! Volumes that begin as an image: their sizes, and the layout that follows from them.

use vssim_sim::plan::ImageSource;

use super::Stager;
use crate::error::{ErrorKind, Problem, shortened};
use crate::layout::{BLOCK, is_open, lay_out};
use crate::syntax::machine::{Image, Volume};

/// What the plan keeps of an image.
pub(super) fn source(image: &Image) -> ImageSource {
    ImageSource { file: image.file.0.clone(), partition: image.partition.as_ref().map(|partition| partition.0) }
}

impl Stager<'_> {
    /// Looks at the size of every image, and lays the volumes out where one is as large as its image.
    pub(super) fn images(&mut self) {
        let machine = &self.scenario.document.machine;
        let sizes: Vec<Option<u64>> = machine.volumes.iter().map(|volume| self.image_size(volume)).collect();
        if machine.volumes.iter().any(is_open) {
            let size = |at: usize| sizes.get(at).copied().flatten();
            self.layout = lay_out(machine, &size, &mut self.problems);
        }
        for (at, (volume, size)) in machine.volumes.iter().zip(sizes).enumerate() {
            if let (Some(image), Some(size)) = (&volume.image, size) {
                self.fits(at, volume, image, size);
            }
        }
    }

    fn image_size(&mut self, volume: &Volume) -> Option<u64> {
        let image = volume.image.as_ref()?;
        match self.files.image_size(&source(image)) {
            Ok(size) => Some(size),
            Err(why) => {
                let what = format!("the image `{}` cannot be read: {why}", shortened(&image.file.0));
                let problem = Problem::new(ErrorKind::UnreadableFile, what)
                    .expected("an image of a volume or a disk, by its path from the scenario");
                self.problem(problem, image.file.pos);
                None
            }
        }
    }

    fn fits(&mut self, at: usize, volume: &Volume, image: &Image, size: u64) {
        let placed: u64 = self.layout.get(at).into_iter().flatten().map(|part| part.length).sum();
        let whole = size.checked_next_multiple_of(BLOCK);
        // Without extents the volume has a mistake of its own.
        if placed > 0 && whole != Some(placed) {
            let what =
                format!("the image has {size} B and volume `{}` has {placed} B", shortened(volume.name.as_str()));
            let problem = Problem::new(ErrorKind::ImpossibleSize, what)
                .expected("the size of the image, rounded up to 16 KiB, or no size: it is then taken from the image");
            self.problem(problem, volume.size.as_ref().map_or(image.file.pos, |size| size.pos));
        }
    }
}
