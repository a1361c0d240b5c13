//! `vssim list`.

use vssim_scenarios::library;

use crate::arguments::List;
use crate::{BadInput, Ended, terminal};

/// Lists the ready scenarios, or prints one.
pub(crate) fn list(arguments: &List) -> Result<Ended, BadInput> {
    if let Some(name) = &arguments.show {
        let entry = library::find(name).ok_or_else(|| {
            let near = super::near(name, library::LIBRARY.iter().map(|entry| entry.name));
            BadInput(format!("error: no ready scenario is called `{name}`{near}"))
        })?;
        terminal::print(entry.text);
        return Ok(Ended::Well);
    }
    let shown = || library::LIBRARY.iter().filter(|entry| arguments.broken || entry.shelf == library::Shelf::Lesson);
    let width = shown().map(|entry| entry.name.len()).max().unwrap_or(0);
    let lines: Vec<String> = shown().map(|entry| format!("{:width$}  {}", entry.name, entry.title())).collect();
    terminal::print(&lines.join("\n"));
    Ok(Ended::Well)
}
