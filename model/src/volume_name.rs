//! Names of volumes, as `AddToSnapshotSet` and `IsVolumeSupported` take them, and of shadow copy devices.
//!
//! | form | example |
//! |---|---|
//! | drive letter | `C:\` |
//! | mounted folder | `C:\mount\data\` |
//! | volume GUID path | `\\?\Volume{b5946137-7b9f-4925-af80-51abd60b20d5}\` |
//! | UNC path of a remote share | `\\server\share\` |
//!
//! A volume's name ends with a backslash (API-034); a shadow copy's device object is named without one
//! (`VSS_SNAPSHOT_PROP`): `\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy1`. Whether a well-formed name stands for
//! anything is not asked here: `AddToSnapshotSet` answers `VSS_E_OBJECT_NOT_FOUND` if it does not (API-032).
//!
//! Source: nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md and ns-vss-vss_snapshot_prop.md
//! (MicrosoftDocs/sdk-api).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::file_spec::{LONGEST, fold};
use crate::hresult::HResult;
use crate::ids::VolumeId;
use crate::release::Release;

/// What every device object of a shadow copy begins with.
const DEVICE: &str = r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy";

/// A well-formed name of a volume or share. Drive letters are kept in upper case, GUIDs in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumeName {
    form: Form,
    text: String,
}

/// The form of a volume's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Form {
    /// `C:\`.
    DriveLetter,
    /// A folder, on a drive or on a volume named by its GUID.
    MountedFolder,
    /// `\\?\Volume{GUID}\`.
    VolumeGuid(VolumeId),
    /// `\\server\share\`.
    Share,
}

/// What is wrong with a volume's name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VolumeNameError {
    /// The last character is no backslash (API-034).
    NoTrailingBackslash(String),
    /// None of the four forms.
    UnknownForm(String),
    /// A character that no path has, or an empty element.
    BadPath(String),
    /// The server of a UNC path is an address. It has to be a host name; `GetRootAndLogicalPrefixPaths` makes one of
    /// it.
    ServerIsAddress(String),
    /// The device object of a shadow copy, which is no volume to be shadow-copied.
    ShadowCopyDevice(String),
    /// Longer than Windows takes.
    TooLong,
}

impl VolumeNameError {
    /// What `AddToSnapshotSet` answers. The page names no case for a malformed name, so this is its code for a
    /// parameter value that is not valid.
    pub const HRESULT: HResult = HResult::E_INVALIDARG;
}

impl fmt::Display for VolumeNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VolumeNameError::NoTrailingBackslash(text) => {
                write!(f, "`{text}` does not end with a backslash, as the name of a volume has to")
            }
            VolumeNameError::UnknownForm(text) => {
                write!(f, r"`{text}` names no volume; expected C:\, C:\folder\, \\?\Volume{{GUID}}\ or \\server\share\")
            }
            VolumeNameError::BadPath(text) => {
                write!(f, "`{text}` has a character that no path has, or two backslashes in a row")
            }
            VolumeNameError::ServerIsAddress(text) => {
                write!(f, "`{text}` names its server by an address; a host name is needed")
            }
            VolumeNameError::ShadowCopyDevice(text) => write!(f, "`{text}` is a shadow copy, not a volume"),
            VolumeNameError::TooLong => write!(f, "longer than {LONGEST} characters"),
        }
    }
}

impl std::error::Error for VolumeNameError {}

impl VolumeName {
    /// The name, with its trailing backslash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its form.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Whether both names are the same but for case. Two different names may still stand for one volume.
    #[must_use]
    pub fn is_same_name(&self, other: &VolumeName) -> bool {
        self.text.chars().map(fold).eq(other.text.chars().map(fold))
    }

    /// Whether the release takes a name of this form: shares since Windows 8
    /// (nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md).
    #[must_use]
    pub fn is_known_to(&self, release: Release) -> bool {
        self.form != Form::Share || release.has_remote_file_shares()
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl From<VolumeId> for VolumeName {
    fn from(volume: VolumeId) -> VolumeName {
        VolumeName { form: Form::VolumeGuid(volume), text: volume.guid_name() }
    }
}

/// The rest of a text after a prefix, which is compared without ASCII case.
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Whether every element of a path with a trailing backslash could be the name of a folder.
fn good_elements(path: &str) -> bool {
    let path = path.strip_suffix('\\').unwrap_or(path);
    path.split('\\').all(|element| {
        !element.is_empty()
            && !element.chars().any(|c| c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '/' | '|' | '?' | '*'))
    })
}

/// A shortened text for a message.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

impl FromStr for VolumeName {
    type Err = VolumeNameError;

