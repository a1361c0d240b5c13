//! Methods and what they return.

use std::collections::BTreeMap;

use vssim_model::api::{AsyncId, Call, MethodCall, Out, Value};
use vssim_model::catalogue::{self, MethodRef};
use vssim_model::hresult::HResult;
use vssim_model::release::Release;
use vssim_model::trace::{CallId, Record, Trace, What};

use super::Coverage;

/// What a method without a return value returns.
pub const NOTHING: &str = "nothing";
/// What a page says where it names no code.
const ANY_OTHER: &str = "HRESULT";

/// A documented method and something that it may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The method.
    pub method: MethodRef,
    /// The name of a code; `true`, `false`, `value`, `HRESULT`; [`NOTHING`].
    pub code: &'static str,
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.code)
    }
}

impl Pair {
    /// The documented pair of these names: `IVssAsync::Wait`, `S_OK`.
    #[must_use]
    pub fn find(method: &str, code: &str) -> Option<Pair> {
        let method = catalogue::find(method)?;
        of(method).find(|pair| pair.code == code)
    }
}

/// A failure that nothing a caller does can cause.
#[must_use]
pub fn is_resource_failure(code: &str) -> bool {
    catalogue::is_resource_failure(code)
}

fn of(method: MethodRef) -> impl Iterator<Item = Pair> {
    let mut codes = method.method.codes().peekable();
    let nothing = codes.peek().is_none().then_some(NOTHING);
    codes.chain(nothing).map(move |code| Pair { method, code })
}

/// Every documented pair, in the order of the catalogue.
pub fn all() -> impl Iterator<Item = Pair> {
    catalogue::methods().flat_map(of)
}

/// A call until it returns.
struct Open<'a> {
    method: MethodRef,
    by_name: Option<&'a MethodCall>,
    /// The record of the call.
    record: u64,
}

/// The method of the catalogue that a call is of; none for calls of providers and applications and for Release.
fn method_of(call: &Call) -> Option<MethodRef> {
    let (interface, method) = call.name();
    let interface = match (call, method) {
        (Call::Method(call), _) => return Some(call.method),
        (Call::BackupComponents(_), "CreateVssBackupComponents") => "vsbackup.h",
        (Call::Component(_), "SetPrepareForBackupFailureMsg" | "SetPostSnapshotFailureMsg") => "IVssComponentEx",
        (Call::BackupComponents(_) | Call::Async(_) | Call::Writer(_) | Call::Component(_), _) => interface,
        _ => return None,
    };
    catalogue::methods().find(|known| known.name() == (interface, method))
}

impl Coverage {
    pub(super) fn count_pairs(&mut self, trace: &Trace) {
        let mut open: BTreeMap<CallId, Open<'_>> = BTreeMap::new();
        let mut kept: BTreeMap<u64, bool> = BTreeMap::new();
        let mut operations: BTreeMap<AsyncId, MethodRef> = BTreeMap::new();
        let mut ends: Vec<(AsyncId, HResult)> = Vec::new();
        let scenario = trace.header.scenario.as_str();
        let release: Option<Release> = trace.header.release.parse().ok();
        for record in &trace.records {
            match &record.what {
                What::Call { id, call, .. } => self.called(record, *id, call, &mut open),
                What::RanOut { reached, before, after } => {
                    // A call that would have failed by itself shows nothing.
                    let worked = reached.is_none_or(HResult::is_success);
                    kept.insert(record.cause, worked && before == after);
                }
                What::Return { id, hresult, out } => {
                    let Some(call) = open.remove(id) else { continue };
                    if let Some(ordered) = call.by_name.and_then(|call| call.injected) {
                        let whole = kept.get(&call.record).copied().unwrap_or(false);
                        self.was_injected(call.method, ordered, *hresult, whole, scenario);
                        continue;
                    }
                    if let Some(operation) = operation_of(out) {
                        operations.insert(operation, call.method);
                    }
                    if let (Some(asked), Out::Status(code)) = (call.by_name.map(|call| &call.on), out)
                        && let Value::Async { operation } = asked
                    {
                        ends.push((AsyncId(*operation), *code));
                    }
                    // What a release has not got yet gives no answer of its own.
                    let (interface, method) = call.method.name();
                    if release.is_some_and(|release| release.has_method(interface, method) == Err(*hresult)) {
                        continue;
                    }
                    self.returned(call.method, *hresult, out, scenario);
                }
                What::AsyncEnd { operation, hresult } => ends.push((*operation, *hresult)),
                _ => {}
            }
        }
        // An operation may end before the call that started it returns.
        for (operation, code) in ends {
            if let Some(method) = operations.get(&operation) {
                self.ended(*method, code, scenario);
            }
        }
    }

