//! `VSS_SNAPSHOT_CONTEXT` and `VSS_VOLUME_SNAPSHOT_ATTRIBUTES`: what `SetContext` takes and a shadow copy carries.
//!
//! A context is one of the seven `VSS_CTX_*` with modifiers ORed to it. Its number is the OR of the attributes that the
//! context sets:
//!
//! | context | persistent | client accessible | auto-release | writers |
//! |---|---|---|---|---|
//! | `VSS_CTX_BACKUP` 0x00 | no | no | yes | yes |
//! | `VSS_CTX_APP_ROLLBACK` 0x09 | yes | no | no | yes |
//! | `VSS_CTX_CLIENT_ACCESSIBLE_WRITERS` 0x0D | yes | yes | no | yes |
//! | `VSS_CTX_FILE_SHARE_BACKUP` 0x10 | no | no | yes | no |
//! | `VSS_CTX_NAS_ROLLBACK` 0x19 | yes | no | no | no |
//! | `VSS_CTX_CLIENT_ACCESSIBLE` 0x1D | yes | yes | no | no |
//! | `VSS_CTX_ALL` 0xFFFFFFFF | for administration; creates nothing | | | |
//!
//! [`Context::from_bits`] takes a number apart and checks it; [`Context::for_release`] also asks whether the release
//! knows it. A number that is refused yields a [`ContextError`], which knows the code that `SetContext` answers.
//!
//! Source: ne-vss-vss_snapshot_context.md, ne-vss-vss_volume_snapshot_attributes.md,
//! nf-vsbackup-ivssbackupcomponents-setcontext.md (MicrosoftDocs/sdk-api).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::hresult::HResult;
use crate::release::Release;
use crate::states::vss_enum;

vss_enum! {
    /// `VSS_SNAPSHOT_CONTEXT`.
    SnapshotContext {
        /// Auto-release, nonpersistent, with writers; the default (BKP-ORD-006).
        Backup = "VSS_CTX_BACKUP", 0;
        /// Persistent, with writers.
        AppRollback = "VSS_CTX_APP_ROLLBACK", 9;
        /// Persistent, client accessible, with writers; made by the system provider only.
        ClientAccessibleWriters = "VSS_CTX_CLIENT_ACCESSIBLE_WRITERS", 13;
        /// Auto-release, nonpersistent, without writers.
        FileShareBackup = "VSS_CTX_FILE_SHARE_BACKUP", 16;
        /// Persistent, without writers.
        NasRollback = "VSS_CTX_NAS_ROLLBACK", 25;
        /// Persistent, client accessible, without writers; made by the system provider only.
        ClientAccessible = "VSS_CTX_CLIENT_ACCESSIBLE", 29;
        /// Every shadow copy, for Query, DeleteSnapshots, BreakSnapshotSet and ExposeSnapshot (CTX-008).
        All = "VSS_CTX_ALL", -1;
    }
}

impl SnapshotContext {
    /// The documented number as a bit mask.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.value().cast_unsigned()
    }
}

/// A set of `VSS_VOLSNAP_ATTR_*`. Bits without a name survive.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attributes(pub u32);

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        impl Attributes {
            $($(#[$doc])* pub const $name: Attributes = Attributes($bit);)*

            /// Every named attribute with its documented name, by number.
            pub const NAMES: &'static [(Attributes, &'static str)] = &[$((Attributes::$name, $text)),*];
        }
    };
}