    fn from_str(text: &str) -> Result<VolumeName, VolumeNameError> {
        if text.encode_utf16().take(LONGEST + 1).count() > LONGEST {
            return Err(VolumeNameError::TooLong);
        }
        if after(text, DEVICE).is_some() {
            return Err(VolumeNameError::ShadowCopyDevice(shown(text)));
        }
        let (form, name) = if let Some(rest) = after(text, r"\\?\Volume{") {
            guid_path(text, rest)?
        } else if let Some(rest) = text.strip_prefix(r"\\") {
            (share(text, rest)?, text.to_owned())
        } else {
            drive(text)?
        };
        // Asked last, so that a text of no form at all is told so.
        if !text.ends_with('\\') {
            return Err(VolumeNameError::NoTrailingBackslash(shown(text)));
        }
        Ok(VolumeName { form, text: name })
    }
}

/// `\\?\Volume{GUID}\` with or without a folder; `rest` begins with the GUID.
fn guid_path(text: &str, rest: &str) -> Result<(Form, String), VolumeNameError> {
    let (guid, rest) = rest.split_once('}').ok_or_else(|| VolumeNameError::UnknownForm(shown(text)))?;
    let volume = guid.parse().map(VolumeId).map_err(|_| VolumeNameError::UnknownForm(shown(text)))?;
    match rest.strip_prefix('\\') {
        None if rest.is_empty() => Err(VolumeNameError::NoTrailingBackslash(shown(text))),
        None => Err(VolumeNameError::UnknownForm(shown(text))),
        Some("") => Ok((Form::VolumeGuid(volume), volume.guid_name())),
        Some(folder) if good_elements(folder) => Ok((Form::MountedFolder, volume.guid_name() + folder)),
        Some(_) => Err(VolumeNameError::BadPath(shown(text))),
    }
}

/// `\\server\share\` and folders below it; `rest` begins with the server.
fn share(text: &str, rest: &str) -> Result<Form, VolumeNameError> {
    let (server, path) = rest.split_once('\\').ok_or_else(|| VolumeNameError::UnknownForm(shown(text)))?;
    // `\\?\` and `\\.\` lead to devices of which none but a volume GUID path is a form of its own.
    if path.is_empty() || matches!(server, "?" | ".") {
        return Err(VolumeNameError::UnknownForm(shown(text)));
    }
    // An IPv6 address has colons, which no name has, so it is told before the characters are looked at.
    if server.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err(VolumeNameError::ServerIsAddress(shown(text)));
    }
    if good_elements(rest) { Ok(Form::Share) } else { Err(VolumeNameError::BadPath(shown(text))) }
}

/// `C:\` with or without a folder.
fn drive(text: &str) -> Result<(Form, String), VolumeNameError> {
    let unknown = || VolumeNameError::UnknownForm(shown(text));
    let (letter, rest) = text.split_once(':').ok_or_else(unknown)?;
    let mut letters = letter.chars();
    let letter = match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_alphabetic() => letter.to_ascii_uppercase(),
        _ => return Err(unknown()),
    };
    match rest.strip_prefix('\\') {
        None if rest.is_empty() => Err(VolumeNameError::NoTrailingBackslash(shown(text))),
        None => Err(unknown()),
        Some("") => Ok((Form::DriveLetter, format!("{letter}:\\"))),
        Some(folder) if good_elements(folder) => Ok((Form::MountedFolder, format!("{letter}:\\{folder}"))),
        Some(_) => Err(VolumeNameError::BadPath(shown(text))),
    }
}

impl Serialize for VolumeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for VolumeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<VolumeName, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The device object of a shadow copy of the system provider, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotDevice(pub u32);

impl SnapshotDevice {
    /// The path of a file or folder on the shadow copy, which is given from the root of the volume
    /// (ns-vss-vss_snapshot_prop.md).
    #[must_use]
    pub fn path(self, from_root: &str) -> String {
        format!("{self}\\{}", from_root.trim_start_matches('\\'))
    }
}

/// Without a trailing backslash, as `m_pwszSnapshotDeviceObject` has it.
impl fmt::Display for SnapshotDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{DEVICE}{}", self.0)
    }
}

/// A text that is no device object of a shadow copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotASnapshotDevice(pub String);

impl fmt::Display for NotASnapshotDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no shadow copy device; expected {DEVICE}1, without a backslash at the end", self.0)
    }
}

impl std::error::Error for NotASnapshotDevice {}

impl FromStr for SnapshotDevice {
    type Err = NotASnapshotDevice;

