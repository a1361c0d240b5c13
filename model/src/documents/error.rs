//! What can be wrong with a document, one variant for each kind of fault.
//!
//! A fault found while reading knows its line and column (both from 1, columns in characters) and an excerpt of the
//! line. A refusal of a builder has no place, since there is no text yet.

use std::fmt;

use crate::hresult::HResult;
use crate::text::{path, printable};

/// A document that cannot be read, or a change that a document refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    inner: Box<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: DocumentErrorKind,
    place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    excerpt: String,
    caret: usize,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentErrorKind {
    /// The input is larger than any document is allowed to be.
    TooLarge {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The bytes are no UTF-8.
    NotUtf8,
    /// A UTF-16 document with half a code unit, or with half a surrogate pair.
    NotUtf16,
    /// The prolog names an encoding that Windows does not use for these documents.
    UnsupportedEncoding {
        /// The name given.
        found: String,
    },
    /// A character that XML 1.0 does not allow.
    IllegalCharacter {
        /// Its code point.
        code: u32,
    },
    /// There is no element at all.
    NoRoot,
    /// A document type declaration: refused, since none of these documents has one and entities can explode.
    DocumentType,
    /// The text is no XML.
    Malformed {
        /// What the grammar asks for.
        what: String,
    },
    /// An end tag that does not fit.
    WrongEndTag {
        /// The name in the end tag.
        found: String,
        /// The element that is open, if any.
        open: Option<String>,
    },
    /// An element without an end tag.
    Unclosed {
        /// The element.
        element: String,
    },
    /// An entity other than the five that XML defines.
    UnknownEntity {
        /// Its name.
        name: String,
    },
    /// A character reference that names no character.
    WrongCharacterReference {
        /// The reference, without `&` and `;`.
        found: String,
    },
    /// Text between elements.
    UnexpectedText {
        /// The first characters of it.
        found: String,
    },
    /// The root element belongs to another kind of document.
    WrongRoot {
        /// The root found.
        found: String,
        /// The root expected.
        expected: &'static str,
    },
    /// An element that no document of this kind has.
    UnknownElement {
        /// Its name.
        found: String,
        /// The element around it.
        parent: &'static str,
        /// What may stand here.
        expected: Vec<&'static str>,
        /// The nearest of these.
        nearest: Option<&'static str>,
    },
    /// An element in the wrong place.
    MisplacedElement {
        /// Its name.
        element: &'static str,
        /// The element around it.
        parent: &'static str,
        /// Where it belongs.
        belongs_in: Vec<&'static str>,
    },
    /// An element that stands there twice.
    RepeatedElement {
        /// Its name.
        element: &'static str,
        /// The element around it.
        parent: &'static str,
    },
    /// An element that must be there.
    MissingElement {
        /// Its name.
        element: &'static str,
        /// The element around it.
        parent: &'static str,
    },
    /// An attribute that the element does not have.
    UnknownAttribute {
        /// Its name.
        found: String,
        /// The element.
        element: &'static str,
        /// What it may have.
        expected: Vec<&'static str>,
        /// The nearest of these.
        nearest: Option<&'static str>,
    },
    /// An attribute that stands there twice.
    DuplicateAttribute {
        /// Its name.
        attribute: &'static str,
    },
    /// An attribute that must be there.
    MissingAttribute {
        /// Its name.
        attribute: &'static str,
        /// The element.
        element: &'static str,
    },
    /// A word that the attribute does not know.
    WrongValue {
        /// The attribute.
        attribute: &'static str,
        /// Its value.
        found: String,
        /// The words it knows.
        expected: Vec<&'static str>,
        /// The nearest of these.
        nearest: Option<&'static str>,
    },
    /// A value that is not a GUID.
    NotAGuid {
        /// The attribute.
        attribute: &'static str,
        /// Its value.
        found: String,
    },
    /// A value that is not a decimal number of 32 (times: 64) bits.
    NotANumber {
        /// The attribute.
        attribute: &'static str,
        /// Its value.
        found: String,
    },
    /// A version of the schema that is not `1.` and a number.
    WrongVersion {
        /// The value.
        found: String,
    },
    /// An empty value where a name is needed.
    EmptyValue {
        /// The attribute.
        attribute: &'static str,
    },
    /// A component of this logical path and name is there already (CMP-DEF-004).
    DuplicateComponent {
        /// The logical path.
        logical_path: String,
        /// The name.
        name: String,
    },
    /// No component of this logical path and name.
    NoSuchComponent {
        /// The logical path.
        logical_path: String,
        /// The name.
        name: String,
    },
    /// Files of a kind that the component's type does not have (CMP-DEF-018).
    WrongComponentType {
        /// What was to be added.
        element: &'static str,
        /// The component.
        name: String,
    },
    /// `VSS_CT_UNDEFINED` or another value that the documents call an error of the application.
    UndefinedValue {
        /// The documented name of the value.
        value: &'static str,
    },
    /// A backslash in a component's name (page of AddComponent).
    BackslashInName {
        /// The name.
        name: String,
    },
    /// A directory in a file specification (CMP-DEF-013).
    BackslashInFilespec {
        /// The file specification.
        filespec: String,
    },
    /// A wildcard in a path (CMP-DEF-012).
    WildcardInPath {
        /// The path.
        path: String,
    },
    /// Recursion or an alternate path for database files (CMP-DEF-009).
    PlainDatabaseFiles {
        /// `recursive` or `alternatePath`.
        attribute: &'static str,
    },
    /// A component that depends on one of the same writer (page of AddComponentDependency).
    DependencyOnItself,
    /// An alternate location mapping before the restore method is set (page of AddAlternateLocationMapping).
    NoRestoreMethod,
    /// The restore method is set already.
    SecondRestoreMethod,
}

impl DocumentError {
    /// A refusal, which has no place in a text.
    pub(crate) fn refusal(kind: DocumentErrorKind) -> DocumentError {
        DocumentError { inner: Box::new(Inner { kind, place: None }) }
    }

    /// A fault at byte `at` of `text`.
    pub(crate) fn at(text: &str, at: usize, kind: DocumentErrorKind) -> DocumentError {
        DocumentError { inner: Box::new(Inner { kind, place: Some(place(text, at)) }) }
    }

    /// That an element is missing.
    pub(crate) fn missing(element: &'static str, parent: &'static str) -> DocumentError {
        DocumentError::refusal(DocumentErrorKind::MissingElement { element, parent })
    }

    /// Whether what was read is a document with this other root.
    #[must_use]
    pub fn is_other_root(&self, root: &str) -> bool {
        matches!(&self.inner.kind, DocumentErrorKind::WrongRoot { found, .. } if found == root)
    }

    /// Whether what was read is no XML at all, rather than a document with a fault in what it says.
    #[must_use]
    pub fn is_no_xml(&self) -> bool {
        use DocumentErrorKind as Kind;
        matches!(
            self.inner.kind,
            Kind::TooLarge { .. }
                | Kind::NotUtf8
                | Kind::NotUtf16
                | Kind::UnsupportedEncoding { .. }
                | Kind::IllegalCharacter { .. }
                | Kind::NoRoot
                | Kind::DocumentType
                | Kind::Malformed { .. }
                | Kind::WrongEndTag { .. }
                | Kind::Unclosed { .. }
                | Kind::UnknownEntity { .. }
                | Kind::WrongCharacterReference { .. }
                | Kind::DuplicateAttribute { .. }
        )
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &DocumentErrorKind {
        &self.inner.kind
    }

    /// The line, from 1; `None` for a refusal of a builder.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.inner.place.as_ref().map(|p| p.line)
    }

    /// The column in characters, from 1; `None` for a refusal of a builder.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.inner.place.as_ref().map(|p| p.column)
    }

    /// The neighbourhood of the fault in its line, and below it a caret under the first wrong character.
    #[must_use]
    pub fn excerpt(&self) -> Option<String> {
        let place = self.inner.place.as_ref()?;
        Some(format!("{}\n{}^", place.excerpt, " ".repeat(place.caret)))
    }

    /// What the interface method answers: `VSS_E_OBJECT_ALREADY_EXISTS` for a duplicate, `VSS_E_OBJECT_NOT_FOUND` for
    /// what is missing, `E_INVALIDARG` for other refusals, `VSS_E_INVALID_XML_DOCUMENT` for what cannot be read
    /// (pages of `IVssCreateWriterMetadata` and `IVssBackupComponents`).
    #[must_use]
    pub fn hresult(&self) -> HResult {
        use DocumentErrorKind as Kind;
        if self.inner.place.is_some() {
            return HResult::VSS_E_INVALID_XML_DOCUMENT;
        }
        match self.inner.kind {
            Kind::DuplicateComponent { .. } => HResult::VSS_E_OBJECT_ALREADY_EXISTS,
            Kind::NoSuchComponent { .. } | Kind::NoRestoreMethod => HResult::VSS_E_OBJECT_NOT_FOUND,
            _ => HResult::E_INVALIDARG,
        }
    }
}

