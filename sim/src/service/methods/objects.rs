//! The objects that calls hand back: who holds them, and what they are.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use vssim_model::api::{MethodCall, Value};
use vssim_model::documents::{ExaminedComponent, ExaminedMetadata, WriterMetadataBuilder};
use vssim_model::hresult::HResult;

use super::Caller;
use super::examine::Dependency;
use super::express::ExpressWriter;
use super::filedesc::Filedesc;
use crate::plan::ActorId;
use crate::service::Service;
use crate::unhashed::Unhashed;

/// An object that a caller holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Object {
    /// IVssExamineWriterMetadata.
    Examine(Unhashed<ExaminedMetadata>),
    /// IVssWMComponent.
    MetadataComponent(Unhashed<ExaminedComponent>),
    /// IVssWriterComponents(Ext): a writer and its components in a Backup Components Document, read live
    /// (nf-vsbackup-ivssbackupcomponents-getwritercomponents.md). A writer gets it with an event.
    WriterComponents {
        /// The backup components object, by its place among the service's.
        backup: u32,
        /// The writer's place in the document.
        writer: usize,
    },
    /// IVssComponent: a component in a Backup Components Document, read live.
    Component {
        /// The backup components object, by its place among the service's.
        backup: u32,
        /// The writer's place in the document.
        writer: usize,
        /// The component's place among the writer's.
        component: usize,
    },
    /// IVssWMFiledesc.
    Filedesc(Filedesc),
    /// IVssEnumObject.
    Enumeration(super::enumeration::Enumeration),
    /// IVssWMDependency.
    Dependency(Dependency),
    /// IVssExpressWriter.
    ExpressWriter(ExpressWriter),
    /// IVssCreateExpressWriterMetadata.
    ExpressMetadata(Unhashed<WriterMetadataBuilder>),
}

impl Object {
    /// The backup components object whose document it shows.
    const fn backup(&self) -> Option<u32> {
        match self {
            Object::WriterComponents { backup, .. } | Object::Component { backup, .. } => Some(*backup),
            _ => None,
        }
    }
}

/// The objects of all processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// By holder and number.
    objects: BTreeMap<ActorId, BTreeMap<u32, Object>>,
    /// Those that show the document of a backup components object, by that object and their holder.
    shown: BTreeMap<u32, BTreeMap<ActorId, BTreeSet<u32>>>,
    made: u32,
}

/// By their order alone: numbers only grow, and what shows a document says so itself. A search would never come back to a state.
impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (holder, objects) in self.objects.iter().filter(|(_, objects)| !objects.is_empty()) {
            (holder, objects.len()).hash(state);
            for object in objects.values() {
                object.hash(state);
                if let Object::ExpressWriter(writer) = object {
                    let metadata = writer.metadata_made();
                    metadata.map(|made| objects.range(..made).count()).hash(state);
                }
            }
        }
        state.write_u8(u8::MAX);
    }
}

impl Held {
    fn add(&mut self, holder: ActorId, object: Object) -> u32 {
        self.made += 1;
        let number = self.made;
        if let Some(backup) = object.backup() {
            self.shown.entry(backup).or_default().entry(holder).or_default().insert(number);
        }
        self.objects.entry(holder).or_default().insert(number, object);
        number
    }

    /// An object of an actor's.
    fn get(&self, holder: ActorId, number: u32) -> Option<&Object> {
        self.objects.get(&holder)?.get(&number)
    }

    /// An object of an actor's, to be changed.
    pub(in crate::service) fn get_mut(&mut self, holder: ActorId, number: u32) -> Option<&mut Object> {
        self.objects.get_mut(&holder)?.get_mut(&number)
    }

    /// All processes are gone.
    pub(in crate::service) fn forget_all(&mut self) {
        self.objects.clear();
        self.shown.clear();
    }

    /// The process is gone, and all that it held.
    pub(in crate::service) fn forget(&mut self, holder: ActorId) {
        let objects = self.objects.remove(&holder).unwrap_or_default();
        for backup in objects.values().filter_map(Object::backup) {
            self.no_longer_shown(holder, backup);
        }
    }

    /// The backup components object is gone, and all that shows its document.
    pub(in crate::service) fn forget_backup(&mut self, backup: u32) {
        for (holder, numbers) in self.shown.remove(&backup).unwrap_or_default() {
            self.drop_all(holder, &numbers);
        }
    }

    /// What the holder has of this backup's document is no longer good: PrepareForBackup, DoSnapshotSet, BackupComplete,
    /// PreRestore, PostRestore and the release of the backup components object make it invalid
    /// (nf-vsbackup-ivssbackupcomponents-getwritercomponents.md).
    pub(in crate::service) fn invalidate(&mut self, holder: ActorId, backup: u32) {
        let numbers = self.no_longer_shown(holder, backup);
        self.drop_all(holder, &numbers);
    }

    /// The holder's program has no variable left that names these objects, so it has released them. The metadata of an express
    /// writer stay: the writer goes on naming them until it is registered.
    pub(crate) fn release(&mut self, holder: ActorId, numbers: &[u32]) {
        let Some(objects) = self.objects.get_mut(&holder) else { return };
        for number in numbers {
            if matches!(objects.get(number), None | Some(Object::ExpressMetadata(_))) {
                continue;
            }
            let backup = objects.remove(number).and_then(|object| object.backup());
            let of_backup = backup.and_then(|backup| self.shown.get_mut(&backup)?.get_mut(&holder));
            if let Some(shown) = of_backup {
                shown.remove(number);
            }
        }
    }

