//! Text from foreign traces made harmless, and numbers, sizes and times as people read them.
//!
//! A trace may hold any name and message: control characters would move the cursor, escape sequences would colour or
//! overwrite the terminal, marks of direction would turn a line round. All of these are written out (`\u{1b}`), and
//! what is too long is cut.

use std::fmt::Write as _;

use vssim_model::ids::Guid;
use vssim_model::time::Ticks;

/// The longest name that a report prints, in characters.
pub(crate) const NAME: usize = 60;
/// The longest message that a report prints, in characters.
pub(crate) const MESSAGE: usize = 400;

/// Whether a character does something else than stand in its place.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text with everything harmful written out, of at most `limit` characters.
pub(crate) fn harmless(text: &str, limit: usize) -> String {
    let mut kept = String::with_capacity(text.len().min(limit));
    let mut length = 0;
    for c in text.chars() {
        if length >= limit {
            while length >= limit && limit > 0 {
                kept.pop();
                length -= 1;
            }
            kept.push('…');
            return kept;
        }
        length += 1;
        match c {
            '\n' => kept.push_str("\\n"),
            '\r' => kept.push_str("\\r"),
            '\t' => kept.push(' '),
            c if is_harmful(c) => {
                let _ = write!(kept, "\\u{{{:x}}}", u32::from(c));
            }
            c => kept.push(c),
        }
    }
    kept
}

/// A name of an actor, volume or writer, harmless and of bearable length.
pub(crate) fn name(text: &str) -> String {
    if text.trim().is_empty() { "(no name)".to_owned() } else { harmless(text.trim(), NAME) }
}

/// What introduces the words on something, as in `C: 12 blocks`: a colon, unless the label ends in one.
pub(crate) fn label(text: &str) -> String {
    if text.ends_with(':') { text.to_owned() } else { format!("{text}:") }
}

/// A name in quotes, as in a call.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", harmless(text, NAME))
}

/// How many columns of a terminal a character takes. East Asian wide characters take two, combining marks none.
pub(crate) fn columns_of(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 => 2,
        0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// How many columns of a terminal a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// `1234567` as `1,234,567`.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 block`, `2 blocks`.
pub(crate) fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", number(n)) }
}

/// As [`count`], where the plural is not formed with an s.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// A size in bytes, KiB, MiB, GiB or TiB, with one decimal, rounded down.
pub(crate) fn size(bytes: u64) -> String {
    let (unit, shift) = match bytes {
        0..0x400 => return count(bytes, "byte"),
        0x400..0x10_0000 => ("KiB", 10),
        0x10_0000..0x4000_0000 => ("MiB", 20),
        0x4000_0000..0x100_0000_0000 => ("GiB", 30),
        _ => ("TiB", 40),
    };
    let whole = bytes >> shift;
    let tenth = (((bytes & ((1 << shift) - 1)) >> (shift - 10)) * 10) >> 10;
    match tenth {
        0 => format!("{} {unit}", number(whole)),
        tenth => format!("{}.{tenth} {unit}", number(whole)),
    }
}

/// A moment in seconds with three decimals, rounded down, as the time column shows it.
pub(crate) fn clock(t: Ticks) -> String {
    format!("{}.{:03}", t.0 / 10_000_000, t.0 % 10_000_000 / 10_000)
}

/// A span in seconds: three decimals, more only where the span is shorter than a millisecond.
pub(crate) fn span(t: Ticks) -> String {
    if t.0 < 10_000 { t.to_string() } else { format!("{} s", clock(t)) }
}

/// A GUID by its first digits, as in `{8f3c2d1a…}`: enough to tell those of one trace apart.
pub(crate) fn short(id: Guid) -> String {
    if id.is_null() { "{0}".to_owned() } else { format!("{{{:08x}…}}", id.0 >> 96) }
}

/// Words joined by commas, at most `most` of them, the others counted.
pub(crate) fn list(words: &[String], most: usize) -> String {
    if words.len() <= most {
        return words.join(", ");
    }
    let shown = words.get(..most).unwrap_or_default().join(", ");
    format!("{shown} and {} more", number((words.len() - most) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_marks_of_direction_are_written_out() {
        assert_eq!(harmless("a\u{1b}[31mb\u{202e}c\nd", 80), "a\\u{1b}[31mb\\u{202e}c\\nd");
    }

    #[test]
    fn a_long_name_is_cut_and_says_so() {
        assert_eq!(harmless("abcdef", 4), "abc…");
        assert_eq!(harmless("abcd", 4), "abcd");
        assert_eq!(harmless("abcd", 0), "…");
        assert_eq!(name(&"x".repeat(10_000)).chars().count(), NAME);
    }

    #[test]
    fn numbers_sizes_and_times_read_as_people_write_them() {
        assert_eq!([number(0), number(999), number(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([size(1), size(1536), size(16_384), size(3 << 20)], ["1 byte", "1.5 KiB", "16 KiB", "3 MiB"]);
        assert_eq!(size(u64::MAX), "16,777,215.9 TiB");
        assert_eq!([span(Ticks(1)), span(Ticks::from_millis(327))], ["0.0000001 s", "0.327 s"]);
        assert_eq!(count(1, "write"), "1 write");
    }
}
