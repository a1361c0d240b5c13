//! What a scenario expects of the files on the volumes at the end of a run, and whether it is so. The trace does not hold files, so
//! this is looked up in the world.

use vssim_sim::content::fill;
use vssim_sim::plan::VolumePlan;
use vssim_sim::storage::{FileId, StorageError};
use vssim_sim::world::World;

use crate::expectations::{Expectation, Expectations};
use crate::syntax::files::{FileNow, Over};

/// How much of a file is compared at once.
const AT_ONCE: u64 = 16 * 1024;

/// Compares what a run left on its volumes with what was expected of it.
pub(crate) fn check(expectations: &Expectations, world: &World) -> Vec<Expectation> {
    let written = &expectations.written;
    let present = written.files.iter().map(|file| present(file, world).showing(&file.shows));
    let absent = written.no_files.iter().map(|file| absent(&file.what.0, world).showing(&file.shows));
    present.chain(absent).collect()
}

/// A file of the machine.
struct Found<'w> {
    volume: &'w VolumePlan,
    file: FileId,
    size: u64,
}

fn find<'w>(world: &'w World, path: &str) -> Option<Found<'w>> {
    let (drive, rest) = path.split_once('\\')?;
    let volume = world.plan.volumes.iter().find(|volume| volume.name.eq_ignore_ascii_case(drive))?;
    let files = world.storage.volume(volume.id).ok()?.files();
    let file = files.find(rest)?;
    Some(Found { volume, file, size: files.file(file)?.size() })
}

fn present(expected: &FileNow, world: &World) -> Expectation {
    let name = format!("on its volume: {}", expected.path.0);
    let Some(found) = find(world, &expected.path.0) else {
        return Expectation::new(name, false, "there is no such file");
    };
    let size = expected.size.as_ref().map(|size| size.0).filter(|size| *size != found.size);
    let wrong = match size {
        Some(size) => Some(format!("it has {} B, expected {size} B", found.size)),
        None => difference(expected, &found, world).unwrap_or_else(|error| Some(format!("it cannot be read: {error}"))),
    };
    let detail = wrong.clone().unwrap_or_else(|| format!("{} B", found.size));
    Expectation::new(name, wrong.is_none(), detail)
}

fn absent(path: &str, world: &World) -> Expectation {
    let found = find(world, path);
    let detail =
        found.as_ref().map_or("there is none".to_owned(), |found| format!("it is there, with {} B", found.size));
    Expectation::new(format!("on no volume: {path}"), found.is_none(), detail)
}

/// The first byte that is not the expected one.
fn difference(expected: &FileNow, found: &Found<'_>, world: &World) -> Result<Option<String>, StorageError> {
    let Some(seed) = expected.seed.as_ref().map(|seed| u64::from(seed.0)) else { return Ok(None) };
    let mut offset = 0;
    while offset < found.size {
        let length = usize::try_from(AT_ONCE.min(found.size - offset)).unwrap_or(0);
        let (mut read, mut wanted) = (vec![0; length], vec![0; length]);
        world.storage.read_file(found.volume.id, found.file, offset, &mut read)?;
        fill(seed, offset, &mut wanted);
        for over in &expected.over {
            cover(over, offset, &mut wanted);
        }
        if let Some(differs) = read.iter().zip(&wanted).position(|(read, wanted)| read != wanted) {
            return Ok(Some(format!("byte {} is not the expected one", offset + differs as u64)));
        }
        offset += AT_ONCE;
    }
    Ok(None)
}

/// What was written over a part of the file, as far as it lies in these bytes, which begin at `offset`.
fn cover(over: &Over, offset: u64, bytes: &mut [u8]) {
    let end = offset + bytes.len() as u64;
    let from = over.offset.0.max(offset);
    let to = over.offset.0.saturating_add(over.length.0).min(end);
    let place = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
    if from < to
        && let Some(part) = bytes.get_mut(place(from)..place(to))
    {
        let first = over.from.as_ref().map_or(over.offset.0, |first| first.0);
        fill(u64::from(over.seed.0), first.saturating_add(from - over.offset.0), part);
    }
}
