//! Reading YAML with positions. The only module that knows which YAML library is used.
//!
//! ```text
//! text ── limits ──► library ──► serde types ──► Document
//!                        │            │
//!              shape errors (the first)   scalar errors (all): noted beside, position of the scalar itself
//! ```
//!
//! Serde gives a scalar no way to report a mistake and go on, so a scalar that cannot be read is replaced by its default
//! and its mistake is noted; [`parse`] fails if anything was noted. A mistake of shape (an unknown key, a list where a
//! mapping belongs) ends the reading, for what follows could not be understood.
//!
//! A scenario is one YAML document of at most [`MAX_BYTES`]. Duplicate keys, merge keys (`<<`), tags and a second
//! document are mistakes. Anchors and aliases are allowed within a small budget, so that none can blow up.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, Visitor};
use serde_yaml::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy, Options};
use serde_yaml::{ExternalMessageSource, Location, Spanned};

use crate::error::{ErrorKind, Problem, one_of, shortened};

/// The largest scenario, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting of lists and mappings.
const MAX_DEPTH: usize = 24;
/// The most scalars, lists and mappings.
const MAX_NODES: usize = 100_000;
/// The most mistakes that are collected in one reading.
pub(crate) const MAX_PROBLEMS: usize = 100;

/// A place in a scenario: line and column counted from 1, in characters; all zero where no place is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
    /// How many characters are meant.
    pub length: u32,
}

impl From<Location> for Pos {
    fn from(location: Location) -> Pos {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Pos { line: small(location.line()), column: small(location.column()), length: small(location.span().len()) }
    }
}

/// What stands in the place of a scalar, as YAML reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw<'a> {
    /// A text, quoted or not.
    Text(&'a str),
    /// A whole number.
    Whole(i128),
    /// A number with a point or an exponent.
    Decimal,
    /// A yes or no.
    Flag(bool),
    /// Nothing.
    Nothing,
    /// A list.
    List,
    /// A mapping.
    Mapping,
}

impl Raw<'_> {
    /// What was found, for an error.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Raw::Text(text) => format!("`{}`", shortened(text)),
            Raw::Whole(number) => format!("the number `{number}`"),
            Raw::Decimal => "a decimal number".to_owned(),
            Raw::Flag(flag) => format!("a yes or no (`{flag}`)"),
            Raw::Nothing => "nothing".to_owned(),
            Raw::List => "a list".to_owned(),
            Raw::Mapping => "a mapping".to_owned(),
        }
    }

    /// The mistake of standing where `expected` belongs.
    #[must_use]
    pub fn misplaced(self, expected: &str) -> Problem {
        Problem::new(ErrorKind::WrongShape, format!("{} does not belong here", self.describe())).expected(expected)
    }
}

/// A value written as one YAML scalar. Its default stands in where it cannot be read.
pub trait Scalar: Default {
    /// Reads it.
    ///
    /// # Errors
    /// A [`Problem`] without a place.
    fn read(raw: Raw<'_>) -> Result<Self, Problem>;
}

/// A scalar and its place. Two are equal when their values are, wherever they stand.
#[derive(Clone, Default)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands; where its anchor's alias stands, if it came from one.
    pub pos: Pos,
}

impl<T> At<T> {
    /// A value that stands nowhere: a default, or the product of a macro.
    pub const fn nowhere(value: T) -> At<T> {
        At { value, pos: Pos { line: 0, column: 0, length: 0 } }
    }

    /// Another value at the same place.
    pub fn with<U>(&self, value: U) -> At<U> {
        At { value, pos: self.pos }
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &At<T>) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for At<T> {}

impl<T: fmt::Debug> fmt::Debug for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<'de, T: Scalar> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At<T>, D::Error> {
        let spanned = Spanned::<Outcome<T>>::deserialize(deserializer)?;
        let pos = Pos::from(spanned.referenced);
        Ok(match spanned.value.0 {
            Ok(value) => At { value, pos },
            Err(problem) => {
                note(problem.at(pos));
                At { value: T::default(), pos }
            }
        })
    }
}

/// A scalar read, or the reason why not.
struct Outcome<T>(Result<T, Problem>);

impl<'de, T: Scalar> Deserialize<'de> for Outcome<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Outcome<T>, D::Error> {
        deserializer.deserialize_any(RawVisitor(PhantomData)).map(Outcome)
    }
}

struct RawVisitor<T>(PhantomData<T>);

impl<'de, T: Scalar> Visitor<'de> for RawVisitor<T> {
    type Value = Result<T, Problem>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::read(Raw::Text(text)))
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(T::read(Raw::Flag(flag)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(T::read(Raw::Whole(number.into())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::read(Raw::Whole(number.into())))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(T::read(Raw::Decimal))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(T::read(Raw::Nothing))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::read(Raw::List))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut mapping: A) -> Result<Self::Value, A::Error> {
        while mapping.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(T::read(Raw::Mapping))
    }
}