attributes! {
    /// Survives restarts; set by its context.
    PERSISTENT = 0x0000_0001, "VSS_VOLSNAP_ATTR_PERSISTENT";
    /// Auto-recovery is off: read-only at once, no excluded file is deleted from it (CTX-017).
    NO_AUTORECOVERY = 0x0000_0002, "VSS_VOLSNAP_ATTR_NO_AUTORECOVERY";
    /// For Shadow Copies for Shared Folders; set by its context (CTX-019).
    CLIENT_ACCESSIBLE = 0x0000_0004, "VSS_VOLSNAP_ATTR_CLIENT_ACCESSIBLE";
    /// Not deleted with its requester; set by its context.
    NO_AUTO_RELEASE = 0x0000_0008, "VSS_VOLSNAP_ATTR_NO_AUTO_RELEASE";
    /// No writer takes part; set by its context.
    NO_WRITERS = 0x0000_0010, "VSS_VOLSNAP_ATTR_NO_WRITERS";
    /// To be imported elsewhere, so not surfaced here (CTX-012).
    TRANSPORTABLE = 0x0000_0020, "VSS_VOLSNAP_ATTR_TRANSPORTABLE";
    /// Not exposed at present; set by VSS.
    NOT_SURFACED = 0x0000_0040, "VSS_VOLSNAP_ATTR_NOT_SURFACED";
    /// Transaction managers are not frozen (API-038).
    NOT_TRANSACTED = 0x0000_0080, "VSS_VOLSNAP_ATTR_NOT_TRANSACTED";
    /// Made by a hardware provider; set by VSS.
    HARDWARE_ASSISTED = 0x0001_0000, "VSS_VOLSNAP_ATTR_HARDWARE_ASSISTED";
    /// Made by copy-on-write (CTX-014).
    DIFFERENTIAL = 0x0002_0000, "VSS_VOLSNAP_ATTR_DIFFERENTIAL";
    /// Made by splitting a mirror (CTX-014).
    PLEX = 0x0004_0000, "VSS_VOLSNAP_ATTR_PLEX";
    /// Came in by ImportSnapshots; set by VSS.
    IMPORTED = 0x0008_0000, "VSS_VOLSNAP_ATTR_IMPORTED";
    /// Exposed under a drive letter or in a folder; set by VSS.
    EXPOSED_LOCALLY = 0x0010_0000, "VSS_VOLSNAP_ATTR_EXPOSED_LOCALLY";
    /// Exposed as a share; set by VSS.
    EXPOSED_REMOTELY = 0x0020_0000, "VSS_VOLSNAP_ATTR_EXPOSED_REMOTELY";
    /// The writer recovers its component in PostSnapshot (API-016); set by VSS.
    AUTORECOVER = 0x0040_0000, "VSS_VOLSNAP_ATTR_AUTORECOVER";
    /// The writer recovers in PostSnapshot for rollback or data mining (CTX-013).
    ROLLBACK_RECOVERY = 0x0080_0000, "VSS_VOLSNAP_ATTR_ROLLBACK_RECOVERY";
    /// Reserved for system use.
    DELAYED_POSTSNAPSHOT = 0x0100_0000, "VSS_VOLSNAP_ATTR_DELAYED_POSTSNAPSHOT";
    /// TxF recovery is enforced at creation (CTX-018).
    TXF_RECOVERY = 0x0200_0000, "VSS_VOLSNAP_ATTR_TXF_RECOVERY";
    /// Of a remote file share; the page has no text on it.
    FILE_SHARE = 0x0400_0000, "VSS_VOLSNAP_ATTR_FILE_SHARE";
}

impl Attributes {
    /// The empty set.
    pub const NONE: Attributes = Attributes(0);

    /// The attributes of which the contexts consist.
    const OF_CONTEXTS: Attributes = Attributes::PERSISTENT
        .with(Attributes::CLIENT_ACCESSIBLE)
        .with(Attributes::NO_AUTO_RELEASE)
        .with(Attributes::NO_WRITERS);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Attributes) -> Attributes {
        Attributes(self.0 | other.0)
    }

    /// This set less the other.
    #[must_use]
    pub const fn without(self, other: Attributes) -> Attributes {
        Attributes(self.0 & !other.0)
    }

    /// What both sets have.
    #[must_use]
    pub const fn common(self, other: Attributes) -> Attributes {
        Attributes(self.0 & other.0)
    }

    /// Whether this set has everything that the other has.
    #[must_use]
    pub const fn contains(self, other: Attributes) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bits that no documented name covers.
    #[must_use]
    pub fn unnamed(self) -> Attributes {
        Attributes::NAMES.iter().fold(self, |rest, (named, _)| rest.without(*named))
    }
}

