//! A backup that Windows itself recorded, judged like any other.
//!
//! The recording has no calls and no answers of requester and provider, so that only what binds service and writers can
//! be seen. Its clock has steps of 15.6 ms, but its lines are in order, with one exception: what flush and hold wrote of
//! itself could only land once the writes were released, so those lines say nothing of the order and are left out.

use std::collections::BTreeMap;
use std::fs;

use vssim_conformance::{Verdict, judge};
use vssim_model::api::{Call, CreateSnapshotSetCall};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, ProviderId, WriterClassId, WriterInstanceId};
use vssim_model::states::{ApplicationLevel, WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::*;

use crate::catalogue::corpus;
use crate::support::{SET, Script};

/// The time of day of a line, in ticks: `2023-07-19 16:03:40.757`.
fn time(text: &str) -> Option<Ticks> {
    let mut parts = text.split(' ').nth(1)?.split([':', '.']).map(|part| part.parse::<u64>().ok());
    let (h, m, s, ms) = (parts.next()??, parts.next()??, parts.next()??, parts.next()??);
    Some(Ticks::from_millis(((h * 60 + m) * 60 + s) * 1000 + ms))
}

fn event(phase: &str) -> Option<WriterEvent> {
    Some(match phase {
        "IDENTIFY" => WriterEvent::Identify,
        "PREPAREBACKUP" => WriterEvent::PrepareForBackup,
        "PREPARESNAPSHOT" => WriterEvent::PrepareForSnapshot,
        "FREEZE" => WriterEvent::Freeze,
        "THAW" => WriterEvent::Thaw,
        "POSTSNAPSHOT" => WriterEvent::PostSnapshot,
        "BACKUPCOMPLETE" => WriterEvent::BackupComplete,
        _ => return None,
    })
}

fn callback(phase: &str) -> Option<Call> {
    let call = match phase {
        "PROVIDER_ENDPREPARE" => CreateSnapshotSetCall::EndPrepareSnapshots(SET),
        "PROVIDER_PRECOMMIT" => CreateSnapshotSetCall::PreCommitSnapshots(SET),
        "PROVIDER_COMMIT" => CreateSnapshotSetCall::CommitSnapshots(SET),
        "PROVIDER_POSTCOMMIT" => CreateSnapshotSetCall::PostCommitSnapshots(SET),
        "PROVIDER_PREFINALCOMMIT" => CreateSnapshotSetCall::PreFinalCommitSnapshots(SET),
        "PROVIDER_POSTFINALCOMMIT" => CreateSnapshotSetCall::PostFinalCommitSnapshots(SET),
        _ => return None,
    };
    Some(Call::CreateSnapshotSet(call))
}

/// The three writers that took part, with the levels at which they were frozen, and the system provider.
fn header() -> Header {
    let writer = |name: &str, n: u128, level| Actor {
        name: name.into(),
        role: Role::Writer {
            class: WriterClassId(Guid(n)),
            instance: WriterInstanceId(Guid(n)),
            level,
            freeze_timeout: Ticks::from_secs(60),
            identify_ex: false,
            joins: false,
        },
    };
    let actors = vec![
        writer("Shadow Copy Optimization Writer", 1, ApplicationLevel::FrontEnd),
        writer("NTDS", 2, ApplicationLevel::BackEnd),
        writer("Registry Writer", 3, ApplicationLevel::SystemRm),
        Actor { name: "SwProvider".into(), role: Role::Provider { id: ProviderId::SYSTEM } },
    ];
    Header { actors, ..Script::header() }
}

fn import(text: &str) -> Trace {
    let header = header();
    let mut records: Vec<Record> = Vec::new();
    let mut open: BTreeMap<(String, String), CallId> = BTreeMap::new();
    let mut states: BTreeMap<String, WriterState> = BTreeMap::new();
    for line in text.lines() {
        let Some((_, path)) = line.split_once(r"VSS\Diag\") else { continue };
        let path = path.split('\t').next().unwrap_or_default();
        let Some((who, (phase, edge))) =
            path.split_once('\\').and_then(|(who, rest)| Some((who, rest.split_once(" (")?)))
        else {
            continue;
        };
        let who = if who.starts_with("SwProvider") { "SwProvider" } else { who };
        let Some(actor) = header.actors.iter().find(|actor| &*actor.name == who) else { continue };
        let t = line.split('\t').next().and_then(time).expect("a time");
        let n = records.len() as u64 + 1;
        let key = (who.to_owned(), phase.to_owned());
        let what = match (edge, event(phase), callback(phase)) {
            ("Enter)", Some(event), _) => {
                open.insert(key, CallId(n));
                let set = (!matches!(event, WriterEvent::Identify | WriterEvent::PrepareForBackup)).then_some(SET);
                What::Event { id: CallId(n), event, set, object: None }
            }
            ("Leave)", Some(event), _) => What::Handled { id: open[&key], event, returned: true, failure: None },
            ("Enter)", _, Some(call)) => {
                open.insert(key, CallId(n));
                What::Callback { id: CallId(n), call }
            }
            ("Leave)", _, Some(_)) => What::CallbackReturn { id: open[&key], hresult: HResult::S_OK },
            ("SetCurrentState)", ..) => {
                let to: WriterState = phase.parse().expect("a state");
                let from = states.insert(who.to_owned(), to).unwrap_or(WriterState::Stable);
                What::WriterState { from, to, failure: HResult::S_OK, object: None }
            }
            _ => continue,
        };
        records.push(Record { n, t, actor: actor.name.clone(), what, cause: 0 });
    }
    Trace { header, records }
}

#[test]
fn a_backup_recorded_by_windows_breaks_no_rule() {
    let Some(corpus) = corpus() else { return };
    let path = corpus.join("recorded/traces/cmd_dumping_ntds_dit_file_ntdsutil.timeline.tsv");
    let trace = import(&fs::read_to_string(path).expect("the recording reads"));
    let report = judge(&trace);
    assert_eq!(report.violated().collect::<Vec<_>>(), []);
    for id in [
        "writer-events-in-order",
        "providers-prepared-before-writers",
        "all-prepared-before-freeze",
        "freeze-by-level",
        "freeze-handled-in-window",
        "all-frozen-before-precommit",
        "provider-calls-in-order",
        "commit-within-a-second",
        "postcommit-before-thaw",
        "thaw-or-abort-after-freeze",
        "all-thawed-before-post-snapshot",
        "final-commit-around-post-snapshot",
        "writer-state-follows-event",
    ] {
        assert_eq!(report.verdict(id), Some(&Verdict::Upheld), "{id}");
    }
}
