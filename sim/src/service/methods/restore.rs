//! The calls of a restore that set one thing in the document: selection, options, targets, what became of the files.
//!
//! Whether a call is in sequence is asked of the requester's table. All name a component by class, type, logical path and
//! name; what a call fails with changes nothing.

use vssim_model::api::{ComponentName, MethodCall};
use vssim_model::documents::{
    BackupComponents, ComponentType, DocumentError, FileRestoreStatus, Mapping, RestoreType, RollForwardType,
    Unreadable,
};
use vssim_model::hresult::HResult;
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::tables::Method;

use super::arguments::is_full_path;
use super::{Caller, Done};
use crate::plan::ServiceDefect;
use crate::service::Service;

/// The methods here.
const METHODS: [Method; 13] = [
    Method::SetSelectedForRestore,
    Method::SetSelectedForRestoreEx,
    Method::AddRestoreSubcomponent,
    Method::SetRestoreOptions,
    Method::SetRestoreState,
    Method::AddNewTarget,
    Method::SetAdditionalRestores,
    Method::SetRestoreName,
    Method::SetAuthoritativeRestore,
    Method::SetRollForward,
    Method::AddAlternativeLocationMapping,
    Method::SetRangesFilePath,
    Method::SetFileRestoreStatus,
];

/// A file set: path, specification, recursion.
type Files = (String, String, bool);

/// What a running writer says of a component: whether it is selectable for restore; the file sets of its set.
type Described = (bool, Vec<Files>);

/// Whether a call is answered here.
pub(super) fn is_of_restore(call: &MethodCall) -> bool {
    // Of the typed calls only one without its document comes here.
    let method = call.method.method.name;
    method == "InitializeForRestore" || METHODS.iter().any(|known| known.name() == method)
}

impl Service {
    pub(super) fn restore_method(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let (index, _) = self.living(caller)?;
        let Some(method) = Method::named(call.method.method.name) else { return Err(HResult::E_NOTIMPL) };
        if !self.has(ServiceDefect::AcceptsBadState) {
            self.in_sequence(index, method)?;
        }
        if method == Method::InitializeForRestore {
            // NULL is no document; E_INVALIDARG is not documented (nf-vsbackup-ivssbackupcomponents-initializeforrestore.md).
            return Err(HResult::VSS_E_INVALID_XML_DOCUMENT);
        }
        let unreadable = self.objects.get(index).and_then(|object| object.unreadable);
        let touched = if method == Method::SetRestoreState { Unreadable::Header } else { Unreadable::Components };
        if unreadable == Some(touched) && call.method.method.documents("VSS_E_INVALID_XML_DOCUMENT") {
            return Err(self.invalid_document());
        }
        if method == Method::SetRestoreState {
            let kind = RestoreType::from_number(call.number("restoreType")).ok_or(HResult::E_INVALIDARG)?;
            let object = self.objects.get_mut(index).ok_or(HResult::VSS_E_BAD_STATE)?;
            object.document.0.set_restore_state(kind);
            return Done::nothing();
        }
        let component = self.component_restored(index, call)?;
        match method {
            Method::SetSelectedForRestore | Method::SetSelectedForRestoreEx => self.select(index, &component, call)?,
            Method::AddRestoreSubcomponent => self.add_subcomponent(index, &component, call)?,
            Method::AddNewTarget => self.add_target(index, &component, call)?,
            Method::AddAlternativeLocationMapping => {
                let used = mapping(call, "wszFilespec", "wszDestination")?;
                self.write(index, |document| document.add_alternative_location_mapping(&component, used))?;
            }
            Method::SetRangesFilePath => self.set_ranges_file(index, &component, call)?,
            _ => self.set_one(index, &component, method, call)?,
        }
        Done::nothing()
    }

