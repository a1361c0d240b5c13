//! `VSS_WRITER_STATE`, `VSS_SNAPSHOT_STATE`, `VSS_APPLICATION_LEVEL` and the writer events.
//!
//! Source: ne-vss-vss_writer_state.md, ne-vss-vss_snapshot_state.md, ne-vss-vss_application_level.md (MicrosoftDocs/sdk-api).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares an enumeration of vss.h: Rust name, documented name, documented value, one sentence.
macro_rules! vss_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal, $value:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every value, in the order of the header.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The documented name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            /// The documented number.
            #[must_use]
            pub const fn value(self) -> i32 {
                match self { $($name::$variant => $value),* }
            }

            /// The value of this number.
            #[must_use]
            pub fn from_number(number: i64) -> Option<$name> {
                $name::ALL.iter().copied().find(|known| i64::from(known.value()) == number)
            }
        }

        /// The documented name.
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::states::UnknownName;
            fn from_str(text: &str) -> Result<$name, $crate::states::UnknownName> {
                $name::ALL.iter().copied().find(|v| v.name() == text).ok_or_else(|| $crate::states::UnknownName(text.to_owned()))
            }
        }
    };
}
pub(crate) use vss_enum;

/// A name that the enumeration does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName(pub String);

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown name `{}`", self.0)
    }
}

impl std::error::Error for UnknownName {}

vss_enum! {
    /// The state of a writer, as `GetWriterStatus` reports it.
    WriterState {
        /// Unknown: an error of the writer.
        Unknown = "VSS_WS_UNKNOWN", 0;
        /// Ready, or done with the events so far.
        Stable = "VSS_WS_STABLE", 1;
        /// `OnPrepareSnapshot` done.
        WaitingForFreeze = "VSS_WS_WAITING_FOR_FREEZE", 2;
        /// `OnFreeze` done: the writer is frozen.
        WaitingForThaw = "VSS_WS_WAITING_FOR_THAW", 3;
        /// `OnThaw` done.
        WaitingForPostSnapshot = "VSS_WS_WAITING_FOR_POST_SNAPSHOT", 4;
        /// `OnPostSnapshot` done.
        WaitingForBackupComplete = "VSS_WS_WAITING_FOR_BACKUP_COMPLETE", 5;
        /// Vetoed at Identify.
        FailedAtIdentify = "VSS_WS_FAILED_AT_IDENTIFY", 6;
        /// Vetoed at PrepareForBackup.
        FailedAtPrepareBackup = "VSS_WS_FAILED_AT_PREPARE_BACKUP", 7;
        /// Vetoed at PrepareForSnapshot.
        FailedAtPrepareSnapshot = "VSS_WS_FAILED_AT_PREPARE_SNAPSHOT", 8;
        /// Vetoed at Freeze, or not thawed within the freeze window.
        FailedAtFreeze = "VSS_WS_FAILED_AT_FREEZE", 9;
        /// Vetoed at Thaw.
        FailedAtThaw = "VSS_WS_FAILED_AT_THAW", 10;
        /// Vetoed at PostSnapshot.
        FailedAtPostSnapshot = "VSS_WS_FAILED_AT_POST_SNAPSHOT", 11;
        /// Failed at BackupComplete.
        FailedAtBackupComplete = "VSS_WS_FAILED_AT_BACKUP_COMPLETE", 12;
        /// Failed at PreRestore.
        FailedAtPreRestore = "VSS_WS_FAILED_AT_PRE_RESTORE", 13;
        /// Failed at PostRestore.
        FailedAtPostRestore = "VSS_WS_FAILED_AT_POST_RESTORE", 14;
        /// Failed at BackupShutdown.
        FailedAtBackupShutdown = "VSS_WS_FAILED_AT_BACKUPSHUTDOWN", 15;
    }
}

impl WriterState {
    /// Whether this is one of the `VSS_WS_FAILED_AT_*` states.
    #[must_use]
    pub const fn is_failed(self) -> bool {
        self.value() >= 6
    }

    /// The words that `vssadmin list writers` prints for the state (WRT-EVT-043).
    #[must_use]
    pub const fn display_name(self) -> &'static str {
        match self {
            WriterState::Unknown => "Unknown",
            WriterState::Stable => "Stable",
            WriterState::WaitingForFreeze => "Waiting for freeze",
            WriterState::WaitingForThaw => "Frozen",
            WriterState::WaitingForPostSnapshot | WriterState::WaitingForBackupComplete => "Waiting for completion",
            _ => "Failed",
        }
    }
}

