//! The releases of Windows, and the one place for what changed between them.
//!
//! A name stands for the release with its last service pack (Windows Vista is Vista SP2), because the pages speak of
//! attributes that came with a service pack as present (CTX-022). Editions are not told apart.
//!
//! Source of each change: the notes in brackets on the API pages (MicrosoftDocs/sdk-api), named at each function.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::context::Attributes;
use crate::documents::{BackupSchema, ComponentFlags};
use crate::hresult::HResult;

/// Declares the releases, oldest first: variant, display name, generation, other spellings.
macro_rules! releases {
    ($($variant:ident = $name:literal, $generation:ident, $($short:literal)|+;)*) => {
        /// A release of Windows. Older releases are less than newer ones.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Release { $(#[doc = $name] $variant,)* }

        impl Release {
            /// Every release, oldest first.
            pub const ALL: &'static [Release] = &[$(Release::$variant),*];

            /// The name that Microsoft gives it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Release::$variant => $name),* }
            }

            /// The generation of the system: a client release and the server release made from it share one.
            #[must_use]
            pub const fn generation(self) -> Generation {
                match self { $(Release::$variant => Generation::$generation),* }
            }

            /// The release that a name without blanks and without `windows` means.
            fn from_short(text: &str) -> Option<Release> {
                match text { $($($short)|+ => Some(Release::$variant),)* _ => None }
            }
        }
    };
}

releases! {
    WindowsXp = "Windows XP", Xp, "xp";
    Server2003 = "Windows Server 2003", Server2003, "server2003" | "2003";
    Vista = "Windows Vista", Vista, "vista";
    Server2008 = "Windows Server 2008", Vista, "server2008" | "2008";
    Windows7 = "Windows 7", Seven, "7";
    Server2008R2 = "Windows Server 2008 R2", Seven, "server2008r2" | "2008r2";
    Windows8 = "Windows 8", Eight, "8";
    Server2012 = "Windows Server 2012", Eight, "server2012" | "2012";
    Windows8Dot1 = "Windows 8.1", EightDotOne, "8.1";
    Server2012R2 = "Windows Server 2012 R2", EightDotOne, "server2012r2" | "2012r2";
    Windows10 = "Windows 10", Ten, "10";
    Server2016 = "Windows Server 2016", Ten, "server2016" | "2016";
    Server2019 = "Windows Server 2019", Ten, "server2019" | "2019";
    Server2022 = "Windows Server 2022", Ten, "server2022" | "2022";
    Windows11 = "Windows 11", Ten, "11";
    Server2025 = "Windows Server 2025", Ten, "server2025" | "2025";
}

/// A generation of Windows: what the pages mean by "Windows 7 and Windows Server 2008 R2".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Generation {
    /// Windows XP.
    Xp,
    /// Windows Server 2003.
    Server2003,
    /// Windows Vista and Windows Server 2008.
    Vista,
    /// Windows 7 and Windows Server 2008 R2.
    Seven,
    /// Windows 8 and Windows Server 2012.
    Eight,
    /// Windows 8.1 and Windows Server 2012 R2.
    EightDotOne,
    /// Windows 10, Windows Server 2016 and everything later.
    Ten,
}

/// What changed between releases. A question is answered for the release it is asked of.
impl Release {
    fn from(self, generation: Generation) -> bool {
        self.generation() >= generation
    }

    /// The code for an unexpected failure: `E_UNEXPECTED` before Windows 7, `VSS_E_UNEXPECTED` since (the note on
    /// nearly every page, for one nf-vsbackup-ivssbackupcomponents-dosnapshotset.md).
    #[must_use]
    pub fn unexpected_code(self) -> HResult {
        if self.from(Generation::Seven) { HResult::VSS_E_UNEXPECTED } else { HResult::E_UNEXPECTED }
    }

    /// Whether `SetContext` is implemented. Windows XP knows `VSS_CTX_BACKUP` alone and answers `E_NOTIMPL`
    /// (nf-vsbackup-ivssbackupcomponents-setcontext.md, ne-vss-vss_snapshot_context.md).
    #[must_use]
    pub fn has_set_context(self) -> bool {
        self.from(Generation::Server2003)
    }

    /// Whether there are contexts for rollback, `VSS_CTX_APP_ROLLBACK` and `VSS_CTX_NAS_ROLLBACK`: everywhere but on
    /// Windows XP (ne-vss-vss_snapshot_context.md).
    #[must_use]
    pub fn has_application_rollback(self) -> bool {
        self.has_set_context()
    }

