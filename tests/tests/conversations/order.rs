//! The order of a requester's calls, once more and naively: from the pages of the methods and the requirements, without a
//! look at the tables of the model.
//!
//! A call and an ending operation may meet at one moment. So a call is judged only if what is known of its object is the
//! same when it was made and when it returned.

use std::collections::BTreeMap;

use vssim_model::api::{AsyncId, BackupComponentsCall, Call, MethodCall, Out, Value};
use vssim_model::hresult::HResult;
use vssim_model::trace::{CallId, Trace, What};

/// How far an operation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Never,
    Running,
    Failed,
    Done,
}

/// What is known of a backup components object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    backup: bool,
    restore: bool,
    aborted: bool,
    context: i64,
    context_set: bool,
    state_set: bool,
    asked: bool,
    came: bool,
    metadata_held: bool,
    status_asked: bool,
    status: bool,
    set: bool,
    prepare: Stage,
    create: Stage,
    complete: Stage,
    pre_restore: Stage,
    post_restore: Stage,
}

/// `VSS_VOLSNAP_ATTR_NO_WRITERS`.
const NO_WRITERS: i64 = 0x10;

impl Known {
    /// Whether a call of this method is in sequence; none where the pages leave it open.
    fn allows(&self, method: &str) -> Option<bool> {
        let idle = |stages: &[Stage]| stages.iter().all(|stage| matches!(stage, Stage::Never | Stage::Failed));
        let writers = self.context & NO_WRITERS == 0;
        let running = [self.prepare, self.create, self.complete, self.pre_restore, self.post_restore];
        let running = running.contains(&Stage::Running);
        let fresh = self.backup && idle(&[self.prepare]) && self.create == Stage::Never;
        if method.starts_with("InitializeFor") {
            return Some(!self.backup && !self.restore && !self.aborted);
        }
        let judged = [
            "SetContext",
            "SetBackupState",
            "GatherWriterMetadata",
            "GetWriterMetadataCount",
            "GetWriterMetadata",
            "FreeWriterMetadata",
            "AddComponent",
            "StartSnapshotSet",
            "AddToSnapshotSet",
            "PrepareForBackup",
            "DoSnapshotSet",
            "GatherWriterStatus",
            "GetWriterStatusCount",
            "GetWriterStatus",
            "BackupComplete",
            "SetBackupSucceeded",
            "SetSelectedForRestore",
            "PreRestore",
            "PostRestore",
            "SetFileRestoreStatus",
        ];
        if !judged.contains(&method) {
            return None;
        }
        if self.aborted || !self.backup && !self.restore {
            return Some(false);
        }
        Some(match method {
            "SetContext" => fresh && !self.context_set && !self.set,
            "SetBackupState" => fresh,
            "GatherWriterMetadata" => !self.asked && (fresh || self.restore),
            "GetWriterMetadataCount" | "GetWriterMetadata" | "FreeWriterMetadata" => self.metadata_held,
            "AddComponent" => fresh && self.came && writers,
            // A context for queries alone takes no shadow copies; a status gathered before spoils the sequence.
            "StartSnapshotSet" => fresh && !self.set && !self.status_asked && self.context != -1,
            "AddToSnapshotSet" => self.set && !running && self.create == Stage::Never,
            "PrepareForBackup" => fresh && self.came && self.state_set && writers,
            "DoSnapshotSet" => {
                self.set && !running && self.create == Stage::Never && (self.prepare == Stage::Done || !writers)
            }
            "GatherWriterStatus" => !running,
            "GetWriterStatusCount" | "GetWriterStatus" => self.status,
            "BackupComplete" if self.complete == Stage::Never && self.create == Stage::Done => {
                return writers.then_some(true);
            }
            "SetBackupSucceeded" if self.complete == Stage::Never && self.create == Stage::Done => true,
            // Without a shadow copy the pages leave open whether a backup can be complete.
            "BackupComplete" | "SetBackupSucceeded" if self.complete == Stage::Never && !self.set => return None,
            "BackupComplete" | "SetBackupSucceeded" => false,
            "SetSelectedForRestore" => self.restore && self.came && idle(&[self.pre_restore]),
            "PreRestore" => self.restore && self.came && idle(&[self.pre_restore]),
            "SetFileRestoreStatus" => self.pre_restore == Stage::Done && self.post_restore == Stage::Never,
            _ => self.pre_restore == Stage::Done && self.post_restore == Stage::Never,
        })
    }

    fn stage(&mut self, method: &str) -> Option<&mut Stage> {
        Some(match method {
            "PrepareForBackup" => &mut self.prepare,
            "DoSnapshotSet" => &mut self.create,
            "BackupComplete" => &mut self.complete,
            "PreRestore" => &mut self.pre_restore,
            "PostRestore" => &mut self.post_restore,
            _ => return None,
        })
    }

