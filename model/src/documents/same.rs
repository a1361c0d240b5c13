//! Whether two texts are the same document, judged by the XML alone.
//!
//! Made for tests of reading and writing, so it shares nothing with the reader but the decoding of bytes: no rule, no
//! tree. Elements, attributes, values, text and their order count; the order of attributes, blanks between elements,
//! quotes, the spelling of references, encoding, prolog and comments do not (XML Information Set).

use std::collections::BTreeMap;
use std::fmt;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::encoding::decode;

/// Where two documents part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How many elements began before it, in both documents.
    pub element: usize,
    /// What stands there in the first document.
    pub first: String,
    /// What stands there in the second document.
    pub second: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} elements: {} against {}", self.element, self.first, self.second)
    }
}

impl std::error::Error for Difference {}

/// Compares two documents.
///
/// # Errors
/// The first difference; a text that is no XML differs from everything.
pub fn same_document(first: &[u8], second: &[u8]) -> Result<(), Difference> {
    let difference = |element, first: &Item, second: &Item| Difference {
        element,
        first: first.to_string(),
        second: second.to_string(),
    };
    let texts = (decode(first), decode(second));
    let (Ok(first), Ok(second)) = (&texts.0, &texts.1) else {
        let shown = |text: Option<String>| Item::Broken(text.unwrap_or_else(|| "readable bytes".to_owned()));
        let faults = (texts.0.err().map(|e| e.to_string()), texts.1.err().map(|e| e.to_string()));
        return Err(difference(0, &shown(faults.0), &shown(faults.1)));
    };
    let mut first = Items::new(first);
    let mut second = Items::new(second);
    let mut elements = 0;
    loop {
        let (a, b) = (first.next(), second.next());
        if a != b || matches!(a, Item::Broken(_)) {
            return Err(difference(elements, &a, &b));
        }
        match a {
            Item::Over => return Ok(()),
            Item::Start(..) => elements += 1,
            _ => {}
        }
    }
}

/// A piece of a document that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Start(String, BTreeMap<String, String>),
    End(String),
    Text(String),
    Broken(String),
    Over,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Start(name, attributes) => {
                write!(f, "<{name}")?;
                attributes.iter().try_for_each(|(name, value)| write!(f, " {name}={value:?}"))?;
                f.write_str(">")
            }
            Item::End(name) => write!(f, "</{name}>"),
            Item::Text(text) => write!(f, "text {text:?}"),
            Item::Broken(what) => f.write_str(what),
            Item::Over => f.write_str("the end"),
        }
    }
}

struct Items<'a> {
    reader: Reader<&'a [u8]>,
    depth: usize,
}

impl<'a> Items<'a> {
    fn new(text: &'a str) -> Items<'a> {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.trim_text(true);
        Items { reader, depth: 0 }
    }

    fn next(&mut self) -> Item {
        loop {
            return match self.reader.read_event() {
                Err(fault) => Item::Broken(fault.to_string()),
                Ok(Event::Start(tag) | Event::Empty(tag)) => {
                    self.depth += 1;
                    start(&tag)
                }
                Ok(Event::End(tag)) => {
                    self.depth = self.depth.saturating_sub(1);
                    Item::End(tag.name().as_ref().to_owned())
                }
                Ok(Event::Text(text)) if text.trim().is_empty() => continue,
                Ok(Event::Text(text)) => Item::Text(text.to_string()),
                Ok(Event::CData(text)) => Item::Text(text.to_string()),
                Ok(Event::GeneralRef(name)) => Item::Text(format!("&{};", &*name)),
                Ok(Event::Decl(_) | Event::Comment(_) | Event::PI(_)) => continue,
                Ok(Event::DocType(_)) => Item::Broken("a document type declaration".to_owned()),
                Ok(Event::Eof) if self.depth > 0 => Item::Broken("an element that is never closed".to_owned()),
                Ok(Event::Eof) => Item::Over,
            };
        }
    }
}

fn start(tag: &BytesStart<'_>) -> Item {
    let mut attributes = BTreeMap::new();
    for attribute in tag.attributes() {
        let attribute = match attribute {
            Ok(attribute) => attribute,
            Err(fault) => return Item::Broken(fault.to_string()),
        };
        match attribute.normalized_value(XmlVersion::Implicit1_0) {
            Ok(value) => attributes.insert(attribute.key.as_ref().to_owned(), value.into_owned()),
            Err(fault) => return Item::Broken(fault.to_string()),
        };
    }
    Item::Start(tag.name().as_ref().to_owned(), attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_count() {
        let first = "<?xml version=\"1.0\"?>\n<A b=\"1\" c=\"&lt;'\">\r\n\t<B/><!-- c --></A>";
        let second = "\u{feff}<A c='&#60;&apos;' b='1' ><B></B></A>";
        same_document(first.as_bytes(), second.as_bytes()).unwrap();
        let utf16: Vec<u8> = second.encode_utf16().flat_map(u16::to_le_bytes).collect();
        same_document(first.as_bytes(), &utf16).unwrap();
    }

    #[test]
    fn what_counts_makes_a_difference() {
        let good = "<A b=\"1\"><B/><C/>text</A>";
        let others = [
            "<A b=\"2\"><B/><C/>text</A>",
            "<A b=\"1\" c=\"\"><B/><C/>text</A>",
            "<A><B/><C/>text</A>",
            "<A b=\"1\"><C/><B/>text</A>",
            "<A b=\"1\"><B><C/></B>text</A>",
            "<A b=\"1\"><B/><C/>tent</A>",
            "<A b=\"1\"><B/><C/></A>",
            "<A b=\"1\"><B/><C/>text</A><D/>",
            "<A b=\"1\"><B/><C/>text</D>",
            "<A b=\"1\"><B/><C/>text",
            "<a b=\"1\"><B/><C/>text</a>",
        ];
        for other in others {
            same_document(good.as_bytes(), other.as_bytes()).unwrap_err();
            same_document(other.as_bytes(), good.as_bytes()).unwrap_err();
        }
        let difference = same_document(good.as_bytes(), others[0].as_bytes()).unwrap_err();
        assert_eq!(difference.to_string(), "after 0 elements: <A b=\"1\"> against <A b=\"2\">");
        same_document(b"<A>", b"<A>").unwrap_err();
        let broken = same_document(b"\xff\xff", good.as_bytes()).unwrap_err();
        assert!(broken.to_string().contains("not UTF-8"), "{broken}");
    }

    #[test]
    fn a_line_end_counts_as_a_blank_and_a_reference_to_one_as_itself() {
        same_document(b"<A b=\"1\r\n2\"/>", b"<A b=\"1 2\"/>").unwrap();
        same_document(b"<A b=\"1\n2\"/>", b"<A b=\"1&#10;2\"/>").unwrap_err();
    }
}
