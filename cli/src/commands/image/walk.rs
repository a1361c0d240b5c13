//! Goes through the bytes of a device once, passing over what is only zeros.

use vssim_sim::disk_format::ReadAt;

use crate::BadInput;
use crate::progress::Progress;

/// What is read at once.
const STEP: usize = 1 << 20;

/// A piece of a device.
pub(super) enum Piece<'a> {
    /// So many zeros, at most 1 MiB.
    Zeros(u64),
    /// Bytes, at most 1 MiB, from this offset on.
    Data(u64, &'a [u8]),
}

/// Hands out the bytes of a device in order.
pub(super) fn walk(
    device: &dyn ReadAt,
    name: &str,
    progress: &Progress,
    mut each: impl FnMut(Piece<'_>) -> Result<(), BadInput>,
) -> Result<(), BadInput> {
    let mut buffer = vec![0; STEP];
    let size = device.size();
    let mut at = 0;
    while at < size {
        let (from, to) = device.next_data(at).unwrap_or((size, size));
        let (from, to) = (from.clamp(at, size), to.min(size));
        while at < from {
            let count = (from - at).min(STEP as u64);
            each(Piece::Zeros(count))?;
            progress.done(count)?;
            at += count;
        }
        while at < to {
            let count = usize::try_from(to - at).unwrap_or(STEP).min(STEP);
            let into = &mut buffer[..count];
            device.read_at(at, into).map_err(|error| BadInput(format!("error: {name}: {error}")))?;
            each(Piece::Data(at, into))?;
            progress.done(count as u64)?;
            at += count as u64;
        }
    }
    Ok(())
}
