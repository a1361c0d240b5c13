//! The ready scenarios, embedded.

/// A ready scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its short name: that of the file and of the `name` key.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! library {
    ($($name:literal,)+) => {
        /// Every ready scenario, by name.
        pub const LIBRARY: &[Entry] =
            &[$(Entry { name: $name, text: include_str!(concat!("../library/", $name, ".yaml")) }),+];
    };
}

library! {
    "forgotten-freeze",
    "full-backup",
    "veto-at-freeze",
}

/// The ready scenario of this name.
#[must_use]
pub fn find(name: &str) -> Option<Entry> {
    LIBRARY.iter().copied().find(|entry| entry.name == name)
}

/// The nearest name of a ready scenario, for a wrong one.
#[must_use]
pub fn nearest(name: &str) -> Option<String> {
    crate::error::nearest(name, LIBRARY.iter().map(|entry| entry.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;

    #[test]
    fn every_ready_scenario_is_without_mistakes_and_has_its_files_name() {
        for entry in LIBRARY {
            let scenario = Scenario::parse(entry.name, entry.text).unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(scenario.document.name.0, entry.name);
            assert!(scenario.document.teaches.is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn names_stand_in_order_and_wrong_ones_are_guessed() {
        assert!(LIBRARY.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert_eq!(nearest("fullbackup").as_deref(), Some("full-backup"));
        assert_eq!(find("no-such"), None);
    }
}
