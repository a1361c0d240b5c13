//! What a requester does in a restore that turns on documents and the store: it begins with a stored document, selects, and
//! puts files back. What is to be said to VSS comes out as calls, which the requester then makes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::api::{ComponentName, MethodCall, Value};
use vssim_model::catalogue::find;
use vssim_model::documents::{
    BackupComponents, ComponentView, FileRestoreStatus, RestoreMethodKind, RestoreTarget, WriterComponents,
    WriterMetadata, WriterRestore,
};
use vssim_model::file_spec::{FileSet, Variables, expand};
use vssim_model::hresult::HResult;
use vssim_model::trace::{DocumentKind, Restored, What};

use super::machine::NOT_THERE;
use super::rules::{ComponentSet, Decision, Directed, Mapping, Range, decide};
use crate::backup_set::ranges;
use crate::backup_store::{StoredBackup, StoredFile};
use crate::plan::{ActorId, RestoreOp};
use crate::service::Document;
use crate::world::{Step, World};

/// What is known of one component set before it is restored.
struct Set {
    name: ComponentName,
    document: BackupComponents,
    /// The restore method, the service that it stops, the mappings.
    method: RestoreMethodKind,
    service: Option<String>,
    mappings: Vec<Mapping>,
    /// What AddAlternativeLocationMapping is told of each mapping.
    arguments: Vec<MappingArguments>,
}

/// A mapping, as AddAlternativeLocationMapping is told of it.
#[derive(Clone)]
struct MappingArguments {
    path: String,
    filespec: String,
    recursive: bool,
    destination: String,
}

impl World {
    /// A part of a restore; the calls that are to be made next.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` for a backup or an object that is not there.
    pub(crate) fn restore_asked(
        &mut self,
        who: ActorId,
        object: u32,
        op: &RestoreOp,
        step: &mut Step<'_>,
    ) -> Result<Vec<MethodCall>, HResult> {
        match op {
            RestoreOp::Initialize(number) => self.initialize(who, *number, step),
            RestoreOp::Select { components, more } => self.select(object, components.as_deref(), *more),
            RestoreOp::Files => self.restore_files(who, object, step),
        }
    }

    /// The document of a backup, by its place in the store.
    fn initialize(
        &mut self,
        who: ActorId,
        number: Option<u16>,
        step: &mut Step<'_>,
    ) -> Result<Vec<MethodCall>, HResult> {
        let saved = |backup: &&Arc<StoredBackup>| !backup.backup_components.is_empty();
        let found = match number {
            Some(number) => self.store.backups.get(usize::from(number).wrapping_sub(1)).filter(saved),
            None => self.store.backups.iter().rfind(saved),
        };
        let text = Arc::clone(&found.ok_or(NOT_THERE)?.backup_components);
        let document = Document::new(DocumentKind::BackupComponents, text);
        self.service.keep_document(&document.sha256, &document.text);
        let sha256 = document.sha256.clone();
        self.put_document(who, &document, step);
        Ok(call("IVssBackupComponents::InitializeForRestore", [("bstrXML", Value::text(sha256))]).into_iter().collect())
    }

    fn document_of(&self, object: u32) -> Result<(BackupComponents, Option<Arc<str>>), HResult> {
        let found = self.service.object_numbered(object);
        let (_, found) = found.ok_or(NOT_THERE)?;
        Ok((found.document.0.clone(), found.restored_from.0.clone()))
    }

    /// The backup that a document belongs to.
    fn backup_of(&self, text: Option<&Arc<str>>) -> Option<Arc<StoredBackup>> {
        let text = text?;
        self.store.backups.iter().find(|backup| backup.backup_components == *text).cloned()
    }

    /// The stored metadata of each writer; what running writers say of their files is not used (RST-ORD-004).
    fn stored_metadata(backup: &StoredBackup) -> Vec<WriterMetadata> {
        let texts = backup.writer_metadata.iter();
        texts.filter_map(|text| WriterMetadata::read(text.as_bytes()).ok()).collect()
    }