    fn no_longer_shown(&mut self, holder: ActorId, backup: u32) -> BTreeSet<u32> {
        let holders = self.shown.get_mut(&backup);
        holders.and_then(|holders| holders.remove(&holder)).unwrap_or_default()
    }

    fn drop_all(&mut self, holder: ActorId, numbers: &BTreeSet<u32>) {
        if let Some(objects) = self.objects.get_mut(&holder) {
            for number in numbers {
                objects.remove(number);
            }
        }
    }
}

impl Service {
    /// Hands an object to the caller.
    pub(super) fn hand_out(&mut self, caller: Caller, object: Object) -> Value {
        Value::Object { object: self.held.add(caller.actor, object) }
    }

    /// The object that a call is made on.
    ///
    /// # Errors
    /// `E_INVALIDARG` for a pointer to no object of the caller's (docs/choices.md, S-01).
    pub(super) fn object_of(&self, caller: Caller, call: &MethodCall) -> Result<&Object, HResult> {
        let found = call.on.as_object().and_then(|number| self.held.get(caller.actor, number));
        found.ok_or(HResult::E_INVALIDARG)
    }

    /// The object that a call is made on, to be changed.
    ///
    /// # Errors
    /// As [`Self::object_of`].
    pub(super) fn object_of_mut(&mut self, caller: Caller, call: &MethodCall) -> Result<&mut Object, HResult> {
        let found = call.on.as_object().and_then(|number| self.held.get_mut(caller.actor, number));
        found.ok_or(HResult::E_INVALIDARG)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up fails")]

    use std::sync::Arc;

    use super::*;
    use crate::choices::Seeded;
    use crate::fixture::{Small, small};
    use crate::plan::{Argument, MethodOp, Op, OpenChoices};
    use crate::record::Off;
    use crate::run::{build, drive};

    const ONE: ActorId = ActorId::Requester(0);
    const OTHER: ActorId = ActorId::Writer(0);

    fn shows(backup: u32) -> Object {
        Object::WriterComponents { backup, writer: 0 }
    }

    #[test]
    fn what_shows_a_document_goes_with_its_holder_or_with_the_backup() {
        let mut held = Held::default();
        let all = [(ONE, 1), (ONE, 2), (OTHER, 1)].map(|(holder, backup)| (holder, held.add(holder, shows(backup))));
        let apart = held.add(ONE, Object::ExpressWriter(ExpressWriter::default()));
        let there = |held: &Held| all.map(|(holder, number)| held.get(holder, number).is_some());
        assert_eq!(there(&held), [true; 3]);
        assert!(held.get(OTHER, apart).is_none());
        held.invalidate(ONE, 1);
        assert_eq!(there(&held), [false, true, true]);
        held.forget_backup(1);
        assert_eq!(there(&held), [false, true, false]);
        held.forget(ONE);
        assert_eq!(there(&held), [false; 3]);
        assert!(held.get(ONE, apart).is_none());
    }

    #[test]
    fn what_is_held_tells_states_apart_and_how_often_something_was_handed_out_does_not() {
        let identity = |held: &Held| {
            let mut digest = xxhash_rust::xxh3::Xxh3::new();
            held.hash(&mut digest);
            digest.digest128()
        };
        let mut held = Held::default();
        let empty = identity(&held);
        let first = held.add(ONE, shows(1));
        let one = identity(&held);
        let second = held.add(ONE, shows(1));
        let two = identity(&held);
        held.release(ONE, &[first]);
        assert_eq!(identity(&held), one);
        held.release(ONE, &[second]);
        assert_eq!(identity(&held), empty);
        held.add(ONE, shows(2));
        let other = identity(&held);
        held.forget_backup(2);
        held.add(OTHER, shows(1));
        let all = [empty, one, two, other, identity(&held)];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn only_its_holder_releases_an_object_and_express_metadata_stay() {
        let mut held = Held::default();
        let plan = small(Small { writers: 1, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap();
        let metadata = Object::ExpressMetadata(plan.writers[0].documents[0].document.edit().into());
        let (object, metadata) = (held.add(ONE, shows(1)), held.add(ONE, metadata));
        held.release(OTHER, &[object]);
        assert!(held.get(ONE, object).is_some());
        held.release(ONE, &[object, metadata, 99]);
        assert!(held.get(ONE, object).is_none() && held.get(ONE, metadata).is_some());
    }

    #[test]
    fn a_program_that_asks_again_and_again_holds_what_it_was_given_last() {
        let open = OpenChoices::default();
        let mut plan = small(Small { writers: 1, volumes: 1, transactions: None, open }).unwrap();
        let text = plan.writers[0].documents[0].document.to_xml();
        let method = vssim_model::catalogue::find("CreateVssExamineWriterMetadata").unwrap();
        let arguments = vec![("bstrXML".to_owned(), Argument::Value(Value::Text(text)))];
        let ask = |save| {
            Op::Method(Arc::new(MethodOp {
                method,
                on: None,
                arguments: arguments.clone(),
                injected: None,
                step: 0,
                save,
            }))
        };
        plan.requesters[0].script = vec![Op::Times(50, 4), ask(Some(0)), ask(None), Op::Jump(0), Op::Hang].into();
        let mut choices = Seeded::new(1);
        let world = build(&Arc::new(plan), &mut choices).unwrap();
        let held = drive(world, &mut choices, &mut Off).world.service.held;
        assert_eq!((held.made, held.objects[&ONE].keys().copied().collect::<Vec<u32>>()), (100, vec![99]));
    }
}
