//! After a restore the bytes on the volumes are what the rules demand, worked out here a second time: from the stored documents'
//! texts, the store, and what the trace says of the machine before the files were written.
//!
//! The checker is naive on purpose. It knows the table of restore methods as three questions (are all files absent, are all
//! writable, is there a mapping for each), and nothing of the simulator's decisions.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::trace::{Placement, Restored, Trace, What};
use vssim_scenarios::library::{Entry, LIBRARY, Shelf};
use vssim_scenarios::{NoFiles, Scenario, stage};
use vssim_sim::run::run;
use vssim_sim::world::World;

/// The lesson whose writer directs ranges to other files.
const DIRECTED: &str = "target-directed";
/// In these only ranges of a file were backed up, which go into the file that is there, or are directed elsewhere. Bytes of partial
/// files are held against a model in round_trip.
const PARTIAL: [&str; 3] = ["partial-file-packed", "ranges-file-comes-first", "ranges-file-elsewhere"];
/// The lesson whose volume has no room for all of a component.
const FULL: &str = "ranges-file-comes-first";

/// The lesson that restores a differential backup without the full one.
const LATER_ALONE: &str = "differential-without-its-base";

/// An attribute of the first element of a kind in a document.
fn attribute<'t>(element: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = element.split_once(&format!(" {name}=\"")[..])?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The elements of a kind, each up to its `>`.
fn elements<'t>(document: &'t str, name: &str) -> Vec<&'t str> {
    let start = format!("<{name} ");
    document.match_indices(&start).map(|(at, _)| document[at..].split_once('>').unwrap().0).collect()
}

/// The bytes of a file on the volume; none if it is not there.
fn on_volume(world: &World, path: &str) -> Option<Vec<u8>> {
    let (drive, rest) = path.split_once('\\')?;
    let plan = world.plan.volumes.iter().find(|volume| volume.name.eq_ignore_ascii_case(drive))?;
    let files = world.storage.volume(plan.id).ok()?.files();
    let file = files.find(rest)?;
    let mut bytes = vec![0; usize::try_from(files.file(file)?.size()).unwrap()];
    world.storage.read_file(plan.id, file, 0, &mut bytes).unwrap();
    Some(bytes)
}

/// What the backups hold of a file, all of them on top of one another, oldest first.
fn backed_up(world: &World, path: &str) -> Option<Vec<u8>> {
    let mut whole: Option<Vec<u8>> = None;
    for backup in &world.store.backups {
        for (_, file) in backup.files().filter(|(_, file)| file.path.eq_ignore_ascii_case(path)) {
            let mut bytes = whole.take().unwrap_or_default();
            bytes.resize(usize::try_from(file.size).unwrap(), 0);
            for (offset, part) in &file.parts {
                let at = usize::try_from(*offset).unwrap();
                let part = part.to_vec();
                bytes[at..at + part.len()].copy_from_slice(&part);
            }
            whole = Some(bytes);
        }
    }
    whole
}

/// The last place to which each file went, by upper-case path.
fn places(trace: &Trace) -> BTreeMap<String, (String, Placement)> {
    let restored = trace.records.iter().filter_map(|record| match &record.what {
        What::Restore(Restored::File { path, to, how, .. }) => Some((path.to_uppercase(), (to.clone(), *how))),
        _ => None,
    });
    restored.collect()
}

/// Whether a file could not be moved into place when the machine started.
fn refused(trace: &Trace, to: &str) -> bool {
    trace
        .records
        .iter()
        .any(|record| matches!(&record.what, What::Restore(Restored::Refused { what, .. }) if what == to))
}

/// The folders to which the writers' documents let files go, and the method of each document, by the folders of its files.
fn documents(world: &World) -> Vec<(String, Vec<String>, Vec<String>)> {
    let texts: BTreeSet<Arc<str>> =
        world.store.backups.iter().flat_map(|backup| backup.writer_metadata.iter().cloned()).collect();
    let read = |text: &Arc<str>| {
        let method = elements(text, "RESTORE_METHOD").first().and_then(|it| attribute(it, "method")).unwrap_or("");
        let folders = elements(text, "FILE_LIST").into_iter().filter_map(|it| attribute(it, "path"));
        let mappings = elements(text, "ALTERNATE_LOCATION_MAPPING").into_iter();
        let mappings = mappings.filter_map(|it| attribute(it, "alternatePath"));
        (
            method.to_owned(),
            folders.map(str::to_uppercase).collect::<Vec<_>>(),
            mappings.map(str::to_uppercase).collect::<Vec<_>>(),
        )
    };
    texts.iter().map(read).collect()
}

