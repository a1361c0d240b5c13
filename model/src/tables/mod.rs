//! The state machines of VSS as tables: state x input x guards -> what happens, each row with its source.
//!
//! ```text
//!            +---------+  state, input, guards   +-------+   Moved(state) | Stayed | Ignored
//!  an event  | caller  | ----------------------> | Table | ----------------------------------> caller
//!  or call   +---------+                         +-------+   Refused(code, legal states, row)
//! ```
//!
//! Four tables: [`writer`] (`VSS_WS_*`), [`provider`] (the callbacks of one shadow copy set), [`requester`] (the calls on
//! one backup components object) and [`snapshot`] (`VSS_SS_*`). [`Tables::documented`] is what the documents say, with
//! every silence decided and named by its C-nn or S-nn. A table is a value: a test changes one row
//! ([`Table::mutations`]) and runs the simulator with it.
//!
//! Rows are written in order of precedence and then completed: each cell (state x input) becomes a set of rows whose
//! guards exclude each other and leave nothing out; what no row names is an explicit, generated refusal. So the
//! complete matrix is data, and [`graph`] prints it.

use std::fmt;

use crate::hresult::HResult;

pub mod graph;
pub mod provider;
pub mod requester;
mod requester_restore;
pub mod snapshot;
mod watch;
pub mod writer;

pub use provider::{ProviderCallback, ProviderGuard, ProviderInput, ProviderState, ProviderTable};
pub use requester::{Method, Operation, RequesterGuard, RequesterInput, RequesterState, RequesterTable};
pub use snapshot::{SnapshotGuard, SnapshotInput, SnapshotTable};
pub use watch::RowsUsed;
pub use writer::{WriterGuard, WriterInput, WriterTable};

/// A closed enumeration that a table is made of: its states, its inputs or its guards.
pub trait Symbol: Copy + Ord + fmt::Debug + fmt::Display + 'static {
    /// Every value, in ascending order.
    const ALL: &'static [Self];
}

/// Declares a closed enumeration that prints as its variants' names.
macro_rules! symbols {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $crate::tables::Symbol for $name {
            const ALL: &'static [$name] = &[$($name::$variant),*];
        }

        impl $name {
            /// The name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => stringify!($variant)),* }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(crate) use symbols;

/// What a row does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Then<S> {
    /// The input has its effect and the state changes.
    Go(S),
    /// The input has its effect and the state remains.
    Stay,
    /// `S_OK`, and nothing happens.
    Ignore,
    /// The input is not legal here.
    Refuse(HResult),
}

/// One row: in this state, on this input, under these conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<S, I, G> {
    /// The state.
    pub from: S,
    /// The input.
    pub input: I,
    /// The conditions, all of which have the given truth value; empty for always.
    pub guards: Vec<(G, bool)>,
    /// What happens.
    pub then: Then<S>,
    /// Requirement ids, C-nn, S-nn, pages.
    pub source: &'static str,
    /// Whether no written row named this case and the refusal was generated.
    pub generated: bool,
}

impl<S, I, G: Symbol> Row<S, I, G> {
    /// Whether the row's conditions hold.
    pub fn applies(&self, holds: impl Fn(G) -> bool) -> bool {
        self.guards.iter().all(|&(guard, value)| holds(guard) == value)
    }

    /// The conditions as text: `ContextSet, not WithWriters`.
    #[must_use]
    pub fn conditions(&self) -> String {
        let words: Vec<String> = self.guards.iter().map(|&(guard, value)| condition(guard, value)).collect();
        words.join(", ")
    }
}

fn condition<G: Symbol>(guard: G, value: bool) -> String {
    if value { guard.to_string() } else { format!("not {guard}") }
}

/// An input that is not legal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<S> {
    /// The documented code.
    pub code: HResult,
    /// The states in which the input would have been legal under the same conditions, in order.
    pub expected: Vec<S>,
    /// The index in [`Table::rows`] of the row that refuses.
    pub row: usize,
}

impl<S: fmt::Display> fmt::Display for Refusal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code)?;
        if self.expected.is_empty() {
            return f.write_str("legal in no state under these conditions");
        }
        let states: Vec<String> = self.expected.iter().map(S::to_string).collect();
        write!(f, "expected {}", states.join(" or "))
    }
}

impl<S: fmt::Debug + fmt::Display> std::error::Error for Refusal<S> {}

/// What came of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<S> {
    /// The state is now this one.
    Moved(S),
    /// The input had its effect; the state is as before.
    Stayed,
    /// `S_OK`, and nothing happened.
    Ignored,
    /// The input is not legal here.
    Refused(Refusal<S>),
}

