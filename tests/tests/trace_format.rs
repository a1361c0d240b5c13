//! docs/trace-format.md shows what vssim really writes.

use std::collections::BTreeSet;

use vssim_model::trace::{Phase, What};
use vssim_model::trace_codec;
use vssim_tests::{files, samples};

fn page() -> String {
    files::text("docs/trace-format.md")
}

/// The lines of the page that are lines of a trace.
fn shown(page: &str) -> Vec<&str> {
    page.lines().filter(|line| line.starts_with('{')).collect()
}

#[test]
fn the_lines_of_the_page_are_the_lines_of_a_trace_in_their_order() {
    let (page, written) = (page(), samples::trace().to_json_lines());
    let (shown, written): (Vec<&str>, Vec<&str>) = (shown(&page), written.lines().collect());
    for (at, line) in written.iter().enumerate() {
        assert_eq!(shown.get(at), Some(line), "line {} of the trace is not on the page; it is:\n{line}\n", at + 1);
    }
    assert_eq!(shown.len(), written.len(), "the page shows lines that no record has");
}

#[test]
fn the_lines_of_the_page_are_read_as_a_trace() {
    let text = shown(&page()).join("\n");
    assert_eq!(trace_codec::read(text.as_bytes()), Ok(samples::trace()));
}

/// The variants of an enumeration, read from its source: one more there has to be shown here.
fn variants(file: &str, name: &str) -> BTreeSet<String> {
    let source = files::text(file);
    let (_, body) = source.split_once(&format!("pub enum {name} {{\n")).expect("the enumeration is there");
    let body = body.split_once("\n}").expect("it ends").0;
    let names = body.lines().filter_map(|line| {
        let rest = line.strip_prefix("    ")?;
        let word: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        word.starts_with(|first: char| first.is_ascii_uppercase()).then_some(word)
    });
    names.collect()
}

/// The variant's name, as `Debug` prints it.
fn variant(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[test]
fn every_kind_of_record_and_what_it_is_made_of_is_on_the_page() {
    const TRACE: &str = "model/src/trace.rs";
    let trace = samples::trace();
    let of = |pick: fn(&What) -> Option<String>| -> BTreeSet<String> {
        trace.records.iter().filter_map(|record| pick(&record.what)).collect()
    };
    assert_eq!(of(|what| Some(variant(what))), variants(TRACE, "What"));
    let roles: BTreeSet<String> = trace.header.actors.iter().map(|actor| variant(&actor.role)).collect();
    assert_eq!(roles, variants(TRACE, "Role"));
    let ios = of(|what| if let What::Io { io, .. } = what { Some(variant(io)) } else { None });
    assert_eq!(ios, variants(TRACE, "Io"));
    let outs = of(|what| if let What::Return { out, .. } = what { Some(variant(out)) } else { None });
    assert_eq!(outs, variants("model/src/api.rs", "Out"));
    let interfaces = of(|what| match what {
        What::Call { call, .. } | What::Callback { call, .. } => Some(variant(call)),
        _ => None,
    });
    assert_eq!(interfaces, variants("model/src/api.rs", "Call"));
}

#[test]
fn every_phase_is_explained() {
    let page = page();
    for name in variants("model/src/trace.rs", "Phase") {
        let spellings = [name.to_uppercase(), spelled(&name)];
        let phase: Phase = spellings
            .iter()
            .find_map(|text| serde_json::from_value(text.clone().into()).ok())
            .unwrap_or_else(|| panic!("no spelling of {name} is read"));
        let text = serde_json::to_string(&phase).expect("a phase is a text");
        assert!(page.contains(&format!("| `{}` |", text.trim_matches('"'))), "{text} is not explained");
    }
}

/// `FreezeBack` as `FREEZE_BACK`.
fn spelled(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}
