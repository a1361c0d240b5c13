//! IVssCreateWriterMetadata, its successor, and IVssCreateExpressWriterMetadata.
//!
//! The first two are what a writer is handed in OnIdentify: a call on no object means that one, and outside of the handler
//! there is none (docs/choices.md, S-01). The third comes from IVssExpressWriter::CreateMetadata. Called through the interface
//! of other writers, it refuses with `VSS_E_NOT_SUPPORTED` what express writers cannot do; through its own, with
//! `E_INVALIDARG`, since those pages have no other code.
//!
//! Before a method changes anything, what it adds to has to be a valid document (docs/choices.md, `lazy-documents`).

use vssim_model::api::{MethodCall, Out, Value};
use vssim_model::documents::{
    BackupSchema, ComponentFlags, ComponentSpec, ComponentType, DocumentError, FileSpec, FileSpecBackupType,
    RestoreMethodKind, WriterMetadataBuilder, WriterRestore,
};
use vssim_model::hresult::HResult;
use vssim_model::ids::WriterClassId;
use vssim_model::trace::DocumentKind;

use super::{Caller, Done, Object, icon};
use crate::service::Service;

/// Backup types that express writers cannot ask for (page of AddFilesToFileGroup).
const NOT_FOR_EXPRESS: FileSpecBackupType = FileSpecBackupType(
    FileSpecBackupType::DIFFERENTIAL_BACKUP_REQUIRED.0
        | FileSpecBackupType::INCREMENTAL_BACKUP_REQUIRED.0
        | FileSpecBackupType::LOG_BACKUP_REQUIRED.0,
);
/// Schemas that express writers can have (page of SetBackupSchema).
const FOR_EXPRESS: u32 = BackupSchema::COPY.0 | BackupSchema::INDEPENDENT_SYSTEM_STATE.0;
/// Components' flags that express writers cannot set (page of IVssCreateExpressWriterMetadata::AddComponent).
const RECOVERY: ComponentFlags =
    ComponentFlags(ComponentFlags::APP_ROLLBACK_RECOVERY.0 | ComponentFlags::BACKUP_RECOVERY.0);

/// Which writer's document is built, and through which interface.
#[derive(Clone, Copy)]
struct Way {
    /// Whether it is an express writer's.
    express: bool,
    /// What the interface answers to something that express writers cannot do.
    refusal: HResult,
    /// Whether the release knows remote file shares.
    shares: bool,
    /// Whether it knows parallel restores.
    parallel_restores: bool,
}

impl Way {
    /// Refuses something that express writers cannot do.
    const fn refuse_express(self, asked: bool) -> Result<(), HResult> {
        if self.express && asked { Err(self.refusal) } else { Ok(()) }
    }