/// The names, joined by ` | `, unnamed bits in hexadecimal; `0` for the empty set.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("0");
        }
        let mut between = "";
        for (_, name) in Attributes::NAMES.iter().filter(|(named, _)| self.contains(*named)) {
            write!(f, "{between}{name}")?;
            between = " | ";
        }
        let rest = self.unnamed();
        if rest.is_empty() { Ok(()) } else { write!(f, "{between}0x{:08X}", rest.0) }
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text that is no OR of context names, attribute names and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAttributes(pub String);

impl fmt::Display for NotAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither a VSS_CTX_ or VSS_VOLSNAP_ATTR_ name nor a number such as 0x00000020", self.0)
    }
}

impl std::error::Error for NotAttributes {}

/// Reads what Display prints, and `VSS_CTX_*` names too: `VSS_CTX_BACKUP | VSS_VOLSNAP_ATTR_TRANSPORTABLE`, `0x20`,
/// `0`.
impl FromStr for Attributes {
    type Err = NotAttributes;

    fn from_str(text: &str) -> Result<Attributes, NotAttributes> {
        let mut all = Attributes::NONE;
        for word in text.split('|').map(str::trim) {
            let one = one_word(word).ok_or_else(|| NotAttributes(word.chars().take(80).collect()))?;
            all = all.with(one);
        }
        Ok(all)
    }
}

/// A name or a number.
fn one_word(word: &str) -> Option<Attributes> {
    if let Some((named, _)) = Attributes::NAMES.iter().find(|(_, name)| *name == word) {
        return Some(*named);
    }
    if let Ok(context) = word.parse::<SnapshotContext>() {
        return Some(Attributes(context.bits()));
    }
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (word, 10),
    };
    // from_str_radix would take a sign.
    let bare = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, radix).ok().filter(|_| bare).map(Attributes)
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Attributes, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A context that a requester may set: one of the seven and its modifiers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context {
    base: SnapshotContext,
    modifiers: Attributes,
}

/// `VSS_CTX_BACKUP`, what applies when SetContext is not called (BKP-ORD-006).
impl Default for Context {
    fn default() -> Context {
        Context { base: SnapshotContext::Backup, modifiers: Attributes::NONE }
    }
}

/// Why a number is no context that a requester may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextError {
    /// Bits that no page names.
    Unknown(Attributes),
    /// The bits of a context form none of the seven.
    NoSuchContext(Attributes),
    /// Attributes that VSS sets and requesters do not (API-037).
    SetByVss(Attributes),
    /// Both DIFFERENTIAL and PLEX (CTX-015).
    DifferentialAndPlex,
    /// A modifier that a client-accessible context does not take (API-036).
    NotClientAccessible(Attributes),
    /// The release has no SetContext.
    NotImplemented(Release),
    /// The release does not know the context or the attributes.
    NotInRelease(Release, Attributes),
}

impl ContextError {
    /// What `SetContext` answers: `E_INVALIDARG` for a value that is not valid, `E_NOTIMPL` on Windows XP
    /// (nf-vsbackup-ivssbackupcomponents-setcontext.md).
    #[must_use]
    pub const fn hresult(self) -> HResult {
        match self {
            ContextError::NotImplemented(_) => HResult::E_NOTIMPL,
            _ => HResult::E_INVALIDARG,
        }
    }
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContextError::Unknown(bits) => write!(f, "no attribute has the bits {bits}"),
            ContextError::NoSuchContext(bits) => write!(f, "{bits} is none of the seven contexts"),
            ContextError::SetByVss(bits) => write!(f, "{bits} is set by VSS, not by a requester"),
            ContextError::DifferentialAndPlex => f.write_str("differential and plex exclude each other"),
            ContextError::NotClientAccessible(bits) => write!(f, "a client-accessible context does not take {bits}"),
            ContextError::NotImplemented(release) => write!(f, "{release} has no SetContext"),
            ContextError::NotInRelease(release, bits) => write!(f, "{release} does not know {bits}"),
        }
    }
}

impl std::error::Error for ContextError {}

