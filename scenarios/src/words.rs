//! Closed lists of words: those of this format, and those of vss.h under the names a scenario uses.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use vssim_model::api::BackupType;
use vssim_model::context::{Attributes, SnapshotContext};
use vssim_model::release::Release;
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

/// The release of Windows that a scenario runs as, by its name in lower case with hyphens: `server-2019`, `windows-10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseName(pub Release);

impl Default for ReleaseName {
    fn default() -> ReleaseName {
        ReleaseName(Release::Server2022)
    }
}

impl ReleaseName {
    /// Every release and its word, oldest first. A server's goes without `windows-`.
    #[must_use]
    pub fn all() -> Vec<(String, Release)> {
        let word = |release: &Release| {
            let whole = release.name().to_ascii_lowercase().replace(' ', "-");
            let server = whole.strip_prefix("windows-").filter(|rest| rest.starts_with("server"));
            (server.unwrap_or(&whole).to_owned(), *release)
        };
        Release::ALL.iter().map(word).collect()
    }
}

impl Scalar for ReleaseName {
    fn read(raw: Raw<'_>) -> Result<ReleaseName, Problem> {
        let all = ReleaseName::all();
        let words = || all.iter().map(|(word, _)| word.as_str());
        let year = match raw {
            Raw::Text(text) => {
                if let Some((_, release)) = all.iter().find(|(word, _)| word == text) {
                    return Ok(ReleaseName(*release));
                }
                text.chars().filter(char::is_ascii_digit).take(8).collect()
            }
            Raw::Whole(number) => number.to_string(),
            _ => String::new(),
        };
        let what = match raw {
            Raw::Text(_) => format!("{} is not a release", raw.describe()),
            _ => format!("{} is no release of Windows", raw.describe()),
        };
        let mut problem = Problem::new(ErrorKind::UnknownRelease, what).expected(one_of(words()));
        if let Raw::Text(text) = raw {
            problem = problem.near(text, words());
        }
        let by_year = words().find(|word| word.strip_prefix("server-") == Some(year.as_str()));
        problem.nearest = problem.nearest.or_else(|| by_year.map(str::to_owned));
        Err(problem)
    }
}

impl JsonSchema for ReleaseName {
    fn schema_name() -> Cow<'static, str> {
        "Release".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<String> = ReleaseName::all().into_iter().map(|(word, _)| word).collect();
        json_schema!({ "type": "string", "description": "The release of Windows that the machine runs.", "enum": words })
    }
}

/// A context: `VSS_CTX_*` by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context(pub u32);

impl Context {
    /// The documented contexts.
    #[must_use]
    pub fn all() -> Vec<(&'static str, u32)> {
        SnapshotContext::ALL.iter().map(|context| (context.name(), context.bits())).collect()
    }
}

impl Scalar for Context {
    fn read(raw: Raw<'_>) -> Result<Context, Problem> {
        match raw {
            // Any number may be passed to SetContext; whether it is legal is for VSS to say.
            Raw::Whole(number) => u32::try_from(number).map(Context).map_err(|_| {
                Problem::new(ErrorKind::OutOfRange, format!("`{number}` is no context: it does not fit into 32 bits"))
            }),
            raw => find(raw, "a context", &Context::all()).map(Context),
        }
    }
}

impl JsonSchema for Context {
    fn schema_name() -> Cow<'static, str> {
        "Context".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Context::all().into_iter().map(|(name, _)| name).collect();
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
    /// The documented bits.
    #[must_use]
    pub fn all() -> Vec<(&'static str, u32)> {
        Attributes::NAMES.iter().map(|(attribute, name)| (*name, attribute.0)).collect()
    }
}

impl Scalar for Attribute {
    fn read(raw: Raw<'_>) -> Result<Attribute, Problem> {
        find(raw, "an attribute", &Attribute::all()).map(Attribute)
    }
}

impl JsonSchema for Attribute {
    fn schema_name() -> Cow<'static, str> {
        "Attribute".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Attribute::all().into_iter().map(|(name, _)| name).collect();
        json_schema!({ "type": "string", "description": "A shadow copy attribute, by its documented name.", "enum": names })
    }
}
