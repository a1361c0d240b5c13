//! Two operations that Windows Server 2022 recorded, run again here: the same phases in the same order, actor by actor.
//!
//! Windows writes the beginning and the end of every phase of requester, service, provider, writers and kernel, and every
//! state of a writer, with a clock of 15.6 ms. The test builds the recorded domain controller (its writers, levels and
//! durations), runs the same backup, and compares. What differs is named in [`NOT_MODELLED`] and in docs/choices.md,
//! "Differences from recorded Windows".

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_conformance::judge;
use vssim_model::api::{AsyncCall, AsyncId, BackupComponentsCall as B, BackupType, Call};
use vssim_model::documents::{
    ComponentSpec, ComponentType, FileSpec, RestoreMethodKind, SourceType, UsageType, WriterMetadata, WriterRestore,
};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, ProviderId, WriterClassId, WriterInstanceId};
use vssim_model::states::{ApplicationLevel, WriterEvent};
use vssim_model::tables::ProviderCallback;
use vssim_model::time::Ticks;
use vssim_model::trace::{Edge, Phase, Trace, What};
use vssim_sim::actor::system_provider;
use vssim_sim::fixture::{Small, small};
use vssim_sim::plan::{
    ComponentOf, ComponentPlan, MetadataPlan, Op, OpenChoices, Plan, RequesterPlan, SHADOW_COPY_OPTIMIZATION_WRITER,
    Span, Template, WriterPlan,
};
use vssim_sim::run::run;
use vssim_tests::corpus::corpus;

/// Actors and phases of the recording that the simulator does not have: volsnap's own phases have no public
/// specification, and a writer's background thread of Freeze is no event.
const NOT_MODELLED: [&str; 2] = ["VolSnap", "BKGND_FREEZE_THREAD"];

/// Windows wrote the phases of flush and hold only after it had let the writes go, all in one tick. Their time is the gap
/// before it, behind OPEN_VOLUME_HANDLE: 282 ms in the larger recording.
const FLUSH_MS: u64 = 282;

/// The clock of the recording: what lies closer together has no order.
const CLOCK_MS: u64 = 16;

/// A step of an actor: a phase that begins or ends, or a writer's new state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    who: String,
    what: String,
}

/// One step with its time in milliseconds, since midnight or since the start.
type Timed = (u64, Mark);

/// A recorded phase: name, begin, length.
struct Recorded {
    marks: Vec<Timed>,
    /// Lengths of the phases, by actor and phase, in milliseconds; of several the first.
    lengths: BTreeMap<(String, String), u64>,
}

fn recording(name: &str) -> Option<Recorded> {
    let path = corpus()?.0.join("recorded/traces").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(read(&text))
}

/// Reads the regular lines of a `.phases.yaml`.
fn read(text: &str) -> Recorded {
    let mut recorded = Recorded { marks: Vec::new(), lengths: BTreeMap::new() };
    let mut who = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("- who: ") {
            who = name.trim_matches('\'').to_owned();
            continue;
        }
        let value = |key: &str| {
            let rest = line.split(&format!("{key}: ")).nth(1)?;
            Some(rest.split([',', '}']).next()?.trim_matches('"').to_owned())
        };
        if NOT_MODELLED.contains(&who.as_str()) || who.starts_with("Lovelace(") {
            continue;
        }
        if let (Some(phase), Some(enter), Some(leave)) = (value("phase"), value("enter"), value("leave")) {
            if NOT_MODELLED.contains(&phase.as_str()) {
                continue;
            }
            let length = value("ms").and_then(|ms| ms.parse().ok()).unwrap_or(0);
            recorded.lengths.entry((who.clone(), phase.clone())).or_insert(length);
            recorded.marks.push((clock(&enter), Mark { who: who.clone(), what: format!("{phase} enter") }));
            recorded.marks.push((clock(&leave), Mark { who: who.clone(), what: format!("{phase} leave") }));
        } else if let (Some(state), Some(at)) = (value("state"), value("at")) {
            recorded.marks.push((clock(&at), Mark { who: who.clone(), what: state }));
        }
    }
    recorded
}

/// Milliseconds since midnight.
fn clock(text: &str) -> u64 {
    let (time, milliseconds) = text.split_once('.').unwrap();
    let seconds = time.split(':').fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap());
    seconds * 1000 + milliseconds.parse::<u64>().unwrap()
}