    /// SetSelectedForRestore for the components named. Left to be restored without their writers: those whose writers want no
    /// restore events (RST-ORD-026) or have a method of their own (RST-MTH-034).
    fn select(
        &mut self,
        object: u32,
        wanted: Option<&[(vssim_model::ids::WriterClassId, String, String)]>,
        more: bool,
    ) -> Result<Vec<MethodCall>, HResult> {
        let (document, text) = self.document_of(object)?;
        let metadata = self.backup_of(text.as_ref()).map(|backup| World::stored_metadata(&backup)).unwrap_or_default();
        let mut calls = Vec::new();
        for component in document.writers().flat_map(WriterComponents::components) {
            let name = component.full_name();
            let named = |wanted: &[(vssim_model::ids::WriterClassId, String, String)]| {
                wanted.contains(&(name.writer, name.logical_path.clone(), name.name.clone()))
            };
            // What was not backed up whole is not restored (BCD-013), unless somebody insists.
            let chosen = wanted.map_or(component.backup_succeeded() != Some(false), named);
            if !chosen {
                continue;
            }
            self.restores.chosen.entry(object).or_default().insert(name.clone());
            let method = of_writer(&metadata, &name).and_then(WriterMetadata::restore_method);
            let left_out = method.is_some_and(|method| {
                method.writer_restore() == WriterRestore::Never || method.method() == RestoreMethodKind::Custom
            });
            if left_out && wanted.is_none() {
                continue;
            }
            calls.extend(about("SetSelectedForRestore", component, [("bSelectedForRestore", Value::Flag(true))]));
            if more {
                calls.extend(about("SetAdditionalRestores", component, [("bAdditionalRestores", Value::Flag(true))]));
            }
        }
        Ok(calls)
    }

    /// Each component set goes where the rules say; what became of it is to be told.
    fn restore_files(&mut self, who: ActorId, object: u32, step: &mut Step<'_>) -> Result<Vec<MethodCall>, HResult> {
        let (document, text) = self.document_of(object)?;
        let backup = self.backup_of(text.as_ref()).ok_or(NOT_THERE)?;
        let metadata = World::stored_metadata(&backup);
        let chosen = self.restores.chosen.remove(&object).unwrap_or_default();
        let all: Vec<ComponentName> = document
            .writers()
            .flat_map(WriterComponents::components)
            .filter(|component| {
                component.selected_for_restore() == Some(true) || chosen.contains(&component.full_name())
            })
            .map(ComponentView::full_name)
            .collect();
        let mut calls = Vec::new();
        // By writer: each of its components has the same ones.
        let mut known = BTreeMap::new();
        for name in all {
            let metadata = of_writer(&metadata, &name);
            let method = metadata.and_then(WriterMetadata::restore_method);
            let (mappings, arguments) = known
                .entry(name.instance)
                .or_insert_with(|| metadata.map(|metadata| self.mappings(metadata)).unwrap_or_default())
                .clone();
            let set = Set {
                document: document.clone(),
                method: method.map_or(RestoreMethodKind::Undefined, vssim_model::documents::RestoreMethod::method),
                service: method.and_then(vssim_model::documents::RestoreMethod::service).map(str::to_owned),
                mappings,
                arguments,
                name,
            };
            calls.extend(self.restore_set(who, object, &backup, &set, step));
        }
        Ok(calls)
    }

    /// The mappings of a writer that a restore can use, and what is told of each.
    fn mappings(&self, metadata: &WriterMetadata) -> (Vec<Mapping>, Vec<MappingArguments>) {
        let all = metadata.mappings_of_components().into_iter().filter_map(|set| {
            let (path, filespec, recursive) = (set.path(), set.filespec(), set.recursive());
            let to = set.alternate_path().unwrap_or("");
            let mapping = self.mapping(path, filespec, recursive, to)?;
            let (path, filespec) = (path.to_owned(), filespec.to_owned());
            Some((mapping, MappingArguments { path, filespec, recursive, destination: to.to_owned() }))
        });
        all.unzip()
    }