    /// The component that the call names, as the document names it.
    fn component_restored(&self, index: u32, call: &MethodCall) -> Result<ComponentName, HResult> {
        let kind = if call.arguments.contains_key("componentType") { "componentType" } else { "ct" };
        let kind = ComponentType::from_number(call.number(kind)).filter(|kind| *kind != ComponentType::Undefined);
        let kind = kind.ok_or(HResult::E_INVALIDARG)?;
        let path = call.text("wszLogicalPath").unwrap_or_default();
        let name = call.text("wszComponentName").filter(|name| !name.is_empty()).ok_or(HResult::E_INVALIDARG)?;
        let stored = self.stored(index, WriterClassId(call.guid("writerId")), path, name);
        let stored = stored.filter(|component| component.component_type() == kind);
        Ok(stored.ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?.full_name())
    }

    fn write<T>(
        &mut self,
        index: u32,
        write: impl FnOnce(&mut BackupComponents) -> Result<T, DocumentError>,
    ) -> Result<T, HResult> {
        let object = self.objects.get_mut(index).ok_or(HResult::VSS_E_BAD_STATE)?;
        // The component is there; what is left is a text that XML cannot hold.
        write(&mut object.document.0).map_err(|_| HResult::E_INVALIDARG)
    }

    /// SetSelectedForRestore and its successor. The writer has to run (SEL-RST-012).
    fn select(&mut self, index: u32, component: &ComponentName, call: &MethodCall) -> Result<(), HResult> {
        if !self.runs(index, component.writer) && !self.has(ServiceDefect::SelectsMissingWriter) {
            return Err(HResult::VSS_E_OBJECT_NOT_FOUND);
        }
        let instance = WriterInstanceId(call.guid("instanceId"));
        let named = instance != WriterInstanceId::default();
        if named && !self.instances_of(index, component.writer).any(|(_, running)| running == instance) {
            return Err(HResult::VSS_E_OBJECT_NOT_FOUND);
        }
        let selected = call.flag("bSelectedForRestore");
        self.write(index, |document| {
            document.set_selected_for_restore(component, selected)?;
            if named { document.set_selected_instance(component, instance) } else { Ok(()) }
        })?;
        self.remember_selection(index);
        Ok(())
    }

    /// AddRestoreSubcomponent: its set has been selected before; it is selectable for restore (S-20).
    fn add_subcomponent(&mut self, index: u32, component: &ComponentName, call: &MethodCall) -> Result<(), HResult> {
        let path = call.text("wszSubComponentLogicalPath").ok_or(HResult::E_INVALIDARG)?;
        let name = call.text("wszSubComponentName").filter(|name| !name.is_empty()).ok_or(HResult::E_INVALIDARG)?;
        if call.flag("bRepair") {
            return Err(HResult::E_INVALIDARG);
        }
        if !self.runs(index, component.writer) {
            return Err(HResult::VSS_E_OBJECT_NOT_FOUND);
        }
        let stored = self.stored(index, component.writer, &component.logical_path, &component.name);
        if stored.and_then(|stored| stored.selected_for_restore()) != Some(true) {
            return Err(HResult::VSS_E_BAD_STATE);
        }
        let known = self.described(index, component.writer, path, name);
        if known.is_some_and(|(selectable, _)| !selectable) {
            return Err(HResult::E_INVALIDARG);
        }
        self.write(index, |document| document.add_restore_subcomponent(component, path, name))
    }

    /// AddNewTarget: path, specification and recursion are those of a file set (RST-LOC-016). What file sets there are is
    /// told by the running writer; one that no longer knows the component cannot be asked.
    fn add_target(&mut self, index: u32, component: &ComponentName, call: &MethodCall) -> Result<(), HResult> {
        let target = mapping(call, "wszFileName", "wszAlternatePath")?;
        let sets = self.described(index, component.writer, &component.logical_path, &component.name);
        let same = |(path, filespec, recursive): &Files| {
            let path = path.trim_end_matches('\\').eq_ignore_ascii_case(target.path.trim_end_matches('\\'));
            path && filespec.eq_ignore_ascii_case(target.filespec) && *recursive == target.recursive
        };
        if sets.is_some_and(|(_, sets)| !sets.iter().any(same)) {
            return Err(HResult::VSS_E_OBJECT_NOT_FOUND);
        }
        self.write(index, |document| document.add_new_target(component, target))
    }