impl Context {
    /// What a requester may add to a context. C-27: the page's remark names `TRANSPORTABLE`, `DIFFERENTIAL` and `PLEX`;
    /// its own rows also let requesters add `NO_AUTORECOVERY`, `NOT_TRANSACTED` and `ROLLBACK_RECOVERY`, other pages
    /// `TXF_RECOVERY` (CTX-013, CTX-017, CTX-018). Between them DiskShadow and VShadow set all but `NOT_TRANSACTED`; so the wider
    /// list holds here.
    pub const MODIFIERS: Attributes = Attributes::TRANSPORTABLE
        .with(Attributes::DIFFERENTIAL)
        .with(Attributes::PLEX)
        .with(Attributes::NO_AUTORECOVERY)
        .with(Attributes::NOT_TRANSACTED)
        .with(Attributes::ROLLBACK_RECOVERY)
        .with(Attributes::TXF_RECOVERY);

    /// Takes the argument of `SetContext` apart and checks it.
    ///
    /// C-27 again: by API-036 no client-accessible context takes `TRANSPORTABLE`, `DIFFERENTIAL` or `PLEX`; but
    /// DiskShadow is recorded creating `CLIENT_ACCESSIBLE | DIFFERENTIAL | NO_AUTORECOVERY`, and the system provider
    /// copies on write anyway. So `DIFFERENTIAL` is taken, the two others are refused. S-18: no page forbids
    /// `NO_AUTORECOVERY` beside `ROLLBACK_RECOVERY` or `TXF_RECOVERY` (only DiskShadow's grammar does); it is taken,
    /// and switches recovery off.
    ///
    /// # Errors
    ///
    /// The number is no context, or holds bits that a requester may not set.
    pub fn from_bits(bits: u32) -> Result<Context, ContextError> {
        if bits == SnapshotContext::All.bits() {
            return Ok(Context { base: SnapshotContext::All, modifiers: Attributes::NONE });
        }
        let given = Attributes(bits);
        let unknown = given.unnamed();
        if !unknown.is_empty() {
            return Err(ContextError::Unknown(unknown));
        }
        let own = given.common(Attributes::OF_CONTEXTS);
        let base = SnapshotContext::ALL.iter().copied().find(|context| context.bits() == own.0);
        let base = base.ok_or(ContextError::NoSuchContext(own))?;
        let modifiers = given.without(Attributes::OF_CONTEXTS);
        let foreign = modifiers.without(Context::MODIFIERS);
        if !foreign.is_empty() {
            return Err(ContextError::SetByVss(foreign));
        }
        if modifiers.contains(Attributes::DIFFERENTIAL.with(Attributes::PLEX)) {
            return Err(ContextError::DifferentialAndPlex);
        }
        let refused = modifiers.common(Attributes::TRANSPORTABLE.with(Attributes::PLEX));
        if own.contains(Attributes::CLIENT_ACCESSIBLE) && !refused.is_empty() {
            return Err(ContextError::NotClientAccessible(refused));
        }
        Ok(Context { base, modifiers })
    }

    /// As [`Context::from_bits`], and the release has to know the context and its modifiers.
    ///
    /// # Errors
    ///
    /// As [`Context::from_bits`]; or the release has no SetContext, or does not know a part of the number.
    pub fn for_release(bits: u32, release: Release) -> Result<Context, ContextError> {
        if !release.has_set_context() {
            return Err(ContextError::NotImplemented(release));
        }
        let context = Context::from_bits(bits)?;
        let strange = context.modifiers.without(release.context_attributes());
        if !strange.is_empty() {
            return Err(ContextError::NotInRelease(release, strange));
        }
        if context.base == SnapshotContext::ClientAccessibleWriters && !release.has_client_accessible_writers() {
            return Err(ContextError::NotInRelease(release, Attributes(context.base.bits())));
        }
        Ok(context)
    }

    /// Which of the seven.
    #[must_use]
    pub const fn base(self) -> SnapshotContext {
        self.base
    }

    /// What was added to it.
    #[must_use]
    pub const fn modifiers(self) -> Attributes {
        self.modifiers
    }

