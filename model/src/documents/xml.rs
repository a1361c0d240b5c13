//! Reads the text of a document into a tree, along the rules of its shape.
//!
//! quick-xml finds the tags; this module takes the attributes apart, so that it can name the column of every fault, and
//! holds each name and value against the rules as it comes. One pass, no look back: time and memory grow with the
//! input. Line and column are worked out only once a fault is found.
//!
//! Left out of the tree: prolog, comments, processing instructions and blanks between elements. Refused: document
//! type declarations (no entity is ever expanded but the five of XML) and text. The rules bound nesting (four levels) and
//! the number of attributes: what they do not name is refused where it begins.

use std::borrow::Cow;
use std::collections::BTreeSet;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::encoding::{decode, is_xml_character};
use super::error::{DocumentError, DocumentErrorKind as Kind, nearest};
use super::shape::{Count, ElementRule};
use super::tree::{Attribute, Element};
use crate::text::quoted;

/// Reads a document whose root follows `root`, and refuses whatever the rules do not allow.
pub(crate) fn read(bytes: &[u8], root: &'static ElementRule) -> Result<Element, DocumentError> {
    let text = decode(bytes)?;
    Scan { text: &text, root, passes: Passes::Nothing, open: Vec::new(), done: None }.run()
}

/// Reads whatever is XML and has the root element named by `root`. What the rules do not allow is passed over: attributes that
/// they do not know are left out, elements in the wrong place become [`ElementRule::STRANGER`], values stay as they are.
pub(crate) fn read_loosely(text: &str, root: &'static ElementRule) -> Result<Element, DocumentError> {
    Scan { text, root, passes: Passes::Shape, open: Vec::new(), done: None }.run()
}

/// Which faults are passed over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passes {
    Nothing,
    /// Those of the shape. What is no XML is refused all the same.
    Shape,
}

struct Scan<'a> {
    text: &'a str,
    root: &'static ElementRule,
    passes: Passes,
    open: Vec<Open>,
    done: Option<Element>,
}

/// An element whose end tag has not come yet, and where its start tag stands.
struct Open {
    element: Element,
    /// The element's name, as the end tag has to repeat it.
    name: Cow<'static, str>,
    at: usize,
}

