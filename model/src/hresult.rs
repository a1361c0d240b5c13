//! HRESULTs: every code that the catalogue of VSS names, and any other number besides.
//!
//! Source: the return tables of the API pages (MicrosoftDocs/sdk-api); the numbers are those of vss.h and vswriter.h.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A return code. Unknown numbers survive and print in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HResult(pub u32);

/// What is known of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The number.
    pub code: HResult,
    /// The documented name.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub sentence: &'static str,
    /// The page or header it is taken from.
    pub source: &'static str,
}

macro_rules! hresults {
    ($($name:ident = $value:literal, $sentence:literal, $source:literal;)*) => {
        impl HResult {
            $(#[doc = $sentence] pub const $name: HResult = HResult($value);)*
        }

        /// Every known code, general ones first, then by number.
        pub const TABLE: &[Known] = &[
            $(Known { code: HResult::$name, name: stringify!($name), sentence: $sentence, source: $source },)*
        ];
    };
}

hresults! {
    S_OK = 0x00000000, "S_OK.", "vss.h";
    S_FALSE = 0x00000001, "S_FALSE.", "vss.h";
    E_NOTIMPL = 0x80004001, "E_NOTIMPL.", "vss.h";
    E_NOINTERFACE = 0x80004002, "E_NOINTERFACE.", "vss.h";
    E_POINTER = 0x80004003, "E_POINTER.", "vss.h";
    E_ABORT = 0x80004004, "E_ABORT.", "vss.h";
    E_FAIL = 0x80004005, "E_FAIL.", "vss.h";
    E_UNEXPECTED = 0x8000FFFF, "E_UNEXPECTED.", "vss.h";
    E_ACCESSDENIED = 0x80070005, "E_ACCESSDENIED.", "vss.h";
    E_OUTOFMEMORY = 0x8007000E, "E_OUTOFMEMORY.", "vss.h";
    E_INVALIDARG = 0x80070057, "E_INVALIDARG.", "vss.h";
    VSS_S_ASYNC_PENDING = 0x00042309, "VSS_S_ASYNC_PENDING.", "vss.h";
    VSS_S_ASYNC_FINISHED = 0x0004230A, "VSS_S_ASYNC_FINISHED.", "vss.h";
    VSS_S_ASYNC_CANCELLED = 0x0004230B, "VSS_S_ASYNC_CANCELLED.", "vss.h";
    VSS_S_SOME_SNAPSHOTS_NOT_IMPORTED = 0x00042321, "VSS_S_SOME_SNAPSHOTS_NOT_IMPORTED.", "vss.h";
    VSS_E_BAD_STATE = 0x80042301, "VSS_E_BAD_STATE.", "vss.h";
    VSS_E_UNEXPECTED = 0x80042302, "VSS_E_UNEXPECTED.", "vss.h";
    VSS_E_PROVIDER_ALREADY_REGISTERED = 0x80042303, "VSS_E_PROVIDER_ALREADY_REGISTERED.", "vss.h";
    VSS_E_PROVIDER_NOT_REGISTERED = 0x80042304, "VSS_E_PROVIDER_NOT_REGISTERED.", "vss.h";
    VSS_E_PROVIDER_VETO = 0x80042306, "VSS_E_PROVIDER_VETO.", "vss.h";
    VSS_E_PROVIDER_IN_USE = 0x80042307, "VSS_E_PROVIDER_IN_USE.", "vss.h";
    VSS_E_OBJECT_NOT_FOUND = 0x80042308, "VSS_E_OBJECT_NOT_FOUND.", "vss.h";
    VSS_E_VOLUME_NOT_SUPPORTED = 0x8004230C, "VSS_E_VOLUME_NOT_SUPPORTED.", "vss.h";
    VSS_E_OBJECT_ALREADY_EXISTS = 0x8004230D, "VSS_E_OBJECT_ALREADY_EXISTS.", "vss.h";
    VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER = 0x8004230E, "VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER.", "vss.h";
    VSS_E_UNEXPECTED_PROVIDER_ERROR = 0x8004230F, "VSS_E_UNEXPECTED_PROVIDER_ERROR.", "vss.h";
    VSS_E_CORRUPT_XML_DOCUMENT = 0x80042310, "VSS_E_CORRUPT_XML_DOCUMENT.", "vss.h";
    VSS_E_INVALID_XML_DOCUMENT = 0x80042311, "VSS_E_INVALID_XML_DOCUMENT.", "vss.h";
    VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED = 0x80042312, "VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED.", "vss.h";
    VSS_E_FLUSH_WRITES_TIMEOUT = 0x80042313, "VSS_E_FLUSH_WRITES_TIMEOUT.", "vss.h";
    VSS_E_HOLD_WRITES_TIMEOUT = 0x80042314, "VSS_E_HOLD_WRITES_TIMEOUT.", "vss.h";
    VSS_E_UNEXPECTED_WRITER_ERROR = 0x80042315, "VSS_E_UNEXPECTED_WRITER_ERROR.", "vss.h";
    VSS_E_SNAPSHOT_SET_IN_PROGRESS = 0x80042316, "VSS_E_SNAPSHOT_SET_IN_PROGRESS.", "vss.h";
    VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED = 0x80042317, "VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED.", "vss.h";
    VSS_E_WRITER_INFRASTRUCTURE = 0x80042318, "VSS_E_WRITER_INFRASTRUCTURE.", "vss.h";
    VSS_E_WRITER_NOT_RESPONDING = 0x80042319, "VSS_E_WRITER_NOT_RESPONDING.", "vss.h";
    VSS_E_WRITER_ALREADY_SUBSCRIBED = 0x8004231A, "VSS_E_WRITER_ALREADY_SUBSCRIBED.", "vss.h";
    VSS_E_UNSUPPORTED_CONTEXT = 0x8004231B, "VSS_E_UNSUPPORTED_CONTEXT.", "vss.h";
    VSS_E_VOLUME_IN_USE = 0x8004231D, "VSS_E_VOLUME_IN_USE.", "vss.h";
    VSS_E_MAXIMUM_DIFFAREA_ASSOCIATIONS_REACHED = 0x8004231E, "VSS_E_MAXIMUM_DIFFAREA_ASSOCIATIONS_REACHED.", "vss.h";
    VSS_E_INSUFFICIENT_STORAGE = 0x8004231F, "VSS_E_INSUFFICIENT_STORAGE.", "vss.h";
    VSS_E_NO_SNAPSHOTS_IMPORTED = 0x80042320, "VSS_E_NO_SNAPSHOTS_IMPORTED.", "vss.h";
    VSS_E_SOME_SNAPSHOTS_NOT_IMPORTED = 0x80042321, "VSS_E_SOME_SNAPSHOTS_NOT_IMPORTED.", "vss.h";
    VSS_E_MAXIMUM_NUMBER_OF_REMOTE_MACHINES_REACHED = 0x80042322, "VSS_E_MAXIMUM_NUMBER_OF_REMOTE_MACHINES_REACHED.", "vss.h";
    VSS_E_REMOTE_SERVER_UNAVAILABLE = 0x80042323, "VSS_E_REMOTE_SERVER_UNAVAILABLE.", "vss.h";
    VSS_E_REMOTE_SERVER_UNSUPPORTED = 0x80042324, "VSS_E_REMOTE_SERVER_UNSUPPORTED.", "vss.h";
    VSS_E_REVERT_IN_PROGRESS = 0x80042325, "VSS_E_REVERT_IN_PROGRESS.", "vss.h";
    VSS_E_REVERT_VOLUME_LOST = 0x80042326, "VSS_E_REVERT_VOLUME_LOST.", "vss.h";
    VSS_E_REBOOT_REQUIRED = 0x80042327, "VSS_E_REBOOT_REQUIRED.", "vss.h";
    VSS_E_TRANSACTION_FREEZE_TIMEOUT = 0x80042328, "VSS_E_TRANSACTION_FREEZE_TIMEOUT.", "vss.h";
    VSS_E_TRANSACTION_THAW_TIMEOUT = 0x80042329, "VSS_E_TRANSACTION_THAW_TIMEOUT.", "vss.h";
    VSS_E_UNSELECTED_VOLUME = 0x8004232A, "VSS_E_UNSELECTED_VOLUME.", "vss.h";
    VSS_E_SNAPSHOT_NOT_IN_SET = 0x8004232B, "VSS_E_SNAPSHOT_NOT_IN_SET.", "vss.h";
    VSS_E_NESTED_VOLUME_LIMIT = 0x8004232C, "VSS_E_NESTED_VOLUME_LIMIT.", "vss.h";
    VSS_E_VOLUME_NOT_LOCAL = 0x8004232D, "VSS_E_VOLUME_NOT_LOCAL.", "vss.h";
    VSS_E_CLUSTER_TIMEOUT = 0x8004232E, "VSS_E_CLUSTER_TIMEOUT.", "vss.h";
    VSS_E_NOT_SUPPORTED = 0x8004232F, "VSS_E_NOT_SUPPORTED.", "vss.h";
    VSS_E_WRITERERROR_PARTIAL_FAILURE = 0x80042336, "VSS_E_WRITERERROR_PARTIAL_FAILURE.", "vss.h";
    VSS_E_WRITERERROR_INCONSISTENTSNAPSHOT = 0x800423F0, "VSS_E_WRITERERROR_INCONSISTENTSNAPSHOT.", "vss.h";
    VSS_E_WRITERERROR_OUTOFRESOURCES = 0x800423F1, "VSS_E_WRITERERROR_OUTOFRESOURCES.", "vss.h";
    VSS_E_WRITERERROR_TIMEOUT = 0x800423F2, "VSS_E_WRITERERROR_TIMEOUT.", "vss.h";
    VSS_E_WRITERERROR_RETRYABLE = 0x800423F3, "VSS_E_WRITERERROR_RETRYABLE.", "vss.h";
    VSS_E_WRITERERROR_NONRETRYABLE = 0x800423F4, "VSS_E_WRITERERROR_NONRETRYABLE.", "vss.h";
    VSS_E_WRITERERROR_RECOVERY_FAILED = 0x800423F5, "VSS_E_WRITERERROR_RECOVERY_FAILED.", "vss.h";
    VSS_E_BREAK_REVERT_ID_FAILED = 0x800423F6, "VSS_E_BREAK_REVERT_ID_FAILED.", "vss.h";
    VSS_E_LEGACY_PROVIDER = 0x800423F7, "VSS_E_LEGACY_PROVIDER.", "vss.h";
    VSS_E_MISSING_DISK = 0x800423F8, "VSS_E_MISSING_DISK.", "vss.h";
    VSS_E_MISSING_HIDDEN_VOLUME = 0x800423F9, "VSS_E_MISSING_HIDDEN_VOLUME.", "vss.h";
    VSS_E_MISSING_VOLUME = 0x800423FA, "VSS_E_MISSING_VOLUME.", "vss.h";
    VSS_E_AUTORECOVERY_FAILED = 0x800423FB, "VSS_E_AUTORECOVERY_FAILED.", "vss.h";
    VSS_E_DYNAMIC_DISK_ERROR = 0x800423FC, "VSS_E_DYNAMIC_DISK_ERROR.", "vss.h";
    VSS_E_NONTRANSPORTABLE_BCD = 0x800423FD, "VSS_E_NONTRANSPORTABLE_BCD.", "vss.h";
    VSS_E_CANNOT_REVERT_DISKID = 0x800423FE, "VSS_E_CANNOT_REVERT_DISKID.", "vss.h";
    VSS_E_RESYNC_IN_PROGRESS = 0x800423FF, "VSS_E_RESYNC_IN_PROGRESS.", "vss.h";
    VSS_E_CLUSTER_ERROR = 0x80042400, "VSS_E_CLUSTER_ERROR.", "vss.h";
    VSS_E_ASRERROR_DISK_ASSIGNMENT_FAILED = 0x80042401, "VSS_E_ASRERROR_DISK_ASSIGNMENT_FAILED.", "vss.h";
    VSS_E_ASRERROR_DISK_RECREATION_FAILED = 0x80042402, "VSS_E_ASRERROR_DISK_RECREATION_FAILED.", "vss.h";
    VSS_E_ASRERROR_NO_ARCPATH = 0x80042403, "VSS_E_ASRERROR_NO_ARCPATH.", "vss.h";
    VSS_E_ASRERROR_MISSING_DYNDISK = 0x80042404, "VSS_E_ASRERROR_MISSING_DYNDISK.", "vss.h";
    VSS_E_ASRERROR_SHARED_CRIDISK = 0x80042405, "VSS_E_ASRERROR_SHARED_CRIDISK.", "vss.h";
    VSS_E_ASRERROR_DATADISK_RDISK0 = 0x80042406, "VSS_E_ASRERROR_DATADISK_RDISK0.", "vss.h";
    VSS_E_ASRERROR_RDISK0_TOOSMALL = 0x80042407, "VSS_E_ASRERROR_RDISK0_TOOSMALL.", "vss.h";
    VSS_E_ASRERROR_CRITICAL_DISKS_TOO_SMALL = 0x80042408, "VSS_E_ASRERROR_CRITICAL_DISKS_TOO_SMALL.", "vss.h";
    VSS_E_WRITER_STATUS_NOT_AVAILABLE = 0x80042409, "VSS_E_WRITER_STATUS_NOT_AVAILABLE.", "vss.h";
    VSS_E_ASRERROR_DYNAMIC_VHD_NOT_SUPPORTED = 0x8004240A, "VSS_E_ASRERROR_DYNAMIC_VHD_NOT_SUPPORTED.", "vss.h";
    VSS_E_CRITICAL_VOLUME_ON_INVALID_DISK = 0x80042411, "VSS_E_CRITICAL_VOLUME_ON_INVALID_DISK.", "vss.h";
    VSS_E_ASRERROR_RDISK_FOR_SYSTEM_DISK_NOT_FOUND = 0x80042412, "VSS_E_ASRERROR_RDISK_FOR_SYSTEM_DISK_NOT_FOUND.", "vss.h";
    VSS_E_ASRERROR_NO_PHYSICAL_DISK_AVAILABLE = 0x80042413, "VSS_E_ASRERROR_NO_PHYSICAL_DISK_AVAILABLE.", "vss.h";
    VSS_E_ASRERROR_FIXED_PHYSICAL_DISK_AVAILABLE_AFTER_DISK_EXCLUSION = 0x80042414, "VSS_E_ASRERROR_FIXED_PHYSICAL_DISK_AVAILABLE_AFTER_DISK_EXCLUSION.", "vss.h";
    VSS_E_ASRERROR_CRITICAL_DISK_CANNOT_BE_EXCLUDED = 0x80042415, "VSS_E_ASRERROR_CRITICAL_DISK_CANNOT_BE_EXCLUDED.", "vss.h";
    VSS_E_ASRERROR_SYSTEM_PARTITION_HIDDEN = 0x80042416, "VSS_E_ASRERROR_SYSTEM_PARTITION_HIDDEN.", "vss.h";
    VSS_E_FSS_TIMEOUT = 0x80042417, "VSS_E_FSS_TIMEOUT.", "vss.h";
}

impl HResult {
    /// Whether the code reports success (its severity bit is clear).
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 & 0x8000_0000 == 0
    }

    /// Whether the code reports failure.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !self.is_success()
    }

    /// What is known of this code.
    #[must_use]
    pub fn known(self) -> Option<&'static Known> {
        TABLE.iter().find(|known| known.code == self)
    }
}

/// The name, or the number in hexadecimal.
impl fmt::Display for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(known) => f.pad(known.name),
            None => f.pad(&format!("0x{:08X}", self.0)),
        }
    }
}

impl fmt::Debug for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text that names no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnHResult(pub String);

impl fmt::Display for NotAnHResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no known HRESULT; expected a name such as VSS_E_BAD_STATE or a number such as 0x80042301",
            self.0
        )
    }
}

impl std::error::Error for NotAnHResult {}

impl FromStr for HResult {
    type Err = NotAnHResult;

    fn from_str(text: &str) -> Result<HResult, NotAnHResult> {
        if let Some(known) = TABLE.iter().find(|known| known.name == text) {
            return Ok(known.code);
        }
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        digits
            .filter(|digits| digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .map(HResult)
            .ok_or_else(|| NotAnHResult(text.chars().take(80).collect()))
    }
}

impl Serialize for HResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.known() {
            Some(known) => serializer.serialize_str(known.name),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for HResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<HResult, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
