//! What tells one state from another, where a world keeps it as a moment, a random id or a number of the trace.
//!
//! None of these has a part in a state's identity as it is: a search would never meet a state twice. What they decide has one:
//!
//! ```text
//!  number of an object    ──► its place among those that live
//!  id in a document       ──► the writer of that instance, or the how-maniest of the text it is
//!  a moment that is past  ──► its rank among those that files are compared with
//!  a moment to come       ──► how far away it is
//! ```
//!
//! When files were written decides only which of them a differenced entry names. In a plan in which no writer can make such an
//! entry, moments tell nothing apart.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use vssim_model::api::Value;
use vssim_model::documents::{BackupComponents, ComponentView, Part, WriterComponents};
use vssim_model::ids::{Guid, WriterInstanceId};
use xxhash_rust::xxh3::Xxh3;

use crate::plan::{Argument, MethodOp, Op, Plan};
use crate::service::Object;
use crate::storage::{FileTable, Snapshot};
use crate::world::World;

/// The attributes that hold random ids end so: `instanceId`, `selectedInstanceId`, `snapshotSetId`.
const RANDOM: [&str; 3] = ["instanceId", "InstanceId", "snapshotSetId"];

/// The moments that the scripts of a plan may say to compare files with.
#[derive(Clone, Debug)]
pub(crate) enum Compared {
    /// No script can make a differenced entry.
    Nothing,
    /// Scripts can, with these times.
    With(Arc<[u64]>),
}

impl Compared {
    /// What the scripts of writers and requesters may say.
    pub(crate) fn of(plan: &Plan) -> Compared {
        let writers = plan.writers.iter().flat_map(|writer| {
            let background = writer.background.iter().map(|(_, script)| script);
            writer.handlers.values().chain(&writer.main).chain(background)
        });
        let scripts = writers.chain(plan.requesters.iter().map(|requester| &requester.script));
        let calls = scripts.flat_map(|script| script.iter()).filter_map(|op| match op {
            Op::Method(call) => Some(&**call),
            _ => None,
        });
        let mut moments = BTreeSet::new();
        let mut any = false;
        for call in calls {
            match call.method.method.name {
                "AddDifferencedFilesByLastModifyTime" => {
                    any = true;
                    moments.extend(time_of(call));
                }
                // A stored document may hold entries; their times are found in the document once it is there.
                "InitializeForBackup" => any |= !call.arguments.is_empty(),
                _ => {}
            }
        }
        if any { Compared::With(moments.into_iter().collect()) } else { Compared::Nothing }
    }
}

/// The time that a call names as one to compare with.
fn time_of(call: &MethodOp) -> Option<u64> {
    let (_, time) = call.arguments.iter().find(|(name, _)| name == "ftLastModifyTime")?;
    match time {
        Argument::Value(Value::Number(time)) => u64::try_from(*time).ok(),
        Argument::Value(Value::Text(time)) => time.parse().ok(),
        _ => None,
    }
}

/// A random id, as documents write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id<'t> {
    Guid(Guid),
    /// What is no GUID: somebody damaged it.
    Text(&'t str),
}

impl Id<'_> {
    fn of(text: &str) -> Id<'_> {
        text.parse().map_or(Id::Text(text), Id::Guid)
    }
}

/// The random ids that texts have had so far. They begin with the instances of the writers, by number: a document that names one of
/// them means that writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids<'t>(Vec<Id<'t>>);

impl<'t> Ids<'t> {
    /// Those of these writers.
    pub(crate) fn of(writers: impl Iterator<Item = WriterInstanceId>) -> Ids<'t> {
        Ids(writers.map(|instance| Id::Guid(instance.0)).collect())
    }

    fn place_of(&mut self, id: Id<'t>) -> usize {
        let known = self.0.iter().position(|known| *known == id);
        known.unwrap_or_else(|| {
            self.0.push(id);
            self.0.len() - 1
        })
    }

    /// Which of them an instance is; the next one if it is new.
    pub(crate) fn place(&mut self, instance: WriterInstanceId) -> usize {
        self.place_of(Id::Guid(instance.0))
    }

    /// Which of them an instance is, if it is not new.
    pub(crate) fn known(&self, instance: WriterInstanceId) -> Option<usize> {
        self.0.iter().position(|known| *known == Id::Guid(instance.0))
    }
}

/// Hashes the text of a document. A random id counts as the how-maniest it is.
pub(crate) fn hash_document<'t, H: Hasher>(text: &'t str, ids: &mut Ids<'t>, state: &mut H) {
    let mut before = "";
    for part in text.split('"') {
        let name = before.strip_suffix('=').unwrap_or_default();
        if RANDOM.iter().any(|random| name.ends_with(random)) {
            state.write_usize(ids.place_of(Id::of(part)));
        } else {
            part.hash(state);
        }
        before = part;
    }
}

