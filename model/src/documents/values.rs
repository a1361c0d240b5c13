//! The enumerations and masks of the documents, with their documented names and numbers and the words of the XML.
//!
//! The documentation names the constants, not the words that stand in the XML. A word marked *recorded* stands in a
//! document that Windows wrote; the others are a choice, made like these: the constant's own name without its prefix, in
//! the case of the recorded words of the enumeration. Windows may spell a word that is not recorded otherwise.

use serde::{Deserialize, Serialize};

use crate::api::BackupType;
use crate::states::vss_enum;

/// Gives an enumeration the words that stand for its values in the XML.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal,)* }) => {
        impl $name {
            /// Every word.
            pub(crate) const WORDS: &'static [&'static str] = &[$($word),*];

            /// The word that stands for the value in the XML.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }

            /// The value that a word of the XML stands for.
            #[must_use]
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)* _ => None }
            }
        }
    };
}

vss_enum! {
    /// `VSS_USAGE_TYPE`: how the data of a writer are used (WMD-014).
    UsageType {
        /// Unknown: an error of the writer.
        Undefined = "VSS_UT_UNDEFINED", 0;
        /// Part of the bootable system state.
        BootableSystemState = "VSS_UT_BOOTABLESYSTEMSTATE", 1;
        /// Data of a system service.
        SystemService = "VSS_UT_SYSTEMSERVICE", 2;
        /// User data.
        UserData = "VSS_UT_USERDATA", 3;
        /// Unclassified.
        Other = "VSS_UT_OTHER", 4;
    }
}

// Recorded: BOOTABLE_SYSTEM_STATE, SYSTEM_SERVICE, USER_DATA.
words! {
    UsageType {
        Undefined = "UNDEFINED",
        BootableSystemState = "BOOTABLE_SYSTEM_STATE",
        SystemService = "SYSTEM_SERVICE",
        UserData = "USER_DATA",
        Other = "OTHER",
    }
}

vss_enum! {
    /// `VSS_SOURCE_TYPE`: where the data of a writer come from (WMD-015).
    SourceType {
        /// Unknown: an error of the writer.
        Undefined = "VSS_ST_UNDEFINED", 0;
        /// A transactional database.
        TransactedDb = "VSS_ST_TRANSACTEDDB", 1;
        /// A database without transactions.
        NonTransactedDb = "VSS_ST_NONTRANSACTEDDB", 2;
        /// Anything else; the default.
        Other = "VSS_ST_OTHER", 3;
    }
}

// Recorded: TRANSACTION_DB, OTHER.
words! {
    SourceType {
        Undefined = "UNDEFINED",
        TransactedDb = "TRANSACTION_DB",
        NonTransactedDb = "NONTRANSACTION_DB",
        Other = "OTHER",
    }
}

vss_enum! {
    /// `VSS_RESTOREMETHOD_ENUM`: how the files of a writer are restored (RST-MTH-001).
    RestoreMethodKind {
        /// None: an error of the writer (WMD-017).
        Undefined = "VSS_RME_UNDEFINED", 0;
        /// Only if no file is there.
        RestoreIfNotThere = "VSS_RME_RESTORE_IF_NOT_THERE", 1;
        /// Only if every file can be replaced.
        RestoreIfCanReplace = "VSS_RME_RESTORE_IF_CAN_REPLACE", 2;
        /// Stop the service, restore, start it.
        StopRestoreStart = "VSS_RME_STOP_RESTORE_START", 3;
        /// To the alternate location mapping.
        RestoreToAlternateLocation = "VSS_RME_RESTORE_TO_ALTERNATE_LOCATION", 4;
        /// At the next reboot.
        RestoreAtReboot = "VSS_RME_RESTORE_AT_REBOOT", 5;
        /// At once, or at the next reboot if a file cannot be replaced.
        RestoreAtRebootIfCannotReplace = "VSS_RME_RESTORE_AT_REBOOT_IF_CANNOT_REPLACE", 6;
        /// By the writer's own documentation.
        Custom = "VSS_RME_CUSTOM", 7;
        /// Restore, then stop and start the service.
        RestoreStopStart = "VSS_RME_RESTORE_STOP_START", 8;
    }
}

