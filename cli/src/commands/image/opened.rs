//! The images of a command, their volumes and the shadow copies of a volume.

use std::path::{Path, PathBuf};

use vssim_model::ids::Guid;
use vssim_sim::disk_format::ReadAt;
use vssim_sim::disk_format::device::Part;
use vssim_sim::image::container::{Container, Format};
use vssim_sim::image::{Copies, ImageError, NeverCopied, Partition, Partitions, Reader, View, read_partitions};

use crate::BadInput;
use crate::arguments::image::{Source, Which};
use crate::image_file::ImageFile;

type Disk = Container<ImageFile>;

/// An image, its container opened and its partitions read.
pub(super) struct OpenedImage {
    pub(super) path: PathBuf,
    disk: Disk,
    pub(super) partitions: Partitions,
}

/// The image that a command is about, and those given with `--diff-area`.
pub(super) struct Opened(Vec<OpenedImage>);

/// A volume of an image.
pub(super) struct Volume<'a> {
    pub(super) image: &'a OpenedImage,
    pub(super) partition: &'a Partition,
    pub(super) part: Part<&'a Disk>,
}

impl OpenedImage {
    fn open(path: &Path) -> Result<OpenedImage, BadInput> {
        let file = ImageFile::open(path)?;
        let disk = Container::open(file).map_err(|error| BadInput(format!("error: {}, {error}", path.display())))?;
        let partitions = read_partitions(&disk).map_err(|error| {
            let (path, format) = (path.display(), disk.format());
            BadInput(format!("error: {path} (read as {format}): {error}"))
        })?;
        Ok(OpenedImage { path: path.to_path_buf(), disk, partitions })
    }

    pub(super) fn format(&self) -> Format {
        self.disk.format()
    }

    pub(super) fn size(&self) -> u64 {
        self.disk.size()
    }

    /// The volumes that can have shadow copies: those with NTFS or with a volume header.
    fn volumes(&self) -> impl Iterator<Item = Volume<'_>> {
        self.partitions.list.iter().filter(|one| one.is_ntfs || one.volume.is_some()).map(|partition| Volume {
            image: self,
            partition,
            part: Part::new(&self.disk, partition.offset, partition.size),
        })
    }
}

impl Opened {
    /// Opens all images that are named.
    pub(super) fn open(source: &Source) -> Result<Opened, BadInput> {
        let mut images = vec![OpenedImage::open(&source.image)?];
        for path in &source.diff_area {
            images.push(OpenedImage::open(path)?);
        }
        Ok(Opened(images))
    }

    /// The image that the command is about.
    pub(super) fn image(&self) -> &OpenedImage {
        &self.0[0]
    }

    /// The volumes of the image, or the one asked for.
    pub(super) fn volumes(&self, number: Option<u32>) -> Result<Vec<Volume<'_>>, BadInput> {
        let image = self.image();
        let Some(number) = number else { return Ok(image.volumes().collect()) };
        let found: Vec<Volume<'_>> = image.volumes().filter(|volume| volume.partition.number == number).collect();
        if found.is_empty() {
            let numbers: Vec<String> = image.volumes().map(|one| one.partition.number.to_string()).collect();
            let there = match &numbers[..] {
                [] => "there is none".to_owned(),
                numbers => format!("expected {}", numbers.join(" or ")),
            };
            let path = image.path.display();
            return Err(BadInput(format!("error: {path} has no NTFS volume number {number}: {there}")));
        }
        Ok(found)
    }

    /// The one volume with shadow copies, or the one asked for.
    pub(super) fn volume(&self, number: Option<u32>) -> Result<Volume<'_>, BadInput> {
        let mut found = self.volumes(number)?;
        if number.is_none() {
            found.retain(Volume::is_of_interest);
        }
        let path = self.image().path.display();
        match (found.pop(), found.len()) {
            (Some(only), 0) => Ok(only),
            (None, _) => Err(BadInput(format!(
                "error: no volume of {path} has shadow copies: none has a volume header at 0x1e00\n  `vssim image info` lists its volumes"
            ))),
            (Some(last), _) => {
                let mut numbers: Vec<String> = found.iter().map(|one| one.partition.number.to_string()).collect();
                numbers.push(last.partition.number.to_string());
                let numbers = numbers.join(", ");
                Err(BadInput(format!(
                    "error: several volumes of {path} have a volume header: choose one with --volume ({numbers})"
                )))
            }
        }
    }

    /// The volume of this id, in any of the images.
    pub(super) fn by_id(&self, id: Guid) -> Option<Volume<'_>> {
        self.0.iter().flat_map(OpenedImage::volumes).find(|volume| volume.partition.volume == Some(id))
    }

    /// The volume with the diff area of `volume`, where that is another one and was given.
    pub(super) fn area(&self, volume: &Volume<'_>) -> Result<Option<Volume<'_>>, BadInput> {
        let missing = volume.copies(None)?.missing();
        Ok(missing.and_then(|id| self.by_id(id)))
    }
}

impl Volume<'_> {
    /// Whether it has shadow copies, or something at their place that cannot be read.
    pub(super) fn is_of_interest(&self) -> bool {
        self.partition.volume.is_some() || Reader::new(&self.part).volume().is_err()
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        let path = self.image.path.display();
        match self.partition.offset {
            0 => path.to_string(),
            offset => format!("{path}, volume {} (at {offset:#x})", self.partition.number),
        }
    }

    /// An error of reading it.
    pub(super) fn told(&self, error: &ImageError) -> BadInput {
        BadInput(format!("error: {}: {error}", self.name()))
    }

    /// Its shadow copies.
    pub(super) fn copies<'b>(&'b self, area: Option<&'b Volume<'b>>) -> Result<Copies<'b>, BadInput> {
        Copies::open(&self.part, area.map(|area| &area.part as &dyn ReadAt)).map_err(|error| self.told(&error))
    }

    /// What a copy or the live volume shows.
    pub(super) fn shown<'b>(
        &'b self,
        copies: &Copies<'b>,
        which: Which,
        rule: NeverCopied,
    ) -> Result<Shown<'b>, BadInput> {
        let Which::Copy(number) = which else { return Ok(Shown::Live(&self.part)) };
        let count = copies.list().len();
        if number > count {
            let there = match count {
                0 => "it has none".to_owned(),
                1 => "it has one".to_owned(),
                count => format!("it has {count}, the oldest is number 1"),
            };
            return Err(BadInput(format!("error: {} has no shadow copy number {number}: {there}", self.name())));
        }
        if let Some(id) = copies.missing() {
            return Err(BadInput(format!(
                "error: {}: the diff area of its shadow copies lies on volume {id}, which is in none of the images\n  \
                 name the image with that volume: --diff-area IMAGE",
                self.name()
            )));
        }
        copies.view(number - 1, rule).map(|view| Shown::Copy(Box::new(view))).map_err(|error| self.told(&error))
    }
}

/// What is read: a live volume or one of its copies.
pub(super) enum Shown<'a> {
    /// The volume as it is.
    Live(&'a dyn ReadAt),
    /// As it was.
    Copy(Box<View<'a>>),
}

impl Shown<'_> {
    /// To read from.
    pub(super) fn device(&self) -> &dyn ReadAt {
        match self {
            Shown::Live(device) => *device,
            Shown::Copy(view) => &**view,
        }
    }

    /// Whether the bytes at `offset` are those of the live volume at the same place, and up to where that stays so.
    pub(super) fn is_live(&self, offset: u64) -> (bool, u64) {
        match self {
            Shown::Live(device) => (true, device.size()),
            Shown::Copy(view) => view.is_live(offset),
        }
    }
}
