//! Which components come along with those that a scenario chooses, and dependencies that go in a circle.

use std::collections::BTreeSet;

use vssim_model::component::ComponentId;
use vssim_model::documents::WriterMetadata;
use vssim_model::ids::WriterClassId;
use vssim_model::selection::{Chosen, Selection};
use vssim_sim::plan::ComponentOf;

use super::index;
use super::writers::StagedWriter;

fn documents<'a>(writers: impl Iterator<Item = &'a StagedWriter>) -> Vec<&'a WriterMetadata> {
    writers.filter_map(|writer| writer.plan.documents.first()).map(|plan| &plan.document).collect()
}

/// Everything that has to be added if these components are chosen, among the writers that are asked.
pub(super) fn complete(
    writers: &[StagedWriter],
    disabled: &BTreeSet<WriterClassId>,
    chosen: &[ComponentOf],
    system_state: bool,
) -> Vec<ComponentOf> {
    let asked = |writer: &&StagedWriter| !disabled.contains(&writer.plan.class);
    let places: Vec<u16> =
        writers.iter().enumerate().filter(|(_, writer)| asked(writer)).map(|(at, _)| index(at)).collect();
    let selection = Selection::new(documents(writers.iter().filter(asked)));
    let chosen: Vec<Chosen> = chosen
        .iter()
        .filter_map(|of| {
            let writer = places.iter().position(|place| *place == of.writer)?;
            Some(Chosen { writer, id: ComponentId::new(&of.logical_path, &of.name) })
        })
        .collect();
    let complete = selection.complete(&chosen, system_state);
    complete.explicit.keys().filter_map(|chosen| named(writers, *places.get(chosen.writer)?, &chosen.id)).collect()
}

/// A component under the names of its document.
fn named(writers: &[StagedWriter], writer: u16, id: &ComponentId) -> Option<ComponentOf> {
    let document = &writers.get(usize::from(writer))?.plan.documents.first()?.document;
    let is_meant = |component: &vssim_model::documents::Component<'_>| {
        ComponentId::new(component.logical_path(), component.name()) == *id
    };
    let component = document.components().find(is_meant)?;
    let (logical_path, name) = (component.logical_path().to_owned(), component.name().to_owned());
    Some(ComponentOf { writer, logical_path, name })
}

/// A sentence for each cycle of dependencies.
pub(super) fn notes(writers: &[StagedWriter]) -> Vec<String> {
    let cycles = Selection::new(documents(writers.iter())).cycles();
    let label = |chosen: &Chosen| {
        let writer = writers.get(chosen.writer).map_or("?", |writer| &*writer.plan.name);
        format!("{} of {writer}", chosen.id)
    };
    let tell = |cycle: &Vec<Chosen>| {
        let names: Vec<String> = cycle.iter().map(label).collect();
        format!("{} depend on one another: a backup includes all of them or none", names.join(", "))
    };
    cycles.iter().map(tell).collect()
}
