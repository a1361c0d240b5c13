//! Values written as one YAML scalar: times, sizes, names, paths, codes, ids, numbers and the words of closed lists.
//!
//! None of them is silently something else: a time or a size without a unit, a release that is only a year, a name that
//! YAML reads as a number or as a yes or no are mistakes that say what to write instead.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use vssim_model::hresult::{HResult, TABLE};
use vssim_model::ids::Guid;
use vssim_model::time::Ticks;

use vssim_sim::backup_set::{Range, ranges};

use crate::error::{ErrorKind, Problem, shortened};
use crate::yaml::{At, Raw, Scalar};

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for crate::yaml::Node<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Gives a scalar its JSON Schema.
macro_rules! schema {
    ($type:ident, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// A number and the unit behind it, as in `30s` and `64 KiB`.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok()?, unit.trim_start()))
}

const DURATION: &str = "a time such as `30s`, `250ms`, `100us`, `1m 30s` or `2h`";

/// A span of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub Ticks);

impl Duration {
    fn parse(text: &str) -> Result<Duration, Problem> {
        let wrong = |why: &str| {
            Problem::new(ErrorKind::WrongUnit, format!("`{}` is not a time{why}", shortened(text))).expected(DURATION)
        };
        let mut total: u64 = 0;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong(""));
        }
        while !rest.is_empty() {
            let (number, after) = number_and_unit(rest).ok_or_else(|| {
                wrong(if rest.bytes().all(|b| b.is_ascii_digit()) { ": its unit is missing" } else { "" })
            })?;
            let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, more) = after.split_at(end);
            let ticks: u64 = match unit {
                "us" => 10,
                "ms" => 10_000,
                "s" => 10_000_000,
                "m" => 600_000_000,
                "h" => 36_000_000_000,
                _ => {
                    let problem = wrong(&format!(": `{}` is no unit of time", shortened(unit)));
                    return Err(problem.near(unit, ["us", "ms", "s", "m", "h"]));
                }
            };
            let long = || {
                Problem::new(ErrorKind::OutOfRange, format!("`{}` is too long", shortened(text)))
                    .expected("at most 24 h of virtual time")
            };
            total = number.checked_mul(ticks).and_then(|part| total.checked_add(part)).ok_or_else(long)?;
            if total > 24 * 36_000_000_000 {
                return Err(long());
            }
            rest = more.trim_start();
        }
        Ok(Duration(Ticks(total)))
    }

    /// `seconds`, for defaults.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Duration {
        Duration(Ticks::from_secs(seconds))
    }
}

impl Scalar for Duration {
    fn read(raw: Raw<'_>) -> Result<Duration, Problem> {
        match raw {
            Raw::Text(text) => Duration::parse(text),
            Raw::Whole(number) => {
                let what = format!("`{number}` is not a time: its unit is missing");
                Err(Problem { nearest: Some(format!("{number}s")), ..Problem::new(ErrorKind::WrongUnit, what) }
                    .expected(DURATION))
            }
            other => Err(other.misplaced(DURATION)),
        }
    }
}

schema!(Duration, {
    "type": "string",
    "description": "A span of virtual time: whole numbers with units us, ms, s, m, h, such as `250ms` or `1m 30s`.",
    "pattern": r"^\s*([0-9]+\s*(us|ms|s|m|h)\s*)+$",
});

/// A time, or two with `..` between them: each occasion takes a time in between, chosen by the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DurationRange {
    /// The shortest.
    pub min: Ticks,
    /// The longest; the same as `min` where there is nothing to choose.
    pub max: Ticks,
}

impl DurationRange {
    /// One time only.
    #[must_use]
    pub const fn exactly(ticks: Ticks) -> DurationRange {
        DurationRange { min: ticks, max: ticks }
    }
}

impl Scalar for DurationRange {
    fn read(raw: Raw<'_>) -> Result<DurationRange, Problem> {
        let Raw::Text(text) = raw else { return Duration::read(raw).map(|one| DurationRange::exactly(one.0)) };
        let Some((min, max)) = text.split_once("..") else {
            return Duration::parse(text).map(|one| DurationRange::exactly(one.0));
        };
        let (min, max) = (Duration::parse(min)?.0, Duration::parse(max)?.0);
        if min > max {
            return Err(Problem::new(ErrorKind::OutOfRange, format!("the range `{}` runs backwards", shortened(text)))
                .expected("the shorter time first, such as `1s..2s`"));
        }
        Ok(DurationRange { min, max })
    }
}

