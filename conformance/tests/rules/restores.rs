//! A restore written down record by record, and for each of its rules what spoils it.

use vssim_model::api::{BackupComponentsCall as B, MethodCall, Value};
use vssim_model::catalogue::find;
use vssim_model::hresult::HResult;
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::trace::{DocumentKind, Placement, Restored, What};

use crate::support::*;
use crate::table::Case;

const FINISHED: HResult = HResult::VSS_S_ASYNC_FINISHED;

/// A call about a component of a writer.
fn about(method: &str, writer: &str, name: &str, rest: (&str, Value)) -> MethodCall {
    let mut call = MethodCall::new(find(&format!("IVssBackupComponents::{method}")).expect("a documented method"));
    for (parameter, value) in [
        ("writerId", Value::guid(class(writer).0)),
        ("wszLogicalPath", Value::Null),
        ("wszComponentName", Value::text(name)),
        rest,
    ] {
        call.arguments.insert(parameter.to_owned(), value);
    }
    call
}

fn select(s: &mut Script, writer: &str, name: &str, hresult: HResult) {
    let call = about("SetSelectedForRestore", writer, name, ("bSelectedForRestore", Value::Flag(true)));
    s.method(&format!("SetSelectedForRestore {name}"), call, hresult);
}

fn document(backup_type: &str) -> String {
    format!("<BACKUP_COMPONENTS backupType=\"{backup_type}\"/>")
}

/// One restore of one share and one database, on an object of its own.
fn restore(s: &mut Script, backup_type: &str, more: bool) {
    s.call(B::CreateVssBackupComponents);
    let (sha256, kind, text) = (backup_type.to_owned(), DocumentKind::BackupComponents, document(backup_type));
    s.push("document of the backup", "backup", What::Document { sha256: sha256.clone(), kind, text });
    s.call(B::InitializeForRestore { xml: sha256 });
    s.run(B::GatherWriterMetadata, FINISHED, |s| {
        for writer in ["files", "database", "idle"] {
            s.handle(writer, WriterEvent::Identify, |s| {
                let (sha256, kind, text) = (writer.to_owned(), DocumentKind::WriterMetadata, metadata(writer));
                s.push(format!("document {writer}"), writer, What::Document { sha256, kind, text });
            });
        }
    });
    let parts = [("files", "share"), ("database", "db")];
    for (writer, name) in parts {
        select(s, writer, name, OK);
        if more {
            let call = about("SetAdditionalRestores", writer, name, ("bAdditionalRestores", Value::Flag(true)));
            s.method(&format!("SetAdditionalRestores {writer}"), call, OK);
        }
    }
    s.run(B::PreRestore, FINISHED, |s| {
        for writer in TAKING_PART {
            s.handle(writer, WriterEvent::PreRestore, |_| ());
        }
    });
    gather_status(s, WriterState::Stable);
    let (path, to, how) = (r"C:\share\a".to_owned(), r"C:\share\a".to_owned(), Placement::Written);
    s.push("file", "backup", What::Restore(Restored::File { object: 1, path, to, bytes: 1, how }));
    for (writer, name) in parts {
        let call = about("SetFileRestoreStatus", writer, name, ("status", Value::text("VSS_RS_ALL")));
        s.method(&format!("SetFileRestoreStatus {writer}"), call, OK);
    }
    s.run(B::PostRestore, FINISHED, |s| {
        for writer in TAKING_PART {
            s.handle(writer, WriterEvent::PostRestore, |_| ());
        }
    });
    gather_status(s, WriterState::Stable);
    s.call(B::Release);
}

fn restored() -> Script {
    let mut script = Script::new();
    restore(&mut script, "full", false);
    script
}

/// A full backup and an incremental one, restored one after the other.
fn chain(announced: bool) -> Script {
    let mut script = Script::new();
    restore(&mut script, "full", announced);
    script.steps.retain(|step| step.key != "file");
    script.next_object();
    let first = script.steps.len();
    restore(&mut script, "incremental", false);
    let later = script.steps.split_off(first);
    script.steps.extend(later.into_iter().filter(|step| step.key != "file" && !step.key.starts_with("document ")));
    let (sha256, kind, text) = ("incremental".to_owned(), DocumentKind::BackupComponents, document("incremental"));
    let what = What::Document { sha256, kind, text };
    script.steps.insert(1, Step { key: String::new(), actor: "backup", pause: vssim_model::time::Ticks::ZERO, what });
    script
}

/// A component of a writer that did not answer Identify.
fn of_missing(hresult: HResult) -> Script {
    restored()
        .cut("event Identify idle", "handled Identify idle")
        .drop("event Identify idle")
        .drop("handled Identify idle")
        .before("call PreRestore", |s| select(s, "idle", "rest", hresult))
}

fn unawaited(method: &str) -> Script {
    restored().drop(&format!("wait {method}")).drop(&format!("waited {method}"))
}

/// Without the status that was gathered before a record: the first time, or the second.
fn without_status(before: &str, second: bool) -> Script {
    let mut script = restored();
    let end = script.steps.iter().position(|step| step.key == before).expect("a record");
    let from = if second { script.steps.iter().position(|step| step.key == "waited PostRestore") } else { Some(0) };
    let from = from.expect("a record");
    let keys = ["GatherWriterStatus", "GetWriterStatus", "FreeWriterStatus"];
    let mut at = 0;
    script.steps.retain(|step| {
        at += 1;
        let inside = at > from && at <= end;
        !(inside && keys.iter().any(|key| step.key.ends_with(key)))
    });
    script
}

pub(crate) const RESTORES: &[Case] = &[
    ("restore-asks-which-writers-run", restored, || restored().drop_call("GatherWriterMetadata")),
    ("restore-chosen-before-pre-restore", restored, || {
        restored().after("waited PreRestore", |s| select(s, "files", "share", HResult::VSS_E_BAD_STATE))
    }),
    ("pre-restore-before-post-restore", restored, || unawaited("PreRestore")),
    ("files-restored-between-the-events", restored, || restored().hoist("file", "call PreRestore")),
    ("restore-status-told", restored, || {
        restored().drop("call SetFileRestoreStatus files").drop("return SetFileRestoreStatus files")
    }),
    ("status-after-pre-restore", restored, || without_status("call PostRestore", false)),
    ("status-after-post-restore", restored, || without_status("call Release", true)),
    ("restore-released-after-its-end", restored, || unawaited("PostRestore")),
    ("no-abort-in-a-restore", restored, || restored().before("call PostRestore", |s| s.call(B::AbortBackup))),
    ("further-restores-announced", || chain(true), || chain(false)),
    ("required-components-restored", restored, || {
        restored()
            .before("call PreRestore", |s| select(s, "database", "extra", OK))
            .drop("call SetSelectedForRestore db")
            .drop("return SetSelectedForRestore db")
    }),
    ("pre-restore-reaches-selected-writers", restored, || {
        restored().drop("event PreRestore files").drop("handled PreRestore files")
    }),
    ("unselected-writer-left-alone", restored, || {
        restored().before("end PreRestore", |s| s.handle("idle", WriterEvent::PreRestore, |_| ()))
    }),
    ("missing-writer-not-found", || of_missing(HResult::VSS_E_OBJECT_NOT_FOUND), || of_missing(OK)),
];
