//! IVssComponent and its successors: what reads.
//!
//! A component whose own attributes are not as they must be, or the part that is read, gives
//! `VSS_E_INVALID_XML_DOCUMENT` where the page names it.

use vssim_model::api::{MethodCall, Out, Value};
use vssim_model::documents::{ComponentView, Mapping, RestoreTarget};
use vssim_model::hresult::HResult;
use vssim_model::states::WriterEvent;
use vssim_model::tables::RequesterState as S;

use super::{Caller, Done, Filedesc, Object};
use crate::service::Service;

/// A text that a getter reads.
struct Text {
    method: &'static str,
    parameter: &'static str,
    attribute: &'static str,
    read: for<'a> fn(ComponentView<'a>) -> Option<&'a str>,
}

/// What is the writer's alone (pages of both).
const PRIVATE: [&str; 2] = ["GetBackupMetadata", "GetRestoreMetadata"];

macro_rules! texts {
    ($($method:literal $parameter:literal $attribute:literal $read:ident;)*) => {
        const TEXTS: &[Text] = &[$(Text {
            method: $method,
            parameter: $parameter,
            attribute: $attribute,
            read: |component| component.$read(),
        }),*];
    };
}

texts! {
    "GetBackupMetadata" "pbstrData" "backupMetadata" backup_metadata;
    "GetBackupOptions" "pbstrBackupOptions" "backupOptions" backup_options;
    "GetBackupStamp" "pbstrBackupStamp" "backupStamp" backup_stamp;
    "GetPostRestoreFailureMsg" "pbstrPostRestoreFailureMsg" "postRestoreFailureMsg" post_restore_failure_msg;
    "GetPreRestoreFailureMsg" "pbstrPreRestoreFailureMsg" "preRestoreFailureMsg" pre_restore_failure_msg;
    "GetPreviousBackupStamp" "pbstrBackupStamp" "previousBackupStamp" previous_backup_stamp;
    "GetRestoreMetadata" "pbstrRestoreMetadata" "restoreMetadata" restore_metadata;
    "GetRestoreOptions" "pbstrRestoreOptions" "restoreOptions" restore_options;
    "GetPostSnapshotFailureMsg" "pbstrFailureMsg" "postSnapshotFailureMsg" post_snapshot_failure_msg;
    "GetPrepareForBackupFailureMsg" "pbstrFailureMsg" "prepareForBackupFailureMsg" prepare_for_backup_failure_msg;
}

/// The parts of a component that getters read one by one: the method, the method that counts, the element.
const PARTS: [(&str, &str, &str); 6] = [
    ("GetAlternateLocationMapping", "GetAlternateLocationMappingCount", "ALTERNATE_LOCATION_MAPPING"),
    ("GetDifferencedFile", "GetDifferencedFilesCount", "DIFFERENCED_FILES"),
    ("GetDirectedTarget", "GetDirectedTargetCount", "DIRECTED_TARGET"),
    ("GetNewTarget", "GetNewTargetCount", "NEW_TARGET"),
    ("GetPartialFile", "GetPartialFileCount", "PARTIAL_FILE"),
    ("GetRestoreSubcomponent", "GetRestoreSubcomponentCount", "RESTORE_SUBCOMPONENT"),
];

impl Service {
    pub(super) fn read_component(
        &mut self,
        caller: Caller,
        backup: u32,
        object: &Object,
        call: &MethodCall,
    ) -> Result<Done, HResult> {
        let method = call.method.method.name;
        self.may_read(caller, backup, method)?;
        let component = self.component_at(object)?;
        if call.method.method.documents("VSS_E_INVALID_XML_DOCUMENT") {
            sound(component, method).map_err(|_| HResult::VSS_E_INVALID_XML_DOCUMENT)?;
        }
        if let Some(text) = TEXTS.iter().find(|text| text.method == method) {
            return text_or_false(text.parameter, (text.read)(component));
        }
        if PARTS.iter().any(|(one, count, _)| method == *one || method == *count) {
            return match part(component, call)? {
                Part::Out(out) => Done::ok(out),
                Part::Filedesc(files) => {
                    let files = self.hand_out(caller, Object::Filedesc(files));
                    Done::ok(Out::values([("ppFiledesc", files)]))
                }
            };
        }
        if method == "GetFailure" {
            return Done::ok(self.failure_of_component(backup, component));
        }
        one_value(component, method, self.is_restore(backup), self.is_told(backup, component))
    }

