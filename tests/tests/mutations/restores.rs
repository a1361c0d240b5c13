//! Restores by the book in which one call is made where it does not belong.

use std::sync::Arc;

use vssim_model::api::{BackupComponentsCall as B, Value};
use vssim_model::catalogue::find;
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;
use vssim_sim::fixture::{Small, full_backup, small};
use vssim_sim::plan::{Argument, MethodOp, Op, OpenChoices, Plan, RequesterPlan, RestoreOp};

use crate::steps::{call, calls_of_a_backup, exactly, started, wait};

/// When the backup is over.
const LATER: Ticks = Ticks::from_secs(3600);

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

/// The calls that belong to a restore alone, with arguments that are right.
pub(crate) fn calls_of_a_restore(plan: &Plan) -> Vec<Op> {
    let yes = || Value::Flag(true);
    let own = |method: &str, rest: &[(&str, Value)]| about(plan, &format!("IVssBackupComponents::{method}"), rest);
    let later = |method: &str, rest: &[(&str, Value)]| about(plan, &format!("IVssBackupComponentsEx2::{method}"), rest);
    let again = about(
        plan,
        "IVssBackupComponentsEx::SetSelectedForRestoreEx",
        &[("bSelectedForRestore", yes()), ("instanceId", Value::text("GUID_NULL"))],
    );
    let below = [
        ("wszSubComponentLogicalPath", Value::text("Data")),
        ("wszSubComponentName", Value::text("Part")),
        ("bRepair", Value::Flag(false)),
    ];
    let (path, file) = (("wszPath", Value::text("C:\\")), Value::text("data.txt"));
    let whole = ("bRecursive", Value::Flag(false));
    let elsewhere = || Value::text("C:\\elsewhere");
    let target = [path.clone(), ("wszFileName", file.clone()), whole.clone(), ("wszAlternatePath", elsewhere())];
    let mapping = [path, ("wszFilespec", file), whole, ("wszDestination", elsewhere())];
    vec![
        own("SetSelectedForRestore", &[("bSelectedForRestore", yes())]),
        again,
        own("AddRestoreSubcomponent", &below),
        own("SetRestoreOptions", &[("wszRestoreOptions", Value::text("options"))]),
        own("SetRestoreState", &[("restoreType", Value::text("VSS_RTYPE_BY_COPY"))]),
        own("AddNewTarget", &target),
        own("SetAdditionalRestores", &[("bAdditionalRestores", yes())]),
        own("AddAlternativeLocationMapping", &mapping),
        own("SetRangesFilePath", &[("iPartialFile", Value::count(0)), ("wszRangesFile", Value::text("C:\\ranges"))]),
        own("SetFileRestoreStatus", &[("status", Value::text("VSS_RS_ALL"))]),
        later("SetRestoreName", &[("wszRestoreName", Value::text("name"))]),
        later("SetAuthoritativeRestore", &[("bAuth", yes())]),
        later("SetRollForward", &[("rollType", Value::text("VSS_RF_ALL"))]),
        started(B::PreRestore),
        started(B::PostRestore),
    ]
}

/// Every call of a requester once, with arguments that are right for a restore or for a backup.
fn calls(plan: &Plan) -> Vec<Op> {
    let mut calls = calls_of_a_restore(plan);
    calls.push(Op::Restore(Arc::new(RestoreOp::Initialize(None))));
    calls.extend(calls_of_a_backup());
    calls
}

/// Restores of the first writer's component.
fn chains(plan: &Plan) -> [Vec<Op>; 3] {
    let start = || vec![call(B::CreateVssBackupComponents), Op::Restore(Arc::new(RestoreOp::Initialize(None)))];
    let select =
        || about(plan, "IVssBackupComponents::SetSelectedForRestore", &[("bSelectedForRestore", Value::Flag(true))]);
    let gather = || [started(B::GatherWriterMetadata), wait()];
    let (pre, post) = (|| [started(B::PreRestore), wait()], || [started(B::PostRestore), wait()]);
    let status = || [started(B::GatherWriterStatus), wait(), call(B::GetWriterStatusCount)];
    let files = || Op::Restore(Arc::new(RestoreOp::Files));
    let joined = |parts: &[&[Op]]| [start(), parts.concat(), vec![call(B::Release)]].concat();
    [
        // The whole restore, with the status where it belongs.
        joined(&[&gather(), &[select()], &pre(), &status(), &[files()], &post(), &status()]),
        // The status is asked early.
        joined(&[&status(), &gather(), &status(), &[select()], &pre(), &[files()], &post()]),
        // It is never asked, and metadata are freed.
        joined(&[&gather(), &[call(B::FreeWriterMetadata), select()], &pre(), &[files()], &post()]),
    ]
}

/// A machine that makes a backup and restores it an hour later.
fn machine() -> Plan {
    let mut plan = small(Small { writers: 2, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap();
    plan.requesters = vec![RequesterPlan { name: "Backup".into(), starts: Ticks::ZERO, script: full_backup(2, 1) }];
    // Handlers take a while, so that operations are seen under way.
    for event in [WriterEvent::Identify, WriterEvent::PreRestore, WriterEvent::PostRestore] {
        if let Some(writer) = plan.writers.first_mut() {
            writer.handlers.insert(event, Arc::from([exactly(1), Op::Return(true)]));
        }
    }
    plan
}

/// Puts the runs in.
pub(crate) fn one_call_out_of_place(runs: &mut Vec<(Plan, u64)>) {
    let plan = machine();
    let calls = calls(&plan);
    for chain in chains(&plan) {
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
}
