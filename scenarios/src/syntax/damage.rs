//! A fault planted into a document that somebody holds in memory.
//!
//! ```yaml
//! - damage: {document: metadata, writer: Mail, element: FILE_GROUP, which: 1, attribute: selectable, value: perhaps}
//! - damage: {document: backup_components, element: COMPONENT, attribute: componentType}
//! ```

use schemars::JsonSchema;
use serde::Deserialize;

use super::method::Argument;
use crate::scalars::{Count, Name, Text};
use crate::words::words;
use crate::yaml::{At, Node};

words! {
    /// Which document is meant.
    DamagedDocument, "a document" {
        /// A Writer Metadata Document: what a requester gathered from `writer`, what `on` holds, or what the writer
        /// builds in its Identify handler.
        Metadata = "metadata",
        /// The Backup Components Document: of the requester's backup components object, or of the backup that the
        /// writer takes part in.
        BackupComponents = "backup_components",
    }
}

/// A fault planted into a document in memory: a step of a requester, or an action of a writer's handler.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Damage {
    /// Which document.
    pub document: At<DamagedDocument>,
    /// The writer whose gathered metadata is meant.
    #[serde(default)]
    pub writer: Option<At<Name>>,
    /// The object that holds the document: `$name`, as an earlier call handed it back.
    #[serde(default)]
    pub on: Option<Node<Argument>>,
    /// The name of the element.
    pub element: At<Text>,
    /// Which of the elements of this name, from 0, in the order of the document.
    #[serde(default)]
    pub which: Option<At<Count>>,
    /// The attribute. Absent: the whole element goes.
    #[serde(default)]
    pub attribute: Option<At<Text>>,
    /// What the attribute says from now on. Absent or `null`: it goes.
    #[serde(default)]
    pub value: Option<At<Text>>,
}
