//! For each rule one run that upholds it and one that breaks it.

use vssim_conformance::{CATALOGUE, Verdict, judge};
use vssim_model::api::{ApplicationCall, BackupComponentsCall as B, Call, ComponentCall, Out, WriterCall};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, ProviderId, SnapshotSetId};
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::*;

use crate::support::*;

pub(crate) type Case = (&'static str, fn() -> Script, fn() -> Script);

const BAD_STATE: HResult = HResult::VSS_E_BAD_STATE;
const RETRYABLE: HResult = HResult::VSS_E_WRITERERROR_RETRYABLE;
const IN_PROGRESS: HResult = HResult::VSS_E_SNAPSHOT_SET_IN_PROGRESS;
const OTHER_SET: SnapshotSetId = SnapshotSetId(Guid(0x07));

fn secs(n: u64) -> Ticks {
    Ticks::from_secs(n)
}

const REQUESTER_ORDER: &[Case] = &[
    ("initialize-before-anything-else", good, || good().hoist_call("SetContext", "call InitializeForBackup")),
    ("one-backup-per-object", good, || good().before("call Release", |s| s.call(B::StartSnapshotSet))),
    ("context-set-once-and-early", good, || {
        good().before("call AddToSnapshotSet", |s| s.call(B::SetContext { context: 0 }))
    }),
    (
        "writers-chosen-before-metadata",
        || good().before("call GatherWriterMetadata", |s| s.call(B::DisableWriterClasses { classes: vec![] })),
        || good().before("call AddComponent", |s| s.call(B::DisableWriterClasses { classes: vec![] })),
    ),
    ("metadata-gathered-once", good, || good().before("call AddComponent", |s| s.call(B::GatherWriterMetadata))),
    ("metadata-gathered-before-snapshot", good, || good().drop_call("GatherWriterMetadata")),
    ("metadata-awaited", good, || unawaited("GatherWriterMetadata")),
    ("backup-state-before-prepare", good, || good().drop_call("SetBackupState")),
    ("components-before-set", good, || {
        good().before("call PrepareForBackup", |s| s.call(B::AddComponent(component("database", "more", "extra"))))
    }),
    ("volumes-only-in-open-set", good, || good().before("call StartSnapshotSet", |s| add_volume(s, r"C:\"))),
    ("volume-name-ends-with-backslash", good, || good().edit("call AddToSnapshotSet", |what| rename(what, "C:"))),
    ("volume-support-asked-first", good, || good().drop_call("IsVolumeSupported")),
    (
        "options-before-prepare",
        || good().before("call PrepareForBackup", set_options),
        || good().after("waited PrepareForBackup", set_options),
    ),
    ("prepare-before-snapshot", good, || good().drop_call("PrepareForBackup")),
    ("prepare-awaited", good, || unawaited("PrepareForBackup")),
    ("retry-after-a-wait", || retried(secs(2)), || retried(Ticks::from_millis(2))),
    ("required-components-included", good, || {
        good().edit("call AddComponent", |what| {
            if let Some(B::AddComponent(name)) = request(what)
                && name.name == "db"
            {
                *name = component("database", "more", "extra");
            }
        })
    }),
    ("no-implicit-component-added", good, || {
        good().before("call StartSnapshotSet", |s| s.call(B::AddComponent(component("files", "share", "part"))))
    }),
    ("dependencies-included", good, || {
        good().edit("call AddComponent", |what| {
            if let Some(B::AddComponent(name)) = request(what)
                && name.name == "db"
            {
                *name = component("database", "more", "extra");
            }
        })
    }),
    ("component-volumes-in-set", good, || good().edit("call AddToSnapshotSet", |what| rename(what, r"C:\"))),
    ("success-told-before-complete", good, || good().drop_call("SetBackupSucceeded")),
];

const REQUESTER_ENDING: &[Case] = &[
    ("status-after-prepare", good, || good().cut("waited PrepareForBackup", "call DoSnapshotSet")),
    ("status-after-snapshot", good, || good().cut("waited DoSnapshotSet", "consistency")),
    ("status-after-complete", good, || good().cut("waited BackupComplete", "call SaveAsXML")),
    ("status-gathered-before-read", good, || good().drop_call("GatherWriterStatus")),
    ("snapshot-awaited", good, || unawaited("DoSnapshotSet")),
    ("document-saved-only-after-snapshot", good, || good().hoist_call("SaveAsXML", "call DoSnapshotSet")),
    ("document-saved", good, || good().drop_call("SaveAsXML")),
    ("complete-awaited", good, || unawaited("BackupComplete")),
    ("no-complete-after-failed-snapshot", vetoed, || {
        vetoed().before("call AbortBackup", |s| s.call(B::BackupComplete))
    }),
    ("abort-after-failed-snapshot", vetoed, || vetoed().drop_call("AbortBackup")),
    ("abort-when-given-up", given_up, || given_up().drop_call("AbortBackup")),
    ("no-use-after-abort", vetoed, || vetoed().after("return AbortBackup", |s| s.call(B::SaveAsXML))),
    ("object-released", good, || good().drop_call("Release")),
];

const WRITER: &[Case] = &[
    ("metadata-complete", good, || good().edit("document files", |what| retext(what, |_| "<WRITER_METADATA/>".into()))),
    ("metadata-same-at-each-identify", identified_twice, || {
        identified_twice().after("handled Identify again", |s| {
            let text = metadata("files").replace("selectable=\"yes\"", "selectable=\"no\"");
            let (kind, sha256) = (DocumentKind::WriterMetadata, "changed".into());
            s.push("document again", "files", What::Document { sha256, kind, text });
        })
    }),
    ("writer-has-a-component", good, || {
        good().edit("document idle", |what| retext(what, |text| text.replace("FILE_GROUP", "NOTHING")))
    }),
    ("component-names-unique", good, || {
        let twice = r#"<FILE_GROUP componentName="rest"/></BACKUP_LOCATIONS>"#;
        good().edit("document idle", |what| retext(what, |text| text.replace("</BACKUP_LOCATIONS>", twice)))
    }),
    ("failure-comes-with-its-reason", vetoed, || good().fail("Freeze database", None)),
    ("failure-code-documented", vetoed, || good().fail("Freeze database", Some(HResult::E_FAIL))),
    (
        "failure-set-inside-a-handler",
        || good().after("event PostSnapshot files", set_failure),
        || good().before("event Freeze files", set_failure),
    ),
    ("freeze-handled-in-window", good, || good().pause("handled Freeze files", secs(61))),
    ("frozen-application-is-quiet", good, || {
        good().drop("order Quiesce database").edit("consistency", |what| caught(what, Consistency::CrashConsistent))
    }),
    ("thawed-application-resumes", good, || good().drop("order Resume database")),
    ("log-truncated-on-complete-only", good, || {
        good().after("event BackupShutdown files", |s| s.order("files", ApplicationCall::TruncateLog))
    }),
    ("documents-changed-in-prepare-or-post-only", good, || {
        good().after("event BackupComplete files", |s| {
            let stamp = "1".into();
            let set = ComponentCall::SetBackupStamp { component: component("files", "", "share"), stamp };
            s.writer_call("files", Call::Component(set));
        })
    }),
];

const PROVIDER: &[Case] = &[
    ("provider-returns-documented-codes", good, || good().code("returned CommitSnapshots", HResult::E_FAIL)),
    ("begin-prepare-returns-quickly", good, || good().pause("returned BeginPrepareSnapshot", secs(2))),
    ("commit-within-a-second", good, || good().pause("returned CommitSnapshots", secs(1))),
    ("no-delay-around-commit", good, || good().pause("returned PostCommitSnapshots", secs(1))),
    ("commit-finished-on-return", good, || good().sink("commit C:", "returned CommitSnapshots")),
    ("no-logging-while-frozen", good, || {
        good().after("callback PreCommitSnapshots", |s| {
            let (log, source, message) = (EventLog::Application, "provider".into(), "trouble".into());
            s.push("log", "provider", What::EventLog(EventLogEntry { log, source, id: None, message }));
        })
    }),
];

const SERVICE_EVENTS: &[Case] = &[
    ("identify-reaches-every-writer", good, || unsent("Identify idle")),
    (
        "failed-identify-excludes",
        || good().fail("Identify idle", Some(RETRYABLE)),
        || good().fail("Identify files", Some(RETRYABLE)),
    ),
    ("prepare-reaches-writers-with-components", good, || unsent("PrepareForBackup files")),
    ("writer-without-component-left-alone", good, || {
        good().after("handled PrepareForBackup files", |s| s.handle("idle", WriterEvent::PrepareForBackup, |_| ()))
    }),
    ("no-events-without-writers", || writerless().drop("event").drop("handled"), writerless),
    ("writer-events-in-order", good, || {
        good().before("event Thaw files", |s| s.handle("files", WriterEvent::PostSnapshot, |_| ()))
    }),
    ("providers-prepared-before-writers", good, || {
        good().hoist("event PrepareForSnapshot files", "callback EndPrepareSnapshots")
    }),
    ("all-prepared-before-freeze", good, || good().sink("handled PrepareForSnapshot database", "event Freeze files")),
    ("freeze-by-level", good, || good().sink("handled Freeze files", "event Freeze database")),
    ("thaw-or-abort-after-freeze", good, || unsent("Thaw database")),
    ("all-thawed-before-post-snapshot", good, || good().sink("handled Thaw database", "event PostSnapshot files")),
    ("complete-reaches-participants", good, || unsent("BackupComplete database")),
    ("shutdown-once-for-each-participant", good, || unsent("BackupShutdown database")),
];

const SERVICE_COMMIT: &[Case] = &[
    ("begin-prepare-inside-add", good, || good().sink("callback BeginPrepareSnapshot", "return AddToSnapshotSet")),
    ("provider-calls-in-order", good, || good().drop("callback PreCommitSnapshots")),
    ("all-frozen-before-precommit", good, || good().sink("handled Freeze database", "callback PreCommitSnapshots")),
    ("precommit-before-hold", good, || good().sink("returned PreCommitSnapshots", "hold C:")),
    ("freeze-before-flush-and-hold", good, || good().sink("handled Freeze database", "hold C:")),
    ("commit-while-held", good, || good().hoist("release C:", "callback CommitSnapshots")),
    ("release-after-commit", good, || good().hoist("release C:", "returned CommitSnapshots")),
    ("hold-within-ten-seconds", good, || good().pause("release D:", secs(11))),
    ("no-write-lands-while-held", good, || {
        good().after("hold C:", |s| {
            let io = Io::Leaked { offset: 0, length: 512 };
            s.push("leak", "orders", What::Io { volume: "C:".into(), io });
        })
    }),
    ("postcommit-before-thaw", good, || good().sink("returned PostCommitSnapshots", "event Thaw files")),
    ("final-commit-around-post-snapshot", good, || {
        good().sink("handled PostSnapshot database", "callback PostFinalCommitSnapshots")
    }),
    ("snapshot-ends-after-final-commit", good, || {
        good().sink("returned PostFinalCommitSnapshots", "end DoSnapshotSet")
    }),
    ("one-time-stamp-per-set", good, || {
        good().edit("return GetSnapshotProperties", |what| {
            if let What::Return { out: Out::SnapshotProperties(properties), .. } = what
                && properties.snapshot == VOLUMES[1].2
            {
                properties.created = Ticks(78);
            }
        })
    }),
    ("set-is-one-instant", good, || good().edit("consistency", |what| caught(what, Consistency::Corrupt))),
    ("copy-equals-its-reference", good, || {
        good().edit("compared C:", |what| {
            if let What::Compared { different, .. } = what {
                *different = 1;
            }
        })
    }),
    ("copy-read-only-once-created", good, || {
        good().after("waited DoSnapshotSet", |s| {
            let io = Io::SnapshotWrite { snapshot: VOLUMES[0].2, offset: 0, length: 512 };
            s.push("write", "orders", What::Io { volume: "C:".into(), io });
        })
    }),
];

const SERVICE_ABORT: &[Case] = &[
    ("freeze-failure-aborts", vetoed, || vetoed().drop("event Abort files")),
    ("freeze-window-enforced", good, || good().pause("event Thaw files", secs(61))),
    ("provider-failure-aborts", commit_failed, || commit_failed().drop("event Abort files")),
    ("provider-failure-fails-set", commit_failed, || {
        good().code("returned CommitSnapshots", HResult::VSS_E_PROVIDER_VETO)
    }),
    ("hold-expiry-fails-set", || failed(good(), "hold D:", hold_limit), || good().after("hold D:", hold_limit)),
    ("abort-fails-set", vetoed, || vetoed().code("end DoSnapshotSet", HResult::VSS_S_ASYNC_FINISHED)),
    ("no-abort-after-post-snapshot", good, || {
        good().after("handled PostSnapshot files", |s| s.handle("files", WriterEvent::Abort, |_| ()))
    }),
    ("nothing-after-abort", vetoed, || {
        vetoed().after("handled Abort database", |s| s.handle("files", WriterEvent::PostSnapshot, |_| ()))
    }),
    ("abort-backup-reaches-writers", given_up, || given_up().drop("event Abort files")),
    ("provider-aborted-only-after-end-prepare", vetoed, || vetoed().drop("callback EndPrepareSnapshots")),
    ("unexpected-provider-code-translated", commit_failed, || {
        commit_failed().code("end DoSnapshotSet", HResult::VSS_E_PROVIDER_VETO)
    }),
];

/// A backup on a machine with a registered express writer, which was found or not.
fn with_express(found: bool) -> Script {
    let registered = good().before("call CreateVssBackupComponents", |s| {
        express(s, "CreateMetadata", 1, Some("express"));
        express(s, "Register", 1, None);
    });
    if !found {
        return registered;
    }
    let count = |what: &mut What| {
        if let What::Return { out, .. } = what {
            *out = Out::Count(4);
        }
    };
    registered.edit("return GetWriterMetadataCount", count).after("return GetWriterMetadataCount", |s| {
        let (sha256, kind, text) = ("express".to_owned(), DocumentKind::WriterMetadata, metadata("express"));
        s.push("document express", "vss", What::Document { sha256: sha256.clone(), kind, text });
        s.call_with(B::GetWriterMetadata { index: 0 }, OK, Out::Document(sha256), |_| ());
    })
}

const SERVICE_CALLS: &[Case] = &[
    (
        "second-set-refused",
        || good().before("call DoSnapshotSet", |s| second_requester(s, IN_PROGRESS, Out::Nothing)),
        || good().before("call DoSnapshotSet", |s| second_requester(s, OK, Out::SnapshotSet(OTHER_SET))),
    ),
    (
        "misordered-calls-refused",
        || good().before("call DoSnapshotSet", |s| s.call_with(B::StartSnapshotSet, BAD_STATE, Out::Nothing, |_| ())),
        || good().drop_call("SetBackupState"),
    ),
    (
        "component-calls-refused-without-writers",
        || {
            let calls = ["AddComponent", "PrepareForBackup", "BackupComplete"];
            calls.iter().fold(writerless(), |s, call| s.code(&format!("return {call}"), BAD_STATE))
        },
        writerless,
    ),
    ("unknown-component-refused", || add_stranger(HResult::VSS_E_OBJECT_NOT_FOUND), || add_stranger(OK)),
    ("express-writers-listed", || with_express(true), || with_express(false)),
    ("snapshot-visible-only-when-created", good, || {
        good().before("callback PostFinalCommitSnapshots", |s| {
            s.call(B::GetSnapshotProperties { snapshot: VOLUMES[0].2 });
        })
    }),
    ("operations-end", good, || good().drop("end BackupComplete").drop_call("Release")),
    ("status-tells-the-state", good, || {
        good().edit("return GetWriterStatus", |what| {
            if let What::Return { out: Out::WriterStatus(status), .. } = what {
                status.state = WriterState::FailedAtFreeze;
            }
        })
    }),
];

const SERVICE_STATE: &[Case] = &[
    ("one-creation-at-a-time", good, || {
        good().before("lock free", |s| s.push("lock", "vss", What::CreationLock { holder: Some(OTHER_SET) }))
    }),
    ("creation-lock-freed", good, || good().drop("lock free")),
    ("held-writes-released", good, || good().drop("release C:")),
    ("writer-state-follows-event", good, || {
        good().edit("state VSS_WS_WAITING_FOR_THAW files", |what| {
            if let What::WriterState { to, .. } = what {
                *to = WriterState::WaitingForPostSnapshot;
            }
        })
    }),
    ("failed-writer-shows-its-failure", vetoed, || vetoed().drop("state VSS_WS_FAILED_AT_FREEZE")),
    ("snapshot-states-in-order", good, || good().drop("snapshot VSS_SS_COMMITTED")),
];

const CASES: [&[Case]; 10] = [
    REQUESTER_ORDER,
    REQUESTER_ENDING,
    WRITER,
    PROVIDER,
    SERVICE_EVENTS,
    SERVICE_COMMIT,
    SERVICE_ABORT,
    SERVICE_CALLS,
    SERVICE_STATE,
    crate::restores::RESTORES,
];

fn unawaited(method: &str) -> Script {
    good().drop(&format!("wait {method}")).drop(&format!("waited {method}"))
}

fn unsent(event: &str) -> Script {
    good().drop(&format!("event {event}")).drop(&format!("handled {event}"))
}

fn commit_failed() -> Script {
    provider_failed("CommitSnapshots")
}

fn request(what: &mut What) -> Option<&mut B> {
    match what {
        What::Call { call: Call::BackupComponents(call), .. } => Some(call),
        _ => None,
    }
}

fn rename(what: &mut What, name: &str) {
    if let Some(B::AddToSnapshotSet { volume, .. }) = request(what) {
        *volume = name.into();
    }
}

fn retext(what: &mut What, edit: impl Fn(&str) -> String) {
    if let What::Document { text, .. } = what {
        *text = edit(text);
    }
}

fn caught(what: &mut What, found: Consistency) {
    if let What::Consistency { state, .. } = what {
        *state = found;
    }
}

fn add_volume(script: &mut Script, volume: &str) {
    script.call(B::AddToSnapshotSet { volume: volume.into(), provider: ProviderId::NULL });
}

fn set_options(script: &mut Script) {
    script.call(B::SetBackupOptions { component: component("files", "", "share"), options: "x".into() });
}

fn set_failure(script: &mut Script) {
    script.writer_call("files", Call::Writer(WriterCall::SetWriterFailure { failure: RETRYABLE }));
}

fn hold_limit(script: &mut Script) {
    let (name, edge) = (TimerName::HoldLimit, TimerEdge::Fired);
    script.push("hold limit", "kernel", What::Timer { name, edge });
    release(script);
}

fn add_stranger(code: HResult) -> Script {
    good().before("call StartSnapshotSet", |s| {
        s.call_with(B::AddComponent(component("files", "", "nobody")), code, Out::Nothing, |_| ());
    })
}

fn identified_twice() -> Script {
    good().after("waited DoSnapshotSet", |s| {
        let id = s.id();
        let event = WriterEvent::Identify;
        s.push("event Identify again", "files", What::Event { id, event, set: None, object: None });
        let handled = What::Handled { id, event, returned: true, failure: None };
        s.push("handled Identify again", "files", handled);
    })
}

/// A second requester is refused and tries again after a pause.
fn retried(pause: Ticks) -> Script {
    good().before("call DoSnapshotSet", |s| {
        second_requester(s, IN_PROGRESS, Out::Nothing);
        let first = s.steps.len();
        second_requester(s, IN_PROGRESS, Out::Nothing);
        s.steps.drain(first..first + 4);
        s.steps[first].pause = pause;
    })
}

/// The requester gives up after PrepareForBackup, as it should.
pub(crate) fn given_up() -> Script {
    let script = good().cut("waited PrepareForBackup", "call Release");
    script
        .after("waited PrepareForBackup", |s| {
            s.call_with(B::AbortBackup, OK, Out::Nothing, |s| {
                for writer in TAKING_PART {
                    s.handle(writer, WriterEvent::Abort, |_| ());
                }
                s.push("lock free", "vss", What::CreationLock { holder: None });
            });
        })
        .shutdown_of(None)
}

/// The same calls in a context without writers.
pub(crate) fn writerless() -> Script {
    good().edit("call SetContext", |what| {
        if let Some(B::SetContext { context }) = request(what) {
            *context = 0x10;
        }
    })
}

#[test]
fn every_rule_is_upheld_by_one_run_and_broken_by_another() {
    for (id, upholds, breaks) in CASES.iter().copied().flatten() {
        let kept = judge(&upholds().trace());
        assert_eq!(kept.verdict(id), Some(&Verdict::Upheld), "the run that should uphold {id}");
        let broken = judge(&breaks().trace());
        let Some(Verdict::Violated(findings)) = broken.verdict(id) else {
            panic!("{id} is not broken but {:?}", broken.verdict(id));
        };
        let finding = findings.first().expect("a finding");
        assert!(!finding.sentence.is_empty() && !finding.records.is_empty(), "{id} shows no record");
    }
}

#[test]
fn every_rule_has_its_two_runs() {
    let tried: Vec<&str> = CASES.iter().copied().flatten().map(|(id, ..)| *id).collect();
    let catalogue: Vec<&str> = CATALOGUE.iter().map(|rule| rule.id).collect();
    assert_eq!(tried, catalogue);
}

#[test]
fn a_backup_without_fault_breaks_no_rule() {
    let report = judge(&good().trace());
    assert_eq!(report.violated().collect::<Vec<_>>(), []);
    assert!(report.counts.upheld > 70, "{:?}", report.counts);
}

#[test]
fn a_backup_aborted_by_the_book_breaks_no_rule() {
    for script in [vetoed(), given_up(), failed(good(), "hold D:", hold_limit)] {
        assert_eq!(judge(&script.trace()).violated().collect::<Vec<_>>(), []);
    }
}

#[test]
fn a_failing_provider_is_blamed_and_nobody_else() {
    for method in ["EndPrepareSnapshots", "PreCommitSnapshots", "CommitSnapshots", "PostCommitSnapshots"] {
        let report = judge(&provider_failed(method).trace());
        let broken: Vec<&str> = report.violated().map(|(rule, _)| rule.id).collect();
        assert_eq!(broken, ["provider-returns-documented-codes"], "{method}");
    }
}
