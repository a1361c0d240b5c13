//! Which calls on a backup components object are in sequence, restated from the requirements and the pages of the methods.
//!
//! ```text
//! Initialize ─ SetContext ─ SetBackupState ─ GatherWriterMetadata ─ AddComponent ─ StartSnapshotSet ─ AddToSnapshotSet
//!   ─ PrepareForBackup ─ DoSnapshotSet ─ SetBackupSucceeded ─ BackupComplete ─ SaveAsXML ─ Release
//!
//! InitializeForRestore ─ GatherWriterMetadata ─ SetSelectedForRestore … ─ PreRestore ─ SetFileRestoreStatus … ─ PostRestore
//!   ─ Release
//! ```
//!
//! A call out of sequence fails; one in sequence is not refused with `VSS_E_BAD_STATE`. The documents do not judge every
//! order: where they are silent, so is the rule.

use vssim_model::api::BackupComponentsCall;
use vssim_model::hresult::HResult;

use crate::facts::{CallFact, Facts, Object, RESTORE_SETTERS};
use crate::verdict::Findings;

/// What the documents say of a call at its place.
enum Sequence {
    /// It belongs there.
    In,
    /// It lacks this.
    Out(&'static str),
    /// Nothing.
    Unsaid,
}

use Sequence::{In, Out, Unsaid};

/// Whether a call belongs to a restore alone: protocol and pages know it behind InitializeForRestore only.
fn is_of_restore(method: &str) -> bool {
    matches!(method, "PreRestore" | "PostRestore") || RESTORE_SETTERS.contains(&method)
}

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        for call in object.calls.iter().filter(|call| call.hresult.is_some()) {
            match (Place { object, call }).sequence() {
                Out(lack) => {
                    let failed = call.refused() || call.failed().is_some();
                    findings.check(failed, [call.begin.n], || format!("{} succeeded without {lack}", call.method()));
                }
                In => {
                    let kept = call.hresult != Some(HResult::VSS_E_BAD_STATE);
                    findings.check(kept, [call.begin.n], || {
                        format!("{} was refused as out of sequence, which it is not", call.method())
                    });
                }
                Unsaid => {}
            }
        }
    }
}

/// A call and what was called before it.
struct Place<'a, 't> {
    object: &'a Object<'t>,
    call: &'a CallFact<'t>,
}

impl<'a, 't> Place<'a, 't> {
    fn earlier(&self, method: &'a str) -> impl Iterator<Item = &'a CallFact<'t>> {
        let begin = self.call.begin;
        self.object.named(method).filter(move |other| other.accepted() && other.begin < begin)
    }

    /// The method was called and accepted, whatever became of its operation.
    fn tried(&self, method: &'a str) -> bool {
        self.earlier(method).next().is_some()
    }

    /// The operation of the method ended well.
    fn ended(&self, method: &'a str) -> bool {
        self.earlier(method).any(|call| call.finished().is_some_and(|end| end < self.call.begin))
    }

    /// The operation of the method ended otherwise.
    fn failed(&self, method: &'a str) -> bool {
        self.earlier(method).any(|call| call.failed().is_some_and(|(end, _)| end < self.call.begin))
    }

    /// The method was accepted, and its operation has not failed.
    fn begun(&self, method: &'a str) -> bool {
        self.tried(method) && !self.failed(method)
    }

    /// The trace does not show when an earlier operation ended: then nothing is held against a later call.
    fn unseen(&self) -> bool {
        let backup = ["GatherWriterMetadata", "PrepareForBackup", "DoSnapshotSet", "BackupComplete"];
        let slow = [backup.as_slice(), &["PreRestore", "PostRestore"]].concat();
        slow.iter().any(|method| {
            self.object
                .named(method)
                .filter(|call| call.accepted() && call.begin < self.call.begin)
                .any(|call| call.operation.is_none_or(|operation| operation.ended.is_none()))
        })
    }

    /// An operation of the object ended while the call was under way: the trace does not show which of the two was first.
    fn overtaken(&self) -> bool {
        self.object.calls.iter().any(|other| {
            let end = other.finished().or_else(|| other.failed().map(|(end, _)| end));
            end.is_some_and(|end| self.call.begin < end && self.call.end.is_none_or(|returned| end < returned))
                && other.begin < self.call.begin
        })
    }

