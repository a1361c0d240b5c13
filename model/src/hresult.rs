//! HRESULTs: every code that the catalogue of VSS names, and any other number besides.
//!
//! Source: the return tables of the API pages (MicrosoftDocs/sdk-api); the numbers are those of winerror.h and
//! vsserror.h. [`TABLE`] holds them all; the closed lists that pages give ([`HResult::PROVIDER_CODES`],
//! [`HResult::WRITER_FAILURES`]) and the words of `vssadmin list writers` ([`writer_error_text`]) stand here.

mod table;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use table::TABLE;

/// A return code. Unknown numbers survive and print in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HResult(pub u32);

/// What is known of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The number.
    pub code: HResult,
    /// The documented name.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub sentence: &'static str,
    /// The page or header it is taken from.
    pub source: &'static str,
}

impl HResult {
    /// The twelve codes that a provider may return (PRV-ERR-001). From any other, `E_FAIL` and `S_FALSE` too, VSS makes
    /// `VSS_E_UNEXPECTED_PROVIDER_ERROR` (PRV-ERR-002). Some pages let `BeginPrepareSnapshot` return further ones
    /// (API-044, C-28).
    pub const PROVIDER_CODES: [HResult; 12] = [
        HResult::S_OK,
        HResult::E_OUTOFMEMORY,
        HResult::E_INVALIDARG,
        HResult::E_ACCESSDENIED,
        HResult::VSS_E_BAD_STATE,
        HResult::VSS_E_OBJECT_NOT_FOUND,
        HResult::VSS_E_INSUFFICIENT_STORAGE,
        HResult::VSS_E_VOLUME_NOT_SUPPORTED,
        HResult::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
        HResult::VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED,
        HResult::VSS_E_PROVIDER_VETO,
        HResult::VSS_E_CANNOT_REVERT_DISKID,
    ];

    /// The five codes that a writer may pass to `SetWriterFailure` (nf-vswriter-cvsswriter-setwriterfailure.md).
    pub const WRITER_FAILURES: [HResult; 5] = [
        HResult::VSS_E_WRITERERROR_INCONSISTENTSNAPSHOT,
        HResult::VSS_E_WRITERERROR_OUTOFRESOURCES,
        HResult::VSS_E_WRITERERROR_TIMEOUT,
        HResult::VSS_E_WRITERERROR_RETRYABLE,
        HResult::VSS_E_WRITERERROR_NONRETRYABLE,
    ];

    /// Whether the code reports success (its severity bit is clear).
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 & 0x8000_0000 == 0
    }

    /// Whether the code reports failure.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !self.is_success()
    }

    /// What is known of this code.
    #[must_use]
    pub fn known(self) -> Option<&'static Known> {
        TABLE.iter().find(|known| known.code == self)
    }
}

/// The name, or the number in hexadecimal.
impl fmt::Display for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(known) => f.pad(known.name),
            None => f.pad(&format!("0x{:08X}", self.0)),
        }
    }
}

impl fmt::Debug for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text that names no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnHResult(pub String);

impl fmt::Display for NotAnHResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no known HRESULT; expected a name such as VSS_E_BAD_STATE or a number such as 0x80042301",
            self.0
        )
    }
}

impl std::error::Error for NotAnHResult {}

impl FromStr for HResult {
    type Err = NotAnHResult;