impl<S: Copy> Outcome<S> {
    /// The state after the input, given the one before; a refusal as an error.
    ///
    /// # Errors
    /// The refusal, when the input is not legal.
    pub fn state(self, before: S) -> Result<S, Refusal<S>> {
        match self {
            Outcome::Moved(state) => Ok(state),
            Outcome::Stayed | Outcome::Ignored => Ok(before),
            Outcome::Refused(refusal) => Err(refusal),
        }
    }
}

/// A complete matrix: for every state, input and set of true guards exactly one row applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<S, I, G> {
    name: &'static str,
    /// Sorted by state and input; the rows of a cell exclude each other.
    rows: Vec<Row<S, I, G>>,
    used: RowsUsed,
}

impl<S: Symbol, I: Symbol, G: Symbol> Table<S, I, G> {
    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Every row, sorted by state and input.
    #[must_use]
    pub fn rows(&self) -> &[Row<S, I, G>] {
        &self.rows
    }

    /// The rows of one cell, with the index of the first.
    fn cell(&self, from: S, input: I) -> (usize, &[Row<S, I, G>]) {
        let start = self.rows.partition_point(|row| (row.from, row.input) < (from, input));
        let rest = self.rows.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|row| row.from == from && row.input == input).count();
        (start, rest.get(..length).unwrap_or_default())
    }

    /// The index in [`Table::rows`] of the row that decides. Every case has one.
    pub fn row(&self, from: S, input: I, holds: impl Fn(G) -> bool) -> Option<usize> {
        let (start, cell) = self.cell(from, input);
        cell.iter().position(|row| row.applies(&holds)).map(|offset| start + offset)
    }

    /// What comes of `input` in state `from`, when `holds` tells which conditions are true.
    pub fn step(&self, from: S, input: I, holds: impl Fn(G) -> bool) -> Outcome<S> {
        let index = self.row(from, input, &holds).unwrap_or(self.rows.len());
        self.used.note(index);
        match self.rows.get(index).map_or(Then::Refuse(HResult::VSS_E_BAD_STATE), |row| row.then) {
            Then::Go(state) => Outcome::Moved(state),
            Then::Stay => Outcome::Stayed,
            Then::Ignore => Outcome::Ignored,
            Then::Refuse(code) => {
                Outcome::Refused(Refusal { code, expected: self.legal_states(input, holds), row: index })
            }
        }
    }

    /// The states in which `input` has its effect under the given conditions.
    pub fn legal_states(&self, input: I, holds: impl Fn(G) -> bool) -> Vec<S> {
        let legal = |&from: &S| {
            let row = self.row(from, input, &holds).and_then(|index| self.rows.get(index));
            row.is_some_and(|row| matches!(row.then, Then::Go(_) | Then::Stay))
        };
        S::ALL.iter().copied().filter(legal).collect()
    }

    /// The same table with one row's effect replaced; unchanged if there is no such row.
    #[must_use]
    pub fn with_then(&self, row: usize, then: Then<S>) -> Table<S, I, G> {
        let mut changed = self.clone();
        if let Some(row) = changed.rows.get_mut(row) {
            row.then = then;
        }
        changed
    }

    /// The same table, which from now on notes the rows that decide, and the notes.
    #[must_use]
    pub fn watched(&self) -> (Table<S, I, G>, RowsUsed) {
        let used = RowsUsed::of(self.rows.len());
        (Table { used: used.clone(), ..self.clone() }, used)
    }

    /// What a mutation puts in the place of a row's effect: a move becomes a stay and a move elsewhere; what stays or is
    /// ignored becomes a refusal; a refusal becomes a stay and a move.
    #[must_use]
    pub fn replacements(&self, row: usize) -> Vec<Then<S>> {
        let Some(row) = self.rows.get(row) else { return Vec::new() };
        let elsewhere = |avoid: &[S]| other_state(avoid).map(Then::Go);
        match row.then {
            Then::Go(to) => [Some(Then::Stay), elsewhere(&[row.from, to])].into_iter().flatten().collect(),
            Then::Stay | Then::Ignore => vec![Then::Refuse(HResult::VSS_E_BAD_STATE)],
            Then::Refuse(_) => [Some(Then::Stay), elsewhere(&[row.from])].into_iter().flatten().collect(),
        }
    }

    /// Every table that differs from this one in one row as [`Table::replacements`] says, each with a description, in a
    /// fixed order.
    pub fn mutations(&self) -> impl Iterator<Item = (String, Table<S, I, G>)> + '_ {
        self.rows.iter().enumerate().flat_map(move |(index, row)| {
            let replacements = self.replacements(index);
            replacements.into_iter().map(move |then| {
                let when = row.conditions();
                let when = if when.is_empty() { String::new() } else { format!(" when {when}") };
                let words = format!("{}: {} on {}{when}: {} becomes {then}", self.name, row.from, row.input, row.then);
                (words, self.with_then(index, then))
            })
        })
    }
}

