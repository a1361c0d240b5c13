//! `vssim check`.

use vssim_conformance::judge;
use vssim_model::trace_codec;

use super::check_document;
use crate::arguments::Check;
use crate::{BadInput, Ended, files};

/// Judges a trace, or a document.
pub(crate) fn check(arguments: &Check) -> Result<Ended, BadInput> {
    let bytes = files::read(&arguments.trace)?;
    if check_document::is_document(&bytes) {
        return check_document::check(&arguments.trace, &bytes);
    }
    let trace = trace_codec::read(&bytes).map_err(|error| {
        let (line, column) = (error.line, error.column);
        BadInput(format!("error: {}:{line}:{column}: {}", arguments.trace.display(), error.problem))
    })?;
    let report = judge(&trace);
    if let Some(path) = &arguments.junit {
        files::write(path, &vssim_reports::junit(&trace, &report, &[]))?;
    }
    super::show(&trace, &report, &[], &arguments.output, arguments.timeline);
    let well = report.violated().next().is_none() && report.invariants.is_empty();
    Ok(if well { Ended::Well } else { Ended::Failed })
}
