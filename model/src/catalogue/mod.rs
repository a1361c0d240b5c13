//! The catalogue of documented methods: every interface that requesters and writers call, with parameters and codes.
//!
//! Names and types are those of the C++ headers, so that an author finds the call as it stands in the program. The text of
//! a page is not here, only what a machine can hold a call against. Pages: nf-*.md of MicrosoftDocs/sdk-api.
//!
//! Free functions stand under the header that declares them (`vsbackup.h`, `vswriter.h`).

mod backup_components;
mod component;
mod enumerations;
mod requester;
mod shared;
mod writer;

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What kind of thing methods belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Free functions of a header.
    Functions,
    /// A COM interface.
    Interface,
    /// A C++ class.
    Class,
}

/// An interface with its own methods, without those it inherits.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// Its name; of free functions the header's.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its methods, in the order of the pages.
    pub methods: &'static [Method],
}

/// A method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// Whether it hands back an IVssAsync and goes on behind it.
    pub asynchronous: bool,
    /// Its parameters, in order.
    pub parameters: &'static [Parameter],
    /// What it may return, in one text; [`Method::codes`] has them one by one.
    codes: &'static str,
    /// Its page.
    pub page: &'static str,
}

/// Which way a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Given by the caller.
    In,
    /// Filled in for the caller.
    Out,
    /// Both.
    InOut,
    /// Reserved: whatever the page demands of it.
    Reserved,
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its type in C++.
    pub c_type: &'static str,
    /// Which way it goes.
    pub direction: Direction,
    /// Whether NULL is allowed.
    pub optional: bool,
}

/// What type of value a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A text.
    Text,
    /// A GUID.
    Guid,
    /// A yes or no.
    Flag,
    /// A whole number.
    Number,
    /// A number with names.
    Enumeration(&'static str),
    /// An object, an array, a structure.
    Other,
}

/// An enumeration of the headers.
#[derive(Clone, Copy, Debug)]
pub struct Enumeration {
    /// Its name.
    pub name: &'static str,
    /// Its page; empty where it has none.
    pub page: &'static str,
    /// Names and numbers.
    pub values: &'static [(&'static str, i64)],
}

const fn method(
    name: &'static str,
    page: &'static str,
    parameters: &'static [Parameter],
    codes: &'static str,
) -> Method {
    Method { name, asynchronous: false, parameters, codes, page }
}

const fn asynchronous(
    name: &'static str,
    page: &'static str,
    parameters: &'static [Parameter],
    codes: &'static str,
) -> Method {
    Method { name, asynchronous: true, parameters, codes, page }
}

const fn input(name: &'static str, c_type: &'static str) -> Parameter {
    Parameter { name, c_type, direction: Direction::In, optional: false }
}

const fn output(name: &'static str, c_type: &'static str) -> Parameter {
    Parameter { name, c_type, direction: Direction::Out, optional: false }
}

const fn inout(name: &'static str, c_type: &'static str) -> Parameter {
    Parameter { name, c_type, direction: Direction::InOut, optional: false }
}

const fn reserved(name: &'static str, c_type: &'static str) -> Parameter {
    Parameter { name, c_type, direction: Direction::Reserved, optional: true }
}

impl Parameter {
    /// The same, with NULL allowed.
    const fn optional(mut self) -> Parameter {
        self.optional = true;
        self
    }

    /// Whether the caller gives a value.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        !matches!(self.direction, Direction::Out)
    }

    /// Whether NULL can be passed at all: pointers and strings.
    #[must_use]
    pub fn is_pointer(&self) -> bool {
        self.c_type.ends_with('*') || matches!(self.c_type, "LPCWSTR" | "VSS_PWSZ" | "BSTR" | "PVSSCOMPONENTINFO")
    }

    /// What type of value it takes.
    #[must_use]
    pub fn value_type(&self) -> Type {
        let bare = self.c_type.trim_start_matches("const ").trim_end_matches('*');
        match bare {
            "LPCWSTR" | "VSS_PWSZ" | "BSTR" => Type::Text,
            "VSS_ID" | "CLSID" if !self.c_type.ends_with('*') || self.direction == Direction::Out => Type::Guid,
            "bool" | "BOOL" => Type::Flag,
            "DWORD" | "UINT" | "INT" | "LONG" | "ULONG" | "HRESULT" | "FILETIME" => Type::Number,
            other => match enumeration(other) {
                Some(found) => Type::Enumeration(found.name),
                None => Type::Other,
            },
        }
    }
}

