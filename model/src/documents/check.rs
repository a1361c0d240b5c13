//! What a Writer Metadata Document breaks of the rules for writers: for the author of a writer.
//!
//! Each finding names its requirement, or the page of the API that says it, and the component it is about. File sets are
//! compared by path, specification and recursion, without regard to case or a trailing backslash; whether two wildcards
//! can match the same file is not asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::builder::has_wildcard;
use super::values::{BackupSchema, ComponentType, RestoreMethodKind, SourceType, UsageType, WriterRestore};
use super::writer_metadata::{Component, FileSet, FileSetKind, WriterMetadata};
use crate::text::path;

/// How binding a broken rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The documents say must, or call it an error of the writer.
    Must,
    /// The documents say should, or writers of Windows itself do it.
    Should,
}

/// Logical path and name of a component. Shared: a document may have a long name and many findings about it.
pub type FullName = Arc<(String, String)>;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is broken.
    pub kind: FindingKind,
    /// The component, if it is about one.
    pub component: Option<FullName>,
}

/// What is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// The writer has no component.
    NoComponent,
    /// The writer has no restore method.
    NoRestoreMethod {
        /// Whether it has a component that the method would apply to.
        has_components: bool,
    },
    /// The restore method is `VSS_RME_UNDEFINED`.
    UndefinedRestoreMethod,
    /// Whether the writer takes part in a restore is `VSS_WRE_UNDEFINED`.
    UndefinedWriterRestore,
    /// The usage is `VSS_UT_UNDEFINED`.
    UndefinedUsage,
    /// The source is `VSS_ST_UNDEFINED`.
    UndefinedSource,
    /// The method stops and starts a service, but none is named.
    NoService,
    /// A service is named, but the method touches none.
    UnusedService,
    /// The method restores to alternate locations, but there is no mapping.
    NoMapping,
    /// A mapping whose files are no file set of a component.
    MappingWithoutFiles {
        /// Path and file specification.
        files: String,
    },
    /// Two components of the same logical path and name.
    DuplicateComponent,
    /// A component name with a backslash.
    BackslashInName,
    /// A path with a wildcard.
    WildcardInPath {
        /// The path.
        path: String,
    },
    /// A file specification with a backslash.
    BackslashInFilespec {
        /// The file specification.
        filespec: String,
    },
    /// Database files with recursion or an alternate path.
    RecursiveDatabaseFiles {
        /// Path and file specification.
        files: String,
    },
    /// A file set that another component has too.
    FilesOfAnotherComponent {
        /// Path and file specification.
        files: String,
        /// The other component.
        other: FullName,
    },
    /// A file set that stands in its component twice.
    RepeatedFiles {
        /// Path and file specification.
        files: String,
    },
    /// A component that depends on one of the same writer.
    DependencyOnItself,
    /// A schema that needs another one.
    SchemaWithout {
        /// What is declared.
        schema: BackupSchema,
        /// One of these is needed; all of them for exclusive incremental or differential backups.
        needs: BackupSchema,
    },
    /// Log backups are declared, but no database has log files.
    LogSchemaWithoutLogFiles,
    /// A mask with bits that have no documented name.
    UnknownBits {
        /// The attribute.
        attribute: &'static str,
        /// The bits.
        bits: u32,
    },
}

