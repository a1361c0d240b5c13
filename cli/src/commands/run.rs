//! `vssim run`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vssim_conformance::judge;
use vssim_reports::Expectation;
use vssim_scenarios::expectations;
use vssim_scenarios::stage::{Staged, stage};
use vssim_scenarios::{Scenario, library};

use crate::arguments::Run;
use crate::files::{self, Beside};
use crate::{BadInput, Ended};

/// Runs a scenario.
pub(crate) fn run(arguments: &Run) -> Result<Ended, BadInput> {
    let staged = find(&arguments.scenario)?;
    let plan = Arc::new(staged.plan);
    let (outcome, trace) = vssim_sim::run::run(&plan, arguments.seed)
        .map_err(|error| BadInput(format!("error: {}: {error}", arguments.scenario)))?;
    if let Some(path) = &arguments.trace {
        files::write(path, &trace.to_json_lines())?;
    }
    let report = judge(&trace);
    let violated: Vec<&str> = report.violated().map(|(rule, _)| rule.id).collect();
    let mut expectations: Vec<Expectation> = expectations::check(&staged.expectations, &trace, &violated)
        .into_iter()
        .map(|one| Expectation { name: one.name, met: one.met, detail: one.detail })
        .collect();
    if outcome.endless {
        expectations.push(Expectation {
            name: "the run ends".to_owned(),
            met: false,
            detail: format!("stopped after {} events at {}", outcome.events, outcome.world.now),
        });
    }
    if let Some(path) = &arguments.junit {
        files::write(path, &vssim_reports::junit(&trace, &report, &expectations))?;
    }
    super::show(&trace, &report, &expectations, &arguments.output, true);
    let well = outcome.broken.is_none() && expectations.iter().all(|one| one.met);
    Ok(if well { Ended::Well } else { Ended::Failed })
}

/// A ready scenario, or a file.
pub(super) fn find(name: &str) -> Result<Staged, BadInput> {
    let (file, bytes) = match library::find(name) {
        Some(entry) => (PathBuf::from(format!("{}.yaml", entry.name)), entry.text.as_bytes().to_vec()),
        None if Path::new(name).exists() => (PathBuf::from(name), files::read(Path::new(name))?),
        None => {
            let near = super::near(name, library::LIBRARY.iter().map(|entry| entry.name));
            return Err(BadInput(format!(
                "error: no ready scenario and no file is called `{name}`{near}\n  `vssim list` names the ready ones"
            )));
        }
    };
    let beside = Beside::of(&file);
    let shown = file.display().to_string();
    let scenario = Scenario::parse_bytes(&shown, &bytes).map_err(|errors| BadInput(errors.to_string()))?;
    stage(&scenario, &beside).map_err(|errors| BadInput(errors.to_string()))
}
