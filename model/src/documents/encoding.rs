//! From bytes to text: UTF-8 and UTF-16, with or without a byte-order mark.
//!
//! ```text
//! EF BB BF …   UTF-8      FF FE …   UTF-16LE     FE FF …   UTF-16BE
//! 3C …         UTF-8      3C 00 …   UTF-16LE     00 3C …   UTF-16BE      (no mark: the first character tells)
//! ```
//!
//! Windows hands the documents out as strings (UTF-16); tools save them as they like. A label in the prolog decides
//! nothing, because a tool that converts the string rarely corrects it; a label of another encoding is refused when
//! the prolog is read.

use std::borrow::Cow;

use super::error::{DocumentError, DocumentErrorKind};

/// The most bytes a document may have. The largest recorded one has 2 MB.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The text of a document, without its byte-order mark.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, DocumentError> {
    if bytes.len() > MAX_BYTES {
        let kind = DocumentErrorKind::TooLarge { bytes: bytes.len(), limit: MAX_BYTES };
        return Err(DocumentError::at("", 0, kind));
    }
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)?),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)?),
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(utf8(rest)?),
        [first, 0, ..] if *first != 0 => Cow::Owned(utf16(bytes, u16::from_le_bytes)?),
        [0, second, ..] if *second != 0 => Cow::Owned(utf16(bytes, u16::from_be_bytes)?),
        _ => Cow::Borrowed(utf8(bytes)?),
    };
    match text.char_indices().find(|(_, c)| !is_xml_character(*c)) {
        Some((at, c)) => Err(DocumentError::at(&text, at, DocumentErrorKind::IllegalCharacter { code: u32::from(c) })),
        None => Ok(text),
    }
}

/// Whether XML 1.0 allows the character (production 2, `Char`).
pub(crate) const fn is_xml_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn utf8(bytes: &[u8]) -> Result<&str, DocumentError> {
    std::str::from_utf8(bytes).map_err(|fault| {
        let valid = bytes.get(..fault.valid_up_to()).unwrap_or_default();
        let text = std::str::from_utf8(valid).unwrap_or_default();
        DocumentError::at(text, text.len(), DocumentErrorKind::NotUtf8)
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, DocumentError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(pairs.len());
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match decoded {
            Ok(c) => text.push(c),
            Err(_) => return Err(DocumentError::at(&text, text.len(), DocumentErrorKind::NotUtf16)),
        }
    }
    if rest.is_empty() { Ok(text) } else { Err(DocumentError::at(&text, text.len(), DocumentErrorKind::NotUtf16)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_a_document_gives_the_same_text() {
        let text = "<ä€😀/>";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(text.as_bytes()).unwrap(), text);
        assert_eq!(decode(&[&[0xef, 0xbb, 0xbf], text.as_bytes()].concat()).unwrap(), text);
        assert_eq!(decode(&le).unwrap(), text);
        assert_eq!(decode(&be).unwrap(), text);
        assert_eq!(decode(&[&[0xff, 0xfe], le.as_slice()].concat()).unwrap(), text);
        assert_eq!(decode(&[&[0xfe, 0xff], be.as_slice()].concat()).unwrap(), text);
    }

    #[test]
    fn half_a_utf_16_character_is_refused_where_it_stands() {
        for bytes in [&b"<\0a\0/"[..], &b"<\0a\0\0\xd8>\0"[..]] {
            let fault = decode(bytes).unwrap_err();
            assert_eq!(*fault.kind(), DocumentErrorKind::NotUtf16);
            assert_eq!((fault.line(), fault.column()), (Some(1), Some(3)));
        }
    }
}
