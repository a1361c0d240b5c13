//! Something to read bytes from: a file, a disk in a container, a volume of a machine, a part of another one.

use std::fmt;

/// Bytes that can be read at any offset. Reading changes nothing, so one device can be read from several places.
pub trait ReadAt {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When they do not all lie inside, or cannot be read.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError>;

    /// From `offset` on, the first offset that may hold something other than zeros, and where that part ends; `None` when only zeros
    /// follow. A device that knows no holes says that everything may hold something.
    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        (offset < self.size()).then(|| (offset, self.size()))
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_at(offset, into)
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        (**self).next_data(offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_at(offset, into)
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        (**self).next_data(offset)
    }
}

/// Bytes in memory.
impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let length = into.len();
        let there = usize::try_from(offset).ok().and_then(|at| self.get(at..)?.get(..length));
        let there = there.ok_or_else(|| ReadError::outside(offset, length as u64, self.len() as u64))?;
        into.copy_from_slice(there);
        Ok(())
    }
}

/// A part of a device, such as a volume of a disk.
#[derive(Clone, Copy, Debug)]
pub struct Part<D> {
    device: D,
    start: u64,
    size: u64,
}

impl<D: ReadAt> Part<D> {
    /// The part of `device` that starts at `start`; what would lie beyond the device's end is left out.
    pub fn new(device: D, start: u64, size: u64) -> Part<D> {
        let size = size.min(device.size().saturating_sub(start));
        Part { device, start, size }
    }

    /// Where it starts on the device.
    pub fn start(&self) -> u64 {
        self.start
    }
}

impl<D: ReadAt> ReadAt for Part<D> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        ReadError::check(offset, into.len() as u64, self.size)?;
        self.device.read_at(self.start + offset, into)
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        if offset >= self.size {
            return None;
        }
        let (from, to) = self.device.next_data(self.start + offset)?;
        let (from, to) = (from - self.start, (to - self.start).min(self.size));
        (from < to).then_some((from, to))
    }
}

/// Bytes that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The first byte asked for.
    pub offset: u64,
    /// How many bytes were asked for.
    pub length: u64,
    /// Why not.
    pub why: String,
}

impl ReadError {
    /// Whether the bytes all lie inside `size` bytes.
    ///
    /// # Errors
    /// [`ReadError::outside`].
    pub fn check(offset: u64, length: u64, size: u64) -> Result<(), ReadError> {
        let inside = offset.checked_add(length).is_some_and(|end| end <= size);
        if inside { Ok(()) } else { Err(ReadError::outside(offset, length, size)) }
    }

    /// The bytes do not all lie inside `size` bytes.
    #[must_use]
    pub fn outside(offset: u64, length: u64, size: u64) -> ReadError {
        ReadError { offset, length, why: format!("there are {size} bytes") }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at offset {:#x} cannot be read: {}", self.length, self.offset, self.why)
    }
}

impl std::error::Error for ReadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_its_device_ends() {
        let bytes: Vec<u8> = (0..100).collect();
        let part = Part::new(&bytes[..], 90, 50);
        let mut into = [0; 10];
        assert_eq!(part.size(), 10);
        part.read_at(0, &mut into).unwrap();
        assert_eq!(into[..2], [90, 91]);
        assert!(part.read_at(1, &mut into).is_err());
        assert!(part.read_at(u64::MAX, &mut into).is_err());
        assert_eq!(part.next_data(3), Some((3, 10)));
        assert_eq!(part.next_data(10), None);
    }
}
