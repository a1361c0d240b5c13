//! Checks of the requesters' scripts and of what is expected.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use crate::error::{ErrorKind, Problem, one_of, shortened};
use crate::scalars::{Code, Name};
use crate::syntax::requester::{Asynchronous, Backup, Components, OfVolume, OnFailure, Privileges, Requester, Step};
use crate::yaml::{At, Pos};

/// The documented methods whose code can be expected at the end of a run.
const METHODS: &[&str] = &[
    "CreateVssBackupComponents",
    "InitializeForBackup",
    "SetContext",
    "SetBackupState",
    "EnableWriterClasses",
    "DisableWriterClasses",
    "DisableWriterInstances",
    "GatherWriterMetadata",
    "GetWriterMetadataCount",
    "GetWriterMetadata",
    "FreeWriterMetadata",
    "AddComponent",
    "StartSnapshotSet",
    "IsVolumeSupported",
    "AddToSnapshotSet",
    "SetBackupOptions",
    "SetPreviousBackupStamp",
    "PrepareForBackup",
    "GatherWriterStatus",
    "GetWriterStatusCount",
    "GetWriterStatus",
    "FreeWriterStatus",
    "DoSnapshotSet",
    "GetSnapshotProperties",
    "SetBackupSucceeded",
    "BackupComplete",
    "AbortBackup",
    "SaveAsXML",
    "InitializeForRestore",
    "PreRestore",
    "PostRestore",
    "Release",
    "Wait",
    "QueryStatus",
    "Cancel",
];

/// How often a script may be repeated.
const MOST_REPEATS: u32 = 1000;

/// Whether a failure is expected, so that an argument may name what does not exist.
fn expects_failure(expect: Option<&At<Code>>) -> bool {
    expect.is_some_and(|code| code.0.is_failure())
}

