//! Reading what the user names, and writing without leaving half a file behind.

#![allow(clippy::disallowed_methods, reason = "the command line reads the environment")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use vssim_scenarios::stage::Files;
use vssim_sim::disk_format::ReadAt;
use vssim_sim::plan::ImageSource;
use vssim_sim::run::Images;

use crate::{BadInput, images};

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
    let mut file = beside(path).map_err(told)?;
    file.write_all(text.as_bytes()).map_err(told)?;
    file.as_file().sync_all().map_err(told)?;
    file.persist(path).map_err(|error| told(error.error))?;
    Ok(())
}

/// A temporary file in the folder of a file, to be renamed to it.
pub(crate) fn beside(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // Otherwise it is its owner's alone, as temporary files are.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(".vssim-").tempfile_in(folder)
}

/// The files that a scenario names: relative to the scenario, or `corpus:` for the recordings of Windows.
pub(crate) struct Beside {
    /// None for a ready scenario, which is no file.
    folder: Option<PathBuf>,
}

impl Beside {
    /// The files beside a scenario.
    pub(crate) fn of(scenario: &Path) -> Beside {
        Beside { folder: Some(scenario.parent().map(Path::to_path_buf).unwrap_or_default()) }
    }

    /// The files of a ready scenario: the corpus alone.
    pub(crate) fn nothing() -> Beside {
        Beside { folder: None }
    }

    /// Where a file of the scenario is, if it can be anywhere.
    pub(crate) fn path_of(&self, path: &str) -> Option<PathBuf> {
        self.find(path).ok()
    }

    fn find(&self, path: &str) -> Result<PathBuf, String> {
        match (path.strip_prefix("corpus:"), &self.folder) {
            (Some(rest), _) => {
                let corpus = corpus().ok_or("the recordings are not here; VSSIM_CORPUS names their folder")?;
                Ok(corpus.join(rest))
            }
            (None, Some(folder)) => Ok(folder.join(path)),
            (None, None) => Err("this scenario is built in, so no file lies beside it".to_owned()),
        }
    }
}

impl Files for Beside {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        read(&self.find(path)?).map_err(|BadInput(text)| text.trim_start_matches("error: ").to_owned())
    }

    fn image_size(&self, image: &ImageSource) -> Result<u64, String> {
        self.open(image).map(|device| device.size())
    }
}

impl Images for Beside {
    fn open(&self, source: &ImageSource) -> Result<Box<dyn ReadAt>, String> {
        images::open(&self.find(&source.file)?, source)
    }
}

/// Where the recordings of Windows are: VSSIM_CORPUS, or `../shared` beside the checkout.
pub(crate) fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("VSSIM_CORPUS").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from("../shared"))).filter(|folder| folder.is_dir())
}
