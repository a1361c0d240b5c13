//! `vssim coverage`.

use vssim_conformance::coverage::{Coverage as Counting, Excuses};
use vssim_reports::{Counted, coverage as report, coverage_json};
use vssim_scenarios::library::{Entry, LIBRARY, NOT_EXERCISED, NOT_OBSERVED};
use vssim_scenarios::{NoFiles, runs};

use crate::arguments::Coverage;
use crate::{BadInput, Ended, terminal};

/// Counts what the ready scenarios show.
pub(crate) fn coverage(arguments: &Coverage) -> Result<Ended, BadInput> {
    let wrong = |list, wrong| BadInput(format!("error: {list}: {wrong}"));
    let mut excuses = Excuses::read(NOT_OBSERVED).map_err(|line| wrong("the list of pairs not observed", line))?;
    excuses.read_requirements(NOT_EXERCISED).map_err(|line| wrong("the list of requirements not exercised", line))?;
    let mut counting = Counting::default();
    let mut problems = Vec::new();
    let (left_out, entries): (Vec<&Entry>, Vec<&Entry>) = LIBRARY.iter().partition(|entry| entry.needs_corpus());
    for (number, entry) in (1_usize..).zip(&entries) {
        terminal::progress(&format!("{number} of {}: {}", entries.len(), entry.name));
        for seed in 1..=arguments.seeds {
            let wrong = |what: &String| format!("{}, seed {seed}: {what}", entry.name);
            let mut judge = |trace: &_, defective| counting.judge(trace, defective);
            let runs = runs::runs(entry, &NoFiles, seed, &mut judge)
                .map_err(|why| BadInput(format!("error: {}", wrong(&why))))?;
            problems.extend(runs.problems().map(wrong));
            counting.add_shown(entry.name, &runs.plain.shown);
            runs.sources.iter().for_each(|source| counting.add_source(source));
        }
    }
    terminal::progress("");
    let names = |entries: Vec<&Entry>| entries.iter().map(|entry| entry.name).collect::<Vec<_>>();
    let (scenarios, left_out) = (names(entries), names(left_out));
    let counted = Counted {
        coverage: &counting,
        excuses: &excuses,
        scenarios: &scenarios,
        left_out: &left_out,
        seeds: arguments.seeds,
        problems: &problems,
    };
    terminal::print(&if arguments.json { coverage_json(&counted) } else { report(&counted, arguments.missing) });
    Ok(if counted.is_complete() { Ended::Well } else { Ended::Failed })
}
