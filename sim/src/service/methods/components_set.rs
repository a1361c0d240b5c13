//! IVssComponent and its successors: what writes. All of it is the writer's, in some of its handlers only.
//!
//! | methods | handlers |
//! |---|---|
//! | what belongs to a backup | those of a backup but Identify, BackupComplete and BackupShutdown (docs/choices.md, C-13) |
//! | SetPrepareForBackupFailureMsg | PrepareForBackup |
//! | SetPostSnapshotFailureMsg | PostSnapshot |
//! | what belongs to a restore | PreRestore: the document is read-only from PostRestore on (page of OnPostRestore) |
//! | SetPostRestoreFailureMsg | PreRestore, PostRestore |

use vssim_model::api::{ComponentName, MethodCall};
use vssim_model::documents::{BackupComponents, ComponentView, DirectedTarget, DocumentError, Failure, RestoreTarget};
use vssim_model::file_spec::{FileSet, expand, matches_wildcards};
use vssim_model::hresult::HResult;
use vssim_model::states::WriterEvent as E;

use super::arguments::is_full_path;
use super::writer::hresult;
use super::{Caller, Done, Object};
use crate::backup_set::ranges::{Range, file_of, parse};
use crate::service::Service;

/// Whether a setter may be called in the handler of an event.
pub(in crate::service) fn is_legal_in(method: &str, event: Option<E>) -> bool {
    let backup = matches!(
        event,
        Some(E::PrepareForBackup | E::PrepareForSnapshot | E::Freeze | E::Thaw | E::PostSnapshot | E::Abort)
    );
    match method {
        "SetPrepareForBackupFailureMsg" => event == Some(E::PrepareForBackup),
        "SetPostSnapshotFailureMsg" => event == Some(E::PostSnapshot),
        "AddDirectedTarget" | "SetRestoreTarget" | "SetRestoreMetadata" | "SetPreRestoreFailureMsg" => {
            event == Some(E::PreRestore)
        }
        "SetPostRestoreFailureMsg" => matches!(event, Some(E::PreRestore | E::PostRestore)),
        _ => backup,
    }
}

impl Service {
    pub(super) fn change_component(
        &mut self,
        caller: Caller,
        backup: u32,
        object: &Object,
        call: &MethodCall,
    ) -> Result<Done, HResult> {
        let method = call.method.method.name;
        if method == "AddDifferencedFilesByLastModifyLSN" {
            // Reserved for system use; it returns nothing, and does nothing.
            return Done::nothing();
        }
        let handling = self.handling(caller).filter(|handling| handling.object == backup);
        if !is_legal_in(method, handling.map(|handling| handling.event)) {
            return Err(HResult::VSS_E_BAD_STATE);
        }
        let component = self.component_at(object)?;
        if call.method.method.documents("VSS_E_INVALID_XML_DOCUMENT") && component.sound_all().is_err() {
            return Err(HResult::VSS_E_INVALID_XML_DOCUMENT);
        }
        check(component, call)?;
        let name = component.full_name();
        if method == "AddDirectedTarget"
            && !handling.is_some_and(|handling| self.has_file(handling.writer, &name, call))
        {
            return Err(HResult::E_INVALIDARG);
        }
        let document = self.objects.get_mut(backup).map(|object| &mut object.document.0);
        // What is left is a text that XML cannot hold.
        write(document.ok_or(HResult::VSS_E_BAD_STATE)?, &name, call).map_err(|_| HResult::E_INVALIDARG)?;
        Done::nothing()
    }

