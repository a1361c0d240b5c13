//! File sets: a path, a file specification and whether the path is a tree (CMP-DEF-011).
//!
//! ```text
//!   %SystemRoot%\System32\   *.log     recursive
//!   path: variables, no      file specification: ? and *,
//!   wildcards, trailing      no backslash (CMP-DEF-013)
//!   backslash optional
//!   (CMP-DEF-012)
//! ```
//!
//! [`FileSet::new`] checks the two texts, [`FileSet::expand`] replaces variables out of a table, [`FileSet::matches`]
//! says whether a file belongs to the set and [`FileSet::recreates`] whether a restore makes a directory of it anew.
//!
//! S-21: the pages do not say how `*.*` differs from `*`, nor whether case counts. Here it is as `FindFirstFile` of
//! Windows does it: case does not count; `.*` at the end of a specification also matches nothing at all, so that `*.*`
//! is every name and `log.*` is `log` too. Left out are the finer rules of MS-DOS: a `?` stands for exactly one
//! character even at the end of a name, a `*` for any characters even across periods, and short names (8.3) are not
//! looked at.
//!
//! Source: definition-of-components-by-writers.md (MicrosoftDocs/win32).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The longest path that Windows takes, in UTF-16 units. What expands to more is refused, so that a table of variables
/// cannot make a path grow without end.
pub const LONGEST: usize = 32_767;

/// A file set of a component, an exclude list or an alternate location mapping.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileSet {
    path: String,
    spec: String,
    recursive: bool,
}

/// What is wrong with a file set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileSetError {
    /// The path is empty.
    NoPath,
    /// The file specification is empty.
    NoSpecification,
    /// The path has a `?` or a `*` (CMP-DEF-012). The prefix `\\?\` does not count.
    WildcardInPath(String),
    /// The file specification has a backslash (CMP-DEF-013).
    BackslashInSpecification(String),
    /// One of the two is longer than [`LONGEST`], as given or with its variables expanded.
    TooLong,
}

impl FileSetError {
    /// The requirement that is broken, where one speaks of it.
    #[must_use]
    pub const fn requirement(&self) -> Option<&'static str> {
        match self {
            FileSetError::NoPath | FileSetError::NoSpecification => Some("CMP-DEF-011"),
            FileSetError::WildcardInPath(_) => Some("CMP-DEF-012"),
            FileSetError::BackslashInSpecification(_) => Some("CMP-DEF-013"),
            FileSetError::TooLong => None,
        }
    }
}

impl fmt::Display for FileSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileSetError::NoPath => f.write_str("the path is empty"),
            FileSetError::NoSpecification => f.write_str("the file specification is empty; `*` stands for all files"),
            FileSetError::WildcardInPath(path) => {
                write!(f, "the path `{path}` has a wildcard; only the file specification may have one")
            }
            FileSetError::BackslashInSpecification(spec) => {
                write!(f, "the file specification `{spec}` has a backslash; folders belong into the path")
            }
            FileSetError::TooLong => write!(f, "longer than {LONGEST} characters"),
        }
    }
}

impl std::error::Error for FileSetError {}

fn too_long(text: &str) -> bool {
    text.encode_utf16().take(LONGEST + 1).count() > LONGEST
}

