//! Writer Metadata Documents: read from a file of Windows, or built from what the scenario says.

use std::sync::Arc;

use vssim_model::documents::{
    BackupSchema, ComponentFlags, ComponentSpec, ComponentType as DocumentComponent, DocumentError, FileSpec,
    FileSpecBackupType, RestoreMethodKind, SourceType, UsageType, WriterMetadata, WriterMetadataBuilder, WriterRestore,
};
use vssim_model::file_spec::Variables;
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_sim::plan::MetadataPlan;

use super::Stager;
use crate::error::{ErrorKind, Problem, shortened};
use crate::scalars::Text;
use crate::syntax::sins::WriterSin;
use crate::syntax::writer::{
    Component, ComponentType, FileSet, Inline, Metadata, RestoreEvents, RestoreMethod, Source, Usage, Writer,
};
use crate::yaml::{At, Node};

impl Stager<'_> {
    /// A document of Windows and its text, as it came.
    pub(super) fn document_of(&mut self, path: &At<Text>) -> Option<(WriterMetadata, Arc<str>)> {
        let bytes = match self.files.read(&path.0) {
            Ok(bytes) => bytes,
            Err(why) => {
                let what = format!("`{}` cannot be read: {}", shortened(&path.0), shortened(&why));
                let problem = Problem::new(ErrorKind::UnreadableFile, what).expected(
                    "a Writer Metadata Document beside the scenario, or `corpus:` and its path in the corpus",
                );
                self.problem(problem, path.pos);
                return None;
            }
        };
        match WriterMetadata::read(&bytes) {
            Ok(document) => {
                let text = text_of(&bytes).unwrap_or_else(|| document.to_xml());
                Some((document, text.into()))
            }
            Err(error) => {
                self.bad_document(&path.0, &error, path.pos);
                None
            }
        }
    }

    fn bad_document(&mut self, path: &str, error: &DocumentError, pos: crate::yaml::Pos) {
        let what = format!("`{}` is no Writer Metadata Document: {error}", shortened(path));
        self.problem(Problem::new(ErrorKind::BadDocument, what), pos);
    }

    /// The documents of a writer whose metadata stands in the scenario.
    pub(super) fn inline_documents(
        &mut self,
        writer: &Writer,
        class: WriterClassId,
        classes: &[WriterClassId],
        variables: &Variables,
    ) -> Vec<MetadataPlan> {
        let Metadata::Inline(inline) = &writer.metadata.value else { return Vec::new() };
        let of_writer = |name: &str| {
            let at = self.scenario.names.writer(name)?;
            classes.get(at).copied()
        };
        match build(writer, inline, class, &of_writer) {
            Ok(document) => vec![self.metadata_plan(document, None, variables)],
            Err(error) => {
                let what = format!("no document can say this: {error}");
                self.problem(Problem::new(ErrorKind::BadDocument, what), writer.metadata.pos);
                Vec::new()
            }
        }
    }

    /// A writer whose metadata changes between Identifies gives a document with another component from the second on.
    pub(super) fn changing(
        &self,
        writer: &Writer,
        mut documents: Vec<MetadataPlan>,
        variables: &Variables,
    ) -> Vec<MetadataPlan> {
        let changes = |sin: &Node<WriterSin>| sin.value == WriterSin::MetadataChangesBetweenIdentifies;
        if let (true, Some(first)) = (writer.misbehaviours.iter().any(changes), documents.first())
            && let Ok(document) = changed(&first.document)
        {
            documents.push(self.metadata_plan(document, None, variables));
        }
        documents
    }
}

/// A document of the same writer with one component, that no other document has.
fn changed(document: &WriterMetadata) -> Result<WriterMetadata, DocumentError> {
    let of = document.identification();
    let mut builder = WriterMetadata::build(of.writer(), of.instance(), of.name(), of.usage(), of.source())?;
    if let Some(restore) = document.restore_method() {
        builder.set_restore_method(
            restore.method(),
            restore.service(),
            restore.writer_restore(),
            restore.reboot_required(),
        )?;
    }
    builder.add_component(&ComponentSpec::new(DocumentComponent::FileGroup, "", "Another component"))?;
    Ok(builder.finish())
}