// Recorded: RESTORE_IF_CAN_BE_REPLACED, REPLACE_AT_REBOOT, REPLACE_AT_REBOOT_IF_CANNOT_REPLACE.
words! {
    RestoreMethodKind {
        Undefined = "UNDEFINED",
        RestoreIfNotThere = "RESTORE_IF_NOT_THERE",
        RestoreIfCanReplace = "RESTORE_IF_CAN_BE_REPLACED",
        StopRestoreStart = "STOP_RESTORE_START",
        RestoreToAlternateLocation = "RESTORE_TO_ALTERNATE_LOCATION",
        RestoreAtReboot = "REPLACE_AT_REBOOT",
        RestoreAtRebootIfCannotReplace = "REPLACE_AT_REBOOT_IF_CANNOT_REPLACE",
        Custom = "CUSTOM",
        RestoreStopStart = "RESTORE_STOP_START",
    }
}

vss_enum! {
    /// `VSS_WRITERRESTORE_ENUM`: whether a writer takes part in a restore (RST-ORD-026).
    WriterRestore {
        /// Unknown: an error of the writer.
        Undefined = "VSS_WRE_UNDEFINED", 0;
        /// The writer needs no restore events.
        Never = "VSS_WRE_NEVER", 1;
        /// PostRestore only if replacing failed.
        IfReplaceFails = "VSS_WRE_IF_REPLACE_FAILS", 2;
        /// Always.
        Always = "VSS_WRE_ALWAYS", 3;
    }
}

// Recorded: never, always.
words! {
    WriterRestore {
        Undefined = "undefined",
        Never = "never",
        IfReplaceFails = "ifReplaceFails",
        Always = "always",
    }
}

vss_enum! {
    /// `VSS_COMPONENT_TYPE` (CMP-DEF-008).
    ComponentType {
        /// Unknown: an error of the application.
        Undefined = "VSS_CT_UNDEFINED", 0;
        /// Files used by a database.
        Database = "VSS_CT_DATABASE", 1;
        /// Any other files.
        FileGroup = "VSS_CT_FILEGROUP", 2;
    }
}

// Recorded: filegroup.
words! {
    ComponentType {
        Undefined = "undefined",
        Database = "database",
        FileGroup = "filegroup",
    }
}

// Recorded: full.
words! {
    BackupType {
        Undefined = "undefined",
        Full = "full",
        Incremental = "incremental",
        Differential = "differential",
        Log = "log",
        Copy = "copy",
        Other = "other",
    }
}

vss_enum! {
    /// `VSS_RESTORE_TYPE` (RST-OPT-014).
    RestoreType {
        /// The default; writers treat it as by copy.
        Undefined = "VSS_RTYPE_UNDEFINED", 0;
        /// Data are copied to the original volume.
        ByCopy = "VSS_RTYPE_BY_COPY", 1;
        /// A transportable shadow copy is imported.
        Import = "VSS_RTYPE_IMPORT", 2;
        /// An error of the application.
        Other = "VSS_RTYPE_OTHER", 3;
    }
}

words! {
    RestoreType {
        Undefined = "undefined",
        ByCopy = "byCopy",
        Import = "import",
        Other = "other",
    }
}

vss_enum! {
    /// `VSS_ROLLFORWARD_TYPE`: how far the log is rolled forward (ne-vss-vss_rollforward_type.md).
    RollForwardType {
        /// Nothing was said.
        Undefined = "VSS_RF_UNDEFINED", 0;
        /// Not at all.
        None = "VSS_RF_NONE", 1;
        /// As far as the log goes.
        All = "VSS_RF_ALL", 2;
        /// To the point given.
        Partial = "VSS_RF_PARTIAL", 3;
    }
}

words! {
    RollForwardType {
        Undefined = "undefined",
        None = "none",
        All = "all",
        Partial = "partial",
    }
}

vss_enum! {
    /// `VSS_RESTORE_TARGET` (RST-MTH-013 to -015).
    RestoreTarget {
        /// None: an error of the writer.
        Undefined = "VSS_RT_UNDEFINED", 0;
        /// As the restore method says; the default.
        Original = "VSS_RT_ORIGINAL", 1;
        /// To an alternate location mapping.
        Alternate = "VSS_RT_ALTERNATE", 2;
        /// File by file, as the writer directs.
        Directed = "VSS_RT_DIRECTED", 3;
        /// To the place of the backup, whatever the method.
        OriginalLocation = "VSS_RT_ORIGINAL_LOCATION", 4;
    }
}

