//! Backup, then wipe, then restore: for generated machines the bytes on the volumes are those that the rules demand. They
//! are worked out by a plain model that knows files as a map and shares no code with the simulator.
//!
//! `VSSIM_MACHINES=5000 cargo test --release -p vssim-tests --test round_trip` tries more than 1,000 machines; `17..18` is
//! one of them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot set up fails, and says how much it tried"
)]

mod machine;
mod model;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use machine::{Kind, Machine};
use model::demanded;
use vssim_conformance::judge;
use vssim_scenarios::saved::{Contents, load, save};
use vssim_scenarios::{NoFiles, Scenario, stage};
use vssim_sim::backup_store::BackupStore;
use vssim_sim::plan::Plan;
use vssim_sim::run::{NoImages, run_from};
use vssim_sim::world::World;

/// How many machines are tried by default.
const MACHINES: u64 = 1000;

fn machines() -> Range<u64> {
    #[allow(clippy::disallowed_methods, reason = "the number of machines is asked of the environment")]
    let asked = std::env::var("VSSIM_MACHINES").unwrap_or_default();
    match asked.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => 0..asked.parse().unwrap_or(MACHINES),
    }
}

fn staged(text: &str) -> Arc<Plan> {
    let scenario = Scenario::parse("generated", text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    Arc::new(stage(&scenario, &NoFiles).unwrap_or_else(|errors| panic!("{errors}\n{text}")).plan)
}

fn ended(text: &str, seed: u64, store: Option<BackupStore>) -> World {
    let (outcome, trace) = run_from(&staged(text), seed, &NoImages, store).unwrap();
    assert_eq!(outcome.broken, None, "machine {seed}\n{text}");
    assert!(!outcome.endless, "machine {seed}");
    let report = judge(&trace);
    let violated: Vec<&str> = report.violated().map(|(rule, _)| rule.id).collect();
    assert!(violated.is_empty(), "machine {seed}: {violated:?}\n{text}");
    outcome.world
}

/// What is read from files that were written.
fn through_files(store: &BackupStore) -> BackupStore {
    let mut folder = BTreeMap::new();
    let written = save(store, |name, contents| {
        let bytes = match contents {
            Contents::Text(text) => text.as_bytes().to_vec(),
            Contents::Parts(parts) => parts.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect(),
        };
        folder.insert(name.to_owned(), bytes);
        Ok::<(), Infallible>(())
    });
    written.unwrap();
    load(&|name, _| folder.get(name).cloned().ok_or_else(|| "is not there".to_owned())).unwrap()
}

fn files_of(world: &World) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for (volume, plan) in world.storage.volumes().iter().zip(&world.plan.volumes) {
        for (id, file) in volume.files().files() {
            let mut bytes = vec![0; file.size() as usize];
            world.storage.read_file(plan.id, id, 0, &mut bytes).unwrap();
            all.insert(format!("{}\\{}", plan.name, file.path()), bytes);
        }
    }
    all
}

fn try_machine(seed: u64) -> usize {
    let machine = Machine::generate(seed);
    let wanted = demanded(&machine);
    let text = machine.scenario();
    let mut world = ended(&text, seed, None);
    if machine.apart {
        let store = through_files(&world.store);
        assert_eq!(store, *world.store, "machine {seed}");
        world = ended(&machine.restore_scenario(), seed + 1, Some(store));
    }
    let found = files_of(&world);
    let wanted_paths: Vec<&String> = wanted.disk.keys().collect();
    let found_paths: Vec<&String> = found.keys().collect();
    assert_eq!(found_paths, wanted_paths, "machine {seed}: the files\n{text}");
    for (path, (bytes, _)) in &wanted.disk {
        let differs = found[path].iter().zip(bytes).position(|(found, wanted)| found != wanted);
        let sizes = (found[path].len(), bytes.len());
        assert!(differs.is_none() && sizes.0 == sizes.1, "machine {seed}: {path} {sizes:?}, byte {differs:?}\n{text}");
    }
    for (path, bytes) in &wanted.again {
        assert!(found.get(path) == Some(bytes), "machine {seed}: {path} is not as it was\n{text}");
    }
    wanted.disk.len()
}

#[test]
fn what_is_restored_is_what_the_rules_demand() {
    let (mut files, mut apart) = (0, 0);
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for seed in machines() {
        files += try_machine(seed);
        let machine = Machine::generate(seed);
        apart += usize::from(machine.apart);
        for kind in machine.kinds() {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    println!(
        "{} machines, {apart} of them restored in another run; {files} files; backups: {kinds:?}",
        machines().count()
    );
}