/// The name under which a method without an HRESULT hands its value back.
pub const RETURN: &str = "return";

impl Method {
    /// Whether it hands a plain value back instead of an HRESULT.
    #[must_use]
    pub fn hands_back_a_value(&self) -> bool {
        self.documents("true") || self.documents("value")
    }

    /// What it may return: names of HRESULTs; `true` and `false`; `value` for another type; `HRESULT` where the page
    /// leaves it at that.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.codes.split_ascii_whitespace()
    }

    /// Whether the page documents this code.
    #[must_use]
    pub fn documents(&self, code: &str) -> bool {
        self.codes().any(|known| known == code)
    }

    /// The parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// Every interface.
pub fn interfaces() -> impl Iterator<Item = &'static Interface> {
    requester::ALL.iter().chain(shared::ALL).chain(writer::ALL)
}

/// Every method.
pub fn methods() -> impl Iterator<Item = MethodRef> {
    interfaces().flat_map(|interface| interface.methods.iter().map(move |method| MethodRef { interface, method }))
}

/// Every enumeration.
#[must_use]
pub const fn enumerations() -> &'static [Enumeration] {
    enumerations::ALL
}

/// The enumeration of this name.
#[must_use]
pub fn enumeration(name: &str) -> Option<&'static Enumeration> {
    enumerations::ALL.iter().find(|enumeration| enumeration.name == name)
}

/// The number that a name of any enumeration stands for.
#[must_use]
pub fn number_of(name: &str) -> Option<i64> {
    enumerations::ALL
        .iter()
        .find_map(|enumeration| enumeration.values.iter().find(|(known, _)| *known == name).map(|(_, number)| *number))
}

/// Finds a method by its qualified name: `IVssAsync::Wait`, `IsVolumeSnapshotted`.
#[must_use]
pub fn find(qualified: &str) -> Option<MethodRef> {
    methods().find(|found| found.is_called(qualified))
}

/// A failure of resources: not caused by what the caller did, so a test has to order it.
#[must_use]
pub fn is_resource_failure(code: &str) -> bool {
    matches!(code, "E_OUTOFMEMORY" | "VSS_E_UNEXPECTED" | "E_UNEXPECTED")
}

/// One method of one interface.
#[derive(Clone, Copy)]
pub struct MethodRef {
    /// The interface.
    pub interface: &'static Interface,
    /// The method.
    pub method: &'static Method,
}

impl MethodRef {
    fn is_called(&self, qualified: &str) -> bool {
        match qualified.split_once("::") {
            Some((interface, name)) => self.interface.name == interface && self.method.name == name,
            None => self.interface.kind == Kind::Functions && self.method.name == qualified,
        }
    }

    /// Interface and method as one may match on them.
    #[must_use]
    pub const fn name(&self) -> (&'static str, &'static str) {
        (self.interface.name, self.method.name)
    }
}

impl fmt::Display for MethodRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.interface.kind {
            Kind::Functions => f.write_str(self.method.name),
            _ => write!(f, "{}::{}", self.interface.name, self.method.name),
        }
    }
}

/// The name: all that the catalogue says of a method would hide whatever is around it.
impl fmt::Debug for MethodRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for MethodRef {
    fn eq(&self, other: &MethodRef) -> bool {
        self.name() == other.name()
    }
}

impl Eq for MethodRef {}

impl PartialOrd for MethodRef {
    fn partial_cmp(&self, other: &MethodRef) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MethodRef {
    fn cmp(&self, other: &MethodRef) -> std::cmp::Ordering {
        self.name().cmp(&other.name())
    }
}

impl Hash for MethodRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl Serialize for MethodRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MethodRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MethodRef, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        find(&name).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&name), &"a documented method"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_qualified_name() {
        for method in methods() {
            assert_eq!(find(&method.to_string()), Some(method));
        }
    }
}
