//! What of an element is as the rules of its shape demand. Reading a document strictly makes sure of everything; a
//! document that was [read loosely](super::xml::read_loosely) or damaged is asked piece by piece, by whoever reads the
//! piece.

use super::backup_components::{BackupComponents, ComponentView, WriterComponents};
use super::builder::WriterMetadataBuilder;
use super::error::{DocumentError, DocumentErrorKind as Kind};
use super::shape::{self, Count};
use super::tree::Element;

impl Element {
    /// The value of an attribute that is as the rules demand; none if it may be left out and is.
    pub(crate) fn sound(&self, name: &'static str) -> Result<Option<&str>, DocumentError> {
        let rule = self.rule.attribute(name);
        match self.get(name) {
            Some(value) => {
                rule.map_or(Ok(()), |rule| rule.check(value)).map_err(DocumentError::refusal)?;
                Ok(Some(value))
            }
            None if rule.is_some_and(|rule| rule.required) => {
                let kind = Kind::MissingAttribute { attribute: name, element: self.rule.name };
                Err(DocumentError::refusal(kind))
            }
            None => Ok(None),
        }
    }

    /// The same, as a text; empty if the attribute is left out.
    pub(crate) fn sound_text(&self, name: &'static str) -> Result<&str, DocumentError> {
        self.sound(name).map(Option::unwrap_or_default)
    }

    /// The same, as a yes or no; no if the attribute is left out.
    pub(crate) fn sound_flag(&self, name: &'static str) -> Result<bool, DocumentError> {
        self.sound(name).map(|value| value == Some("yes"))
    }

    /// The same, as a number.
    pub(crate) fn sound_number(&self, name: &'static str, default: u32) -> Result<u32, DocumentError> {
        self.sound(name).map(|_| self.number(name, default))
    }

    /// The only child of a name; none if it may be left out and is.
    pub(crate) fn sound_child(&self, name: &'static str) -> Result<Option<&Element>, DocumentError> {
        let parent = self.rule.name;
        let mut found = self.children_named(name);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(Some(only)),
            (Some(_), Some(_)) => Err(DocumentError::refusal(Kind::RepeatedElement { element: name, parent })),
            (None, _) if self.rule.child(name).is_some_and(|rule| rule.count == Count::One) => {
                Err(DocumentError::refusal(Kind::MissingElement { element: name, parent }))
            }
            (None, _) => Ok(None),
        }
    }

    /// That its children are those that it may have, each as often as it may.
    pub(crate) fn sound_children(&self) -> Result<(), DocumentError> {
        for rule in self.rule.children.iter().filter(|rule| rule.count != Count::Any) {
            self.sound_child(rule.element.name)?;
        }
        match self.elements().find(|child| self.rule.child(child.rule.name).is_none()) {
            Some(stranger) => Err(DocumentError::refusal(Kind::UnknownElement {
                found: stranger.rule.name.to_owned(),
                parent: self.rule.name,
                expected: self.rule.children.iter().map(|child| child.element.name).collect(),
                nearest: None,
            })),
            None => Ok(()),
        }
    }

    /// That these attributes are as they must be.
    pub(crate) fn sound_attribute_list(&self, names: &[&'static str]) -> Result<(), DocumentError> {
        names.iter().try_for_each(|name| self.sound(name).map(|_| ()))
    }

    /// That all its attributes are as they must be.
    pub(crate) fn sound_attributes(&self) -> Result<(), DocumentError> {
        self.rule.attributes.iter().try_for_each(|rule| self.sound(rule.name).map(|_| ()))
    }

    /// That everything in it is as it must be.
    pub(crate) fn sound_all(&self) -> Result<(), DocumentError> {
        self.sound_attributes()?;
        self.sound_children()?;
        self.elements().try_for_each(Element::sound_all)
    }
}

impl BackupComponents {
    /// That the whole document is as it must be.
    ///
    /// # Errors
    /// The first fault of a document that was damaged in memory.
    pub fn sound(&self) -> Result<(), DocumentError> {
        self.root().sound_all()
    }

    /// That the root element is as it must be: what every method relies on.
    ///
    /// # Errors
    /// The first fault of its attributes.
    pub fn sound_root(&self) -> Result<(), DocumentError> {
        self.root().sound_attributes()
    }
}

impl WriterComponents<'_> {
    /// That the writer's own attributes are as they must be.
    ///
    /// # Errors
    /// The first fault.
    pub fn sound(&self) -> Result<(), DocumentError> {
        self.element.sound_attributes()
    }
}

impl ComponentView<'_> {
    /// That these attributes of the component are as they must be.
    ///
    /// # Errors
    /// The first fault.
    pub fn sound(&self, attributes: &[&'static str]) -> Result<(), DocumentError> {
        attributes.iter().try_for_each(|name| self.element.sound(name).map(|_| ()))
    }

    /// That the component is as it must be, with all its parts.
    ///
    /// # Errors
    /// The first fault.
    pub fn sound_all(&self) -> Result<(), DocumentError> {
        self.element.sound_all()
    }

    /// That the parts of one name, such as `PARTIAL_FILE`, are as they must be.
    ///
    /// # Errors
    /// The first fault.
    pub fn sound_parts(&self, part: &'static str) -> Result<(), DocumentError> {
        self.element.children_named(part).try_for_each(Element::sound_all)
    }
}

impl WriterMetadataBuilder {
    /// That the root element is as it must be: what every method of IVssCreateWriterMetadata relies on.
    ///
    /// # Errors
    /// The first fault of its attributes.
    pub fn sound_root(&self) -> Result<(), DocumentError> {
        self.root().sound_attributes()
    }

    /// That the component that something is added to is as it must be; nothing if there is none.
    ///
    /// # Errors
    /// The first fault of its attributes.
    pub fn sound_component(&self, logical_path: &str, name: &str) -> Result<(), DocumentError> {
        self.component(logical_path, name).map_or(Ok(()), Element::sound_attributes)
    }

    /// That the restore method is as it must be; nothing if there is none.
    ///
    /// # Errors
    /// The first fault of its attributes.
    pub fn sound_restore_method(&self) -> Result<(), DocumentError> {
        let method = self.root().child(shape::RESTORE_METHOD.name);
        method.map_or(Ok(()), Element::sound_attributes)
    }

    /// That the whole document is as it must be.
    ///
    /// # Errors
    /// The first fault.
    pub fn sound(&self) -> Result<(), DocumentError> {
        self.root().sound_all()
    }
}