    fn is_restore(&self, backup: u32) -> bool {
        self.objects.get(backup).is_some_and(|object| object.state.is_restore())
    }

    /// Whether it is known how the backup of the component went: from the BackupComplete event on, and in a restore by
    /// what the stored document says.
    fn is_told(&self, backup: u32, component: ComponentView<'_>) -> bool {
        let state = self.objects.get(backup).map(|object| object.state);
        match state {
            Some(S::CompletingBackup | S::BackupCompleted) => true,
            Some(state) => (state.is_restore() || state == S::Released) && component.backup_succeeded().is_some(),
            None => false,
        }
    }

    /// Whether it is the time to ask, and the caller's matter.
    fn may_read(&self, caller: Caller, backup: u32, method: &str) -> Result<(), HResult> {
        let writer = Self::writer_of(caller.actor).is_some();
        if PRIVATE.contains(&method) && !writer {
            // The writer's own: the pages know no other code for a caller that is none (docs/choices.md, component-calls).
            return Err(HResult::E_INVALIDARG);
        }
        match method {
            "GetFileRestoreStatus" | "IsSelectedForRestore" if !self.is_restore(backup) => {
                Err(HResult::VSS_E_BAD_STATE)
            }
            "GetPartialFile" if writer && !self.is_in_operation(caller) => Err(HResult::VSS_E_BAD_STATE),
            // No other code is documented for what is said to be called in a restore only.
            "GetRestoreTarget" if !self.is_restore(backup) => Err(HResult::VSS_E_OBJECT_NOT_FOUND),
            "GetRestoreName" | "GetRollForward" if !self.is_restore(backup) => Err(HResult::E_INVALIDARG),
            "GetFailure" => self.may_ask_for_failure(backup, writer),
            _ => Ok(()),
        }
    }

    /// Whether a writer calls in a backup or a restore: Identify is part of neither, at BackupShutdown it is over.
    fn is_in_operation(&self, caller: Caller) -> bool {
        let event = self.handling(caller).map(|handling| handling.event);
        !matches!(event, None | Some(WriterEvent::Identify | WriterEvent::BackupShutdown))
    }

    /// GetFailure is the requester's, in a backup, once the writers were told of it.
    fn may_ask_for_failure(&self, backup: u32, writer: bool) -> Result<(), HResult> {
        let early = [S::NoObject, S::ObjectCreated, S::Initialized, S::MetadataGathered, S::SetOpen];
        let state = self.objects.get(backup).map_or(S::NoObject, |object| object.state);
        if writer || state.is_restore() || early.contains(&state) {
            return Err(HResult::VSS_E_BAD_STATE);
        }
        Ok(())
    }

    /// What the writer told SetFailure; that it is silent, if it is; otherwise all is well.
    fn failure_of_component(&self, backup: u32, component: ComponentView<'_>) -> Out {
        let name = component.full_name();
        let silent = self
            .plan
            .writers
            .iter()
            .zip(&self.writers)
            .filter(|(plan, writer)| plan.class == name.writer && writer.instance.0 == name.instance)
            .any(|(_, writer)| writer.sessions.seen_from(Some(backup)).silent);
        let known = component.failure();
        let told = known.map_or(HResult::S_OK, |failure| failure.hresult);
        let code = if silent { HResult::VSS_E_WRITER_NOT_RESPONDING } else { told };
        let application = known.map_or(HResult::S_OK, |failure| failure.application);
        Out::values([
            ("phr", Value::text(code.to_string())),
            ("phrApplication", Value::text(application.to_string())),
            ("pbstrApplicationMessage", Value::optional(known.and_then(|failure| failure.message))),
            ("pdwReserved", Value::Number(0)),
        ])
    }
}