    fn mapping(&self, path: &str, filespec: &str, recursive: bool, to: &str) -> Option<Mapping> {
        let files = FileSet::new(path, filespec, recursive).ok()?.expand(&self.plan.variables).ok()?;
        let to = expand(to, &self.plan.variables).ok()?.into_owned();
        Some(Mapping { files, to })
    }

    fn restore_set(
        &mut self,
        who: ActorId,
        object: u32,
        backup: &StoredBackup,
        set: &Set,
        step: &mut Step<'_>,
    ) -> Vec<MethodCall> {
        let Some(component) = set.document.component(&set.name) else { return Vec::new() };
        let files = self.files_of_set(object, backup, set, component);
        let new_targets: Vec<Mapping> = component
            .new_targets()
            .filter_map(|target| self.mapping(target.path, target.filespec, target.recursive, target.alternate_path))
            .collect();
        let directed: Vec<Directed> =
            component.directed_targets().filter_map(|target| directed(target, &self.plan.variables)).collect();
        let decided = decide(
            &ComponentSet {
                method: set.method,
                service: set.service.as_deref(),
                target: component.restore_target().unwrap_or(RestoreTarget::Original),
                files: files.iter().map(|file| file.path.as_str()).collect(),
                mappings: &set.mappings,
                new_targets: &new_targets,
                directed: &directed,
            },
            self,
        );
        let decision = match decided {
            Ok(decision) => decision,
            Err(refusal) => {
                self.not_restored(who, object, &set.name, &refusal.to_string(), step);
                return status(component, FileRestoreStatus::None).into_iter().collect();
            }
        };
        if let Some(service) = &decision.stop_before {
            self.set_service(who, service, false, step);
        }
        let (good, failure) = self.put_files(who, object, &files, &decision, step);
        if let Some(service) = &decision.stop_after {
            self.set_service(who, service, false, step);
        }
        if let Some(service) = decision.stop_before.as_ref().or(decision.stop_after.as_ref()) {
            self.set_service(who, service, true, step);
        }
        let became = match (&failure, good) {
            (None, _) => FileRestoreStatus::All,
            (Some(_), 0) => FileRestoreStatus::None,
            (Some(_), _) => FileRestoreStatus::Failed,
        };
        if let Some(error) = failure {
            self.not_restored(who, object, &set.name, &error.to_string(), step);
        }
        told(component, set, &files, &decision, &self.ranges_files(component), became)
    }

    fn not_restored(&mut self, who: ActorId, object: u32, name: &ComponentName, why: &str, step: &mut Step<'_>) {
        let what = match name.logical_path.as_str() {
            "" => name.name.clone(),
            path => format!("{path}\\{}", name.name),
        };
        let reason = why.to_owned();
        self.record(step, who, || What::Restore(Restored::Refused { object, what, reason }));
    }

