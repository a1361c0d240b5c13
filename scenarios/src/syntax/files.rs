//! What is expected of files on the volumes at the end of a run.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scalars::{Count, FilePath, Size};
use crate::shown::Shows;
use crate::yaml::At;

/// A file that must be there at the end.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileNow {
    /// Its full path.
    pub path: At<FilePath>,
    /// Its size.
    #[serde(default)]
    pub size: Option<At<Size>>,
    /// Its bytes are those that follow from this number.
    #[serde(default)]
    pub seed: Option<At<Count>>,
    /// What was written over them since, in this order.
    #[serde(default)]
    pub over: Vec<Over>,
    /// What this shows, if it comes out so: ids of requirements.
    #[serde(default)]
    pub shows: Shows,
}

/// Bytes that were written over others.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Over {
    /// Where they begin.
    pub offset: At<Size>,
    /// How many there are.
    pub length: At<Size>,
    /// They are those that a file with this seed holds there.
    pub seed: At<Count>,
    /// Where that file holds them. Absent: at the same offset.
    #[serde(default)]
    pub from: Option<At<Size>>,
}
