//! A writer in several backups at once, and one after the other: whose event, whose state, whose session.

use vssim_conformance::facts::{Facts, Typed};
use vssim_conformance::{Report, Verdict, judge};
use vssim_model::api::{BackupComponentsCall as B, Call, Out};
use vssim_model::hresult::HResult;
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::trace::{ProcessEdge, Trace, What};

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

/// Gives the records of this actor, from one number on, the cause.
fn caused(trace: &mut Trace, actor: &str, from: u64, cause: u64) {
    let of = trace.records.iter_mut().filter(|record| record.n >= from && &*record.actor == actor);
    of.for_each(|record| record.cause = cause);
}

#[test]
fn a_trace_with_a_gap_in_its_numbers_yields_the_same_facts() {
    let mut script = Script::new();
    script.push("lock", "vss", What::CreationLock { holder: None });
    for object in [1, 2] {
        call(&mut script, object, B::InitializeForBackup { xml: None });
    }
    state(&mut script, None, WriterState::Stable, WriterState::WaitingForFreeze);
    let mut whole = script.trace();
    caused(&mut whole, "files", 4, 3);
    let mut gap = whole.clone();
    gap.records.remove(0);
    for trace in [whole, gap] {
        let typed = Typed::of(&trace);
        let facts = Facts::of(&trace, &typed);
        assert_eq!(facts.states_of("files").first().and_then(|change| change.object), Some(2));
    }
}

#[test]
fn an_event_belongs_to_the_object_that_it_names_and_not_to_another_that_made_its_set() {
    let of = |object: u32| {
        let script = good().edit("event Freeze files", |what| {
            if let What::Event { object: named, .. } = what {
                *named = Some(object);
            }
        });
        let mut script = script;
        call(&mut script, 2, B::InitializeForBackup { xml: None });
        script.trace()
    };
    for object in [1, 2] {
        let trace = of(object);
        let typed = Typed::of(&trace);
        let facts = Facts::of(&trace, &typed);
        let freeze = facts.events_to("files").iter().find(|event| event.event == WriterEvent::Freeze);
        assert_eq!(freeze.and_then(|event| event.object), Some(object));
        assert_eq!(broken(&judge(&trace), "writer-events-in-order"), object == 2, "{object}");
    }
}

#[test]
fn a_preparation_that_failed_or_was_cancelled_may_come_again() {
    let twice = |first: HResult| {
        let script = good().before("call PrepareForBackup", |s| {
            s.run(B::PrepareForBackup, first, |s| {
                TAKING_PART.iter().for_each(|writer| s.handle(writer, WriterEvent::PrepareForBackup, |_| ()));
            });
        });
        let report = judge(&script.trace());
        let both = [broken(&report, "writer-events-in-order"), broken(&report, "one-backup-per-object")];
        assert_eq!(both[0], both[1], "what the service may raise again the requester may call again");
        both[0]
    };
    assert!(!twice(HResult::VSS_S_ASYNC_CANCELLED));
    assert!(!twice(HResult::VSS_E_UNEXPECTED));
    assert!(twice(HResult::VSS_S_ASYNC_FINISHED));
    // A call that was refused raised nothing, and undoes nothing.
    let refused = good().after("waited PrepareForBackup", |s| {
        s.call_with(B::PrepareForBackup, HResult::VSS_E_BAD_STATE, Out::Nothing, |_| ());
        s.handle("files", WriterEvent::PrepareForBackup, |_| ());
    });
    assert!(broken(&judge(&refused.trace()), "writer-events-in-order"));
}

/// One backup in which the writer fails, and another.
fn after_a_failure(between: impl FnOnce(&mut Script)) -> Report {
    let mut script = Script::new();
    call(&mut script, 1, B::InitializeForBackup { xml: None });
    call(&mut script, 2, B::InitializeForBackup { xml: None });
    event(&mut script, 1, WriterEvent::PrepareForBackup, false);
    state(&mut script, Some(1), WriterState::Stable, WriterState::FailedAtPrepareBackup);
    between(&mut script);
    event(&mut script, 2, WriterEvent::PrepareForBackup, true);
    state(&mut script, Some(2), WriterState::Stable, WriterState::Stable);
    judge(&script.trace())
}

#[test]
fn a_backup_that_is_over_is_none_beside_which_another_begins() {
    let beside = after_a_failure(|_| ());
    assert!(!broken(&beside, "writer-state-follows-event"), "a session beside another begins ready");
    let alone = after_a_failure(|s| {
        call(s, 1, B::Release);
        event(s, 1, WriterEvent::BackupShutdown, true);
    });
    assert!(broken(&alone, "writer-state-follows-event"), "one that begins alone begins where the last one ended");
}

#[test]
fn a_writer_has_no_state_in_a_backup_in_which_it_has_no_part() {
    let report = |object: u32, told: bool| {
        let mut script = Script::new();
        for object in [1, 2] {
            call(&mut script, object, B::InitializeForBackup { xml: None });
        }
        event(&mut script, 1, WriterEvent::PrepareForBackup, true);
        state(&mut script, Some(1), WriterState::Stable, WriterState::Stable);
        event(&mut script, object, WriterEvent::PrepareForSnapshot, true);
        state(&mut script, told.then_some(object), WriterState::Stable, WriterState::WaitingForFreeze);
        let mut trace = script.trace();
        let [.., handled, state] = trace.records.as_mut_slice() else { panic!("records") };
        (handled.cause, state.cause) = (handled.n - 1, handled.n);
        judge(&trace)
    };
    for told in [true, false] {
        assert!(!broken(&report(1, told), "writer-state-follows-event"), "{told}");
        assert!(broken(&report(2, told), "writer-state-follows-event"), "{told}");
    }
}

#[test]
fn a_writer_that_was_given_up_in_one_backup_is_missed_in_the_next() {
    let rule = "prepare-reaches-writers-with-components";
    let missed = |given_up_in: Option<u32>| {
        let script = good().drop("event PrepareForBackup files").drop("handled PrepareForBackup files");
        let script = script.before("call CreateVssBackupComponents", |s| {
            call(s, 9, B::InitializeForBackup { xml: None });
            event(s, 9, WriterEvent::PrepareForBackup, true);
            state(s, given_up_in, WriterState::Stable, WriterState::Unknown);
        });
        broken(&judge(&script.trace()), rule)
    };
    assert!(missed(Some(9)));
    assert!(!missed(Some(1)), "it was given up in this one");
    assert!(!missed(None), "whose state it was is not told");
    let again = good().before("call CreateVssBackupComponents", |s| {
        state(s, None, WriterState::Stable, WriterState::Unknown);
    });
    let again = again.drop("event BackupComplete files").drop("handled BackupComplete files");
    assert!(broken(&judge(&again.trace()), "complete-reaches-participants"), "the next backup began for it");
}
