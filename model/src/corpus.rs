//! Reads the reference texts that some tests compare with.

#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "tests alone look for reference texts")]

use std::path::PathBuf;

/// The text of a file of the corpus, which lies beside the workspace or where `VSSIM_CORPUS` points.
///
/// Without a corpus the test is skipped, in plain words; with `CI=true` it fails.
pub(crate) fn read(file: &str) -> Option<String> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let path = std::env::var_os("VSSIM_CORPUS").map_or_else(beside, PathBuf::from).join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            let found = format!("{}: {error}", path.display());
            assert!(std::env::var("CI").as_deref() != Ok("true"), "the corpus is missing: {found}");
            eprintln!("skipped, the corpus is missing: {found}");
            None
        }
    }
}
