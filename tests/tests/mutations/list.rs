//! The list of changes that nothing catches.
//!
//! ```text
//! # a comment
//! [not reached] the reason, in one line
//! table | states | inputs | conditions | changes
//! ```
//!
//! States, inputs and changes are separated by commas, conditions by semicolons; `*` stands for any. `not reached` says
//! that no run of the suite asks the row, `not noticed` that runs do and go on without breaking anything.

use std::collections::{BTreeMap, BTreeSet};

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Caught,
    NotReached,
    NotNoticed,
}

impl Fate {
    const fn words(self) -> &'static str {
        match self {
            Fate::Caught => "caught",
            Fate::NotReached => "not reached",
            Fate::NotNoticed => "not noticed",
        }
    }
}

/// One change of one row.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) table: String,
    pub(crate) state: String,
    pub(crate) input: String,
    pub(crate) conditions: String,
    pub(crate) mutation: String,
    pub(crate) fate: Fate,
}

impl Change {
    fn told(&self) -> String {
        let Change { table, state, input, conditions, mutation, fate } = self;
        format!("{table} | {state} | {input} | {conditions} | {mutation} is {}", fate.words())
    }
}

/// One line of the list under its heading.
struct Entry<'a> {
    line: usize,
    fate: Fate,
    table: &'a str,
    states: BTreeSet<&'a str>,
    inputs: BTreeSet<&'a str>,
    conditions: BTreeSet<&'a str>,
    mutations: BTreeSet<&'a str>,
}

impl Entry<'_> {
    fn matches(&self, change: &Change) -> bool {
        let holds = |set: &BTreeSet<&str>, word: &str| set.contains("*") || set.contains(word);
        self.table == change.table
            && holds(&self.states, &change.state)
            && holds(&self.inputs, &change.input)
            && holds(&self.conditions, &change.conditions)
            && holds(&self.mutations, &change.mutation)
    }

    /// The words of the entry that no change it matches has.
    fn idle(&self, matched: &[&Change]) -> Vec<String> {
        type Column<'b, 'a> = (&'b BTreeSet<&'a str>, fn(&Change) -> &str);
        let columns: [Column<'_, '_>; 4] = [
            (&self.states, |change| &change.state),
            (&self.inputs, |change| &change.input),
            (&self.conditions, |change| &change.conditions),
            (&self.mutations, |change| &change.mutation),
        ];
        let idle = columns.iter().flat_map(|(words, of)| {
            words.iter().filter(|word| **word != "*" && !matched.iter().any(|change| of(change) == **word))
        });
        idle.map(|word| (*word).to_owned()).collect()
    }
}

fn parse(text: &str) -> Result<Vec<Entry<'_>>, String> {
    let mut heading = None;
    let mut entries = Vec::new();
    for (line, content) in (1..).zip(text.lines()).filter(|(_, content)| !content.trim().is_empty()) {
        if content.starts_with('#') {
            continue;
        }
        if let Some(rest) = content.strip_prefix('[') {
            let fate = [Fate::NotReached, Fate::NotNoticed].into_iter().find_map(|fate| {
                let reason = rest.strip_prefix(fate.words())?.strip_prefix("] ")?;
                (!reason.trim().is_empty()).then_some(fate)
            });
            heading = Some(fate.ok_or_else(|| format!("line {line}: a heading is [not reached|not noticed] reason"))?);
            continue;
        }
        let fate = heading.ok_or_else(|| format!("line {line}: an entry without a reason above it"))?;
        let columns: Vec<&str> = content.split('|').map(str::trim).collect();
        let [table, states, inputs, conditions, mutations] = columns.as_slice() else {
            return Err(format!("line {line}: five columns are needed"));
        };
        let (states, inputs) = (split(states, ','), split(inputs, ','));
        let (conditions, mutations) = (split(conditions, ';'), split(mutations, ','));
        entries.push(Entry { line, fate, table, states, inputs, conditions, mutations });
    }
    Ok(entries)
}

fn split(text: &str, by: char) -> BTreeSet<&str> {
    text.split(by).map(str::trim).filter(|word| !word.is_empty()).collect()
}

/// What is wrong with the list; nothing if it is exact.
pub(crate) fn compare(text: &str, found: &[Change]) -> Vec<String> {
    let entries = match parse(text) {
        Ok(entries) => entries,
        Err(fault) => return vec![fault],
    };
    let mut faults = Vec::new();
    let mut listed = vec![0_usize; found.len()];
    for entry in &entries {
        let mut matched = Vec::new();
        for (change, times) in found.iter().zip(&mut listed).filter(|(change, _)| entry.matches(change)) {
            *times += 1;
            matched.push(change);
            if change.fate != entry.fate {
                faults.push(format!("line {}: {}", entry.line, change.told()));
            }
        }
        if matched.is_empty() {
            faults.push(format!("line {}: there is no such row", entry.line));
        } else if let Some(word) = entry.idle(&matched).first() {
            faults.push(format!("line {}: no row of it has `{word}`", entry.line));
        }
    }
    let twice = found.iter().zip(&listed).filter(|(_, times)| **times > 1);
    faults.extend(twice.map(|(change, _)| format!("listed twice: {}", change.told())));
    let missing: Vec<&Change> = found
        .iter()
        .zip(&listed)
        .filter(|(change, times)| **times == 0 && change.fate != Fate::Caught)
        .map(|(change, _)| change)
        .collect();
    if !missing.is_empty() {
        faults.push(format!("{} changes are not caught and not listed:", missing.len()));
        faults.extend(grouped(&missing));
    }
    faults
}

/// Changes as lines of the list, those that differ in state or input only on one line.
fn grouped(changes: &[&Change]) -> Vec<String> {
    let mut states: BTreeMap<(Fate, &str, &str, &str, &str), Vec<&str>> = BTreeMap::new();
    for Change { table, state, input, conditions, mutation, fate } in changes {
        states.entry((*fate, table, mutation, conditions, input)).or_default().push(state);
    }
    let mut inputs: BTreeMap<(Fate, &str, &str, &str, String), Vec<&str>> = BTreeMap::new();
    for ((fate, table, mutation, conditions, input), states) in states {
        inputs.entry((fate, table, mutation, conditions, states.join(", "))).or_default().push(input);
    }
    let mut mutations: BTreeMap<(Fate, &str, &str, String, String), Vec<&str>> = BTreeMap::new();
    for ((fate, table, mutation, conditions, states), inputs) in inputs {
        mutations.entry((fate, table, conditions, states, inputs.join(", "))).or_default().push(mutation);
    }
    let line =
        |((fate, table, conditions, states, inputs), mutations): ((Fate, &str, &str, String, String), Vec<&str>)| {
            format!("[{}] {table} | {states} | {inputs} | {conditions} | {}", fate.words(), mutations.join(", "))
        };
    mutations.into_iter().map(line).collect()
}