const PROVIDER: &str = "SwProvider_{b5946137-7b9f-4925-af80-51abd60b20d5}";

/// The steps of a simulated run, under the recording's names.
fn simulated(trace: &Trace) -> Vec<Timed> {
    let mut marks = Vec::new();
    let writers: BTreeSet<&str> = trace
        .header
        .actors
        .iter()
        .filter(|actor| matches!(actor.role, vssim_model::trace::Role::Writer { .. }))
        .map(|actor| &*actor.name)
        .collect();
    let mut callbacks = BTreeMap::new();
    for record in &trace.records {
        let mut mark = |who: &str, what: String| marks.push((record.t.as_millis(), Mark { who: who.to_owned(), what }));
        match &record.what {
            What::Phase { name, edge } => {
                let edge = if *edge == Edge::Enter { "enter" } else { "leave" };
                let who = match &*record.actor {
                    "VSS" => "VssvcPublisher",
                    "Kernel" => "Lovelace",
                    writer if writers.contains(writer) => writer,
                    _ => "VssapiPublisher",
                };
                mark(who, format!("{} {edge}", phase_name(*name)));
            }
            What::Event { event, .. } => mark(&record.actor, format!("{} enter", event_name(*event))),
            What::Handled { event, .. } => mark(&record.actor, format!("{} leave", event_name(*event))),
            What::WriterState { to, .. } => mark(&record.actor, to.name().to_owned()),
            What::Callback { id, call: call @ (Call::CreateSnapshotSet(_) | Call::SoftwareProvider(_)) } => {
                if let Some(name) = callback_name(call.name().1) {
                    callbacks.insert(*id, name);
                    mark(PROVIDER, format!("{name} enter"));
                }
            }
            What::CallbackReturn { id, .. } => {
                if let Some(name) = callbacks.get(id) {
                    mark(PROVIDER, format!("{name} leave"));
                }
            }
            _ => {}
        }
    }
    marks
}

fn phase_name(phase: Phase) -> String {
    serde_json::to_value(phase).unwrap().as_str().unwrap().to_owned()
}

fn event_name(event: WriterEvent) -> &'static str {
    match event {
        WriterEvent::Identify => "IDENTIFY",
        WriterEvent::PrepareForBackup => "PREPAREBACKUP",
        WriterEvent::PrepareForSnapshot => "PREPARESNAPSHOT",
        WriterEvent::Freeze => "FREEZE",
        WriterEvent::Thaw => "THAW",
        WriterEvent::PostSnapshot => "POSTSNAPSHOT",
        WriterEvent::BackupComplete => "BACKUPCOMPLETE",
        WriterEvent::BackupShutdown => "BACKUPSHUTDOWN",
        _ => "ABORT",
    }
}

fn callback_name(method: &str) -> Option<&'static str> {
    Some(match method {
        "BeginPrepareSnapshot" => "PROVIDER_BEGINPREPARE",
        "EndPrepareSnapshots" => "PROVIDER_ENDPREPARE",
        "PreCommitSnapshots" => "PROVIDER_PRECOMMIT",
        "CommitSnapshots" => "PROVIDER_COMMIT",
        "PostCommitSnapshots" => "PROVIDER_POSTCOMMIT",
        "PreFinalCommitSnapshots" => "PROVIDER_PREFINALCOMMIT",
        "PostFinalCommitSnapshots" => "PROVIDER_POSTFINALCOMMIT",
        // Windows records no phase of the others.
        _ => return None,
    })
}

/// The steps of each actor, in order.
fn by_actor(marks: &[Timed]) -> BTreeMap<String, Vec<String>> {
    let mut actors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, Mark { who, what }) in marks {
        actors.entry(who.clone()).or_default().push(what.clone());
    }
    actors
}

/// Sorts by time; of one moment what stood first comes first, but an outer phase begins before its inner ones.
fn in_order(mut marks: Vec<Timed>) -> Vec<Timed> {
    marks.sort_by_key(|(at, _)| *at);
    marks
}

fn span(recorded: &Recorded, who: &str, phase: &str) -> Span {
    let length = recorded.lengths.get(&(who.to_owned(), phase.to_owned())).copied().unwrap_or(0);
    Span::exactly(Ticks::from_millis(length))
}

