//! A document as a tree: elements, attributes and values exactly as read, in their order.
//!
//! The tree is the one truth about a document; typed views look into it. So what was read is what is written: the
//! order of attributes, absent against default, the case of a GUID. Names come from the rules of `shape`, so a tree
//! can hold no name that its kind of document does not have.

use std::sync::Arc;

use super::encoding::is_xml_character;
use super::error::{DocumentError, DocumentErrorKind};
use super::shape::ElementRule;

/// An element, its attributes and its children.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Element {
    pub(crate) rule: &'static ElementRule,
    pub(crate) attributes: Vec<Attribute>,
    /// Each shared, so that a document with one element changed costs no copy of the others.
    pub(crate) children: Vec<Arc<Element>>,
}

/// What a document is made of, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// An element begins.
    Element(&'static str),
    /// An attribute of the element that began last.
    Attribute {
        /// Its name.
        name: &'static str,
        /// Its value: entities resolved, line ends as LF.
        value: &'t str,
    },
    /// The element that began last and has not ended yet ends.
    End,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    /// The value: entities resolved, line ends as LF.
    pub(crate) value: Box<str>,
    /// The value as it stood in the text, if it holds a tab or a line end. XML tells a line end that is written
    /// as such (which counts as a blank) from a reference to one (which counts as itself); Windows writes the former
    /// (captions of the ASR Writer), and what is read has to be written again the same way.
    pub(crate) source: Option<Box<str>>,
}

impl Element {
    /// An element without attributes.
    pub(crate) const fn new(rule: &'static ElementRule) -> Element {
        Element { rule, attributes: Vec::new(), children: Vec::new() }
    }

    /// The value of an attribute.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| a.name == name).map(|a| &*a.value)
    }

    /// The value of an attribute that reading and building make sure of.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Whether an attribute says `yes`.
    pub(crate) fn yes(&self, name: &str) -> bool {
        self.get(name) == Some("yes")
    }

    /// A number that the rules have proved; absent counts as `default`.
    pub(crate) fn number(&self, name: &str, default: u32) -> u32 {
        self.get(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// Sets an attribute, in its place if it is there, else as the last one; or says why the value is refused.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) -> Result<(), DocumentError> {
        if let Some(c) = value.chars().find(|c| !is_xml_character(*c)) {
            return Err(DocumentError::refusal(DocumentErrorKind::IllegalCharacter { code: u32::from(c) }));
        }
        if let Some(rule) = self.rule.attribute(name) {
            rule.check(value).map_err(DocumentError::refusal)?;
        }
        self.put(name, value);
        Ok(())
    }

    /// Sets an attribute to a value that cannot be wrong: a GUID, a number, a word of an enumeration.
    pub(crate) fn put(&mut self, name: &'static str, value: &str) {
        let value = value.into();
        match self.attributes.iter_mut().find(|a| a.name == name) {
            Some(attribute) => (attribute.value, attribute.source) = (value, None),
            None => self.attributes.push(Attribute { name, value, source: None }),
        }
    }

    /// [`put`](Self::put), for use in a chain.
    pub(crate) fn having(mut self, name: &'static str, value: &str) -> Element {
        self.put(name, value);
        self
    }

    /// [`set`](Self::set), for use in a chain.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Result<Element, DocumentError> {
        self.set(name, value)?;
        Ok(self)
    }

    /// [`set`](Self::set), if there is a value.
    pub(crate) fn with_some(self, name: &'static str, value: Option<&str>) -> Result<Element, DocumentError> {
        match value {
            Some(value) => self.with(name, value),
            None => Ok(self),
        }
    }

    /// The children.
    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().map(|child| &**child)
    }

    /// Adds a child behind the others.
    pub(crate) fn push(&mut self, child: Element) {
        self.children.push(Arc::new(child));
    }

    /// A child, to be changed.
    pub(crate) fn child_mut(&mut self, index: usize) -> Option<&mut Element> {
        self.children.get_mut(index).map(Arc::make_mut)
    }

    /// The children of one name.
    pub(crate) fn children_named(&self, name: &'static str) -> impl Iterator<Item = &Element> {
        self.elements().filter(move |child| child.rule.name == name)
    }

    /// The first child of one name.
    pub(crate) fn child(&self, name: &'static str) -> Option<&Element> {
        self.elements().find(|child| child.rule.name == name)
    }

    /// Hands over the element, its attributes and what is in it, in their order.
    pub(crate) fn visit<'t>(&'t self, take: &mut impl FnMut(Part<'t>)) {
        take(Part::Element(self.rule.name));
        for attribute in &self.attributes {
            take(Part::Attribute { name: attribute.name, value: &attribute.value });
        }
        self.elements().for_each(|child| child.visit(take));
        take(Part::End);
    }

    /// Writes the element as Windows does: no prolog, nothing between the elements.
    pub(crate) fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.rule.name);
        for attribute in &self.attributes {
            out.push(' ');
            out.push_str(attribute.name);
            out.push_str("=\"");
            match &attribute.source {
                // A value that stood in apostrophes may hold quotes.
                Some(source) => out.push_str(&source.replace('"', "&quot;")),
                None => escape(&attribute.value, out),
            }
            out.push('"');
        }
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for child in self.children.iter().filter(|child| child.rule != ElementRule::STRANGER) {
            child.write(out);
        }
        out.push_str("</");
        out.push_str(self.rule.name);
        out.push('>');
    }
}

/// `yes` or `no`.
pub(crate) const fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}
