//! `vssim graph`.

use vssim_model::tables::Tables;

use crate::arguments::{Graph, GraphFormat};
use crate::{BadInput, Ended, terminal};

/// Prints a state machine.
pub(crate) fn graph(arguments: &Graph) -> Result<Ended, BadInput> {
    let tables = Tables::documented();
    let name = arguments.table.as_str();
    let text = match arguments.format {
        GraphFormat::Dot => tables.dot(name),
        GraphFormat::Mermaid => tables.mermaid(name),
        GraphFormat::Matrix => tables.matrix(name),
    };
    let text = text.ok_or_else(|| {
        let near = super::near(name, Tables::names().iter().copied());
        let names = Tables::names().join(", ");
        BadInput(format!("error: no state machine is called `{name}`\n  expected one of {names}{near}"))
    })?;
    terminal::print(&text);
    Ok(Ended::Well)
}
