//! The runs that the changes are tried with: backups by the book in which one call is made where it does not belong, and
//! backups whose writers, providers and requesters do what they should not.

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_model::api::BackupComponentsCall as B;
use vssim_model::documents::BackupComponents;
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, ProviderId};
use vssim_model::states::WriterEvent;
use vssim_model::tables::{ProviderCallback, Symbol};
use vssim_model::time::Ticks;
use vssim_sim::actor::system_provider;
use vssim_sim::fixture::{Small, full_backup, small};
use vssim_sim::plan::{Op, OpenChoices, Plan, ProviderPlan, RequesterPlan, Script, Span, Template};

use crate::steps::{
    add_volume, backup_state, call, calls_of_a_backup, cancel, component, exactly, started, template, wait,
};

/// Seeds of the runs in which vetoes, crashes and the order of simultaneous events are left to chance.
const SEEDS: u64 = 60;
/// Seeds of requesters that call anything at any time.
const WILD_SEEDS: u64 = 600;
/// The context `VSS_CTX_FILE_SHARE_BACKUP`, in which no writer takes part.
const WITHOUT_WRITERS: u32 = 0x10;
/// `VSS_CTX_ALL`.
const CONTEXT_ALL: u32 = u32::MAX;

/// Every run, in a fixed order.
pub(crate) fn runs() -> Vec<(Plan, u64)> {
    let mut runs = Vec::new();
    left_to_chance(&mut runs);
    one_call_out_of_place(&mut runs);
    crate::restores::one_call_out_of_place(&mut runs);
    wild(&mut runs);
    failing_writers(&mut runs);
    failing_providers(&mut runs);
    slow(&mut runs);
    runs
}

fn machine(writers: u16, volumes: u16, open: OpenChoices) -> Plan {
    small(Small { writers, volumes, transactions: None, open }).unwrap()
}

fn plain() -> Plan {
    machine(2, 1, OpenChoices::default())
}

fn requester(name: &str, starts: Ticks, script: Script) -> RequesterPlan {
    RequesterPlan { name: name.into(), starts, script }
}

/// Another backup an hour later, for which writers must be ready again.
fn and_once_more(plan: &mut Plan) {
    let volumes = u16::try_from(plan.volumes.len()).unwrap();
    let writers = u16::try_from(plan.writers.len()).unwrap();
    plan.requesters.push(requester("Later", Ticks::from_secs(3600), full_backup(writers, volumes)));
}

fn left_to_chance(runs: &mut Vec<(Plan, u64)>) {
    for seed in 0..SEEDS {
        for (writers, volumes, crashes) in [(2, 1, false), (1, 2, true)] {
            let mut plan = machine(writers, volumes, OpenChoices { crashes, vetoes: true });
            and_once_more(&mut plan);
            let at = Ticks::from_millis(50 * seed);
            plan.requesters.push(requester("Other", at, full_backup(writers, volumes)));
            runs.push((plan, seed));
        }
    }
}

/// Every call of a requester once, with arguments that are right.
fn calls() -> Vec<Op> {
    let mut calls = calls_of_a_backup();
    calls.push(Op::Crash);
    calls
}

