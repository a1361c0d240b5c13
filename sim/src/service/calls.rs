//! The methods of IVssBackupComponents and IVssAsync as the service answers them, and the calls of writers.
//!
//! Whether a method is in sequence is asked of the requester's table; here its arguments are judged and its effect
//! happens. A call that fails changes nothing.

use vssim_model::api::{
    AsyncCall, BackupComponentsCall, BackupType, Call, ComponentCall, ComponentName, Out, WriterCall,
};
use vssim_model::context::{Attributes, Context};
use vssim_model::documents::{BackupComponents, BackupState, ComponentType, DocumentError};
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, SnapshotSetId};
use vssim_model::tables::{Method, Outcome, RequesterGuard, RequesterInput, RequesterState};
use vssim_model::time::Ticks;
use vssim_model::trace::What;

use super::creation::Creation;
use super::ending::Closing;
use super::methods::components_set::is_legal_in;
use super::methods::{Caller, Done};
use super::operation::Kind;
use super::{Object, Service, Set};
use crate::message::Slot;
use crate::plan::{ActorId, ComponentOf, ServiceDefect};
use crate::unhashed::Unhashed;

impl Service {
    /// A requester calls. `object` is the number of its backup components object; 0 where it has none.
    pub fn requester_calls(&mut self, slot: Slot, requester: u16, object: u32, call: &Call, now: Ticks) {
        match call {
            Call::BackupComponents(BackupComponentsCall::CreateVssBackupComponents) => self.create(slot, requester),
            Call::BackupComponents(call) => self.object_call(slot, object, call, now),
            Call::Async(call) => self.async_call(slot, requester, call),
            Call::Method(call) => {
                let caller = Caller { actor: ActorId::Requester(requester), slot, object, delivery: None };
                self.method_called(caller, call, now);
            }
            _ => self.give(slot, HResult::E_NOTIMPL, Out::Nothing),
        }
    }

    fn create(&mut self, slot: Slot, requester: u16) {
        self.objects_made.0 += 1;
        let number = self.objects_made.0;
        self.objects.insert(Object {
            requester,
            number: Unhashed(number),
            state: RequesterState::ObjectCreated,
            context: 0,
            done: std::collections::BTreeSet::new(),
            choice: super::methods::WriterChoice::default(),
            unreadable: None,
            identified: Vec::new(),
            components: Vec::new(),
            succeeded: std::collections::BTreeMap::new(),
            document: Unhashed(BackupComponents::new()),
            damaged: Unhashed(std::collections::BTreeMap::new()),
            participants: Vec::new(),
            set: None,
            statuses: None,
            backup_state: BackupState {
                select_components: false,
                bootable_system_state: false,
                backup_type: BackupType::Full,
                partial_file_support: false,
            },
            restored_from: Unhashed(None),
            lost: std::collections::BTreeMap::new(),
            without_session: std::collections::BTreeSet::new(),
            restoring: std::collections::BTreeMap::new(),
        });
        self.give(slot, HResult::S_OK, Out::Object(number));
    }

    fn object_call(&mut self, slot: Slot, number: u32, call: &BackupComponentsCall, now: Ticks) {
        let Some((index, state)) = self.object_numbered(number).map(|(index, object)| (index, object.state)) else {
            // A pointer to a released object: the documents promise nothing; see docs/choices.md, S-01.
            self.give(slot, HResult::VSS_E_BAD_STATE, Out::Nothing);
            return;
        };
        let own =
            matches!(call, BackupComponentsCall::GetSnapshotProperties { snapshot } if self.owns(index, *snapshot));
        let next = match self.outcome_of(index, call.into(), own) {
            Outcome::Refused(_) if self.lets_in(call) => state,
            Outcome::Refused(refusal) => {
                tracing::debug!(method = call.method(), %refusal, "refused");
                return self.give(slot, refusal.code, Out::Nothing);
            }
            Outcome::Ignored => return self.give(slot, HResult::S_OK, Out::Nothing),
            Outcome::Moved(next) => next,
            Outcome::Stayed => state,
        };
        // Moved first: an operation that ends at once moves the object on.
        self.set_state(index, next);
        match self.perform(slot, index, call, now) {
            Ok(Done::Now(code, out)) => self.give(slot, code, out),
            Ok(Done::Later) => {}
            Err(code) => {
                self.set_state(index, state);
                self.give(slot, code, Out::Nothing);
            }
        }
    }