/// The recorded writers: level, and whether a component was added. The recording shows the level of the three that take
/// part; the others have the default one (API-005).
const WRITERS: [(&str, ApplicationLevel, bool); 8] = [
    ("NTDS", ApplicationLevel::BackEnd, true),
    ("Dhcp Jet Writer", ApplicationLevel::FrontEnd, false),
    ("Shadow Copy Optimization Writer", ApplicationLevel::FrontEnd, false),
    ("Registry Writer", ApplicationLevel::SystemRm, true),
    ("COM+ REGDB Writer", ApplicationLevel::FrontEnd, false),
    ("ASR Writer", ApplicationLevel::FrontEnd, false),
    ("DFS Replication service writer", ApplicationLevel::FrontEnd, false),
    ("WMI Writer", ApplicationLevel::FrontEnd, false),
];

fn writer(number: u128, name: &str, level: ApplicationLevel, recorded: &Recorded) -> WriterPlan {
    let optimization = name == "Shadow Copy Optimization Writer";
    let class = if optimization {
        SHADOW_COPY_OPTIMIZATION_WRITER
    } else {
        WriterClassId(Guid::from_random_bits(0x5000 + number))
    };
    let null = WriterInstanceId::NULL;
    let mut document = WriterMetadata::build(class, null, name, UsageType::UserData, SourceType::Other).unwrap();
    let mut components = BTreeMap::new();
    if !optimization {
        document.set_restore_method(RestoreMethodKind::RestoreIfCanReplace, None, WriterRestore::Never, false).unwrap();
        document.add_component(&ComponentSpec::new(ComponentType::FileGroup, "", name)).unwrap();
        document.add_files_to_file_group("", name, &FileSpec::new("C:\\", "data.txt")).unwrap();
        let files = Arc::from([]);
        components.insert((String::new(), name.to_owned()), ComponentPlan { database: false, files });
    }
    let handlers = WriterEvent::ALL.iter().filter_map(|&event| {
        let takes = span(recorded, name, event_name(event));
        (takes.max > Ticks::ZERO).then(|| (event, Arc::from([Op::Takes(takes)])))
    });
    WriterPlan {
        sessions: vssim_sim::plan::SESSIONS,
        name: name.into(),
        class,
        instance: None,
        level,
        freeze_timeout: Ticks::from_secs(60),
        handlers: handlers.collect(),
        documents: vec![MetadataPlan { document: document.finish(), text: None, components: Arc::new(components) }],
        main: None,
        identify_ex: false,
        background: None,
    }
}

fn call(call: B) -> Op {
    Op::Backup { call: Template::Call(call), keep: None }
}

fn awaited(ops: &mut Vec<Op>, call: B) {
    let operation = AsyncId(0);
    ops.push(Op::Backup { call: Template::Call(call), keep: Some(0) });
    ops.push(Op::Async { kept: 0, call: AsyncCall::Wait { operation, milliseconds: None } });
    ops.push(Op::Async { kept: 0, call: AsyncCall::QueryStatus { operation } });
}

fn opened() -> Vec<Op> {
    vec![call(B::CreateVssBackupComponents), call(B::InitializeForBackup { xml: None })]
}

fn volume() -> Vec<Op> {
    let (volume, provider) = ("C:\\".to_owned(), ProviderId::NULL);
    let asked = B::IsVolumeSupported { provider, volume: volume.clone() };
    vec![call(B::StartSnapshotSet), call(asked), call(B::AddToSnapshotSet { volume, provider })]
}

fn requester(name: &str, starts: Ticks, ops: Vec<Op>) -> RequesterPlan {
    RequesterPlan { name: name.into(), starts, script: ops.into() }
}

/// The machine of a recording, without requesters.
fn machine(recorded: &Recorded, writers: Vec<WriterPlan>) -> Plan {
    let what = Small { writers: 0, volumes: 1, transactions: None, open: OpenChoices::default() };
    let mut plan = small(what).unwrap();
    plan.writers = writers;
    plan.providers[0].name = PROVIDER.into();
    plan.providers[0].handlers = system_provider(|step: ProviderCallback| {
        callback_name(step.name()).map_or(Span::default(), |phase| span(recorded, PROVIDER, phase))
    });
    plan.kernel.open_volumes = span(recorded, "Lovelace", "OPEN_VOLUME_HANDLE");
    plan.kernel.flush = Span::exactly(Ticks::from_millis(FLUSH_MS));
    plan
}

