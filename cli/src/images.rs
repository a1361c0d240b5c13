//! Images of volumes: read for a scenario that begins with them, written from the volumes that a run leaves.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use vssim_sim::disk_format::ReadAt;
use vssim_sim::disk_format::device::Part;
use vssim_sim::image::container::Container;
use vssim_sim::image::read_partitions;
use vssim_sim::plan::ImageSource;

use crate::BadInput;
use crate::image_file::ImageFile;
use crate::progress::Interrupt;

/// How much is copied at a time, and the size of a hole that is looked for in what is copied.
const PIECE: usize = 1 << 20;
const HOLE: usize = 4096;

/// The volume in an image file: raw, qcow2, VHD or VHDX, of a volume or of a disk.
pub(crate) fn open(path: &Path, source: &ImageSource) -> Result<Box<dyn ReadAt>, String> {
    let file = ImageFile::open(path).map_err(|BadInput(why)| why.trim_start_matches("error: ").to_owned())?;
    let disk = Container::open(file).map_err(|error| error.to_string())?;
    let found = read_partitions(&disk).map_err(|error| error.to_string())?.list;
    let all = found.iter().map(|one| one.number.to_string()).collect::<Vec<_>>().join(", ");
    let mut volumes = found.iter().filter(|one| match source.partition {
        Some(number) => one.number == number,
        None => one.is_ntfs || one.volume.is_some(),
    });
    match (volumes.next(), volumes.next(), source.partition) {
        (Some(one), None, _) => Ok(Box::new(Part::new(disk, one.offset, one.size))),
        (Some(one), Some(other), _) => {
            let (one, other) = (one.number, other.number);
            Err(format!("partitions {one} and {other} are volumes of NTFS; `partition` has to name one"))
        }
        (None, _, Some(number)) => Err(format!("there is no partition {number} among {all}")),
        (None, _, None) => Err("no partition is a volume of NTFS".to_owned()),
    }
}

/// Where the images of volumes go: a single one to the path itself, several to paths with the volume's name before the extension.
pub(crate) fn paths<'a>(out: &Path, volumes: impl ExactSizeIterator<Item = &'a str>) -> Vec<PathBuf> {
    if volumes.len() == 1 {
        return vec![out.to_path_buf()];
    }
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    let extension = out.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    let mut taken = BTreeSet::new();
    volumes
        .map(|volume| {
            let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
            let bare: String = volume.trim_end_matches(['\\', ':']).chars().map(safe).collect();
            // Names that differ in what is no part of a file name, or in case only, get a number.
            let mut name = bare.clone();
            let mut number = 2;
            while !taken.insert(name.to_lowercase()) {
                name = format!("{bare}-{number}");
                number += 1;
            }
            out.with_file_name(format!("{stem}.{name}{extension}"))
        })
        .collect()
}

/// Refuses to write over an image that the run begins with.
pub(crate) fn check_sources(paths: &[PathBuf], sources: &[PathBuf]) -> Result<(), BadInput> {
    let real: BTreeSet<PathBuf> = sources.iter().filter_map(|source| source.canonicalize().ok()).collect();
    match paths.iter().find(|path| path.canonicalize().is_ok_and(|path| real.contains(&path))) {
        Some(path) => Err(BadInput(format!("error: the scenario begins with {}\n  name another file", path.display()))),
        None => Ok(()),
    }
}

/// Refuses to write over files.
pub(crate) fn check_free(paths: &[PathBuf], force: bool) -> Result<(), BadInput> {
    match paths.iter().find(|path| !force && path.symlink_metadata().is_ok()) {
        Some(path) => Err(BadInput(format!("error: {} exists already\n  --force writes over it", path.display()))),
        None => Ok(()),
    }
}

/// Writes a raw image of a device, whole or not at all. What is zeros becomes a hole of the file.
pub(crate) fn write(path: &Path, device: &dyn ReadAt, force: bool, interrupt: &Interrupt) -> Result<(), BadInput> {
    let wrong = |why: String| BadInput(format!("error: cannot write {}: {why}", path.display()));
    let file = crate::files::beside(path).map_err(|error| wrong(error.to_string()))?;
    copy(device, file.as_file(), interrupt).map_err(wrong)?;
    if force {
        file.persist(path).map_err(|error| wrong(error.error.to_string()))?;
    } else {
        file.persist_noclobber(path).map_err(|error| wrong(error.error.to_string()))?;
    }
    Ok(())
}

fn copy(device: &dyn ReadAt, mut file: &File, interrupt: &Interrupt) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    file.set_len(device.size()).map_err(told)?;
    let mut buffer = vec![0; PIECE];
    let mut next = 0;
    while let Some((from, to)) = device.next_data(next) {
        let mut at = from;
        while at < to {
            if interrupt.is_set() {
                return Err("broken off".to_owned());
            }
            let length = usize::try_from(to - at).unwrap_or(PIECE).min(PIECE);
            let bytes = &mut buffer[..length];
            device.read_at(at, bytes).map_err(|error| error.to_string())?;
            for (place, part) in (at..).step_by(HOLE).zip(bytes.chunks(HOLE)) {
                if part.iter().any(|&byte| byte != 0) {
                    file.seek(SeekFrom::Start(place)).and_then(|_| file.write_all(part)).map_err(told)?;
                }
            }
            at += length as u64;
        }
        next = to.max(next + 1);
    }
    file.sync_all().map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_broken_off_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let device: &[u8] = &[1; 4096];
        let BadInput(told) = write(&place.path().join("out.raw"), &device, false, &Interrupt::set()).unwrap_err();
        assert!(told.ends_with("broken off"), "{told}");
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    fn told(out: &str, volumes: &[&str]) -> Vec<String> {
        let paths = paths(Path::new(out), volumes.iter().copied());
        paths.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn one_volume_goes_to_the_path_itself_and_several_beside_each_other() {
        assert_eq!(told("a/OUT.raw", &["C:"]), ["a/OUT.raw"]);
        assert_eq!(told("a/OUT.raw", &["C:", "D:"]), ["a/OUT.C.raw", "a/OUT.D.raw"]);
        assert_eq!(told("OUT", &["C:", "D:"]), ["OUT.C", "OUT.D"]);
    }

    #[test]
    fn no_volume_name_leaves_the_folder_or_meets_another_one() {
        let all = told("a/OUT.raw", &[r"..\..\x", "x/y", "x_y", "X:Y", "é"]);
        assert_eq!(all, ["a/OUT..._.._x.raw", "a/OUT.x_y.raw", "a/OUT.x_y-2.raw", "a/OUT.X_Y-3.raw", "a/OUT._.raw"]);
    }
}