    /// Whether the source of a directed target is a file of the component or of a nonselectable subcomponent: it lies in the
    /// folder of a file set or below, and fits its specification (nf-vswriter-ivsscomponent-adddirectedtarget.md; recursion
    /// is not spoken of). A writer that no longer describes the component cannot be held against it.
    fn has_file(&self, writer: u16, name: &ComponentName, call: &MethodCall) -> bool {
        let Some(given) = self.current_metadata(writer).map(|given| &given.document) else { return true };
        if given.component(&name.logical_path, &name.name).is_none() {
            return true;
        }
        let variables = &self.plan.variables;
        let Ok(folder) = expand(call.text("wszSourcePath").unwrap_or_default(), variables) else { return false };
        let file = call.text("wszSourceFilename").unwrap_or_default();
        let file = format!("{}\\{file}", folder.trim_end_matches('\\'));
        let below = match name.logical_path.as_str() {
            "" => name.name.clone(),
            path => format!("{path}\\{}", name.name),
        };
        let in_set = given.components().filter(|other| {
            let same = other.logical_path() == name.logical_path && other.name() == name.name;
            let under = other.logical_path().strip_prefix(&*below);
            same || !other.selectable() && under.is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
        });
        in_set.flat_map(vssim_model::documents::Component::file_sets).any(|set| {
            let files = FileSet::new(set.path(), set.filespec(), true).and_then(|files| files.expand(variables));
            files.is_ok_and(|files| files.matches(&file))
        })
    }
}

/// What the page demands of the arguments.
fn check(component: ComponentView<'_>, call: &MethodCall) -> Result<(), HResult> {
    let text = |parameter: &str| call.text(parameter).unwrap_or_default();
    let valid = match call.method.method.name {
        // Written once for each component.
        "SetBackupMetadata" if component.backup_metadata().is_some() => {
            return Err(HResult::VSS_E_OBJECT_ALREADY_EXISTS);
        }
        "SetRestoreMetadata" if component.restore_metadata().is_some() => {
            return Err(HResult::VSS_E_OBJECT_ALREADY_EXISTS);
        }
        "AddDifferencedFilesByLastModifyTime" => {
            let (path, spec) = (text("wszPath"), text("wszFilespec"));
            let mut partial = component.partial_files();
            call.number("ftLastModifyTime") >= 0
                && FileSet::new(path, spec, false).is_ok()
                // The page forbids a file to be both.
                && !partial.any(|(of, name, _, _)| same_folder(of, path) && matches_wildcards(spec, name))
        }
        "AddPartialFile" => {
            let (path, name) = (text("wszPath"), text("wszFilename"));
            let mut differenced = component.differenced_files();
            is_file(path, name)
                && (ranges(text("wszRanges")).is_some() || file_of(text("wszRanges")).is_some_and(is_ranges_file))
                && !differenced.any(|(of, spec, _, _)| same_folder(of, path) && matches_wildcards(spec, name))
        }
        "AddDirectedTarget" => {
            let lengths =
                |parameter: &str| Some(ranges(text(parameter))?.iter().map(|range| range.length).collect::<Vec<u64>>());
            let source = lengths("wszSourceRangeList");
            is_file(text("wszSourcePath"), text("wszSourceFilename"))
                && is_file(text("wszDestinationPath"), text("wszDestinationFilename"))
                && source.is_some()
                && source == lengths("wszDestinationRangeList")
        }
        "SetRestoreTarget" => target(call).is_some_and(|target| target != RestoreTarget::Undefined),
        "SetFailure" => {
            let code = hresult(call, "hr");
            let legal = code == HResult::S_OK || HResult::WRITER_FAILURES.contains(&code);
            legal && call.number("dwReserved") == 0
        }
        _ => true,
    };
    if valid { Ok(()) } else { Err(HResult::E_INVALIDARG) }
}