words! {
    RestoreTarget {
        Undefined = "undefined",
        Original = "original",
        Alternate = "alternate",
        Directed = "directed",
        OriginalLocation = "originalLocation",
    }
}

vss_enum! {
    /// `VSS_FILE_RESTORE_STATUS` (RST-LOC-021).
    FileRestoreStatus {
        /// Not restored yet.
        Undefined = "VSS_RS_UNDEFINED", 0;
        /// No file was restored.
        None = "VSS_RS_NONE", 1;
        /// Every file was restored.
        All = "VSS_RS_ALL", 2;
        /// Some files were restored; the component is corrupt.
        Failed = "VSS_RS_FAILED", 3;
    }
}

words! {
    FileRestoreStatus {
        Undefined = "undefined",
        None = "none",
        All = "all",
        Failed = "failed",
    }
}

/// Declares a mask of bits with their documented names.
macro_rules! mask {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $bit:ident = $value:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            $($(#[$vdoc])* pub const $bit: $name = $name($value);)*

            /// Every single bit with its documented name.
            pub const BITS: &'static [($name, &'static str)] = &[$(($name::$bit, $text)),*];

            /// Whether all these bits are set.
            #[must_use]
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether one of these bits is set.
            #[must_use]
            pub const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            /// The bits that have no documented name.
            #[must_use]
            pub const fn unknown_bits(self) -> u32 {
                self.0 & !(0 $(| $value)*)
            }
        }

        impl ::std::ops::BitOr for $name {
            type Output = $name;
            fn bitor(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
        }

        /// The names of the bits, with `|` between them; `0` if there are none.
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                let mut parts: Vec<String> =
                    $name::BITS.iter().filter(|(bit, _)| self.contains(*bit)).map(|(_, text)| (*text).to_owned()).collect();
                if self.unknown_bits() != 0 || parts.is_empty() {
                    parts.push(if self.0 == 0 { "0".to_owned() } else { format!("0x{:x}", self.unknown_bits()) });
                }
                f.pad(&parts.join(" | "))
            }
        }
    };
}

mask! {
    /// `VSS_COMPONENT_FLAGS` (CMP-DEF-033, -034).
    ComponentFlags {
        /// The writer writes to the component in the shadow copy (auto-recovery).
        BACKUP_RECOVERY = 0x1, "VSS_CF_BACKUP_RECOVERY";
        /// The same, for a rollback shadow copy.
        APP_ROLLBACK_RECOVERY = 0x2, "VSS_CF_APP_ROLLBACK_RECOVERY";
        /// Not part of the system state.
        NOT_SYSTEM_STATE = 0x4, "VSS_CF_NOT_SYSTEM_STATE";
    }
}

mask! {
    /// `VSS_BACKUP_SCHEMA`: what kinds of backup a writer supports. Zero is `VSS_BS_UNDEFINED`: whole files only.
    BackupSchema {
        /// Differential backups.
        DIFFERENTIAL = 0x1, "VSS_BS_DIFFERENTIAL";
        /// Incremental backups.
        INCREMENTAL = 0x2, "VSS_BS_INCREMENTAL";
        /// Both, but never mixed.
        EXCLUSIVE_INCREMENTAL_DIFFERENTIAL = 0x4, "VSS_BS_EXCLUSIVE_INCREMENTAL_DIFFERENTIAL";
        /// Log-only backups.
        LOG = 0x8, "VSS_BS_LOG";
        /// Copy backups.
        COPY = 0x10, "VSS_BS_COPY";
        /// Backup stamps.
        TIMESTAMPED = 0x20, "VSS_BS_TIMESTAMPED";
        /// Differenced files by time of last change.
        LAST_MODIFY = 0x40, "VSS_BS_LAST_MODIFY";
        /// Reserved.
        LSN = 0x80, "VSS_BS_LSN";
        /// New targets at restore.
        WRITER_SUPPORTS_NEW_TARGET = 0x100, "VSS_BS_WRITER_SUPPORTS_NEW_TARGET";
        /// Restore to another instance.
        WRITER_SUPPORTS_RESTORE_WITH_MOVE = 0x200, "VSS_BS_WRITER_SUPPORTS_RESTORE_WITH_MOVE";
        /// System state that can be backed up apart.
        INDEPENDENT_SYSTEM_STATE = 0x400, "VSS_BS_INDEPENDENT_SYSTEM_STATE";
        /// Roll-forward at restore.
        ROLLFORWARD_RESTORE = 0x1000, "VSS_BS_ROLLFORWARD_RESTORE";
        /// Rename at restore.
        RESTORE_RENAME = 0x2000, "VSS_BS_RESTORE_RENAME";
        /// Authoritative restore.
        AUTHORITATIVE_RESTORE = 0x4000, "VSS_BS_AUTHORITATIVE_RESTORE";
        /// Several restores at once.
        WRITER_SUPPORTS_PARALLEL_RESTORES = 0x8000, "VSS_BS_WRITER_SUPPORTS_PARALLEL_RESTORES";
    }
}