schema!(DurationRange, {
    "type": "string",
    "description": "A span of virtual time (`250ms`), or a range of them (`1s..2s`) from which the seed chooses.",
    "pattern": r"^\s*([0-9]+\s*(us|ms|s|m|h)\s*)+(\.\.\s*([0-9]+\s*(us|ms|s|m|h)\s*)+)?$",
});

const SIZE: &str = "a size such as `512 B`, `64 KiB`, `16 MiB` or `1 GiB`";

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// The largest size of anything: 16 TiB.
    pub const MAX: Size = Size(16 << 40);
}

impl Scalar for Size {
    fn read(raw: Raw<'_>) -> Result<Size, Problem> {
        let text = match raw {
            Raw::Text(text) => text.trim(),
            Raw::Whole(number) => {
                let what = format!("`{number}` is not a size: its unit is missing");
                return Err(Problem {
                    nearest: Some(format!("{number} B")),
                    ..Problem::new(ErrorKind::WrongUnit, what)
                }
                .expected(SIZE));
            }
            other => return Err(other.misplaced(SIZE)),
        };
        let wrong =
            || Problem::new(ErrorKind::WrongUnit, format!("`{}` is not a size", shortened(text))).expected(SIZE);
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let bytes: u64 = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => {
                let mut problem = wrong();
                let meant = match unit.bytes().next().map(|first| first.to_ascii_lowercase()) {
                    Some(b'b') => Some("B"),
                    Some(b'k') => Some("KiB"),
                    Some(b'm') => Some("MiB"),
                    Some(b'g') => Some("GiB"),
                    Some(b't') => Some("TiB"),
                    _ => None,
                };
                problem.nearest = meant.map(|unit| format!("{number} {unit}"));
                return Err(problem);
            }
        };
        number.checked_mul(bytes).filter(|total| *total <= Size::MAX.0).map(Size).ok_or_else(|| {
            Problem::new(ErrorKind::ImpossibleSize, format!("`{}` is too large", shortened(text)))
                .expected("at most 16 TiB")
        })
    }
}

schema!(Size, {
    "type": "string",
    "description": "A number of bytes: a whole number and one of the units B, KiB, MiB, GiB, TiB, such as `64 KiB`.",
    "pattern": r"^\s*[0-9]+\s*(B|KiB|MiB|GiB|TiB)\s*$",
});

/// Reads a text of which YAML made something else only if it was not quoted.
fn quoted<'a>(raw: Raw<'a>, expected: &str) -> Result<&'a str, Problem> {
    let unquoted = |read_as: &str| {
        Problem::new(ErrorKind::NotQuoted, format!("YAML reads this as {read_as}, not as a text"))
            .expected(format!("{expected}, in quotes"))
    };
    match raw {
        Raw::Text(text) => Ok(text),
        Raw::Whole(_) | Raw::Decimal => Err(unquoted("a number")),
        Raw::Flag(_) => Err(unquoted("a yes or no")),
        Raw::Nothing => Err(unquoted("nothing")),
        // The likeliest way to a mapping is a drive letter: `C:` is a key without a value.
        Raw::Mapping => Err(unquoted("a mapping").expected(format!("{expected}, in quotes, such as 'C:'"))),
        Raw::List => Err(raw.misplaced(expected)),
    }
}

/// The name of something in the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub String);

impl Name {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for Name {
    fn read(raw: Raw<'_>) -> Result<Name, Problem> {
        let text = quoted(raw, "a name")?;
        let length = text.chars().count();
        if length == 0 || length > 255 || text.trim() != text || text.chars().any(char::is_control) {
            return Err(Problem::new(ErrorKind::OutOfRange, format!("`{}` is not a name", shortened(text)))
                .expected("1 to 255 characters, without control characters and without spaces at either end"));
        }
        Ok(Name(text.to_owned()))
    }
}

schema!(Name, {
    "type": "string",
    "description": "A name. Quote what YAML would read as a number, a yes or no, or a mapping: '1', 'no', 'C:'.",
    "minLength": 1,
    "maxLength": 255,
});

/// A short lower-case name for files and command lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slug(pub String);

impl Scalar for Slug {
    fn read(raw: Raw<'_>) -> Result<Slug, Problem> {
        let text = quoted(raw, "a name")?;
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) || text.starts_with('-') || text.ends_with('-')
        {
            return Err(Problem::new(ErrorKind::OutOfRange, format!("`{}` is not a short name", shortened(text)))
                .expected("1 to 64 lower-case letters, digits and hyphens, such as `full-backup`"));
        }
        Ok(Slug(text.to_owned()))
    }
}