vss_enum! {
    /// The state of a shadow copy. A requester only ever sees `VSS_SS_CREATED`.
    SnapshotState {
        /// Unknown.
        Unknown = "VSS_SS_UNKNOWN", 0;
        /// Being prepared.
        Preparing = "VSS_SS_PREPARING", 1;
        /// EndPrepareSnapshots runs.
        ProcessingPrepare = "VSS_SS_PROCESSING_PREPARE", 2;
        /// Prepared.
        Prepared = "VSS_SS_PREPARED", 3;
        /// PreCommitSnapshots runs.
        ProcessingPreCommit = "VSS_SS_PROCESSING_PRECOMMIT", 4;
        /// Pre-committed.
        PreCommitted = "VSS_SS_PRECOMMITTED", 5;
        /// CommitSnapshots runs.
        ProcessingCommit = "VSS_SS_PROCESSING_COMMIT", 6;
        /// Committed.
        Committed = "VSS_SS_COMMITTED", 7;
        /// PostCommitSnapshots runs.
        ProcessingPostCommit = "VSS_SS_PROCESSING_POSTCOMMIT", 8;
        /// PreFinalCommitSnapshots runs.
        ProcessingPreFinalCommit = "VSS_SS_PROCESSING_PREFINALCOMMIT", 9;
        /// Writable for the writers' PostSnapshot.
        PreFinalCommitted = "VSS_SS_PREFINALCOMMITTED", 10;
        /// PostFinalCommitSnapshots runs.
        ProcessingPostFinalCommit = "VSS_SS_PROCESSING_POSTFINALCOMMIT", 11;
        /// Created: read-only and visible to requesters.
        Created = "VSS_SS_CREATED", 12;
        /// Creation aborted.
        Aborted = "VSS_SS_ABORTED", 13;
        /// Deleted.
        Deleted = "VSS_SS_DELETED", 14;
        /// Post-committed.
        PostCommitted = "VSS_SS_POSTCOMMITTED", 15;
    }
}

vss_enum! {
    /// The level at which a writer is frozen. Freeze goes to the levels in the order of [`ApplicationLevel::FREEZE_ORDER`].
    ApplicationLevel {
        /// Unknown: an application error.
        Unknown = "VSS_APP_UNKNOWN", 0;
        /// Frozen third.
        System = "VSS_APP_SYSTEM", 1;
        /// Frozen second.
        BackEnd = "VSS_APP_BACK_END", 2;
        /// Frozen first; the default of `CVssWriter::Initialize` (API-005).
        FrontEnd = "VSS_APP_FRONT_END", 3;
        /// Resource managers, frozen after the kernel transaction manager (the Registry Writer is one).
        SystemRm = "VSS_APP_SYSTEM_RM", 4;
        /// Reserved.
        Auto = "VSS_APP_AUTO", -1;
    }
}

impl ApplicationLevel {
    /// The levels in the order in which they freeze; kernel transactions freeze between the last two.
    pub const FREEZE_ORDER: [ApplicationLevel; 4] =
        [ApplicationLevel::FrontEnd, ApplicationLevel::BackEnd, ApplicationLevel::System, ApplicationLevel::SystemRm];
}

/// An event that VSS raises to a writer, named as in the protocol, without the `On` of the callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WriterEvent {
    /// `OnIdentify`
    Identify,
    /// `OnPrepareBackup`
    PrepareForBackup,
    /// `OnPrepareSnapshot`
    PrepareForSnapshot,
    /// `OnFreeze`
    Freeze,
    /// `OnThaw`
    Thaw,
    /// `OnPostSnapshot`
    PostSnapshot,
    /// `OnAbort`
    Abort,
    /// `OnBackupComplete`
    BackupComplete,
    /// `OnBackupShutdown`
    BackupShutdown,
    /// `OnPreRestore`
    PreRestore,
    /// `OnPostRestore`
    PostRestore,
}

impl WriterEvent {
    /// Every event, in the order of a backup, then of a restore.
    pub const ALL: &'static [WriterEvent] = &[
        WriterEvent::Identify,
        WriterEvent::PrepareForBackup,
        WriterEvent::PrepareForSnapshot,
        WriterEvent::Freeze,
        WriterEvent::Thaw,
        WriterEvent::PostSnapshot,
        WriterEvent::Abort,
        WriterEvent::BackupComplete,
        WriterEvent::BackupShutdown,
        WriterEvent::PreRestore,
        WriterEvent::PostRestore,
    ];

    /// The event's name in the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            WriterEvent::Identify => "Identify",
            WriterEvent::PrepareForBackup => "PrepareForBackup",
            WriterEvent::PrepareForSnapshot => "PrepareForSnapshot",
            WriterEvent::Freeze => "Freeze",
            WriterEvent::Thaw => "Thaw",
            WriterEvent::PostSnapshot => "PostSnapshot",
            WriterEvent::Abort => "Abort",
            WriterEvent::BackupComplete => "BackupComplete",
            WriterEvent::BackupShutdown => "BackupShutdown",
            WriterEvent::PreRestore => "PreRestore",
            WriterEvent::PostRestore => "PostRestore",
        }
    }

    /// The `CVssWriter` callback that handles the event.
    #[must_use]
    pub const fn callback(self) -> &'static str {
        match self {
            WriterEvent::Identify => "OnIdentify",
            WriterEvent::PrepareForBackup => "OnPrepareBackup",
            WriterEvent::PrepareForSnapshot => "OnPrepareSnapshot",
            WriterEvent::Freeze => "OnFreeze",
            WriterEvent::Thaw => "OnThaw",
            WriterEvent::PostSnapshot => "OnPostSnapshot",
            WriterEvent::Abort => "OnAbort",
            WriterEvent::BackupComplete => "OnBackupComplete",
            WriterEvent::BackupShutdown => "OnBackupShutdown",
            WriterEvent::PreRestore => "OnPreRestore",
            WriterEvent::PostRestore => "OnPostRestore",
        }
    }
}

impl fmt::Display for WriterEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
