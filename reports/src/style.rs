//! How a report looks: its width, whether it is coloured, which characters it may use, how much it shows.

use std::borrow::Cow;

use crate::text;

/// How much a report shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only what went wrong and the milestones.
    Brief,
    /// Every event, with runs of similar ones collapsed.
    #[default]
    Normal,
    /// Every record on a line of its own, with its number.
    Verbose,
}

/// How a report looks. The default is plain text of 120 columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI colours are written.
    pub color: bool,
    /// Whether only ASCII is written.
    pub ascii: bool,
    /// How many columns a line may take.
    pub width: usize,
    /// How much is shown.
    pub verbosity: Verbosity,
}

impl Default for Style {
    fn default() -> Style {
        Style { color: false, ascii: false, width: 120, verbosity: Verbosity::Normal }
    }
}

/// The narrowest page; below it nothing can be laid out.
const NARROWEST: usize = 60;

/// How a line is meant; what colours say is said in words too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Dim,
    Good,
    Odd,
    Bad,
    Strong,
}

impl Tone {
    const fn code(self) -> Option<&'static str> {
        match self {
            Tone::Plain => None,
            Tone::Dim => Some("\u{1b}[2m"),
            Tone::Good => Some("\u{1b}[32m"),
            Tone::Odd => Some("\u{1b}[33m"),
            Tone::Bad => Some("\u{1b}[1;31m"),
            Tone::Strong => Some("\u{1b}[1m"),
        }
    }
}

impl Style {
    /// The usable width.
    pub(crate) fn columns(&self) -> usize {
        self.width.max(NARROWEST)
    }

    /// The text in the characters that the style allows.
    pub(crate) fn characters<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.ascii || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let mut plain = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                c if c.is_ascii() => plain.push(c),
                '→' => plain.push_str("->"),
                '←' => plain.push_str("<-"),
                '▶' => plain.push('>'),
                '◀' => plain.push('<'),
                '…' => plain.push_str("..."),
                '─' => plain.push('-'),
                '═' | '━' => plain.push('='),
                '│' => plain.push('|'),
                '×' => plain.push('x'),
                '·' => plain.push('-'),
                '✓' => plain.push('+'),
                '✗' => plain.push('x'),
                c => plain.extend(c.escape_unicode()),
            }
        }
        Cow::Owned(plain)
    }
}

/// A report under construction. No line ends in a space, and every line ends in a line feed.
pub(crate) struct Page<'s> {
    style: &'s Style,
    text: String,
}

impl<'s> Page<'s> {
    pub(crate) fn new(style: &'s Style) -> Page<'s> {
        Page { style, text: String::new() }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// An empty line, never two.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A text, indented, broken at spaces to the width of the page.
    pub(crate) fn line(&mut self, indent: usize, tone: Tone, text: &str) {
        let lead = " ".repeat(indent);
        self.hang(&lead, &lead, tone, text);
    }

    /// As [`Page::line`], with further lines indented by two more.
    pub(crate) fn item(&mut self, indent: usize, tone: Tone, text: &str) {
        self.hang(&" ".repeat(indent), &" ".repeat(indent + 2), tone, text);
    }

    /// A text behind a lead, broken at spaces to the width of the page; further lines stand behind another lead. The
    /// leads are dimmed.
    pub(crate) fn hang(&mut self, first: &str, next: &str, tone: Tone, text: &str) {
        let text = self.style.characters(text);
        let (first, next) = (self.style.characters(first), self.style.characters(next));
        let width = self.style.columns();
        let mut rest: &str = text.trim_end();
        let mut lead = first.as_ref();
        loop {
            let room = width.saturating_sub(text::columns(lead)).max(24);
            let (piece, after) = broken_at(rest, room);
            self.put(lead, tone, piece.trim_end());
            rest = after.trim_start();
            if rest.is_empty() {
                return;
            }
            lead = next.as_ref();
        }
    }

    /// One line as it is: the lead dimmed, the text in its tone.
    fn put(&mut self, lead: &str, tone: Tone, text: &str) {
        let before = self.text.len();
        self.painted(Tone::Dim, if text.is_empty() { lead.trim_end() } else { lead });
        self.painted(tone, text);
        debug_assert!(!self.text.get(before..).unwrap_or_default().contains('\n'));
        self.text.push('\n');
    }

    fn painted(&mut self, tone: Tone, text: &str) {
        match tone.code() {
            Some(code) if self.style.color && !text.trim().is_empty() => {
                self.text.push_str(code);
                self.text.push_str(text);
                self.text.push_str("\u{1b}[0m");
            }
            _ => self.text.push_str(text),
        }
    }
}

/// The first piece of a text that fits the room, and the rest. Breaks at a space where there is one in the second half.
fn broken_at(text: &str, room: usize) -> (&str, &str) {
    let mut used = 0;
    let mut space = None;
    for (at, c) in text.char_indices() {
        used += text::columns_of(c);
        if used > room {
            let at = space.filter(|space| *space >= at / 2).unwrap_or(at);
            return text.split_at_checked(at).unwrap_or((text, ""));
        }
        if c == ' ' {
            space = Some(at);
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_breaks_at_a_space_and_hangs() {
        let style = Style { width: 60, ..Style::default() };
        let mut page = Page::new(&style);
        page.item(2, Tone::Plain, &"word ".repeat(30));
        let text = page.into_text();
        assert!(text.lines().all(|line| line.chars().count() <= 60 && line.trim_end() == line), "{text}");
        assert_eq!(text.matches("word").count(), 30);
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("    word")));
    }

    #[test]
    fn a_word_longer_than_the_page_is_broken() {
        let style = Style { width: 60, ..Style::default() };
        let mut page = Page::new(&style);
        page.line(0, Tone::Plain, &"x".repeat(130));
        assert_eq!(page.into_text().lines().map(str::len).collect::<Vec<_>>(), [60, 60, 10]);
    }

    #[test]
    fn plain_ascii_replaces_every_other_character() {
        let style = Style { ascii: true, ..Style::default() };
        assert_eq!(style.characters("a → b… ☃"), "a -> b... \\u{2603}");
    }

    #[test]
    fn colours_appear_only_when_asked_for() {
        let colored = Style { color: true, ..Style::default() };
        let mut page = Page::new(&colored);
        page.line(0, Tone::Bad, "x");
        assert_eq!(page.into_text(), "\u{1b}[1;31mx\u{1b}[0m\n");
        let plain = Style::default();
        let mut page = Page::new(&plain);
        page.line(0, Tone::Bad, "x");
        assert_eq!(page.into_text(), "x\n");
    }
}