    /// Whether what the last operation of `gather` brought is there, and `free` did not drop it since. Nobody can say where
    /// the two met.
    fn held(&self, gather: &'a str, free: &'a str) -> Option<bool> {
        let came = self
            .earlier(gather)
            .filter(|call| call.failed().is_none())
            .map(CallFact::last)
            .filter(|end| *end < self.call.begin)
            .max();
        let Some(came) = came else { return Some(false) };
        let freed = self.earlier(free).max_by_key(|call| call.begin);
        if freed.is_some_and(|freed| freed.begin < came && came < freed.last()) {
            return None;
        }
        Some(freed.is_none_or(|freed| freed.begin < came))
    }

    fn context(&self) -> u32 {
        let set = self.earlier("SetContext").find_map(|call| match call.request() {
            Some(BackupComponentsCall::SetContext { context }) => Some(*context),
            _ => None,
        });
        set.unwrap_or(0)
    }

    fn writerless(&self) -> bool {
        self.context() & 0x10 != 0
    }

    /// AbortBackup ended a backup that was under way, from StartSnapshotSet (API-026) or PrepareForBackup (ABT-005) on: the
    /// object is of no more use (BKP-ORD-003).
    fn over(&self) -> bool {
        self.earlier("AbortBackup").any(|abort| {
            let before = Place { object: self.object, call: abort };
            let under_way = before.tried("StartSnapshotSet") || before.tried("PrepareForBackup");
            under_way && !before.tried("BackupComplete")
        })
    }

    fn sequence(&self) -> Sequence {
        let method = self.call.method();
        match method {
            "CreateVssBackupComponents" => Unsaid,
            "Release" => In,
            "InitializeForBackup" | "InitializeForRestore"
                if self.tried("InitializeForBackup") || self.tried("InitializeForRestore") =>
            {
                Out("a new object")
            }
            "InitializeForBackup" | "InitializeForRestore" => In,
            _ if self.overtaken() => Unsaid,
            _ if self.tried("InitializeForRestore") => self.restore(method),
            _ if !self.tried("InitializeForBackup") => Out("InitializeForBackup"),
            _ if is_of_restore(method) => Out("InitializeForRestore"),
            "AbortBackup" => In,
            _ if self.over() => Out("a backup that goes on"),
            _ if self.unseen() => Unsaid,
            "GetSnapshotProperties" => In,
            "SetContext" | "SetBackupState" | "StartSnapshotSet" | "AddToSnapshotSet" | "IsVolumeSupported" => {
                self.opening(method)
            }
            "PrepareForBackup" | "DoSnapshotSet" | "SetBackupSucceeded" | "BackupComplete" | "SaveAsXML" => {
                self.progress(method)
            }
            _ => self.writers(method),
        }
    }

    /// The calls of a restore (RST-ORD-007 to -016). What the pages let come late is left unsaid.
    fn restore(&self, method: &str) -> Sequence {
        let (gathered, pre) = (self.ended("GatherWriterMetadata"), self.ended("PreRestore"));
        let (begun, over) = (self.begun("PreRestore"), self.tried("PostRestore"));
        match method {
            "AbortBackup" => In,
            _ if self.unseen() => Unsaid,
            // No shadow copy exists in a restore (RST-ORD-006).
            "StartSnapshotSet" | "AddToSnapshotSet" | "IsVolumeSupported" | "DoSnapshotSet" | "PrepareForBackup"
            | "BackupComplete" | "SetContext" | "SetBackupState" | "SetBackupOptions" | "SetBackupSucceeded"
            | "AddComponent" => Out("a backup"),
            // Stamps may serve a restore too, but not once writers have read them.
            "SetPreviousBackupStamp" if begun => Out("being before PreRestore"),
            "PreRestore" if begun => Out("a restore not yet begun"),
            "PreRestore" if !self.tried("GatherWriterMetadata") => Out("GatherWriterMetadata"),
            "PreRestore" if gathered && !self.tried("PreRestore") => In,
            "PostRestore" if !begun => Out("PreRestore"),
            "PostRestore" if over => Out("a restore not yet ended"),
            "PostRestore" if !pre => Out("the end of PreRestore"),
            "PostRestore" => In,
            "GatherWriterStatus" if begun && !pre => Unsaid,
            "GatherWriterStatus" if self.begun("PostRestore") && !self.ended("PostRestore") => Unsaid,
            // RST-ORD-010, RST-ORD-016
            "GatherWriterStatus" => In,
            "GatherWriterMetadata"
            | "GetWriterMetadata"
            | "GetWriterMetadataCount"
            | "FreeWriterMetadata"
            | "EnableWriterClasses"
            | "DisableWriterClasses"
            | "DisableWriterInstances"
            | "GetWriterStatus"
            | "GetWriterStatusCount"
            | "FreeWriterStatus" => self.writers(method),
            _ => self.restored(method, gathered && !begun, pre && !over),
        }
    }