schema!(Slug, {
    "type": "string",
    "description": "A short name of lower-case letters, digits and hyphens.",
    "pattern": "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$",
});

/// Free text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl Scalar for Text {
    fn read(raw: Raw<'_>) -> Result<Text, Problem> {
        quoted(raw, "a text").map(|text| Text(text.to_owned()))
    }
}

schema!(Text, { "type": "string", "description": "Free text." });

/// A full path on a volume, such as `D:\Orders\log.dat`, without a trailing backslash.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePath(pub String);

impl Scalar for FilePath {
    fn read(raw: Raw<'_>) -> Result<FilePath, Problem> {
        const EXPECTED: &str = r"a full path such as `D:\Orders\log.dat`";
        let text = quoted(raw, EXPECTED)?;
        let refuse = |why: &str| {
            Err(Problem::new(ErrorKind::NotAPath, format!("`{}` {why}", shortened(text))).expected(EXPECTED))
        };
        if text.contains('/') {
            return refuse("has slashes; Windows separates with backslashes");
        }
        if text.chars().count() > 1024 {
            return refuse("is longer than 1024 characters");
        }
        // A name before the first backslash is a volume's: a drive letter or a mount name.
        let mut parts = text.split('\\');
        let volume = parts.next().unwrap_or("");
        let mut names = 0;
        for part in parts {
            names += 1;
            let bad = |c: char| c.is_control() || "<>:\"|?*".contains(c);
            if part.is_empty() || part == "." || part == ".." || part.chars().any(bad) {
                return refuse("has a part that is no file name");
            }
        }
        if volume.is_empty() || names == 0 { refuse("is not a full path") } else { Ok(FilePath(text.to_owned())) }
    }
}

schema!(FilePath, {
    "type": "string",
    "description": "A full path on a volume, with backslashes: 'D:\\Orders\\log.dat'.",
    "pattern": r"^[^\\/]+(\\[^\\/]+)+$",
});

/// An HRESULT by its documented name or its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub HResult);

impl Default for Code {
    fn default() -> Code {
        Code(HResult::S_OK)
    }
}

impl Scalar for Code {
    fn read(raw: Raw<'_>) -> Result<Code, Problem> {
        let refuse = |what: String| {
            Problem::new(ErrorKind::NotAnHResult, what)
                .expected("an HRESULT by name (`VSS_E_BAD_STATE`) or number (`0x80042301`)")
        };
        match raw {
            Raw::Text(text) => HResult::from_str(text).map(Code).map_err(|_| {
                refuse(format!("`{}` is no known HRESULT", shortened(text)))
                    .near(text, TABLE.iter().map(|known| known.name))
            }),
            Raw::Whole(number) => u32::try_from(number)
                .map(|number| Code(HResult(number)))
                .map_err(|_| refuse(format!("`{number}` is no HRESULT: it does not fit into 32 bits"))),
            other => Err(refuse(format!("{} is no HRESULT", other.describe()))),
        }
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "HResult".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = TABLE.iter().map(|known| known.name).collect();
        json_schema!({
            "description": "An HRESULT by its documented name or its number.",
            "anyOf": [
                { "type": "string", "enum": names },
                { "type": "string", "pattern": "^0[xX][0-9a-fA-F]{1,8}$" },
                { "type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32 },
            ],
        })
    }
}

/// A GUID, with or without braces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Id(pub Guid);

impl Scalar for Id {
    fn read(raw: Raw<'_>) -> Result<Id, Problem> {
        const EXPECTED: &str = "8-4-4-4-12 hexadecimal digits in quotes, with or without braces";
        let text = quoted(raw, EXPECTED)?;
        Guid::from_str(text).map(Id).map_err(|_| {
            Problem::new(ErrorKind::NotAGuid, format!("`{}` is no GUID", shortened(text))).expected(EXPECTED)
        })
    }
}

schema!(Id, {
    "type": "string",
    "description": "A GUID, with or without braces.",
    "pattern": r"^(\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
});

/// A count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u32);

impl Scalar for Count {
    fn read(raw: Raw<'_>) -> Result<Count, Problem> {
        const MAX: u32 = 1_000_000;
        match raw {
            Raw::Whole(number) => u32::try_from(number).ok().filter(|n| *n <= MAX).map(Count).ok_or_else(|| {
                Problem::new(ErrorKind::OutOfRange, format!("`{number}` is out of range"))
                    .expected(format!("a whole number from 0 to {MAX}"))
            }),
            other => Err(other.misplaced("a whole number")),
        }
    }
}

schema!(Count, { "type": "integer", "minimum": 0, "maximum": 1_000_000, "description": "A whole number." });

/// Ranges of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(pub Vec<Range>);

impl Ranges {
    /// A ranges file with them (PART-006).
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let count = self.0.len() as u64;
        let words = self.0.iter().flat_map(|range| [range.offset, range.length]);
        std::iter::once(count).chain(words).flat_map(u64::to_le_bytes).collect()
    }
}

