//! Reading and writing a trace as JSON lines: the header, then a record a line.
//!
//! ```text
//!   Trace ──► header_line, record_line ──► {"format":1,…}⏎ {"n":1,…}⏎ {"n":2,…}⏎ ──► read ──► Trace
//! ```
//!
//! Reading is strict, since a verdict is worth no more than the trace behind it: a field that is unknown or written
//! although it has its default, a number out of turn, a time that runs backwards, a cause that is no earlier record, an
//! actor that the header does not declare, each is refused with line and column and what was expected. Hostile input
//! costs an error, never a panic: a line has a size limit, and the JSON reader limits nesting.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::text::{quoted, shortened};
use crate::time::Ticks;
use crate::trace::{FORMAT, Header, Name, Record, Trace};

/// The longest line that is read, in bytes. The largest recorded Writer Metadata Document takes a quarter of it.
pub const LINE_LIMIT: usize = 16 << 20;

/// The most characters of the JSON reader's own words that are shown. The longest list of methods takes less.
const MESSAGE_LIMIT: usize = 2_000;

/// Why a text is no trace, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in bytes, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: TraceProblem,
}

/// What is wrong with a line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceProblem {
    /// There is no header.
    Empty,
    /// A line without anything in it.
    EmptyLine,
    /// The line is longer than [`LINE_LIMIT`].
    TooLong,
    /// The line is no JSON, or not that of a header or record. In the words of the JSON reader.
    Malformed(String),
    /// A field or form that is never written.
    Needless(String),
    /// A version of the format that this crate does not know.
    Format(u32),
    /// The header's start is no decimal number of 64 bits.
    Start(String),
    /// Two actors of one name.
    ActorTwice(Name),
    /// An actor that the header does not declare.
    ActorUnknown(Name),
    /// A record's number is not the next one.
    Number {
        /// The number that should stand here.
        expected: u64,
        /// The number that does.
        found: u64,
    },
    /// A record's time is earlier than that of the record before it, or beyond [`Ticks::MAX`].
    Time {
        /// The earliest time possible.
        earliest: Ticks,
        /// The time that stands here.
        found: Ticks,
    },
    /// A record's cause is not an earlier record.
    Cause {
        /// The record.
        record: u64,
        /// Its cause.
        found: u64,
    },
}

impl fmt::Display for TraceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TraceProblem::Empty => f.write_str("the trace is empty; expected a header"),
            TraceProblem::EmptyLine => f.write_str("an empty line; expected a record"),
            TraceProblem::TooLong => write!(f, "the line is too long; expected at most {LINE_LIMIT} bytes"),
            TraceProblem::Malformed(message) => f.write_str(&shortened(message, MESSAGE_LIMIT)),
            TraceProblem::Needless(what) => {
                write!(
                    f,
                    "{} is unknown or needless; expected only documented fields, those at their default left out",
                    quoted(what)
                )
            }
            TraceProblem::Format(found) => write!(f, "unknown format {found}; expected {FORMAT}"),
            TraceProblem::Start(found) => {
                write!(f, "`{}` is no start; expected a FILETIME as a decimal string", quoted(found))
            }
            TraceProblem::ActorTwice(name) => {
                write!(f, "actor `{}` is declared twice; expected unique names", quoted(name))
            }
            TraceProblem::ActorUnknown(name) => {
                write!(f, "unknown actor `{}`; expected one that the header declares", quoted(name))
            }
            TraceProblem::Number { expected, found } => write!(f, "record {found} out of turn; expected {expected}"),
            TraceProblem::Time { earliest, found } => {
                write!(f, "time {} out of turn; expected one from {} to {}", found.0, earliest.0, Ticks::MAX.0)
            }
            TraceProblem::Cause { record, found } => {
                write!(f, "cause {found} of record {record} does not precede it; expected an earlier record")
            }
        }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)
    }
}

impl std::error::Error for TraceError {}

/// The first line of a trace, with its line feed.
#[must_use]
pub fn header_line(header: &Header) -> String {
    line(header)
}

/// The line of one record, with its line feed.
#[must_use]
pub fn record_line(record: &Record) -> String {
    line(record)
}

