//! `vssim search`.

use std::sync::Arc;

use vssim_conformance::judge;
use vssim_sim::choices::Path;
use vssim_sim::fixture::{Small, small};
use vssim_sim::plan::{OpenChoices, Plan, ServiceDefect};
use vssim_sim::search::{Found, Limits, replay, search as explore};

use crate::arguments::Search;
use crate::{BadInput, Ended, terminal};

/// Searches a small machine, or follows a path through it.
pub(crate) fn search(arguments: &Search) -> Result<Ended, BadInput> {
    let plan = Arc::new(plan(arguments)?);
    let told = |error: vssim_sim::application::SetUpError| BadInput(format!("error: {error}"));
    if let Some(path) = &arguments.replay {
        let (outcome, trace) = replay(&plan, Path(path.clone())).map_err(told)?;
        super::show(&trace, &judge(&trace), &[], &arguments.output, true);
        return Ok(if outcome.broken.is_none() { Ended::Well } else { Ended::Failed });
    }
    let found = explore(&plan, Limits { states: arguments.states }).map_err(told)?;
    terminal::print(&text(&found));
    Ok(if found.violation.is_none() { Ended::Well } else { Ended::Failed })
}

fn plan(arguments: &Search) -> Result<Plan, BadInput> {
    let open = OpenChoices { crashes: !arguments.no_crashes, vetoes: !arguments.no_vetoes };
    let (writers, volumes, transactions) = (arguments.writers, arguments.volumes, arguments.transactions);
    let machine = small(Small { writers, volumes, transactions, open });
    let mut plan = machine.map_err(|error| BadInput(format!("error: {error}")))?;
    for name in &arguments.defect {
        let defect = ServiceDefect::ALL.iter().copied().find(|defect| defect.name() == name).ok_or_else(|| {
            let near = super::near(name, ServiceDefect::ALL.iter().map(|defect| defect.name()));
            BadInput(format!("error: no defect of the service is called `{name}`{near}"))
        })?;
        plan.defects.insert(defect);
    }
    Ok(plan)
}

fn text(found: &Found) -> String {
    let mut lines = vec![format!(
        "{} states, {} transitions, {} ends; at most {} events from the start",
        found.states, found.transitions, found.ends, found.depth
    )];
    match &found.violation {
        Some(violation) => {
            let path: Vec<String> = violation.path.0.iter().map(u32::to_string).collect();
            lines.push(format!("an invariant is broken after {} events: {}", violation.events, violation.broken));
            lines.push(format!("the shortest way there: --replay {}", path.join(",")));
        }
        None if found.complete => lines.push("every state was visited; every invariant holds in each".to_owned()),
        None => lines.push("not every state was visited: the limit of --states was reached".to_owned()),
    }
    lines.join("\n")
}