    /// A component in the metadata of a running writer: whether it is selectable for restore; the file sets of its set.
    fn described(&self, index: u32, class: WriterClassId, path: &str, name: &str) -> Option<Described> {
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}\\{name}") };
        self.instances_of(index, class).find_map(|(writer, _)| {
            let document = &self.current_metadata(writer)?.document;
            let found = document.component(path, name)?;
            let in_set = document.components().filter(|other| {
                let same = other.logical_path() == path && other.name() == name;
                let under = other.logical_path().strip_prefix(&*below);
                same || under.is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
            });
            let sets = in_set.flat_map(vssim_model::documents::Component::file_sets);
            let sets = sets.map(|set| (set.path().to_owned(), set.filespec().to_owned(), set.recursive()));
            Some((found.selectable_for_restore(), sets.collect()))
        })
    }

    fn set_ranges_file(&mut self, index: u32, component: &ComponentName, call: &MethodCall) -> Result<(), HResult> {
        let file = call.text("wszRangesFile").filter(|path| is_full_path(path)).ok_or(HResult::E_INVALIDARG)?;
        let partial = call.index("iPartialFile");
        let found = self.write(index, |document| document.set_ranges_file_path(component, partial, file))?;
        if found { Ok(()) } else { Err(HResult::VSS_E_OBJECT_NOT_FOUND) }
    }

    /// What is one attribute of the component.
    fn set_one(
        &mut self,
        index: u32,
        component: &ComponentName,
        method: Method,
        call: &MethodCall,
    ) -> Result<(), HResult> {
        let text = |parameter| call.text(parameter).ok_or(HResult::E_INVALIDARG);
        match method {
            Method::SetRestoreOptions => {
                let options = text("wszRestoreOptions")?;
                self.write(index, |document| document.set_restore_options(component, options))
            }
            Method::SetAdditionalRestores => {
                let more = call.flag("bAdditionalRestores");
                self.write(index, |document| document.set_additional_restores(component, more))
            }
            Method::SetRestoreName => {
                let name = text("wszRestoreName")?;
                self.write(index, |document| document.set_restore_name(component, name))
            }
            Method::SetAuthoritativeRestore => {
                let authoritative = call.flag("bAuth");
                self.write(index, |document| document.set_authoritative_restore(component, authoritative))
            }
            Method::SetRollForward => {
                let kind = RollForwardType::from_number(call.number("rollType")).ok_or(HResult::E_INVALIDARG)?;
                let point = call.text("wszRollForwardPoint");
                // Only a partial roll-forward stops somewhere.
                if kind == RollForwardType::Partial && point.is_none_or(str::is_empty) {
                    return Err(HResult::E_INVALIDARG);
                }
                self.write(index, |document| document.set_roll_forward(component, kind, point))
            }
            Method::SetFileRestoreStatus => {
                let status = FileRestoreStatus::from_number(call.number("status")).ok_or(HResult::E_INVALIDARG)?;
                self.write(index, |document| document.set_file_restore_status(component, status))
            }
            _ => Err(HResult::E_NOTIMPL),
        }
    }
}

/// Files and where they go instead: the original directory has no wildcards, the specification no directory.
fn mapping<'c>(call: &'c MethodCall, filespec: &str, destination: &str) -> Result<Mapping<'c>, HResult> {
    let path = call.text("wszPath").filter(|path| is_full_path(path)).ok_or(HResult::E_INVALIDARG)?;
    let filespec = call.text(filespec).ok_or(HResult::E_INVALIDARG)?;
    let alternate_path = call.text(destination).filter(|path| is_full_path(path)).ok_or(HResult::E_INVALIDARG)?;
    if filespec.is_empty() || filespec.contains('\\') {
        return Err(HResult::E_INVALIDARG);
    }
    Ok(Mapping { path, filespec, recursive: call.flag("bRecursive"), alternate_path })
}
