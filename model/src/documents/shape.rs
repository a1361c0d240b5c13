//! The shape of the two documents as a table: which element stands where, what attributes it has, what values these
//! take.
//!
//! ```text
//! WRITER_METADATA                                BACKUP_COMPONENTS
//! ├ IDENTIFICATION                               └ WRITER_COMPONENTS*
//! ├ RESTORE_METHOD?                                └ COMPONENT*
//! │ └ ALTERNATE_LOCATION_MAPPING*                    ├ PARTIAL_FILE*
//! └ BACKUP_LOCATIONS?                                ├ DIFFERENCED_FILES*
//!   ├ DATABASE*                                      ├ RESTORE_SUBCOMPONENT*
//!   │ ├ DATABASE_FILES*                              ├ NEW_TARGET*
//!   │ ├ DATABASE_LOGFILES*                           ├ DIRECTED_TARGET*
//!   │ └ DEPENDENCY*                                  └ ALTERNATE_LOCATION_MAPPING*
//!   ├ FILE_GROUP*
//!   │ ├ FILE_LIST*
//!   │ └ DEPENDENCY*
//!   ├ EXCLUDE_FILES*
//!   └ EXCLUDE_FILES_FROM_SNAPSHOT*
//! ```
//!
//! Sources: documents that Windows Server 2012 wrote, and the samples on the page In-Box VSS Writers (DATABASE,
//! DATABASE_FILES, DATABASE_LOGFILES; WMD-027, WMD-028). No public page describes the schema (WMD-021). What neither
//! shows follows the documented methods: `SetBackupStamp` gives the attribute `backupStamp`, `AddPartialFile` the
//! element PARTIAL_FILE with an attribute for each parameter. Such a name is a choice, and a document of Windows may
//! spell it otherwise: everything below COMPONENT and every attribute of COMPONENT but `componentName` and
//! `componentType`; `restoreType`; RESTORE_METHOD's `service`, `userProcedure` and ALTERNATE_LOCATION_MAPPING; DEPENDENCY;
//! `icon`; `alternatePath`.
//!
//! The order of children is free: the WMI Writer puts RESTORE_METHOD behind BACKUP_LOCATIONS, others before.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::error::{DocumentErrorKind, nearest};
use super::values::{
    ComponentType, FileRestoreStatus, RestoreMethodKind, RestoreTarget, RestoreType, RollForwardType, SourceType,
    UsageType, WriterRestore,
};
use crate::api::BackupType;
use crate::ids::Guid;
use crate::text::quoted;

/// An element of a document.
pub(crate) struct ElementRule {
    pub(crate) name: &'static str,
    pub(crate) attributes: &'static [AttributeRule],
    pub(crate) children: &'static [ChildRule],
}

/// An attribute of an element.
pub(crate) struct AttributeRule {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) value: Value,
}

/// A child of an element.
pub(crate) struct ChildRule {
    pub(crate) element: &'static ElementRule,
    pub(crate) count: Count,
}

/// How often a child stands in its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    One,
    AtMostOne,
    Any,
}

/// What values an attribute takes.
pub(crate) enum Value {
    /// Any text.
    Text,
    /// A text that is not empty.
    Name,
    /// A GUID, in either case, with or without braces.
    Guid,
    /// A decimal number below 2^32.
    Number,
    /// A decimal number below 2^64: a FILETIME.
    Time,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `1.` and a number.
    Version,
}

const YES_NO: Value = Value::Word(&["yes", "no"]);

impl ElementRule {
    /// Stands in a tree for an element that has no business where it was found.
    pub(crate) const STRANGER: &'static ElementRule = &STRANGER;

    /// The rule of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'static AttributeRule> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// The rule of a child.
    pub(crate) fn child(&self, name: &str) -> Option<&'static ChildRule> {
        self.children.iter().find(|c| c.element.name == name)
    }

    /// Where below this element an element of this name may stand.
    pub(crate) fn parents_of(&self, name: &str) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        for child in self.children {
            if child.element.name == name {
                found.push((child.element.name, self.name));
            }
            for pair in child.element.parents_of(name) {
                if !found.contains(&pair) {
                    found.push(pair);
                }
            }
        }
        found
    }
}

