//! A scenario as it is written: one type for each mapping of the format, one field for each key.
//!
//! The comment of a field is its documentation in the JSON Schema. Nothing here is checked against anything else in the
//! document; [`crate::resolve`] does that.
//!
//! | module | what it holds |
//! |---|---|
//! | [`machine`] | disks, volumes, files, providers, applications, the kernel, the service |
//! | [`writer`] | writers, their metadata and handlers |
//! | [`requester`] | requesters, their scripts and macros |
//! | [`sins`] | every misbehaviour an actor can be told |

pub mod damage;
pub mod files;
pub mod machine;
pub mod method;
pub mod requester;
pub mod restore;
pub mod sins;
pub mod writer;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scalars::{Code, Count, Duration, FilePath, Flag, Name, Ranges, Slug, Text};
use crate::shown::{Missing, Shows};
use crate::words::{ReleaseName, State, words};
use crate::yaml::At;

pub use machine::Machine;
pub use requester::Requester;

/// The format that this version reads.
pub const FORMAT: u32 = 1;

/// A scenario: a machine, who backs it up, and what is expected of the run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "vssim scenario, format 1")]
pub struct Document {
    /// The version of the format: 1.
    pub format: At<Count>,
    /// The scenario's short name.
    pub name: At<Slug>,
    /// One line that says what happens.
    pub title: At<Text>,
    /// What one learns from it, in a sentence or two.
    #[serde(default)]
    pub teaches: Option<At<Text>>,
    /// The release of Windows that the machine runs. Behaviour that changed between releases follows it.
    pub release: At<ReleaseName>,
    /// The machine that is backed up.
    pub machine: Machine,
    /// The programs that ask for backups.
    pub requesters: Vec<Requester>,
    /// Begins with what this ready scenario backed up, unless the run is given another store. Absent: with an empty store.
    #[serde(default)]
    pub store_of: Option<At<Name>>,
    /// Ends the run at this time, even when something is still under way. Absent: it ends when nothing is left to do.
    #[serde(default)]
    pub stop_after: Option<At<Duration>>,
    /// What must come out.
    #[serde(default)]
    pub expect: Expectations,
}

words! {
    /// Where a file is read from.
    ReadFrom, "a place to read files from" {
        /// The shadow copy of its volume.
        Copy = "copy",
        /// The volume itself.
        Live = "live",
    }
}

words! {
    /// How a backup ends.
    Outcome, "an outcome" {
        /// Every requester's last backup was created, copied and completed.
        Succeeded = "succeeded",
        /// A shadow copy set could not be created, or files could not be copied out of it.
        Failed = "failed",
        /// A requester ended its backup with AbortBackup.
        Aborted = "aborted",
        /// A requester ended without completing its backup.
        Abandoned = "abandoned",
    }
}

words! {
    /// What the bytes of an application's files in the shadow copy tell.
    Consistency, "a consistency" {
        /// No transaction was in flight.
        Clean = "clean",
        /// Whole after the log is replayed.
        CrashConsistent = "crash-consistent",
        /// A page is newer than its log.
        Corrupt = "corrupt",
    }
}

/// What is expected of a run. What is left out is not checked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expectations {
    /// How the backup ends.
    pub outcome: Option<At<Outcome>>,
    /// Codes that calls must have returned, each at least once.
    pub hresults: Vec<ExpectedCode>,
    /// The last state of writers, as GetWriterStatus or `vssadmin list writers` would tell it.
    pub writers: Vec<ExpectedWriter>,
    /// In which state the shadow copy caught each application's data.
    pub consistency: Vec<ExpectedConsistency>,
    /// The rules that the run must violate, by id. All others must not be violated.
    pub violates: Vec<At<Name>>,
    /// Entries that must stand in the event log.
    pub event_log: Vec<ExpectedEntry>,
    /// Files that must have been restored, and to where.
    pub restored: Vec<restore::ExpectedFile>,
    /// Components that must not have been restored, by full name (or files that the start of the machine could not move).
    pub not_restored: Vec<Missing<Text>>,
    /// Files that a backup must have copied.
    pub stored: Vec<ExpectedFile>,
    /// Files that a backup must not have copied.
    pub not_stored: Vec<UnexpectedFile>,
    /// Files that must be on their volumes at the end.
    pub files: Vec<files::FileNow>,
    /// Files that must not be there at the end.
    pub no_files: Vec<Missing<FilePath>>,
}

/// A code that a call must have returned.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedCode {
    /// Who called. Absent: anybody.
    #[serde(default)]
    pub requester: Option<At<Name>>,
    /// The documented method, such as DoSnapshotSet.
    pub call: At<Name>,
    /// What it returned; for an asynchronous method, the status of its operation.
    pub hresult: At<Code>,
    /// What this shows, if it comes out so: ids of requirements.
    #[serde(default)]
    pub shows: Shows,
}

/// The last state of a writer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedWriter {
    /// The writer's name.
    pub writer: At<Name>,
    /// Its state.
    #[serde(default)]
    pub state: Option<At<State>>,
    /// Its last failure; `S_OK` for none.
    #[serde(default)]
    pub failure: Option<At<Code>>,
    /// What this shows, if it comes out so: ids of requirements.
    #[serde(default)]
    pub shows: Shows,
}

/// In which state the shadow copy caught an application's data.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedConsistency {
    /// The application's name.
    pub application: At<Name>,
    /// The state.
    pub is: At<Consistency>,
    /// What this shows, if it comes out so: ids of requirements.
    #[serde(default)]
    pub shows: Shows,
}

/// An entry of the event log.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedEntry {
    /// Who wrote it: VSS, volsnap, or a requester by its name.
    pub source: At<Name>,
    /// The event id. Absent: an entry of a requester, which has none.
    #[serde(default)]
    pub id: Option<At<Count>>,
    /// How many times. Absent: at least once.
    #[serde(default)]
    pub count: Option<At<Count>>,
    /// What this shows, if it comes out so: ids of requirements.
    #[serde(default)]
    pub shows: Shows,
}

/// A file that a backup must have copied.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFile {
    /// The backup, counted from 1 in the order in which files were copied. Absent: the last one.
    #[serde(default)]
    pub backup: Option<At<Count>>,
    /// The component, by name. Absent: any.
    #[serde(default)]
    pub component: Option<At<Name>>,
    /// The file's original path.
    pub path: At<FilePath>,
    /// Where it was read from.
    #[serde(default)]
    pub from: Option<At<ReadFrom>>,
    /// The path that it was read from, where that is another one.
    #[serde(default)]
    pub read_from: Option<At<FilePath>>,
    /// Whether all of it was copied.
    #[serde(default)]
    pub whole: Option<At<Flag>>,
    /// The ranges that were copied.
    #[serde(default)]
    pub ranges: Option<At<Ranges>>,
    /// What was copied holds the bytes that follow from this number.
    #[serde(default)]
    pub seed: Option<At<Count>>,
    /// What this shows, if it comes out so: ids of requirements.
    #[serde(default)]
    pub shows: Shows,
}

/// A file that a backup must not have copied.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnexpectedFile {
    /// The backup, counted from 1. Absent: the last one.
    #[serde(default)]
    pub backup: Option<At<Count>>,
    /// The file's original path.
    pub path: At<FilePath>,
    /// What this shows, if it comes out so: ids of requirements.
    #[serde(default)]
    pub shows: Shows,
}