fn traced(plan: Plan) -> Trace {
    let (outcome, trace) = run(&Arc::new(plan), 1).unwrap();
    assert_eq!(outcome.broken, None);
    let broken: Vec<&str> = judge(&trace)
        .violated()
        .map(|(rule, _)| rule.id)
        // The recording gathers no status after PrepareForBackup and BackupComplete; nor does this requester.
        .filter(|rule| {
            !matches!(*rule, "status-after-prepare" | "status-after-complete" | "status-gathered-before-read")
        })
        .collect();
    assert!(broken.is_empty(), "{broken:?}");
    trace
}

/// Windows records no phase of BackupShutdown, and no state of a writer after BackupComplete.
fn recorded_by_windows(marks: Vec<Timed>) -> Vec<Timed> {
    let mut completed = BTreeSet::new();
    let kept = marks.into_iter().filter(|(_, Mark { who, what })| {
        if what.starts_with("BACKUPCOMPLETE") {
            completed.insert(who.clone());
        }
        let state_after = what.starts_with("VSS_WS_") && completed.contains(who);
        !what.starts_with("BACKUPSHUTDOWN") && !state_after
    });
    kept.collect()
}

/// Whether two writers handle one event, or have just done so: which of them is first is their own matter (S-09). Not so
/// Freeze: there each of the three stands at a level of its own.
fn at_once(one: &Mark, other: &Mark) -> bool {
    let writer = |mark: &Mark| WRITERS.iter().any(|(name, ..)| *name == mark.who);
    let event = |mark: &Mark| match mark.what.as_str() {
        "VSS_WS_STABLE" => "PREPAREBACKUP".to_owned(),
        "VSS_WS_WAITING_FOR_FREEZE" => "PREPARESNAPSHOT".to_owned(),
        "VSS_WS_WAITING_FOR_THAW" => "FREEZE".to_owned(),
        "VSS_WS_WAITING_FOR_POST_SNAPSHOT" => "THAW".to_owned(),
        "VSS_WS_WAITING_FOR_BACKUP_COMPLETE" => "POSTSNAPSHOT".to_owned(),
        phase => phase.split(' ').next().unwrap_or_default().to_owned(),
    };
    writer(one) && writer(other) && event(one) == event(other) && event(one) != "FREEZE"
}

/// Where the recording's clock tells two steps apart, they come in the same order here.
fn out_of_order(recorded: &[Timed], simulated: &[Timed]) -> BTreeSet<(String, String)> {
    let numbered = |marks: &[Timed]| -> Vec<(u64, (Mark, u32))> {
        let mut times: BTreeMap<Mark, u32> = BTreeMap::new();
        let count = |mark: &Mark, times: &mut BTreeMap<Mark, u32>| {
            let seen = times.entry(mark.clone()).or_insert(0);
            *seen += 1;
            *seen
        };
        marks.iter().map(|(at, mark)| (*at, (mark.clone(), count(mark, &mut times)))).collect()
    };
    let places: BTreeMap<(Mark, u32), usize> =
        numbered(simulated).into_iter().enumerate().map(|(place, (_, mark))| (mark, place)).collect();
    let recorded = numbered(recorded);
    let mut wrong = BTreeSet::new();
    for (first_at, first) in &recorded {
        for (_, second) in recorded.iter().filter(|(second_at, _)| first_at + CLOCK_MS < *second_at) {
            if at_once(&first.0, &second.0) {
                continue;
            }
            if let (Some(a), Some(b)) = (places.get(first), places.get(second))
                && a > b
            {
                let told = |mark: &(Mark, u32)| format!("{}: {}", mark.0.who, mark.0.what);
                wrong.insert((told(first), told(second)));
            }
        }
    }
    wrong
}

