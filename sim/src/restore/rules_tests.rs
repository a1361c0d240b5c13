//! The table of decisions of protocol.md, section 2, row by row.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::BTreeSet;

use vssim_model::documents::{RestoreMethodKind as M, RestoreTarget as T};
use vssim_model::file_spec::FileSet;

use super::rules::{ComponentSet, Decision, Directed, Mapping, Place, Range, Refusal, Service, When, decide};

const A: &str = r"C:\Data\a.db";
const B: &str = r"C:\Data\b.db";

/// Two files: which are there, which cannot be written, how the service is, and what it holds open.
#[derive(Default)]
struct Machine {
    there: BTreeSet<&'static str>,
    locked: BTreeSet<&'static str>,
    held: BTreeSet<&'static str>,
    service: Option<Service>,
}

impl Place for Machine {
    fn exists(&self, path: &str) -> bool {
        self.there.contains(path)
    }

    fn writable(&self, path: &str, stopped: Option<&str>) -> bool {
        let held = self.held.contains(path) && self.service != Some(Service::Stopped) && stopped != Some("Orders");
        !self.locked.contains(path) && !held
    }

    fn service(&self, name: &str) -> Option<Service> {
        self.service.filter(|_| name == "Orders")
    }
}

fn machine(there: &[&'static str], locked: &[&'static str]) -> Machine {
    Machine {
        there: there.iter().copied().collect(),
        locked: locked.iter().copied().collect(),
        held: BTreeSet::new(),
        service: Some(Service::Stoppable),
    }
}

fn mappings() -> Vec<Mapping> {
    vec![Mapping { files: FileSet::new(r"C:\Data", "*.db", false).unwrap(), to: r"D:\Back".to_owned() }]
}

fn outcome(method: M, target: T, mappings: &[Mapping], machine: &Machine) -> Result<Decision, Refusal> {
    let (new_targets, directed) = (&[], &[]);
    let set =
        ComponentSet { method, service: Some("Orders"), target, files: vec![A, B], mappings, new_targets, directed };
    decide(&set, machine)
}