    /// A call succeeded.
    fn done(&mut self, method: &str, call: Option<&MethodCall>) {
        let number = |name: &str| call.map_or(0, |call| call.number(name));
        match method {
            "InitializeForBackup" => self.backup = true,
            "InitializeForRestore" => self.restore = true,
            // Without an operation under way the call is ignored; with one the object is of no more use.
            "AbortBackup" if self.complete == Stage::Never && (self.set || self.prepare != Stage::Never) => {
                self.aborted = true;
            }
            "SetContext" => (self.context, self.context_set) = (number("lContext"), true),
            "SetBackupState" => self.state_set = true,
            "GatherWriterMetadata" => self.asked = true,
            "FreeWriterMetadata" => self.metadata_held = false,
            "GatherWriterStatus" => self.status_asked = true,
            "FreeWriterStatus" => self.status = false,
            "StartSnapshotSet" => self.set = true,
            _ => {
                if let Some(stage) = self.stage(method) {
                    *stage = Stage::Running;
                }
            }
        }
    }

    fn ended(&mut self, method: &str, well: bool) {
        match method {
            "GatherWriterMetadata" if well => (self.came, self.metadata_held) = (true, true),
            "GatherWriterStatus" if well => self.status = true,
            _ => {
                if let Some(stage) = self.stage(method) {
                    *stage = if well { Stage::Done } else { Stage::Failed };
                }
            }
        }
    }
}

/// A call until it returns.
struct Open<'a> {
    object: u32,
    method: &'static str,
    call: Option<&'a MethodCall>,
    before: Option<bool>,
}

/// The first call whose code is not one for its place in the sequence.
pub(crate) fn misjudged(trace: &Trace) -> Option<String> {
    let mut objects: BTreeMap<u32, Known> = BTreeMap::new();
    let mut open: BTreeMap<CallId, Open<'_>> = BTreeMap::new();
    let mut operations: BTreeMap<AsyncId, (u32, &'static str)> = BTreeMap::new();
    let mut ends: BTreeMap<AsyncId, bool> = BTreeMap::new();
    for record in &trace.records {
        match &record.what {
            What::Call { id, object, call } => {
                let (interface, method) = call.name();
                let by_name = if let Call::Method(call) = call { Some(call) } else { None };
                let elsewhere =
                    by_name.is_some_and(|call| !matches!(call.on, Value::Null | Value::BackupComponents { .. }));
                let released = matches!(call, Call::BackupComponents(BackupComponentsCall::Release));
                if released {
                    objects.remove(object);
                } else if interface == "IVssBackupComponents" && !elsewhere {
                    let before = objects.get(object).and_then(|known| known.allows(method));
                    open.insert(*id, Open { object: *object, method, call: by_name, before });
                } else if method == "CreateVssBackupComponents" {
                    open.insert(*id, Open { object: 0, method, call: by_name, before: None });
                }
            }
            What::Return { id, hresult, out } => {
                let Some(open) = open.remove(id) else { continue };
                if let Out::Object(number) = out {
                    objects.insert(*number, Known::default());
                }
                let Some(known) = objects.get_mut(&open.object) else { continue };
                let ordered = open.call.is_some_and(|call| call.injected.is_some());
                let allowed = open.before.filter(|before| !ordered && known.allows(open.method) == Some(*before));
                if let Some(wrong) = allowed.and_then(|allowed| wrong_code(allowed, *hresult)) {
                    return Some(format!("record {}: {} {wrong}; {known:?}", record.n, open.method));
                }
                if hresult.is_success() {
                    known.done(open.method, open.call);
                }
                if let Out::Async(operation) = out {
                    operations.insert(*operation, (open.object, open.method));
                    // It may have ended before the call returned.
                    if let Some(well) = ends.get(operation) {
                        known.ended(open.method, *well);
                    }
                }
            }
            What::AsyncEnd { operation, hresult } => {
                let well = *hresult == HResult::VSS_S_ASYNC_FINISHED;
                ends.insert(*operation, well);
                if let Some((object, method)) = operations.get(operation)
                    && let Some(known) = objects.get_mut(object)
                {
                    known.ended(method, well);
                }
            }
            _ => {}
        }
    }
    None
}

/// What is wrong with a code. What is wrong with arguments or privileges may be told before what is wrong with the order.
fn wrong_code(allowed: bool, code: HResult) -> Option<String> {
    let earlier = [HResult::E_INVALIDARG, HResult::E_POINTER, HResult::E_ACCESSDENIED, HResult::VSS_E_BAD_STATE];
    match allowed {
        true if code == HResult::VSS_E_BAD_STATE => Some("is in sequence, and is refused".to_owned()),
        false if !earlier.contains(&code) => Some(format!("is out of sequence, and returns {code}")),
        _ => None,
    }
}