/// What may be written as a scalar or as a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScalarOr<S, M> {
    /// The scalar and its place.
    Scalar(At<S>),
    /// The mapping.
    Mapping(M),
}

impl<'de, S: Scalar, M: Deserialize<'de>> Deserialize<'de> for ScalarOr<S, M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ScalarOr<S, M>, D::Error> {
        let spanned = Spanned::<Either<S, M>>::deserialize(deserializer)?;
        let pos = Pos::from(spanned.referenced);
        Ok(match spanned.value {
            Either::Scalar(Ok(value)) => ScalarOr::Scalar(At { value, pos }),
            Either::Scalar(Err(problem)) => {
                note(problem.at(pos));
                ScalarOr::Scalar(At { value: S::default(), pos })
            }
            Either::Mapping(mapping) => ScalarOr::Mapping(mapping),
        })
    }
}

enum Either<S, M> {
    Scalar(Result<S, Problem>),
    Mapping(M),
}

impl<'de, S: Scalar, M: Deserialize<'de>> Deserialize<'de> for Either<S, M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Either<S, M>, D::Error> {
        deserializer.deserialize_any(EitherVisitor(PhantomData))
    }
}

struct EitherVisitor<S, M>(PhantomData<(S, M)>);

impl<'de, S: Scalar, M: Deserialize<'de>> Visitor<'de> for EitherVisitor<S, M> {
    type Value = Either<S, M>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar or a mapping")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        RawVisitor(PhantomData).visit_str(text).map(Either::Scalar)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Self::Value, E> {
        RawVisitor(PhantomData).visit_bool(flag).map(Either::Scalar)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        RawVisitor(PhantomData).visit_i64(number).map(Either::Scalar)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        RawVisitor(PhantomData).visit_u64(number).map(Either::Scalar)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        RawVisitor(PhantomData).visit_f64(number).map(Either::Scalar)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        RawVisitor(PhantomData).visit_unit().map(Either::Scalar)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        RawVisitor(PhantomData).visit_seq(list).map(Either::Scalar)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mapping: A) -> Result<Self::Value, A::Error> {
        M::deserialize(de::value::MapAccessDeserializer::new(mapping)).map(Either::Mapping)
    }
}

/// A list or mapping and the place where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<T> {
    /// The value.
    pub value: T,
    /// Where it begins.
    pub pos: Pos,
}

impl<T> Deref for Node<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Node<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node<T>, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        // The span of a mapping reaches to its end; an error means its beginning.
        let pos = Pos { length: 1, ..Pos::from(spanned.referenced) };
        Ok(Node { value: spanned.value, pos })
    }
}

thread_local! {
    /// The scalar mistakes of the reading under way. Emptied at its beginning and at its end.
    static NOTED: RefCell<Vec<Problem>> = const { RefCell::new(Vec::new()) };
}

fn note(problem: Problem) {
    NOTED.with_borrow_mut(|noted| {
        if noted.len() < MAX_PROBLEMS {
            noted.push(problem);
        }
    });
}

/// Reads one document.
///
/// # Errors
/// Every scalar mistake up to the first mistake of shape, and that.
pub fn parse<T: de::DeserializeOwned>(text: &str) -> Result<T, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        let what = format!("the file has {} bytes", text.len());
        return Err(vec![Problem::new(ErrorKind::TooLarge, what).expected(format!("at most {MAX_BYTES} bytes"))]);
    }
    NOTED.take();
    let outcome = serde_yaml::from_str_with_options::<T>(without_mark(text), options());
    let mut problems = NOTED.take();
    match outcome {
        Ok(value) if problems.is_empty() => Ok(value),
        Ok(_) => Err(problems),
        Err(error) => {
            problems.push(problem_of(&error));
            Err(problems)
        }
    }
}

/// The text without a byte order mark, which would shift the first line by a column.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn options() -> Options {
    let mut options = Options::default();
    options.budget = serde_yaml::budget! {
        max_reader_input_bytes: Some(MAX_BYTES),
        max_events: 4 * MAX_NODES,
        max_aliases: 1_000,
        max_anchors: 1_000,
        max_recorded_anchor_events: MAX_NODES,
        max_recorded_anchor_bytes: MAX_BYTES,
        max_depth: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH + 8,
        // A second document is reported as such, not as too much.
        max_documents: 2,
        max_nodes: MAX_NODES,
        max_total_scalar_bytes: 4 * MAX_BYTES,
        max_total_comment_bytes: MAX_BYTES,
        max_merge_keys: 0,
    };
    let mut limits = AliasLimits::default();
    limits.max_total_replayed_events = 20_000;
    limits.max_replay_stack_depth = 8;
    limits.max_alias_expansions_per_anchor = 1_000;
    options.alias_limits = limits;
    options.emit_comments = false;
    options.duplicate_keys = DuplicateKeyPolicy::Error;
    options.merge_keys = MergeKeyPolicy::Error;
    options.reject_unsupported_tags = true;
    options.with_snippet = false;
    options
}

