//! The allocation of clusters: `$Bitmap`, a bit for each, and what files own beside it.

use super::scan::Found;
use super::{Clusters, Content, Geometry, MOST_RUNS, NtfsError, NtfsFile};
use crate::disk_format::{BadStructure, ReadAt};

const CHUNK: usize = 64 << 10;

/// The used clusters that `$Bitmap` names.
pub(super) fn used(device: &dyn ReadAt, geometry: &Geometry, found: &Found) -> Result<Vec<Clusters>, NtfsError> {
    let mut runs = Runs::default();
    let need = geometry.clusters.div_ceil(8);
    let (map, valid, offset) = found.bitmap(geometry)?;
    if valid < need {
        let expected = format!("a bit for each of the {} clusters", geometry.clusters);
        return Err(NtfsError::bad(offset, BadStructure::new(0, "$Bitmap", expected, format!("{valid} bytes"))));
    }
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    // What is a hole of the device is zeros: free clusters.
    while let Some(data) = map.next_data(device, geometry, at).filter(|&data| data < need) {
        at = data;
        let length = usize::try_from(need - at).unwrap_or(CHUNK).min(CHUNK);
        let bytes = &mut buffer[..length];
        map.read(device, geometry, at, bytes)?;
        for (place, &byte) in (at..).zip(bytes.iter()) {
            if byte != 0 {
                runs.add_byte(place * 8, byte, geometry.clusters)?;
            }
        }
        at += length as u64;
    }
    Ok(runs.0)
}

#[derive(Default)]
struct Runs(Vec<Clusters>);

impl Runs {
    fn add_byte(&mut self, first: u64, byte: u8, clusters: u64) -> Result<(), NtfsError> {
        for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
            if first + bit < clusters {
                self.add(Clusters { first: first + bit, count: 1 })?;
            }
        }
        Ok(())
    }

    /// Adds a run that begins nowhere before the last one.
    fn add(&mut self, run: Clusters) -> Result<(), NtfsError> {
        let full = self.0.len() as u64 >= MOST_RUNS;
        match self.0.last_mut() {
            Some(last) if run.first <= last.end() => last.count = last.count.max(run.end() - last.first),
            _ if full => return Err(NtfsError::TooMany { what: "runs of used clusters", most: MOST_RUNS }),
            _ => self.0.push(run),
        }
        Ok(())
    }
}

/// The used clusters together with those of the files, and how many were added.
pub(super) fn with_files(used: Vec<Clusters>, files: &[NtfsFile]) -> Result<(Vec<Clusters>, u64), NtfsError> {
    let mut owned: Vec<(Clusters, usize)> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        if let Content::Clusters(runs) = &file.content {
            owned.extend(runs.iter().map(|run| (*run, at)));
        }
    }
    owned.sort_unstable();
    if let Some([(_, one), (run, other)]) = owned.array_windows().find(|[(one, _), (next, _)]| next.first < one.end()) {
        let path = |at: usize| files.get(at).map(|file| file.path.clone()).unwrap_or_default();
        return Err(NtfsError::CrossLinked { cluster: run.first, paths: [path(*one), path(*other)] });
    }
    let named: u64 = used.iter().map(|run| run.count).sum();
    let mut merged = Runs::default();
    let (mut used, mut owned) = (used.into_iter().peekable(), owned.into_iter().map(|(run, _)| run).peekable());
    loop {
        let run = match (used.peek(), owned.peek()) {
            (Some(one), Some(other)) if one <= other => used.next(),
            (_, Some(_)) => owned.next(),
            (Some(_), None) => used.next(),
            (None, None) => break,
        };
        if let Some(run) = run {
            merged.add(run)?;
        }
    }
    let all: u64 = merged.0.iter().map(|run| run.count).sum();
    Ok((merged.0, all - named))
}