    /// The number, as `SetContext` takes it.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.base.bits() | self.modifiers.0
    }

    /// The attributes that a new shadow copy has from its context; none for `VSS_CTX_ALL`.
    #[must_use]
    pub fn attributes(self) -> Attributes {
        if self.creates_snapshots() { Attributes(self.bits()) } else { Attributes::NONE }
    }

    /// Whether shadow copies can be created in it: in all but `VSS_CTX_ALL` (CTX-007).
    #[must_use]
    pub fn creates_snapshots(self) -> bool {
        self.base != SnapshotContext::All
    }

    /// Whether writers take part (CTX-005, CTX-006, C-11).
    #[must_use]
    pub fn involves_writers(self) -> bool {
        self.creates_snapshots() && !self.attributes().contains(Attributes::NO_WRITERS)
    }

    /// Whether its shadow copies survive their requester and a restart (CTX-011, API-035).
    #[must_use]
    pub fn is_persistent(self) -> bool {
        self.attributes().contains(Attributes::PERSISTENT)
    }

    /// Whether its shadow copies are deleted when their requester is released (CTX-009, CTX-010).
    #[must_use]
    pub fn is_auto_release(self) -> bool {
        self.creates_snapshots() && !self.attributes().contains(Attributes::NO_AUTO_RELEASE)
    }

    /// Whether its shadow copies are for Shadow Copies for Shared Folders, made by the system provider only (CTX-020).
    #[must_use]
    pub fn is_client_accessible(self) -> bool {
        self.attributes().contains(Attributes::CLIENT_ACCESSIBLE)
    }

    /// Whether its shadow copies are to be imported elsewhere (CTX-012).
    #[must_use]
    pub fn is_transportable(self) -> bool {
        self.modifiers.contains(Attributes::TRANSPORTABLE)
    }

    /// Whether nobody may change its shadow copies after the commit (CTX-017, BKP-SET-010).
    #[must_use]
    pub fn has_no_autorecovery(self) -> bool {
        self.modifiers.contains(Attributes::NO_AUTORECOVERY)
    }
}