    /// Whether `VSS_CTX_CLIENT_ACCESSIBLE_WRITERS` exists: since Windows Vista (ne-vss-vss_snapshot_context.md).
    #[must_use]
    pub fn has_client_accessible_writers(self) -> bool {
        self.from(Generation::Vista)
    }

    /// Whether the registry key FilesNotToSnapshot counts: since Windows Vista (registry-keys-for-backup-and-restore.md).
    #[must_use]
    pub fn has_files_not_to_snapshot(self) -> bool {
        self.from(Generation::Vista)
    }

    /// The attributes that a requester may put into a context on this release: `NO_AUTORECOVERY` and `NOT_TRANSACTED`
    /// since Windows Vista (CTX-023), `TXF_RECOVERY` since Windows Server 2008 and Vista SP1 (CTX-022), none on Windows
    /// XP.
    #[must_use]
    pub fn context_attributes(self) -> Attributes {
        let since_2003 = Attributes::TRANSPORTABLE
            .with(Attributes::DIFFERENTIAL)
            .with(Attributes::PLEX)
            .with(Attributes::ROLLBACK_RECOVERY);
        if self.from(Generation::Vista) {
            since_2003.with(Attributes::NO_AUTORECOVERY).with(Attributes::NOT_TRANSACTED).with(Attributes::TXF_RECOVERY)
        } else if self.has_set_context() {
            since_2003
        } else {
            Attributes::NONE
        }
    }

    /// Whether it is a release for servers.
    #[must_use]
    pub fn is_server(self) -> bool {
        matches!(
            self,
            Release::Server2003
                | Release::Server2008
                | Release::Server2008R2
                | Release::Server2012
                | Release::Server2012R2
                | Release::Server2016
                | Release::Server2019
                | Release::Server2022
                | Release::Server2025
        )
    }

    /// Whether a volume can be reverted to a shadow copy: on servers since Windows Server 2003, as the page says that
    /// names the method (nf-vsbackup-ivssbackupcomponents-reverttosnapshot.md). See docs/choices.md, C-19.
    #[must_use]
    pub fn reverts(self) -> bool {
        self.is_server()
    }

    /// Whether transaction managers (KTM, DTC) are frozen, with the time-out codes of it: since Windows Vista
    /// (nf-vsbackup-ivssbackupcomponents-dosnapshotset.md).
    #[must_use]
    pub fn freezes_transactions(self) -> bool {
        self.from(Generation::Vista)
    }

    /// Whether `DoSnapshotSet` may answer `VSS_E_REBOOT_REQUIRED`: since Windows Vista
    /// (nf-vsbackup-ivssbackupcomponents-dosnapshotset.md).
    #[must_use]
    pub fn has_reboot_required(self) -> bool {
        self.from(Generation::Vista)
    }

    /// Whether a writer's session ends only with a `GatherWriterStatus` after `BackupComplete`: up to Windows Server
    /// 2008 SP2 (BKP-ORD-041).
    #[must_use]
    pub fn status_after_backup_complete_mandatory(self) -> bool {
        !self.from(Generation::Seven)
    }

    /// Whether `GetWriterStatus` may report `VSS_E_WRITER_STATUS_NOT_AVAILABLE`: since Windows Server 2008
    /// (nf-vsbackup-ivssbackupcomponents-getwriterstatus.md).
    #[must_use]
    pub fn has_writer_status_not_available(self) -> bool {
        self.from(Generation::Vista)
    }

    /// Whether `IVssAsync::Wait` takes a time other than `INFINITE`. Windows Server 2003 answers `E_INVALIDARG` to one,
    /// and on Windows XP there is no such parameter (nf-vss-ivssasync-wait.md).
    #[must_use]
    pub fn waits_with_time_limit(self) -> bool {
        self.from(Generation::Vista)
    }

    /// Whether volumes on virtual disks take part, with `VSS_E_NESTED_VOLUME_LIMIT` for those nested too deeply: since
    /// Windows 7 (nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md).
    #[must_use]
    pub fn has_virtual_disks(self) -> bool {
        self.from(Generation::Seven)
    }

    /// Whether a remote file share can be added to a set: since Windows 8
    /// (nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md).
    #[must_use]
    pub fn has_remote_file_shares(self) -> bool {
        self.from(Generation::Eight)
    }

