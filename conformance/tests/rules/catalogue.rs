//! The catalogue itself: its ids, its requirements, its page, and what the crate may not look at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use vssim_conformance::{CATALOGUE, catalogue_markdown};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of reference material; without it a test is skipped with a word, which fails where CI is set.
#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests may be told where the corpus lies, and say so"
)]
pub(crate) fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("VSSIM_CORPUS").map_or_else(|| root().join("../shared"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "the corpus is missing at {}", folder.display());
    println!("skipped: no corpus at {}", folder.display());
    None
}

#[test]
fn rules_have_unique_names_of_lower_case_words() {
    let names: BTreeSet<&str> = CATALOGUE.iter().map(|rule| rule.id).collect();
    assert_eq!(names.len(), CATALOGUE.len());
    for name in names {
        assert!(name.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase()), "{name}");
    }
}

#[test]
fn every_rule_has_a_sentence_a_source_and_requirements() {
    for rule in CATALOGUE {
        assert!(rule.sentence.ends_with('.') && !rule.source.is_empty() && !rule.requirements.is_empty(), "{rule:?}");
    }
}

#[test]
fn every_named_requirement_is_catalogued() {
    let Some(corpus) = corpus() else { return };
    let text = fs::read_to_string(corpus.join("spec/requirements.yaml")).expect("the requirements read");
    let known: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("- id: ")).map(str::trim).collect();
    assert!(known.len() > 900);
    for rule in CATALOGUE {
        for id in rule.requirements {
            assert!(known.contains(id), "{} names {id}, which is not catalogued", rule.id);
        }
    }
}

#[test]
fn the_committed_page_is_the_catalogue() {
    let path = root().join("docs/rules.md");
    let page = fs::read_to_string(&path).unwrap_or_default();
    if page != catalogue_markdown() {
        fs::write(&path, catalogue_markdown()).expect("the page is written");
        panic!("docs/rules.md was out of date and has been written anew; commit it");
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder reads") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// What is legal is restated here, so that a mistake in the model's transition tables cannot hide itself.
#[test]
fn the_judge_knows_neither_the_simulator_nor_the_transition_tables() {
    let mut files = Vec::new();
    sources(&root().join("conformance/src"), &mut files);
    assert!(files.len() > 10);
    for file in files {
        let text = fs::read_to_string(&file).expect("the source reads");
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            assert!(!words.any(|word| word == "tables" || word == "vssim_sim"), "{}: {line}", file.display());
        }
    }
    let manifest = fs::read_to_string(root().join("conformance/Cargo.toml")).expect("the manifest reads");
    assert!(!manifest.contains("vssim-sim"));
}
