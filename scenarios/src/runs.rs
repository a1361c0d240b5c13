//! Runs of ready scenarios, with all that they expect looked at: for whoever counts what the library shows, and for tests.
//!
//! ```text
//! once    a staged scenario ──► run ──► judge ──► expectations, files of the store included
//! runs    a ready one, as it is, and once more with every call of a documented method made to fail first
//! ```
//!
//! Who judges and counts is given: nothing is judged here. Rows of the state tables that decide something are noted, with
//! the sources that they name.

use std::collections::BTreeSet;
use std::sync::Arc;

use vssim_model::tables::{RowsUsed, Tables};
use vssim_model::trace::Trace;
use vssim_sim::injection::with_failures;
use vssim_sim::plan::Plan;
use vssim_sim::run::run;
use vssim_sim::world::World;

use crate::expectations::check;
use crate::library::Entry;
use crate::{Files, Scenario, Staged, stage};

/// Judges a trace: gives back what of it the scenario speaks of, and the rules violated there, by id. `true` says that
/// defects are planted in the service or the kernel, so that codes are no evidence of anything.
pub type Judge<'a> = dyn FnMut(&Trace, bool) -> (Trace, Vec<&'static str>) + 'a;

/// A run, as it ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its trace.
    pub trace: Trace,
    /// The machine at the end.
    pub world: World,
    /// The requirements that the expectations show which are met; none if defects are planted in the service or the kernel.
    pub shown: BTreeSet<String>,
    /// What is wrong: a broken invariant, a run without an end, an expectation that is not met.
    pub problems: Vec<String>,
}

/// What the runs of a scenario with one seed left.
#[derive(Clone, Debug)]
pub struct Runs {
    /// The scenario as it is.
    pub plain: Run,
    /// The scenario with the failures; none if it calls nothing that can be made to fail.
    pub failing: Option<Run>,
    /// The sources of the rows that decided something in the plain run.
    pub sources: BTreeSet<&'static str>,
}

impl Runs {
    /// What is wrong with either run.
    pub fn problems(&self) -> impl Iterator<Item = &String> {
        self.plain.problems.iter().chain(self.failing.iter().flat_map(|run| &run.problems))
    }
}

/// Runs a ready scenario with a seed, as it is and with failures.
///
/// # Errors
/// Why the scenario cannot be read or its machine not be built, in words.
pub fn runs(entry: &Entry, files: &dyn Files, seed: u64, judge: &mut Judge<'_>) -> Result<Runs, String> {
    let mut staged = staged(entry, files)?;
    let (tables, noted) = Noted::of(&staged.plan.tables);
    staged.plan.tables = Arc::new(tables);
    let plain = once(&staged, seed, judge)?;
    let sources = noted.sources(&staged.plan.tables);
    let failing = match with_failures(&staged.plan) {
        Some(plan) => Some(once(&Staged { plan, ..staged }, seed, judge)?),
        None => None,
    };
    Ok(Runs { plain, failing, sources })
}

/// A ready scenario, staged.
///
/// # Errors
/// What is wrong with it, in words.
pub fn staged(entry: &Entry, files: &dyn Files) -> Result<Staged, String> {
    let scenario = Scenario::parse(entry.name, entry.text).map_err(|errors| errors.to_string())?;
    stage(&scenario, files).map_err(|errors| errors.to_string())
}

/// Runs a staged scenario with a seed, and looks at all that it expects.
///
/// # Errors
/// Why its machine cannot be built, in words.
pub fn once(staged: &Staged, seed: u64, judge: &mut Judge<'_>) -> Result<Run, String> {
    let (outcome, trace) = run(&Arc::new(staged.plan.clone()), seed).map_err(|error| error.to_string())?;
    let mut problems: Vec<String> = outcome.broken.iter().map(|broken| format!("broken: {broken}")).collect();
    if outcome.endless {
        problems.push(format!("the run does not end; stopped at {}", outcome.world.now));
    }
    let defective = is_defective(&staged.plan);
    let (seen, violated) = judge(&trace, defective);
    let mut shown = BTreeSet::new();
    for one in check(&staged.expectations, &seen, &violated, &outcome.world) {
        if !one.met {
            problems.push(format!("{}: {}", one.name, one.detail));
        } else if !defective {
            shown.extend(one.shows);
        }
    }
    Ok(Run { trace, world: outcome.world, shown, problems })
}

/// Whether defects are planted in the service or the kernel.
fn is_defective(plan: &Plan) -> bool {
    let kernel = &plan.kernel;
    !plan.defects.is_empty() || !kernel.broken_hold.is_empty() || !kernel.lost_blocks.is_empty()
}

/// The notes of the four tables.
struct Noted {
    writer: RowsUsed,
    provider: RowsUsed,
    requester: RowsUsed,
    snapshot: RowsUsed,
}

impl Noted {
    fn of(tables: &Tables) -> (Tables, Noted) {
        let (writer, by_writer) = tables.writer.watched();
        let (provider, by_provider) = tables.provider.watched();
        let (requester, by_requester) = tables.requester.watched();
        let (snapshot, by_snapshot) = tables.snapshot.watched();
        let noted = Noted { writer: by_writer, provider: by_provider, requester: by_requester, snapshot: by_snapshot };
        (Tables { writer, provider, requester, snapshot }, noted)
    }

    fn sources(&self, tables: &Tables) -> BTreeSet<&'static str> {
        let mut all = BTreeSet::new();
        all.extend(self.writer.take().iter().filter_map(|&row| tables.writer.rows().get(row)).map(|row| row.source));
        all.extend(
            self.provider.take().iter().filter_map(|&row| tables.provider.rows().get(row)).map(|row| row.source),
        );
        all.extend(
            self.requester.take().iter().filter_map(|&row| tables.requester.rows().get(row)).map(|row| row.source),
        );
        all.extend(
            self.snapshot.take().iter().filter_map(|&row| tables.snapshot.rows().get(row)).map(|row| row.source),
        );
        all
    }
}
