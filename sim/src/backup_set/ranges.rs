//! Ranges of partial files and directed targets: `offset:length` joined by commas, or a file that holds them (PART-004 to -006).

use std::fmt;

/// The most ranges of one file. More are a mistake, or an attack.
const MOST: usize = 1 << 20;

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its first byte.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// Why ranges cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRanges {
    /// A range is not `offset:length`.
    NoPair,
    /// A number is not one of 64 bits, decimal or hexadecimal.
    Number,
    /// A range ends beyond the largest offset.
    TooFar,
    /// There are too many.
    TooMany,
    /// A ranges file is not as long as its count says.
    Length,
}

impl fmt::Display for BadRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadRanges::NoPair => "a range is not `offset:length`",
            BadRanges::Number => "an offset or length is no number of 64 bits, decimal or hexadecimal",
            BadRanges::TooFar => "a range ends beyond the largest offset",
            BadRanges::TooMany => "there are more than 1,048,576 ranges",
            BadRanges::Length => "the ranges file is not as long as the number of its ranges says",
        })
    }
}

impl std::error::Error for BadRanges {}

/// The ranges file that a text names, if it names one: `File=` and a path (PART-005), or a path alone, as the page of AddPartialFile
/// has it.
#[must_use]
pub fn file_of(text: &str) -> Option<&str> {
    let text = text.trim();
    match text.split_at_checked(5) {
        Some((prefix, path)) if prefix.eq_ignore_ascii_case("file=") => Some(path.trim()),
        _ => text.contains('\\').then_some(text),
    }
}

/// Reads a list of ranges. An empty text has none.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Range>, BadRanges> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::new();
    for pair in text.split(',') {
        let (offset, length) = pair.split_once(':').ok_or(BadRanges::NoPair)?;
        push(&mut ranges, number(offset)?, number(length)?)?;
    }
    Ok(ranges)
}

fn push(ranges: &mut Vec<Range>, offset: u64, length: u64) -> Result<(), BadRanges> {
    offset.checked_add(length).ok_or(BadRanges::TooFar)?;
    if ranges.len() >= MOST {
        return Err(BadRanges::TooMany);
    }
    ranges.push(Range { offset, length });
    Ok(())
}

fn number(text: &str) -> Result<u64, BadRanges> {
    let text = text.trim();
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = hexadecimal.map_or((text, 10), |digits| (digits, 16));
    // A sign is no digit, though the standard library reads one.
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(BadRanges::Number);
    }
    u64::from_str_radix(digits, radix).map_err(|_| BadRanges::Number)
}

/// Reads a ranges file: a count, then an offset and a length for each range, all of 64 bits, little-endian (PART-006).
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Vec<Range>, BadRanges> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
    let count = words.next().ok_or(BadRanges::Length)?;
    let count = usize::try_from(count).ok().filter(|count| *count <= MOST).ok_or(BadRanges::TooMany)?;
    if !rest.is_empty() || words.len() != count * 2 {
        return Err(BadRanges::Length);
    }
    let mut ranges = Vec::new();
    while let (Some(offset), Some(length)) = (words.next(), words.next()) {
        push(&mut ranges, offset, length)?;
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_lengths_are_decimal_or_hexadecimal() {
        let range = |offset, length| Range { offset, length };
        // PART-022, PART-023.
        assert_eq!(parse("0:5,100:20"), Ok(vec![range(0, 5), range(100, 20)]));
        assert_eq!(parse("64:448, 0x10000:0X10000"), Ok(vec![range(64, 448), range(0x1_0000, 0x1_0000)]));
        assert_eq!(parse(" "), Ok(Vec::new()));
        assert_eq!(parse("0:18446744073709551615"), Ok(vec![range(0, u64::MAX)]));
    }

    #[test]
    fn what_is_no_list_of_ranges_is_refused() {
        assert_eq!(parse("5"), Err(BadRanges::NoPair));
        assert_eq!(parse("0:5,"), Err(BadRanges::NoPair));
        assert_eq!(parse("-1:5"), Err(BadRanges::Number));
        assert_eq!(parse("0:+5"), Err(BadRanges::Number));
        assert_eq!(parse("0x:5"), Err(BadRanges::Number));
        assert_eq!(parse("0:18446744073709551616"), Err(BadRanges::Number));
        assert_eq!(parse("1:18446744073709551615"), Err(BadRanges::TooFar));
    }

    #[test]
    fn a_ranges_file_holds_a_count_and_pairs() {
        let bytes = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!(read(&bytes(&[1, 64, 448])), Ok(vec![Range { offset: 64, length: 448 }]));
        assert_eq!(read(&bytes(&[0])), Ok(Vec::new()));
        assert_eq!(read(&bytes(&[2, 64, 448])), Err(BadRanges::Length));
        assert_eq!(read(&bytes(&[u64::MAX, 64, 448])), Err(BadRanges::TooMany));
        assert_eq!(read(&[1, 2, 3]), Err(BadRanges::Length));
        assert_eq!(read(&bytes(&[1, 1, u64::MAX])), Err(BadRanges::TooFar));
        assert_eq!(file_of(r"File=C:\a\ranges.bin"), Some(r"C:\a\ranges.bin"));
        assert_eq!((file_of(r"C:\a\ranges.bin"), file_of("0:5")), (Some(r"C:\a\ranges.bin"), None));
    }
}
