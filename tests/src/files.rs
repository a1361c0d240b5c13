//! Finds the files of the project, for tests that read its sources and documents.

use std::path::{Path, PathBuf};

/// The top of the repository.
#[must_use]
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of a file, named from the top of the repository.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn text(path: &str) -> String {
    let full = top().join(path);
    std::fs::read_to_string(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()))
}

/// Every Rust file below a folder, with its path from the top and its text, in order.
///
/// # Panics
/// When a folder or file cannot be read.
#[must_use]
pub fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    gather(folder, &mut found);
    found.sort();
    found
}

fn gather(folder: &str, found: &mut Vec<(String, String)>) {
    let full = top().join(folder);
    let entries = std::fs::read_dir(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", full.display()));
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            gather(&path, found);
        } else if path.ends_with(".rs") {
            found.push((path.clone(), text(&path)));
        }
    }
}