impl FindingKind {
    /// The requirement, or the page of the API, and how binding it is.
    #[must_use]
    pub fn rule(&self) -> (&'static str, Level) {
        match self {
            // Two writers of Windows itself, Shadow Copy Optimization and BITS, have neither component nor method.
            FindingKind::NoComponent => ("CMP-DEF-001", Level::Should),
            FindingKind::NoRestoreMethod { has_components: false } => ("WMD-016", Level::Should),
            FindingKind::NoRestoreMethod { has_components: true } => ("WMD-016", Level::Must),
            FindingKind::UndefinedRestoreMethod => ("WMD-017", Level::Must),
            FindingKind::UndefinedWriterRestore => ("ne-vswriter-vss_writerrestore_enum.md", Level::Must),
            FindingKind::UndefinedUsage => ("ne-vswriter-vss_usage_type.md", Level::Must),
            FindingKind::UndefinedSource => ("ne-vswriter-vss_source_type.md", Level::Must),
            FindingKind::NoService => ("RST-MTH-021", Level::Must),
            FindingKind::UnusedService => ("nf-vswriter-ivsscreatewritermetadata-setrestoremethod.md", Level::Should),
            FindingKind::NoMapping => ("ne-vswriter-vss_restoremethod_enum.md", Level::Must),
            FindingKind::MappingWithoutFiles { .. } => ("WMD-018", Level::Must),
            FindingKind::DuplicateComponent => ("CMP-DEF-004", Level::Must),
            FindingKind::BackslashInName => ("nf-vswriter-ivsscreatewritermetadata-addcomponent.md", Level::Must),
            FindingKind::WildcardInPath { .. } => ("CMP-DEF-012", Level::Must),
            FindingKind::BackslashInFilespec { .. } => ("CMP-DEF-013", Level::Must),
            FindingKind::RecursiveDatabaseFiles { .. } => ("CMP-DEF-009", Level::Must),
            FindingKind::FilesOfAnotherComponent { .. } => ("CMP-DEF-027", Level::Must),
            FindingKind::RepeatedFiles { .. } => {
                ("nf-vswriter-ivsscreatewritermetadata-addfilestofilegroup.md", Level::Must)
            }
            FindingKind::DependencyOnItself => {
                ("nf-vswriter-ivsscreatewritermetadata-addcomponentdependency.md", Level::Must)
            }
            FindingKind::SchemaWithout { .. } | FindingKind::LogSchemaWithoutLogFiles => {
                ("ne-vss-vss_backup_schema.md", Level::Must)
            }
            FindingKind::UnknownBits { attribute: "backupSchema", .. } => {
                ("ne-vss-vss_backup_schema.md", Level::Should)
            }
            FindingKind::UnknownBits { attribute: "filespecBackupType", .. } => {
                ("ne-vss-vss_file_spec_backup_type.md", Level::Should)
            }
            FindingKind::UnknownBits { .. } => ("ne-vswriter-vss_component_flags.md", Level::Should),
        }
    }
}

impl WriterMetadata {
    /// The rules for writers that the document breaks, in the order of the document.
    #[must_use]
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Findings { found: Vec::new(), component: None };
        check_writer(self, &mut findings);
        check_schema(self, &mut findings);
        let owners = check_components(self, &mut findings);
        findings.component = None;
        for files in self.excludes().chain(self.excludes_from_snapshot()) {
            check_files(files, &mut findings);
        }
        check_restore_method(self, &owners, &mut findings);
        findings.found
    }
}

struct Findings {
    found: Vec<Finding>,
    component: Option<FullName>,
}

impl Findings {
    fn add(&mut self, kind: FindingKind) {
        self.found.push(Finding { kind, component: self.component.clone() });
    }

    fn unknown_bits(&mut self, attribute: &'static str, bits: u32) {
        if bits != 0 {
            self.add(FindingKind::UnknownBits { attribute, bits });
        }
    }
}

/// What makes two file sets the same one.
type FilesKey = (String, String, bool);

impl WriterMetadata {
    /// The alternate location mappings whose files are a file set of one of the components, which is how a requester finds out
    /// what a mapping is for (WMD-018, RST-LOC-003).
    #[must_use]
    pub fn mappings_of_components(&self) -> Vec<FileSet<'_>> {
        let owned: BTreeSet<FilesKey> = self.components().flat_map(Component::file_sets).map(key).collect();
        let mappings = self.restore_method().into_iter().flat_map(super::RestoreMethod::mappings);
        mappings.filter(|mapping| owned.contains(&key(*mapping))).collect()
    }
}

fn key(files: FileSet<'_>) -> FilesKey {
    let path = files.path();
    let path = path.strip_suffix('\\').unwrap_or(path).to_lowercase();
    (path, files.filespec().to_lowercase(), files.recursive())
}

fn shown(files: FileSet<'_>) -> String {
    format!("{}\\{}", files.path().strip_suffix('\\').unwrap_or(files.path()), files.filespec())
}

fn full_name(component: Component<'_>) -> FullName {
    Arc::new((component.logical_path().to_owned(), component.name().to_owned()))
}

fn check_writer(document: &WriterMetadata, findings: &mut Findings) {
    let writer = document.identification();
    if writer.usage() == UsageType::Undefined {
        findings.add(FindingKind::UndefinedUsage);
    }
    if writer.source() == SourceType::Undefined {
        findings.add(FindingKind::UndefinedSource);
    }
    if document.components().next().is_none() {
        findings.add(FindingKind::NoComponent);
    }
}

