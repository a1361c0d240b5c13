//! What the containers with tables have in common: a disk in pieces, each of which is zeros, lies in the file, or is packed.

use std::cell::Cell;
use std::rc::Rc;

use super::ContainerError;
use crate::disk_format::{ReadAt, ReadError};

/// Where a piece of the disk lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: it reads as zeros.
    Zeros,
    /// In the file, from this offset on.
    At(u64),
    /// In the file, packed together with its neighbours.
    Packed {
        /// The table entry, which [`Map::unpack`] understands.
        entry: u64,
        /// Where the piece begins in what is unpacked.
        from: usize,
    },
}

/// The piece of the disk that begins at some offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) place: Place,
    /// Its length, never zero.
    pub(super) length: u64,
}

/// A disk in pieces.
pub(super) trait Map {
    /// The size of the disk.
    fn disk_size(&self) -> u64;

    /// The piece that begins at `offset`, which lies inside the disk.
    fn piece(&self, offset: u64) -> Result<Piece, ContainerError>;

    /// Reads from the file.
    fn read_file(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError>;

    /// Unpacks.
    fn unpack(&self, entry: u64) -> Result<Rc<[u8]>, ContainerError> {
        Err(ContainerError::new(entry, "nothing is packed here"))
    }
}

/// A disk in pieces, to be read from.
pub(super) struct Mapped<M> {
    map: M,
    /// The hole that was looked at last: zeros from the first to the second offset, and something else there.
    hole: Cell<(u64, u64)>,
}

/// How many pieces of data are put together at most; a run may go on behind them.
const RUN: usize = 1024;

impl<M: Map> Mapped<M> {
    pub(super) fn new(map: M) -> Mapped<M> {
        Mapped { map, hole: Cell::new((0, 0)) }
    }

    fn read_piece(&self, piece: &Piece, into: &mut [u8]) -> Result<(), ContainerError> {
        match piece.place {
            Place::Zeros => into.fill(0),
            Place::At(offset) => self.map.read_file(offset, into)?,
            Place::Packed { entry, from } => {
                let unpacked = self.map.unpack(entry)?;
                let there = unpacked.get(from..).and_then(|rest| rest.get(..into.len()));
                into.copy_from_slice(there.ok_or_else(|| ContainerError::new(entry, "too few bytes were unpacked"))?);
            }
        }
        Ok(())
    }

    /// The end of the zeros that begin at `offset`; `offset` where there are none or where that cannot be told.
    fn end_of_zeros(&self, offset: u64) -> u64 {
        let (from, to) = self.hole.get();
        if (from..to).contains(&offset) {
            return to;
        }
        let mut at = offset;
        while at < self.map.disk_size() {
            match self.map.piece(at) {
                Ok(Piece { place: Place::Zeros, length }) => at = at.saturating_add(length),
                _ => break,
            }
        }
        let at = at.min(self.map.disk_size());
        if at > offset {
            self.hole.set((offset, at));
        }
        at
    }
}

impl<M: Map> ReadAt for Mapped<M> {
    fn size(&self) -> u64 {
        self.map.disk_size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let length = into.len() as u64;
        ReadError::check(offset, length, self.map.disk_size())?;
        let mut done = 0;
        while done < into.len() {
            let at = offset + done as u64;
            let told =
                |error: ContainerError| ReadError { offset: at, length: length - done as u64, why: error.to_string() };
            let piece = self.map.piece(at).map_err(told)?;
            let take = usize::try_from(piece.length).unwrap_or(usize::MAX).clamp(1, into.len() - done);
            self.read_piece(&piece, &mut into[done..done + take]).map_err(told)?;
            done += take;
        }
        Ok(())
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        let size = self.map.disk_size();
        if offset >= size {
            return None;
        }
        let from = self.end_of_zeros(offset);
        if from >= size {
            return None;
        }
        let mut to = from;
        for _ in 0..RUN {
            match self.map.piece(to) {
                Ok(Piece { place: Place::Zeros, .. }) => break,
                Ok(piece) => to = to.saturating_add(piece.length).min(size),
                // Whoever reads there is told what is wrong.
                Err(_) => return Some((from, size)),
            }
            if to >= size {
                break;
            }
        }
        Some((from, to))
    }
}