    fn from_str(text: &str) -> Result<SnapshotDevice, NotASnapshotDevice> {
        let digits = after(text, DEVICE).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(SnapshotDevice).ok_or_else(|| NotASnapshotDevice(shown(text)))
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    fn read(text: &str) -> Result<VolumeName, VolumeNameError> {
        text.parse()
    }

    #[test]
    fn each_form_is_known_by_its_name() {
        let guid = r"\\?\Volume{b5946137-7b9f-4925-af80-51abd60b20d5}\";
        let form = |text: &str| read(text).map(|name| name.form());
        assert_eq!(form(r"C:\"), Ok(Form::DriveLetter));
        assert_eq!(form(r"C:\mount\data\"), Ok(Form::MountedFolder));
        assert!(matches!(form(guid), Ok(Form::VolumeGuid(_))));
        assert_eq!(form(&format!(r"{guid}mount\")), Ok(Form::MountedFolder));
        assert_eq!(form(r"\\server.example.com\share\"), Ok(Form::Share));
        assert_eq!(form(r"\\server\share\folder\"), Ok(Form::Share));
    }

    #[test]
    fn letters_and_guids_are_kept_in_one_case() {
        assert_eq!(read(r"c:\").unwrap().as_str(), r"C:\");
        let name = read(r"\\?\VOLUME{B5946137-7B9F-4925-AF80-51ABD60B20D5}\").unwrap();
        assert_eq!(name.as_str(), r"\\?\Volume{b5946137-7b9f-4925-af80-51abd60b20d5}\");
        assert!(read(r"C:\Mount\").unwrap().is_same_name(&read(r"c:\mOUNT\").unwrap()));
    }

    #[test]
    fn a_volume_name_without_its_backslash_is_refused() {
        let guid = r"\\?\Volume{b5946137-7b9f-4925-af80-51abd60b20d5}";
        for text in ["C:", r"C:\mount", guid, r"\\server\share"] {
            assert_eq!(read(text), Err(VolumeNameError::NoTrailingBackslash(text.to_owned())));
        }
    }

    #[test]
    fn what_is_no_volume_is_refused() {
        for text in [
            "",
            "\\",
            "C",
            "1:\\",
            "CC:\\",
            "C:x\\",
            "mount\\",
            r"\\",
            r"\\server",
            r"\\server\",
            r"\\?\x\",
            r"\\.\C:\",
        ] {
            assert!(matches!(read(text), Err(VolumeNameError::UnknownForm(_))), "{text}: {:?}", read(text));
        }
        for text in [r"C:\\", r"C:\a\\b\", r"C:\a*\", r"C:\a:b\", r"\\server\\share\", "C:\\a\0\\"] {
            assert!(matches!(read(text), Err(VolumeNameError::BadPath(_))), "{text}: {:?}", read(text));
        }
        assert_eq!(read(&format!(r"C:\{}\", "x".repeat(40_000))), Err(VolumeNameError::TooLong));
    }

    #[test]
    fn a_server_is_named_and_not_addressed() {
        for text in [r"\\192.168.0.1\share\", r"\\[fe80::1]\share\"] {
            assert!(matches!(read(text), Err(VolumeNameError::ServerIsAddress(_))), "{text}");
        }
    }

    #[test]
    fn shares_are_known_since_windows_8() {
        let share = read(r"\\server\share\").unwrap();
        assert!(!share.is_known_to(Release::Server2008R2) && share.is_known_to(Release::Server2012));
        assert!(read(r"C:\").unwrap().is_known_to(Release::WindowsXp));
    }

    #[test]
    fn a_shadow_copy_device_has_no_backslash_at_its_end_and_is_no_volume() {
        let device = SnapshotDevice(48);
        let text = r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy48";
        assert_eq!((device.to_string().as_str(), text.parse()), (text, Ok(device)));
        assert_eq!(device.path(r"\Windows\x.log"), format!(r"{text}\Windows\x.log"));
        for wrong in [
            format!(r"{text}\"),
            format!("{text}x"),
            DEVICE.to_owned(),
            format!("{DEVICE}+1"),
            format!("{DEVICE}4294967296"),
        ] {
            assert!(wrong.parse::<SnapshotDevice>().is_err(), "{wrong}");
        }
        assert!(matches!(read(&format!(r"{text}\")), Err(VolumeNameError::ShadowCopyDevice(_))));
    }

    quickcheck! {
        fn a_name_reads_back_as_itself(text: String) -> bool {
            [text.clone(), format!("C:\\{text}\\"), format!(r"\\{text}\")]
                .iter().filter_map(|text| read(text).ok()).all(|name| read(name.as_str()) == Ok(name.clone()))
        }
    }
}
