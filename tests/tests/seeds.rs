//! The seeds of the fuzz targets (`tests/fuzz`): each goes through the reader of its target, and is accepted unless its name begins
//! with `bad-`. So a seed that a change has made useless is noticed, without a fuzzer.

use std::fs;

use vssim_tests::{files, image_reader, readers, store_files};

/// Reads, and says whether it accepts.
type Reader = fn(&[u8]) -> bool;

/// Each target: its name, its reader, the folder of its seeds.
const TARGETS: &[(&str, Reader, &str)] = &[
    ("backup_components", readers::backup_components, "backup_components"),
    ("image", image_reader::image, "image"),
    ("judged_trace", readers::judged_trace, "trace"),
    ("saved_store", store_files::saved_store, "saved_store"),
    ("scenario", readers::scenario, "scenario"),
    ("trace", readers::trace, "trace"),
    ("writer_metadata", readers::writer_metadata, "writer_metadata"),
];

/// All seeds together; a fuzzer reads them all before it begins.
const BYTES: usize = 200 << 10;

/// The names in a folder of `tests/fuzz`, in order.
fn names(folder: &str) -> Vec<String> {
    let path = files::top().join("tests/fuzz").join(folder);
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("the folder can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_seed_goes_through_the_reader_of_its_target() {
    for (target, read, folder) in TARGETS {
        let seeds = names(&format!("seeds/{folder}"));
        assert!(seeds.len() >= 10, "{target}: {} seeds", seeds.len());
        for seed in seeds {
            let path = files::top().join("tests/fuzz/seeds").join(folder).join(&seed);
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(read(&bytes), !seed.starts_with("bad-"), "{target}: {seed}");
        }
    }
}

#[test]
fn every_target_and_every_folder_of_seeds_is_in_the_list() {
    let targets: Vec<String> = TARGETS.iter().map(|(target, ..)| format!("{target}.rs")).collect();
    assert_eq!(names("fuzz_targets"), targets);
    let mut folders: Vec<&str> = TARGETS.iter().map(|(.., folder)| *folder).collect();
    folders.sort_unstable();
    folders.dedup();
    assert_eq!(names("seeds"), folders);
}

#[test]
fn the_seeds_are_small() {
    let mut bytes = 0;
    for folder in names("seeds") {
        for seed in names(&format!("seeds/{folder}")) {
            let path = files::top().join("tests/fuzz/seeds").join(&folder).join(seed);
            bytes += fs::metadata(path).map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX));
        }
    }
    assert!((1..=BYTES).contains(&bytes), "{bytes} bytes");
}

/// What is fuzzed is what is built: a crate of both lock files has the same versions in both.
#[test]
fn the_fuzz_targets_use_the_dependencies_of_the_project() {
    let versions = |lock: &str| -> Vec<(String, String)> {
        let text = files::text(lock);
        let packages = text.split("[[package]]").skip(1).map(|package| {
            let field =
                |key: &str| package.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
            (field("name = "), field("version = "))
        });
        packages.collect()
    };
    let ours = versions("Cargo.lock");
    for (name, version) in versions("tests/fuzz/Cargo.lock") {
        let known = ours.iter().any(|(other, _)| *other == name);
        assert!(
            !known || ours.contains(&(name.clone(), version.clone())),
            "tests/fuzz/Cargo.lock has {name} {version}, Cargo.lock another version: copy Cargo.lock there and build"
        );
    }
}