    /// What the requester's table says of a method, for an object as it stands; `own` if it is about a shadow copy of the object's
    /// own set.
    fn outcome_of(&self, index: u32, input: RequesterInput, own: bool) -> Outcome<RequesterState> {
        let state = self.objects.get(index).map_or(RequesterState::Released, |object| object.state);
        self.plan.tables.requester.step(state, input, |guard| self.holds(index, guard, own))
    }

    /// Whether the requester's table lets a method in, for an object as it stands.
    ///
    /// # Errors
    /// The table's refusal.
    pub(super) fn in_sequence(&self, index: u32, method: Method) -> Result<(), HResult> {
        match self.outcome_of(index, RequesterInput::Call(method), false) {
            Outcome::Refused(refusal) => Err(refusal.code),
            _ => Ok(()),
        }
    }

    /// Whether a planted defect lets a call in that the table refuses.
    pub(super) fn lets_in(&self, call: &BackupComponentsCall) -> bool {
        let asks = matches!(call, BackupComponentsCall::GetSnapshotProperties { .. });
        self.has(ServiceDefect::AcceptsBadState) || asks && self.has(ServiceDefect::SnapshotVisibleEarly)
    }

    pub(super) fn set_state(&mut self, index: u32, state: RequesterState) {
        if let Some(object) = self.objects.get_mut(index) {
            object.state = state;
        }
    }

    /// The end of an asynchronous operation moves its object.
    pub(super) fn move_object(&mut self, index: u32, input: RequesterInput) {
        let Some(state) = self.objects.get(index).map(|object| object.state) else { return };
        if let Ok(next) = self.outcome_of(index, input, false).state(state) {
            self.set_state(index, next);
        }
        if input == RequesterInput::Finished(vssim_model::tables::Operation::GatherWriterMetadata)
            && let Some(object) = self.objects.get_mut(index)
        {
            object.done.extend([RequesterGuard::MetadataCame, RequesterGuard::MetadataHeld]);
        }
    }

    fn holds(&self, index: u32, guard: RequesterGuard, own: bool) -> bool {
        let Some(object) = self.objects.get(index) else { return false };
        match guard {
            RequesterGuard::WithWriters => self.with_writers(object),
            RequesterGuard::ContextAll => object.context == u32::MAX,
            RequesterGuard::OtherSetInProgress => {
                let other = self.lock.is_some_and(|set| object.set != Some(set));
                other && !self.has(ServiceDefect::TwoSetsAtOnce)
            }
            RequesterGuard::OwnSnapshot => own,
            remembered => object.done.contains(&remembered),
        }
    }

    pub(super) fn with_writers(&self, object: &Object) -> bool {
        Context::from_bits(object.context).is_ok_and(|context| context.involves_writers())
    }

    fn owns(&self, index: u32, snapshot: SnapshotId) -> bool {
        let set = self.objects.get(index).and_then(|object| object.set).and_then(|set| self.sets.get(set));
        set.is_some_and(|set| set.shadows.iter().any(|shadow| shadow.id.0 == snapshot))
    }