/// The page of `VSS_BACKUP_SCHEMA` says which schema needs which.
fn check_schema(document: &WriterMetadata, findings: &mut Findings) {
    let schema = document.backup_schema();
    findings.unknown_bits("backupSchema", schema.unknown_bits());
    let both = BackupSchema::DIFFERENTIAL | BackupSchema::INCREMENTAL;
    let exclusive = BackupSchema::EXCLUSIVE_INCREMENTAL_DIFFERENTIAL;
    if schema.contains(exclusive) && !schema.contains(both) {
        findings.add(FindingKind::SchemaWithout { schema: exclusive, needs: both });
    }
    for needy in [BackupSchema::TIMESTAMPED, BackupSchema::LAST_MODIFY] {
        if schema.contains(needy) && !schema.intersects(both) {
            findings.add(FindingKind::SchemaWithout { schema: needy, needs: both });
        }
    }
    let mut files = document.components().flat_map(Component::file_sets);
    if schema.contains(BackupSchema::LOG) && !files.any(|f| f.kind() == FileSetKind::DatabaseLogFiles) {
        findings.add(FindingKind::LogSchemaWithoutLogFiles);
    }
}

/// Checks each component; answers who owns which file set.
fn check_components(document: &WriterMetadata, findings: &mut Findings) -> BTreeMap<FilesKey, FullName> {
    let mut names = BTreeMap::new();
    let mut owners: BTreeMap<FilesKey, (usize, FullName)> = BTreeMap::new();
    let writer = document.identification().writer();
    for (number, component) in document.components().enumerate() {
        let name = full_name(component);
        findings.component = Some(name.clone());
        if names.insert(name.clone(), ()).is_some() {
            findings.add(FindingKind::DuplicateComponent);
        }
        if component.name().contains('\\') {
            findings.add(FindingKind::BackslashInName);
        }
        findings.unknown_bits("componentFlags", component.flags().unknown_bits());
        if component.dependencies().any(|d| d.writer() == writer) {
            findings.add(FindingKind::DependencyOnItself);
        }
        for files in component.file_sets() {
            check_files(files, findings);
            let plain = !files.recursive() && files.alternate_path().is_none();
            if component.component_type() == ComponentType::Database && !plain {
                findings.add(FindingKind::RecursiveDatabaseFiles { files: shown(files) });
            }
            match owners.get(&key(files)) {
                None => {
                    owners.insert(key(files), (number, name.clone()));
                }
                Some((owner, _)) if *owner == number => {
                    findings.add(FindingKind::RepeatedFiles { files: shown(files) });
                }
                Some((_, other)) => {
                    let other = other.clone();
                    findings.add(FindingKind::FilesOfAnotherComponent { files: shown(files), other });
                }
            }
        }
    }
    owners.into_iter().map(|(key, (_, name))| (key, name)).collect()
}

fn check_files(files: FileSet<'_>, findings: &mut Findings) {
    if has_wildcard(files.path()) {
        findings.add(FindingKind::WildcardInPath { path: files.path().to_owned() });
    }
    if files.filespec().contains('\\') {
        findings.add(FindingKind::BackslashInFilespec { filespec: files.filespec().to_owned() });
    }
    findings.unknown_bits("filespecBackupType", files.backup_type().unknown_bits());
}

