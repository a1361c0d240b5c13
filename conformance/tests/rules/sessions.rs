//! A writer in several backups at once, and one after the other: whose event, whose state, whose session.

use vssim_conformance::{Report, Verdict, judge};
use vssim_model::api::{BackupComponentsCall as B, Call, Out};
use vssim_model::hresult::HResult;
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::trace::{ProcessEdge, What};

use crate::support::*;

fn broken(report: &Report, id: &str) -> bool {
    matches!(report.verdict(id), Some(Verdict::Violated(_)))
}

/// A call on an object, without its return.
fn call(s: &mut Script, object: u32, call: B) {
    let (id, key) = (s.id(), format!("{} {object}", call.method()));
    s.push(key, "other", What::Call { id, object, call: Call::BackupComponents(call) });
}

/// An event to the writer `files` that says whose it is, and its handler's answer.
fn event(s: &mut Script, object: u32, event: WriterEvent, returned: bool) {
    let id = s.id();
    s.push(format!("event {event} of {object}"), "files", What::Event { id, event, set: None, object: Some(object) });
    let handled = What::Handled { id, event, returned, failure: None };
    s.push(format!("handled {event} of {object}"), "files", handled);
}

/// A change of the state of `files` in one of its backups.
fn state(s: &mut Script, object: Option<u32>, from: WriterState, to: WriterState) {
    s.push(format!("state {to}"), "files", What::WriterState { from, to, failure: OK, object });
}

#[test]
fn a_failure_shows_in_the_backup_in_which_it_happened() {
    let report = |shown: u32| {
        let mut script = Script::new();
        for object in [1, 2] {
            call(&mut script, object, B::InitializeForBackup { xml: None });
        }
        event(&mut script, 1, WriterEvent::PrepareForBackup, false);
        event(&mut script, 2, WriterEvent::PrepareForBackup, true);
        state(&mut script, Some(shown), WriterState::Stable, WriterState::FailedAtPrepareBackup);
        judge(&script.trace())
    };
    assert!(!broken(&report(1), "failed-writer-shows-its-failure"));
    assert!(broken(&report(2), "failed-writer-shows-its-failure"), "the other backup's state is none of this one's");
}

/// A backup, or a restore, whose writer `files` got no first event, because, as VSS says, it had no session left.
fn without_session(script: Script, first: &str) -> Script {
    let script = script.drop(&format!("event {first} files")).drop(&format!("handled {first} files"));
    script.edit("return GetWriterStatus", |what| {
        if let What::Return { out: Out::WriterStatus(status), .. } = what
            && status.instance == instance("files")
        {
            status.failure = HResult::VSS_E_WRITER_STATUS_NOT_AVAILABLE;
        }
    })
}

#[test]
fn that_a_writer_had_no_session_left_is_believed_only_where_another_backup_has_one() {
    let rules = [
        (good as fn() -> Script, "PrepareForBackup", "prepare-reaches-writers-with-components"),
        (crate::restores::restored, "PreRestore", "pre-restore-reaches-selected-writers"),
    ];
    for (script, first, rule) in rules {
        let beside = |ended: &dyn Fn(&mut Script)| {
            let script = without_session(script(), first).before("call CreateVssBackupComponents", |s| {
                call(s, 9, B::InitializeForBackup { xml: None });
                event(s, 9, WriterEvent::PrepareForBackup, true);
                ended(s);
            });
            judge(&script.trace())
        };
        let holds = beside(&|_| ());
        assert!(!broken(&holds, rule), "{rule}: {:?}", holds.verdict(rule));
        assert!(broken(&judge(&without_session(script(), first).trace()), rule), "{rule}: the only backup");
        let released = beside(&|s| {
            call(s, 9, B::Release);
            event(s, 9, WriterEvent::BackupShutdown, true);
        });
        assert!(broken(&released, rule), "{rule}: the other one was over");
        let died = beside(&|s| s.push("crash", "other", What::Process(ProcessEdge::Crashed)));
        assert!(broken(&died, rule), "{rule}: the other one's process was gone");
    }
}