/// `VSS_CTX_BACKUP | VSS_VOLSNAP_ATTR_TRANSPORTABLE`.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base.name();
        if self.modifiers.is_empty() { f.write_str(base) } else { write!(f, "{base} | {}", self.modifiers) }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;
    use crate::corpus;

    fn context(text: &str) -> Result<Context, ContextError> {
        Context::from_bits(text.parse::<Attributes>().unwrap().0)
    }

    #[test]
    fn each_context_is_what_the_table_says() {
        let told = |base: SnapshotContext| {
            let context = Context::from_bits(base.bits()).unwrap();
            assert_eq!(context.base(), base);
            [
                context.is_persistent(),
                context.is_client_accessible(),
                context.is_auto_release(),
                context.involves_writers(),
                context.creates_snapshots(),
            ]
        };
        assert_eq!(told(SnapshotContext::Backup), [false, false, true, true, true]);
        assert_eq!(told(SnapshotContext::AppRollback), [true, false, false, true, true]);
        assert_eq!(told(SnapshotContext::ClientAccessibleWriters), [true, true, false, true, true]);
        assert_eq!(told(SnapshotContext::FileShareBackup), [false, false, true, false, true]);
        assert_eq!(told(SnapshotContext::NasRollback), [true, false, false, false, true]);
        assert_eq!(told(SnapshotContext::ClientAccessible), [true, true, false, false, true]);
        assert_eq!(told(SnapshotContext::All), [false; 5]);
    }

    #[test]
    fn a_context_prints_with_its_modifiers_and_reads_back() {
        let context = Context::from_bits(0x20).unwrap();
        assert_eq!(context.to_string(), "VSS_CTX_BACKUP | VSS_VOLSNAP_ATTR_TRANSPORTABLE");
        assert_eq!(context.to_string().parse(), Ok(Attributes(0x20)));
        assert_eq!(Context::default().to_string(), "VSS_CTX_BACKUP");
    }

    #[test]
    fn what_vss_sets_itself_a_requester_may_not_set() {
        for set in
            ["NOT_SURFACED", "HARDWARE_ASSISTED", "IMPORTED", "EXPOSED_LOCALLY", "EXPOSED_REMOTELY", "AUTORECOVER"]
        {
            let refused = context(&format!("VSS_CTX_BACKUP | VSS_VOLSNAP_ATTR_{set}")).unwrap_err();
            assert!(matches!(refused, ContextError::SetByVss(_)), "{set}");
            assert_eq!(refused.hresult(), HResult::E_INVALIDARG);
        }
        assert!(matches!(Context::from_bits(1), Err(ContextError::NoSuchContext(Attributes::PERSISTENT))));
        assert!(matches!(Context::from_bits(0x8000_0000), Err(ContextError::Unknown(_))));
    }

    #[test]
    fn differential_and_plex_exclude_each_other() {
        assert_eq!(Context::from_bits(0x0006_0000), Err(ContextError::DifferentialAndPlex));
    }

    #[test]
    fn a_client_accessible_context_takes_differential_alone_of_the_mechanisms() {
        assert!(
            context("VSS_CTX_CLIENT_ACCESSIBLE | VSS_VOLSNAP_ATTR_DIFFERENTIAL | VSS_VOLSNAP_ATTR_NO_AUTORECOVERY")
                .is_ok()
        );
        for modifier in ["TRANSPORTABLE", "PLEX"] {
            let refused = context(&format!("VSS_CTX_CLIENT_ACCESSIBLE_WRITERS | VSS_VOLSNAP_ATTR_{modifier}"));
            assert!(matches!(refused, Err(ContextError::NotClientAccessible(_))), "{modifier}");
        }
    }

    #[test]
    fn windows_xp_has_no_set_context() {
        let refused = Context::for_release(0, Release::WindowsXp).unwrap_err();
        assert_eq!(refused.hresult(), HResult::E_NOTIMPL);
    }

    #[test]
    fn server_2003_does_not_know_what_came_with_vista() {
        for bits in [0x02, 0x80, 0x0200_0000, 13] {
            assert!(Context::for_release(bits, Release::Server2003).is_err(), "{bits:#x}");
            assert!(Context::for_release(bits, Release::Server2008).is_ok(), "{bits:#x}");
        }
        assert!(Context::for_release(0x20, Release::Server2003).is_ok());
    }

    #[test]
    fn words_that_are_neither_names_nor_numbers_are_refused() {
        for text in ["", "|", "VSS_CTX_", "0x", "+1", "0x+1", "ff", "0x100000000", "VSS_CTX_BACKUP |"] {
            assert!(text.parse::<Attributes>().is_err(), "{text}");
        }
        assert_eq!("VSS_CTX_ALL".parse(), Ok(Attributes(u32::MAX)));
    }

    quickcheck! {
        fn attributes_read_back_from_what_they_print(bits: u32) -> bool {
            Attributes(bits).to_string().parse() == Ok(Attributes(bits))
        }

        fn a_context_has_the_number_it_was_made_from(bits: u32) -> bool {
            Context::from_bits(bits & 0x0286_00bf).map_or(true, |context| context.bits() == bits & 0x0286_00bf)
        }
    }

    #[test]
    fn the_names_and_numbers_are_the_documented_ones() {
        let Some(text) = corpus::read("spec/api/shared.yaml") else { return };
        let mut seen = 0;
        for line in text.lines().map(str::trim) {
            let Some((name, rest)) = line.strip_prefix("- {name: ").and_then(|line| line.split_once(',')) else {
                continue;
            };
            if !name.starts_with("VSS_CTX_") && !name.starts_with("VSS_VOLSNAP_ATTR_") {
                continue;
            }
            let hex = rest.split("hex: '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a number in hex");
            assert_eq!(name.parse::<Attributes>(), hex.parse::<Attributes>(), "{name}");
            seen += 1;
        }
        assert_eq!(seen, SnapshotContext::ALL.len() + Attributes::NAMES.len());
    }
}