    /// The files of a component set: those of the component itself and of all that came along with it; once subcomponents are
    /// selected, only theirs (SEL-RST-005, SEL-RST-006).
    fn files_of_set<'b>(
        &self,
        object: u32,
        backup: &'b StoredBackup,
        set: &Set,
        component: ComponentView<'_>,
    ) -> Vec<&'b StoredFile> {
        let parts: BTreeSet<(&str, &str)> = component.restore_subcomponents().collect();
        let is_part = |name: &ComponentName| {
            parts.iter().any(|(path, part)| {
                let itself = name.logical_path == *path && name.name == *part;
                itself || is_below(name, path, part)
            })
        };
        let in_set = |name: &&ComponentName| {
            let same_writer = name.writer == set.name.writer && name.instance == set.name.instance;
            let itself = **name == set.name;
            let along =
                is_below(name, &set.name.logical_path, &set.name.name) && set.document.component(name).is_none();
            same_writer && (itself || along) && (parts.is_empty() || is_part(name))
        };
        // What is not to be backed up is not restored either (BKP-SET-007), should an older backup have it.
        let number = self.service.object_numbered(object);
        let kept_out = number.map(|(_, object)| self.not_to_backup(object)).unwrap_or_default();
        let kept_out = |file: &&StoredFile| kept_out.iter().any(|excluded| excluded.matches(&file.path));
        // A file that two components of the set have is restored once.
        let mut files: BTreeMap<String, &StoredFile> = BTreeMap::new();
        for (_, stored) in backup.components.iter().filter(|(name, _)| in_set(name)) {
            for file in stored.files.iter().filter(|file| !kept_out(file)) {
                files.entry(file.path.to_uppercase()).or_insert(file);
            }
        }
        ranges_files_first(files, &self.ranges_files(component))
    }

    /// The ranges files of a component's partial files, in their order.
    fn ranges_files(&self, component: ComponentView<'_>) -> Vec<Option<String>> {
        let variables = &self.plan.variables;
        let named = component.partial_files().map(|(_, _, text, _)| ranges::file_of(text));
        named.map(|path| Some(expand(path?, variables).ok()?.into_owned())).collect()
    }
}

/// A ranges file comes before the data that it describes (PART-012), so before all else.
fn ranges_files_first<'b>(files: BTreeMap<String, &'b StoredFile>, first: &[Option<String>]) -> Vec<&'b StoredFile> {
    let first: BTreeSet<String> = first.iter().flatten().map(|path| path.to_uppercase()).collect();
    let (mut ordered, rest): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| first.contains(path));
    ordered.extend(rest);
    ordered.into_iter().map(|(_, file)| file).collect()
}

/// Whether a component lies below another one in the hierarchy of logical paths (SEL-BKP-012).
fn is_below(name: &ComponentName, path: &str, parent: &str) -> bool {
    let parent = if path.is_empty() { parent.to_owned() } else { format!("{path}\\{parent}") };
    name.logical_path.strip_prefix(&*parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
}

fn of_writer<'m>(metadata: &'m [WriterMetadata], name: &ComponentName) -> Option<&'m WriterMetadata> {
    let of_class = || metadata.iter().filter(|document| document.identification().writer() == name.writer);
    of_class().find(|document| document.identification().instance() == name.instance).or_else(|| of_class().next())
}

/// A directed target of the document; its paths may begin with environment variables.
fn directed(target: vssim_model::documents::DirectedTarget<'_>, variables: &Variables) -> Option<Directed> {
    let full = |path: &str, name: &str| {
        let path = expand(path, variables).ok()?;
        Some(format!("{}\\{name}", path.trim_end_matches('\\')))
    };
    let from = ranges::parse(target.source_ranges).ok()?;
    let to = ranges::parse(target.destination_ranges).ok()?;
    let pair = |(from, to): (&ranges::Range, &ranges::Range)| Range {
        from: from.offset,
        to: to.offset,
        length: from.length.min(to.length),
    };
    Some(Directed {
        from: full(target.source_path, target.source_filename)?,
        to: full(target.destination_path, target.destination_filename)?,
        ranges: from.iter().zip(&to).map(pair).collect(),
    })
}

