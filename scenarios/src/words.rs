//! Closed lists of words: those of this format, and those of vss.h under the names a scenario uses.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use vssim_model::api::BackupType;
use vssim_model::states::{ApplicationLevel, WriterEvent, WriterState};

use crate::error::{ErrorKind, Problem, one_of};
use crate::yaml::{Raw, Scalar};

/// Finds a word in its list.
pub(crate) fn find<T: Copy>(raw: Raw<'_>, what: &str, all: &[(&'static str, T)]) -> Result<T, Problem> {
    let names = || all.iter().map(|(name, _)| *name);
    let wrong = |found: String| {
        Problem::new(ErrorKind::UnknownWord, format!("{found} is not {what}")).expected(one_of(names()))
    };
    match raw {
        Raw::Text(text) => all
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| wrong(raw.describe()).near(text, names())),
        other => Err(wrong(other.describe())),
    }
}

/// The schema of a word: each with what it means.
pub(crate) fn words_schema(description: &str, words: &[(&str, &str)]) -> Schema {
    let all: Vec<serde_json::Value> = words
        .iter()
        .map(|(word, meaning)| serde_json::json!({ "const": word, "description": meaning.trim() }))
        .collect();
    json_schema!({ "description": description.trim(), "oneOf": all })
}

/// Declares an enumeration of this format: variant, word, meaning. The first is the default.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal { $($(#[doc = $vdoc:literal])+ $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[doc = $vdoc])+ $variant,)+ }

        impl $name {
            /// Every word and its value, in the order of the documentation.
            pub const ALL: &'static [(&'static str, $name)] = &[$(($word, $name::$variant)),+];

            /// The word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl Default for $name {
            fn default() -> $name {
                $name::ALL[0].1
            }
        }

        impl $crate::yaml::Scalar for $name {
            fn read(raw: $crate::yaml::Raw<'_>) -> Result<$name, $crate::error::Problem> {
                $crate::words::find(raw, $what, $name::ALL)
            }
        }

        impl ::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                $crate::words::words_schema(concat!($($doc),+), &[$(($word, concat!($($vdoc),+))),+])
            }
        }
    };
}
pub(crate) use words;

/// Declares the words of an enumeration of the model.
macro_rules! model_words {
    ($(#[doc = $doc:literal])+ $name:ident($inner:ty), $what:literal, $default:expr, $all:expr) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl $name {
            /// Every word and its value.
            #[must_use]
            pub fn all() -> Vec<(&'static str, $inner)> {
                $all
            }
        }

        impl Default for $name {
            fn default() -> $name {
                $name($default)
            }
        }

        impl Scalar for $name {
            fn read(raw: Raw<'_>) -> Result<$name, Problem> {
                find(raw, $what, &$name::all()).map($name)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let names: Vec<&str> = $name::all().into_iter().map(|(name, _)| name).collect();
                json_schema!({ "type": "string", "description": concat!($($doc),+).trim(), "enum": names })
            }
        }
    };
}

model_words! {
    /// The level at which a writer freezes: front-end first, then back-end, system, system-rm.
    Level(ApplicationLevel), "a level", ApplicationLevel::FrontEnd, vec![
        ("front-end", ApplicationLevel::FrontEnd),
        ("back-end", ApplicationLevel::BackEnd),
        ("system", ApplicationLevel::System),
        ("system-rm", ApplicationLevel::SystemRm),
    ]
}

model_words! {
    /// The backup type given to SetBackupState.
    Kind(BackupType), "a backup type", BackupType::Full, vec![
        ("full", BackupType::Full),
        ("incremental", BackupType::Incremental),
        ("differential", BackupType::Differential),
        ("log", BackupType::Log),
        ("copy", BackupType::Copy),
        ("other", BackupType::Other),
        ("undefined", BackupType::Undefined),
    ]
}

model_words! {
    /// A writer's state, by its documented name.
    State(WriterState), "a writer state", WriterState::Stable,
    WriterState::ALL.iter().map(|state| (state.name(), *state)).collect()
}

model_words! {
    /// An event that VSS raises to a writer.
    Event(WriterEvent), "a writer event", WriterEvent::Identify,
    WriterEvent::ALL.iter().map(|event| (event.name(), *event)).collect()
}

words! {
    /// The release of Windows that a scenario runs as.
    Release, "a release" {
        /// Windows XP.
        Xp = "xp",
        /// Windows Server 2003.
        Server2003 = "server-2003",
        /// Windows Server 2003 with Service Pack 1, and R2.
        Server2003Sp1 = "server-2003-sp1",
        /// Windows Vista.
        Vista = "vista",
        /// Windows Server 2008.
        Server2008 = "server-2008",
        /// Windows Server 2008 R2 and Windows 7.
        Server2008R2 = "server-2008-r2",
        /// Windows Server 2012 and Windows 8.
        Server2012 = "server-2012",
        /// Windows Server 2012 R2 and Windows 8.1.
        Server2012R2 = "server-2012-r2",
        /// Windows Server 2016 and Windows 10.
        Server2016 = "server-2016",
        /// Windows Server 2019.
        Server2019 = "server-2019",
        /// Windows Server 2022 and Windows 11.
        Server2022 = "server-2022",
        /// Windows Server 2025.
        Server2025 = "server-2025",
    }
}

/// The release as a scenario writes it: a name, never a bare year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReleaseName(pub Release);

