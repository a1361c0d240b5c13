//! Faults planted into a document that somebody holds in memory: the condition behind `VSS_E_INVALID_XML_DOCUMENT` of
//! methods that are given no text.
//!
//! A damaged document is still a tree along the rules of its shape, but what the rules demand of it may not hold any
//! longer. Whoever reads it through an interface asks for what is [sound](super::sound) of what it reads.

use super::backup_components::BackupComponents;
use super::builder::WriterMetadataBuilder;
use super::examined::ExaminedMetadata;
use super::shape::{self, ElementRule};
use super::tree::Element;

/// A fault to be planted: one attribute of one element set to any text or taken away, or one element taken away.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Damage {
    /// The name of the element.
    pub element: String,
    /// Which of the elements of this name, from 0, in the order of the document.
    pub which: u32,
    /// The attribute; none for the element itself, which then goes.
    pub attribute: Option<String>,
    /// The attribute's new value; none to take it away.
    pub value: Option<String>,
}

/// The two documents by their roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Document {
    /// A Writer Metadata Document.
    WriterMetadata,
    /// A Backup Components Document.
    BackupComponents,
}

impl Document {
    fn root(self) -> &'static ElementRule {
        match self {
            Document::WriterMetadata => &shape::WRITER_METADATA,
            Document::BackupComponents => &shape::BACKUP_COMPONENTS,
        }
    }

    /// The names of the elements that it may hold.
    #[must_use]
    pub fn elements(self) -> Vec<&'static str> {
        fn all(rule: &'static ElementRule, into: &mut Vec<&'static ElementRule>) {
            if !into.contains(&rule) {
                into.push(rule);
            }
            rule.children.iter().for_each(|child| all(child.element, into));
        }
        let mut found = Vec::new();
        all(self.root(), &mut found);
        found.into_iter().map(|rule| rule.name).collect()
    }

    /// The names of the attributes that an element may have; none if the document has no such element.
    #[must_use]
    pub fn attributes(self, element: &str) -> Option<Vec<&'static str>> {
        fn find(rule: &'static ElementRule, name: &str) -> Option<&'static ElementRule> {
            if rule.name == name {
                return Some(rule);
            }
            rule.children.iter().find_map(|child| find(child.element, name))
        }
        Some(find(self.root(), element)?.attributes.iter().map(|attribute| attribute.name).collect())
    }
}

impl Element {
    /// Plants the fault; whether there was a place for it.
    pub(crate) fn damage(&mut self, damage: &Damage) -> bool {
        let mut left = damage.which;
        self.damage_from(damage, &mut left)
    }

    /// The same, with so many elements of the name still to be passed over.
    fn damage_from(&mut self, damage: &Damage, left: &mut u32) -> bool {
        if self.rule.name == damage.element {
            if *left == 0 {
                return self.damage_attribute(damage);
            }
            *left -= 1;
        }
        for index in 0..self.children.len() {
            let Some(child) = self.children.get(index) else { return false };
            let here = child.count(&damage.element);
            if here <= *left {
                *left -= here;
                continue;
            }
            if damage.attribute.is_none() && *left == 0 && child.rule.name == damage.element {
                self.children.remove(index);
                return true;
            }
            return self.child_mut(index).is_some_and(|child| child.damage_from(damage, left));
        }
        false
    }

    fn damage_attribute(&mut self, damage: &Damage) -> bool {
        let rule = damage.attribute.as_deref().and_then(|name| self.rule.attribute(name));
        match (rule, &damage.value) {
            (Some(rule), Some(value)) => self.put(rule.name, value),
            (Some(rule), None) => self.attributes.retain(|attribute| attribute.name != rule.name),
            // A document without its root is none.
            (None, _) => return false,
        }
        true
    }

    /// How many elements of this name there are, itself among them.
    fn count(&self, name: &str) -> u32 {
        let own = u32::from(self.rule.name == name);
        self.elements().fold(own, |all, child| all.saturating_add(child.count(name)))
    }
}

impl WriterMetadataBuilder {
    /// Plants a fault; whether there was a place for it.
    pub fn damage(&mut self, damage: &Damage) -> bool {
        self.root_mut().damage(damage)
    }
}

impl ExaminedMetadata {
    /// Plants a fault; whether there was a place for it.
    pub fn damage(&mut self, damage: &Damage) -> bool {
        self.root_mut().damage(damage)
    }
}

impl BackupComponents {
    /// Plants a fault; whether there was a place for it.
    pub fn damage(&mut self, damage: &Damage) -> bool {
        let mut root = self.root().clone();
        let done = root.damage(damage);
        if damage.attribute.is_none() {
            *self = BackupComponents::from_root(root);
        } else {
            // The names by which components are found stay: a component whose name is damaged is still that component.
            self.replace_root(root);
        }
        done
    }
}