/// The lessons on restores whose files nobody touches afterwards.
fn restores() -> Vec<(&'static str, World, Trace)> {
    let of_restores = |entry: &&Entry| entry.subject == "restore/" || entry.name == "restore";
    let lessons = LIBRARY.iter().filter(|entry| entry.shelf == Shelf::Lesson).filter(of_restores);
    let mut all = Vec::new();
    for entry in lessons {
        let scenario = Scenario::parse(entry.name, entry.text).unwrap_or_else(|errors| panic!("{errors}"));
        let staged = stage(&scenario, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"));
        let (outcome, trace) = run(&Arc::new(staged.plan), 1).unwrap();
        assert_eq!(outcome.broken, None, "{}", entry.name);
        all.push((entry.name, outcome.world, trace));
    }
    all
}

#[test]
fn every_file_that_was_restored_has_the_bytes_of_its_backups() {
    let mut compared = 0;
    for (name, world, trace) in restores().into_iter().filter(|(name, ..)| *name != DIRECTED && !PARTIAL.contains(name))
    {
        for (path, (to, how)) in places(&trace) {
            if how == Placement::Staged {
                continue;
            }
            let wanted = backed_up(&world, &path);
            assert!(wanted.is_some(), "{name}: {path} is in no backup");
            assert!(on_volume(&world, &to) == wanted, "{name}: {to} has other bytes");
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared}");
}

#[test]
fn files_go_where_the_method_of_their_writer_lets_them() {
    for (name, world, trace) in restores().into_iter().filter(|(name, ..)| *name != DIRECTED && !PARTIAL.contains(name))
    {
        let documents = documents(&world);
        let new_targets = name == "new-target";
        for (path, (to, how)) in places(&trace) {
            let folder_of = |path: &str| path.rsplit_once('\\').unwrap().0.to_uppercase();
            let of_file = documents.iter().find(|(_, folders, _)| {
                folders.iter().any(|folder| folder_of(&path).starts_with(folder.trim_end_matches('\\')))
            });
            let (method, _, mappings) = of_file.unwrap_or_else(|| panic!("{name}: nobody has {path}"));
            let in_place = to.eq_ignore_ascii_case(&path);
            let mapped = mappings.iter().any(|folder| folder_of(&to).starts_with(folder.as_str()));
            let allowed = match method.as_str() {
                _ if new_targets => !in_place,
                "REPLACE_AT_REBOOT" => in_place && (how == Placement::Moved || refused(&trace, &to)),
                "REPLACE_AT_REBOOT_IF_CANNOT_REPLACE" => in_place,
                "RESTORE_TO_ALTERNATE_LOCATION" => mapped && how == Placement::Written,
                "CUSTOM" => false,
                _ => (in_place || mapped) && how == Placement::Written,
            };
            assert!(allowed, "{name}: {method}: {path} went to {to}, {how:?}");
        }
    }
}

#[test]
fn a_component_set_goes_to_one_kind_of_place_or_nowhere() {
    for (name, world, trace) in restores().into_iter().filter(|(name, ..)| ![FULL, LATER_ALONE].contains(name)) {
        let places = places(&trace);
        for backup in &world.store.backups {
            for (component, stored) in &backup.components {
                let went: BTreeSet<Option<bool>> = stored
                    .files
                    .iter()
                    .map(|file| {
                        places.get(&file.path.to_uppercase()).map(|(to, _)| to.eq_ignore_ascii_case(&file.path))
                    })
                    .collect();
                assert!(went.len() <= 1, "{name}: {}: {went:?}", component.name);
            }
        }
    }
}

#[test]
fn directed_ranges_lie_where_the_writer_directed_them_and_nothing_else_does() {
    let all = restores();
    let (_, world, _) = all.iter().find(|(name, ..)| *name == DIRECTED).unwrap();
    let first = backed_up(world, r"D:\Mail\file0001.dat").unwrap();
    let second = backed_up(world, r"D:\Mail\file0002.dat").unwrap();
    let wanted = [vec![0; 8192], first[..4096].to_vec()].concat();
    assert_eq!(on_volume(world, r"E:\Parts\first.dat").unwrap(), wanted);
    let wanted = [&second[4096..8192], &second[..4096]].concat();
    assert_eq!(on_volume(world, r"E:\Parts\second.dat").unwrap(), wanted);
}
