//! What is wrong with a scenario, where, what was expected instead, and the nearest right name.
//!
//! ```text
//! error: backup.yaml:12:15: `64 GBB` is not a size
//!    |
//! 12 |         size: 64 GBB
//!    |               ^^^^^^
//! expected: a whole number and a unit (B, KiB, MiB, GiB, TiB), such as `64 KiB`
//! did you mean `64 GiB`?
//! ```
//!
//! A [`Problem`] is a mistake at a place; a [`ScenarioError`] is a problem together with the file's name and the line
//! that holds it, so that it can be shown without the file.

use std::fmt;

use crate::yaml::Pos;

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every kind.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
        }
    };
}

kinds! {
    /// The kinds of mistakes, one for each reaction that a reader of the error may have.
    ErrorKind {
        /// The text is no YAML, or uses a part of YAML that scenarios do not.
        NotYaml,
        /// The text is larger, deeper or more repetitive than a scenario may be.
        TooLarge,
        /// A key that this place does not have.
        UnknownKey,
        /// A key that this place needs.
        MissingKey,
        /// A key given twice.
        DuplicateKey,
        /// A mapping where a list belongs, and the like.
        WrongShape,
        /// A name that YAML reads as a number, a yes or no, or nothing.
        NotQuoted,
        /// A time or a size without a unit, with an unknown one, or with the wrong kind of unit.
        WrongUnit,
        /// Not one of the words of a closed list.
        UnknownWord,
        /// No release of Windows.
        UnknownRelease,
        /// No HRESULT.
        NotAnHResult,
        /// No GUID.
        NotAGuid,
        /// No path, or a path of the wrong form.
        NotAPath,
        /// A format other than those this version reads.
        WrongFormat,
        /// A number, a time or a text outside of its limits.
        OutOfRange,
        /// A name that nothing in the scenario has.
        UnknownName,
        /// A name that two things have.
        DuplicateName,
        /// A size that is zero, beyond the limit, or larger than what holds it.
        ImpossibleSize,
        /// Two extents that share bytes of a disk.
        Overlap,
        /// A file that is not on the volume it is listed under, or on none.
        OutsideVolume,
        /// Two keys that exclude each other, or one that needs another.
        Contradiction,
        /// A file that the scenario names and that cannot be read.
        UnreadableFile,
        /// A Writer Metadata Document that is none, or metadata that no document can hold.
        BadDocument,
    }
}

/// One mistake at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of mistake it is.
    pub kind: ErrorKind,
    /// Where it is.
    pub pos: Pos,
    /// What is wrong, in one sentence without its full stop.
    pub what: String,
    /// What was expected instead; empty where `what` says it already.
    pub expected: String,
    /// The nearest right name.
    pub nearest: Option<String>,
}

impl Problem {
    /// A mistake whose place is filled in by who knows it.
    #[must_use]
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Problem {
        Problem { kind, pos: Pos::default(), what: what.into(), expected: String::new(), nearest: None }
    }

    /// Says what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Problem {
        self.expected = expected.into();
        self
    }

    /// Looks for the nearest right name among `known`.
    #[must_use]
    pub fn near<'a>(mut self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Problem {
        self.nearest = nearest(wrong, known);
        self
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, pos: Pos) -> Problem {
        self.pos = pos;
        self
    }
}

/// The longest text for which a nearest name is looked for; the distance takes time that grows with the square.
const LONGEST_GUESS: usize = 64;
/// The most names among which it is looked for.
const MOST_GUESSES: usize = 500;

/// The name among `known` that differs least from `wrong`, when it differs by little.
#[must_use]
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let length = wrong.chars().count();
    if length == 0 || length > LONGEST_GUESS {
        return None;
    }
    let folded = wrong.to_lowercase();
    // Two letters, as of a drive, are near to every other two: only their case may differ.
    let limit = length / 3;
    known
        .into_iter()
        .take(MOST_GUESSES)
        .filter(|name| name.len() <= LONGEST_GUESS)
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= limit && *name != wrong)
        .min()
        .map(|(_, name)| name.to_owned())
}

/// A list of names for `expected: …`, cut where it gets too long to help.
#[must_use]
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 24;
    let all: Vec<&str> = names.into_iter().collect();
    let mut text = String::new();
    for (at, name) in all.iter().take(SHOWN).enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        text.push('`');
        text.push_str(&shortened(name));
        text.push('`');
    }
    if all.len() > SHOWN {
        text.push_str(&format!(" or one of {} more", all.len() - SHOWN));
    }
    if all.len() > 1 { format!("one of {text}") } else { text }
}

