//! `vssim rules`.

use vssim_conformance::coverage::Excuses;
use vssim_conformance::{CATALOGUE, Rule};
use vssim_model::requirements::{alike, is_requirement};
use vssim_model::tables::Tables;
use vssim_scenarios::library::{Entry, LIBRARY, NOT_EXERCISED};
use vssim_scenarios::{NoFiles, runs};

use crate::arguments::Rules;
use crate::{BadInput, Ended, terminal};

/// Lists the rules, or explains one.
pub(crate) fn rules(arguments: &Rules) -> Result<Ended, BadInput> {
    if let Some(id) = arguments.id.as_deref().filter(|id| is_requirement(id)) {
        terminal::print(&requirement(id)?);
        return Ok(Ended::Well);
    }
    if let Some(id) = &arguments.id {
        let rule = vssim_conformance::catalogue::rule(id).ok_or_else(|| {
            let ids = alike(id);
            let rules = CATALOGUE.iter().map(|rule| rule.id);
            let last = ids.iter().rfind(|known| {
                known.rsplit_once('-').map(|(area, _)| area) == id.rsplit_once('-').map(|(area, _)| area)
            });
            let last = last.map(|last| format!("\n  the last one of its area is {last}")).unwrap_or_default();
            let near = super::near(id, rules.chain(ids.iter().map(String::as_str)));
            BadInput(format!("error: no rule and no requirement is called `{id}`{near}{last}"))
        })?;
        terminal::print(&explain(rule));
        return Ok(Ended::Well);
    }
    let width = CATALOGUE.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let line = |rule: &Rule| {
        format!("{:width$}  {:9}  {:6}  {}", rule.id, rule.actor.name(), rule.level.name(), rule.sentence)
    };
    let lines: Vec<String> = CATALOGUE.iter().map(line).collect();
    terminal::print(&lines.join("\n"));
    Ok(Ended::Well)
}

fn explain(rule: &Rule) -> String {
    format!(
        "{}\n\n{}\n\nBinds:         the {}\nLevel:         {}\nRequirements:  {}\nSource:        {}",
        rule.id,
        rule.sentence,
        rule.actor.name(),
        rule.level.name(),
        rule.requirements.join(", "),
        rule.source
    )
}

/// What rests on a requirement: rules, rows of the state tables, expectations of ready scenarios; else why nothing does.
fn requirement(id: &str) -> Result<String, BadInput> {
    let mut parts = Vec::new();
    let mut part = |what: &str, names: Vec<String>| {
        if !names.is_empty() {
            parts.push(format!(
                "{what}\n{}",
                names.iter().map(|name| format!("  {name}")).collect::<Vec<_>>().join("\n")
            ));
        }
    };
    let rules = CATALOGUE.iter().filter(|rule| rule.requirements.contains(&id));
    part("Rules that rest on it", rules.map(|rule| format!("{}: {}", rule.id, rule.sentence)).collect());
    part("State tables that rest on it (`vssim graph`)", tables(id).into_iter().map(str::to_owned).collect());
    let scenarios = LIBRARY.iter().filter(|entry| !entry.needs_corpus() && shows(entry, id));
    part("Scenarios that show it", scenarios.map(|entry| format!("{}: {}", entry.name, entry.title())).collect());
    let mut excuses = Excuses::default();
    excuses
        .read_requirements(NOT_EXERCISED)
        .map_err(|wrong| BadInput(format!("error: the list of requirements not exercised: {wrong}")))?;
    part(
        "No scenario exercises it",
        excuses.requirements.get(id).map(|excuse| excuse.reason.clone()).into_iter().collect(),
    );
    Ok(format!("{id}\n\n{}", parts.join("\n\n")))
}

/// The state tables with a row that rests on a requirement.
fn tables(id: &str) -> Vec<&'static str> {
    let tables = Tables::documented();
    let rests = |source: &str| source.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == id);
    let found = [
        ("requester", tables.requester.rows().iter().any(|row| rests(row.source))),
        ("writer", tables.writer.rows().iter().any(|row| rests(row.source))),
        ("provider", tables.provider.rows().iter().any(|row| rests(row.source))),
        ("snapshot", tables.snapshot.rows().iter().any(|row| rests(row.source))),
    ];
    found.into_iter().filter(|(_, rests)| *rests).map(|(name, _)| name).collect()
}

/// Whether a scenario says that it shows a requirement. Most texts do not so much as name it.
fn shows(entry: &Entry, id: &str) -> bool {
    entry.text.contains(id)
        && runs::staged(entry, &NoFiles).is_ok_and(|staged| staged.expectations.shows().any(|shown| shown == id))
}
