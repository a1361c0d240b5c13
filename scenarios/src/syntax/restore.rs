//! What a scenario says of restores: services and files in use, a requester's steps, the macro `restore`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::method::MethodStep;
use super::requester::{Components, OnFailure};
use crate::scalars::{Count, Duration, DurationRange, FilePath, Flag, Name, Text};
use crate::shown::Shows;
use crate::words::words;
use crate::yaml::{At, Node};

/// A service of the machine. A restore method may have it stopped.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowsService {
    /// Its name.
    pub name: At<Name>,
    /// Whether it runs at the start.
    #[serde(default = "Flag::yes")]
    pub runs: At<Flag>,
    /// Whether it can be stopped.
    #[serde(default = "Flag::yes")]
    pub stoppable: At<Flag>,
    /// Files that nobody else can write while it runs.
    #[serde(default)]
    pub holds: Vec<At<FilePath>>,
}

/// Files are deleted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteFiles {
    /// When.
    pub at: At<Duration>,
    /// A file, or a folder with all that is in it and below it.
    pub path: At<FilePath>,
}

words! {
    /// How a file comes into its place.
    How, "a way for a file to come into its place" {
        /// It is written.
        Written = "written",
        /// It lies beside, for the next start of the machine.
        Staged = "staged",
        /// The start of the machine moves it into its place.
        Moved = "moved",
    }
}

/// A file that must have been restored.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFile {
    /// The path that it was backed up from.
    pub path: At<FilePath>,
    /// The path that it goes to. Absent: the same.
    #[serde(default)]
    pub to: Option<At<FilePath>>,
    /// How. Absent: it is written.
    #[serde(default)]
    pub how: At<How>,
    /// What this shows, if it comes out so: ids of requirements.
    #[serde(default)]
    pub shows: Shows,
}

/// An alternate location mapping (AddAlternateLocationMapping).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingOf {
    /// The folder of the files.
    pub path: At<Text>,
    /// The file specification, with `*` and `?`.
    pub spec: At<Text>,
    /// Whether folders below belong to it.
    #[serde(default)]
    pub recursive: At<Flag>,
    /// The folder that they may be restored to.
    pub to: At<Text>,
}

/// Arguments of InitializeForRestore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InitializeForRestore {
    /// Which backup of the store, counted from 1. Absent: the last one.
    pub backup: Option<At<Count>>,
}

/// SetSelectedForRestore, and SetAdditionalRestores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SelectComponents {
    /// The components: `all` of the stored document whose backup succeeded, or a list.
    pub components: Components,
    /// Whether more restores of them follow.
    pub more_follow: At<Flag>,
}

/// The files are put back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RestoreFiles {
    /// How long it takes.
    pub takes: At<DurationRange>,
}

/// A whole restore, or a chain of them: steps 1 to 12 of the documented sequence for each.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Restore {
    /// The backups of the store, counted from 1, in the order in which they are restored. Absent: the last one.
    pub backups: Vec<At<Count>>,
    /// The components: `all` whose backup succeeded, or a list.
    pub components: Components,
    /// Calls made before PreRestore.
    pub calls: Vec<Node<MethodStep>>,
    /// How long the files take.
    pub takes: At<DurationRange>,
    /// Whether the writers' states are checked after PreRestore and PostRestore.
    pub check_status: At<Flag>,
    /// What happens when a step fails: `give-up` (Release), or `continue`. No restore is aborted.
    pub on_failure: At<OnFailure>,
}

impl Default for Restore {
    fn default() -> Restore {
        Restore {
            backups: Vec::new(),
            components: Components::default(),
            calls: Vec::new(),
            takes: At::default(),
            check_status: Flag::yes(),
            on_failure: At::nowhere(OnFailure::GiveUp),
        }
    }
}