    /// How many shadow copies of a volume the system provider keeps: 512 (LIM-002), on Windows XP one. A program that left
    /// a copy behind there was refused the next one by AddToSnapshotSet (recorded).
    #[must_use]
    pub fn most_copies_of_a_volume(self) -> usize {
        if self.has_set_context() { 512 } else { 1 }
    }

    /// The least size of a diff area in bytes, for a volume of so many bytes, where the registry value
    /// `MinDiffAreaFileSize` does not say otherwise: 32 MB for volumes below 500 MB and 320 MB for others; 300 MB on Windows
    /// Vista and Windows Server 2008, 100 MB on Windows Server 2003 (registry-keys-for-backup-and-restore.md). The page
    /// gives none for Windows XP; there it is that of Windows Server 2003.
    #[must_use]
    pub fn least_diff_area(self, volume: u64) -> u64 {
        let megabytes = match self.generation() {
            Generation::Xp | Generation::Server2003 => 100,
            Generation::Vista => 300,
            _ if volume < 500 << 20 => 32,
            _ => 320,
        };
        megabytes << 20
    }

    /// What the registry value `MinDiffAreaFileSize` does, in megabytes. Since Windows 7 it is rounded up to a multiple of
    /// 32; before, it has to be a multiple of 300 from 300 to 3000 (registry-keys-for-backup-and-restore.md).
    ///
    /// # Errors
    /// What a value may be, when it is none.
    pub fn least_diff_area_set(self, megabytes: u32) -> Result<u64, &'static str> {
        if self.from(Generation::Seven) {
            return Ok(u64::from(megabytes.max(1)).next_multiple_of(32) << 20);
        }
        if !self.has_set_context() {
            return Err("nothing: Windows XP does not support the value");
        }
        let good = (300..=3000).contains(&megabytes) && megabytes.is_multiple_of(300);
        if good { Ok(u64::from(megabytes) << 20) } else { Err("a multiple of 300 from 300 to 3000") }
    }

    /// Whether BackupShutdown is raised: since Windows Server 2003 (SHUT-007, nf-vswriter-cvsswriter-onbackupshutdown.md).
    #[must_use]
    pub fn has_backup_shutdown(self) -> bool {
        self.from(Generation::Server2003)
    }

    /// Whether of several writers of one class only one gets the events of a restore (VER-012,
    /// restrictions-in-the-current-release-of-vss.md).
    #[must_use]
    pub fn restores_one_instance(self) -> bool {
        self == Release::Server2003
    }

    /// Whether the files of digital rights management are kept out of backups: since Windows Server 2008 (SYS-018).
    #[must_use]
    pub fn leaves_out_drm(self) -> bool {
        self.from(Generation::Vista)
    }

    /// Whether a call can be made: the release has the interface, and the interface the method there. The pages of sdk-api
    /// name the first release of each; a release stands for its last service pack.
    ///
    /// # Errors
    /// `E_NOINTERFACE` where QueryInterface finds no such interface, `E_NOTIMPL` where the interface has nothing behind the method.
    pub fn has_method(self, interface: &str, method: &str) -> Result<(), HResult> {
        let since = match interface {
            "IVssBackupComponentsEx4" => Generation::Eight,
            "IVssBackupComponentsEx3"
            | "IVssComponentEx2"
            | "CVssWriterEx2"
            | "IVssExpressWriter"
            | "IVssCreateExpressWriterMetadata" => Generation::Seven,
            "IVssBackupComponentsEx2"
            | "IVssComponentEx"
            | "CVssWriterEx"
            | "IVssCreateWriterMetadataEx"
            | "IVssExamineWriterMetadataEx2" => Generation::Vista,
            "IVssBackupComponentsEx" | "IVssExamineWriterMetadataEx" | "IVssWMDependency" => Generation::Server2003,
            _ => Generation::Xp,
        };
        if !self.from(since) {
            return Err(HResult::E_NOINTERFACE);
        }
        let since = match method {
            "CreateVssExpressWriter" | "CreateVssExpressWriterInternal" => Generation::Seven,
            "AddNewTarget"
            | "ExposeSnapshot"
            | "SetRangesFilePath"
            | "SetRestoreState"
            | "ImportSnapshots"
            | "QueryRevertStatus"
            | "RevertToSnapshot"
            | "ShouldBlockRevert"
            | "GetBackupSchema"
            | "GetDependency"
            | "GetBackupTypeMask"
            | "GetContext"
            | "GetRestoreType"
            | "GetSnapshotDeviceName"
            | "AddDifferencedFilesByLastModifyTime"
            | "GetDifferencedFile"
            | "GetDifferencedFilesCount"
            | "AddComponentDependency"
            | "OnBackupShutdown"
            | "SetBackupSchema" => Generation::Server2003,
            _ => Generation::Xp,
        };
        if self.from(since) { Ok(()) } else { Err(HResult::E_NOTIMPL) }
    }

    /// The schemas that a writer may have: those for independent system state, roll-forward, renaming and parallel restores came with
    /// Windows Vista (VER-011, BKP-TYPE-034; the last with its SP1, which is the Windows Vista here), all others with Windows Server 2003 and its service packs.
    #[must_use]
    pub fn backup_schemas(self) -> BackupSchema {
        let since_vista = [
            BackupSchema::INDEPENDENT_SYSTEM_STATE,
            BackupSchema::ROLLFORWARD_RESTORE,
            BackupSchema::RESTORE_RENAME,
            BackupSchema::AUTHORITATIVE_RESTORE,
            BackupSchema::WRITER_SUPPORTS_PARALLEL_RESTORES,
        ];
        let newer = since_vista.iter().fold(0, |bits, schema| bits | schema.0);
        match self.generation() {
            Generation::Xp => BackupSchema(0),
            Generation::Server2003 => BackupSchema(!newer),
            _ => BackupSchema(u32::MAX),
        }
    }

    /// The flags that a component may have: those for auto-recovery came with Windows Server 2003 SP1, all others with Windows Vista
    /// (ne-vswriter-vss_component_flags.md).
    #[must_use]
    pub fn component_flags(self) -> ComponentFlags {
        match self.generation() {
            Generation::Xp => ComponentFlags(0),
            Generation::Server2003 => {
                ComponentFlags(ComponentFlags::BACKUP_RECOVERY.0 | ComponentFlags::APP_ROLLBACK_RECOVERY.0)
            }
            _ => ComponentFlags(u32::MAX),
        }
    }

    /// Whether components may depend on those of other writers, also on other computers: since Windows Server 2003, the latter
    /// since its SP1 (VER-014, nf-vswriter-ivsscreatewritermetadata-addcomponentdependency.md).
    #[must_use]
    pub fn has_component_dependencies(self) -> bool {
        self.from(Generation::Server2003)
    }

    /// Whether entries of the event log carry the operation and its context: since Windows Vista (LOG-003).
    #[must_use]
    pub fn logs_context(self) -> bool {
        self.from(Generation::Vista)
    }
}