    fn called<'a>(&mut self, record: &Record, id: CallId, call: &'a Call, open: &mut BTreeMap<CallId, Open<'a>>) {
        let Some(method) = method_of(call) else { return };
        self.called.insert(method);
        let by_name = if let Call::Method(call) = call { Some(call) } else { None };
        open.insert(id, Open { method, by_name, record: record.n });
    }

    fn was_injected(&mut self, method: MethodRef, ordered: HResult, code: HResult, whole: bool, scenario: &str) {
        // What VSS_E_UNEXPECTED is called depends on the release.
        let unexpected = [HResult::VSS_E_UNEXPECTED, HResult::E_UNEXPECTED];
        let as_ordered = ordered == code || unexpected.contains(&ordered) && unexpected.contains(&code);
        let Some(pair) = documented(method, &ordered.to_string()) else { return };
        if as_ordered && whole {
            let seen = self.pairs.entry(pair).or_default();
            seen.injected += 1;
            if seen.first.is_empty() {
                scenario.clone_into(&mut seen.first);
            }
        }
    }

    /// A call that nobody made to fail returned.
    fn returned(&mut self, method: MethodRef, hresult: HResult, out: &Out, scenario: &str) {
        let name = hresult.to_string();
        let told = flag_of(method, out).map(|flag| if flag { "true" } else { "false" });
        let pair = documented(method, &name)
            .or_else(|| documented(method, told?))
            .or_else(|| documented(method, "value").filter(|_| hresult.is_success()))
            .or_else(|| documented(method, NOTHING).filter(|_| hresult.is_success() || hresult == HResult::E_NOTIMPL))
            .or_else(|| {
                documented(method, ANY_OTHER).filter(|_| hresult.is_failure() && hresult != HResult::E_NOTIMPL)
            });
        match pair {
            Some(pair) => self.caused_once(pair, scenario),
            None => {
                self.undocumented.entry((method, name)).or_insert_with(|| scenario.to_owned());
            }
        }
    }

    /// The operation that a call started ended.
    fn ended(&mut self, method: MethodRef, code: HResult, scenario: &str) {
        let name = code.to_string();
        match documented(method, &name) {
            Some(pair) => self.caused_once(pair, scenario),
            // How an operation stands is told by the codes of IVssAsync.
            None if code.is_success() => {}
            None => {
                self.undocumented.entry((method, name)).or_insert_with(|| scenario.to_owned());
            }
        }
    }

    pub(super) fn caused_once(&mut self, pair: Pair, scenario: &str) {
        let seen = self.pairs.entry(pair).or_default();
        if seen.caused == 0 {
            scenario.clone_into(&mut seen.first);
        }
        seen.caused += 1;
    }
}

pub(super) fn documented(method: MethodRef, code: &str) -> Option<Pair> {
    of(method).find(|pair| pair.code == code)
}

fn operation_of(out: &Out) -> Option<AsyncId> {
    match out {
        Out::Async(operation) => Some(*operation),
        Out::Values(values) => values.values().find_map(|value| match value {
            Value::Async { operation } => Some(AsyncId(*operation)),
            _ => None,
        }),
        _ => None,
    }
}

/// The yes or no that a method returns, rather than fills in.
fn flag_of(method: MethodRef, out: &Out) -> Option<bool> {
    match out {
        Out::Flag(flag) => Some(*flag),
        Out::Values(values) => {
            let returned = values.iter().find(|(name, _)| method.method.parameter(name).is_none());
            returned.and_then(|(_, value)| value.as_flag())
        }
        _ => None,
    }
}
