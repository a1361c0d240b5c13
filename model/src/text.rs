//! Foreign text in messages: cut to a bearable length, and without what a terminal would obey. Bytes as text.

/// The most characters of a name in a message.
const NAME: usize = 80;

/// The most characters of a path in a message: the longest that most of Windows takes.
const PATH: usize = 260;

/// A foreign path, or the name of a component, for a message.
#[must_use]
pub fn path(text: &str) -> String {
    shortened(text, PATH)
}

/// A foreign name or value for a message.
#[must_use]
pub fn quoted(text: &str) -> String {
    shortened(text, NAME)
}

/// At most `limit` characters of a foreign text, for a message.
#[must_use]
pub fn shortened(text: &str, limit: usize) -> String {
    let mut cut: String = text.chars().take(limit).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    printable(&cut)
}

/// The same number of characters; tabs as blanks, what a terminal would obey as U+FFFD.
#[must_use]
pub fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        // Bidirectional controls could make the message read as something it is not.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Bytes as hexadecimal digits, two for each.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_is_cut_and_made_harmless() {
        assert_eq!(quoted("a\t\u{1b}[31m\u{202e}ä"), "a \u{fffd}[31m\u{fffd}ä");
        assert_eq!(shortened("abcd", 4), "abcd");
        assert_eq!(shortened("äöüß?", 4), "äöüß…");
    }
}