    fn perform(&mut self, slot: Slot, index: u32, call: &BackupComponentsCall, now: Ticks) -> Result<Done, HResult> {
        use BackupComponentsCall as B;
        self.meets_conditions(index, call)?;
        match call {
            B::GatherWriterMetadata => {
                self.remember(index, RequesterGuard::MetadataAsked);
                self.start_async(slot, index, Kind::GatherMetadata, now);
            }
            B::GatherWriterStatus => {
                self.remember(index, RequesterGuard::StatusAsked);
                self.start_async(slot, index, Kind::GatherStatus, now);
            }
            B::PrepareForBackup => self.prepare_for_backup(slot, index, now),
            B::DoSnapshotSet => self.do_snapshot_set(slot, index, now),
            B::BackupComplete => {
                self.invalidate_pointers(index);
                self.start_async(slot, index, Kind::BackupComplete, now);
            }
            B::PreRestore => {
                self.invalidate_pointers(index);
                self.start_async(slot, index, Kind::PreRestore, now);
            }
            B::PostRestore => {
                self.invalidate_pointers(index);
                self.start_async(slot, index, Kind::PostRestore, now);
            }
            B::AbortBackup => self.stop_then(Some(slot), index, Kind::Abort, now),
            B::Release => self.stop_then(Some(slot), index, Kind::Close(Closing::Delete), now),
            B::IsVolumeSupported { provider, volume } => {
                let search = self.search_supported(volume, *provider)?;
                let search = self.fit_context(index, search);
                self.start_call(slot, index, Kind::IsSupported(search), now);
            }
            B::AddToSnapshotSet { volume, provider } => {
                let search = self.search(volume, *provider)?;
                let search = self.fit_context(index, search);
                self.check_addition(index, search.volume, now)?;
                self.start_call(slot, index, Kind::AddVolume(search), now);
            }
            B::StartSnapshotSet => return Done::ok(self.start_set(index)),
            B::AddComponent(component) => {
                self.add_component(index, component)?;
                return Done::nothing();
            }
            B::GetWriterMetadataCount
            | B::GetWriterStatusCount
            | B::GetWriterMetadata { .. }
            | B::GetWriterStatus { .. } => {
                return Done::ok(self.gathered(index, call)?);
            }
            B::GetSnapshotProperties { snapshot } => return Done::ok(self.properties(*snapshot)?),
            B::InitializeForRestore { xml } => {
                self.initialize_for_restore(index, xml)?;
                return Done::nothing();
            }
            B::SaveAsXML => return Done::ok(self.save_as_xml(index)),
            B::CreateVssBackupComponents => return Done::nothing(),
            _ => {
                self.keep(index, call)?;
                return Done::nothing();
            }
        }
        Ok(Done::Later)
    }