impl AttributeRule {
    /// Whether the attribute takes the value; what is wrong if not.
    pub(crate) fn check(&self, value: &str) -> Result<(), DocumentErrorKind> {
        let attribute = self.name;
        let found = || quoted(value);
        let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        match self.value {
            Value::Text => Ok(()),
            Value::Name if value.is_empty() => Err(DocumentErrorKind::EmptyValue { attribute }),
            Value::Name => Ok(()),
            Value::Guid => match value.parse::<Guid>() {
                Ok(_) => Ok(()),
                Err(_) => Err(DocumentErrorKind::NotAGuid { attribute, found: found() }),
            },
            Value::Number if digits && value.parse::<u32>().is_ok() => Ok(()),
            Value::Time if digits && value.parse::<u64>().is_ok() => Ok(()),
            Value::Number | Value::Time => Err(DocumentErrorKind::NotANumber { attribute, found: found() }),
            Value::Word(words) if words.contains(&value) => Ok(()),
            Value::Word(words) => Err(DocumentErrorKind::WrongValue {
                attribute,
                found: found(),
                expected: words.to_vec(),
                nearest: nearest(value, words.iter().copied()),
            }),
            Value::Version => {
                let minor = value.strip_prefix("1.").unwrap_or_default();
                let good = !minor.is_empty() && minor.len() <= 9 && minor.bytes().all(|b| b.is_ascii_digit());
                if good { Ok(()) } else { Err(DocumentErrorKind::WrongVersion { found: found() }) }
            }
        }
    }
}

// A rule is the same as another if it has the same name: two documents are compared by what stands in them.
impl PartialEq for ElementRule {
    fn eq(&self, other: &ElementRule) -> bool {
        self.name == other.name
    }
}

impl Eq for ElementRule {}

impl Hash for ElementRule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for ElementRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn required(name: &'static str, value: Value) -> AttributeRule {
    AttributeRule { name, required: true, value }
}

const fn optional(name: &'static str, value: Value) -> AttributeRule {
    AttributeRule { name, required: false, value }
}

const fn any(element: &'static ElementRule) -> ChildRule {
    ChildRule { element, count: Count::Any }
}

/// The namespace of a Writer Metadata Document (recorded).
pub(crate) const WRITER_METADATA_NAMESPACE: &str = "x-schema:#VssWriterMetadataInfo";
/// The namespace of a Backup Components Document (recorded).
pub(crate) const BACKUP_COMPONENTS_NAMESPACE: &str = "x-schema:#VssComponentMetadata";
/// The version that Windows Server 2012 writes into both documents (recorded).
pub(crate) const VERSION: &str = "1.2";

pub(crate) static WRITER_METADATA: ElementRule = ElementRule {
    name: "WRITER_METADATA",
    attributes: &[
        required("xmlns", Value::Word(&[WRITER_METADATA_NAMESPACE])),
        required("version", Value::Version),
        optional("backupSchema", Value::Number),
    ],
    children: &[
        ChildRule { element: &IDENTIFICATION, count: Count::One },
        ChildRule { element: &RESTORE_METHOD, count: Count::AtMostOne },
        ChildRule { element: &BACKUP_LOCATIONS, count: Count::AtMostOne },
    ],
};

pub(crate) static IDENTIFICATION: ElementRule = ElementRule {
    name: "IDENTIFICATION",
    attributes: &[
        required("writerId", Value::Guid),
        required("instanceId", Value::Guid),
        optional("instanceName", Value::Text),
        required("friendlyName", Value::Text),
        required("usage", Value::Word(UsageType::WORDS)),
        required("dataSource", Value::Word(SourceType::WORDS)),
        optional("majorVersion", Value::Number),
        optional("minorVersion", Value::Number),
    ],
    children: &[],
};

pub(crate) static RESTORE_METHOD: ElementRule = ElementRule {
    name: "RESTORE_METHOD",
    attributes: &[
        required("method", Value::Word(RestoreMethodKind::WORDS)),
        optional("service", Value::Text),
        optional("userProcedure", Value::Text),
        required("writerRestore", Value::Word(WriterRestore::WORDS)),
        required("rebootRequired", YES_NO),
    ],
    children: &[any(&ALTERNATE_LOCATION_MAPPING)],
};