fn line(value: &impl Serialize) -> String {
    // Only string keys, numbers and strings are serialised; the writer is memory: nothing here can fail.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

impl Trace {
    /// The whole trace as JSON lines.
    #[must_use]
    pub fn to_json_lines(&self) -> String {
        let mut text = header_line(&self.header);
        for record in &self.records {
            text.push_str(&record_line(record));
        }
        text
    }
}

/// Reads a whole trace. The last line may lack its line feed.
///
/// # Errors
///
/// The first line that breaks the format, with its position.
pub fn read(text: &[u8]) -> Result<Trace, TraceError> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return Err(TraceError { line: 1, column: 1, problem: TraceProblem::Empty });
    }
    let mut lines = text.split(|byte| *byte == b'\n');
    let header: Header = parse(1, lines.next().unwrap_or_default())?;
    let mut reader = Reader::new(&header).map_err(|problem| TraceError { line: 1, column: 1, problem })?;
    let mut records = Vec::new();
    for (index, bytes) in lines.enumerate() {
        let number = index + 2;
        let record: Record = parse(number, bytes)?;
        reader.admit(&record).map_err(|(key, problem)| TraceError {
            line: number,
            column: column_of(bytes, key),
            problem,
        })?;
        records.push(record);
    }
    Ok(Trace { header, records })
}

/// What has been read so far, as far as later lines must fit to it.
struct Reader {
    actors: BTreeSet<Name>,
    next: u64,
    earliest: Ticks,
}

impl Reader {
    fn new(header: &Header) -> Result<Reader, TraceProblem> {
        if header.format != FORMAT {
            return Err(TraceProblem::Format(header.format));
        }
        if header.start.is_empty()
            || !header.start.bytes().all(|byte| byte.is_ascii_digit())
            || header.start.parse::<u64>().is_err()
        {
            return Err(TraceProblem::Start(header.start.chars().take(80).collect()));
        }
        let mut actors = BTreeSet::new();
        for actor in &header.actors {
            if !actors.insert(actor.name.clone()) {
                return Err(TraceProblem::ActorTwice(actor.name.clone()));
            }
        }
        Ok(Reader { actors, next: 1, earliest: Ticks::ZERO })
    }

    /// Checks a record against the ones before it; a refusal names the field at fault.
    fn admit(&mut self, record: &Record) -> Result<(), (&'static str, TraceProblem)> {
        if record.n != self.next {
            return Err(("n", TraceProblem::Number { expected: self.next, found: record.n }));
        }
        if record.t < self.earliest || record.t > Ticks::MAX {
            return Err(("t", TraceProblem::Time { earliest: self.earliest, found: record.t }));
        }
        if !self.actors.contains(&record.actor) {
            return Err(("actor", TraceProblem::ActorUnknown(record.actor.clone())));
        }
        if record.cause >= record.n {
            return Err(("cause", TraceProblem::Cause { record: record.n, found: record.cause }));
        }
        self.next = self.next.saturating_add(1);
        self.earliest = record.t;
        Ok(())
    }
}

/// Reads one line, and refuses what serde would overlook: unknown fields, repeated defaults, lists in place of objects.
fn parse<T: DeserializeOwned + Serialize>(line: usize, bytes: &[u8]) -> Result<T, TraceError> {
    let at = |column: usize, problem| TraceError { line, column: column.max(1), problem };
    if bytes.len() > LINE_LIMIT {
        return Err(at(LINE_LIMIT, TraceProblem::TooLong));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(at(1, TraceProblem::EmptyLine));
    }
    let malformed = |error: serde_json::Error| {
        // The reader counts lines of its own; the position is given here once, with the line of the trace.
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        at(error.column(), TraceProblem::Malformed(message))
    };
    let typed: T = serde_json::from_slice(bytes).map_err(malformed)?;
    let given: Value = serde_json::from_slice(bytes).map_err(malformed)?;
    let canonical = serde_json::to_value(&typed).map_err(malformed)?;
    match surplus(&given, &canonical) {
        Some(field) => Err(at(column_of(bytes, &field), TraceProblem::Needless(format!("`{field}`")))),
        None => Ok(typed),
    }
}

/// The first field of `given` that the canonical form does not have. The nesting is limited by the JSON reader.
fn surplus(given: &Value, canonical: &Value) -> Option<String> {
    match (given, canonical) {
        (Value::Object(given), Value::Object(canonical)) => given.iter().find_map(|(key, value)| {
            let key_text = || key.chars().take(80).collect::<String>();
            match canonical.get(key) {
                None => Some(key_text()),
                Some(same) if shape(value) != shape(same) => Some(key_text()),
                Some(same) => surplus(value, same),
            }
        }),
        (Value::Array(given), Value::Array(canonical)) => {
            given.iter().zip(canonical).find_map(|(value, same)| surplus(value, same))
        }
        (given, canonical) if shape(given) != shape(canonical) => Some(shape(given).to_owned()),
        _ => None,
    }
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a Boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The column at which a field's name first stands; 1 where it stands nowhere as such.
fn column_of(bytes: &[u8], key: &str) -> usize {
    let quoted = format!("\"{key}\"");
    let quoted = quoted.as_bytes();
    bytes.windows(quoted.len()).position(|window| window == quoted).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests;