impl FileSet {
    /// A file set of these texts.
    ///
    /// # Errors
    ///
    /// One of the two is empty, too long, or has a character that it may not have.
    pub fn new(path: &str, spec: &str, recursive: bool) -> Result<FileSet, FileSetError> {
        if too_long(path) || too_long(spec) {
            return Err(FileSetError::TooLong);
        }
        if path.is_empty() {
            return Err(FileSetError::NoPath);
        }
        if spec.is_empty() {
            return Err(FileSetError::NoSpecification);
        }
        let beyond_prefix = path.strip_prefix(r"\\?\").unwrap_or(path);
        if beyond_prefix.contains(['?', '*']) {
            return Err(FileSetError::WildcardInPath(path.to_owned()));
        }
        if spec.contains('\\') {
            return Err(FileSetError::BackslashInSpecification(spec.to_owned()));
        }
        Ok(FileSet { path: path.to_owned(), spec: spec.to_owned(), recursive })
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The file specification.
    #[must_use]
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// Whether the path stands for its whole tree (CMP-DEF-015).
    #[must_use]
    pub const fn recursive(&self) -> bool {
        self.recursive
    }

    /// Whether the specification may match nothing. Without a wildcard the file has to be there (CMP-DEF-017).
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.spec.contains(['?', '*'])
    }

    /// The same set with the variables of the path replaced; see [`expand`].
    ///
    /// # Errors
    ///
    /// The path gets too long, or a variable brings a wildcard into it.
    pub fn expand(&self, variables: &Variables) -> Result<FileSet, FileSetError> {
        FileSet::new(&expand(&self.path, variables)?, &self.spec, self.recursive)
    }

    /// Whether a file belongs to the set: its folder is the path, or lies below it in a recursive set, and its name
    /// matches the specification (CMP-DEF-015).
    #[must_use]
    pub fn matches(&self, file: &str) -> bool {
        let Some((folder, name)) = file.rsplit_once('\\') else { return false };
        !name.is_empty() && self.covers(folder) && matches_wildcards(&self.spec, name)
    }

    /// Whether a restore makes this directory anew: in a recursive set each directory of the tree, an empty one too and
    /// whatever the specification matches (CMP-DEF-016).
    #[must_use]
    pub fn recreates(&self, directory: &str) -> bool {
        self.recursive && self.covers(directory)
    }

    /// Whether the folder is the path or, in a recursive set, below it. A trailing backslash counts on neither side
    /// (CMP-DEF-012, CMP-DEF-014).
    fn covers(&self, folder: &str) -> bool {
        let mut own = self.path.trim_end_matches('\\').chars();
        let mut other = folder.trim_end_matches('\\').chars();
        loop {
            match (own.next(), other.next()) {
                (None, None) => return true,
                (None, Some(next)) => return self.recursive && next == '\\',
                (Some(a), Some(b)) if fold(a) == fold(b) => {}
                (Some(_), _) => return false,
            }
        }
    }
}

/// As `AddFilesToFileGroup` is told of it: path, specification, recursion.
impl fmt::Display for FileSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tree = if self.recursive { " (recursive)" } else { "" };
        write!(f, "{}\\{}{tree}", self.path.trim_end_matches('\\'), self.spec)
    }
}

/// Environment variables. Their names are compared without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.chars().map(fold).collect(), value.to_owned());
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.chars().map(fold).collect::<String>()).map(String::as_str)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Variables {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in pairs {
            variables.set(name, value);
        }
        variables
    }
}

/// Replaces `%name%` by its value, once: values are not expanded again. As `ExpandEnvironmentStrings` does, a name that
/// is not known stays as it is, and its closing `%` may open the next name.
///
/// # Errors
///
/// The result would be longer than [`LONGEST`].
pub fn expand<'a>(text: &'a str, variables: &Variables) -> Result<Cow<'a, str>, FileSetError> {
    if !text.contains('%') {
        return if too_long(text) { Err(FileSetError::TooLong) } else { Ok(Cow::Borrowed(text)) };
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        expanded.push_str(before);
        let known = after.split_once('%').and_then(|(name, beyond)| Some((variables.get(name)?, beyond)));
        if let Some((value, beyond)) = known {
            expanded.push_str(value);
            rest = beyond;
        } else {
            expanded.push('%');
            rest = after;
        }
        // A char takes at most three bytes for each of its UTF-16 units.
        if expanded.len() > 3 * LONGEST {
            return Err(FileSetError::TooLong);
        }
    }
    expanded.push_str(rest);
    if too_long(&expanded) { Err(FileSetError::TooLong) } else { Ok(Cow::Owned(expanded)) }
}