impl Scalar for ReleaseName {
    fn read(raw: Raw<'_>) -> Result<ReleaseName, Problem> {
        let mut problem = match raw {
            Raw::Text(_) => match Release::read(raw) {
                Ok(release) => return Ok(ReleaseName(release)),
                Err(problem) => problem,
            },
            other => Problem::new(ErrorKind::UnknownRelease, format!("{} is no release of Windows", other.describe()))
                .expected(one_of(Release::ALL.iter().map(|(word, _)| *word))),
        };
        problem.kind = ErrorKind::UnknownRelease;
        let year = match raw {
            Raw::Whole(number) => number.to_string(),
            Raw::Text(text) => text.chars().filter(char::is_ascii_digit).take(8).collect(),
            _ => String::new(),
        };
        let by_year = Release::ALL.iter().find(|(word, _)| word.strip_prefix("server-") == Some(year.as_str()));
        problem.nearest = problem.nearest.or_else(|| by_year.map(|(word, _)| (*word).to_owned()));
        Err(problem)
    }
}

impl JsonSchema for ReleaseName {
    fn schema_name() -> Cow<'static, str> {
        Release::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        Release::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Release::json_schema(generator)
    }
}

/// A context: `VSS_CTX_*` by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context(pub u32);

impl Context {
    /// The documented contexts (vss.h).
    pub const ALL: &'static [(&'static str, u32)] = &[
        ("VSS_CTX_BACKUP", 0x00),
        ("VSS_CTX_FILE_SHARE_BACKUP", 0x10),
        ("VSS_CTX_NAS_ROLLBACK", 0x19),
        ("VSS_CTX_APP_ROLLBACK", 0x09),
        ("VSS_CTX_CLIENT_ACCESSIBLE", 0x1d),
        ("VSS_CTX_CLIENT_ACCESSIBLE_WRITERS", 0x0d),
        ("VSS_CTX_ALL", 0xffff_ffff),
    ];
}

impl Scalar for Context {
    fn read(raw: Raw<'_>) -> Result<Context, Problem> {
        match raw {
            // Any number may be passed to SetContext; whether it is legal is for VSS to say.
            Raw::Whole(number) => u32::try_from(number).map(Context).map_err(|_| {
                Problem::new(ErrorKind::OutOfRange, format!("`{number}` is no context: it does not fit into 32 bits"))
            }),
            raw => find(raw, "a context", Context::ALL).map(Context),
        }
    }
}

impl JsonSchema for Context {
    fn schema_name() -> Cow<'static, str> {
        "Context".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Context::ALL.iter().map(|(name, _)| *name).collect();
        json_schema!({
            "description": "A shadow copy context: a VSS_CTX_* name, or any number.",
            "anyOf": [{ "type": "string", "enum": names }, { "type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32 }],
        })
    }
}

/// An attribute bit that a requester ORs into the context: `VSS_VOLSNAP_ATTR_*` by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attribute(pub u32);

impl Attribute {
    /// The documented bits (vss.h).
    pub const ALL: &'static [(&'static str, u32)] = &[
        ("VSS_VOLSNAP_ATTR_PERSISTENT", 0x1),
        ("VSS_VOLSNAP_ATTR_NO_AUTORECOVERY", 0x2),
        ("VSS_VOLSNAP_ATTR_CLIENT_ACCESSIBLE", 0x4),
        ("VSS_VOLSNAP_ATTR_NO_AUTO_RELEASE", 0x8),
        ("VSS_VOLSNAP_ATTR_NO_WRITERS", 0x10),
        ("VSS_VOLSNAP_ATTR_TRANSPORTABLE", 0x20),
        ("VSS_VOLSNAP_ATTR_NOT_SURFACED", 0x40),
        ("VSS_VOLSNAP_ATTR_NOT_TRANSACTED", 0x80),
        ("VSS_VOLSNAP_ATTR_HARDWARE_ASSISTED", 0x1_0000),
        ("VSS_VOLSNAP_ATTR_DIFFERENTIAL", 0x2_0000),
        ("VSS_VOLSNAP_ATTR_PLEX", 0x4_0000),
        ("VSS_VOLSNAP_ATTR_IMPORTED", 0x8_0000),
        ("VSS_VOLSNAP_ATTR_EXPOSED_LOCALLY", 0x10_0000),
        ("VSS_VOLSNAP_ATTR_EXPOSED_REMOTELY", 0x20_0000),
        ("VSS_VOLSNAP_ATTR_AUTORECOVER", 0x40_0000),
        ("VSS_VOLSNAP_ATTR_ROLLBACK_RECOVERY", 0x80_0000),
        ("VSS_VOLSNAP_ATTR_DELAYED_POSTSNAPSHOT", 0x100_0000),
        ("VSS_VOLSNAP_ATTR_TXF_RECOVERY", 0x200_0000),
        ("VSS_VOLSNAP_ATTR_FILE_SHARE", 0x400_0000),
    ];
}

impl Scalar for Attribute {
    fn read(raw: Raw<'_>) -> Result<Attribute, Problem> {
        find(raw, "an attribute", Attribute::ALL).map(Attribute)
    }
}

impl JsonSchema for Attribute {
    fn schema_name() -> Cow<'static, str> {
        "Attribute".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Attribute::ALL.iter().map(|(name, _)| *name).collect();
        json_schema!({ "type": "string", "description": "A shadow copy attribute, by its documented name.", "enum": names })
    }
}