/// Hashes a document that lives, as [`hash_document`] does its text.
fn hash_living<'t, H: Hasher>(document: &'t BackupComponents, ids: &mut Ids<'t>, state: &mut H) {
    document.visit(|part| match part {
        Part::Element(name) => {
            state.write_u8(0);
            name.hash(state);
        }
        Part::Attribute { name, value } => {
            state.write_u8(1);
            name.hash(state);
            if RANDOM.iter().any(|random| name.ends_with(random)) {
                state.write_usize(ids.place_of(Id::of(value)));
            } else {
                value.hash(state);
            }
        }
        Part::End => state.write_u8(2),
    });
}

/// The moments that files may be compared with, and now.
struct Moments {
    now: u64,
    /// In order, none of them to come.
    past: Vec<u64>,
}

impl Moments {
    fn hash<H: Hasher>(&self, moment: u64, state: &mut H) {
        if let Some(ahead) = moment.checked_sub(self.now).filter(|ahead| *ahead > 0) {
            state.write_u8(1);
            state.write_u64(ahead);
            return;
        }
        let rank = self.past.partition_point(|known| *known < moment);
        state.write_u8(0);
        state.write_usize(rank);
        state.write_u8(u8::from(self.past.get(rank) == Some(&moment)));
    }

    fn hash_files<H: Hasher>(&self, files: &FileTable, state: &mut H) {
        for (file, _) in files.files() {
            self.hash(files.modified(file), state);
        }
    }
}

impl World {
    /// What tells this state from others: nothing of the trace, of absolute time, of insertion numbers or random ids.
    #[must_use]
    pub fn identity(&self) -> u128 {
        let mut hasher = Xxh3::new();
        self.hash(&mut hasher);
        hasher.digest128()
    }

    /// The documents of an object, what of it is in the store, and what was chosen for its restore.
    fn hash_object<H: Hasher>(&self, object: &Object, ids: &Ids<'_>, state: &mut H) {
        let number = object.number.0;
        let place = |text: &str| self.store.backups.iter().position(|backup| &*backup.backup_components == text);
        hash_living(&object.document, &mut ids.clone(), state);
        // Which backup a restore reads; the text of the document alone does not say it.
        object.restored_from.as_deref().map(place).hash(state);
        self.service.left_out(object).hash(state);
        self.copying.hash_object(number, &self.store, ids, state);
        for name in self.restores.chosen(number) {
            (&name.writer, &name.logical_path, &name.name).hash(state);
        }
    }

    /// When files were written, as far as it decides anything.
    fn hash_moments<H: Hasher>(&self, state: &mut H) {
        let differenced = |document: &BackupComponents| -> Vec<u64> {
            let components = document.writers().flat_map(WriterComponents::components);
            components.flat_map(ComponentView::differenced_files).map(|(_, _, _, time)| time).collect()
        };
        let named: Vec<u64> =
            self.service.objects.iter().flat_map(|(_, object)| differenced(&object.document)).collect();
        let of_scripts: &[u64] = match &self.compared {
            Compared::Nothing if named.is_empty() => return,
            Compared::Nothing => &[],
            Compared::With(moments) => moments,
        };
        let now = self.plan.start + self.now.0;
        let copies = self.storage.volumes().iter().filter_map(|volume| self.storage.snapshots(volume.id()).ok());
        let copies: Vec<&Snapshot> = copies.flatten().collect();
        let created = copies.iter().map(|copy| copy.created());
        let taken = self.store.backups.iter().map(|backup| backup.taken);
        // A backup of which nothing is known yet may show the moment of a shadow copy that is there, or one to come.
        let compared: Vec<u64> =
            named.into_iter().chain(of_scripts.iter().copied()).chain(created).chain(taken).collect();
        let mut past: Vec<u64> = compared.iter().copied().filter(|moment| *moment < now).collect();
        past.sort_unstable();
        past.dedup();
        past.push(now);
        let moments = Moments { now, past };
        for moment in compared {
            moments.hash(moment, state);
        }
        for volume in self.storage.volumes() {
            moments.hash_files(volume.files(), state);
        }
        for copy in copies {
            moments.hash_files(copy.file_table(), state);
        }
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ids = self.service.known_instances();
        self.queue.hash_relative(self.now, state);
        self.service.hash(state);
        self.processes.hash(state);
        self.applications.hash(state);
        self.kernel.hash(state);
        self.storage.hash(state);
        self.store.hash_with(&ids, state);
        self.restores.hash(state);
        self.calls.hash(state);
        self.watch.hash(state);
        // Which of two objects is the later one decides what a writer works for outside of its handlers.
        let mut by_age: Vec<(u32, u32)> =
            self.service.objects.iter().map(|(place, object)| (object.number.0, place)).collect();
        by_age.sort_unstable();
        by_age.iter().for_each(|(_, place)| place.hash(state));
        for (place, object) in self.service.objects.iter() {
            state.write_u32(place);
            self.hash_object(object, &ids, state);
        }
        for text in self.service.express_documents() {
            hash_document(text, &mut ids.clone(), state);
        }
        self.hash_moments(state);
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