fn check_restore_method(document: &WriterMetadata, owners: &BTreeMap<FilesKey, FullName>, findings: &mut Findings) {
    let Some(restore) = document.restore_method() else {
        let has_components = document.components().next().is_some();
        findings.add(FindingKind::NoRestoreMethod { has_components });
        return;
    };
    let method = restore.method();
    if method == RestoreMethodKind::Undefined {
        findings.add(FindingKind::UndefinedRestoreMethod);
    }
    if restore.writer_restore() == WriterRestore::Undefined {
        findings.add(FindingKind::UndefinedWriterRestore);
    }
    let stops = matches!(method, RestoreMethodKind::StopRestoreStart | RestoreMethodKind::RestoreStopStart);
    let named = restore.service().is_some_and(|service| !service.is_empty());
    match (stops, named) {
        (true, false) => findings.add(FindingKind::NoService),
        (false, true) => findings.add(FindingKind::UnusedService),
        _ => {}
    }
    if method == RestoreMethodKind::RestoreToAlternateLocation && restore.mappings().next().is_none() {
        findings.add(FindingKind::NoMapping);
    }
    for mapping in restore.mappings() {
        check_files(mapping, findings);
        if !owners.contains_key(&key(mapping)) {
            findings.add(FindingKind::MappingWithoutFiles { files: shown(mapping) });
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((logical_path, name)) = self.component.as_deref() {
            let backslash = if logical_path.is_empty() { "" } else { "\\" };
            write!(f, "component `{}{backslash}{}`: ", path(logical_path), path(name))?;
        }
        let (rule, _) = self.kind.rule();
        write!(f, "{} ({rule})", self.kind)
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FindingKind::NoComponent => f.write_str("the writer has no component"),
            FindingKind::NoRestoreMethod { .. } => f.write_str("the writer has no restore method"),
            FindingKind::UndefinedRestoreMethod => f.write_str("the restore method is VSS_RME_UNDEFINED"),
            FindingKind::UndefinedWriterRestore => f.write_str("the restore condition is VSS_WRE_UNDEFINED"),
            FindingKind::UndefinedUsage => f.write_str("the usage is VSS_UT_UNDEFINED"),
            FindingKind::UndefinedSource => f.write_str("the source is VSS_ST_UNDEFINED"),
            FindingKind::NoService => f.write_str("the restore method needs a service, and none is named"),
            FindingKind::UnusedService => f.write_str("a service is named that the restore method does not touch"),
            FindingKind::NoMapping => {
                f.write_str("the restore method needs an alternate location mapping, and there is none")
            }
            FindingKind::MappingWithoutFiles { files } => {
                write!(f, "the alternate location mapping of `{}` matches no file set of a component", path(files))
            }
            FindingKind::DuplicateComponent => f.write_str("a second component of this logical path and name"),
            FindingKind::BackslashInName => f.write_str("the component name holds a backslash"),
            FindingKind::WildcardInPath { path: wrong } => write!(f, "path `{}` holds a wildcard", path(wrong)),
            FindingKind::BackslashInFilespec { filespec } => {
                write!(f, "file specification `{}` holds a backslash", path(filespec))
            }
            FindingKind::RecursiveDatabaseFiles { files } => {
                write!(f, "database files `{}` are recursive or have an alternate path", path(files))
            }
            FindingKind::FilesOfAnotherComponent { files, other } => {
                let (logical_path, name) = &**other;
                let (files, name, logical_path) = (path(files), path(name), path(logical_path));
                write!(f, "`{files}` belongs to component `{name}` at logical path `{logical_path}` too")
            }
            FindingKind::RepeatedFiles { files } => write!(f, "`{}` stands there twice", path(files)),
            FindingKind::DependencyOnItself => f.write_str("the component depends on one of the same writer"),
            FindingKind::SchemaWithout { schema, needs } => write!(f, "{schema} needs {needs}"),
            FindingKind::LogSchemaWithoutLogFiles => {
                f.write_str("VSS_BS_LOG is declared, and no database has log files")
            }
            FindingKind::UnknownBits { attribute, bits } => {
                write!(f, "`{attribute}` has bits without a name: 0x{bits:x}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document with these file lists in its only component.
    fn document(name: &str, lists: &str) -> WriterMetadata {
        let text = format!(
            "<WRITER_METADATA xmlns=\"x-schema:#VssWriterMetadataInfo\" version=\"1.2\">\
             <IDENTIFICATION writerId=\"6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c\" \
             instanceId=\"1bddd48e-5052-49db-9b07-b96f96727e6b\" friendlyName=\"W\" usage=\"USER_DATA\" \
             dataSource=\"OTHER\"/><RESTORE_METHOD method=\"RESTORE_IF_NOT_THERE\" writerRestore=\"never\" \
             rebootRequired=\"no\"/><BACKUP_LOCATIONS><FILE_GROUP componentName=\"{name}\" restoreMetadata=\"no\" \
             notifyOnBackupComplete=\"no\" selectable=\"no\">{lists}</FILE_GROUP></BACKUP_LOCATIONS></WRITER_METADATA>"
        );
        WriterMetadata::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn many_findings_about_a_long_name_hold_it_once() {
        let lists = "<FILE_LIST path=\"C:\\*\" filespec=\"a\"/>".repeat(20_000);
        // A copy of the name in each finding would take 40 GB.
        let findings = document(&"n".repeat(1 << 20), &lists).check();
        assert_eq!(findings.len(), 2 * 20_000 - 1);
    }

    #[test]
    fn a_finding_holds_nothing_that_a_terminal_obeys() {
        let lists = "<FILE_LIST path=\"C:\\*&#9;&#10;\u{9b}2J\" filespec=\"\\\u{202e}\"/>";
        let findings = document("a&#13;\u{85}b\\", &lists.repeat(2)).check();
        assert_eq!(findings.len(), 6);
        for finding in findings {
            let shown = finding.to_string();
            assert!(!shown.contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown:?}");
        }
    }
}
