//! `vssim list`.

use vssim_scenarios::library::{self, Entry, LIBRARY, SUBJECTS, Shelf};

use crate::arguments::List;
use crate::{BadInput, Ended, terminal};

/// Lists the ready scenarios, or prints one.
pub(crate) fn list(arguments: &List) -> Result<Ended, BadInput> {
    if let Some(name) = &arguments.show {
        let entry = library::find(name).ok_or_else(|| {
            let near = super::near(name, LIBRARY.iter().map(|entry| entry.name));
            BadInput(format!("error: no ready scenario is called `{name}`{near}"))
        })?;
        terminal::print(entry.text);
        return Ok(Ended::Well);
    }
    if let Some(subject) = &arguments.subject {
        let names = || SUBJECTS.iter().map(|(name, _)| *name).filter(|name| !name.is_empty());
        if !names().any(|name| name == subject) {
            let near = super::near(subject, names());
            let all = names().collect::<Vec<_>>().join(", ");
            return Err(BadInput(format!("error: `{subject}` is no subject{near}\n  the subjects are {all}")));
        }
    }
    let shown = |entry: &&Entry| match &arguments.subject {
        Some(subject) => entry.subject_name() == subject,
        None => arguments.broken || entry.shelf == Shelf::Lesson,
    };
    let width = LIBRARY.iter().filter(shown).map(|entry| entry.name.len()).max().unwrap_or(0);
    let mut parts = Vec::new();
    for (subject, about) in SUBJECTS {
        let entries = LIBRARY.iter().filter(shown).filter(|entry| entry.subject_name() == *subject);
        let lines: Vec<String> = entries.map(|entry| format!("{:width$}  {}", entry.name, entry.title())).collect();
        if !lines.is_empty() {
            let name = if subject.is_empty() { String::new() } else { format!("{subject}: ") };
            parts.push(format!("{name}{about}\n\n{}", indented(&lines)));
        }
    }
    terminal::print(&parts.join("\n\n"));
    Ok(Ended::Well)
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
