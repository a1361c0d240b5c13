//! A call of any documented method, by the names of the headers.
//!
//! The methods on which the state tables and the rules turn are typed ([`super::BackupComponentsCall`] and its like). All
//! others, some two hundred that set or read one value, are calls of the [catalogue](crate::catalogue): method, object,
//! arguments by name. An argument that is a NULL pointer is [`Value::Null`]; so an out-pointer can be passed as NULL.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::{MethodRef, enumeration, number_of};
use crate::hresult::HResult;
use crate::ids::Guid;

/// An argument, or something handed back.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// NULL.
    #[default]
    Null,
    /// A yes or no.
    Flag(bool),
    /// A whole number, also an enumeration's without a name.
    Number(i64),
    /// A text; a GUID in braces; a value of an enumeration by name; an HRESULT by name.
    Text(String),
    /// An object made by a call, counted over the whole trace.
    Object {
        /// Its number.
        object: u32,
    },
    /// A backup components object, counted over the whole trace.
    BackupComponents {
        /// Its number.
        backup_components: u32,
    },
    /// An IVssAsync.
    Async {
        /// Its number.
        operation: u32,
    },
    /// An array.
    List(Vec<Value>),
    /// A structure.
    Fields(BTreeMap<String, Value>),
}

/// A call of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodCall {
    /// Which method.
    pub method: MethodRef,
    /// The object that it is called on; NULL for free functions and for what a writer is itself.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub on: Value,
    /// The arguments given, by parameter. An out-parameter stands here only if NULL was passed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, Value>,
    /// The failure of resources that was ordered for this very call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<HResult>,
    /// Whether the caller lacks backup privileges.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unprivileged: bool,
    /// Which step of the scenario makes the call, counted from 1; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Value {
    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        *self == Value::Null
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A text, or NULL.
    pub fn optional(text: Option<impl Into<String>>) -> Value {
        text.map_or(Value::Null, |text| Value::Text(text.into()))
    }

    /// A GUID in braces.
    #[must_use]
    pub fn guid(guid: Guid) -> Value {
        Value::Text(guid.to_string())
    }

    /// A count.
    #[must_use]
    pub fn count(count: usize) -> Value {
        Value::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// The text that it is.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The GUID that it is.
    #[must_use]
    pub fn as_guid(&self) -> Option<Guid> {
        match self {
            Value::Text(text) if text == "GUID_NULL" => Some(Guid::default()),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The yes or no that it is.
    #[must_use]
    pub fn as_flag(&self) -> Option<bool> {
        match self {
            Value::Flag(flag) => Some(*flag),
            Value::Number(number) => Some(*number != 0),
            _ => None,
        }
    }

    /// The number that it is: a number, the name of an enumeration's value, an HRESULT's name.
    #[must_use]
    pub fn as_number(&self) -> Option<i64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(name) => number_of(name).or_else(|| name.parse::<HResult>().ok().map(|code| i64::from(code.0))),
            _ => None,
        }
    }

    /// An object's number.
    #[must_use]
    pub fn as_object(&self) -> Option<u32> {
        match self {
            Value::Object { object } => Some(*object),
            _ => None,
        }
    }

    /// Whether what was found is what was wanted: of a structure only the fields named, a number by name or as such.
    #[must_use]
    pub fn is_met_by(&self, found: &Value) -> bool {
        match (self, found) {
            (Value::Fields(wanted), Value::Fields(found)) => {
                wanted.iter().all(|(name, wanted)| wanted.is_met_by(found.get(name).unwrap_or(&Value::Null)))
            }
            (Value::List(wanted), Value::List(found)) => {
                wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| wanted.is_met_by(found))
            }
            (wanted, found) if wanted == found => true,
            (wanted, found) => {
                let guids = wanted.as_guid().zip(found.as_guid()).is_some_and(|(wanted, found)| wanted == found);
                guids || wanted.as_number().zip(found.as_number()).is_some_and(|(wanted, found)| wanted == found)
            }
        }
    }

    /// A value of an enumeration, by name where it has one.
    #[must_use]
    pub fn enumerated(of: &str, number: i64) -> Value {
        let name = enumeration(of).and_then(|known| known.values.iter().find(|(_, value)| *value == number));
        name.map_or(Value::Number(number), |(name, _)| Value::text(*name))
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Text(text) => write!(f, "`{text}`"),
            Value::Object { object } => write!(f, "object {object}"),
            Value::BackupComponents { backup_components } => write!(f, "backup components object {backup_components}"),
            Value::Async { operation } => write!(f, "operation {operation}"),
            Value::List(all) => {
                f.write_str("[")?;
                for (at, one) in all.iter().enumerate() {
                    write!(f, "{}{one}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Value::Fields(all) => {
                f.write_str("{")?;
                for (at, (name, one)) in all.iter().enumerate() {
                    write!(f, "{}{name}: {one}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

impl MethodCall {
    /// A call without arguments, on nothing.
    #[must_use]
    pub fn new(method: MethodRef) -> MethodCall {
        MethodCall { method, on: Value::Null, arguments: BTreeMap::new(), injected: None, unprivileged: false, step: 0 }
    }

    /// The argument of this parameter; NULL if it was not given.
    #[must_use]
    pub fn argument(&self, parameter: &str) -> &Value {
        self.arguments.get(parameter).unwrap_or(&Value::Null)
    }

    /// Whether NULL was passed for this parameter on purpose.
    #[must_use]
    pub fn passes_null(&self, parameter: &str) -> bool {
        self.arguments.get(parameter).is_some_and(Value::is_null)
    }

    /// A text argument; none for NULL.
    #[must_use]
    pub fn text(&self, parameter: &str) -> Option<&str> {
        self.argument(parameter).as_text()
    }

    /// A GUID argument; the NULL GUID if it was not given.
    #[must_use]
    pub fn guid(&self, parameter: &str) -> Guid {
        self.argument(parameter).as_guid().unwrap_or_default()
    }

    /// A number or a value of an enumeration; 0 if it was not given.
    #[must_use]
    pub fn number(&self, parameter: &str) -> i64 {
        self.argument(parameter).as_number().unwrap_or(0)
    }

    /// An index; beyond every list if it is negative or too large.
    #[must_use]
    pub fn index(&self, parameter: &str) -> usize {
        usize::try_from(self.number(parameter)).unwrap_or(usize::MAX)
    }

    /// A yes or no; no if it was not given.
    #[must_use]
    pub fn flag(&self, parameter: &str) -> bool {
        self.argument(parameter).as_flag().unwrap_or(false)
    }
}
