//! The transition tables: complete, free of contradictions, and what the documents say.

use vssim_model::tables::{Outcome, Symbol, Table, Tables, Then};

/// For every state, input and set of true guards exactly one row applies, and `step` uses it.
fn exactly_one_row_applies<S: Symbol, I: Symbol, G: Symbol>(table: &Table<S, I, G>) {
    assert!(table.rows().is_sorted_by_key(|row| (row.from, row.input)));
    let guards = <G as Symbol>::ALL;
    let mut rows = table.rows();
    for &from in S::ALL {
        for &input in I::ALL {
            let length = rows.iter().take_while(|row| row.from == from && row.input == input).count();
            let (cell, rest) = rows.split_at(length);
            rows = rest;
            for truth in 0_u32..1 << guards.len() {
                let holds = |guard: G| truth & (1 << guards.iter().position(|g| *g == guard).unwrap()) != 0;
                let applying: Vec<_> = cell.iter().filter(|row| row.applies(holds)).collect();
                assert_eq!(applying.len(), 1, "{}: {from} on {input}, guards {truth:b}", table.name());
                if truth == 0 {
                    let outcome = table.step(from, input, holds);
                    match applying[0].then {
                        Then::Go(to) => assert_eq!(outcome, Outcome::Moved(to)),
                        Then::Stay => assert_eq!(outcome, Outcome::Stayed),
                        Then::Ignore => assert_eq!(outcome, Outcome::Ignored),
                        Then::Refuse(code) => assert!(matches!(outcome, Outcome::Refused(r) if r.code == code)),
                    }
                }
            }
        }
    }
    assert!(rows.is_empty(), "{}: rows outside the matrix", table.name());
}

#[test]
fn rows_of_a_cell_are_exclusive_and_exhaustive() {
    let tables = Tables::documented();
    exactly_one_row_applies(&tables.writer);
    exactly_one_row_applies(&tables.provider);
    exactly_one_row_applies(&tables.requester);
    exactly_one_row_applies(&tables.snapshot);
}
