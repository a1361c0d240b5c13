//! The requesters' calls in a trace, and which step of a script made which.

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::api::{AsyncId, BackupComponentsCall, Call, Out};
use vssim_model::hresult::HResult;
use vssim_model::trace::{CallId, Trace, What};
use vssim_sim::plan::{Op, Script, Template};

/// A call of a requester.
#[derive(Clone, Debug)]
pub(crate) struct CallOf<'a> {
    pub(crate) actor: &'a str,
    pub(crate) object: u32,
    pub(crate) method: &'static str,
    /// Whether it is SetBackupSucceeded and says that files of the component are missing.
    pub(crate) missing: bool,
    hresult: Option<HResult>,
    out: Option<&'a Out>,
    /// Whether no step of its own makes it: one of the calls of a part of a restore.
    listed: bool,
    /// How the operation that it started ended.
    operation: Option<HResult>,
}

impl CallOf<'_> {
    /// The code that counts: that of the operation, that which QueryStatus told, or what the call returned.
    pub(crate) fn ended(&self) -> Option<HResult> {
        match self.out {
            Some(Out::Async(_)) => self.operation,
            _ => self.told(),
        }
    }

    /// The code that the caller learned when the call returned.
    fn told(&self) -> Option<HResult> {
        match self.out {
            Some(Out::Status(code)) => Some(*code),
            _ => self.hresult,
        }
    }
}

/// Every call of every requester, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls<'a> {
    pub(crate) all: Vec<CallOf<'a>>,
}

impl<'a> Calls<'a> {
    pub(crate) fn of(trace: &'a Trace) -> Calls<'a> {
        let mut calls = Calls::default();
        let mut open: BTreeMap<CallId, usize> = BTreeMap::new();
        // An operation may end before the call that started it returns.
        let mut operations: BTreeMap<AsyncId, usize> = BTreeMap::new();
        let mut ends: BTreeMap<AsyncId, HResult> = BTreeMap::new();
        for record in &trace.records {
            match &record.what {
                What::Call { id, object, call }
                    if matches!(call, Call::BackupComponents(_) | Call::Async(_) | Call::Method(_)) =>
                {
                    open.insert(*id, calls.all.len());
                    let (_, method) = call.name();
                    let (actor, object) = (&*record.actor, *object);
                    let missing = matches!(
                        call,
                        Call::BackupComponents(BackupComponentsCall::SetBackupSucceeded { succeeded: false, .. })
                    );
                    calls.all.push(CallOf {
                        actor,
                        object,
                        method,
                        missing,
                        hresult: None,
                        out: None,
                        listed: matches!(call, Call::Method(call) if call.step == 0),
                        operation: None,
                    });
                }
                What::Return { id, hresult, out } => {
                    let Some(at) = open.remove(id) else { continue };
                    let Some(call) = calls.all.get_mut(at) else { continue };
                    (call.hresult, call.out) = (Some(*hresult), Some(out));
                    if let Out::Object(object) = out {
                        call.object = *object;
                    }
                    if let Out::Async(operation) = out {
                        operations.insert(*operation, at);
                    }
                }
                What::AsyncEnd { operation, hresult } => {
                    ends.insert(*operation, *hresult);
                }
                _ => {}
            }
        }
        for (operation, at) in operations {
            if let Some(call) = calls.all.get_mut(at) {
                call.operation = ends.get(&operation).copied();
            }
        }
        calls
    }

    /// The calls of a requester on the object that it made last.
    pub(crate) fn of_last_object<'b>(&'b self, actor: &'b str) -> impl Iterator<Item = &'b CallOf<'a>> {
        let last = self.all.iter().filter(|call| call.actor == actor).map(|call| call.object).max().unwrap_or(0);
        self.all.iter().filter(move |call| call.actor == actor && call.object == last && last > 0)
    }
}

/// The most instructions that a replay follows: a script that jumps for ever makes calls while it does.
const LONGEST: usize = 1 << 20;

/// Follows a script along the codes that its calls returned: the code of each instruction that made a call, the last
/// time that it was carried out.
pub(crate) fn replay(script: &Script, actor: &str, calls: &Calls<'_>) -> BTreeMap<u16, HResult> {
    let mut codes = BTreeMap::new();
    let mut calls = calls.all.iter().filter(|call| call.actor == actor).peekable();
    let (mut at, mut last, mut writer_failed) = (0_u16, None, false);
    let mut kept = BTreeSet::new();
    for _ in 0..LONGEST {
        let Some(op) = script.get(usize::from(at)) else { break };
        let go = |condition: bool, target: u16| if condition { target } else { at.saturating_add(1) };
        at = match op {
            Op::Jump(target) => *target,
            Op::Hang | Op::Crash => break,
            Op::IfFailed(target) => {
                let failed = |code: HResult| code.is_failure() || code == HResult::VSS_S_ASYNC_CANCELLED;
                go(last.is_some_and(failed), *target)
            }
            Op::IfCode(code, target) => go(last == Some(*code), *target),
            Op::IfWriterFailed(target) => go(writer_failed, *target),
            Op::IfNotKept(place, target) => go(!kept.contains(place), *target),
            Op::Backup { call: each @ (Template::EachWriterStatus | Template::EachWriterMetadata), .. } => {
                if *each == Template::EachWriterStatus {
                    writer_failed = false;
                }
                let Some(counted) = calls.next() else { break };
                last = counted.told();
                let count = if let Some(Out::Count(count)) = counted.out { *count } else { 0 };
                for call in calls.by_ref().take(usize::try_from(count).unwrap_or(usize::MAX)) {
                    last = call.told();
                    writer_failed |= matches!(call.out, Some(Out::WriterStatus(status))
                        if status.state.is_failed() || status.failure.is_failure());
                }
                at.saturating_add(1)
            }
            Op::Backup { keep, .. } => {
                let Some(call) = calls.next() else { break };
                last = call.told();
                if let (Some(place), Some(Out::Async(_))) = (keep, call.out) {
                    kept.insert(*place);
                }
                codes.extend(last.map(|code| (at, code)));
                at.saturating_add(1)
            }
            Op::Restore(_) => {
                last = Some(HResult::S_OK);
                while let Some(call) = calls.next_if(|call| call.listed) {
                    let missing =
                        call.method == "SetSelectedForRestore" && call.told() == Some(HResult::VSS_E_OBJECT_NOT_FOUND);
                    last = if missing { last } else { call.told() };
                }
                at.saturating_add(1)
            }
            Op::Async { .. } | Op::Method(_) => {
                let Some(call) = calls.next() else { break };
                last = call.told();
                codes.extend(last.map(|code| (at, code)));
                at.saturating_add(1)
            }
            _ => at.saturating_add(1),
        };
    }
    codes
}
