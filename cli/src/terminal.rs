//! Standard output, standard error, and what the environment says of them.

#![allow(clippy::disallowed_methods, reason = "the command line reads the environment")]

use std::io::{self, IsTerminal, Write};

use vssim_reports::{Style, Verbosity};

use crate::arguments::{Color, Output};

/// Prints a result. A reader that has gone away (`vssim … | head`) is no error.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') && !text.is_empty() {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// Says what is wrong.
pub(crate) fn complain(text: &str) {
    let mut out = io::stderr().lock();
    let _ = writeln!(out, "{}", text.trim_end());
}

/// Shows on a terminal how far something has got; elsewhere nothing. An empty text takes it away again.
pub(crate) fn progress(text: &str) {
    let mut out = io::stderr().lock();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[2K{text}");
        let _ = out.flush();
    }
}

/// How text is to look.
pub(crate) fn style(output: &Output) -> Style {
    let color = match output.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let verbosity = match (output.verbose, output.brief) {
        (true, _) => Verbosity::Verbose,
        (_, true) => Verbosity::Brief,
        _ => Verbosity::Normal,
    };
    Style { color, ascii: output.ascii, width: columns.unwrap_or(120), verbosity }
}

/// Logs on standard error what the filter lets through; nothing without one.
pub(crate) fn start_logging(filter: Option<&str>) {
    let Some(filter) = filter else { return };
    let filter = tracing_subscriber::EnvFilter::new(filter);
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).without_time().try_init();
}