/// Chains of calls as documented, and some that end badly.
fn chains() -> Vec<Vec<Op>> {
    let add = || template(Template::AddComponent(component(0)));
    let succeeded = || template(Template::SetBackupSucceeded(component(0), true));
    let create = || vec![call(B::CreateVssBackupComponents), call(B::InitializeForBackup { xml: None })];
    let gather = || [started(B::GatherWriterMetadata), wait()];
    let status = || [started(B::GatherWriterStatus), wait(), call(B::GetWriterStatusCount)];
    let ending = || [succeeded(), started(B::BackupComplete), wait(), call(B::SaveAsXML), call(B::Release)];
    let joined = |parts: &[&[Op]]| [&create()[..], &parts.concat()[..]].concat();
    let set = || [call(B::StartSnapshotSet), add_volume()];
    let prepare = || [started(B::PrepareForBackup), wait()];
    let snapshot = || [started(B::DoSnapshotSet), wait()];
    vec![
        // The whole backup, with the status where it belongs.
        joined(&[
            &[backup_state()],
            &gather(),
            &[add()],
            &set(),
            &prepare(),
            &status(),
            &snapshot(),
            &status(),
            &ending(),
        ]),
        // Nothing is waited for.
        joined(&[
            &[backup_state()],
            &gather(),
            &[add()],
            &set(),
            &[started(B::PrepareForBackup), exactly(1), started(B::DoSnapshotSet)],
            &[exactly(10), started(B::DoSnapshotSet), exactly(2), wait(), succeeded()],
            &[started(B::BackupComplete), exactly(1), wait(), call(B::Release)],
        ]),
        // The set is opened first (BKP-ORD-047).
        joined(&[
            &[call(B::SetContext { context: 0 }), backup_state()],
            &set(),
            &gather(),
            &[add()],
            &prepare(),
            &snapshot(),
            &ending(),
        ]),
        // The metadata never come, and components are added to the open set all the same (C-02); the status is read
        // while the set is open.
        joined(&[
            &[call(B::SetContext { context: 0 }), backup_state()],
            &set(),
            &status(),
            &[started(B::GatherWriterMetadata), cancel(), wait()],
            &[add(), add()],
            &prepare(),
            &snapshot(),
            &ending(),
        ]),
        // No shadow copy is needed (BKP-ORD-035).
        joined(&[&[backup_state()], &gather(), &[add()], &prepare(), &ending()]),
        // Without writers.
        joined(&[&[call(B::SetContext { context: WITHOUT_WRITERS })], &set(), &snapshot(), &[call(B::Release)]]),
        joined(&[
            &[call(B::SetContext { context: WITHOUT_WRITERS }), backup_state()],
            &gather(),
            &set(),
            &snapshot(),
            &[call(B::Release)],
        ]),
        // A context for queries only.
        joined(&[
            &[call(B::SetContext { context: CONTEXT_ALL }), backup_state()],
            &gather(),
            &set(),
            &[call(B::Release)],
        ]),
        // Given up.
        joined(&[
            &[backup_state()],
            &gather(),
            &[add()],
            &set(),
            &prepare(),
            &[call(B::AbortBackup), call(B::Release)],
        ]),
        // Without SetBackupState.
        joined(&[&gather(), &[add()], &set(), &prepare(), &snapshot(), &[call(B::Release)]]),
    ]
}

/// Handlers take a while, so that operations are seen under way.
fn unhurried() -> Plan {
    let mut plan = machine(1, 1, OpenChoices::default());
    for event in [WriterEvent::PrepareForBackup, WriterEvent::Freeze, WriterEvent::BackupComplete] {
        if let Some(writer) = plan.writers.first_mut() {
            writer.handlers.insert(event, Arc::from([exactly(4)]));
        }
    }
    plan
}

/// Each call, at each place of each chain; the rest of the chain follows.
fn one_call_out_of_place(runs: &mut Vec<(Plan, u64)>) {
    let failing = |plan: &mut Plan| {
        if let Some(provider) = plan.providers.first_mut() {
            let answer = Op::Answer(HResult::VSS_E_PROVIDER_VETO);
            provider.handlers.insert(ProviderCallback::CommitSnapshots, Arc::from([answer]));
        }
    };
    for (number, chain) in (0..).zip(chains()) {
        for fails in [false, true] {
            if fails && number > 0 {
                continue;
            }
            let machine = || {
                let mut plan = unhurried();
                if fails {
                    failing(&mut plan);
                }
                plan
            };
            let mut one_run = |script: Vec<Op>| {
                let mut plan = machine();
                plan.requesters = vec![requester("Backup", Ticks::ZERO, script.into())];
                runs.push((plan, 0));
            };
            let of_a_restore = crate::restores::calls_of_a_restore(&machine());
            for place in 1..=chain.len() {
                let with = |odd: &[Op]| {
                    let (before, behind) = chain.split_at(place);
                    [before, odd, behind].concat()
                };
                for odd in calls() {
                    one_run(with(&[odd]));
                }
                // None of them belongs into a backup; refused, they change nothing, so that one run takes them all.
                one_run(with(&of_a_restore));
                one_run(with(&[call(B::InitializeForRestore { xml: BackupComponents::new().to_xml() })]));
            }
        }
    }
}

/// The next of a sequence of numbers (SplitMix64), below a bound.
fn next(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
}

