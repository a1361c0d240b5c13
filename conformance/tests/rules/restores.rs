//! A restore written down record by record, and for each of its rules what spoils it.

use vssim_conformance::{Verdict, judge};
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

pub(crate) fn restored() -> Script {
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

/// A component gets a new target.
fn with_target(writer: &str) -> Script {
    let name = if writer == "files" { "share" } else { "db" };
    restored().before("call PreRestore", |s| {
        let call = about("AddNewTarget", writer, name, ("wszAlternatePath", Value::text(r"E:\new")));
        s.method("AddNewTarget", call, OK);
    })
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
    ("new-targets-where-supported", || with_target("files"), || with_target("database")),
    ("pre-restore-reaches-selected-writers", restored, || {
        restored().drop("event PreRestore files").drop("handled PreRestore files")
    }),
    ("unselected-writer-left-alone", restored, || {
        restored().before("end PreRestore", |s| s.handle("idle", WriterEvent::PreRestore, |_| ()))
    }),
    ("missing-writer-not-found", || of_missing(HResult::VSS_E_OBJECT_NOT_FOUND), || of_missing(OK)),
];

/// A restore in which a component of an express writer is selected; `prepare` says what happens to the writer before.
fn of_express(hresult: HResult, prepare: impl FnOnce(&mut Script)) -> Script {
    let script = restored().before("call CreateVssBackupComponents", prepare);
    script.before("call PreRestore", |s| select(s, "express", "rest", hresult)).before("call PostRestore", |s| {
        let call = about("SetFileRestoreStatus", "express", "rest", ("status", Value::text("VSS_RS_ALL")));
        s.method("SetFileRestoreStatus express", call, OK);
    })
}

fn register(s: &mut Script) {
    express(s, "CreateMetadata", 1, Some("express"));
    express(s, "Register", 1, None);
}

#[test]
fn an_express_writer_can_be_selected_and_gets_no_event() {
    let report = judge(&of_express(OK, register).trace());
    assert_eq!(report.verdict("missing-writer-not-found"), Some(&Verdict::NotExercised));
    assert!(matches!(report.verdict("pre-restore-reaches-selected-writers"), Some(Verdict::Upheld)));
    assert_eq!(report.violated().count(), 0);
}

#[test]
fn an_express_writer_that_left_the_store_or_was_left_out_cannot_be_selected() {
    let broken = |script: Script| judge(&script.trace()).violated().map(|(rule, _)| rule.id).collect::<Vec<_>>();
    let gone = |s: &mut Script| {
        register(s);
        express(s, "Unregister", 1, Some("express"));
    };
    let left_out = |hresult| {
        of_express(hresult, register).before("call GatherWriterMetadata", |s| {
            s.call(B::DisableWriterClasses { classes: vec![class("express")] });
        })
    };
    assert_eq!(broken(left_out(OK)), ["missing-writer-not-found"]);
    // Nobody is there who could be told: neither gone nor without a session.
    assert_eq!(broken(of_express(OK, gone)), ["pre-restore-reaches-selected-writers", "missing-writer-not-found"]);
    for script in [of_express(HResult::VSS_E_OBJECT_NOT_FOUND, gone), left_out(HResult::VSS_E_OBJECT_NOT_FOUND)] {
        assert_eq!(broken(script), [""; 0]);
    }
}

#[test]
fn another_express_writer_of_a_class_may_follow_in_the_store() {
    let document = |s: &mut Script, name: &str, text: String| {
        s.push(
            format!("document {name}"),
            "vss",
            What::Document { sha256: name.to_owned(), kind: DocumentKind::WriterMetadata, text },
        );
    };
    let first = metadata("express");
    let next = first.replace(&instance("express").0.to_string(), &instance("idle").0.to_string().replace("0d", "0f"));
    assert_ne!(first, next);
    let script = restored().before("call CreateVssBackupComponents", |s| {
        document(s, "first", first.clone());
        document(s, "next", next.clone());
    });
    assert_eq!(judge(&script.trace()).violated().count(), 0);
    // A writer with a process is nobody's successor.
    let class_of = |writer| class(writer).0.to_string();
    let taken = next.replace(&class_of("express"), &class_of("idle"));
    let script = restored().before("call CreateVssBackupComponents", |s| document(s, "taken", taken.clone()));
    let broken: Vec<_> = judge(&script.trace()).violated().map(|(rule, _)| rule.id).collect();
    assert_eq!(broken, ["component-names-unique"]);
}
