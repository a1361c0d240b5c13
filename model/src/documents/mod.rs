//! The two XML documents of VSS: the Writer Metadata Document and the Backup Components Document.
//!
//! ```text
//! bytes ─► encoding ─► text ─► xml, along the rules of shape ─► tree ─► typed views, to_xml
//!                                                                ▲
//!                                    builder, setters ───────────┘
//! ```
//!
//! Happy path: [`WriterMetadata::read`] and [`BackupComponents::read`] take what Windows wrote, `to_xml` writes the same
//! document again: same elements, attributes, values, order. [`same_document`] says whether two texts are the same
//! document, without the reader.
//!
//! Failures: a text that is no such document is a [`DocumentError`] with line, column and what was expected. A document
//! that breaks a rule for writers is read, and [`WriterMetadata::check`] tells which. A builder or setter refuses what
//! the interface would refuse.

mod backup_components;
mod builder;
mod check;
mod component_parts;
mod damage;
mod encoding;
mod error;
mod examined;
mod same;
mod shape;
mod sound;
mod stored;
mod tree;
mod values;
mod writer_metadata;
mod xml;

pub use backup_components::{BackupComponents, BackupState, ComponentView, WriterComponents};
pub use builder::{ComponentSpec, FileSpec, WriterMetadataBuilder};
pub use check::{Finding, FindingKind, FullName, Level};
pub use component_parts::{DirectedTarget, Failure, Mapping};
pub use damage::{Damage, Document};
pub use encoding::MAX_BYTES;
pub use error::{DocumentError, DocumentErrorKind};
pub use examined::{
    ComponentInfo, ExaminedComponent, ExaminedDependency, ExaminedFiles, ExaminedMetadata, ExaminedRestoreMethod,
    Identity,
};
pub use same::{Difference, same_document};
pub use stored::Unreadable;
pub use tree::Part;
pub use values::{
    BackupSchema, ComponentFlags, ComponentType, FileRestoreStatus, FileSpecBackupType, RestoreMethodKind,
    RestoreTarget, RestoreType, RollForwardType, SourceType, UsageType, WriterRestore,
};
pub use writer_metadata::{Component, Dependency, FileSet, FileSetKind, Identification, RestoreMethod, WriterMetadata};
