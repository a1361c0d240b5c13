//! `vssim check` of a document: a Writer Metadata Document or a Backup Components Document.
//!
//! A text that is no such document is bad input, told with line and column. A Writer Metadata Document that can be read but
//! breaks rules for writers has findings; one that says *must* makes the check fail.

use std::path::Path;

use vssim_model::documents::{BackupComponents, DocumentError, Level, WriterMetadata};

use crate::{BadInput, Ended, terminal};

/// Whether a file is XML rather than a trace: its first character is `<`, in UTF-8 or UTF-16, with or without a mark.
pub(crate) fn is_document(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let marked = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    let bytes = if marked { bytes.get(2..).unwrap_or_default() } else { bytes };
    let blank = |byte: &&u8| matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n');
    marked || bytes.iter().take(1 << 12).find(|byte| !blank(byte)) == Some(&b'<')
}

/// Reads a document and tells what is wrong with it.
pub(crate) fn check(file: &Path, bytes: &[u8]) -> Result<Ended, BadInput> {
    let name = file.display();
    let metadata = match WriterMetadata::read(bytes) {
        Ok(metadata) => metadata,
        Err(error) if !error.is_other_root("BACKUP_COMPONENTS") => return Err(fault(file, &error)),
        Err(_) => {
            let document = BackupComponents::read(bytes).map_err(|error| fault(file, &error))?;
            let components = document.writers().map(|writer| writer.components().count()).sum::<usize>();
            let writers = document.writers().count();
            terminal::print(&format!(
                "{name}: a Backup Components Document without faults: {writers} writers, {components} components"
            ));
            return Ok(Ended::Well);
        }
    };
    let findings = metadata.check();
    let components = metadata.components().count();
    let mut lines = vec![format!("{name}: a Writer Metadata Document without faults: {components} components")];
    if !findings.is_empty() {
        lines = vec![format!("{name}: a Writer Metadata Document that breaks rules for writers")];
    }
    for finding in &findings {
        let level = if finding.kind.rule().1 == Level::Must { "must" } else { "should" };
        lines.push(format!("  {level:6}  {finding}"));
    }
    terminal::print(&lines.join("\n"));
    let well = findings.iter().all(|finding| finding.kind.rule().1 != Level::Must);
    Ok(if well { Ended::Well } else { Ended::Failed })
}

/// A fault as scenarios tell theirs: place, words, the line with a mark below.
fn fault(file: &Path, error: &DocumentError) -> BadInput {
    let (line, column) = (error.line().unwrap_or(1), error.column().unwrap_or(1));
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let excerpt = error.excerpt().unwrap_or_default();
    let (shown, mark) = excerpt.split_once('\n').unwrap_or((&excerpt, "^"));
    BadInput(format!(
        "error: {}:{line}:{column}: {}\n{margin} |\n{number} | {shown}\n{margin} | {mark}",
        file.display(),
        error.kind()
    ))
}
