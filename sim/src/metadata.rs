//! What the service has to know of a Writer Metadata Document: its components, and where their files lie.

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_model::documents::{ComponentType, WriterMetadata};
use vssim_model::file_spec::{Variables, expand};

use crate::plan::{ComponentPlan, FileSet, MetadataPlan};

impl MetadataPlan {
    /// A document and its components, with the file sets that lie on volumes of the machine. `text` is the document as it came
    /// from Windows, `volume` finds a volume by its name.
    #[must_use]
    pub fn of(
        document: WriterMetadata,
        text: Option<Arc<str>>,
        variables: &Variables,
        volume: &dyn Fn(&str) -> Option<u16>,
    ) -> MetadataPlan {
        let mut components = BTreeMap::new();
        for component in document.components() {
            let sets = component.file_sets().filter_map(|set| {
                let folder = set.alternate_path().unwrap_or_else(|| set.path());
                let folder = expand(folder, variables).ok()?;
                let (on, directory) = folder.split_once('\\').unwrap_or((&*folder, ""));
                Some(FileSet {
                    volume: volume(on)?,
                    directory: directory.trim_end_matches('\\').to_owned(),
                    specification: set.filespec().to_owned(),
                    recursive: set.recursive(),
                })
            });
            let database = component.component_type() == ComponentType::Database;
            let plan = ComponentPlan { database, files: sets.collect() };
            components.insert((component.logical_path().to_owned(), component.name().to_owned()), plan);
        }
        MetadataPlan { document, text, components: Arc::new(components) }
    }
}
