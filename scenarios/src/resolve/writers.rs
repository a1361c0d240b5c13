//! Checks of the writers: their metadata, handlers and misbehaviours.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use crate::error::{ErrorKind, Problem, one_of, shortened};
use crate::scalars::{Name, Text};
use crate::syntax::writer::{
    Action, Component, ComponentRef, Handlers, Inline, MainStep, Metadata, RestoreMethod, Writer,
};
use crate::yaml::{At, Pos};
use vssim_model::release::Release;
use vssim_model::states::WriterEvent;

/// The name under which a component is known: its logical path, empty for the root, and its name.
pub(super) fn full_name(path: Option<&At<Text>>, name: &At<Name>) -> String {
    match path.filter(|path| !path.0.is_empty()) {
        Some(path) => format!("{}\\{}", path.0, name.0),
        None => name.0.clone(),
    }
}

/// The components of a writer whose metadata stands in the scenario, in upper case.
pub(super) fn components(writer: &Writer) -> Option<BTreeSet<String>> {
    match &writer.metadata.value {
        // What it builds when it is asked is known only then.
        Metadata::Inline(_) if builds(writer) => None,
        Metadata::Inline(inline) => {
            let full = |it: &Component| full_name(it.logical_path.as_ref(), &it.name).to_uppercase();
            Some(inline.components.iter().map(full).collect())
        }
        Metadata::File(_) => None,
    }
}

/// Whether its Identify handler adds components.
fn builds(writer: &Writer) -> bool {
    let adds = |action: &Action| match action {
        Action::Call(call) => {
            call.method.0.is_some_and(|method| method.to_string() == "IVssCreateWriterMetadata::AddComponent")
        }
        _ => false,
    };
    writer.handlers.identify.actions.iter().flatten().any(|action| adds(&action.value))
}

