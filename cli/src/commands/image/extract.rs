//! `vssim image extract`.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::opened::Opened;
use super::walk::{Piece, walk};
use super::words::bytes;
use crate::arguments::image::Extract;
use crate::progress::Progress;
use crate::{BadInput, Ended, terminal};

/// Zeros of this length and place are left out of the file, as a hole.
const HOLE: usize = 4096;

/// Writes what a copy shows, whole or not at all.
pub(crate) fn extract(arguments: &Extract) -> Result<Ended, BadInput> {
    let out = arguments.out.as_path();
    if out.is_dir() {
        return Err(BadInput(format!("error: {} is a folder; name the file to write", out.display())));
    }
    if !arguments.force && out.exists() {
        return Err(BadInput(format!("error: {} is already there; --force replaces it", out.display())));
    }
    for image in std::iter::once(&arguments.source.image).chain(&arguments.source.diff_area) {
        if is_same(image, out) {
            return Err(BadInput(format!("error: {} is the image that is read; name another file", out.display())));
        }
    }
    let opened = Opened::open(&arguments.source)?;
    let volume = opened.volume(arguments.source.volume)?;
    let area = opened.area(&volume)?;
    let copies = volume.copies(area.as_ref())?;
    let shown = volume.shown(&copies, arguments.copy, arguments.reading.never_copied.into())?;
    let device = shown.device();

    let told = |error: io::Error| BadInput(format!("error: cannot write {}: {error}", out.display()));
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Dropped on every error, and with it goes the file.
    let mut file = temporary_in(folder).map_err(told)?;
    file.as_file().set_len(device.size()).map_err(told)?;
    let progress = Progress::new(&format!("writing {}", arguments.copy), device.size());
    let mut written = 0;
    walk(device, &volume.name(), &progress, |piece| match piece {
        Piece::Zeros(_) => Ok(()),
        Piece::Data(at, data) => {
            written += write_data(file.as_file_mut(), at, data).map_err(told)?;
            Ok(())
        }
    })?;
    file.as_file().sync_all().map_err(told)?;
    drop(progress);
    if arguments.force {
        file.persist(out).map_err(|error| told(error.error))?;
    } else {
        file.persist_noclobber(out).map_err(|error| told(error.error))?;
    }
    let (name, which) = (out.display(), arguments.copy);
    let size = bytes(device.size());
    terminal::print(&format!("{name}: {which} of {}", volume.name()));
    terminal::print(&format!("{size}; {} written, the rest is holes", bytes(written)));
    Ok(Ended::Well)
}

/// A file for the time being, which others may read afterwards as far as the user's mask lets them.
fn temporary_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".vssim-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Whether two paths are one file.
fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

/// Writes what is not zeros, and tells how many bytes that were.
fn write_data(file: &mut (impl Write + Seek), at: u64, data: &[u8]) -> io::Result<u64> {
    let mut written = 0;
    let is_hole = |piece: &&[u8]| piece.iter().all(|byte| *byte == 0);
    let pieces: Vec<&[u8]> = data.chunks(HOLE).collect();
    let mut done = 0;
    for run in pieces.chunk_by(|one, next| is_hole(one) == is_hole(next)) {
        let length: usize = run.iter().map(|piece| piece.len()).sum();
        if !run.first().is_some_and(is_hole) {
            file.seek(SeekFrom::Start(at + done as u64))?;
            file.write_all(&data[done..done + length])?;
            written += length as u64;
        }
        done += length;
    }
    Ok(written)
}
