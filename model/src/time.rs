//! Virtual time: whole ticks of 100 ns, the unit of `VSS_TIMESTAMP` and `FILETIME`.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A span of virtual time, or the time since the start of a run, in ticks of 100 ns.
///
/// Kept below 2^53, so that it survives JSON readers that know only doubles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticks(pub u64);

impl Ticks {
    /// No time at all.
    pub const ZERO: Ticks = Ticks(0);
    /// The largest time a trace can hold: 2^53 - 1 ticks, about 28 years.
    pub const MAX: Ticks = Ticks((1 << 53) - 1);

    /// `n` microseconds.
    #[must_use]
    pub const fn from_micros(n: u64) -> Ticks {
        Ticks(n * 10)
    }

    /// `n` milliseconds.
    #[must_use]
    pub const fn from_millis(n: u64) -> Ticks {
        Ticks(n * 10_000)
    }

    /// `n` seconds.
    #[must_use]
    pub const fn from_secs(n: u64) -> Ticks {
        Ticks(n * 10_000_000)
    }

    /// Whole milliseconds, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 10_000
    }

    /// The difference, or zero where `other` is later.
    #[must_use]
    pub const fn saturating_sub(self, other: Ticks) -> Ticks {
        Ticks(self.0.saturating_sub(other.0))
    }

    /// The sum, at most [`Ticks::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: Ticks) -> Ticks {
        let sum = self.0.saturating_add(other.0);
        if sum > Ticks::MAX.0 { Ticks::MAX } else { Ticks(sum) }
    }
}

impl Add for Ticks {
    type Output = Ticks;
    fn add(self, other: Ticks) -> Ticks {
        self.saturating_add(other)
    }
}

impl AddAssign for Ticks {
    fn add_assign(&mut self, other: Ticks) {
        *self = *self + other;
    }
}

impl Sub for Ticks {
    type Output = Ticks;
    fn sub(self, other: Ticks) -> Ticks {
        self.saturating_sub(other)
    }
}

/// Seconds with as many of the seven decimals as are needed, at least three: `12.500 s`, `0.0000001 s`.
impl fmt::Display for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.0 / 10_000_000, self.0 % 10_000_000);
        let digits = format!("{rest:07}");
        let kept = digits.trim_end_matches('0').len().max(3);
        write!(f, "{seconds}.{} s", &digits[..kept])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_in_seconds_with_the_decimals_it_needs() {
        assert_eq!(Ticks::from_millis(12_500).to_string(), "12.500 s");
        assert_eq!(Ticks(1).to_string(), "0.0000001 s");
        assert_eq!(Ticks::ZERO.to_string(), "0.000 s");
        assert_eq!(Ticks::from_micros(1500).to_string(), "0.0015 s");
    }

    #[test]
    fn times_never_leave_the_range_of_json_numbers() {
        assert_eq!(Ticks::MAX + Ticks(1), Ticks::MAX);
        assert_eq!(Ticks(1) - Ticks(2), Ticks::ZERO);
    }
}