/// Chains from which calls are missing and into which others are strewn.
fn wild(runs: &mut Vec<(Plan, u64)>) {
    let (chains, calls) = (chains(), calls());
    for seed in 0..WILD_SEEDS {
        let mut state = seed;
        let mut script = Vec::new();
        for op in &chains[next(&mut state, chains.len())] {
            if next(&mut state, 4) == 0 {
                script.push(calls[next(&mut state, calls.len())].clone());
            }
            if next(&mut state, 8) > 0 {
                script.push(op.clone());
            }
        }
        let mut plan = unhurried();
        plan.open.vetoes = true;
        plan.requesters = vec![requester("Backup", Ticks::ZERO, script.into())];
        and_once_more(&mut plan);
        runs.push((plan, seed));
    }
}

/// Every event fails in every way: with a code, with FALSE, late, never.
fn failing_writers(runs: &mut Vec<(Plan, u64)>) {
    let ways: [&[Op]; 5] = [
        &[Op::Fail(HResult::VSS_E_WRITERERROR_RETRYABLE)],
        &[Op::Fail(HResult::VSS_E_WRITERERROR_NONRETRYABLE), Op::Return(false)],
        &[Op::Return(false)],
        &[Op::Hang],
        &[exactly(700)],
    ];
    for &event in WriterEvent::ALL {
        for way in ways {
            for who in [0, 1] {
                let mut plan = plain();
                if let Some(writer) = plan.writers.get_mut(who) {
                    writer.handlers.insert(event, Arc::from(way));
                }
                and_once_more(&mut plan);
                // Somebody asks for metadata all the time.
                let ask = [call(B::CreateVssBackupComponents), call(B::InitializeForBackup { xml: None })];
                let ask = [&ask[..], &[started(B::GatherWriterMetadata), wait(), call(B::Release)]].concat();
                for at in [30, 150, 650] {
                    plan.requesters.push(requester(&format!("Asks {at}"), Ticks::from_millis(at), ask.clone().into()));
                }
                runs.push((plan.clone(), 0));
                // The other writer aborts the creation too.
                if let Some(writer) = plan.writers.get_mut(1 - who) {
                    writer.handlers.insert(WriterEvent::Freeze, Arc::from([Op::Return(false)]));
                }
                runs.push((plan, 1));
            }
        }
    }
}

/// A second provider, for the second volume.
fn two_providers() -> Plan {
    let mut plan = machine(1, 2, OpenChoices::default());
    if let Some(first) = plan.providers.first_mut() {
        first.supports.remove(&1);
    }
    plan.providers.push(ProviderPlan {
        name: "Other provider".into(),
        id: ProviderId(Guid::from_random_bits(0x3000)),
        system: false,
        supports: [1].into(),
        handlers: system_provider(|_| Span::default()),
        answers: std::collections::BTreeMap::new(),
    });
    plan
}

fn failing_providers(runs: &mut Vec<(Plan, u64)>) {
    for &step in ProviderCallback::ALL {
        for code in [HResult::VSS_E_PROVIDER_VETO, HResult::E_OUTOFMEMORY, HResult::VSS_E_WRITERERROR_RETRYABLE] {
            for mut plan in [plain(), two_providers()] {
                if let Some(provider) = plan.providers.last_mut() {
                    provider.handlers.insert(step, Arc::from([Op::Answer(code)]));
                }
                and_once_more(&mut plan);
                runs.push((plan, 0));
            }
        }
    }
}

/// The freeze window and the hold limit run out.
fn slow(runs: &mut Vec<(Plan, u64)>) {
    for seconds in [11, 61, 130] {
        let takes = |slow: ProviderCallback| {
            system_provider(
                move |step| {
                    if step == slow { Span::exactly(Ticks::from_secs(seconds)) } else { Span::default() }
                },
            )
        };
        for &step in ProviderCallback::ALL {
            for mut plan in [plain(), two_providers()] {
                if let Some(provider) = plan.providers.last_mut() {
                    provider.handlers = takes(step);
                }
                and_once_more(&mut plan);
                runs.push((plan, 0));
            }
        }
        for event in [WriterEvent::Freeze, WriterEvent::PrepareForSnapshot, WriterEvent::Thaw] {
            let mut plan = plain();
            if let Some(writer) = plan.writers.last_mut() {
                writer.handlers = BTreeMap::from([(event, Arc::from([exactly(seconds)]))]);
            }
            and_once_more(&mut plan);
            runs.push((plan, 0));
        }
    }
}