pub(crate) static ALTERNATE_LOCATION_MAPPING: ElementRule = ElementRule {
    name: "ALTERNATE_LOCATION_MAPPING",
    attributes: &[
        required("path", Value::Text),
        required("filespec", Value::Name),
        optional("recursive", YES_NO),
        required("alternatePath", Value::Text),
    ],
    children: &[],
};

pub(crate) static BACKUP_LOCATIONS: ElementRule = ElementRule {
    name: "BACKUP_LOCATIONS",
    attributes: &[],
    children: &[any(&DATABASE), any(&FILE_GROUP), any(&EXCLUDE_FILES), any(&EXCLUDE_FILES_FROM_SNAPSHOT)],
};

// CMP-DEF-002: what a component must say; CMP-DEF-003: what it may say.
const COMPONENT_ATTRIBUTES: &[AttributeRule] = &[
    optional("logicalPath", Value::Text),
    required("componentName", Value::Name),
    optional("caption", Value::Text),
    optional("icon", Value::Text),
    required("restoreMetadata", YES_NO),
    required("notifyOnBackupComplete", YES_NO),
    required("selectable", YES_NO),
    optional("selectableForRestore", YES_NO),
    optional("componentFlags", Value::Number),
];

pub(crate) static DATABASE: ElementRule = ElementRule {
    name: "DATABASE",
    attributes: COMPONENT_ATTRIBUTES,
    children: &[any(&DATABASE_FILES), any(&DATABASE_LOGFILES), any(&DEPENDENCY)],
};

pub(crate) static FILE_GROUP: ElementRule = ElementRule {
    name: "FILE_GROUP",
    attributes: COMPONENT_ATTRIBUTES,
    children: &[any(&FILE_LIST), any(&DEPENDENCY)],
};

// `recursive` and `alternatePath` of database files are readable, so that a writer that breaks CMP-DEF-009 can be told.
const FILE_ATTRIBUTES: &[AttributeRule] = &[
    required("path", Value::Text),
    required("filespec", Value::Name),
    optional("recursive", YES_NO),
    optional("alternatePath", Value::Text),
    optional("filespecBackupType", Value::Number),
];

pub(crate) static FILE_LIST: ElementRule =
    ElementRule { name: "FILE_LIST", attributes: FILE_ATTRIBUTES, children: &[] };

pub(crate) static DATABASE_FILES: ElementRule =
    ElementRule { name: "DATABASE_FILES", attributes: FILE_ATTRIBUTES, children: &[] };

pub(crate) static DATABASE_LOGFILES: ElementRule =
    ElementRule { name: "DATABASE_LOGFILES", attributes: FILE_ATTRIBUTES, children: &[] };

const EXCLUDE_ATTRIBUTES: &[AttributeRule] =
    &[required("path", Value::Text), required("filespec", Value::Name), optional("recursive", YES_NO)];

pub(crate) static EXCLUDE_FILES: ElementRule =
    ElementRule { name: "EXCLUDE_FILES", attributes: EXCLUDE_ATTRIBUTES, children: &[] };

pub(crate) static EXCLUDE_FILES_FROM_SNAPSHOT: ElementRule =
    ElementRule { name: "EXCLUDE_FILES_FROM_SNAPSHOT", attributes: EXCLUDE_ATTRIBUTES, children: &[] };

pub(crate) static DEPENDENCY: ElementRule = ElementRule {
    name: "DEPENDENCY",
    attributes: &[
        required("writerId", Value::Guid),
        optional("logicalPath", Value::Text),
        required("componentName", Value::Name),
    ],
    children: &[],
};

static STRANGER: ElementRule = ElementRule { name: "?", attributes: &[], children: &[] };