impl Resolver<'_> {
    pub(super) fn requesters(&mut self) {
        let document = self.document;
        for requester in &document.requesters {
            self.script(requester);
            if let Some(repeat) = requester.repeat.as_ref().filter(|repeat| !(1..=MOST_REPEATS).contains(&repeat.0)) {
                let problem = Problem::new(ErrorKind::OutOfRange, format!("a script cannot run {} times", repeat.0));
                self.problem(problem.expected(format!("1 to {MOST_REPEATS}")), repeat.pos);
            }
            let mut seen = BTreeSet::new();
            for sin in &requester.misbehaviours {
                if !seen.insert(sin.value) {
                    let what = format!("the misbehaviour `{}` is given twice", sin.word());
                    self.problem(Problem::new(ErrorKind::DuplicateName, what), sin.pos);
                }
            }
        }
    }

    fn script(&mut self, requester: &Requester) {
        let mut operations = BTreeMap::new();
        let mut handed = BTreeMap::new();
        let may = self.document.machine.registry.permits(requester.account.as_ref(), 2);
        let mut privileged = may;
        for step in &requester.script {
            match &step.value {
                Step::Privileges(held) => privileged = may && held.value == Privileges::Backup,
                Step::Call(_) | Step::Sleep(_) | Step::Crash(_) => {}
                // A typed call does not say who makes it.
                _ if !privileged => {
                    let what = "without privileges only `call` can be made to fail for want of them";
                    let problem = Problem::new(ErrorKind::Contradiction, what);
                    let expected = match may {
                        true => "`call`, or `privileges: backup` before this step",
                        false => "`call`: the account may be no requester, whatever privileges it asks for",
                    };
                    self.problem(problem.expected(expected), step.pos);
                }
                _ => {}
            }
            match &step.value {
                Step::GatherWriterMetadata(call)
                | Step::PrepareForBackup(call)
                | Step::GatherWriterStatus(call)
                | Step::DoSnapshotSet(call)
                | Step::PreRestore(call)
                | Step::PostRestore(call)
                | Step::BackupComplete(call) => self.asynchronous(call, step.pos, &mut operations),
                Step::Wait(call) => self.operation(&call.operation, &operations),
                Step::QueryStatus(call) | Step::Cancel(call) => self.operation(&call.operation, &operations),
                Step::EnableWriterClasses(call)
                | Step::DisableWriterClasses(call)
                | Step::DisableWriterInstances(call) => {
                    for writer in &call.writers {
                        self.a_writer(writer);
                    }
                }
                Step::AddComponents(which) => {
                    for component in which.chosen.iter().flatten() {
                        self.a_component(component);
                    }
                }
                Step::AddComponent(call) => self.component_of(&call.component, call.expect.as_ref()),
                Step::SetBackupOptions(call) | Step::SetPreviousBackupStamp(call) => {
                    self.component_of(&call.component, call.expect.as_ref());
                }
                Step::SetBackupSucceeded(call) => self.component_of(&call.component, call.expect.as_ref()),
                Step::IsVolumeSupported(call) | Step::AddToSnapshotSet(call) => self.of_volume(call),
                Step::GetSnapshotProperties(call) if !expects_failure(call.expect.as_ref()) => {
                    self.a_volume(&call.volume);
                }
                Step::SelectComponents(chosen) => self.chosen(&chosen.components),
                Step::Restore(restore) => {
                    self.chosen(&restore.components);
                    for call in &restore.calls {
                        self.method(&call.value, &mut handed);
                    }
                }
                Step::Backup(backup) => self.backup(backup, step.pos),
                Step::Call(call) => self.method(call, &mut handed),
                Step::Damage(damage) => self.damage(damage, &handed, true),
                _ => {}
            }
        }
    }

    /// A component that exists, or whose absence is meant: whoever writes the code down, were it success, looks at just
    /// that. Its writer exists in any case, for its ids are passed.
    fn component_of(&mut self, component: &crate::syntax::writer::ComponentRef, expect: Option<&At<Code>>) {
        if expect.is_some() {
            self.a_writer(&component.writer);
        } else {
            self.a_component(component);
        }
    }

    fn asynchronous(&mut self, call: &Asynchronous, pos: Pos, operations: &mut BTreeMap<String, Pos>) {
        match &call.operation {
            Some(name) => {
                if let Some(first) = operations.insert(name.0.clone(), name.pos) {
                    let what =
                        format!("the operation `{}` is given twice, first in line {}", shortened(&name.0), first.line);
                    self.problem(Problem::new(ErrorKind::DuplicateName, what), name.pos);
                }
            }
            None if !call.wait.0 => {
                // Dropping the IVssAsync is legal, but then nothing can ever wait for it: say so where it is written.
                let problem = Problem::new(ErrorKind::MissingKey, "an operation that is not waited for needs a name")
                    .expected("the key `as`");
                self.problem(problem, if call.wait.pos.line > 0 { call.wait.pos } else { pos });
            }
            None => {}
        }
    }

    fn operation(&mut self, name: &At<Name>, operations: &BTreeMap<String, Pos>) {
        if !operations.contains_key(&name.0) && !self.is_full() {
            let known: Vec<&str> = operations.keys().map(String::as_str).collect();
            let problem =
                Problem::new(ErrorKind::UnknownName, format!("no earlier step is called `{}`", shortened(&name.0)))
                    .expected(if known.is_empty() {
                        "an earlier step with the key `as`".to_owned()
                    } else {
                        one_of(known.iter().copied())
                    })
                    .near(&name.0, known.iter().copied());
            self.problem(problem, name.pos);
        }
    }

    fn of_volume(&mut self, call: &OfVolume) {
        if !expects_failure(call.expect.as_ref()) {
            self.a_volume(&call.volume);
        }
        if let Some(provider) = &call.provider {
            self.a_provider(provider);
        }
        if let (Some(_), Some(id)) = (&call.provider, &call.provider_id) {
            let what = "the provider is given by name and by id";
            self.problem(Problem::new(ErrorKind::Contradiction, what).expected("one of them"), id.pos);
        }
    }

    fn backup(&mut self, backup: &Backup, pos: Pos) {
        let mut seen = BTreeSet::new();
        for volume in &backup.volumes {
            self.a_volume(volume);
            if volume.0.ends_with('\\') {
                let what = format!("`{}` ends with a backslash", shortened(&volume.0));
                let problem =
                    Problem::new(ErrorKind::NotAPath, what).expected("the name alone; the macro adds the backslash");
                self.problem(problem, volume.pos);
            } else if !seen.insert(volume.0.to_uppercase()) {
                let what = format!("the volume `{}` is given twice", shortened(&volume.0));
                self.problem(Problem::new(ErrorKind::DuplicateName, what), volume.pos);
            }
        }
        if backup.volumes.is_empty() {
            let problem = Problem::new(ErrorKind::OutOfRange, "a backup of no volumes").expected("at least one volume");
            self.problem(problem, pos);
        }
        self.chosen(&backup.components);
        if let Some(provider) = &backup.provider {
            self.a_provider(provider);
        }
        for writer in &backup.without_writers {
            self.a_writer(writer);
        }
        if backup.retries.0 > 0 && backup.on_failure.value != OnFailure::Abort {
            let problem = Problem::new(ErrorKind::Contradiction, "only an aborted backup is tried again")
                .expected("`on_failure: abort`");
            self.problem(problem, backup.retries.pos);
        }
    }

    fn chosen(&mut self, components: &Components) {
        if let Components::Chosen(chosen) = components {
            for component in chosen {
                self.a_component(component);
            }
        }
    }

    pub(super) fn expectations(&mut self) {
        let expect = &self.document.expect;
        for expected in &expect.hresults {
            if let Some(requester) = &expected.requester {
                self.a_requester(requester);
            }
            if !METHODS.contains(&expected.call.as_str()) {
                let what = format!("`{}` is no method of a requester", shortened(&expected.call.0));
                let problem = Problem::new(ErrorKind::UnknownWord, what)
                    .expected("a documented method, such as `DoSnapshotSet`")
                    .near(&expected.call.0, METHODS.iter().copied());
                self.problem(problem, expected.call.pos);
            }
        }
        let mut seen = BTreeSet::new();
        for expected in &expect.writers {
            self.a_writer(&expected.writer);
            self.once(&expected.writer, &mut seen);
        }
        let mut seen = BTreeSet::new();
        for expected in &expect.consistency {
            self.an_application(&expected.application);
            self.once(&expected.application, &mut seen);
        }
        let mut seen = BTreeSet::new();
        for rule in &expect.violates {
            self.once(rule, &mut seen);
        }
        for entry in &expect.event_log {
            let sources = ["VSS", "volsnap", "Session Manager"];
            let machine = &self.document.machine;
            let mut actors = machine.writers.iter().map(|writer| &writer.name);
            let known = actors.any(|name| name.0 == entry.source.0)
                || machine.providers.iter().any(|provider| provider.name.0 == entry.source.0)
                || self.document.requesters.iter().any(|requester| requester.name.0 == entry.source.0);
            if !known && !sources.contains(&entry.source.as_str()) {
                let what = format!("`{}` writes no events here", shortened(&entry.source.0));
                let problem =
                    Problem::new(ErrorKind::UnknownWord, what).expected(one_of(sources)).near(&entry.source.0, sources);
                self.problem(problem, entry.source.pos);
            }
        }
    }

    fn once(&mut self, name: &At<Name>, seen: &mut BTreeSet<String>) {
        if !seen.insert(name.0.clone()) {
            let what = format!("`{}` is given twice", shortened(&name.0));
            self.problem(Problem::new(ErrorKind::DuplicateName, what), name.pos);
        }
    }
}
