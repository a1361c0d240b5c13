//! Numbers, times and names as people read them.

/// A number with a comma after every third digit: `5,368,709,120`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in bytes, and in the largest unit of which there is one: `5,368,709,120 bytes (5.0 GiB)`.
pub(super) fn bytes(number: u64) -> String {
    let units = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let exact = format!("{} bytes", grouped(number));
    match units.iter().find(|(unit, _)| number >= *unit) {
        Some((unit, name)) => {
            let tenths = u128::from(number) * 10 / u128::from(*unit);
            format!("{exact} ({}.{} {name})", tenths / 10, tenths % 10)
        }
        None => exact,
    }
}

/// A time that [`iso`] wrote, for people: `2021-03-10 22:44:00.5147567 UTC`.
pub(super) fn people(iso: &str) -> String {
    iso.replace('T', " ").replace('Z', " UTC")
}

/// A FILETIME in UTC, to the 100 ns: `2021-03-10T22:44:00.5147567Z`.
pub(super) fn iso(filetime: u64) -> String {
    let (seconds, ticks) = (filetime / 10_000_000, filetime % 10_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01 of the Gregorian calendar, in eras of 400 years; FILETIME counts from 1601-01-01.
    let days = days + 584_694;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) =
        (era * 400 + year_of_era + u64::from(month >= 10), if month < 10 { month + 3 } else { month - 9 });
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ticks:07}Z")
}

/// `1 block`, `2 blocks`.
pub(super) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_sizes_have_units() {
        assert_eq!((grouped(0), grouped(999), grouped(1000)), ("0".to_owned(), "999".to_owned(), "1,000".to_owned()));
        assert_eq!(bytes(512), "512 bytes");
        assert_eq!(bytes(5_368_709_120), "5,368,709,120 bytes (5.0 GiB)");
        assert_eq!(bytes(u64::MAX), "18,446,744,073,709,551,615 bytes (16777215.9 TiB)");
        assert_eq!(
            (count(1, "copy-block"), count(1200, "block")),
            ("1 copy-block".to_owned(), "1,200 blocks".to_owned())
        );
    }

    #[test]
    fn times_of_windows_are_told_in_utc() {
        assert_eq!(iso(0), "1601-01-01T00:00:00.0000000Z");
        assert_eq!(iso(130_305_261_097_363_787), "2013-12-03T06:35:09.7363787Z");
        assert_eq!(iso(132_598_898_405_147_567), "2021-03-10T22:44:00.5147567Z");
        // The last second of a leap day.
        assert_eq!(iso(132_274_943_999_999_999), "2020-02-29T23:59:59.9999999Z");
        assert_eq!(people(&iso(0)), "1601-01-01 00:00:00.0000000 UTC");
        assert!(iso(u64::MAX).starts_with("60056-05-28"));
    }
}