impl Resolver<'_> {
    pub(super) fn writers(&mut self) {
        let document = self.document;
        for (at, writer) in document.machine.writers.iter().enumerate() {
            if let Some(application) = &writer.application {
                self.an_application(application);
            }
            if let Some(window) = writer.freeze_timeout.as_ref().filter(|window| window.0.0 == 0) {
                let problem = Problem::new(ErrorKind::OutOfRange, "a freeze window of no time lets nobody freeze")
                    .expected("at least `1ms`; the default is `60s`");
                self.problem(problem, window.pos);
            }
            let in_range = |sessions: &u32| (1..=u32::from(u16::MAX)).contains(sessions);
            if let Some(sessions) = writer.sessions.as_ref().filter(|sessions| !in_range(&sessions.0)) {
                let problem = Problem::new(ErrorKind::OutOfRange, format!("{} sessions", sessions.0))
                    .expected("1 to 65535; the default is 64");
                self.problem(problem, sessions.pos);
            }
            if let Metadata::Inline(inline) = &writer.metadata.value {
                self.metadata(inline);
            }
            let mut handed = BTreeMap::new();
            for step in writer.main.iter().flatten() {
                if let MainStep::Call(call) = &step.value {
                    self.method(call, &mut handed);
                }
            }
            self.handlers(at, &writer.handlers, handed);
            let mut seen = BTreeSet::new();
            for sin in &writer.misbehaviours {
                if !seen.insert(format!("{:?}", sin.value)) {
                    self.problem(Problem::new(ErrorKind::DuplicateName, "the misbehaviour is given twice"), sin.pos);
                }
            }
        }
    }

    fn metadata(&mut self, inline: &Inline) {
        if let Some(restore) = &inline.restore {
            let stops = [RestoreMethod::StopRestoreStart, RestoreMethod::RestoreStopStart];
            let stops = stops.contains(&restore.method.value);
            if stops && restore.service.is_none() {
                let problem = Problem::new(ErrorKind::MissingKey, "`stop-restore-start` needs a service to stop")
                    .expected("the key `service`");
                self.problem(problem, restore.method.pos);
            }
        }
        self.of_the_release(inline);
        // A component's path and name together are unique within a writer (C-05).
        let mut seen = BTreeSet::new();
        for component in &inline.components {
            let name = full_name(component.logical_path.as_ref(), &component.name);
            if !seen.insert(name.to_uppercase()) {
                let what = format!("the component `{}` is given twice", shortened(&name));
                self.problem(Problem::new(ErrorKind::DuplicateName, what), component.name.pos);
            }
            for dependency in &component.dependencies {
                let remote = |text: &str| text.starts_with(r"\\");
                if dependency.logical_path.as_ref().is_some_and(|path| remote(&path.0)) || remote(&dependency.name.0) {
                    // Components of another computer are not known here; the writer gives the class.
                    self.a_writer(&dependency.writer);
                } else {
                    self.a_component(dependency);
                }
            }
        }
    }

    /// The release has what the document needs: methods, and bits of their arguments (VER-008, VER-011, VER-014).
    fn of_the_release(&mut self, inline: &Inline) {
        for schema in &inline.schema {
            let bit = schema.value.bit();
            let what = format!("the schema `{}`", schema.value.word());
            self.known(&what, schema.pos, |release| release.backup_schemas().0 & bit != 0);
        }
        for component in &inline.components {
            for flag in &component.flags {
                let bit = flag.value.bit();
                let what = format!("the flag `{}`", flag.value.word());
                self.known(&what, flag.pos, |release| release.component_flags().0 & bit != 0);
            }
            for dependency in &component.dependencies {
                self.known("dependencies of components", dependency.name.pos, Release::has_component_dependencies);
            }
        }
        for set in &inline.exclude_from_snapshot {
            let has = |release: Release| {
                release.has_method("IVssCreateWriterMetadataEx", "AddExcludeFilesFromSnapshot").is_ok()
            };
            self.known("files that are excluded from shadow copies", set.path.pos, has);
        }
    }

    /// Something that only newer releases may know.
    fn known(&mut self, what: &str, pos: Pos, knows: impl Fn(Release) -> bool) {
        let release = self.document.release.0;
        if knows(release) {
            return;
        }
        let mut problem = Problem::new(ErrorKind::Contradiction, format!("{release} does not know {what}"));
        if let Some(first) = Release::ALL.iter().find(|release| knows(**release)) {
            problem = problem.expected(format!("{first}, which knows it first, or a later release"));
        }
        self.problem(problem, pos);
    }

    /// A writer that exists and, where its metadata is at hand, has the component.
    pub(super) fn a_component(&mut self, component: &ComponentRef) {
        if let Some(at) = self.a_writer(&component.writer) {
            self.has_component(at, component.logical_path.as_ref(), &component.name);
        }
    }

    fn has_component(&mut self, writer: usize, path: Option<&At<Text>>, name: &At<Name>) {
        let Some(Some(known)) = self.components.get(writer) else { return };
        let full = full_name(path, name);
        if known.contains(&full.to_uppercase()) || self.is_full() {
            return;
        }
        let Some(writer) = self.document.machine.writers.get(writer) else { return };
        let Metadata::Inline(inline) = &writer.metadata.value else { return };
        let known: Vec<String> =
            inline.components.iter().map(|it| full_name(it.logical_path.as_ref(), &it.name)).collect();
        let what = format!("writer `{}` has no component `{}`", writer.name.0, shortened(&full));
        let expected = if known.is_empty() {
            "the writer has no components".to_owned()
        } else {
            format!("a name that exists: {}", one_of(known.iter().map(String::as_str)))
        };
        let problem =
            Problem::new(ErrorKind::UnknownName, what).expected(expected).near(&full, known.iter().map(String::as_str));
        self.problem(problem, name.pos);
    }

    fn handlers(&mut self, writer: usize, handlers: &Handlers, mut handed: BTreeMap<String, Pos>) {
        for event in WriterEvent::ALL {
            let Some(handler) = handlers.of(*event) else { continue };
            for action in handler.actions.iter().flatten() {
                match &action.value {
                    Action::Call(call) => self.method(call, &mut handed),
                    Action::Damage(damage) => self.damage(damage, &handed, false),
                    other => self.action(writer, *event, other, action.pos),
                }
            }
            if let Some(times) = handler.times.as_ref().filter(|_| handler.veto.is_none() && handler.returns.is_none())
            {
                let problem = Problem::new(ErrorKind::Contradiction, "`times` counts failures, and there are none")
                    .expected("`veto` or `returns` beside it");
                self.problem(problem, times.pos);
            }
        }
    }

    fn a_service(&mut self, name: &At<Name>) {
        let services = &self.document.machine.services;
        if !services.iter().any(|service| service.name.0 == name.0) {
            let what = format!("there is no service `{}`", crate::error::shortened(&name.0));
            let known = services.iter().map(|service| service.name.0.as_str());
            let problem = Problem::new(ErrorKind::UnknownName, what).expected("a service of the machine");
            self.problem(problem.near(&name.0, known), name.pos);
        }
    }

    fn action(&mut self, writer: usize, event: WriterEvent, action: &Action, pos: Pos) {
        match action {
            Action::Quiesce(name) | Action::Resume(name) | Action::TruncateLog(name) => self.an_application(name),
            Action::SetBackupMetadata(of) | Action::SetBackupStamp(of) => {
                self.has_component(writer, of.logical_path.as_ref(), &of.component);
            }
            Action::SetFailureMessage(of) => {
                self.has_component(writer, of.logical_path.as_ref(), &of.component);
                if !matches!(event, WriterEvent::PrepareForBackup | WriterEvent::PostSnapshot) {
                    let what = format!("there is no failure message for {event}");
                    let problem = Problem::new(ErrorKind::Contradiction, what)
                        .expected("the handler of PrepareForBackup or PostSnapshot");
                    self.problem(problem, pos);
                }
            }
            Action::GetBackupSucceeded(of) => self.has_component(writer, of.logical_path.as_ref(), &of.component),
            Action::WriteToCopy(write) => {
                self.on_a_volume(&write.path);
                if write.length.0 == 0 {
                    let problem =
                        Problem::new(ErrorKind::ImpossibleSize, "a write of no bytes").expected("at least 1 B");
                    self.problem(problem, write.length.pos);
                }
            }
            Action::StopService(name) | Action::StartService(name) => self.a_service(name),
            Action::DeleteExcluded(_) | Action::Work(_) | Action::Call(_) | Action::Damage(_) => {}
        }
    }
}