impl DocumentErrorKind {
    /// The requirement that is broken, if one of the catalogue says it.
    #[must_use]
    pub const fn requirement(&self) -> Option<&'static str> {
        match self {
            DocumentErrorKind::DuplicateComponent { .. } => Some("CMP-DEF-004"),
            DocumentErrorKind::WrongComponentType { .. } => Some("CMP-DEF-018"),
            DocumentErrorKind::BackslashInFilespec { .. } => Some("CMP-DEF-013"),
            DocumentErrorKind::WildcardInPath { .. } => Some("CMP-DEF-012"),
            DocumentErrorKind::PlainDatabaseFiles { .. } => Some("CMP-DEF-009"),
            _ => None,
        }
    }
}

/// How many characters an excerpt shows on each side of the fault: documents of Windows are one long line.
const EXCERPT: usize = 40;

/// Finds line and column. Lines end in LF, CR LF or CR, as XML 1.0 has it (section 2.11).
fn place(text: &str, at: usize) -> Place {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let (mut line, mut start) = (1, 0);
    let bytes = text.as_bytes();
    for (i, &byte) in bytes.iter().enumerate().take(at) {
        let ends = byte == b'\n' || (byte == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
        if ends {
            line += 1;
            start = i + 1;
        }
    }
    let before = text.get(start..at).unwrap_or_default();
    let column = before.chars().count() + 1;
    let shown = tail(before, EXCERPT);
    let after: String = text.get(at..).unwrap_or_default().chars().take(EXCERPT).collect();
    let after = after.split(['\r', '\n']).next().unwrap_or_default();
    let excerpt = printable(&format!("{shown}{after}"));
    Place { line, column, caret: shown.chars().count(), excerpt }
}

/// The last `n` characters of a text.
fn tail(text: &str, n: usize) -> &str {
    let from = text.char_indices().rev().take(n).last().map_or(text.len(), |(i, _)| i);
    text.get(from..).unwrap_or_default()
}

/// The word nearest to a mistyped one: equal but for case, or at most a third of its letters away. A constant of the
/// API, `VSS_CT_FILEGROUP`, counts as its last part.
pub(crate) fn nearest(found: &str, words: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let found: String = found.chars().take(64).flat_map(char::to_lowercase).collect();
    let constant = found.strip_prefix("vss_").and_then(|rest| rest.split_once('_'));
    let found = constant.map_or(&*found, |(_, last)| last);
    words
        .map(|word| (strsim::osa_distance(found, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.inner.place {
            write!(f, "line {}, column {}: ", place.line, place.column)?;
        }
        self.inner.kind.fmt(f)
    }
}

impl std::error::Error for DocumentError {}

/// Appends what was expected and what was probably meant.
fn hint(f: &mut fmt::Formatter<'_>, expected: &[&str], nearest: Option<&str>) -> fmt::Result {
    match nearest {
        Some(word) => write!(f, "; did you mean `{word}`? ")?,
        None => f.write_str("; ")?,
    }
    match expected {
        [] => f.write_str("nothing is expected here"),
        [only] => write!(f, "expected `{only}`"),
        many => write!(f, "expected one of {}", many.join(", ")),
    }
}

impl fmt::Display for DocumentErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DocumentErrorKind as Kind;
        match self {
            Kind::UnknownElement { .. }
            | Kind::MisplacedElement { .. }
            | Kind::RepeatedElement { .. }
            | Kind::MissingElement { .. }
            | Kind::UnknownAttribute { .. }
            | Kind::DuplicateAttribute { .. }
            | Kind::MissingAttribute { .. }
            | Kind::WrongRoot { .. } => self.fmt_shape(f),
            Kind::WrongValue { .. }
            | Kind::NotAGuid { .. }
            | Kind::NotANumber { .. }
            | Kind::WrongVersion { .. }
            | Kind::EmptyValue { .. } => self.fmt_value(f),
            Kind::DuplicateComponent { .. }
            | Kind::NoSuchComponent { .. }
            | Kind::WrongComponentType { .. }
            | Kind::UndefinedValue { .. }
            | Kind::BackslashInName { .. }
            | Kind::BackslashInFilespec { .. }
            | Kind::WildcardInPath { .. }
            | Kind::PlainDatabaseFiles { .. }
            | Kind::DependencyOnItself
            | Kind::NoRestoreMethod
            | Kind::SecondRestoreMethod => self.fmt_refusal(f),
            _ => self.fmt_text(f),
        }
    }
}

impl DocumentErrorKind {
    /// Faults of the text: encoding and XML grammar.
    fn fmt_text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DocumentErrorKind as Kind;
        match self {
            Kind::TooLarge { bytes, limit } => write!(f, "the document has {bytes} bytes; at most {limit} are read"),
            Kind::NotUtf8 => f.write_str("the bytes from here on are not UTF-8; expected UTF-8 or UTF-16"),
            Kind::NotUtf16 => f.write_str("half of a UTF-16 character"),
            Kind::UnsupportedEncoding { found } => {
                write!(f, "encoding `{found}` is not read; expected UTF-8 or UTF-16")
            }
            Kind::IllegalCharacter { code } => write!(f, "character U+{code:04X} is not allowed in XML"),
            Kind::NoRoot => f.write_str("the document has no element"),
            Kind::DocumentType => f.write_str("a document type declaration is refused"),
            Kind::Malformed { what } => write!(f, "not well-formed XML: {}", path(what)),
            Kind::WrongEndTag { found, open: Some(open) } => {
                write!(f, "end tag `{found}` does not fit; expected `</{open}>`")
            }
            Kind::WrongEndTag { found, open: None } => write!(f, "end tag `{found}` without a start tag"),
            Kind::Unclosed { element } => write!(f, "{element} is never closed"),
            Kind::UnknownEntity { name } => {
                write!(f, "unknown entity `&{name};`; expected one of &amp; &lt; &gt; &quot; &apos;")
            }
            Kind::WrongCharacterReference { found } => write!(f, "`&{found};` names no character"),
            Kind::UnexpectedText { found } => write!(f, "unexpected text `{found}`; expected an element"),
            _ => Ok(()),
        }
    }

    /// Faults of the shape: which elements and attributes stand where.
    fn fmt_shape(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DocumentErrorKind as Kind;
        match self {
            Kind::WrongRoot { found, expected } => {
                write!(f, "the document is `{found}`; expected `{expected}`")
            }
            Kind::UnknownElement { found, parent, expected, nearest } => {
                write!(f, "unknown element `{found}` in {parent}")?;
                hint(f, expected, *nearest)
            }
            Kind::MisplacedElement { element, parent, belongs_in } => {
                write!(f, "{element} does not stand in {parent}; it belongs in {}", belongs_in.join(" or "))
            }
            Kind::RepeatedElement { element, parent } => write!(f, "a second {element} in {parent}; expected one"),
            Kind::MissingElement { element, parent } => write!(f, "{parent} has no {element}; expected one"),
            Kind::UnknownAttribute { found, element, expected, nearest } => {
                write!(f, "unknown attribute `{found}` of {element}")?;
                hint(f, expected, *nearest)
            }
            Kind::DuplicateAttribute { attribute } => write!(f, "attribute `{attribute}` stands there twice"),
            Kind::MissingAttribute { attribute, element } => write!(f, "{element} has no attribute `{attribute}`"),
            _ => Ok(()),
        }
    }

    /// Faults of an attribute's value.
    fn fmt_value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DocumentErrorKind as Kind;
        match self {
            Kind::WrongValue { attribute, found, expected, nearest } => {
                write!(f, "`{found}` is no value of `{attribute}`")?;
                hint(f, expected, *nearest)
            }
            Kind::NotAGuid { attribute, found } => write!(
                f,
                "`{found}` in `{attribute}` is not a GUID; expected 8-4-4-4-12 hexadecimal digits, with or without braces"
            ),
            Kind::NotANumber { attribute, found } => {
                write!(f, "`{found}` in `{attribute}` is not a number; expected decimal digits")
            }
            Kind::WrongVersion { found } => write!(f, "version `{found}` is not read; expected `1.2` or another `1.`"),
            Kind::EmptyValue { attribute } => write!(f, "`{attribute}` is empty; expected a name"),
            _ => Ok(()),
        }
    }

    /// Refusals of the builders.
    fn fmt_refusal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DocumentErrorKind as Kind;
        match self {
            Kind::DuplicateComponent { logical_path, name } => {
                let (name, logical_path) = (path(name), path(logical_path));
                write!(f, "component `{name}` at logical path `{logical_path}` is there already (CMP-DEF-004)")
            }
            Kind::NoSuchComponent { logical_path, name } => {
                write!(f, "no component `{}` at logical path `{}`", path(name), path(logical_path))
            }
            Kind::WrongComponentType { element, name } => {
                write!(f, "component `{}` is not of a type that has {element} (CMP-DEF-018)", path(name))
            }
            Kind::UndefinedValue { value } => write!(f, "{value} is an error of the application"),
            Kind::BackslashInName { name } => write!(f, "component name `{}` holds a backslash", path(name)),
            Kind::BackslashInFilespec { filespec } => {
                write!(
                    f,
                    "file specification `{}` holds a backslash; the directory goes into the path (CMP-DEF-013)",
                    path(filespec)
                )
            }
            Kind::WildcardInPath { path: wrong } => {
                let wrong = path(wrong);
                write!(f, "path `{wrong}` holds a wildcard; wildcards go into the file specification (CMP-DEF-012)")
            }
            Kind::PlainDatabaseFiles { attribute } => {
                write!(f, "database and log files have no `{attribute}` (CMP-DEF-009)")
            }
            Kind::DependencyOnItself => f.write_str("a component cannot depend on a component of the same writer"),
            Kind::NoRestoreMethod => {
                f.write_str("the restore method has to be set before an alternate location mapping")
            }
            Kind::SecondRestoreMethod => f.write_str("the restore method is set already; a writer has one"),
            _ => Ok(()),
        }
    }
}