    /// The methods that only store something with the object.
    fn keep(&mut self, index: u32, call: &BackupComponentsCall) -> Result<(), HResult> {
        use BackupComponentsCall as B;
        match call {
            B::SetContext { context } => {
                self.check_context(*context)?;
                let Some(object) = self.objects.get_mut(index) else { return Err(HResult::VSS_E_BAD_STATE) };
                object.context = *context;
                object.done.insert(RequesterGuard::ContextSet);
            }
            B::SetBackupState { select_components, bootable_system_state, backup_type, partial_file_support } => {
                let Some(object) = self.objects.get_mut(index) else { return Err(HResult::VSS_E_BAD_STATE) };
                object.backup_state = BackupState {
                    select_components: *select_components,
                    bootable_system_state: *bootable_system_state,
                    backup_type: *backup_type,
                    partial_file_support: *partial_file_support,
                };
                let state = object.backup_state;
                object.document.0.set_backup_state(state);
                object.done.insert(RequesterGuard::BackupStateSet);
            }
            B::InitializeForBackup { xml } => self.initialize_for_backup(index, xml.as_deref())?,
            B::EnableWriterClasses { classes } => self.enable_classes(index, classes),
            B::DisableWriterClasses { classes } => self.disable_classes(index, classes),
            B::DisableWriterInstances { instances } => self.disable_instances(index, instances),
            B::FreeWriterMetadata => self.forget(index, RequesterGuard::MetadataHeld),
            B::FreeWriterStatus => self.forget(index, RequesterGuard::StatusHeld),
            B::SetBackupSucceeded { component, succeeded } => {
                let of = self.component_added(index, component)?;
                if let Some(object) = self.objects.get_mut(index) {
                    object.succeeded.insert(of, *succeeded);
                }
                self.annotate(index, component, |document, name| document.set_backup_succeeded(name, *succeeded))?;
            }
            B::SetBackupOptions { component, options } => {
                self.annotate_class(index, component, |document, name| document.set_backup_options(name, options))?;
            }
            B::SetPreviousBackupStamp { component, stamp } => {
                self.annotate_class(index, component, |document, name| {
                    document.set_previous_backup_stamp(name, stamp)
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    fn remember(&mut self, index: u32, guard: RequesterGuard) {
        if let Some(object) = self.objects.get_mut(index) {
            object.done.insert(guard);
        }
    }

    fn forget(&mut self, index: u32, guard: RequesterGuard) {
        if let Some(object) = self.objects.get_mut(index) {
            object.done.remove(&guard);
        }
    }

    /// The requester's pointers into the document are no longer good.
    fn invalidate_pointers(&mut self, index: u32) {
        if let Some(object) = self.objects.get(index) {
            self.held.invalidate(ActorId::Requester(object.requester), index);
        }
    }

    fn prepare_for_backup(&mut self, slot: Slot, index: u32, now: Ticks) {
        self.invalidate_pointers(index);
        let mut participants = self.participants(index);
        if let Some(object) = self.objects.get_mut(index) {
            object.participants.clone_from(&participants);
        }
        if self.has(ServiceDefect::PrepareSkipsAWriter) {
            participants.pop();
        }
        if self.has(ServiceDefect::EventRaisedTwice) {
            participants.extend(participants.last().copied());
        }
        participants.reverse();
        self.start_async(slot, index, Kind::PrepareForBackup(participants), now);
    }

    fn do_snapshot_set(&mut self, slot: Slot, index: u32, now: Ticks) {
        self.invalidate_pointers(index);
        let Some(object) = self.objects.get(index) else { return };
        let Some(set) = object.set else { return };
        let forced = self.has(ServiceDefect::EventsWithoutWriters);
        let with_writers = self.with_writers(object) || forced;
        // NOT_TRANSACTED keeps the transaction managers out of it (CTX-023).
        let not_transacted = Attributes(object.context).contains(Attributes::NOT_TRANSACTED);
        let transactions = self.plan.release.freezes_transactions() && !not_transacted;
        let creation = Creation::new(set, with_writers, transactions, |defect| self.plan.defects.contains(&defect));
        if forced {
            let everybody = self.all_writers();
            if let Some(object) = self.objects.get_mut(index) {
                object.participants = everybody;
            }
        }
        self.start_async(slot, index, Kind::Create(creation), now);
    }

    /// StartSnapshotSet makes the set's id and takes the system-wide lock; providers are not asked (BKP-ORD-025).
    fn start_set(&mut self, index: u32) -> Out {
        let id = SnapshotSetId(self.new_guid());
        let context = self.objects.get(index).map_or(0, |object| object.context);
        let (shadows, providers) = (Vec::new(), std::collections::BTreeMap::new());
        let set = Set { id: Unhashed(id), object: index, context, shadows, providers };
        let set = self.sets.insert(set);
        self.lock = Some(set);
        if let Some(object) = self.objects.get_mut(index) {
            object.set = Some(set);
            object.document.0.set_snapshot_set_id(id);
            object.done.insert(RequesterGuard::SetStarted);
        }
        self.record(What::CreationLock { holder: Some(id) });
        Out::SnapshotSet(id)
    }

    fn add_component(&mut self, index: u32, name: &ComponentName) -> Result<(), HResult> {
        let Some(object) = self.objects.get(index) else { return Err(HResult::VSS_E_BAD_STATE) };
        // The page has no VSS_E_OBJECT_NOT_FOUND: a component that no gathered document has is a wrong parameter.
        let of = self.component_of(Some(object), name).ok_or(HResult::E_INVALIDARG)?;
        if !object.identified.contains(&of.writer) {
            return Err(HResult::E_INVALIDARG);
        }
        let known = self.component_plan(&of).is_some();
        if !known && !self.has(ServiceDefect::AcceptsUnknownComponent) {
            return Err(HResult::E_INVALIDARG);
        }
        if object.components.contains(&of) || object.document.0.component(name).is_some() {
            return Err(HResult::VSS_E_OBJECT_ALREADY_EXISTS);
        }
        let database = self.component_plan(&of).is_some_and(|component| component.database);
        let kind = if database { ComponentType::Database } else { ComponentType::FileGroup };
        let schema = self.schema_of(of.writer);
        if let Some(object) = self.objects.get_mut(index) {
            // What a document cannot hold is left out of it: the component is known, its name came from a document.
            let _ = object.document.0.add_component(name, kind, schema);
            object.components.push(of);
        }
        Ok(())
    }

    /// The component of a writer that is there, as an object knows it.
    pub(super) fn component_of(&self, object: Option<&Object>, name: &ComponentName) -> Option<ComponentOf> {
        let writer = self.writer_named(object, name.writer, name.instance)?;
        Some(ComponentOf { writer, logical_path: name.logical_path.clone(), name: name.name.clone() })
    }

    fn component_added(&self, index: u32, name: &ComponentName) -> Result<ComponentOf, HResult> {
        // The document goes on naming a writer that is gone by the instance that it was.
        let lost = || {
            let object = self.objects.get(index)?;
            let (writer, _) = object.lost.iter().find(|(_, instance)| instance.0 == name.instance)?;
            let (logical_path, name) = (name.logical_path.clone(), name.name.clone());
            Some(ComponentOf { writer: *writer, logical_path, name })
        };
        let of =
            self.component_of(self.objects.get(index), name).or_else(lost).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        let added = self.objects.get(index).is_some_and(|object| object.components.contains(&of));
        if added { Ok(of) } else { Err(HResult::VSS_E_OBJECT_NOT_FOUND) }
    }

    /// Writes something about a component into the Backup Components Document.
    pub(super) fn annotate(
        &mut self,
        index: u32,
        name: &ComponentName,
        write: impl FnOnce(&mut BackupComponents, &ComponentName) -> Result<(), DocumentError>,
    ) -> Result<(), HResult> {
        if self.objects.get(index).is_some_and(|object| object.state.is_restore()) {
            return self.annotate_stored(index, name, write);
        }
        self.component_added(index, name)?;
        let object = self.objects.get_mut(index).ok_or(HResult::VSS_E_BAD_STATE)?;
        // The component is there; what is left is a text that XML cannot hold.
        write(&mut object.document.0, name).map_err(|_| HResult::E_INVALIDARG)
    }

    fn gathered(&mut self, index: u32, call: &BackupComponentsCall) -> Result<Out, HResult> {
        use BackupComponentsCall as B;
        let Some(object) = self.objects.get(index) else { return Err(HResult::VSS_E_BAD_STATE) };
        let count = |length: usize| Out::Count(u32::try_from(length).unwrap_or(u32::MAX));
        let statuses = object.statuses.as_deref().unwrap_or_default();
        match call {
            B::GetWriterMetadataCount => Ok(count(object.identified.len())),
            B::GetWriterStatusCount => Ok(count(statuses.len())),
            B::GetWriterStatus { index } => {
                let status = statuses.get(*index as usize).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
                Ok(Out::WriterStatus(status.clone()))
            }
            B::GetWriterMetadata { index } => {
                let writer = *object.identified.get(*index as usize).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
                let document = self.metadata_of(writer).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
                Ok(Out::Document(document.sha256.clone()))
            }
            _ => Err(HResult::E_INVALIDARG),
        }
    }

    fn async_call(&mut self, slot: Slot, requester: u16, call: &AsyncCall) {
        let (AsyncCall::Wait { operation, .. }
        | AsyncCall::QueryStatus { operation }
        | AsyncCall::Cancel { operation }) = call
        else {
            return self.give(slot, HResult::E_NOTIMPL, Out::Nothing);
        };
        let index = (operation.0 as usize).wrapping_sub(1);
        if self.asyncs.get(index).is_none_or(|known| known.requester != requester) {
            return self.give(slot, HResult::E_INVALIDARG, Out::Nothing);
        }
        match call {
            // IVssAsync::Wait: on Windows Server 2003 the time has to be INFINITE.
            AsyncCall::Wait { milliseconds: Some(_), .. } if !self.plan.release.waits_with_time_limit() => {
                self.give(slot, HResult::E_INVALIDARG, Out::Nothing);
            }
            AsyncCall::Wait { .. } => self.wait(slot, index),
            AsyncCall::Cancel { .. } => {
                let code = self.cancel(index);
                self.give(slot, code, Out::Nothing);
            }
            _ => {
                let outcome = self.asyncs.get(index).map_or(HResult::E_INVALIDARG, |known| known.outcome);
                self.give(slot, HResult::S_OK, Out::Status(outcome));
            }
        }
    }

    /// A writer calls, inside the handler of the delivery given, or outside of any.
    pub fn writer_calls(&mut self, slot: Slot, delivery: Option<u32>, call: &Call) {
        let result = match call {
            Call::Writer(WriterCall::SetWriterFailure { failure }) => {
                Ok(Out::Nothing).and_then(|out| match self.set_writer_failure(delivery, *failure) {
                    HResult::S_OK => Ok(out),
                    code => Err(code),
                })
            }
            Call::Component(of) => self.component_call(delivery, call.name().1, of),
            // A writer has no object of a requester's (docs/choices.md, S-01).
            _ => Err(HResult::E_INVALIDARG),
        };
        match result {
            Ok(out) => self.give(slot, HResult::S_OK, out),
            Err(code) => self.give(slot, code, Out::Nothing),
        }
    }

    fn component_call(&mut self, delivery: Option<u32>, method: &str, call: &ComponentCall) -> Result<Out, HResult> {
        let handling = delivery.and_then(|delivery| self.handling_of(delivery)).ok_or(HResult::VSS_E_BAD_STATE)?;
        let index = handling.object;
        let reads = matches!(call, ComponentCall::GetBackupSucceeded { .. });
        if !reads && !is_legal_in(method, Some(handling.event)) {
            return Err(HResult::VSS_E_BAD_STATE);
        }
        let written = match call {
            ComponentCall::SetBackupMetadata { component, metadata } => {
                let document = self.objects.get(index).map(|object| &object.document.0);
                let known = document.and_then(|document| document.component(component)?.backup_metadata());
                if known.is_some() {
                    return Err(HResult::VSS_E_OBJECT_ALREADY_EXISTS);
                }
                self.annotate(index, component, |document, name| document.set_backup_metadata(name, metadata))
            }
            ComponentCall::SetBackupStamp { component, stamp } => {
                self.annotate(index, component, |document, name| document.set_backup_stamp(name, stamp))
            }
            ComponentCall::SetPrepareForBackupFailureMsg { component, message } => {
                self.annotate(index, component, |document, name| {
                    document.set_prepare_for_backup_failure_msg(name, message)
                })
            }
            ComponentCall::SetPostSnapshotFailureMsg { component, message } => {
                self.annotate(index, component, |document, name| document.set_post_snapshot_failure_msg(name, message))
            }
            ComponentCall::GetBackupSucceeded { component } => {
                let of = self.component_added(index, component)?;
                let succeeded = self.objects.get(index).and_then(|object| object.succeeded.get(&of).copied());
                return Ok(Out::Flag(succeeded.unwrap_or(false)));
            }
            _ => return Err(HResult::E_NOTIMPL),
        };
        written.map(|()| Out::Nothing)
    }
}
