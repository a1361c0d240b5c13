//! Restores by the book in which one call is made where it does not belong.

use std::sync::Arc;

use vssim_model::api::{AsyncCall, AsyncId, BackupComponentsCall as B, Value};
use vssim_model::catalogue::find;
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;
use vssim_sim::fixture::{Small, full_backup, small};
use vssim_sim::plan::{Argument, MethodOp, Op, OpenChoices, Plan, RequesterPlan, RestoreOp, Span, Template};

/// Where the requester keeps its asynchronous operation.
const KEPT: u8 = 0;
/// When the backup is over.
const LATER: Ticks = Ticks::from_secs(3600);

fn call(call: B) -> Op {
    Op::Backup { call: Template::Call(call), keep: None }
}

fn started(call: B) -> Op {
    Op::Backup { call: Template::Call(call), keep: Some(KEPT) }
}

fn wait() -> Op {
    Op::Async { kept: KEPT, call: AsyncCall::Wait { operation: AsyncId(0), milliseconds: None } }
}

/// A call about the component of the first writer.
fn about(plan: &Plan, method: &str, rest: &[(&str, Value)]) -> Op {
    let method = find(method).unwrap();
    let class = plan.writers.first().unwrap().class;
    let mut arguments = vec![
        ("writerId", Value::guid(class.0)),
        ("ct", Value::text("VSS_CT_FILEGROUP")),
        ("componentType", Value::text("VSS_CT_FILEGROUP")),
        ("wszComponentName", Value::text("Data")),
    ];
    arguments.extend(rest.iter().cloned());
    arguments.retain(|(name, _)| method.method.parameter(name).is_some());
    let argument = |(name, value): (&str, Value)| (name.to_owned(), Argument::Value(value));
    let arguments = arguments.into_iter().map(argument).collect();
    Op::Method(Arc::new(MethodOp { method, on: None, arguments, injected: None, step: 1, save: None }))
}

/// Every call of a restore once, with arguments that are right, and some of a backup.
fn calls(plan: &Plan) -> Vec<Op> {
    let yes = || Value::Flag(true);
    let own = |method: &str, rest: &[(&str, Value)]| about(plan, &format!("IVssBackupComponents::{method}"), rest);
    let later = |method: &str, rest: &[(&str, Value)]| about(plan, &format!("IVssBackupComponentsEx2::{method}"), rest);
    let again = about(
        plan,
        "IVssBackupComponentsEx::SetSelectedForRestoreEx",
        &[("bSelectedForRestore", yes()), ("instanceId", Value::text("GUID_NULL"))],
    );
    vec![
        call(B::InitializeForBackup { xml: None }),
        Op::Restore(Arc::new(RestoreOp::Initialize(None))),
        call(B::EnableWriterClasses { classes: Vec::new() }),
        call(B::DisableWriterInstances { instances: Vec::new() }),
        started(B::GatherWriterMetadata),
        call(B::GetWriterMetadataCount),
        call(B::GetWriterMetadata { index: 0 }),
        call(B::FreeWriterMetadata),
        own("SetSelectedForRestore", &[("bSelectedForRestore", yes())]),
        again,
        own("SetRestoreOptions", &[("wszRestoreOptions", Value::text("options"))]),
        own("SetRestoreState", &[("restoreType", Value::text("VSS_RTYPE_BY_COPY"))]),
        own("SetAdditionalRestores", &[("bAdditionalRestores", yes())]),
        own("SetFileRestoreStatus", &[("status", Value::text("VSS_RS_ALL"))]),
        later("SetRestoreName", &[("wszRestoreName", Value::text("name"))]),
        later("SetAuthoritativeRestore", &[("bAuth", yes())]),
        later("SetRollForward", &[("rollType", Value::text("VSS_RF_ALL"))]),
        started(B::PreRestore),
        started(B::GatherWriterStatus),
        call(B::GetWriterStatusCount),
        call(B::GetWriterStatus { index: 0 }),
        call(B::FreeWriterStatus),
        started(B::PostRestore),
        call(B::StartSnapshotSet),
        started(B::PrepareForBackup),
        started(B::BackupComplete),
        call(B::AbortBackup),
        call(B::SaveAsXML),
        call(B::Release),
        Op::Async { kept: KEPT, call: AsyncCall::Cancel { operation: AsyncId(0) } },
    ]
}

/// A restore of the first writer's component.
fn chain(plan: &Plan) -> Vec<Op> {
    let select =
        about(plan, "IVssBackupComponents::SetSelectedForRestore", &[("bSelectedForRestore", Value::Flag(true))]);
    let status = || [started(B::GatherWriterStatus), wait(), call(B::GetWriterStatusCount)];
    let mut chain = vec![
        call(B::CreateVssBackupComponents),
        Op::Restore(Arc::new(RestoreOp::Initialize(None))),
        started(B::GatherWriterMetadata),
        wait(),
        select,
        started(B::PreRestore),
        wait(),
    ];
    chain.extend(status());
    chain.push(Op::Restore(Arc::new(RestoreOp::Files)));
    chain.extend([started(B::PostRestore), wait()]);
    chain.extend(status());
    chain.push(call(B::Release));
    chain
}

/// A machine that makes a backup and restores it an hour later.
fn machine() -> Plan {
    let mut plan = small(Small { writers: 2, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap();
    plan.requesters = vec![RequesterPlan { name: "Backup".into(), starts: Ticks::ZERO, script: full_backup(2, 1) }];
    // Handlers take a while, so that operations are seen under way.
    for event in [WriterEvent::PreRestore, WriterEvent::PostRestore] {
        if let Some(writer) = plan.writers.first_mut() {
            let takes = Op::Takes(Span::exactly(Ticks::from_secs(1)));
            writer.handlers.insert(event, Arc::from([takes, Op::Return(true)]));
        }
    }
    plan
}

/// Puts the runs in.
pub(crate) fn one_call_out_of_place(runs: &mut Vec<(Plan, u64)>) {
    let plan = machine();
    let (chain, calls) = (chain(&plan), calls(&plan));
    for place in 1..=chain.len() {
        for odd in &calls {
            let mut script = chain.clone();
            script.insert(place, odd.clone());
            let mut plan = plan.clone();
            plan.requesters.push(RequesterPlan { name: "Restore".into(), starts: LATER, script: script.into() });
            runs.push((plan, 0));
        }
    }
}