/// A character without its case, as far as one character stands for one, which is how Windows compares file names.
pub(crate) fn fold(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Whether a name matches a specification with `?` and `*`; see the head of this module for the rules.
#[must_use]
pub fn matches_wildcards(spec: &str, name: &str) -> bool {
    matches_literally(spec, name) || spec.strip_suffix(".*").is_some_and(|before| matches_literally(before, name))
}

/// Takes at most as many steps as the product of both lengths: on a mismatch only the last `*` takes one character
/// more.
fn matches_literally(spec: &str, name: &str) -> bool {
    let (mut spec, mut name) = (spec.chars(), name.chars());
    // What follows the last `*`, and the name from where that `*` may end.
    let mut retry = None;
    loop {
        let name_here = name.clone();
        match (spec.next(), name.next()) {
            (Some('*'), _) => {
                retry = Some((spec.clone(), name_here.clone()));
                name = name_here;
            }
            (Some('?'), Some(_)) => {}
            (Some(a), Some(b)) if fold(a) == fold(b) => {}
            (None, None) => return true,
            _ => {
                let Some((after_star, from)) = retry.as_mut() else { return false };
                if from.next().is_none() {
                    return false;
                }
                (spec, name) = (after_star.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    /// The tree of the test vectors.
    const TREE: [&str; 4] = [
        r"C:\Directory1\File1.txt",
        r"C:\Directory1\File2.txt",
        r"C:\Directory1\Directory2\File1.txt",
        r"C:\Directory1\Directory2\File2.txt",
    ];

    fn found(path: &str, spec: &str, recursive: bool) -> Vec<&'static str> {
        let set = FileSet::new(path, spec, recursive).unwrap();
        TREE.into_iter().filter(|file| set.matches(file)).collect()
    }

    #[test]
    fn a_recursive_set_finds_the_named_files_in_each_directory() {
        // CMP-DEF-038
        assert_eq!(found(r"C:\Directory1", "File1.*", true), [TREE[0], TREE[2]]);
    }

    #[test]
    fn a_recursive_star_finds_every_file_of_the_tree() {
        // CMP-DEF-039
        assert_eq!(found(r"C:\Directory1", "*", true), TREE);
    }

    #[test]
    fn a_star_without_recursion_finds_the_files_of_one_directory() {
        // CMP-DEF-040
        assert_eq!(found(r"C:\Directory1", "*", false), [TREE[0], TREE[1]]);
    }

    #[test]
    fn a_recursive_set_recreates_empty_directories() {
        // CMP-DEF-041
        for spec in ["File1.*", "*"] {
            let set = FileSet::new(r"C:\Directory1", spec, true).unwrap();
            assert!(set.recreates(r"C:\Directory1\Directory3") && set.recreates(r"C:\Directory1\"));
            assert!(!set.recreates(r"C:\") && !set.recreates(r"C:\Directory10"));
        }
        assert!(!FileSet::new(r"C:\Directory1", "*", false).unwrap().recreates(r"C:\Directory1\Directory3"));
    }

    #[test]
    fn a_trailing_backslash_changes_nothing() {
        assert_eq!(found(r"C:\Directory1\", "*", false), found(r"C:\Directory1", "*", false));
        assert!(FileSet::new(r"C:\", "*", false).unwrap().matches(r"C:\pagefile.sys"));
        assert!(FileSet::new("C:", "*", true).unwrap().matches(TREE[0]));
    }

    #[test]
    fn case_does_not_count() {
        assert_eq!(found(r"c:\DIRECTORY1", "fIlE1.TXT", false), [TREE[0]]);
        assert!(matches_wildcards("Ä*.log", "ärger.LOG") && matches_wildcards("straße", "STRAßE"));
    }

    #[test]
    fn a_directory_whose_name_merely_begins_alike_does_not_belong() {
        let set = FileSet::new(r"C:\Dir", "*", true).unwrap();
        assert!(!set.matches(r"C:\Directory1\File1.txt"));
        assert!(!set.matches("File1.txt") && !set.matches(r"C:\Dir\"));
    }

    #[test]
    fn star_dot_star_is_every_name() {
        for name in ["a", "a.b", "a.b.c", ".profile"] {
            assert!(matches_wildcards("*.*", name) && matches_wildcards("*", name), "{name}");
        }
        assert!(matches_wildcards("log*.*", "logbook") && !matches_wildcards("log*.*", "catalog"));
        assert!(!matches_wildcards("*.log", "log") && matches_wildcards("*.log", ".log"));
        assert!(matches_wildcards("log.*", "log") && !matches_wildcards("log.*", "logbook"));
    }

    #[test]
    fn a_question_mark_is_one_character() {
        assert!(matches_wildcards("e0?.log", "E01.log") && !matches_wildcards("e0?.log", "e0.log"));
        assert!(matches_wildcards("?", "ä") && !matches_wildcards("?", ""));
        assert!(matches_wildcards("*?", "a") && !matches_wildcards("*?", ""));
    }

    #[test]
    fn many_stars_take_no_longer_than_the_product_of_the_lengths() {
        // Searching each way of dividing the name among the stars would not end.
        let spec = "*a".repeat(500) + "*b";
        assert!(!matches_wildcards(&spec, &"a".repeat(5_000)));
        assert!(matches_wildcards(&spec, &("a".repeat(5_000) + "b")));
    }

    #[test]
    fn wildcards_and_backslashes_stand_in_their_own_part() {
        let requirement = |path, spec| FileSet::new(path, spec, false).unwrap_err().requirement();
        assert_eq!(requirement(r"C:\D*", "*"), Some("CMP-DEF-012"));
        assert_eq!(requirement(r"C:\D", r"x\*"), Some("CMP-DEF-013"));
        assert_eq!(requirement("", "*"), Some("CMP-DEF-011"));
        assert_eq!(requirement("C:", ""), Some("CMP-DEF-011"));
        let volume = FileSet::new(r"\\?\Volume{b5946137-7b9f-4925-af80-51abd60b20d5}\x", "*", false).unwrap();
        assert!(volume.matches(r"\\?\volume{B5946137-7b9f-4925-af80-51abd60b20d5}\X\y"));
    }

    #[test]
    fn variables_are_replaced_once_and_unknown_ones_stay() {
        let variables = Variables::from_iter([("SystemRoot", r"C:\Windows"), ("Loop", "%Loop%"), ("", "none")]);
        let set = FileSet::new(r"%systemroot%\System32\", "*.log", false).unwrap().expand(&variables).unwrap();
        assert_eq!(set.to_string(), r"C:\Windows\System32\*.log");
        assert_eq!(expand("%Loop%", &variables).unwrap(), "%Loop%");
        assert_eq!(expand("100% %x%SystemRoot%", &variables).unwrap(), r"100% %xC:\Windows");
        assert_eq!(expand("%x%y%", &variables).unwrap(), "%x%y%");
    }

    #[test]
    fn a_path_that_expands_beyond_the_limit_is_refused() {
        let variables = Variables::from_iter([("x", "y".repeat(20_000).as_str()), ("star", "*")]);
        let set = |path: &str| FileSet::new(path, "*", false).unwrap().expand(&variables);
        assert!(set("%x%").is_ok());
        assert_eq!(set("%x%%x%"), Err(FileSetError::TooLong));
        assert_eq!(set(&"%x%".repeat(10_000)), Err(FileSetError::TooLong));
        assert!(matches!(set(r"C:\%star%"), Err(FileSetError::WildcardInPath(_))));
    }

    /// The plain recursive definition, for short texts.
    fn by_definition(spec: &[char], name: &[char]) -> bool {
        match (spec.split_first(), name.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', after)), rest) => {
                by_definition(after, name) || rest.is_some_and(|(_, beyond)| by_definition(spec, beyond))
            }
            (Some((a, after)), Some((b, beyond))) => (*a == '?' || a == b) && by_definition(after, beyond),
            (Some(_), None) => false,
        }
    }

    quickcheck! {
        fn matching_agrees_with_the_plain_definition(spec: Vec<u8>, name: Vec<u8>) -> bool {
            let spec: Vec<char> = spec.iter().take(8).map(|byte| ['*', '?', 'a', 'b'][usize::from(byte % 4)]).collect();
            let name: Vec<char> = name.iter().take(10).map(|byte| ['a', 'b'][usize::from(byte % 2)]).collect();
            let text = |chars: &[char]| chars.iter().collect::<String>();
            matches_literally(&text(&spec), &text(&name)) == by_definition(&spec, &name)
        }

        fn expansion_without_variables_changes_nothing(text: String) -> bool {
            expand(&text, &Variables::default()).is_ok_and(|expanded| expanded == text)
        }

        fn every_file_below_a_path_belongs_to_its_recursive_star(path: String, name: String) -> bool {
            let Ok(set) = FileSet::new(&path, "*", true) else { return true };
            name.is_empty() || name.ends_with('\\') || set.matches(&format!("{path}\\{name}"))
        }
    }
}