/// That what the method reads is as it must be, and that the component is one.
fn sound(component: ComponentView<'_>, method: &str) -> Result<(), vssim_model::documents::DocumentError> {
    if method != "GetComponentName" {
        component.sound(&["componentName"])?;
    }
    component.sound(&["componentType"])?;
    if let Some(text) = TEXTS.iter().find(|text| text.method == method) {
        return component.sound(&[text.attribute]);
    }
    if let Some((_, _, part)) = PARTS.iter().find(|(one, _, _)| method == *one) {
        return component.sound_parts(part);
    }
    match method {
        "GetAdditionalRestores" => component.sound(&["additionalRestores"]),
        "GetBackupSucceeded" => component.sound(&["backupSucceeded"]),
        "GetFileRestoreStatus" => component.sound(&["fileRestoreStatus"]),
        "GetLogicalPath" => component.sound(&["logicalPath"]),
        "GetRestoreTarget" => component.sound(&["restoreTarget"]),
        _ => Ok(()),
    }
}

/// A text, or S_FALSE and NULL.
fn text_or_false(parameter: &'static str, text: Option<&str>) -> Result<Done, HResult> {
    let code = if text.is_some() { HResult::S_OK } else { HResult::S_FALSE };
    Ok(Done::Now(code, Out::values([(parameter, Value::optional(text))])))
}

/// A flag, or S_FALSE and false.
fn flag_or_false(parameter: &'static str, flag: Option<bool>) -> Result<Done, HResult> {
    let code = if flag.is_some() { HResult::S_OK } else { HResult::S_FALSE };
    Ok(Done::Now(code, Out::values([(parameter, Value::Flag(flag.unwrap_or(false)))])))
}

/// The getters of one attribute that is no text.
fn one_value(component: ComponentView<'_>, method: &str, restore: bool, told: bool) -> Result<Done, HResult> {
    match method {
        "GetComponentName" => text_or_false("pbstrName", Some(component.name()).filter(|name| !name.is_empty())),
        "GetLogicalPath" => text_or_false("pbstrPath", Some(component.logical_path()).filter(|path| !path.is_empty())),
        "GetComponentType" => Done::ok(Out::values([("pct", Value::text(component.component_type().name()))])),
        "GetAdditionalRestores" => flag_or_false("pbAdditionalRestores", component.additional_restores()),
        "GetBackupSucceeded" => {
            let succeeded = component.backup_succeeded().unwrap_or(false);
            flag_or_false("pbSucceeded", told.then_some(succeeded))
        }
        "GetFileRestoreStatus" => {
            let status = component.file_restore_status().map_or("VSS_RS_UNDEFINED", |status| status.name());
            Done::ok(Out::values([("pStatus", Value::text(status))]))
        }
        "GetRestoreTarget" => {
            // The default of a writer that sets none (ne-vswriter-vss_restore_target.md).
            let target = component.restore_target().unwrap_or(RestoreTarget::Original);
            Done::ok(Out::values([("pTarget", Value::text(target.name()))]))
        }
        "IsSelectedForRestore" => {
            let selected = restore && component.selected_for_restore() == Some(true);
            Done::ok(Out::values([("pbSelectedForRestore", Value::Flag(selected))]))
        }
        "GetAuthoritativeRestore" => {
            let authoritative = component.authoritative_restore().unwrap_or(false);
            Done::ok(Out::values([("pbAuth", Value::Flag(authoritative))]))
        }
        "GetRestoreName" => Done::ok(Out::values([("pbstrName", Value::optional(component.restore_name()))])),
        "GetRollForward" => {
            let (kind, point) = component.roll_forward();
            Done::ok(Out::values([("pRollType", Value::text(kind.name())), ("pbstrPoint", Value::optional(point))]))
        }
        _ => Err(HResult::E_NOTIMPL),
    }
}