    fn from_str(text: &str) -> Result<HResult, NotAnHResult> {
        if let Some(known) = TABLE.iter().find(|known| known.name == text) {
            return Ok(known.code);
        }
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        digits
            .filter(|digits| digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .map(HResult)
            .ok_or_else(|| NotAnHResult(text.chars().take(80).collect()))
    }
}

impl Serialize for HResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.known() {
            Some(known) => serializer.serialize_str(known.name),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for HResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<HResult, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The words after `Last error:` in what `vssadmin list writers` prints.
///
/// Recorded from real Windows: "No error", "Timed out", "Retryable error", "Non-retryable error", "Inconsistent shadow
/// copy" and "Not responding". "Out of resources" and "Unexpected error" (any other code) are our own, in the same
/// manner.
#[must_use]
pub const fn writer_error_text(failure: HResult) -> &'static str {
    match failure {
        HResult::S_OK => "No error",
        HResult::VSS_E_WRITERERROR_INCONSISTENTSNAPSHOT => "Inconsistent shadow copy",
        HResult::VSS_E_WRITERERROR_OUTOFRESOURCES => "Out of resources",
        HResult::VSS_E_WRITERERROR_TIMEOUT => "Timed out",
        HResult::VSS_E_WRITERERROR_RETRYABLE => "Retryable error",
        HResult::VSS_E_WRITERERROR_NONRETRYABLE => "Non-retryable error",
        HResult::VSS_E_WRITER_NOT_RESPONDING => "Not responding",
        _ => "Unexpected error",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use quickcheck::quickcheck;

    use super::*;
    use crate::corpus;

    #[test]
    fn every_name_and_every_number_stands_once_in_the_table() {
        let names: BTreeSet<_> = TABLE.iter().map(|known| known.name).collect();
        let codes: BTreeSet<_> = TABLE.iter().map(|known| known.code).collect();
        assert_eq!((names.len(), codes.len()), (TABLE.len(), TABLE.len()));
    }

    #[test]
    fn every_sentence_says_more_than_the_name() {
        for known in TABLE {
            assert!(known.sentence.ends_with('.') && known.sentence.len() > 15, "{}", known.name);
            assert!(!known.sentence.starts_with(known.name), "{}", known.name);
        }
    }

    #[test]
    fn a_provider_may_return_success_and_failures_but_no_other_success() {
        let successes = HResult::PROVIDER_CODES.iter().filter(|code| code.is_success()).count();
        assert_eq!(successes, 1);
    }

    #[test]
    fn each_writer_failure_has_words_of_its_own() {
        let words: BTreeSet<_> = HResult::WRITER_FAILURES.iter().map(|code| writer_error_text(*code)).collect();
        assert_eq!(words.len(), HResult::WRITER_FAILURES.len());
        assert!(!words.contains("Unexpected error"));
        assert_eq!(writer_error_text(HResult::S_OK), "No error");
    }

    quickcheck! {
        fn what_is_printed_reads_back(code: u32) -> bool {
            HResult(code).to_string().parse() == Ok(HResult(code))
        }
    }

    #[test]
    fn known_names_read_and_unknown_ones_do_not() {
        assert_eq!("VSS_E_PROVIDER_VETO".parse(), Ok(HResult(0x8004_2306)));
        assert_eq!("0x80042306".parse(), Ok(HResult::VSS_E_PROVIDER_VETO));
        for text in ["", "0x", "0x+1", "0x123456789", "VSS_E_PROVIDER_VETOED"] {
            assert!(text.parse::<HResult>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_table_holds_every_value_that_the_documentation_lists() {
        let Some(text) = corpus::read("spec/api/shared.yaml") else { return };
        let section = text.split("- interface: VSS HRESULT values").nth(1).expect("the section is there");
        let mut seen = 0;
        for line in section.lines() {
            let Some((name, rest)) = line.trim().strip_prefix("- {name: ").and_then(|line| line.split_once(',')) else {
                continue;
            };
            let hex = rest.split("hex: '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a number in hex");
            assert_eq!(name.parse::<HResult>(), hex.parse::<HResult>(), "{name}");
            seen += 1;
        }
        assert!(seen > 80, "{seen}");
    }

    #[test]
    fn the_page_given_as_source_documents_the_code() {
        let mut methods = Vec::new();
        for file in ["shared", "requester", "provider", "writer", "management"] {
            let Some(text) = corpus::read(&format!("spec/api/{file}.yaml")) else { return };
            for line in text.lines() {
                let trimmed = line.trim_start();
                if trimmed.starts_with("- name: ") || trimmed.starts_with("- interface: ") {
                    methods.push(String::new());
                }
                if let Some(method) = methods.last_mut() {
                    method.push_str(line);
                    method.push('\n');
                }
            }
        }
        for known in TABLE.iter().filter(|known| known.source.starts_with("nf-")) {
            let page = format!("page: {}", known.source);
            let named = |method: &&String| {
                method.split(|c: char| !(c == '_' || c.is_ascii_alphanumeric())).any(|word| word == known.name)
            };
            assert!(methods.iter().filter(|method| method.contains(&page)).any(|method| named(&method)), "{known:?}");
        }
    }
}
