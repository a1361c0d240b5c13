//! `vssim image hash`.

use serde::Serialize;
use sha2::{Digest, Sha256};
use vssim_model::text::hex;
use vssim_sim::disk_format::ReadAt;

use super::opened::Opened;
use super::walk::{Piece, walk};
use super::words::{iso, people};
use crate::arguments::image::{Hash, Which};
use crate::progress::Progress;
use crate::{BadInput, Ended};

#[derive(Serialize)]
struct Hashed {
    /// `live`, or the number of the copy.
    copy: String,
    sha256: String,
    size: u64,
    snapshot_id: Option<String>,
    created: Option<String>,
}

/// Prints the SHA-256 of what copies show.
pub(crate) fn hash(arguments: &Hash) -> Result<Ended, BadInput> {
    let opened = Opened::open(&arguments.source)?;
    let volume = opened.volume(arguments.source.volume)?;
    let area = opened.area(&volume)?;
    let copies = volume.copies(area.as_ref())?;
    let all = || (1..=copies.list().len()).map(Which::Copy).collect();
    let wanted: Vec<Which> = if arguments.copy.is_empty() { all() } else { arguments.copy.clone() };
    if wanted.is_empty() {
        return Err(BadInput(format!(
            "error: {} has no shadow copies; `--copy live` hashes the volume itself",
            volume.name()
        )));
    }
    // All of them are looked at before the first one is read: a mistake is told at once.
    let shown = wanted
        .iter()
        .map(|which| volume.shown(&copies, *which, arguments.reading.never_copied.into()))
        .collect::<Result<Vec<_>, BadInput>>()?;
    let mut hashed = Vec::new();
    for (which, shown) in wanted.iter().zip(&shown) {
        let copy = match which {
            Which::Live => None,
            Which::Copy(number) => copies.list().get(number - 1),
        };
        hashed.push(Hashed {
            copy: which.to_string().replace("copy ", ""),
            sha256: sha256(shown.device(), &volume.name(), *which)?,
            size: shown.device().size(),
            snapshot_id: copy.and_then(|copy| copy.id()).map(|id| id.to_string()),
            created: copy.map(|copy| iso(copy.created())),
        });
    }
    super::show(arguments.format, &hashed, || {
        let line = |(which, one): (&Which, &Hashed)| match (&one.snapshot_id, &one.created) {
            (Some(id), Some(created)) => format!("{}  {which}  {id}  {}", one.sha256, people(created)),
            _ => format!("{}  {which}", one.sha256),
        };
        wanted.iter().zip(&hashed).map(line).collect::<Vec<String>>().join("\n")
    });
    Ok(Ended::Well)
}

fn sha256(device: &dyn ReadAt, name: &str, which: Which) -> Result<String, BadInput> {
    let progress = Progress::new(&format!("hashing {which}"), device.size());
    let zeros = vec![0; 1 << 20];
    let mut hash = Sha256::new();
    walk(device, name, &progress, |piece| {
        match piece {
            Piece::Zeros(count) => hash.update(&zeros[..usize::try_from(count).unwrap_or(0).min(zeros.len())]),
            Piece::Data(_, data) => hash.update(data),
        }
        Ok(())
    })?;
    Ok(hex(&hash.finalize()))
}