mask! {
    /// `VSS_FILE_SPEC_BACKUP_TYPE`: in which backups a file set takes part, and whether from a shadow copy.
    FileSpecBackupType {
        /// In full backups.
        FULL_BACKUP_REQUIRED = 0x1, "VSS_FSBT_FULL_BACKUP_REQUIRED";
        /// In differential backups.
        DIFFERENTIAL_BACKUP_REQUIRED = 0x2, "VSS_FSBT_DIFFERENTIAL_BACKUP_REQUIRED";
        /// In incremental backups.
        INCREMENTAL_BACKUP_REQUIRED = 0x4, "VSS_FSBT_INCREMENTAL_BACKUP_REQUIRED";
        /// In log backups.
        LOG_BACKUP_REQUIRED = 0x8, "VSS_FSBT_LOG_BACKUP_REQUIRED";
        /// From a shadow copy, in full backups.
        FULL_SNAPSHOT_REQUIRED = 0x100, "VSS_FSBT_FULL_SNAPSHOT_REQUIRED";
        /// From a shadow copy, in differential backups.
        DIFFERENTIAL_SNAPSHOT_REQUIRED = 0x200, "VSS_FSBT_DIFFERENTIAL_SNAPSHOT_REQUIRED";
        /// From a shadow copy, in incremental backups.
        INCREMENTAL_SNAPSHOT_REQUIRED = 0x400, "VSS_FSBT_INCREMENTAL_SNAPSHOT_REQUIRED";
        /// From a shadow copy, in log backups.
        LOG_SNAPSHOT_REQUIRED = 0x800, "VSS_FSBT_LOG_SNAPSHOT_REQUIRED";
        /// Made during the snapshot sequence.
        CREATED_DURING_BACKUP = 0x10000, "VSS_FSBT_CREATED_DURING_BACKUP";
    }
}

impl FileSpecBackupType {
    /// `VSS_FSBT_ALL_BACKUP_REQUIRED`.
    pub const ALL_BACKUP_REQUIRED: FileSpecBackupType = FileSpecBackupType(0x0f);
    /// `VSS_FSBT_ALL_SNAPSHOT_REQUIRED`.
    pub const ALL_SNAPSHOT_REQUIRED: FileSpecBackupType = FileSpecBackupType(0xf00);
    /// What holds if nothing is said: every backup, always from a shadow copy. In the XML `3855`.
    pub const DEFAULT: FileSpecBackupType = FileSpecBackupType(0xf0f);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_prints_the_names_of_its_bits() {
        assert_eq!(BackupSchema(0x12).to_string(), "VSS_BS_INCREMENTAL | VSS_BS_COPY");
        assert_eq!(ComponentFlags(0).to_string(), "0");
        assert_eq!(ComponentFlags(9).to_string(), "VSS_CF_BACKUP_RECOVERY | 0x8");
        assert_eq!(FileSpecBackupType::DEFAULT.0, 3855);
    }

    #[test]
    fn every_word_stands_for_one_value() {
        for value in RestoreMethodKind::ALL {
            assert_eq!(RestoreMethodKind::from_word(value.word()), Some(*value));
        }
        for value in UsageType::ALL {
            assert_eq!(UsageType::from_word(value.word()), Some(*value));
        }
        assert_eq!(SourceType::from_word("other"), None);
    }
}