fn write(document: &mut BackupComponents, name: &ComponentName, call: &MethodCall) -> Result<(), DocumentError> {
    let text = |parameter: &str| call.text(parameter).unwrap_or_default();
    match call.method.method.name {
        "AddDifferencedFilesByLastModifyTime" => document.add_differenced_files_by_last_modify_time(
            name,
            text("wszPath"),
            text("wszFilespec"),
            call.flag("bRecursive"),
            u64::try_from(call.number("ftLastModifyTime")).unwrap_or(0),
        ),
        "AddPartialFile" => {
            let (path, file, ranges) = (text("wszPath"), text("wszFilename"), text("wszRanges"));
            document.add_partial_file(name, path, file, ranges, call.text("wszMetadata"))
        }
        "AddDirectedTarget" => document.add_directed_target(
            name,
            DirectedTarget {
                source_path: text("wszSourcePath"),
                source_filename: text("wszSourceFilename"),
                source_ranges: text("wszSourceRangeList"),
                destination_path: text("wszDestinationPath"),
                destination_filename: text("wszDestinationFilename"),
                destination_ranges: text("wszDestinationRangeList"),
            },
        ),
        "SetBackupMetadata" => document.set_backup_metadata(name, text("wszData")),
        "SetBackupStamp" => document.set_backup_stamp(name, text("wszBackupStamp")),
        "SetRestoreMetadata" => document.set_restore_metadata(name, text("wszRestoreMetadata")),
        "SetPreRestoreFailureMsg" => document.set_pre_restore_failure_msg(name, text("wszPreRestoreFailureMsg")),
        "SetPostRestoreFailureMsg" => document.set_post_restore_failure_msg(name, text("wszPostRestoreFailureMsg")),
        "SetPrepareForBackupFailureMsg" => document.set_prepare_for_backup_failure_msg(name, text("wszFailureMsg")),
        "SetPostSnapshotFailureMsg" => document.set_post_snapshot_failure_msg(name, text("wszFailureMsg")),
        "SetFailure" => {
            let message = call.text("wszApplicationMessage").filter(|message| !message.is_empty());
            let application = hresult(call, "hrApplication");
            document.set_failure(name, Failure { hresult: hresult(call, "hr"), application, message })
        }
        _ => target(call).map_or(Ok(()), |target| document.set_restore_target(name, target)),
    }
}

fn target(call: &MethodCall) -> Option<RestoreTarget> {
    RestoreTarget::from_number(call.number("target"))
}

/// A folder and the name of one file in it.
fn is_file(path: &str, name: &str) -> bool {
    FileSet::new(path, name, false).is_ok_and(|files| !files.has_wildcard())
}

fn same_folder(one: &str, other: &str) -> bool {
    one.trim_end_matches('\\').eq_ignore_ascii_case(other.trim_end_matches('\\'))
}

/// Whether it is the name of a ranges file: the full path of one file, which no variable begins.
fn is_ranges_file(path: &str) -> bool {
    is_full_path(path) && !path.starts_with('%') && !path.ends_with('\\')
}

/// At least one offset and length; none if it is not a list of such pairs.
fn ranges(text: &str) -> Option<Vec<Range>> {
    parse(text).ok().filter(|ranges| !ranges.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_pairs_of_numbers_decimal_or_hexadecimal() {
        let range = |offset, length| Range { offset, length };
        assert_eq!(ranges("0:512,0x400:0X200"), Some(vec![range(0, 512), range(1024, 512)]));
        for wrong in ["", "12", "1:2,", "1:2:3", "-1:2", "1:+2", "1:x", "0xffffffffffffffff:1"] {
            assert_eq!(ranges(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_ranges_file_is_named_by_its_full_path() {
        assert!(is_ranges_file(r"C:\Data\ranges.bin") && is_ranges_file(r"\\server\share\ranges.bin"));
        for wrong in ["ranges.bin", r"C:ranges.bin", r"C:\Data\", r"C:\Data\*.bin", r"%TEMP%\ranges.bin", ""] {
            assert!(!is_ranges_file(wrong), "{wrong}");
        }
    }

    #[test]
    fn each_setter_is_legal_in_the_handlers_of_its_page_only() {
        let legal = |method: &str| E::ALL.iter().filter(|event| is_legal_in(method, Some(**event))).count();
        assert_eq!(legal("SetPrepareForBackupFailureMsg"), 1);
        assert_eq!(legal("SetPostSnapshotFailureMsg"), 1);
        assert_eq!(legal("SetRestoreMetadata"), 1);
        assert_eq!(legal("SetPostRestoreFailureMsg"), 2);
        assert_eq!(legal("SetBackupStamp"), 6);
        assert!(!is_legal_in("SetBackupStamp", Some(E::BackupComplete)) && !is_legal_in("SetBackupStamp", None));
    }
}