/// The state after the last of `avoid`, in the order of the enumeration, that is none of them.
fn other_state<S: Symbol>(avoid: &[S]) -> Option<S> {
    let after = S::ALL.iter().position(|state| Some(state) == avoid.last())?;
    let mut states = S::ALL.iter().copied().cycle().skip(after).take(S::ALL.len());
    states.find(|state| !avoid.contains(state))
}

impl<S: fmt::Display> fmt::Display for Then<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Then::Go(state) => write!(f, "-> {state}"),
            Then::Stay => f.write_str("stays"),
            Then::Ignore => f.write_str("ignored"),
            Then::Refuse(code) => write!(f, "{code}"),
        }
    }
}

/// A table being written: rows in order of precedence.
struct Draft<S, I, G> {
    name: &'static str,
    rows: Vec<Row<S, I, G>>,
}

impl<S: Symbol, I: Symbol, G: Symbol> Draft<S, I, G> {
    fn new(name: &'static str) -> Draft<S, I, G> {
        Draft { name, rows: Vec::new() }
    }

    /// Writes the row for each of `from` and each of `inputs`. An earlier row of the same cell has precedence.
    fn on(&mut self, from: &[S], inputs: &[I], guards: &[(G, bool)], then: Then<S>, source: &'static str) {
        for &from in from {
            for &input in inputs {
                let then = if then == Then::Go(from) { Then::Stay } else { then };
                self.rows.push(Row { from, input, guards: guards.to_vec(), then, source, generated: false });
            }
        }
    }

    /// Completes the matrix: what no row names is refused as `default` says.
    fn complete(self, default: impl Fn(S, I) -> (HResult, &'static str)) -> Table<S, I, G> {
        let mut rows = Vec::new();
        for &from in S::ALL {
            for &input in I::ALL {
                let mut cell: Vec<Row<S, I, G>> =
                    self.rows.iter().filter(|row| row.from == from && row.input == input).cloned().collect();
                let (code, source) = default(from, input);
                cell.push(Row { from, input, guards: Vec::new(), then: Then::Refuse(code), source, generated: true });
                split(&cell, &mut Vec::new(), &mut rows);
            }
        }
        Table { name: self.name, rows, used: RowsUsed::default() }
    }
}

/// Turns rows in order of precedence, the last of which is unconditional, into rows that exclude each other:
/// a decision tree over the guards, whose leaves are the rows.
fn split<S: Symbol, I: Symbol, G: Symbol>(
    cell: &[Row<S, I, G>],
    path: &mut Vec<(G, bool)>,
    out: &mut Vec<Row<S, I, G>>,
) {
    let Some(first) = cell.first() else { return };
    let decided = |guard: G| path.iter().find(|(known, _)| *known == guard).map(|&(_, value)| value);
    if first.guards.iter().any(|&(guard, value)| decided(guard) == Some(!value)) {
        return split(cell.get(1..).unwrap_or_default(), path, out);
    }
    let Some(&(guard, value)) = first.guards.iter().find(|&&(guard, _)| decided(guard).is_none()) else {
        out.push(Row { guards: path.clone(), ..first.clone() });
        return;
    };
    for side in [value, !value] {
        path.push((guard, side));
        split(cell, path, out);
        path.pop();
    }
}

/// The four tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// What events and their results do to a writer's state.
    pub writer: WriterTable,
    /// What callbacks do to a provider's part of a shadow copy set.
    pub provider: ProviderTable,
    /// What calls do to a backup components object.
    pub requester: RequesterTable,
    /// What the progress of a creation does to a shadow copy.
    pub snapshot: SnapshotTable,
}

impl Tables {
    /// The tables as documented, silences decided.
    #[must_use]
    pub fn documented() -> Tables {
        Tables {
            writer: writer::documented(),
            provider: provider::documented(),
            requester: requester::documented(),
            snapshot: snapshot::documented(),
        }
    }

    /// The names of the tables, as [`Tables::dot`], [`Tables::mermaid`] and [`Tables::matrix`] take them.
    #[must_use]
    pub const fn names() -> [&'static str; 4] {
        ["requester", "writer", "provider", "snapshot"]
    }
}
