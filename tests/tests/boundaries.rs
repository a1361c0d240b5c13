//! The shape of the house, read from its own files: who depends on whom, what a crate must not touch, which pages have
//! to keep up with the code.

#![allow(clippy::print_stderr, reason = "the list of long files is printed, not enforced")]

use std::collections::{BTreeMap, BTreeSet};

use vssim_tests::files;

/// Which crates of the workspace each crate may use. Nobody may use `vssim-tests`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("sim", &["vssim-model"]),
    ("scenarios", &["vssim-model", "vssim-sim"]),
    ("conformance", &["vssim-model"]),
    ("reports", &["vssim-model", "vssim-conformance"]),
    ("cli", &["vssim-model", "vssim-sim", "vssim-scenarios", "vssim-conformance", "vssim-reports"]),
    ("tests", &["vssim-model", "vssim-sim", "vssim-scenarios", "vssim-conformance", "vssim-reports", "vssim"]),
];

/// The crates that touch no file, no environment, no clock, no terminal.
const PURE: [&str; 5] = ["model", "sim", "scenarios", "conformance", "reports"];

/// A file may grow longer than this, but then it is named.
const LONG: usize = 600;

/// The sections of a Cargo.toml with the first word of each line in them.
fn manifest(crate_folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in files::text(&format!("{crate_folder}/Cargo.toml")).lines() {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_matches(['[', ']']).clone_into(&mut section);
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let name = key.trim().split('.').next().unwrap_or_default();
            sections.entry(section.clone()).or_default().insert(name.to_owned());
        }
    }
    sections
}

/// The code of a file that is shipped: without comments and without test modules.
fn shipped(text: &str) -> String {
    let text = text.split_once("#[cfg(test)]\nmod tests").map_or(text, |(before, _)| before);
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.map(|line| line.split_once(" // ").map_or(line, |(before, _)| before)).collect::<Vec<&str>>().join("\n")
}

/// The shipped files of a crate: those below `src` that are no test modules.
fn shipped_files(crate_folder: &str) -> Vec<(String, String)> {
    let all = files::rust_files(&format!("{crate_folder}/src"));
    let tests: BTreeSet<String> = all.iter().flat_map(|(_, text)| test_modules(text)).collect();
    let is_test = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        tests.contains(name) || path.contains("/tests/")
    };
    all.into_iter().filter(|(path, _)| !is_test(path)).map(|(path, text)| (path, shipped(&text))).collect()
}

/// The modules that exist in a test build alone.
fn test_modules(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
    pairs
        .filter_map(|pair| pair[1].trim_start_matches("pub(crate) ").strip_prefix("mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

/// The words of a code.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

#[test]
fn dependencies_point_one_way() {
    for (folder, allowed) in MAY_USE {
        for (section, names) in manifest(folder) {
            if !section.ends_with("dependencies") {
                continue;
            }
            for name in names.iter().filter(|name| name.starts_with("vssim")) {
                assert!(allowed.contains(&name.as_str()), "{folder} must not use {name} ([{section}])");
            }
        }
    }
}

#[test]
fn every_crate_of_the_workspace_is_in_the_list_and_under_its_lints() {
    let top = files::text("Cargo.toml");
    let members = top.lines().find_map(|line| line.strip_prefix("members = ")).expect("the workspace has members");
    let members: BTreeSet<&str> = members.split('"').filter(|name| words(name).next().is_some()).collect();
    assert_eq!(members, MAY_USE.iter().map(|(folder, _)| *folder).collect::<BTreeSet<&str>>());
    for folder in members {
        assert!(manifest(folder).get("lints").is_some_and(|lints| lints.contains("workspace")), "{folder}");
    }
}

/// Rules restate what is legal; were they to ask the simulator's tables, one mistake could hide itself.
#[test]
fn rules_do_not_share_the_state_tables() {
    for (path, code) in shipped_files("conformance") {
        for line in code.lines() {
            assert!(!words(line).any(|word| word == "tables"), "{path} names the tables of the model: {line}");
            assert!(!words(line).any(|word| word == "vssim_sim"), "{path} names the simulator: {line}");
        }
    }
}

/// What the standard library offers of the machine.
const MACHINE: [&str; 6] = ["time", "fs", "env", "os", "process", "thread"];

/// The modules of the standard library that a code names: `std::fs`, `std::{fmt, fs::File}`.
fn std_modules(code: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for rest in code.split("std::").skip(1) {
        match rest.strip_prefix('{') {
            None => found.extend(words(rest).next()),
            Some(list) => {
                let list = list.split_once("};").map_or(list, |(list, _)| list);
                found.extend(list.split(',').filter_map(|item| words(item).next()));
            }
        }
    }
    found
}

#[test]
fn only_the_command_line_touches_the_machine() {
    for folder in PURE {
        for (path, code) in shipped_files(folder) {
            let named = std_modules(&code);
            let machine: Vec<&&str> = named.iter().filter(|name| MACHINE.contains(name)).collect();
            assert!(machine.is_empty(), "{path} uses {machine:?} of the standard library");
        }
    }
}

#[test]
fn modules_are_recognised_in_every_form_of_use() {
    let code = "use std::fmt;\nuse std::{cell::Cell,\n    fs::File};\nlet x = std::env::var(name);";
    assert_eq!(std_modules(code), BTreeSet::from(["fmt", "cell", "fs", "env"]));
}

/// Every choice that the code names is explained.
#[test]
fn every_choice_named_in_the_code_has_an_entry() {
    let page = files::text("docs/choices.md");
    let headings: Vec<&str> = page.lines().filter(|line| line.starts_with("### ")).collect();
    let explained: BTreeSet<&str> = headings.iter().flat_map(|line| choices(line)).collect();
    for (folder, _) in MAY_USE.iter().filter(|(folder, _)| *folder != "tests") {
        for (path, text) in files::rust_files(folder) {
            for choice in choices(&text) {
                assert!(explained.contains(choice), "{path} names {choice}, and docs/choices.md has no entry for it");
            }
        }
    }
}

/// The names of choices in a text: `C-nn` and `S-nn` standing alone.
fn choices(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is_word = |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let starts = (0..bytes.len()).filter(|&at| {
        matches!(bytes[at], b'C' | b'S')
            && bytes.get(at + 1) == Some(&b'-')
            && (at == 0 || !is_word(at - 1))
            && bytes.get(at + 2..at + 4).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
            && !is_word(at + 4)
    });
    starts.filter_map(|at| text.get(at..at + 4)).collect()
}

#[test]
fn a_choice_is_recognised_only_where_it_stands_alone() {
    assert_eq!(choices("see S-01, C-42: RST-LOC-021, C-1234, HRESULT-S-01"), ["S-01", "C-42"]);
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let pages = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/choices.md",
        "docs/coverage.md",
        "docs/determinism.md",
        "docs/glossary.md",
        "docs/images.md",
        "docs/store.md",
        "docs/trace-format.md",
        "docs/rules.md",
        "docs/scenario-format.md",
    ];
    for page in pages {
        let text = files::text(page);
        let folder = files::top().join(page).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") {
                assert!(folder.join(file).exists(), "{page} links to {target}");
            }
        }
    }
}

#[test]
fn long_files_are_named() {
    for (folder, _) in MAY_USE {
        for (path, text) in files::rust_files(folder) {
            let lines = text.lines().count();
            if lines > LONG {
                eprintln!("{path} has {lines} lines; about {LONG} are enough");
            }
        }
    }
}
