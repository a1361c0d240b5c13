//! The table of known codes: number, meaning in one sentence, source.
//!
//! The source is the page (MicrosoftDocs/sdk-api) that documents the code with the case in which it is returned, else
//! the header that defines it. Where several pages document a code, the most telling one is named.

use super::{HResult, Known};

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
    S_OK = 0x00000000, "The call succeeded.", "winerror.h";
    S_FALSE = 0x00000001,
        "The call succeeded, but there is less than was asked for, or nothing.",
        "nf-vss-ivssenumobject-next.md";
    E_NOTIMPL = 0x80004001,
        "This release of Windows, or the volume's provider, does not implement the operation.",
        "nf-vsbackup-ivssbackupcomponents-setcontext.md";
    E_NOINTERFACE = 0x80004002, "The object does not have the interface that was asked for.", "winerror.h";
    E_POINTER = 0x80004003, "A pointer that the call needs is NULL.", "nf-vss-ivssenumobject-clone.md";
    E_ABORT = 0x80004004, "The operation was broken off.", "winerror.h";
    E_FAIL = 0x80004005, "An internal error that is not described further.", "nf-vss-ivssenumobject-reset.md";
    E_UNEXPECTED = 0x8000FFFF,
        "An unexpected failure, as releases before Windows 7 report it.",
        "nf-vsadmin-ivssadmin-queryproviders.md";
    E_ACCESSDENIED = 0x80070005,
        "The caller is no administrator and lacks backup privileges.",
        "nf-vsbackup-createvssbackupcomponents.md";
    E_OUTOFMEMORY = 0x8007000E,
        "Memory or another system resource is exhausted.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    E_INVALIDARG = 0x80070057,
        "A parameter value is not valid.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    VSS_S_ASYNC_PENDING = 0x00042309, "The asynchronous operation is still running.", "nf-vss-ivssasync-querystatus.md";
    VSS_S_ASYNC_FINISHED = 0x0004230A,
        "The asynchronous operation has finished successfully.",
        "nf-vss-ivssasync-querystatus.md";
    VSS_S_ASYNC_CANCELLED = 0x0004230B, "The asynchronous operation was cancelled.", "nf-vss-ivssasync-querystatus.md";
    VSS_S_SOME_SNAPSHOTS_NOT_IMPORTED = 0x00042321,
        "The import succeeded for some shadow copies of the set, not for all.",
        "vsserror.h";
    VSS_E_BAD_STATE = 0x80042301,
        "The object is not initialised, or the call is out of its order.",
        "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md";
    VSS_E_UNEXPECTED = 0x80042302,
        "An unexpected failure, which VSS has written to the event log.",
        "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md";
    VSS_E_PROVIDER_ALREADY_REGISTERED = 0x80042303,
        "The provider is already registered on this computer.",
        "nf-vsadmin-ivssadmin-registerprovider.md";
    VSS_E_PROVIDER_NOT_REGISTERED = 0x80042304,
        "No provider with that id is registered.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    VSS_E_PROVIDER_VETO = 0x80042306,
        "A provider failed for a reason that it has written to the event log.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    VSS_E_PROVIDER_IN_USE = 0x80042307,
        "The provider is in use and cannot be unregistered.",
        "nf-vsadmin-ivssadmin-unregisterprovider.md";
    VSS_E_OBJECT_NOT_FOUND = 0x80042308,
        "The volume, shadow copy, component or other thing that was named does not exist.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    VSS_E_VOLUME_NOT_SUPPORTED = 0x8004230C,
        "No provider supports the operation on this volume.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    VSS_E_OBJECT_ALREADY_EXISTS = 0x8004230D,
        "A thing with this identity exists already.",
        "nf-vsbackup-ivssbackupcomponents-addcomponent.md";
    VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER = 0x8004230E,
        "The provider that was named does not support this volume.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    VSS_E_UNEXPECTED_PROVIDER_ERROR = 0x8004230F,
        "A provider returned a code that it may not return.",
        "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md";
    VSS_E_CORRUPT_XML_DOCUMENT = 0x80042310,
        "The document is not valid XML; VSS_E_INVALID_XML_DOCUMENT has taken the place of this code.",
        "vsserror.h";
    VSS_E_INVALID_XML_DOCUMENT = 0x80042311,
        "The document is not well-formed XML or does not follow the schema.",
        "nf-vsbackup-createvssexaminewritermetadata.md";
    VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED = 0x80042312,
        "The shadow copy set holds as many volumes as it may.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    VSS_E_FLUSH_WRITES_TIMEOUT = 0x80042313,
        "Writes to a volume could not be flushed in time.",
        "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md";
    VSS_E_HOLD_WRITES_TIMEOUT = 0x80042314,
        "Writes to a volume could not be held long enough.",
        "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md";
    VSS_E_UNEXPECTED_WRITER_ERROR = 0x80042315,
        "Sending an event to the writers failed unexpectedly.",
        "nf-vsbackup-ivssbackupcomponents-backupcomplete.md";
    VSS_E_SNAPSHOT_SET_IN_PROGRESS = 0x80042316,
        "Another shadow copy set is being created.",
        "nf-vsbackup-ivssbackupcomponents-startsnapshotset.md";
    VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED = 0x80042317,
        "The volume has as many shadow copies as it may.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    VSS_E_WRITER_INFRASTRUCTURE = 0x80042318,
        "Writers cannot be reached; the event service or VSS does not run properly.",
        "nf-vsbackup-ivssbackupcomponents-gatherwritermetadata.md";
    VSS_E_WRITER_NOT_RESPONDING = 0x80042319,
        "A writer does not answer; VSS reports this in the writer's place.",
        "nf-vsbackup-ivssbackupcomponents-getwriterstatus.md";
    VSS_E_WRITER_ALREADY_SUBSCRIBED = 0x8004231A,
        "The writer has subscribed before.",
        "nf-vswriter-cvsswriter-subscribe.md";
    VSS_E_UNSUPPORTED_CONTEXT = 0x8004231B,
        "The shadow copy context is not supported for this operation.",
        "nf-vsprov-ivsssoftwaresnapshotprovider-beginpreparesnapshot.md";
    VSS_E_VOLUME_IN_USE = 0x8004231D,
        "The volume could not be locked, or a shadow copy uses its storage area.",
        "nf-vsbackup-ivssbackupcomponents-reverttosnapshot.md";
    VSS_E_MAXIMUM_DIFFAREA_ASSOCIATIONS_REACHED = 0x8004231E,
        "The volume has as many storage areas as it may.",
        "nf-vsmgmt-ivssdifferentialsoftwaresnapshotmgmt-adddiffarea.md";
    VSS_E_INSUFFICIENT_STORAGE = 0x8004231F,
        "There is not enough disk space for the shadow copy.",
        "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md";
    VSS_E_NO_SNAPSHOTS_IMPORTED = 0x80042320, "No shadow copy of the set could be imported.", "vsserror.h";
    VSS_E_SOME_SNAPSHOTS_NOT_IMPORTED = 0x80042321,
        "Some shadow copies of the set could not be imported.",
        "vsserror.h";
    VSS_E_MAXIMUM_NUMBER_OF_REMOTE_MACHINES_REACHED = 0x80042322,
        "The operation involves as many remote computers as it may.",
        "vsserror.h";
    VSS_E_REMOTE_SERVER_UNAVAILABLE = 0x80042323, "The remote computer cannot be reached.", "vsserror.h";
    VSS_E_REMOTE_SERVER_UNSUPPORTED = 0x80042324,
        "VSS on the remote computer cannot create shadow copies remotely.",
        "vsserror.h";
    VSS_E_REVERT_IN_PROGRESS = 0x80042325,
        "A revert of this volume is already running.",
        "nf-vsbackup-ivssbackupcomponents-reverttosnapshot.md";
    VSS_E_REVERT_VOLUME_LOST = 0x80042326, "The volume went away while it was being reverted.", "vsserror.h";
    VSS_E_REBOOT_REQUIRED = 0x80042327,
        "The provider met an error that needs a restart of the computer.",
        "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md";
    VSS_E_TRANSACTION_FREEZE_TIMEOUT = 0x80042328,
        "The transaction managers could not be frozen in time.",
        "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md";
    VSS_E_TRANSACTION_THAW_TIMEOUT = 0x80042329,
        "The transaction managers could not be thawed in time.",
        "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md";
    VSS_E_UNSELECTED_VOLUME = 0x8004232A,
        "The operation would overwrite a volume that was not explicitly included.",
        "nf-vsbackup-ivssbackupcomponentsex3-recoverset.md";
    VSS_E_SNAPSHOT_NOT_IN_SET = 0x8004232B,
        "The shadow copy is not in the Backup Components Document.",
        "nf-vsbackup-ivssbackupcomponentsex3-addsnapshottorecoveryset.md";
    VSS_E_NESTED_VOLUME_LIMIT = 0x8004232C,
        "The volume lies too many virtual disks deep.",
        "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md";
    VSS_E_VOLUME_NOT_LOCAL = 0x8004232D, "The volume is not mounted on this computer.", "vsserror.h";
    VSS_E_CLUSTER_TIMEOUT = 0x8004232E, "A cluster shared volume could not be made ready in time.", "vsserror.h";
    VSS_E_NOT_SUPPORTED = 0x8004232F,
        "The call is not supported for this writer.",
        "nf-vswriter-ivsscreatewritermetadata-setbackupschema.md";
    VSS_E_WRITERERROR_PARTIAL_FAILURE = 0x80042336,
        "The writer failed for some of its components, and reports for each which.",
        "nf-vswriter-cvsswriterex2-setwriterfailureex.md";
    VSS_E_WRITERERROR_INCONSISTENTSNAPSHOT = 0x800423F0,
        "The shadow copy set lacks volumes that the writer needs.",
        "nf-vsbackup-ivssbackupcomponents-getwriterstatus.md";
    VSS_E_WRITERERROR_OUTOFRESOURCES = 0x800423F1,
        "The writer ran out of memory or other resources.",
        "nf-vsbackup-ivssbackupcomponents-getwriterstatus.md";
    VSS_E_WRITERERROR_TIMEOUT = 0x800423F2,
        "More time passed between Freeze and Thaw than the writer allows.",
        "nf-vsbackup-ivssbackupcomponents-getwriterstatus.md";
    VSS_E_WRITERERROR_RETRYABLE = 0x800423F3,
        "The writer failed for a reason that will probably not recur.",
        "nf-vsbackup-ivssbackupcomponents-getwriterstatus.md";
    VSS_E_WRITERERROR_NONRETRYABLE = 0x800423F4,
        "The writer failed for a reason that will probably recur.",
        "nf-vsbackup-ivssbackupcomponents-getwriterstatus.md";
    VSS_E_WRITERERROR_RECOVERY_FAILED = 0x800423F5,
        "The writer could not recover its data in the shadow copy.",
        "vsserror.h";
    VSS_E_BREAK_REVERT_ID_FAILED = 0x800423F6,
        "The break could not give a LUN the disk or partition id of its original.",
        "nf-vsbackup-ivssbackupcomponentsex2-breaksnapshotsetex.md";
    VSS_E_LEGACY_PROVIDER = 0x800423F7,
        "The hardware provider is of a version without this operation.",
        "nf-vsbackup-ivssbackupcomponentsex3-addsnapshottorecoveryset.md";
    VSS_E_MISSING_DISK = 0x800423F8, "A disk that was expected did not arrive in the system.", "vsserror.h";
    VSS_E_MISSING_HIDDEN_VOLUME = 0x800423F9,
        "A hidden volume that was expected did not arrive in the system.",
        "vsserror.h";
    VSS_E_MISSING_VOLUME = 0x800423FA, "A volume that was expected did not arrive in the system.", "vsserror.h";
    VSS_E_AUTORECOVERY_FAILED = 0x800423FB, "Auto-recovery of the shadow copy did not complete.", "vsserror.h";
    VSS_E_DYNAMIC_DISK_ERROR = 0x800423FC, "The dynamic disks involved could not be handled.", "vsserror.h";
    VSS_E_NONTRANSPORTABLE_BCD = 0x800423FD,
        "The Backup Components Document does not describe a transportable shadow copy.",
        "vsserror.h";
    VSS_E_CANNOT_REVERT_DISKID = 0x800423FE,
        "The MBR signature or GPT id of a disk could not be set as intended.",
        "nf-vsbackup-ivssbackupcomponentsex3-recoverset.md";
    VSS_E_RESYNC_IN_PROGRESS = 0x800423FF,
        "Another LUN resynchronisation is running.",
        "nf-vsbackup-ivssbackupcomponentsex3-addsnapshottorecoveryset.md";
    VSS_E_CLUSTER_ERROR = 0x80042400,
        "The disks of the cluster could not be listed or put into maintenance mode.",
        "vsserror.h";
    VSS_E_ASRERROR_DISK_ASSIGNMENT_FAILED = 0x80042401,
        "ASR found too few disks, or too small ones, for those of the backup.",
        "vsserror.h";
    VSS_E_ASRERROR_DISK_RECREATION_FAILED = 0x80042402,
        "ASR could not create a disk that the restore needs.",
        "vsserror.h";
    VSS_E_ASRERROR_NO_ARCPATH = 0x80042403,
        "ASR needs a restart of the computer before a disk is ready for the restore.",
        "vsserror.h";
    VSS_E_ASRERROR_MISSING_DYNDISK = 0x80042404, "ASR misses a disk of a dynamic volume.", "vsserror.h";
    VSS_E_ASRERROR_SHARED_CRIDISK = 0x80042405,
        "A critical volume lies on a disk shared by a cluster, which ASR does not support.",
        "vsserror.h";
    VSS_E_ASRERROR_DATADISK_RDISK0 = 0x80042406,
        "The disk that the firmware starts from is a data disk of the backup.",
        "vsserror.h";
    VSS_E_ASRERROR_RDISK0_TOOSMALL = 0x80042407,
        "The disk that the firmware starts from is too small for the original system disk.",
        "vsserror.h";
    VSS_E_ASRERROR_CRITICAL_DISKS_TOO_SMALL = 0x80042408,
        "ASR found too few disks of sufficient size for the critical disks.",
        "vsserror.h";
    VSS_E_WRITER_STATUS_NOT_AVAILABLE = 0x80042409,
        "The status of a writer is missing, for instance because its sessions are used up.",
        "nf-vsbackup-ivssbackupcomponents-getwriterstatus.md";
    VSS_E_ASRERROR_DYNAMIC_VHD_NOT_SUPPORTED = 0x8004240A,
        "A critical dynamic disk is a virtual hard disk, which ASR does not support.",
        "vsserror.h";
    VSS_E_CRITICAL_VOLUME_ON_INVALID_DISK = 0x80042411,
        "A critical volume lies on a disk that ASR cannot back up.",
        "vsserror.h";
    VSS_E_ASRERROR_RDISK_FOR_SYSTEM_DISK_NOT_FOUND = 0x80042412,
        "ASR found no disk on which the system disk could be recovered.",
        "vsserror.h";
    VSS_E_ASRERROR_NO_PHYSICAL_DISK_AVAILABLE = 0x80042413,
        "ASR found no fixed disk on which volumes could be recreated.",
        "vsserror.h";
    VSS_E_ASRERROR_FIXED_PHYSICAL_DISK_AVAILABLE_AFTER_DISK_EXCLUSION = 0x80042414,
        "After the exclusions ASR has no disk left on which volumes could be recreated.",
        "vsserror.h";
    VSS_E_ASRERROR_CRITICAL_DISK_CANNOT_BE_EXCLUDED = 0x80042415,
        "A disk that holds a critical volume cannot be excluded.",
        "vsserror.h";
    VSS_E_ASRERROR_SYSTEM_PARTITION_HIDDEN = 0x80042416,
        "The system partition is hidden, which ASR does not support.",
        "vsserror.h";
    VSS_E_FSS_TIMEOUT = 0x80042417, "An operation on shadow copies of file shares took too long.", "vsserror.h";
}
