//! A call of any documented method, by the names of the headers.
//!
//! ```yaml
//! - call: {method: IVssWMComponent::GetFile, on: $component, with: {iFile: 0}, as: file}
//! - call: {method: IVssWMFiledesc::GetPath, on: $file, with: {pbstrPath: null}, expect: E_INVALIDARG}
//! ```
//!
//! `$name` is what an earlier call handed back under that name: all of it, if it was one value, and else
//! `$name.pbstrWriterName`, down into structures (`$copy.m_SnapshotId`) and arrays (`$found.rgelt.0`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use vssim_model::catalogue::{MethodRef, find, methods};

use crate::error::{ErrorKind, Problem};
use crate::scalars::{Code, Name};
use crate::shown::Shows;
use crate::yaml::{At, Node, Raw, Scalar};

/// A call of a documented method.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MethodStep {
    /// The method with its interface (`IVssAsync::Wait`); a free function alone (`IsVolumeSnapshotted`).
    pub method: At<Method>,
    /// The object that it is called on: `$name`. Absent: the backup components object in use; the writer itself and
    /// what its handler was given.
    #[serde(default)]
    pub on: Option<Node<Argument>>,
    /// The arguments, by the parameter's name in the header. `null` passes NULL, for an out-parameter too.
    #[serde(default)]
    pub with: BTreeMap<String, Node<Argument>>,
    /// A name for what the call hands back.
    #[serde(default, rename = "as")]
    pub name: Option<At<Name>>,
    /// The code that it must return. Absent: any code of success.
    #[serde(default)]
    pub expect: Option<At<Code>>,
    /// What it must hand back, by out-parameter.
    #[serde(default)]
    pub gives: BTreeMap<String, Node<Argument>>,
    /// The failure of resources with which this call ends: E_OUTOFMEMORY, VSS_E_UNEXPECTED.
    #[serde(default)]
    pub inject: Option<At<Code>>,
    /// What this shows, if it comes out so: ids of requirements.
    #[serde(default)]
    pub shows: Shows,
}

/// A documented method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Method(pub Option<MethodRef>);

impl Scalar for Method {
    fn read(raw: Raw<'_>) -> Result<Method, Problem> {
        let Raw::Text(text) = raw else { return Err(raw.misplaced("the name of a method")) };
        let unknown = || {
            let known: Vec<String> = methods().map(|method| method.to_string()).collect();
            Problem::new(ErrorKind::UnknownWord, format!("{} is no documented method", raw.describe()))
                .expected("a method with its interface, such as `IVssAsync::Wait`")
                .near(text, known.iter().map(String::as_str))
        };
        find(text).map(|found| Method(Some(found))).ok_or_else(unknown)
    }
}

impl JsonSchema for Method {
    fn schema_name() -> Cow<'static, str> {
        "Method".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let all: Vec<String> = methods().map(|method| method.to_string()).collect();
        json_schema!({ "description": "A documented method with its interface.", "type": "string", "enum": all })
    }
}

/// An argument as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// NULL.
    Null,
    /// A yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text, a GUID, the name of an enumeration's value or of several joined by `|`; `$name`.
    Text(String),
    /// An array.
    List(Vec<Node<Argument>>),
    /// A structure, or one of the forms that stand for something else.
    Mapping(BTreeMap<String, Node<Argument>>),
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Argument, D::Error> {
        deserializer.deserialize_any(ArgumentVisitor)
    }
}

struct ArgumentVisitor;

impl<'de> Visitor<'de> for ArgumentVisitor {
    type Value = Argument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an argument")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Argument, E> {
        Ok(Argument::Null)
    }
    fn visit_none<E: de::Error>(self) -> Result<Argument, E> {
        Ok(Argument::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Argument, D::Error> {
        Argument::deserialize(deserializer)
    }
    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Argument, E> {
        Ok(Argument::Flag(flag))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Argument, E> {
        Ok(Argument::Number(number))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Argument, E> {
        i64::try_from(number).map(Argument::Number).map_err(|_| E::custom("the number is too large"))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Argument, E> {
        Ok(Argument::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Argument, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(Argument::List(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Argument, A::Error> {
        let mut all = BTreeMap::new();
        while let Some((name, one)) = mapping.next_entry()? {
            all.insert(name, one);
        }
        Ok(Argument::Mapping(all))
    }
}

impl JsonSchema for Argument {
    fn schema_name() -> Cow<'static, str> {
        "Argument".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "NULL, a yes or no, a whole number, a text, a list, a mapping. `$name` is what an earlier call \
                handed back; `{instance_of: W}` and `{class_of: W}` are the ids of a writer, `{guid_name_of: 'C:'}` the \
                GUID name of a volume, `{repeat: x, times: 300}` a long text."
        })
    }
}