/// `original`, `alternate`, `reboot` or `error`.
fn word(found: &Result<Decision, Refusal>) -> &'static str {
    let Ok(decision) = found else { return "error" };
    let all = |is: fn(&super::rules::Placed) -> bool| decision.files.len() == 2 && decision.files.iter().all(is);
    if all(|placed| placed.when == When::AtReboot) {
        "reboot"
    } else if all(|placed| placed.mapping.is_none() && placed.to.starts_with(r"C:\Data\")) {
        "original"
    } else if all(|placed| placed.mapping == Some(0) && placed.to.starts_with(r"D:\Back\")) {
        "alternate"
    } else {
        "mixed"
    }
}

#[test]
fn the_table_of_decisions_row_by_row() {
    let (none, both) = (machine(&[], &[]), machine(&[A, B], &[]));
    let (one, locked) = (machine(&[A], &[]), machine(&[A, B], &[B]));
    let uncreatable = machine(&[A], &[B]);
    let full_elsewhere = machine(&[A, B], &[B, r"D:\Back\b.db"]);
    let elsewhere_there = machine(&[A, B, r"D:\Back\a.db", r"D:\Back\b.db"], &[B]);
    // Method, then for each machine: with mappings, without.
    let machines = [&none, &both, &one, &locked, &uncreatable, &full_elsewhere, &elsewhere_there];
    let (o, a, r, e) = ("original", "alternate", "reboot", "error");
    let rows = [
        (M::RestoreIfNotThere, [[o, o], [a, e], [a, e], [a, e], [a, e], [e, e], [a, e]]),
        (M::RestoreIfCanReplace, [[o, o], [o, o], [o, o], [a, e], [a, e], [e, e], [a, e]]),
        (M::StopRestoreStart, [[o, o], [o, o], [o, o], [a, e], [a, e], [e, e], [a, e]]),
        (M::RestoreStopStart, [[o, o], [o, o], [o, o], [a, e], [a, e], [e, e], [a, e]]),
        (M::RestoreToAlternateLocation, [[a, e], [a, e], [a, e], [a, e], [a, e], [e, e], [a, e]]),
        (M::RestoreAtReboot, [[r, r], [r, r], [r, r], [r, r], [r, r], [r, r], [r, r]]),
        (M::RestoreAtRebootIfCannotReplace, [[o, o], [o, o], [r, r], [r, r], [r, r], [r, r], [r, r]]),
        (M::Custom, [[e, e], [e, e], [e, e], [e, e], [e, e], [e, e], [e, e]]),
        (M::Undefined, [[e, e], [e, e], [e, e], [e, e], [e, e], [e, e], [e, e]]),
    ];
    for (method, row) in rows {
        for (at, (machine, [with, without])) in machines.iter().zip(row).enumerate() {
            assert_eq!(word(&outcome(method, T::Original, &mappings(), machine)), with, "{method}, machine {at}");
            assert_eq!(word(&outcome(method, T::Undefined, &[], machine)), without, "{method}, machine {at}, unmapped");
        }
    }
}

#[test]
fn an_alternate_target_decides_over_every_method_but_those_at_the_reboot() {
    let both = machine(&[A, B], &[]);
    for (method, with, without) in [
        (M::RestoreIfNotThere, "alternate", "error"),
        (M::RestoreIfCanReplace, "alternate", "error"),
        (M::StopRestoreStart, "alternate", "error"),
        (M::RestoreToAlternateLocation, "alternate", "error"),
        (M::RestoreAtReboot, "reboot", "reboot"),
        (M::RestoreAtRebootIfCannotReplace, "original", "original"),
    ] {
        assert_eq!(word(&outcome(method, T::Alternate, &mappings(), &both)), with, "{method}");
        assert_eq!(word(&outcome(method, T::Alternate, &[], &both)), without, "{method}");
    }
}

#[test]
fn a_service_that_runs_and_cannot_be_stopped_is_an_error() {
    let mut machine = machine(&[A, B], &[]);
    machine.held = [A].into();
    let found = outcome(M::StopRestoreStart, T::Original, &[], &machine).unwrap();
    assert_eq!((found.stop_before.as_deref(), found.stop_after), (Some("Orders"), None));
    // The same files are out of reach for a method that stops nothing.
    assert_eq!(outcome(M::RestoreIfCanReplace, T::Original, &[], &machine), Err(Refusal::NoMapping(A.to_owned())));
    machine.service = Some(Service::Stopped);
    assert_eq!(word(&outcome(M::StopRestoreStart, T::Original, &[], &machine)), "original");
    machine.service = Some(Service::Unstoppable);
    let refused = Err(Refusal::ServiceRuns("Orders".to_owned()));
    assert_eq!(outcome(M::StopRestoreStart, T::Original, &mappings(), &machine), refused);
    machine.service = None;
    assert_eq!(outcome(M::RestoreStopStart, T::Original, &mappings(), &machine), Err(Refusal::NoService));
}

#[test]
fn directed_ranges_go_where_they_are_directed() {
    let ranges = vec![Range { from: 0, to: 4096, length: 100 }];
    let to = r"C:\Data\moved.db".to_owned();
    let directed = [Directed { from: A.to_ascii_uppercase(), to: to.clone(), ranges: ranges.clone() }];
    let mut set = ComponentSet {
        method: M::RestoreIfCanReplace,
        service: None,
        target: T::Directed,
        files: vec![A],
        mappings: &[],
        new_targets: &[],
        directed: &directed,
    };
    let found = decide(&set, &machine(&[A], &[])).unwrap();
    assert_eq!(found.files.len(), 1);
    assert_eq!((&found.files[0].to, &found.files[0].ranges), (&to, &Some(ranges)));
    set.files.push(B);
    assert_eq!(decide(&set, &machine(&[A], &[])), Err(Refusal::NotDirected(B.to_owned())));
}

#[test]
fn a_new_target_takes_its_files_out_of_the_decision() {
    let target = [Mapping { files: FileSet::new(r"C:\Data", "b.db", false).unwrap(), to: r"E:\New\".to_owned() }];
    let set = ComponentSet {
        method: M::RestoreIfNotThere,
        service: None,
        target: T::Original,
        files: vec![A, B],
        mappings: &[],
        new_targets: &target,
        directed: &[],
    };
    let found = decide(&set, &machine(&[B], &[])).unwrap();
    let places: BTreeSet<&str> = found.files.iter().map(|placed| placed.to.as_str()).collect();
    assert_eq!(places, [A, r"E:\New\b.db"].into());
}

#[test]
fn folders_below_a_mapped_one_keep_their_names() {
    let mapping = Mapping { files: FileSet::new(r"C:\Data\", "*", true).unwrap(), to: r"D:\Back".to_owned() };
    assert_eq!(mapping.of(r"C:\Data\2024\may\a.db").as_deref(), Some(r"D:\Back\2024\may\a.db"));
    assert_eq!(mapping.of(r"C:\Database\a.db"), None);
}