/// The library's error in the words of this crate.
fn problem_of(error: &serde_yaml::Error) -> Problem {
    use serde_yaml::Error as E;
    let mut error = error.without_snippet();
    let mut pos = error.location().map(Pos::from).unwrap_or_default();
    while let E::AliasError { error: inner, locations, .. } = error {
        pos = Pos::from(locations.reference_location);
        error = inner.without_snippet();
    }
    let problem = match error {
        E::SerdeUnknownField { field, expected, .. } => {
            Problem::new(ErrorKind::UnknownKey, format!("unknown key `{}`", shortened(field)))
                .expected(one_of(expected.iter().copied()))
                .near(field, expected.iter().copied())
        }
        E::SerdeUnknownVariant { variant, expected, .. } => {
            Problem::new(ErrorKind::UnknownWord, format!("unknown word `{}`", shortened(variant)))
                .expected(one_of(expected.iter().copied()))
                .near(variant, expected.iter().copied())
        }
        E::SerdeMissingField { field, .. } => {
            Problem::new(ErrorKind::MissingKey, format!("the key `{field}` is missing from this mapping"))
        }
        E::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("?");
            Problem::new(ErrorKind::DuplicateKey, format!("the key `{}` is given twice", shortened(key)))
        }
        E::SerdeInvalidType { unexpected, expected, .. } | E::SerdeInvalidValue { unexpected, expected, .. } => {
            Problem::new(ErrorKind::WrongShape, format!("{} does not belong here", shortened(unexpected)))
                .expected(in_yaml_words(expected))
        }
        E::SerdeInvalidLength { expected, .. } => {
            Problem::new(ErrorKind::WrongShape, "wrong number of entries").expected(in_yaml_words(expected))
        }
        E::Unexpected { expected, .. } => {
            Problem::new(ErrorKind::WrongShape, "this does not belong here").expected(in_yaml_words(expected))
        }
        E::ExternallyTaggedEnumExpectedScalarOrMapping { .. } | E::ExpectedStringKeyForExternallyTaggedEnum { .. } => {
            Problem::new(ErrorKind::WrongShape, "this does not belong here").expected("a mapping with one key")
        }
        E::UnexpectedValueForUnitEnumVariant { .. } => {
            Problem::new(ErrorKind::WrongShape, "this word takes no value").expected("the word alone")
        }
        E::ExpectedMappingEndAfterEnumVariantValue { .. } => {
            Problem::new(ErrorKind::WrongShape, "a second key does not belong here").expected("a mapping with one key")
        }
        E::ExternalMessage { source, .. } if is_too_deep(source) => too_large(),
        E::Budget { .. }
        | E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. }
        | E::AliasReplayCounterOverflow { .. } => too_large(),
        E::MultipleDocuments { .. } => {
            Problem::new(ErrorKind::NotYaml, "a second document begins").expected("one document in a file")
        }
        E::Eof { .. } => Problem::new(ErrorKind::NotYaml, "the text ends too early").expected("a mapping"),
        other => Problem::new(ErrorKind::NotYaml, shortened_message(other)),
    };
    problem.at(Pos { length: pos.length.clamp(1, 200), ..pos })
}

fn too_large() -> Problem {
    let limits = format!("at most {MAX_NODES} values, {MAX_DEPTH} levels deep, few aliases");
    Problem::new(ErrorKind::TooLarge, "the document is too large").expected(limits)
}

/// The parser looks ahead, and so may meet a limit before the budget does.
fn is_too_deep(source: &ExternalMessageSource) -> bool {
    use serde_yaml::granit_parser::ErrorKind as Parser;
    matches!(source, ExternalMessageSource::Parser(error) if matches!(error.kind(), Parser::RecursionLimitExceeded))
}

/// Serde's words for what it expected, in YAML's.
fn in_yaml_words(expected: &str) -> String {
    let short = shortened(expected);
    if short.starts_with("struct ") || short.contains("map") {
        "a mapping".to_owned()
    } else if short.contains("sequence") {
        "a list".to_owned()
    } else if short.starts_with("enum ") || short.contains("variant") {
        "a mapping with one key".to_owned()
    } else {
        short
    }
}

/// The library's own message without its place.
fn shortened_message(error: &serde_yaml::Error) -> String {
    let text = error.render_with_formatter(&serde_yaml::UserMessageFormatter);
    let text = text.split(" at line ").next().unwrap_or("");
    text.chars().take(160).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