    /// The calls about one component of a restore: what is chosen before PreRestore, what is told of the files behind it.
    fn restored(&self, method: &str, choosing: bool, telling: bool) -> Sequence {
        let (begun, over) = (self.begun("PreRestore"), self.tried("PostRestore"));
        match method {
            // RST-ORD-007, RST-ORD-008
            "SetSelectedForRestore"
            | "SetSelectedForRestoreEx"
            | "AddRestoreSubcomponent"
            | "SetRestoreOptions"
            | "SetRestoreState" => match method {
                _ if begun => Out("being before PreRestore"),
                _ if !self.tried("GatherWriterMetadata") => Out("GatherWriterMetadata"),
                // Out of sequence, too, before its set is selected.
                "AddRestoreSubcomponent" => Unsaid,
                _ if choosing => In,
                _ => Unsaid,
            },
            // RST-ORD-014
            "AddNewTarget" | "SetAdditionalRestores" => match method {
                _ if over => Out("being before PostRestore"),
                _ if !self.tried("GatherWriterMetadata") => Out("GatherWriterMetadata"),
                _ if begun && !telling => Out("the end of PreRestore"),
                _ if choosing || telling => In,
                _ => Unsaid,
            },
            // RST-ORD-013
            "SetFileRestoreStatus" | "AddAlternativeLocationMapping" | "SetRangesFilePath" => match method {
                _ if !begun => Out("PreRestore"),
                _ if over => Out("being before PostRestore"),
                _ if telling => In,
                _ => Out("the end of PreRestore"),
            },
            // Their pages know no bad state but that of an object which restores nothing.
            "SetRestoreName" | "SetAuthoritativeRestore" | "SetRollForward" if !begun || telling => In,
            _ => Unsaid,
        }
    }

    /// The calls that set a backup and its shadow copy set up.
    fn opening(&self, method: &str) -> Sequence {
        let late = self.tried("PrepareForBackup") || self.tried("DoSnapshotSet");
        match method {
            // API-024
            "SetContext" if self.tried("SetContext") => Out("a context not yet set"),
            "SetContext" if self.tried("StartSnapshotSet") || late => Out("being early enough"),
            // API-023
            "SetBackupState" if self.begun("PrepareForBackup") => Out("being before PrepareForBackup"),
            // CTX-007
            "StartSnapshotSet" if self.context() == u32::MAX => Out("a context in which shadow copies are made"),
            // BKP-ORD-002, API-022
            "StartSnapshotSet" if self.tried("StartSnapshotSet") => Out("an object without a set"),
            "StartSnapshotSet" if self.begun("PrepareForBackup") => Out("being before PrepareForBackup"),
            // Recorded on Windows to spoil the sequence; no page says so.
            "StartSnapshotSet" if self.tried("GatherWriterStatus") => Unsaid,
            // BKP-ORD-021, BKP-ORD-026
            "AddToSnapshotSet" if !self.tried("StartSnapshotSet") => Out("StartSnapshotSet"),
            "AddToSnapshotSet" if self.tried("DoSnapshotSet") => Out("an open set"),
            _ if late => Unsaid,
            // BKP-ORD-046, BKP-ORD-047, BKP-ORD-048
            _ => In,
        }
    }