/// The text of a document in UTF-8 or UTF-16, without its mark.
fn text_of(bytes: &[u8]) -> Option<String> {
    let utf16 = |rest: &[u8], of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        [_, 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, _, ..] => utf16(bytes, u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

fn build(
    writer: &Writer,
    inline: &Inline,
    class: WriterClassId,
    of_writer: &dyn Fn(&str) -> Option<WriterClassId>,
) -> Result<WriterMetadata, DocumentError> {
    let name = writer.reports_name.as_ref().unwrap_or(&writer.name);
    let (usage, source) = (usage(inline.usage.value), source(inline.source.value));
    // The run puts the instance of its own in.
    let mut builder = WriterMetadata::build(class, WriterInstanceId::NULL, name.as_str(), usage, source)?;
    if let Some(instance) = &writer.instance_name {
        builder.set_instance(Some(&instance.0), (0, 0))?;
    }
    if !inline.schema.is_empty() {
        builder.set_backup_schema(BackupSchema(inline.schema.iter().fold(0, |bits, one| bits | one.value.bit())));
    }
    if let Some(restore) = &inline.restore {
        let service = restore.service.as_ref().map(|service| service.0.as_str());
        let events = restore_events(restore.events.value);
        builder.set_restore_method(restore_method(restore.method.value), service, events, restore.reboot.0)?;
        for mapping in &restore.mappings {
            let files = FileSpec::new(&mapping.path.0, &mapping.spec.0);
            let files = if mapping.recursive.0 { files.recursive() } else { files };
            builder.add_alternate_location_mapping(&files, &mapping.to.0)?;
        }
    }
    for component in &inline.components {
        add_component(&mut builder, component, of_writer)?;
    }
    for set in &inline.exclude {
        builder.add_exclude_files(&file_spec(set))?;
    }
    for set in &inline.exclude_from_snapshot {
        builder.add_exclude_files_from_snapshot(&file_spec(set))?;
    }
    Ok(builder.finish())
}

fn add_component(
    builder: &mut WriterMetadataBuilder,
    component: &Component,
    of_writer: &dyn Fn(&str) -> Option<WriterClassId>,
) -> Result<(), DocumentError> {
    let path = component.logical_path.as_ref().map_or("", |path| path.0.as_str());
    let name = component.name.as_str();
    let database = component.component_type.value == ComponentType::Database;
    let component_type = if database { DocumentComponent::Database } else { DocumentComponent::FileGroup };
    builder.add_component(&ComponentSpec {
        caption: component.caption.as_ref().map(|caption| caption.0.clone()),
        restore_metadata: component.restore_metadata.0,
        notify_on_backup_complete: component.notify_on_backup_complete.0,
        selectable: component.selectable.0,
        selectable_for_restore: component.selectable_for_restore.0,
        flags: ComponentFlags(component.flags.iter().fold(0, |bits, flag| bits | flag.value.bit())),
        ..ComponentSpec::new(component_type, path, name)
    })?;
    for set in &component.files {
        if database {
            builder.add_database_files(path, name, &file_spec(set))?;
        } else {
            builder.add_files_to_file_group(path, name, &file_spec(set))?;
        }
    }
    for set in &component.log_files {
        builder.add_database_log_files(path, name, &file_spec(set))?;
    }
    for other in &component.dependencies {
        let Some(class) = of_writer(other.writer.as_str()) else { continue };
        let on_path = other.logical_path.as_ref().map_or("", |path| path.0.as_str());
        builder.add_component_dependency(path, name, class, on_path, other.name.as_str())?;
    }
    Ok(())
}

fn file_spec(set: &FileSet) -> FileSpec {
    FileSpec {
        recursive: set.recursive.0,
        alternate_path: set.alternate_path.as_ref().map(|path| path.0.clone()),
        backup_type: set.backup_type_mask.as_ref().map_or(FileSpecBackupType::DEFAULT, |bits| {
            FileSpecBackupType(bits.iter().fold(0, |mask, bit| mask | bit.bits()))
        }),
        ..FileSpec::new(&set.path.0, &set.spec.0)
    }
}

pub(super) fn usage(usage: Usage) -> UsageType {
    match usage {
        Usage::UserData => UsageType::UserData,
        Usage::BootableSystemState => UsageType::BootableSystemState,
        Usage::SystemService => UsageType::SystemService,
        Usage::Other => UsageType::Other,
    }
}

pub(super) fn source(source: Source) -> SourceType {
    match source {
        Source::Other => SourceType::Other,
        Source::TransactedDatabase => SourceType::TransactedDb,
        Source::NonTransactedDatabase => SourceType::NonTransactedDb,
    }
}

fn restore_method(method: RestoreMethod) -> RestoreMethodKind {
    match method {
        RestoreMethod::IfNotThere => RestoreMethodKind::RestoreIfNotThere,
        RestoreMethod::IfCanReplace => RestoreMethodKind::RestoreIfCanReplace,
        RestoreMethod::StopRestoreStart => RestoreMethodKind::StopRestoreStart,
        RestoreMethod::ToAlternateLocation => RestoreMethodKind::RestoreToAlternateLocation,
        RestoreMethod::AtReboot => RestoreMethodKind::RestoreAtReboot,
        RestoreMethod::AtRebootIfCannotReplace => RestoreMethodKind::RestoreAtRebootIfCannotReplace,
        RestoreMethod::Custom => RestoreMethodKind::Custom,
        RestoreMethod::RestoreStopStart => RestoreMethodKind::RestoreStopStart,
    }
}

fn restore_events(events: RestoreEvents) -> WriterRestore {
    match events {
        RestoreEvents::Never => WriterRestore::Never,
        RestoreEvents::IfReplaceFails => WriterRestore::IfReplaceFails,
        RestoreEvents::Always => WriterRestore::Always,
    }
}