pub(crate) static BACKUP_COMPONENTS: ElementRule = ElementRule {
    name: "BACKUP_COMPONENTS",
    attributes: &[
        required("xmlns", Value::Word(&[BACKUP_COMPONENTS_NAMESPACE])),
        required("version", Value::Version),
        optional("bootableSystemStateBackup", YES_NO),
        optional("selectComponents", YES_NO),
        optional("backupType", Value::Word(BackupType::WORDS)),
        optional("partialFileSupport", YES_NO),
        optional("snapshotSetId", Value::Guid),
        optional("restoreType", Value::Word(RestoreType::WORDS)),
    ],
    children: &[any(&WRITER_COMPONENTS)],
};

pub(crate) static WRITER_COMPONENTS: ElementRule = ElementRule {
    name: "WRITER_COMPONENTS",
    attributes: &[
        required("instanceId", Value::Guid),
        required("writerId", Value::Guid),
        optional("backupSchema", Value::Number),
    ],
    children: &[any(&COMPONENT)],
};

pub(crate) static COMPONENT: ElementRule = ElementRule {
    name: "COMPONENT",
    attributes: &[
        optional("logicalPath", Value::Text),
        required("componentName", Value::Name),
        required("componentType", Value::Word(ComponentType::WORDS)),
        optional("backupSucceeded", YES_NO),
        optional("backupOptions", Value::Text),
        optional("previousBackupStamp", Value::Text),
        optional("backupStamp", Value::Text),
        optional("backupMetadata", Value::Text),
        optional("prepareForBackupFailureMsg", Value::Text),
        optional("postSnapshotFailureMsg", Value::Text),
        optional("selectedForRestore", YES_NO),
        optional("restoreOptions", Value::Text),
        optional("additionalRestores", YES_NO),
        optional("restoreTarget", Value::Word(RestoreTarget::WORDS)),
        optional("restoreMetadata", Value::Text),
        optional("restoreName", Value::Text),
        optional("preRestoreFailureMsg", Value::Text),
        optional("fileRestoreStatus", Value::Word(FileRestoreStatus::WORDS)),
        optional("postRestoreFailureMsg", Value::Text),
        optional("selectedInstanceId", Value::Guid),
        optional("authoritativeRestore", YES_NO),
        optional("rollForwardType", Value::Word(RollForwardType::WORDS)),
        optional("rollForwardPoint", Value::Text),
        optional("failure", Value::Number),
        optional("failureApplication", Value::Number),
        optional("failureApplicationMessage", Value::Text),
    ],
    children: &[
        any(&PARTIAL_FILE),
        any(&DIFFERENCED_FILES),
        any(&RESTORE_SUBCOMPONENT),
        any(&NEW_TARGET),
        any(&DIRECTED_TARGET),
        any(&ALTERNATE_LOCATION_MAPPING),
    ],
};

pub(crate) static RESTORE_SUBCOMPONENT: ElementRule = ElementRule {
    name: "RESTORE_SUBCOMPONENT",
    attributes: &[optional("logicalPath", Value::Text), required("componentName", Value::Name)],
    children: &[],
};

pub(crate) static NEW_TARGET: ElementRule =
    ElementRule { name: "NEW_TARGET", attributes: ALTERNATE_LOCATION_MAPPING.attributes, children: &[] };

pub(crate) static DIRECTED_TARGET: ElementRule = ElementRule {
    name: "DIRECTED_TARGET",
    attributes: &[
        required("sourcePath", Value::Text),
        required("sourceFilename", Value::Name),
        required("sourceRangeList", Value::Text),
        required("destinationPath", Value::Text),
        required("destinationFilename", Value::Name),
        required("destinationRangeList", Value::Text),
    ],
    children: &[],
};

pub(crate) static PARTIAL_FILE: ElementRule = ElementRule {
    name: "PARTIAL_FILE",
    attributes: &[
        required("path", Value::Text),
        required("filename", Value::Name),
        required("ranges", Value::Text),
        optional("metadata", Value::Text),
    ],
    children: &[],
};

pub(crate) static DIFFERENCED_FILES: ElementRule = ElementRule {
    name: "DIFFERENCED_FILES",
    attributes: &[
        required("path", Value::Text),
        required("filespec", Value::Name),
        optional("recursive", YES_NO),
        required("lastModifyTime", Value::Time),
    ],
    children: &[],
};
