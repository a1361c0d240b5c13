//! The recordings of Windows, which lie outside the project.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the corpus is found by the environment, and said to be missing"
)]

use std::path::PathBuf;

use vssim_scenarios::Files;

/// The recorded corpus, where it is at hand.
pub struct Corpus(pub PathBuf);

impl Files for Corpus {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = path.strip_prefix("corpus:").unwrap_or(path);
        std::fs::read(self.0.join(path)).map_err(|error| error.to_string())
    }
}

/// Where the corpus is: VSSIM_CORPUS, or `../shared` beside the checkout. Without it a test is skipped, in words.
///
/// # Panics
/// When it is missing although CI=true.
#[must_use]
pub fn corpus() -> Option<Corpus> {
    let root = std::env::var_os("VSSIM_CORPUS").map(PathBuf::from);
    let root = root.unwrap_or_else(|| crate::files::top().join("../shared"));
    if root.is_dir() {
        return Some(Corpus(root));
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "the corpus is missing");
    println!("skipped: no corpus at {}", root.display());
    None
}
