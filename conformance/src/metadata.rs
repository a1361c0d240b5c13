//! Reads of a Writer Metadata Document what the rules ask for.
//!
//! A reader of its own, so that a mistake in the code that writes the documents cannot hide itself. It takes no offence
//! at what it does not know; what is missing or broken it keeps as a problem, and a rule reports it.

use std::collections::BTreeSet;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use vssim_model::ids::{WriterClassId, WriterInstanceId};

/// What the rules ask of a Writer Metadata Document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The writer class.
    pub class: Option<WriterClassId>,
    /// The writer instance.
    pub instance: Option<WriterInstanceId>,
    /// The writer's name.
    pub name: String,
    /// Whether the writer manages a database, transactional or not.
    pub database: bool,
    /// Whether its files may be restored to new targets (VSS_BS_WRITER_SUPPORTS_NEW_TARGET).
    pub new_targets: bool,
    /// The components, in the order of the document.
    pub components: Vec<Component>,
    /// What is missing or broken, in words.
    pub problems: Vec<String>,
}

/// A component of a writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// Its logical path, empty at the root.
    pub logical_path: String,
    /// Its name.
    pub name: String,
    /// Whether it is selectable for backup.
    pub selectable: bool,
    /// The drives on which its files lie, such as `C:\`, as far as the paths name a drive.
    pub drives: BTreeSet<String>,
    /// The components of other writers that it depends on.
    pub depends: Vec<Dependency>,
}

/// A dependency on a component of another writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependency {
    /// The class of the other writer.
    pub class: Option<WriterClassId>,
    /// The logical path.
    pub logical_path: String,
    /// The name.
    pub name: String,
}

impl Dependency {
    /// Whether the component is on another computer: its path or its name begins with two backslashes (DEP-010, DEP-011).
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.logical_path.starts_with(r"\\") || self.name.starts_with(r"\\")
    }

    /// Whether this component is meant. A backslash at either end of a path says nothing (C-06).
    #[must_use]
    pub fn means(&self, component: &Component) -> bool {
        let bare = |path: &str| path.trim_matches('\\').to_owned();
        self.name == component.name && bare(&self.logical_path) == bare(&component.logical_path)
    }
}

impl Component {
    /// Whether this component lies below another in the logical path hierarchy: its logical path is the other's full
    /// path or starts with it (SEL-BKP-012).
    #[must_use]
    pub fn is_below(&self, other: &Component) -> bool {
        let parent = match other.logical_path.as_str() {
            "" => other.name.clone(),
            path => format!(r"{path}\{}", other.name),
        };
        self.logical_path.strip_prefix(&parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
    }
}

impl Metadata {
    /// Reads the text. Never fails: what cannot be read is a problem.
    #[must_use]
    pub fn read(text: &str) -> Metadata {
        let mut document = Metadata::default();
        let mut seen = Seen::default();
        let mut reader = Reader::from_str(text);
        loop {
            match reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(Event::Start(element)) => document.element(&element, true, &mut seen),
                Ok(Event::Empty(element)) => document.element(&element, false, &mut seen),
                Ok(Event::End(element)) => {
                    if is_component(element.name().as_ref()) {
                        seen.inside = false;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    document.problems.push(format!("the document is not well-formed: {error}"));
                    break;
                }
            }
        }
        if !seen.identification {
            document.problems.push("the element IDENTIFICATION is missing".to_owned());
        }
        if !seen.restore_method && !document.components.is_empty() {
            document.problems.push("the element RESTORE_METHOD is missing".to_owned());
        }
        document
    }

    fn element(&mut self, element: &BytesStart<'_>, opens: bool, seen: &mut Seen) {
        match element.name().as_ref() {
            "WRITER_METADATA" => {
                let schema: Option<u32> = attribute(element, "backupSchema").and_then(|number| number.parse().ok());
                self.new_targets = schema.is_some_and(|bits| bits & 0x100 != 0);
            }
            "IDENTIFICATION" => {
                seen.identification = true;
                self.identification(element);
            }
            "RESTORE_METHOD" => {
                seen.restore_method = true;
                if attribute(element, "method").as_deref() == Some("UNDEFINED") {
                    self.problems.push("the restore method is VSS_RME_UNDEFINED".to_owned());
                }
            }
            name if is_component(name) => {
                let yes = |value: String| value.eq_ignore_ascii_case("yes");
                self.components.push(Component {
                    logical_path: attribute(element, "logicalPath").unwrap_or_default(),
                    name: attribute(element, "componentName").unwrap_or_default(),
                    selectable: attribute(element, "selectable").is_some_and(yes),
                    drives: BTreeSet::new(),
                    depends: Vec::new(),
                });
                seen.inside = opens;
            }
            "FILE_LIST" | "DATABASE_FILES" | "DATABASE_LOGFILES" if seen.inside && needs_shadow_copy(element) => {
                let path = attribute(element, "alternatePath").or_else(|| attribute(element, "path"));
                if let (Some(component), Some(drive)) = (self.components.last_mut(), path.as_deref().and_then(drive)) {
                    component.drives.insert(drive);
                }
            }
            "DEPENDENCY" if seen.inside => {
                if let Some(component) = self.components.last_mut() {
                    component.depends.push(Dependency {
                        class: attribute(element, "writerId").and_then(|text| text.parse().ok()),
                        logical_path: attribute(element, "logicalPath").unwrap_or_default(),
                        name: attribute(element, "componentName").unwrap_or_default(),
                    });
                }
            }
            _ => {}
        }
    }

    fn identification(&mut self, element: &BytesStart<'_>) {
        self.class = attribute(element, "writerId").and_then(|text| text.parse().ok());
        self.instance = attribute(element, "instanceId").and_then(|text| text.parse().ok());
        self.name = attribute(element, "friendlyName").unwrap_or_default();
        let source = attribute(element, "dataSource").unwrap_or_default();
        self.database = matches!(source.as_str(), "TRANSACTION_DB" | "NONTRANSACTION_DB");
        for (what, missing) in [
            ("writer class id", self.class.is_none()),
            ("writer instance id", self.instance.is_none()),
            ("writer name", self.name.is_empty()),
            ("usage type", attribute(element, "usage").is_none_or(|text| text.is_empty())),
            ("source type", source.is_empty()),
        ] {
            if missing {
                self.problems.push(format!("the {what} is missing or no such thing"));
            }
        }
    }
}

#[derive(Default)]
struct Seen {
    identification: bool,
    restore_method: bool,
    /// Whether the reader stands inside a component.
    inside: bool,
}

fn is_component(name: &str) -> bool {
    matches!(name, "DATABASE" | "FILE_GROUP")
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    let text = attribute.value.as_ref();
    Some(quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned))
}

/// Whether the file set is read from a shadow copy: one of the `VSS_FSBT_*_SNAPSHOT_REQUIRED` bits (0x0f00), which
/// stand for themselves where the mask is absent.
fn needs_shadow_copy(element: &BytesStart<'_>) -> bool {
    attribute(element, "filespecBackupType")
        .and_then(|mask| mask.parse::<u32>().ok())
        .is_none_or(|mask| mask & 0xf00 != 0)
}

/// The root of the drive that a path names; nothing for a variable or a volume GUID name.
fn drive(path: &str) -> Option<String> {
    let mut letters = path.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), Some(':')) if letter.is_ascii_alphabetic() => {
            Some(format!(r"{}:\", letter.to_ascii_uppercase()))
        }
        _ => None,
    }
}
