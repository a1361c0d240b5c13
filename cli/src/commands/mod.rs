//! The commands.

pub(crate) mod check;
mod check_document;
pub(crate) mod coverage;
pub(crate) mod graph;
pub(crate) mod image;
pub(crate) mod list;
pub(crate) mod power_cut;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod search;

use vssim_conformance::Report;
use vssim_model::trace::Trace;
use vssim_reports::{Expectation, Style};

use crate::arguments::{Format, Output};
use crate::terminal;

/// Prints a judged trace.
pub(crate) fn show(trace: &Trace, report: &Report, expectations: &[Expectation], output: &Output, timeline: bool) {
    let style: Style = terminal::style(output);
    match output.format {
        Format::Json => terminal::print(&vssim_reports::json(trace, report, expectations)),
        Format::Sequence => terminal::print(&vssim_reports::sequence_diagram(trace)),
        Format::Text => {
            let mut parts = Vec::new();
            if timeline {
                parts.push(vssim_reports::timeline(trace, &style));
                parts.push(vssim_reports::writers(trace));
            }
            parts.push(vssim_reports::verdict(trace, report, &style));
            if timeline {
                parts.push(vssim_reports::summary(trace, report, expectations, &style));
            }
            let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty()).collect();
            terminal::print(&parts.join("\n\n"));
        }
    }
}

/// `did you mean`, where a known name is near.
pub(crate) fn near<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = vssim_scenarios::error::nearest(wrong, known);
    nearest.map(|name| format!("\n  did you mean `{name}`?")).unwrap_or_default()
}