impl Scalar for Ranges {
    fn read(raw: Raw<'_>) -> Result<Ranges, Problem> {
        const EXPECTED: &str = "`offset:length`, in quotes, several joined by commas: '0:5,100:20'";
        let Raw::Text(text) = raw else { return Err(raw.misplaced(EXPECTED)) };
        ranges::parse(text).map(Ranges).map_err(|why| {
            Problem::new(ErrorKind::OutOfRange, format!("`{}` has no ranges: {why}", shortened(text)))
                .expected(EXPECTED)
        })
    }
}

schema!(Ranges, { "type": "string", "description": "Ranges of a file in bytes, `offset:length`, joined by commas." });

/// A yes or no.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Flag {
    /// `true`, as the default of a key.
    #[must_use]
    pub const fn yes() -> At<Flag> {
        At::nowhere(Flag(true))
    }
}

impl Scalar for Flag {
    fn read(raw: Raw<'_>) -> Result<Flag, Problem> {
        match raw {
            Raw::Flag(flag) => Ok(Flag(flag)),
            other => Err(other.misplaced("`true` or `false`")),
        }
    }
}

schema!(Flag, { "type": "boolean" });

#[cfg(test)]
mod tests {
    use super::*;

    fn duration(text: &str) -> Option<u64> {
        Duration::read(Raw::Text(text)).ok().map(|duration| duration.0.0)
    }

    #[test]
    fn a_time_needs_a_unit_and_adds_up() {
        assert_eq!(duration("30s"), Some(300_000_000));
        assert_eq!(duration("1m 30s"), Some(900_000_000));
        assert_eq!(duration("1m30s"), Some(900_000_000));
        assert_eq!(duration("100 us"), Some(1_000));
        for wrong in ["", "30", "s", "30 sec", "-1s", "1.5s", "25h", "99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_runs_forwards() {
        let range = DurationRange::read(Raw::Text("1s..2s")).unwrap();
        assert_eq!((range.min, range.max), (Ticks::from_secs(1), Ticks::from_secs(2)));
        assert!(DurationRange::read(Raw::Text("2s..1s")).is_err());
        assert!(DurationRange::read(Raw::Text("1s..")).is_err());
    }

    #[test]
    fn a_size_needs_a_unit_and_ends_at_16_tib() {
        let size = |text| Size::read(Raw::Text(text)).ok().map(|size| size.0);
        assert_eq!(size("16KiB"), Some(16_384));
        assert_eq!(size("16 TiB"), Some(16 << 40));
        for wrong in ["17 TiB", "64", "64 KB", "1.5 MiB", "-1 B", "18446744073709551615 B"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        assert_eq!(Size::read(Raw::Text("64 KB")).unwrap_err().nearest.as_deref(), Some("64 KiB"));
    }

    #[test]
    fn what_yaml_does_not_read_as_a_text_is_no_name() {
        for raw in [Raw::Whole(1), Raw::Flag(false), Raw::Nothing, Raw::Mapping, Raw::Decimal] {
            assert_eq!(Name::read(raw).unwrap_err().kind, ErrorKind::NotQuoted);
        }
    }

    #[test]
    fn a_path_is_full_and_has_no_tricks() {
        assert!(FilePath::read(Raw::Text(r"C:\a\b.txt")).is_ok());
        for wrong in [r"C:", r"C:\", r"a.txt", r"C:\..\a", r"C:/a", r"C:\a\\b", r"\a", r"C:\a*"] {
            assert!(FilePath::read(Raw::Text(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_hresult_is_a_name_or_a_number() {
        assert_eq!(Code::read(Raw::Whole(0x8004_2301)).unwrap().0, HResult::VSS_E_BAD_STATE);
        assert_eq!(Code::read(Raw::Text("VSS_E_BAD_STATE")).unwrap().0, HResult::VSS_E_BAD_STATE);
        let near = Code::read(Raw::Text("VSS_E_BADSTATE")).unwrap_err().nearest;
        assert_eq!(near.as_deref(), Some("VSS_E_BAD_STATE"));
    }
}