/// The name that Microsoft gives it.
impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no known release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotARelease(pub String);

impl fmt::Display for NotARelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no known release of Windows; known are ", self.0)?;
        for (at, release) in Release::ALL.iter().enumerate() {
            write!(f, "{}{release}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for NotARelease {}

/// Reads a name in any case, with or without `Microsoft`, `Windows` and blanks: `Windows Server 2022`, `server 2022`,
/// `2022`.
impl FromStr for Release {
    type Err = NotARelease;

    fn from_str(text: &str) -> Result<Release, NotARelease> {
        let refuse = || NotARelease(text.chars().take(80).collect());
        // No name is longer; so a long foreign text is not copied.
        if text.len() > 80 {
            return Err(refuse());
        }
        let squeezed: String =
            text.chars().filter(|c| !matches!(c, ' ' | '\t' | '-' | '_')).map(|c| c.to_ascii_lowercase()).collect();
        let short = squeezed.strip_prefix("microsoft").unwrap_or(&squeezed);
        let short = short.strip_prefix("windows").unwrap_or(short);
        Release::from_short(short).ok_or_else(refuse)
    }
}

impl Serialize for Release {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Release {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Release, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_release_has_fewer_interfaces_methods_and_schemas() {
        let answer = |release: Release, interface, method| release.has_method(interface, method);
        assert_eq!(answer(Release::WindowsXp, "CVssWriter", "GetContext"), Err(HResult::E_NOTIMPL));
        assert_eq!(answer(Release::Server2003, "CVssWriter", "GetContext"), Ok(()));
        assert_eq!(answer(Release::WindowsXp, "CVssWriter", "OnBackupShutdown"), Err(HResult::E_NOTIMPL));
        assert_eq!(answer(Release::Server2003, "CVssWriter", "OnBackupShutdown"), Ok(()));
        assert_eq!(answer(Release::Server2003, "IVssComponentEx", "GetRollForward"), Err(HResult::E_NOINTERFACE));
        assert_eq!(
            answer(Release::Server2008R2, "IVssBackupComponentsEx4", "GetRootAndLogicalPrefixPaths"),
            Err(HResult::E_NOINTERFACE)
        );
        assert_eq!(answer(Release::Windows8, "IVssBackupComponentsEx4", "GetRootAndLogicalPrefixPaths"), Ok(()));
        assert_eq!(Release::Server2003.backup_schemas().0 & 0x7600, 0x200);
        assert_eq!(Release::Vista.backup_schemas().0 & 0x7600, 0x7600);
        let flags = |release: Release| release.component_flags().0 & 7;
        assert_eq!((flags(Release::WindowsXp), flags(Release::Server2003), flags(Release::Vista)), (0, 3, 7));
        let depends = |release: Release| release.has_component_dependencies();
        assert!(!depends(Release::WindowsXp) && depends(Release::Server2003));
        assert_eq!(Release::WindowsXp.backup_schemas().0, 0);
        assert!(!Release::WindowsXp.has_backup_shutdown() && Release::Server2003.has_backup_shutdown());
    }

    #[test]
    fn the_least_size_of_a_diff_area_is_that_of_the_registry_page() {
        const MEGABYTE: u64 = 1 << 20;
        let least = |release: Release, volume: u64| release.least_diff_area(volume * MEGABYTE) / MEGABYTE;
        assert_eq!((least(Release::Server2022, 499), least(Release::Server2022, 501)), (32, 320));
        assert_eq!((least(Release::Server2008, 499), least(Release::Server2003, 501)), (300, 100));
        let set = |release: Release, megabytes| release.least_diff_area_set(megabytes).map(|bytes| bytes / MEGABYTE);
        assert_eq!((set(Release::Windows7, 320), set(Release::Windows7, 321)), (Ok(320), Ok(352)));
        assert_eq!((set(Release::Vista, 600), set(Release::Vista, 320).is_err()), (Ok(600), true));
        assert!(set(Release::Server2003, 3300).is_err() && set(Release::WindowsXp, 300).is_err());
    }

    #[test]
    fn every_name_reads_back_in_any_case_and_without_windows() {
        for release in Release::ALL {
            let name = release.name();
            assert_eq!(name.parse(), Ok(*release));
            assert_eq!(name.to_lowercase().parse(), Ok(*release));
            assert_eq!(name.trim_start_matches("Windows ").parse(), Ok(*release), "{name}");
            let json = serde_json::to_string(release).unwrap();
            assert_eq!(serde_json::from_str::<Release>(&json).unwrap(), *release);
        }
        assert_eq!("2022".parse(), Ok(Release::Server2022));
        assert_eq!("Microsoft Windows Server 2008R2".parse(), Ok(Release::Server2008R2));
    }

    #[test]
    fn an_unknown_release_is_refused_with_the_known_ones() {
        for text in ["", "windows", "Windows 9", "2021", "server", &"7".repeat(1000)] {
            assert!(text.parse::<Release>().is_err(), "{text}");
        }
        let told = "Windows 9".parse::<Release>().unwrap_err().to_string();
        assert!(told.contains("`Windows 9`") && told.contains("Windows Server 2025"), "{told}");
    }

    #[test]
    fn releases_and_their_generations_are_in_the_same_order() {
        assert!(Release::ALL.windows(2).all(|pair| pair[0] < pair[1] && pair[0].generation() <= pair[1].generation()));
    }

    #[test]
    fn an_unexpected_failure_has_its_own_code_since_windows_7() {
        assert_eq!(Release::Server2008.unexpected_code(), HResult::E_UNEXPECTED);
        assert_eq!(Release::Windows7.unexpected_code(), HResult::VSS_E_UNEXPECTED);
        assert_eq!(Release::Server2008R2.unexpected_code(), HResult::VSS_E_UNEXPECTED);
    }

    #[test]
    fn the_status_check_after_backup_complete_is_needed_up_to_server_2008() {
        assert!(Release::Server2008.status_after_backup_complete_mandatory());
        assert!(!Release::Server2008R2.status_after_backup_complete_mandatory());
    }

    #[test]
    fn transactions_are_frozen_since_vista() {
        assert!(!Release::Server2003.freezes_transactions());
        assert!(Release::Vista.freezes_transactions());
    }
}