    /// A path has to be absolute; a remote one needs a release that knows remote file shares.
    fn check_path(self, path: &str) -> Result<(), HResult> {
        let local = path.strip_prefix(r"\\?\").unwrap_or(path);
        let remote = local.starts_with(r"\\") || (local.len() < path.len() && local.starts_with(r"UNC\"));
        let drive = matches!(local.as_bytes(), [letter, b':', rest @ ..]
            if letter.is_ascii_alphabetic() && (rest.is_empty() || rest.starts_with(b"\\")));
        let variable = local.starts_with('%');
        let volume = local.len() < path.len() && local.starts_with("Volume{");
        let good = if remote { self.shares && !self.express } else { drive || variable || volume };
        if good { Ok(()) } else { Err(HResult::E_INVALIDARG) }
    }
}

fn invalid(_: DocumentError) -> HResult {
    HResult::VSS_E_INVALID_XML_DOCUMENT
}

impl Service {
    pub(super) fn create_metadata_method(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        if matches!(call.method.method.name, "GetDocument" | "AddIncludeFiles") {
            // Reserved for the system, and documented as returning no value.
            return Done::nothing();
        }
        let of_express = call.method.interface.name == "IVssCreateExpressWriterMetadata";
        let way = Way {
            express: !call.on.is_null(),
            refusal: if of_express { HResult::E_INVALIDARG } else { HResult::VSS_E_NOT_SUPPORTED },
            shares: self.plan.release.has_remote_file_shares(),
            parallel_restores: self.plan.release.has_parallel_restores(),
        };
        // What the first call of a handler begins is kept if the call succeeds.
        let mut begun = None;
        let builder = match way.express {
            true => match self.object_of_mut(caller, call)? {
                Object::ExpressMetadata(builder) => &mut builder.0,
                _ => return Err(HResult::E_INVALIDARG),
            },
            false if of_express => return Err(HResult::E_INVALIDARG),
            false => begun.insert(self.being_built(caller.delivery).ok_or(HResult::E_INVALIDARG)?),
        };
        builder.sound_root().map_err(invalid)?;
        if call.method.method.name == "SaveAsXML" {
            builder.sound().map_err(invalid)?;
            let text = builder.clone().finish().to_xml();
            let sha256 = self.save_document(caller.actor, DocumentKind::WriterMetadata, text);
            return Done::ok(Out::values([("pbstrXML", Value::Text(sha256))]));
        }
        perform(builder, call, way)?;
        if let Some((delivery, begun)) = caller.delivery.zip(begun) {
            self.keep_building(delivery, begun);
        }
        Done::nothing()
    }
}

fn perform(builder: &mut WriterMetadataBuilder, call: &MethodCall, way: Way) -> Result<(), HResult> {
    match call.method.method.name {
        "SetBackupSchema" => set_backup_schema(builder, call, way),
        "SetRestoreMethod" => set_restore_method(builder, call, way),
        "AddAlternateLocationMapping" => add_mapping(builder, call, way),
        "AddComponent" => add_component(builder, call, way),
        "AddFilesToFileGroup" => add_files(builder, call, way),
        "AddDatabaseFiles" | "AddDatabaseLogFiles" => add_database_files(builder, call, way),
        "AddExcludeFiles" => builder.add_exclude_files(&file_set(call, way)?).map_err(|error| error.hresult()),
        "AddExcludeFilesFromSnapshot" => {
            way.refuse_express(true)?;
            builder.add_exclude_files_from_snapshot(&file_set(call, way)?).map_err(|error| error.hresult())
        }
        "AddComponentDependency" => add_dependency(builder, call),
        _ => Err(HResult::E_NOTIMPL),
    }
}

fn set_backup_schema(builder: &mut WriterMetadataBuilder, call: &MethodCall, way: Way) -> Result<(), HResult> {
    let schema = BackupSchema(bits(call, "dwSchemaMask")?);
    // BKP-TYPE-034.
    let unknown = schema.contains(BackupSchema::WRITER_SUPPORTS_PARALLEL_RESTORES) && !way.parallel_restores;
    if schema.unknown_bits() != 0 || unknown {
        return Err(HResult::E_INVALIDARG);
    }
    way.refuse_express(schema.0 & !FOR_EXPRESS != 0)?;
    builder.set_backup_schema(schema);
    Ok(())
}

fn set_restore_method(builder: &mut WriterMetadataBuilder, call: &MethodCall, way: Way) -> Result<(), HResult> {
    use RestoreMethodKind as Method;
    let method = Method::from_number(call.number("method")).ok_or(HResult::E_INVALIDARG)?;
    let writer = WriterRestore::from_number(call.number("writerRestore")).ok_or(HResult::E_INVALIDARG)?;
    let (service, procedure) = (call.text("wszService"), call.text("wszUserProcedure"));
    let stops = matches!(method, Method::StopRestoreStart | Method::RestoreStopStart);
    let no_service = service.is_none_or(str::is_empty);
    let wrong = matches!(method, Method::Undefined | Method::RestoreToAlternateLocation | Method::Custom);
    if procedure.is_some() || (stops && no_service) || (way.express && wrong) {
        return Err(HResult::E_INVALIDARG);
    }
    way.refuse_express(writer != WriterRestore::Never)?;
    // Unused with the other methods (page of SetRestoreMethod).
    let service = service.filter(|_| stops);
    builder.set_restore_method(method, service, writer, call.flag("bRebootRequired")).map_err(|error| error.hresult())
}

fn add_mapping(builder: &mut WriterMetadataBuilder, call: &MethodCall, way: Way) -> Result<(), HResult> {
    // The pages have no code for it, and express writers have no alternate locations.
    if way.express {
        return Err(HResult::E_INVALIDARG);
    }
    let files = files_of(call, "wszSourcePath", "wszSourceFilespec", way)?;
    let to = call.text("wszDestination").unwrap_or_default();
    way.check_path(to)?;
    builder.sound_restore_method().map_err(invalid)?;
    builder.add_alternate_location_mapping(&files, to).map_err(|error| error.hresult())
}

fn add_component(builder: &mut WriterMetadataBuilder, call: &MethodCall, way: Way) -> Result<(), HResult> {
    let component_type = ComponentType::from_number(call.number("ct")).ok_or(HResult::E_INVALIDARG)?;
    let flags = ComponentFlags(bits(call, "dwComponentFlags")?);
    let reserved = call.flag("bRestoreMetadata") || call.flag("bNotifyOnBackupComplete");
    let icon = icon::text(call)?;
    if flags.unknown_bits() != 0 {
        return Err(HResult::E_INVALIDARG);
    }
    if way.express && (component_type != ComponentType::FileGroup || reserved || flags.intersects(RECOVERY)) {
        return Err(HResult::E_INVALIDARG);
    }
    let path = call.text("wszLogicalPath").unwrap_or_default();
    let name = call.text("wszComponentName").unwrap_or_default();
    let spec = ComponentSpec {
        caption: call.text("wszCaption").map(str::to_owned),
        icon,
        restore_metadata: call.flag("bRestoreMetadata"),
        notify_on_backup_complete: call.flag("bNotifyOnBackupComplete"),
        selectable: call.flag("bSelectable"),
        selectable_for_restore: call.flag("bSelectableForRestore"),
        flags,
        ..ComponentSpec::new(component_type, path, name)
    };
    builder.add_component(&spec).map_err(|error| error.hresult())
}

fn add_files(builder: &mut WriterMetadataBuilder, call: &MethodCall, way: Way) -> Result<(), HResult> {
    let alternate = call.text("wszAlternateLocation");
    let backup_type = backup_type(call)?;
    way.refuse_express(alternate.is_some())?;
    // The default itself holds the bits that the page forbids (docs/choices.md, `express-default-mask`).
    let forbidden = backup_type.intersects(NOT_FOR_EXPRESS) && backup_type != FileSpecBackupType::DEFAULT;
    way.refuse_express(forbidden)?;
    if let Some(alternate) = alternate {
        way.check_path(alternate)?;
    }
    let files = FileSpec { alternate_path: alternate.map(str::to_owned), backup_type, ..file_set(call, way)? };
    let (path, name) = component(builder, call, "wszGroupName")?;
    builder.add_files_to_file_group(path, name, &files).map_err(|error| error.hresult())
}

fn add_database_files(builder: &mut WriterMetadataBuilder, call: &MethodCall, way: Way) -> Result<(), HResult> {
    // An express writer has no databases, so there is none of this name.
    let files = FileSpec { backup_type: backup_type(call)?, ..file_set(call, way)? };
    let (path, name) = component(builder, call, "wszDatabaseName")?;
    if call.method.method.name == "AddDatabaseFiles" {
        builder.add_database_files(path, name, &files).map_err(|error| error.hresult())
    } else {
        builder.add_database_log_files(path, name, &files).map_err(|error| error.hresult())
    }
}

fn add_dependency(builder: &mut WriterMetadataBuilder, call: &MethodCall) -> Result<(), HResult> {
    let on = WriterClassId(call.guid("onWriterId"));
    if on == WriterClassId::default() {
        return Err(HResult::E_INVALIDARG);
    }
    let path = call.text("wszForLogicalPath").unwrap_or_default();
    let name = call.text("wszForComponentName").unwrap_or_default();
    builder.sound_component(path, name).map_err(invalid)?;
    let on_path = call.text("wszOnLogicalPath").unwrap_or_default();
    let on_name = call.text("wszOnComponentName").unwrap_or_default();
    builder.add_component_dependency(path, name, on, on_path, on_name).map_err(|error| error.hresult())
}

/// The component that something is added to.
fn component<'a>(
    builder: &WriterMetadataBuilder,
    call: &'a MethodCall,
    name: &str,
) -> Result<(&'a str, &'a str), HResult> {
    let (path, name) = (call.text("wszLogicalPath").unwrap_or_default(), call.text(name).unwrap_or_default());
    builder.sound_component(path, name).map_err(invalid)?;
    Ok((path, name))
}

fn file_set(call: &MethodCall, way: Way) -> Result<FileSpec, HResult> {
    files_of(call, "wszPath", "wszFilespec", way)
}

fn files_of(call: &MethodCall, path: &str, filespec: &str, way: Way) -> Result<FileSpec, HResult> {
    let path = call.text(path).unwrap_or_default();
    way.check_path(path)?;
    let files = FileSpec::new(path, call.text(filespec).unwrap_or_default());
    Ok(FileSpec { recursive: call.flag("bRecursive"), ..files })
}

/// The backup types of a file set; all of them if nothing was said.
fn backup_type(call: &MethodCall) -> Result<FileSpecBackupType, HResult> {
    if !call.arguments.contains_key("dwBackupTypeMask") {
        return Ok(FileSpecBackupType::DEFAULT);
    }
    let mask = FileSpecBackupType(bits(call, "dwBackupTypeMask")?);
    if mask.unknown_bits() == 0 { Ok(mask) } else { Err(HResult::E_INVALIDARG) }
}

/// A DWORD.
fn bits(call: &MethodCall, parameter: &str) -> Result<u32, HResult> {
    u32::try_from(call.number(parameter)).map_err(|_| HResult::E_INVALIDARG)
}