/// What has to be told of a set: the mappings used (RST-LOC-005), ranges files that went elsewhere, and how it went.
fn told(
    component: ComponentView<'_>,
    set: &Set,
    files: &[&StoredFile],
    decision: &Decision,
    ranges_files: &[Option<String>],
    became: FileRestoreStatus,
) -> Vec<MethodCall> {
    let mut calls = Vec::new();
    let used: BTreeSet<usize> = decision.files.iter().filter_map(|placed| placed.mapping).collect();
    for (_, mapping) in set.arguments.iter().enumerate().filter(|(at, _)| used.contains(at)) {
        calls.extend(about(
            "AddAlternativeLocationMapping",
            component,
            [
                ("wszPath", Value::text(mapping.path.as_str())),
                ("wszFilespec", Value::text(mapping.filespec.as_str())),
                ("bRecursive", Value::Flag(mapping.recursive)),
                ("wszDestination", Value::text(mapping.destination.as_str())),
            ],
        ));
    }
    for (at, ranges_file) in ranges_files.iter().enumerate() {
        let Some(ranges_file) = ranges_file else { continue };
        let moved = decision.files.iter().find(|placed| {
            let from = files.get(placed.file).map(|file| file.path.as_str());
            from.is_some_and(|from| from.eq_ignore_ascii_case(ranges_file) && from != placed.to)
        });
        if let Some(moved) = moved {
            let file = Value::text(moved.to.clone());
            let partial = Value::count(at);
            calls.extend(about("SetRangesFilePath", component, [("iPartialFile", partial), ("wszRangesFile", file)]));
        }
    }
    calls.extend(status(component, became));
    calls
}

fn status(component: ComponentView<'_>, status: FileRestoreStatus) -> Option<MethodCall> {
    about("SetFileRestoreStatus", component, [("status", Value::text(status.name()))])
}

/// A call about a component.
fn about<const N: usize>(method: &str, component: ComponentView<'_>, rest: [(&str, Value); N]) -> Option<MethodCall> {
    let name = component.full_name();
    let mut made = call(&format!("IVssBackupComponents::{method}"), rest)?;
    let kind = Value::text(component.component_type().name());
    for parameter in ["ct", "componentType"] {
        if made.method.method.parameter(parameter).is_some() {
            made.arguments.insert(parameter.to_owned(), kind.clone());
        }
    }
    let path = Value::optional(Some(name.logical_path).filter(|path| !path.is_empty()));
    made.arguments.insert("writerId".to_owned(), Value::guid(name.writer.0));
    made.arguments.insert("wszLogicalPath".to_owned(), path);
    made.arguments.insert("wszComponentName".to_owned(), Value::text(name.name));
    Some(made)
}

fn call<const N: usize>(method: &str, arguments: [(&str, Value); N]) -> Option<MethodCall> {
    let mut made = MethodCall::new(find(method)?);
    made.arguments = arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Some(made)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

    use vssim_model::documents::DirectedTarget;

    use super::*;

    fn stored(path: &str) -> StoredFile {
        let path = path.to_owned();
        StoredFile { path, read_from: None, live: false, size: 0, modified: 0, parts: Vec::new(), whole: true }
    }

    #[test]
    fn a_ranges_file_is_restored_before_the_data_it_describes() {
        let all = [r"D:\Mail\a.edb", r"D:\Mail\b.edb", r"D:\Mail\z.rng"].map(stored);
        let files = || all.iter().map(|file| (file.path.to_uppercase(), file)).collect();
        let order = |first: &[Option<String>]| -> Vec<String> {
            ranges_files_first(files(), first).iter().map(|file| file.path.clone()).collect()
        };
        let first = [None, Some(r"d:\mail\Z.RNG".to_owned())];
        assert_eq!(order(&first), [r"D:\Mail\z.rng", r"D:\Mail\a.edb", r"D:\Mail\b.edb"]);
        assert_eq!(order(&[]), [r"D:\Mail\a.edb", r"D:\Mail\b.edb", r"D:\Mail\z.rng"]);
    }

    #[test]
    fn the_paths_of_a_directed_target_may_begin_with_variables() {
        let mut variables = Variables::default();
        variables.set("Mail", r"D:\Mail");
        let target = DirectedTarget {
            source_path: "%Mail%",
            source_filename: "a.edb",
            source_ranges: "0:8",
            destination_path: r"%mail%\New",
            destination_filename: "b.edb",
            destination_ranges: "8:8",
        };
        let found = directed(target, &variables).unwrap();
        assert_eq!((found.from.as_str(), found.to.as_str()), (r"D:\Mail\a.edb", r"D:\Mail\New\b.edb"));
    }
}
