//! Paths of files inside a volume: checked, compared without regard to case.
//!
//! A path is relative to the volume's root and parted by backslashes; one leading backslash is accepted and dropped. The limits are
//! those of Windows for names (Naming Files, Paths, and Namespaces): 255 UTF-16 units a name, 32,767 a path, none of `< > : " / | ? *`
//! and no control characters.

use std::fmt;

const MAX_NAME: usize = 255;
const MAX_PATH: usize = 32_767;

/// Why a text is not a path inside a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPath {
    /// Nothing is left, or two backslashes stand together, or one stands at the end.
    EmptyName,
    /// A name has more than 255 UTF-16 units, or the path more than 32,767.
    TooLong,
    /// A name is `.` or `..`.
    Dots,
    /// A character that no name may have.
    Character(char),
}

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadPath::EmptyName => write!(f, "a name in the path is empty"),
            BadPath::TooLong => {
                write!(f, "a name is longer than {MAX_NAME} or the path longer than {MAX_PATH} characters")
            }
            BadPath::Dots => write!(f, "`.` and `..` are not names"),
            BadPath::Character(c) => write!(f, "{c:?} cannot stand in a name"),
        }
    }
}

impl std::error::Error for BadPath {}

/// Checks a path and drops its leading backslash.
///
/// # Errors
/// When it is not a path inside a volume.
pub fn check(path: &str) -> Result<&str, BadPath> {
    let path = path.strip_prefix('\\').unwrap_or(path);
    if path.len() > 3 * MAX_PATH || path.encode_utf16().count() > MAX_PATH {
        return Err(BadPath::TooLong);
    }
    for name in path.split('\\') {
        if name.is_empty() {
            return Err(BadPath::EmptyName);
        }
        if name == "." || name == ".." {
            return Err(BadPath::Dots);
        }
        if name.encode_utf16().count() > MAX_NAME {
            return Err(BadPath::TooLong);
        }
        if let Some(c) = name.chars().find(|&c| c.is_control() || r#"<>:"/|?*"#.contains(c)) {
            return Err(BadPath::Character(c));
        }
    }
    Ok(path)
}

/// The form in which two paths are the same when they differ in case only: each character in upper case where that is one
/// character, as NTFS does.
#[must_use]
pub fn fold(path: &str) -> String {
    path.chars().map(fold_char).collect()
}

fn fold_char(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_backslash_is_dropped() {
        assert_eq!(check(r"\Windows\System32\drivers"), Ok(r"Windows\System32\drivers"));
    }

    #[test]
    fn what_windows_refuses_in_a_name_is_refused() {
        assert_eq!(check(""), Err(BadPath::EmptyName));
        assert_eq!(check(r"\\server"), Err(BadPath::EmptyName));
        assert_eq!(check(r"a\"), Err(BadPath::EmptyName));
        assert_eq!(check(r"a\..\b"), Err(BadPath::Dots));
        assert_eq!(check("a:stream"), Err(BadPath::Character(':')));
        assert_eq!(check("a\u{7}"), Err(BadPath::Character('\u{7}')));
        assert_eq!(check(&"x".repeat(256)), Err(BadPath::TooLong));
        assert_eq!(check(&"x\\".repeat(20_000)), Err(BadPath::TooLong));
    }

    #[test]
    fn case_does_not_part_paths_and_no_character_grows() {
        assert_eq!(fold("Straße Ä"), fold("sTRAße ä"));
        assert_eq!(fold("ß"), "ß");
    }
}