/// A foreign text, made short and harmless for a terminal.
#[must_use]
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).map(harmless).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        // Bidirectional controls could make the excerpt read as something it is not.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// A mistake in a file, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file's name, as its reader knows it.
    pub file: String,
    /// The mistake and its place.
    pub problem: Problem,
    /// The line that holds the place; empty where the place is unknown.
    excerpt: Excerpt,
}

impl ScenarioError {
    /// Puts a mistake into its file.
    #[must_use]
    pub fn new(file: &str, text: &str, problem: Problem) -> ScenarioError {
        let excerpt = Excerpt::of(text, problem.pos);
        ScenarioError { file: file.to_owned(), problem, excerpt }
    }

    /// The line, counted from 1; 0 where no place is known.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.problem.pos.line
    }

    /// The column in characters, counted from 1; 0 where no place is known.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.problem.pos.column
    }

    /// The kind of mistake.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.problem.kind
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pos { line, column, .. } = self.problem.pos;
        if line == 0 {
            writeln!(f, "error: {}: {}", self.file, self.problem.what)?;
        } else {
            writeln!(f, "error: {}:{line}:{column}: {}", self.file, self.problem.what)?;
            let number = line.to_string();
            let gutter = " ".repeat(number.len());
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{number} | {}", self.excerpt.line)?;
            writeln!(f, "{gutter} | {}{}", " ".repeat(self.excerpt.before), "^".repeat(self.excerpt.marked.max(1)))?;
        }
        if !self.problem.expected.is_empty() {
            writeln!(f, "expected: {}", self.problem.expected)?;
        }
        if let Some(nearest) = &self.problem.nearest {
            writeln!(f, "did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

/// A line of the file, cut to what a terminal shows, and the marked part of it, in characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Excerpt {
    line: String,
    before: usize,
    marked: usize,
}

impl Excerpt {
    fn of(text: &str, pos: Pos) -> Excerpt {
        const WIDTH: usize = 110;
        const LEAD: usize = 40;
        let Some(at) = pos.line.checked_sub(1) else { return Excerpt::default() };
        let line = text.lines().nth(at as usize).unwrap_or("");
        let column = pos.column.saturating_sub(1) as usize;
        let reach = column + (pos.length as usize).min(LEAD);
        let skipped = if reach > WIDTH { column.saturating_sub(LEAD) } else { 0 };
        let shown: String = line.chars().skip(skipped).take(WIDTH).map(harmless).collect();
        let rest = shown.chars().count().saturating_sub(column - skipped);
        let marked = (pos.length as usize).min(rest);
        let (lead, before) = if skipped > 0 { ("…", column - skipped + 1) } else { ("", column) };
        Excerpt { line: format!("{lead}{shown}"), before, marked }
    }
}

/// Every mistake found in a scenario, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(pub Vec<ScenarioError>);

impl Errors {
    /// Puts mistakes into their file and in order.
    #[must_use]
    pub fn new(file: &str, text: &str, mut problems: Vec<Problem>) -> Errors {
        problems.sort_by_key(|problem| (problem.pos.line, problem.pos.column, problem.kind));
        Errors(problems.into_iter().map(|problem| ScenarioError::new(file, text, problem)).collect())
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_close_or_absent() {
        assert_eq!(nearest("Databse Writer", ["Database Writer", "System Writer"]), Some("Database Writer".to_owned()));
        assert_eq!(nearest("Exchange", ["Database Writer", "System Writer"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest(&"x".repeat(10_000), ["x"]), None);
    }

    #[test]
    fn a_long_line_is_cut_around_the_mistake() {
        let text = format!("{}wrong{}", "a".repeat(500), "b".repeat(500));
        let pos = Pos { line: 1, column: 501, length: 5 };
        let shown = ScenarioError::new("f", &text, Problem::new(ErrorKind::NotYaml, "x").at(pos)).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[3].find('^').unwrap();
        let marked: String = lines[2].chars().skip(caret).take(5).collect();
        assert_eq!(marked, "wrong");
        assert!(lines[2].chars().count() < 130);
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let pos = Pos { line: 1, column: 1, length: 400 };
        let error = ScenarioError::new("f", "\u{1b}[31mred\u{202e}", Problem::new(ErrorKind::NotYaml, "x").at(pos));
        assert!(error.to_string().chars().all(|c| c == '\n' || !c.is_control()));
    }
}
