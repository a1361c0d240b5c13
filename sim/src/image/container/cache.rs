//! Memory of what was read last, within a bound.

use std::cell::RefCell;
use std::rc::Rc;

use crate::disk_format::{ReadAt, ReadError};

/// The pieces used last. A lookup goes through them one by one: there are few.
pub(super) struct Cache {
    limit: usize,
    /// The last used first.
    pieces: RefCell<Vec<(u64, Rc<[u8]>)>>,
}

impl Cache {
    /// A cache of at most `limit` pieces.
    pub(super) fn new(limit: usize) -> Cache {
        Cache { limit: limit.max(1), pieces: RefCell::default() }
    }

    /// The piece called `key`, made by `make` unless it is still here.
    pub(super) fn get<E>(&self, key: u64, make: impl FnOnce() -> Result<Rc<[u8]>, E>) -> Result<Rc<[u8]>, E> {
        let mut pieces = self.pieces.borrow_mut();
        if let Some(at) = pieces.iter().position(|(known, _)| *known == key) {
            pieces[..=at].rotate_right(1);
            return Ok(Rc::clone(&pieces[0].1));
        }
        let made = make()?;
        pieces.truncate(self.limit - 1);
        pieces.insert(0, (key, Rc::clone(&made)));
        Ok(made)
    }
}

/// A file whose tables are read through a cache. What it holds does not depend on any number in the file.
pub(super) struct Tables<D> {
    file: D,
    size: u64,
    chunks: Cache,
}

/// What is read at once.
const CHUNK: u64 = 32 << 10;

/// How many of them are kept: 2 MiB.
const CHUNKS: usize = 64;

impl<D: ReadAt> Tables<D> {
    pub(super) fn new(file: D) -> Tables<D> {
        Tables { size: file.size(), file, chunks: Cache::new(CHUNKS) }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The file itself, for what is not worth keeping.
    pub(super) fn file(&self) -> &D {
        &self.file
    }

    /// Fills `into` from `offset` on.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let length = into.len() as u64;
        ReadError::check(offset, length, self.size)?;
        let mut done = 0;
        while done < into.len() {
            let at = offset + done as u64;
            let chunk = self.chunk(at / CHUNK)?;
            let from = usize::try_from(at % CHUNK).unwrap_or_default();
            let there = chunk.get(from..).unwrap_or_default();
            let take = there.len().min(into.len() - done);
            if take == 0 {
                return Err(ReadError::outside(offset, length, self.size));
            }
            into[done..done + take].copy_from_slice(&there[..take]);
            done += take;
        }
        Ok(())
    }

    /// The `N` bytes at `offset`.
    pub(super) fn array<const N: usize>(&self, offset: u64) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    fn chunk(&self, number: u64) -> Result<Rc<[u8]>, ReadError> {
        self.chunks.get(number, || {
            let start = number * CHUNK;
            let length = usize::try_from((self.size - start).min(CHUNK)).unwrap_or_default();
            let mut bytes = vec![0; length];
            self.file.read_at(start, &mut bytes)?;
            Ok(bytes.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays() {
        let cache = Cache::new(2);
        let made = RefCell::new(Vec::new());
        let get = |key: u64| {
            let piece = cache.get(key, || {
                made.borrow_mut().push(key);
                Ok::<_, ()>(vec![u8::try_from(key).unwrap()].into())
            });
            assert_eq!(piece.unwrap()[0], u8::try_from(key).unwrap());
        };
        for key in [1, 2, 1, 3, 1, 2] {
            get(key);
        }
        assert_eq!(*made.borrow(), [1, 2, 3, 2]);
    }

    #[test]
    fn tables_are_read_across_chunks_up_to_the_end() {
        let bytes: Vec<u8> = (0..CHUNK + 100).map(|at| (at % 251) as u8).collect();
        let tables = Tables::new(&bytes[..]);
        let at = usize::try_from(CHUNK).unwrap() - 3;
        assert_eq!(tables.array::<8>(CHUNK - 3).unwrap(), bytes[at..at + 8]);
        assert!(tables.array::<8>(CHUNK + 92).is_ok());
        assert!(tables.array::<8>(CHUNK + 93).is_err());
        assert!(tables.array::<8>(u64::MAX).is_err());
    }
}