    /// The calls that carry the backup on.
    fn progress(&self, method: &str) -> Sequence {
        let (set, prepared) = (self.tried("StartSnapshotSet"), self.ended("PrepareForBackup"));
        let created = self.ended("DoSnapshotSet");
        match method {
            // BKP-ORD-054
            "PrepareForBackup" | "BackupComplete" if self.writerless() => Out("a context with writers"),
            "PrepareForBackup" if !self.tried("SetBackupState") => Out("SetBackupState"),
            "PrepareForBackup" if !self.tried("GatherWriterMetadata") => Out("GatherWriterMetadata"),
            "PrepareForBackup" if self.begun("PrepareForBackup") => Out("a backup not yet prepared"),
            "PrepareForBackup" if self.failed("PrepareForBackup") => Unsaid,
            "PrepareForBackup" if self.ended("GatherWriterMetadata") => In,
            // BKP-ORD-017, BKP-ORD-019, API-019
            "DoSnapshotSet" if !set => Out("StartSnapshotSet"),
            "DoSnapshotSet" if self.tried("DoSnapshotSet") => Out("a set not yet created"),
            "DoSnapshotSet" if self.writerless() => In,
            "DoSnapshotSet" if !self.tried("GatherWriterMetadata") => Out("GatherWriterMetadata"),
            "DoSnapshotSet" if !self.tried("PrepareForBackup") => Out("PrepareForBackup"),
            "DoSnapshotSet" if self.begun("PrepareForBackup") && !prepared => Out("the end of PrepareForBackup"),
            "DoSnapshotSet" if prepared => In,
            // API-027, API-028, and the page of SetBackupSucceeded
            "BackupComplete" | "SetBackupSucceeded" if self.failed("DoSnapshotSet") => Out("the shadow copies"),
            "BackupComplete" | "SetBackupSucceeded" if self.begun("BackupComplete") => Out("a backup not yet complete"),
            "BackupComplete" | "SetBackupSucceeded" if self.tried("BackupComplete") => Unsaid,
            "BackupComplete" if set && !created => Out("the end of DoSnapshotSet"),
            "BackupComplete" if !self.tried("PrepareForBackup") => Out("PrepareForBackup"),
            "BackupComplete" | "SetBackupSucceeded" if created || !set && prepared => In,
            // BKP-ORD-042
            "SaveAsXML" if self.begun("DoSnapshotSet") && !created => Out("the end of DoSnapshotSet"),
            "SaveAsXML" if !self.tried("PrepareForBackup") && !self.tried("DoSnapshotSet") => Out("PrepareForBackup"),
            "SaveAsXML" if created => In,
            _ => Unsaid,
        }
    }

    /// The calls about writers, their metadata and their states.
    fn writers(&self, method: &str) -> Sequence {
        let late = self.tried("PrepareForBackup") || self.tried("DoSnapshotSet");
        match method {
            // BKP-ORD-011
            "EnableWriterClasses" | "DisableWriterClasses" | "DisableWriterInstances" => In,
            // API-025
            "GatherWriterMetadata" if self.tried("GatherWriterMetadata") => Out("metadata not yet gathered"),
            "GatherWriterMetadata" if !late => In,
            // BKP-ORD-015
            "GetWriterMetadata" | "GetWriterMetadataCount" | "FreeWriterMetadata" => {
                match self.held("GatherWriterMetadata", "FreeWriterMetadata") {
                    Some(true) => In,
                    Some(false) => Out("metadata that is there"),
                    None => Unsaid,
                }
            }
            // API-029
            "GetWriterStatus" | "GetWriterStatusCount" | "FreeWriterStatus" => {
                match self.held("GatherWriterStatus", "FreeWriterStatus") {
                    Some(true) => In,
                    Some(false) => Out("states that are there"),
                    None => Unsaid,
                }
            }
            "AddComponent" if self.writerless() => Out("a context with writers"),
            // BKP-ORD-009, BKP-ORD-020
            "AddComponent" if !self.tried("GatherWriterMetadata") => Out("GatherWriterMetadata"),
            "AddComponent" if self.begun("PrepareForBackup") => Out("being before PrepareForBackup"),
            "AddComponent" if !self.ended("GatherWriterMetadata") || self.tried("StartSnapshotSet") || late => Unsaid,
            "AddComponent" => In,
            // BKP-ORD-029, BKP-ORD-030
            "SetBackupOptions" | "SetPreviousBackupStamp" => match self.begun("PrepareForBackup") {
                true => Out("being before PrepareForBackup"),
                false if self.ended("GatherWriterMetadata") && !late => In,
                false => Unsaid,
            },
            // BKP-ORD-032, BKP-ORD-033, BKP-ORD-040
            "GatherWriterStatus" => {
                let slow = ["PrepareForBackup", "DoSnapshotSet", "BackupComplete"];
                let running = slow.iter().any(|method| self.begun(method) && !self.ended(method));
                if running { Unsaid } else { In }
            }
            _ => Unsaid,
        }
    }
}