/// What a getter of a part hands back.
enum Part {
    Out(Out),
    Filedesc(Filedesc),
}

fn part(component: ComponentView<'_>, call: &MethodCall) -> Result<Part, HResult> {
    let missing = HResult::VSS_E_OBJECT_NOT_FOUND;
    let count = |parameter: &'static str, count: usize| Ok(Part::Out(Out::values([(parameter, Value::count(count))])));
    let files = |found: Option<Mapping<'_>>| {
        let found = found.ok_or(missing)?;
        Ok(Part::Filedesc(Filedesc::new(found.path, found.filespec, found.recursive, Some(found.alternate_path))))
    };
    match call.method.method.name {
        "GetAlternateLocationMappingCount" => count("pcMappings", component.alternate_location_mappings().count()),
        "GetAlternateLocationMapping" => files(component.alternate_location_mappings().nth(call.index("iMapping"))),
        "GetNewTargetCount" => count("pcNewTarget", component.new_targets().count()),
        "GetNewTarget" => files(component.new_targets().nth(call.index("iNewTarget"))),
        "GetDifferencedFilesCount" => count("pcDifferencedFiles", component.differenced_files().count()),
        "GetDifferencedFile" => {
            let found = component.differenced_files().nth(call.index("iDifferencedFile"));
            let (path, filespec, recursive, time) = found.ok_or(missing)?;
            Ok(Part::Out(Out::values([
                ("pbstrPath", Value::text(path)),
                ("pbstrFilespec", Value::text(filespec)),
                ("pbRecursive", Value::Flag(recursive)),
                // Reserved.
                ("pbstrLsnString", Value::Null),
                ("pftLastModifyTime", Value::Number(i64::try_from(time).unwrap_or(i64::MAX))),
            ])))
        }
        "GetDirectedTargetCount" => count("pcDirectedTarget", component.directed_targets().count()),
        "GetDirectedTarget" => {
            let found = component.directed_targets().nth(call.index("iDirectedTarget")).ok_or(missing)?;
            Ok(Part::Out(Out::values([
                ("pbstrSourcePath", Value::text(found.source_path)),
                ("pbstrSourceFileName", Value::text(found.source_filename)),
                ("pbstrSourceRangeList", Value::text(found.source_ranges)),
                ("pbstrDestinationPath", Value::text(found.destination_path)),
                ("pbstrDestinationFilename", Value::text(found.destination_filename)),
                ("pbstrDestinationRangeList", Value::text(found.destination_ranges)),
            ])))
        }
        "GetPartialFileCount" => count("pcPartialFiles", component.partial_files().count()),
        "GetPartialFile" => {
            let found = component.partial_files().nth(call.index("iPartialFile"));
            let (path, filename, ranges, metadata) = found.ok_or(missing)?;
            Ok(Part::Out(Out::values([
                ("pbstrPath", Value::text(path)),
                ("pbstrFilename", Value::text(filename)),
                ("pbstrRange", Value::text(ranges)),
                ("pbstrMetadata", Value::optional(metadata)),
            ])))
        }
        "GetRestoreSubcomponentCount" => count("pcRestoreSubcomponent", component.restore_subcomponents().count()),
        _ => {
            let (path, name) = component.restore_subcomponents().nth(call.index("iComponent")).ok_or(missing)?;
            Ok(Part::Out(Out::values([
                ("pbstrLogicalPath", Value::text(path)),
                ("pbstrComponentName", Value::text(name)),
                // Reserved.
                ("pbRepair", Value::Flag(false)),
            ])))
        }
    }
}
