//! The simulator and the judge agree: a run without a planted fault breaks no rule that binds the service.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_conformance::judge;
use vssim_sim::fixture::{Small, small};
use vssim_sim::plan::OpenChoices;
use vssim_sim::run::run;

/// Vetoes at every event, crashes at every step, in every order, as the seed has it. The two were written apart: the
/// service moves by the model's tables, the judge restates the requirements.
#[test]
fn no_veto_and_no_crash_breaks_a_rule() {
    let mut broken: BTreeMap<&str, String> = BTreeMap::new();
    for (crashes, vetoes, seeds) in [(false, false, 50), (false, true, 300), (true, true, 300)] {
        let open = OpenChoices { crashes, vetoes };
        let plan = Arc::new(small(Small { writers: 3, volumes: 2, transactions: Some(20), open }).unwrap());
        for seed in 0..seeds {
            let (outcome, trace) = run(&plan, seed).unwrap();
            assert_eq!(outcome.broken, None, "{open:?}, seed {seed}");
            for (rule, findings) in judge(&trace).violated() {
                let told = || format!("{open:?}, seed {seed}: {:?}", findings.first());
                broken.entry(rule.id).or_insert_with(told);
            }
        }
    }
    assert_eq!(broken, BTreeMap::new());
}
