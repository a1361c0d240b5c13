//! Plans in which every call of the catalogue fails first.
//!
//! Before each call a requester or writer makes the same call once for every failure of resources that its page names. If
//! such failures change nothing, the rest of the run is that of the plan as it was.

use vssim_model::catalogue::is_resource_failure;
use vssim_model::hresult::HResult;

use crate::plan::{MethodOp, Op, Plan, Script};

/// The plan with the failures in it; none if nobody in it makes a call that can be made to fail.
#[must_use]
pub fn with_failures(plan: &Plan) -> Option<Plan> {
    let mut failing = plan.clone();
    let requesters = failing.requesters.iter_mut().map(|requester| &mut requester.script);
    let of_writers = failing
        .writers
        .iter_mut()
        .flat_map(|writer| writer.handlers.values_mut().chain(writer.background.as_mut().map(|(_, script)| script)));
    let mut any = false;
    for script in requesters.chain(of_writers) {
        if let Some(longer) = fail_first(script) {
            *script = longer;
            any = true;
        }
    }
    any.then_some(failing)
}

/// The script with the failures in it; none if there are none to put in, or it would grow too long.
fn fail_first(script: &Script) -> Option<Script> {
    let mut ops = Vec::with_capacity(script.len());
    let mut places = Vec::with_capacity(script.len());
    for op in script.iter() {
        places.push(ops.len());
        ops.extend(failures(op));
        ops.push(op.clone());
    }
    if ops.len() == script.len() || ops.len() >= usize::from(u16::MAX) {
        return None;
    }
    // Past the end stays past the end.
    let end = ops.len();
    let place =
        |target: u16| u16::try_from(places.get(usize::from(target)).copied().unwrap_or(end)).unwrap_or(u16::MAX);
    for op in &mut ops {
        match op {
            Op::Jump(to)
            | Op::IfFailed(to)
            | Op::IfCode(_, to)
            | Op::IfWriterFailed(to)
            | Op::IfNotKept(_, to)
            | Op::Times(_, to) => *to = place(*to),
            _ => {}
        }
    }
    Some(ops.into())
}

/// The calls that fail before this one.
fn failures(op: &Op) -> Vec<Op> {
    let Op::Method(call) = op else { return Vec::new() };
    if call.injected.is_some() {
        return Vec::new();
    }
    let codes = call.method.method.codes().filter(|code| is_resource_failure(code));
    let failing = |code: HResult| MethodOp { injected: Some(code), step: 0, save: None, ..MethodOp::clone(call) };
    codes.filter_map(|code| code.parse().ok()).map(|code| Op::Method(failing(code).into())).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]
mod tests {
    use super::*;

    fn call(method: &str) -> Op {
        let method = vssim_model::catalogue::find(method).unwrap();
        let (arguments, on) = (Vec::new(), None);
        Op::Method(MethodOp { method, on, arguments, injected: None, step: 7, save: Some(1) }.into())
    }

    #[test]
    fn each_call_fails_with_every_failure_of_resources_and_jumps_still_lead_to_it() {
        let script: Script = [
            call("IVssBackupComponents::GatherWriterMetadata"),
            Op::IfFailed(3),
            Op::Jump(0),
            call("IVssAsync::Cancel"),
            Op::Times(2, u16::MAX),
        ]
        .into();
        let failing = fail_first(&script).unwrap();
        let ordered = |op: &Op| if let Op::Method(call) = op { call.injected } else { None };
        let injected: Vec<Option<HResult>> = failing.iter().map(ordered).collect();
        let (memory, unexpected) = (Some(HResult::E_OUTOFMEMORY), Some(HResult::VSS_E_UNEXPECTED));
        assert_eq!(injected, [memory, unexpected, None, None, None, unexpected, None, None]);
        let jumps: Vec<Op> = failing.iter().filter(|op| !matches!(op, Op::Method(_))).cloned().collect();
        assert_eq!(jumps, [Op::IfFailed(5), Op::Jump(0), Op::Times(2, 8)]);
    }
}
