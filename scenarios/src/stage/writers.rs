//! Writers: their ids, their documents, the files of their components.

use std::collections::BTreeSet;
use std::sync::Arc;

use vssim_model::component::{Component, ComponentId, Components, Kind};
use vssim_model::documents::WriterMetadata;
use vssim_model::file_spec::Variables;
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;
use vssim_sim::plan::{ComponentOf, MetadataPlan, Op, SESSIONS, SHADOW_COPY_OPTIMIZATION_WRITER, WriterPlan};

use super::methods::Places;
use super::{Stager, derived_id, index};
use crate::syntax::writer::{Metadata, Writer};
use crate::yaml::Pos;

/// How long a writer may stay frozen unless it says otherwise (API-004).
const FREEZE_WINDOW: Ticks = Ticks::from_secs(60);

/// A writer of the plan, and what later stages want to know of it.
pub(super) struct StagedWriter {
    pub(super) plan: WriterPlan,
    /// How large the files are that it brings along, and where that stands.
    pub(super) creates: Option<(u64, Pos)>,
    /// The components that a requester adds when it adds all: those that must or may be explicit and are not implied
    /// (SEL-BKP-014).
    pub(super) explicit: Vec<ComponentOf>,
}

impl StagedWriter {
    /// A path for each of its file sets on a volume: the file itself, or one that the wildcards match.
    pub(super) fn wanted_files(&self, volume: u16) -> Vec<String> {
        let mut paths = Vec::new();
        for component in self.plan.documents.iter().flat_map(|document| document.components.values()) {
            for set in component.files.iter().filter(|set| set.volume == volume) {
                let name = a_match(&set.specification);
                let legal = |text: &str| !text.chars().any(|c| c.is_control() || "<>:\"/|?*".contains(c));
                if name.is_empty() || name.contains('\\') || !legal(&name) || !legal(&set.directory) {
                    continue;
                }
                paths.push(if set.directory.is_empty() { name } else { format!("{}\\{name}", set.directory) });
            }
        }
        paths
    }
}

/// A name that a specification matches.
fn a_match(specification: &str) -> String {
    let specification = if specification == "*.*" { "*" } else { specification };
    specification.replace('*', "data").replace('?', "0")
}

impl Stager<'_> {
    pub(super) fn writers(&mut self) -> Vec<StagedWriter> {
        let scenario = self.scenario;
        let variables = variables();
        let mut documents = Vec::new();
        for writer in &scenario.document.machine.writers {
            documents.push(match &writer.metadata.value {
                Metadata::Inline(_) => None,
                Metadata::File(path) => self.document_of(path),
            });
        }
        let classes: Vec<WriterClassId> = scenario
            .document
            .machine
            .writers
            .iter()
            .zip(&documents)
            .map(|(writer, document)| class_of(writer, document.as_ref().map(|(document, _)| document)))
            .collect();
        self.classes.clone_from(&classes);
        let mut staged = Vec::new();
        for (at, (writer, document)) in scenario.document.machine.writers.iter().zip(documents).enumerate() {
            let class = classes.get(at).copied().unwrap_or_default();
            let from_file = document.as_ref().map(|(document, _)| document.identification().instance());
            let documents = match document {
                Some((document, text)) => vec![self.metadata_plan(document, Some(text), &variables)],
                None => self.inline_documents(writer, class, &classes, &variables),
            };
            let documents = self.changing(writer, documents, &variables);
            staged.push(self.writer(at, writer, class, from_file, documents));
        }
        staged
    }

    fn writer(
        &mut self,
        at: usize,
        writer: &Writer,
        class: WriterClassId,
        from_file: Option<WriterInstanceId>,
        documents: Vec<MetadataPlan>,
    ) -> StagedWriter {
        let explicit = documents.first().map(|document| explicit(index(at), &document.document)).unwrap_or_default();
        let mut places = Places::new();
        let main = self.main(writer, class, &mut places);
        let (mut handlers, background) = self.handlers(index(at), writer, explicit.first(), &mut places);
        // BKP-SET-008.
        if class == SHADOW_COPY_OPTIMIZATION_WRITER && !self.not_to_snapshot().is_empty() {
            handlers.entry(WriterEvent::PostSnapshot).or_insert_with(|| Arc::from([Op::DeleteExcluded]));
        }
        let plan = WriterPlan {
            name: writer.name.0.as_str().into(),
            class,
            instance: writer.instance.as_ref().map(|id| WriterInstanceId(id.0)).or(from_file),
            level: writer.level.0,
            sessions: writer.sessions.as_ref().and_then(|most| u16::try_from(most.0).ok()).unwrap_or(SESSIONS),
            freeze_timeout: writer.freeze_timeout.as_ref().map_or(FREEZE_WINDOW, |window| window.0),
            documents,
            handlers,
            main,
            identify_ex: writer.identify_ex.0,
            background,
        };
        let creates = writer.create_files.as_ref().map(|size| (size.0, size.pos));
        StagedWriter { plan, creates, explicit }
    }

    /// A document and what the service must know of it.
    pub(super) fn metadata_plan(
        &self,
        document: WriterMetadata,
        text: Option<Arc<str>>,
        variables: &Variables,
    ) -> MetadataPlan {
        MetadataPlan::of(document, text, variables, &|name| self.scenario.names.volume(name).map(index))
    }
}

/// The class: what is written, what the document says, or what follows from the name.
fn class_of(writer: &Writer, document: Option<&WriterMetadata>) -> WriterClassId {
    let name = writer.reports_name.as_ref().unwrap_or(&writer.name);
    match (&writer.class, document) {
        (Some(id), _) => WriterClassId(id.0),
        (None, Some(document)) => document.identification().writer(),
        (None, None) => WriterClassId(derived_id(&["writer", name.as_str()])),
    }
}

/// The components that a requester adds if it adds all that it may.
fn explicit(writer: u16, document: &WriterMetadata) -> Vec<ComponentOf> {
    let mut seen = BTreeSet::new();
    let mut list = Vec::new();
    for component in document.components() {
        let id = ComponentId::new(component.logical_path(), component.name());
        if seen.insert(id.clone()) {
            list.push(Component { id, selectable: component.selectable() });
        }
    }
    let Ok(components) = Components::new(list) else { return Vec::new() };
    let chosen = |component: &vssim_model::documents::Component<'_>| {
        let id = ComponentId::new(component.logical_path(), component.name());
        matches!(components.kind(&id), Some(Kind::MustBeExplicit | Kind::MayBeExplicit))
    };
    let named = |component: vssim_model::documents::Component<'_>| ComponentOf {
        writer,
        logical_path: component.logical_path().to_owned(),
        name: component.name().to_owned(),
    };
    document.components().filter(chosen).map(named).collect()
}

/// The environment of a Windows that is installed on C:.
pub(super) fn variables() -> Variables {
    [
        ("SystemDrive", "C:"),
        ("SystemRoot", "C:\\Windows"),
        ("WinDir", "C:\\Windows"),
        ("ProgramData", "C:\\ProgramData"),
        ("AllUsersProfile", "C:\\ProgramData"),
        ("ProgramFiles", "C:\\Program Files"),
        ("ProgramFiles(x86)", "C:\\Program Files (x86)"),
        ("CommonProgramFiles", "C:\\Program Files\\Common Files"),
        ("Public", "C:\\Users\\Public"),
        ("UserProfile", "C:\\Users\\Administrator"),
        ("Temp", "C:\\Windows\\Temp"),
    ]
    .into_iter()
    .collect()
}
