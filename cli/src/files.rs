//! Reading what the user names, and writing without leaving half a file behind.

#![allow(clippy::disallowed_methods, reason = "the command line reads the environment")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use vssim_scenarios::stage::Files;

use crate::BadInput;

/// The largest file that is read: a longer one is no scenario, document or trace.
const LARGEST: u64 = 1 << 30;

/// Reads a file of at most 1 GiB.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, BadInput> {
    let told = |error: std::io::Error| BadInput(format!("error: cannot read {}: {error}", path.display()));
    let file = fs::File::open(path).map_err(told)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > LARGEST {
        return Err(BadInput(format!("error: {} is larger than 1 GiB", path.display())));
    }
    Ok(bytes)
}

/// Writes a file whole or not at all: into a temporary file beside it, which is then renamed.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), BadInput> {
    let told = |error: std::io::Error| BadInput(format!("error: cannot write {}: {error}", path.display()));
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(".vssim-").tempfile_in(folder).map_err(told)?;
    file.write_all(text.as_bytes()).map_err(told)?;
    file.as_file().sync_all().map_err(told)?;
    file.persist(path).map_err(|error| told(error.error))?;
    Ok(())
}

/// The files that a scenario names: relative to the scenario, or `corpus:` for the recordings of Windows.
pub(crate) struct Beside {
    folder: PathBuf,
}

impl Beside {
    /// The files beside a scenario.
    pub(crate) fn of(scenario: &Path) -> Beside {
        Beside { folder: scenario.parent().map(Path::to_path_buf).unwrap_or_default() }
    }
}

impl Files for Beside {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let found = match path.strip_prefix("corpus:") {
            Some(rest) => corpus().ok_or("the recordings are not here; VSSIM_CORPUS names their folder")?.join(rest),
            None => self.folder.join(path),
        };
        read(&found).map_err(|BadInput(text)| text.trim_start_matches("error: ").to_owned())
    }
}

/// Where the recordings of Windows are: VSSIM_CORPUS, or `../shared` beside the checkout.
pub(crate) fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("VSSIM_CORPUS").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from("../shared"))).filter(|folder| folder.is_dir())
}
