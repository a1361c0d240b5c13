//! The readers of foreign bytes, each behind one function, and what has to hold whatever the bytes.
//!
//! Hostile-input tests, fuzz targets and the test of their seeds all come in here, so that they mean the same thing. Each function
//! reads, uses what was read as the command line would, and says whether the bytes were accepted. It panics when something
//! that has to hold does not: what was read and written again must read back the same, an error must fit on a screen and
//! hold nothing that a terminal obeys.

use vssim_conformance::judge;
use vssim_model::documents::{BackupComponents, DocumentError, WriterMetadata, same_document};
use vssim_model::trace::Trace;
use vssim_model::trace_codec;
use vssim_reports::{Style, Verbosity};
use vssim_scenarios::{NoFiles, Scenario, stage};

pub use crate::store_files::saved_store;

/// The longest error of a reader that stops at the first mistake, in bytes.
const ERROR_LIMIT: usize = 8 << 10;

/// A text for a terminal.
fn check_shown(text: &str) {
    let obeyed = text.chars().find(|c| c.is_control() && *c != '\n');
    assert!(obeyed.is_none(), "a text with {obeyed:?}: {:?}…", text.chars().take(400).collect::<String>());
}

/// An error that people can read.
pub(crate) fn check_error(shown: &str, limit: usize) {
    assert!(
        shown.len() <= limit,
        "an error of {} bytes: {:?}…",
        shown.len(),
        shown.chars().take(80).collect::<String>()
    );
    check_shown(shown);
    assert!(!shown.trim().is_empty(), "an error that says nothing");
}

/// A trace, as `vssim check` reads it. What is accepted reads back the same once written.
#[must_use]
pub fn trace(bytes: &[u8]) -> bool {
    let Some(trace) = read_trace(bytes) else { return false };
    let again = trace_codec::read(trace.to_json_lines().as_bytes());
    assert_eq!(again.as_ref(), Ok(&trace), "a trace does not read back as written");
    true
}

/// A trace that is then judged and shown, as `vssim check` does.
#[must_use]
pub fn judged_trace(bytes: &[u8]) -> bool {
    let Some(trace) = read_trace(bytes) else { return false };
    let report = judge(&trace);
    for verbosity in [Verbosity::Normal, Verbosity::Verbose] {
        let style = Style { verbosity, ..Style::default() };
        check_shown(&vssim_reports::timeline(&trace, &style));
        check_shown(&vssim_reports::verdict(&trace, &report, &style));
        check_shown(&vssim_reports::summary(&trace, &report, &[], &style));
    }
    check_shown(&vssim_reports::writers(&trace));
    check_shown(&vssim_reports::sequence_diagram(&trace));
    let json = vssim_reports::json(&trace, &report, &[]);
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "the report is no JSON");
    let _ = vssim_reports::junit(&trace, &report, &[]);
    true
}

fn read_trace(bytes: &[u8]) -> Option<Trace> {
    trace_codec::read(bytes).map_err(|error| check_error(&error.to_string(), ERROR_LIMIT)).ok()
}

/// A Writer Metadata Document. What is accepted is written as the same document.
#[must_use]
pub fn writer_metadata(bytes: &[u8]) -> bool {
    let Ok(document) = WriterMetadata::read(bytes).map_err(|error| check_document_error(&error)) else { return false };
    for finding in document.check() {
        check_error(&finding.to_string(), ERROR_LIMIT);
    }
    let written = document.to_xml();
    check_written(bytes, written.as_bytes());
    assert_eq!(WriterMetadata::read(written.as_bytes()).as_ref(), Ok(&document), "it reads back another document");
    true
}

/// A Backup Components Document. What is accepted is written as the same document.
#[must_use]
pub fn backup_components(bytes: &[u8]) -> bool {
    let read = BackupComponents::read(bytes).map_err(|error| check_document_error(&error));
    let Ok(document) = read else { return false };
    let written = document.to_xml();
    check_written(bytes, written.as_bytes());
    assert_eq!(BackupComponents::read(written.as_bytes()).as_ref(), Ok(&document), "it reads back another document");
    true
}

fn check_document_error(error: &DocumentError) {
    check_error(&error.to_string(), ERROR_LIMIT);
    check_error(&error.excerpt().unwrap_or_else(|| "no excerpt".to_owned()), ERROR_LIMIT);
}

fn check_written(read: &[u8], written: &[u8]) {
    same_document(read, written).unwrap_or_else(|difference| panic!("another document was written: {difference}"));
}

/// A scenario, parsed and staged without files.
#[must_use]
pub fn scenario(bytes: &[u8]) -> bool {
    /// A hundred mistakes of a few lines each.
    const LIMIT: usize = 1 << 20;
    let read = Scenario::parse_bytes("scenario.yaml", bytes).and_then(|scenario| stage(&scenario, &NoFiles));
    read.map_err(|errors| {
        assert!((1..=101).contains(&errors.0.len()), "{} mistakes", errors.0.len());
        check_error(&errors.to_string(), LIMIT);
    })
    .is_ok()
}
