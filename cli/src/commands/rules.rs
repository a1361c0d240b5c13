//! `vssim rules`.

use vssim_conformance::{CATALOGUE, Rule};

use crate::arguments::Rules;
use crate::{BadInput, Ended, terminal};

/// Lists the rules, or explains one.
pub(crate) fn rules(arguments: &Rules) -> Result<Ended, BadInput> {
    if let Some(id) = &arguments.id {
        let rule = vssim_conformance::catalogue::rule(id).ok_or_else(|| {
            let near = super::near(id, CATALOGUE.iter().map(|rule| rule.id));
            BadInput(format!("error: no rule is called `{id}`{near}"))
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