#[test]
fn the_recorded_backup_of_a_domain_controller_goes_the_same_way() {
    let Some(recorded) = recording("cmd_dumping_ntds_dit_file_ntdsutil.phases.yaml") else { return };
    let writers: Vec<WriterPlan> =
        (0..).zip(WRITERS).map(|(number, (name, level, _))| writer(number, name, level, &recorded)).collect();
    let mut ops = opened();
    ops.push(call(B::SetBackupState {
        select_components: true,
        bootable_system_state: true,
        backup_type: BackupType::Full,
        partial_file_support: false,
    }));
    awaited(&mut ops, B::GatherWriterMetadata);
    for (number, (name, _, _)) in (0..).zip(WRITERS).filter(|(_, (.., added))| *added) {
        let component = ComponentOf { writer: number, logical_path: String::new(), name: name.to_owned() };
        ops.push(Op::Backup { call: Template::AddComponent(component), keep: None });
    }
    ops.extend(volume());
    for step in [B::PrepareForBackup, B::DoSnapshotSet, B::GatherWriterStatus] {
        awaited(&mut ops, step);
    }
    // Meanwhile a second object of the same process gathers the writers' metadata again.
    ops.push(Op::Takes(Span::exactly(Ticks::from_millis(400))));
    for (number, (name, _, _)) in (0..).zip(WRITERS).filter(|(_, (.., added))| *added) {
        let component = ComponentOf { writer: number, logical_path: String::new(), name: name.to_owned() };
        ops.push(Op::Backup { call: Template::SetBackupSucceeded(component, true), keep: None });
    }
    awaited(&mut ops, B::BackupComplete);
    ops.push(call(B::SaveAsXML));
    ops.push(call(B::Release));
    let mut plan = machine(&recorded, writers);
    plan.requesters = vec![requester("ntdsutil", Ticks::ZERO, ops)];
    let first = traced(plan.clone());
    let gathered = first.records.iter().find(|record| {
        record.what == What::Phase { name: Phase::GetState, edge: Edge::Leave } && &*record.actor == "ntdsutil"
    });
    let mut second = opened();
    awaited(&mut second, B::GatherWriterMetadata);
    second.push(call(B::Release));
    plan.requesters.push(requester("ntdsutil, second object", gathered.unwrap().t + Ticks::from_millis(1), second));
    let trace = traced(plan);

    let windows = in_order(recorded.marks.clone());
    let here = recorded_by_windows(simulated(&trace));
    let (windows_by_actor, here_by_actor) = (by_actor(&windows), by_actor(&here));
    for (who, steps) in &windows_by_actor {
        let ours = here_by_actor.get(who).cloned().unwrap_or_default();
        // The phases of the service nest and share moments: their beginnings and their ends are compared apart.
        for edge in [" enter", " leave", "VSS_WS_"] {
            let of = |steps: &[String]| -> Vec<String> {
                steps.iter().filter(|step| step.contains(edge)).cloned().collect()
            };
            if edge == " leave" && who == "VssvcPublisher" {
                let (mut a, mut b) = (of(steps), of(&ours));
                a.sort();
                b.sort();
                assert_eq!(a, b, "{who}{edge}");
            } else {
                assert_eq!(of(steps), of(&ours), "{who}{edge}");
            }
        }
    }
    assert_eq!(windows_by_actor.keys().collect::<Vec<_>>(), here_by_actor.keys().collect::<Vec<_>>());
    assert_eq!(out_of_order(&windows, &here), BTreeSet::new());

    // Windows took 9,515 ms; what it does between the phases it records is not modelled.
    let length = |marks: &[Timed]| {
        let at = |edge: &str| marks.iter().find(|(_, mark)| mark.what == format!("DOSNAPSHOT {edge}")).unwrap().0;
        at("leave") - at("enter")
    };
    let (recorded_ms, ours_ms) = (length(&windows), length(&here));
    assert_eq!(recorded_ms, 9_515);
    assert!(ours_ms <= recorded_ms && ours_ms * 100 >= recorded_ms * 95, "{ours_ms} ms here");
}

#[test]
fn the_recorded_shadow_copy_without_writers_goes_the_same_way() {
    let Some(recorded) = recording("cmd_dumping_ntds_dit_file_volume_shadow_copy.phases.yaml") else { return };
    let mut plan = machine(&recorded, Vec::new());
    let mut ops = opened();
    // VSS_CTX_CLIENT_ACCESSIBLE, which `vssadmin create shadow` uses: no writers.
    ops.push(call(B::SetContext { context: 0x1d }));
    ops.extend(volume());
    awaited(&mut ops, B::DoSnapshotSet);
    ops.push(call(B::Release));
    plan.requesters = vec![requester("vssadmin", Ticks::ZERO, ops)];
    let trace = traced(plan);
    assert!(trace.records.iter().all(|record| !matches!(record.what, What::Event { .. })));
    let finished = trace.records.iter().any(
        |record| matches!(record.what, What::AsyncEnd { hresult, .. } if hresult == HResult::VSS_S_ASYNC_FINISHED),
    );
    assert!(finished);
    let windows = in_order(recorded.marks.clone());
    let mut here = by_actor(&simulated(&trace));
    // vssadmin's own side wrote no phases.
    here.remove("VssapiPublisher");
    assert_eq!(by_actor(&windows), here);
}
