//! Runs of ready scenarios for whoever counts what the library shows.
//!
//! Each scenario runs as it is, and once more with every call of a documented method made to fail first. Rows of the state
//! tables that decide something are noted, with the sources that they name.

use std::collections::BTreeSet;
use std::sync::Arc;

use vssim_model::tables::{RowsUsed, Tables};
use vssim_model::trace::Trace;
use vssim_sim::injection::with_failures;
use vssim_sim::plan::Plan;
use vssim_sim::run::run;

use crate::expectations::Expectations;
use crate::library::Entry;
use crate::{Files, Scenario, stage};

/// What the runs of a scenario with one seed left.
#[derive(Clone, Debug)]
pub struct Runs {
    /// The scenario as it is.
    pub plain: Trace,
    /// The scenario with the failures; none if it calls nothing that can be made to fail.
    pub failing: Option<Trace>,
    /// What the scenario expects.
    pub expectations: Expectations,
    /// The sources of the rows that decided something in the plain run.
    pub sources: BTreeSet<&'static str>,
    /// Whether the scenario plants defects in the service or the kernel, so that codes are no evidence of anything.
    pub defective: bool,
    /// What is wrong with the runs themselves: a broken invariant, a run without an end.
    pub problems: Vec<String>,
}

/// Runs a ready scenario with a seed.
///
/// # Errors
/// Why the scenario cannot be read or its machine not be built, in words.
pub fn runs(entry: &Entry, files: &dyn Files, seed: u64) -> Result<Runs, String> {
    let scenario = Scenario::parse(entry.name, entry.text).map_err(|errors| errors.to_string())?;
    let staged = stage(&scenario, files).map_err(|errors| errors.to_string())?;
    let (tables, noted) = Noted::of(&staged.plan.tables);
    let plan = Plan { tables: Arc::new(tables), ..staged.plan };
    let mut problems = Vec::new();
    let plain = traced(&Arc::new(plan.clone()), seed, &mut problems)?;
    let sources = noted.sources(&plan.tables);
    let failing = match with_failures(&plan) {
        Some(failing) => Some(traced(&Arc::new(failing), seed, &mut problems)?),
        None => None,
    };
    let kernel = &plan.kernel;
    let defective = !plan.defects.is_empty() || !kernel.broken_hold.is_empty() || !kernel.lost_blocks.is_empty();
    Ok(Runs { plain, failing, expectations: staged.expectations, sources, defective, problems })
}

fn traced(plan: &Arc<Plan>, seed: u64, problems: &mut Vec<String>) -> Result<Trace, String> {
    let (outcome, trace) = run(plan, seed).map_err(|error| error.to_string())?;
    problems.extend(outcome.broken.map(|broken| format!("broken: {broken}")));
    if outcome.endless {
        problems.push(format!("the run does not end; stopped at {}", outcome.world.now));
    }
    Ok(trace)
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