impl Scan<'_> {
    fn fault(&self, at: usize, kind: Kind) -> DocumentError {
        DocumentError::at(self.text, at, kind)
    }

    /// A fault of the shape. Made only if it is not passed over, since looking for its place costs.
    fn shape(&self, at: usize, kind: impl FnOnce() -> Kind) -> Result<(), DocumentError> {
        match self.passes {
            Passes::Shape => Ok(()),
            Passes::Nothing => Err(self.fault(at, kind())),
        }
    }

    fn malformed(&self, at: usize, what: &str) -> DocumentError {
        self.fault(at, Kind::Malformed { what: what.to_owned() })
    }

    fn run(mut self) -> Result<Element, DocumentError> {
        let mut reader = Reader::from_str(self.text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.check_comments = true;
        loop {
            let at = offset(reader.buffer_position());
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(fault) => return Err(self.malformed(offset(reader.error_position()), &fault.to_string())),
            };
            match event {
                Event::Start(tag) => self.start(&tag, at, false)?,
                Event::Empty(tag) => self.start(&tag, at, true)?,
                Event::End(tag) => self.end(&tag, at)?,
                Event::Text(text) => self.no_text(&text, at)?,
                Event::CData(text) => self.no_text(&text, at + "<![CDATA[".len())?,
                Event::GeneralRef(name) => self.reference_in_text(&name, at)?,
                Event::Decl(prolog) => self.prolog(&prolog, at)?,
                Event::DocType(_) => return Err(self.fault(at, Kind::DocumentType)),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if let Some(open) = self.open.last() {
            return Err(self.fault(open.at, Kind::Unclosed { element: quoted(&open.name) }));
        }
        match self.done.take() {
            Some(element) => Ok(element),
            None => Err(self.fault(self.text.len(), Kind::NoRoot)),
        }
    }

    /// A start tag: `content` is what stands between `<` and `>` or `/>`.
    fn start(&mut self, content: &str, at: usize, empty: bool) -> Result<(), DocumentError> {
        let name_end = content.find(is_blank).unwrap_or(content.len());
        let (name, attributes) = content.split_at(name_end);
        if name.is_empty() {
            return Err(self.malformed(at, "a tag without a name"));
        }
        let rule = self.rule_for(name, at)?;
        let mut element = Element::new(rule);
        self.attributes(&mut element, attributes, at + 1 + name_end)?;
        if let Some(missing) = rule.attributes.iter().find(|a| a.required && element.get(a.name).is_none()) {
            self.shape(at, || Kind::MissingAttribute { attribute: missing.name, element: rule.name })?;
        }
        let is_stranger = rule == ElementRule::STRANGER;
        let name = if is_stranger { Cow::Owned(name.to_owned()) } else { Cow::Borrowed(rule.name) };
        let open = Open { element, name, at };
        if empty {
            return self.close(open);
        }
        self.open.push(open);
        Ok(())
    }

    /// Which rule an element of this name follows here.
    fn rule_for(&self, name: &str, at: usize) -> Result<&'static ElementRule, DocumentError> {
        let Some(parent) = self.open.last().map(|open| &open.element) else {
            return match name == self.root.name {
                _ if self.done.is_some() => Err(self.malformed(at, "a second root element")),
                true => Ok(self.root),
                false => Err(self.fault(at, Kind::WrongRoot { found: quoted(name), expected: self.root.name })),
            };
        };
        if let Some(child) = parent.rule.child(name) {
            if child.count != Count::Any && parent.child(child.element.name).is_some() {
                let kind = || Kind::RepeatedElement { element: child.element.name, parent: parent.rule.name };
                self.shape(at, kind)?;
            }
            return Ok(child.element);
        }
        self.shape(at, || self.misplaced(name, parent))?;
        Ok(ElementRule::STRANGER)
    }

    /// An element that its parent does not have.
    fn misplaced(&self, name: &str, parent: &Element) -> Kind {
        let places = self.root.parents_of(name);
        match places.first() {
            Some((element, _)) => Kind::MisplacedElement {
                element,
                parent: parent.rule.name,
                belongs_in: places.iter().map(|(_, place)| *place).collect(),
            },
            None => {
                let expected: Vec<_> = parent.rule.children.iter().map(|c| c.element.name).collect();
                let nearest = nearest(name, expected.iter().copied());
                Kind::UnknownElement { found: quoted(name), parent: parent.rule.name, expected, nearest }
            }
        }
    }

    /// Reads the attributes in `source`, which starts at byte `base` of the text.
    fn attributes(&self, element: &mut Element, source: &str, base: usize) -> Result<(), DocumentError> {
        let mut rest = source;
        let mut strangers = BTreeSet::new();
        loop {
            let trimmed = rest.trim_start_matches(is_blank);
            let at = base + (source.len() - trimmed.len());
            if trimmed.is_empty() {
                return Ok(());
            }
            if trimmed.len() == rest.len() {
                return Err(self.malformed(at, "attributes without a blank between them"));
            }
            let name_end =
                trimmed.find(|c| is_blank(c) || matches!(c, '=' | '"' | '\'' | '<')).unwrap_or(trimmed.len());
            let (name, after) = trimmed.split_at(name_end);
            if name.is_empty() {
                return Err(self.malformed(at, "an attribute without a name"));
            }
            let Some(after) = after.trim_start_matches(is_blank).strip_prefix('=') else {
                return Err(self.malformed(at, "an attribute without a value"));
            };
            let after = after.trim_start_matches(is_blank);
            let value_at = base + (source.len() - after.len());
            let quote = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => quote,
                _ => return Err(self.malformed(value_at, "a value without quotes")),
            };
            let mut parts = after.splitn(3, quote).skip(1);
            let (Some(raw), Some(left)) = (parts.next(), parts.next()) else {
                return Err(self.malformed(value_at, "a value without a closing quote"));
            };
            if !self.attribute(element, (name, at), (raw, value_at + 1))? && !strangers.insert(name) {
                return Err(self.malformed(at, "an attribute that stands there twice"));
            }
            rest = left;
        }
    }

    /// Takes in one attribute: its name and its raw value, each with its place. Answers whether the rules know it.
    fn attribute(&self, element: &mut Element, name: (&str, usize), raw: (&str, usize)) -> Result<bool, DocumentError> {
        let Some(rule) = element.rule.attribute(name.0) else {
            self.shape(name.1, || {
                let expected: Vec<_> = element.rule.attributes.iter().map(|a| a.name).collect();
                let nearest = nearest(name.0, expected.iter().copied());
                Kind::UnknownAttribute { found: quoted(name.0), element: element.rule.name, expected, nearest }
            })?;
            return self.value(raw.0, raw.1).map(|_| false);
        };
        if element.get(rule.name).is_some() {
            return Err(self.fault(name.1, Kind::DuplicateAttribute { attribute: rule.name }));
        }
        let value = self.value(raw.0, raw.1)?;
        if let Err(kind) = rule.check(&value) {
            self.shape(raw.1, || kind)?;
        }
        let keep = value.contains(['\t', '\n', '\r']);
        let source = keep.then(|| raw.0.into());
        element.attributes.push(Attribute { name: rule.name, value: value.into(), source });
        Ok(true)
    }

    /// Resolves the references in a value.
    fn value(&self, raw: &str, at: usize) -> Result<String, DocumentError> {
        let mut value = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(found) = rest.find(['&', '<', '\r']) {
            let (plain, special) = rest.split_at(found);
            value.push_str(plain);
            let here = at + (raw.len() - special.len());
            if let Some(after) = special.strip_prefix('\r') {
                // A line end is one LF, however it is written (XML 1.0, section 2.11).
                value.push('\n');
                rest = after.strip_prefix('\n').unwrap_or(after);
                continue;
            }
            let Some(after) = special.strip_prefix('&') else {
                return Err(self.malformed(here, "`<` in a value; expected `&lt;`"));
            };
            let Some((name, after)) = after.split_once(';') else {
                return Err(self.malformed(here, "`&` in a value without `;`; expected `&amp;`"));
            };
            value.push(self.reference(name, here)?);
            rest = after;
        }
        value.push_str(rest);
        Ok(value)
    }

    /// The character that a reference stands for.
    fn reference(&self, name: &str, at: usize) -> Result<char, DocumentError> {
        match name {
            "amp" => return Ok('&'),
            "lt" => return Ok('<'),
            "gt" => return Ok('>'),
            "quot" => return Ok('"'),
            "apos" => return Ok('\''),
            _ => {}
        }
        let Some(number) = name.strip_prefix('#') else {
            return Err(self.fault(at, Kind::UnknownEntity { name: quoted(name) }));
        };
        let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
        // `from_str_radix` would take a sign.
        let code = if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() };
        match code.and_then(char::from_u32).filter(|c| is_xml_character(*c)) {
            Some(c) => Ok(c),
            None => Err(self.fault(at, Kind::WrongCharacterReference { found: quoted(name) })),
        }
    }

    fn end(&mut self, content: &str, at: usize) -> Result<(), DocumentError> {
        let name = content.trim_end_matches(is_blank);
        match self.open.pop() {
            Some(open) if open.name == name => self.close(open),
            other => {
                let open = other.map(|open| quoted(&open.name));
                Err(self.fault(at, Kind::WrongEndTag { found: format!("</{}>", quoted(name)), open }))
            }
        }
    }

    /// An element is complete: its required children must be there, and it goes into its parent.
    fn close(&mut self, open: Open) -> Result<(), DocumentError> {
        let Open { mut element, at, .. } = open;
        let rule = element.rule;
        if let Some(missing) =
            rule.children.iter().find(|c| c.count == Count::One && element.child(c.element.name).is_none())
        {
            self.shape(at, || Kind::MissingElement { element: missing.element.name, parent: rule.name })?;
        }
        element.attributes.shrink_to_fit();
        match self.open.last_mut() {
            // What stands in a stranger is of no interest, so the tree stays as flat as the rules.
            Some(parent) if parent.element.rule == ElementRule::STRANGER => {}
            Some(parent) => parent.element.push(element),
            None => self.done = Some(element),
        }
        Ok(())
    }

    fn no_text(&self, text: &str, at: usize) -> Result<(), DocumentError> {
        match text.find(|c| !is_blank(c)) {
            None => Ok(()),
            Some(first) => {
                let found = text.get(first..).unwrap_or_default().trim_end_matches(is_blank);
                self.shape(at + first, || Kind::UnexpectedText { found: quoted(found) })
            }
        }
    }

    fn reference_in_text(&self, name: &str, at: usize) -> Result<(), DocumentError> {
        self.reference(name, at)?;
        self.shape(at, || Kind::UnexpectedText { found: format!("&{name};") })
    }

    /// The prolog: it stands first, and names an encoding that Windows uses or none.
    fn prolog(&self, prolog: &str, at: usize) -> Result<(), DocumentError> {
        if at != 0 {
            return Err(self.malformed(at, "the XML declaration does not stand first"));
        }
        let Some((_, label)) = prolog.split_once("encoding") else { return Ok(()) };
        let label = label.trim_start_matches(|c| is_blank(c) || c == '=');
        let label = label.trim_start_matches(['"', '\'']).split(['"', '\'']).next().unwrap_or_default();
        let known = ["utf-8", "utf-16", "utf-16le", "utf-16be", "unicode", "us-ascii"];
        if known.iter().any(|name| label.eq_ignore_ascii_case(name)) {
            return Ok(());
        }
        let at = self.text.find("encoding").unwrap_or(at);
        Err(self.fault(at, Kind::UnsupportedEncoding { found: quoted(label) }))
    }
}

/// What XML counts as a blank.
const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// A position of quick-xml as an index; the text is far smaller than the address space.
fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
