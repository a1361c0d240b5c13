//! IVssExamineWriterMetadata and what it hands out, and the calls that hand it out.
//!
//! A getter answers `VSS_E_INVALID_XML_DOCUMENT` exactly if what it reads is faulty (docs/choices.md, `lazy-documents`).
//! Indices count from 0; one beyond the last is `VSS_E_OBJECT_NOT_FOUND`.

use vssim_model::api::{MethodCall, Out, Value};
use vssim_model::component::ComponentId;
use vssim_model::documents::{
    ComponentInfo, DocumentError, ExaminedComponent, ExaminedDependency, ExaminedFiles, ExaminedMetadata,
    RestoreMethodKind,
};
use vssim_model::hresult::HResult;
use vssim_model::ids::WriterClassId;
use vssim_model::tables::Method;

use super::{Caller, Done, Filedesc, Object};
use crate::service::Service;

/// A dependency as it was when the object was handed out. An `Err` is what the document tells wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dependency {
    /// The class of the other writer.
    pub writer: Result<WriterClassId, HResult>,
    /// The logical path of its component.
    pub logical_path: Result<Option<String>, HResult>,
    /// The name of its component.
    pub component_name: Result<String, HResult>,
}

/// The code for a fault of the document.
fn invalid<T>(_: T) -> HResult {
    HResult::VSS_E_INVALID_XML_DOCUMENT
}

impl Service {
    /// GetWriterMetadata and GetWriterMetadataEx of a backup components object.
    pub(super) fn get_writer_metadata(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let (index, object) = self.living(caller)?;
        self.in_sequence(index, Method::GetWriterMetadata)?;
        let number = call.index("iWriter");
        let writer = *object.identified.get(number).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        let metadata = self.examined_metadata(index, writer).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        metadata.sound_root().map_err(invalid)?;
        let instance = self.instance_of(writer).unwrap_or_default();
        let object = self.hand_out(caller, Object::Examine(metadata.into()));
        Done::ok(Out::values([("pidInstance", Value::guid(instance.0)), ("ppMetadata", object)]))
    }

    /// CreateVssExamineWriterMetadata.
    pub(super) fn create_examine(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let text = self.text_of_document(call.text("bstrXML").unwrap_or_default());
        let metadata = ExaminedMetadata::load(text.as_bytes()).map_err(invalid)?;
        let object = self.hand_out(caller, Object::Examine(metadata.into()));
        Done::ok(Out::values([("ppMetadata", object)]))
    }

    pub(super) fn examine_method(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let method = call.method.method.name;
        match (call.method.interface.name, self.object_of(caller, call)?) {
            ("IVssWMFiledesc", Object::Filedesc(files)) => files.call(method),
            ("IVssWMDependency", Object::Dependency(dependency)) => {
                let managed = self.manages(dependency);
                dependency.call(method, managed)
            }
            ("IVssWMComponent", Object::MetadataComponent(component)) => {
                let component = component.0.clone();
                self.metadata_component(caller, call, &component)
            }
            ("IVssExamineWriterMetadata", Object::Examine(_)) if method == "LoadFromXML" => {
                self.load_from_xml(caller, call)
            }
            ("IVssExamineWriterMetadata", Object::Examine(metadata)) if method == "SaveAsXML" => {
                let text = metadata.0.to_xml();
                let sha256 = self.save_document(caller.actor, vssim_model::trace::DocumentKind::WriterMetadata, text);
                Done::ok(Out::values([("pbstrXML", Value::Text(sha256))]))
            }
            ("IVssExamineWriterMetadata", Object::Examine(metadata)) => match values_of(&metadata.0, method)? {
                Some(done) => Ok(done),
                None => {
                    let found = part_of(&metadata.0, call)?;
                    self.give_part(caller, call, found)
                }
            },
            ("IVssExamineWriterMetadataEx", Object::Examine(metadata)) => identity_ex(&metadata.0),
            ("IVssExamineWriterMetadataEx2", Object::Examine(metadata)) => {
                // The pages of these three know no fault of the document.
                let metadata = metadata.0.clone();
                let unexpected = self.unexpected();
                self.examine_ex2(caller, call, &metadata).map_err(|code| match code {
                    HResult::VSS_E_INVALID_XML_DOCUMENT => unexpected,
                    code => code,
                })
            }
            _ => Err(HResult::E_INVALIDARG),
        }
    }

    /// `S_FALSE` for what is no XML, so that nothing is loaded at all; a document of another kind is not valid.
    fn load_from_xml(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let text = self.text_of_document(call.text("bstrXML").unwrap_or_default());
        match ExaminedMetadata::load(text.as_bytes()) {
            Ok(loaded) => {
                if let Object::Examine(metadata) = self.object_of_mut(caller, call)? {
                    metadata.0 = loaded;
                }
                Done::nothing()
            }
            Err(error) if error.is_no_xml() => Ok(Done::Now(HResult::S_FALSE, Out::Nothing)),
            Err(error) => Err(invalid(error)),
        }
    }

    fn examine_ex2(&mut self, caller: Caller, call: &MethodCall, metadata: &ExaminedMetadata) -> Result<Done, HResult> {
        match call.method.method.name {
            "GetVersion" => {
                let (major, minor) = metadata.writer_version().map_err(invalid)?;
                let values = [("pdwMajorVersion", major), ("pdwMinorVersion", minor)];
                Done::ok(Out::values(values.map(|(name, value)| (name, Value::Number(value.into())))))
            }
            "GetExcludeFromSnapshotCount" => {
                let count = metadata.excludes_from_snapshot().map_err(invalid)?.count();
                Done::ok(Out::values([("pcExcludedFromSnapshot", Value::count(count))]))
            }
            "GetExcludeFromSnapshotFile" => {
                let files = metadata.excludes_from_snapshot().map_err(invalid)?.nth(call.index("iFile"));
                // The page has no code for an index without a file set.
                let files = Object::Filedesc(filedesc(files.ok_or(HResult::E_INVALIDARG)?));
                self.give_part(caller, call, files)
            }
            _ => Err(HResult::E_NOTIMPL),
        }
    }

    /// Hands a part of a document out, through the pointer that the method has for it.
    fn give_part(&mut self, caller: Caller, call: &MethodCall, part: Object) -> Result<Done, HResult> {
        let object = self.hand_out(caller, part);
        let pointer = call.method.method.parameters.iter().find(|parameter| !parameter.is_given());
        Done::ok(Out::values([(pointer.map_or("", |pointer| pointer.name), object)]))
    }

    fn metadata_component(
        &mut self,
        caller: Caller,
        call: &MethodCall,
        component: &ExaminedComponent,
    ) -> Result<Done, HResult> {
        let missing = HResult::VSS_E_OBJECT_NOT_FOUND;
        let files = match call.method.method.name {
            "GetComponentInfo" => {
                let info = component_info(&component.info().map_err(invalid)?)?;
                return Done::ok(Out::values([("ppInfo", info)]));
            }
            "FreeComponentInfo" => return Done::nothing(),
            "GetDependency" => {
                let found = component.dependencies().map_err(invalid)?.nth(call.index("iDependency"));
                let part = Object::Dependency(Dependency::of(found.ok_or(missing)?));
                return self.give_part(caller, call, part);
            }
            "GetFile" => component.files().map_err(invalid)?.nth(call.index("iFile")),
            "GetDatabaseFile" => component.database_files().map_err(invalid)?.nth(call.index("iDBFile")),
            "GetDatabaseLogFile" => component.database_log_files().map_err(invalid)?.nth(call.index("iDbLogFile")),
            _ => return Err(HResult::E_NOTIMPL),
        };
        let part = Object::Filedesc(filedesc(files.ok_or(missing)?));
        self.give_part(caller, call, part)
    }

    /// Whether a writer of the machine has the component of a dependency. One of another computer cannot be asked for.
    fn manages(&self, dependency: &Dependency) -> bool {
        let (Ok(class), Ok(path), Ok(name)) = (dependency.writer, &dependency.logical_path, &dependency.component_name)
        else {
            return true;
        };
        let path = path.as_deref().unwrap_or_default();
        if path.starts_with(r"\\") {
            return true;
        }
        let wanted = ComponentId::new(path, name);
        let express = self.registered().map(|(writer, _)| writer);
        self.all_writers().into_iter().chain(express).any(|writer| {
            let is = self.class_of(writer) == Some(class);
            let components = self.current_metadata(writer).map(|plan| &plan.components).filter(|_| is);
            components.is_some_and(|all| all.keys().any(|(path, name)| ComponentId::new(path, name) == wanted))
        })
    }
}

impl Dependency {
    fn of(found: ExaminedDependency<'_>) -> Dependency {
        Dependency {
            writer: found.writer().map_err(invalid),
            logical_path: found.logical_path().map(|path| path.map(str::to_owned)).map_err(invalid),
            component_name: found.component_name().map(str::to_owned).map_err(invalid),
        }
    }

    /// A call of IVssWMDependency. Where no writer has the component, the code says so and the value comes all the same.
    fn call(&self, method: &str, managed: bool) -> Result<Done, HResult> {
        let value = match method {
            "GetWriterId" => ("pWriterId", Value::guid(self.writer?.0)),
            "GetLogicalPath" => ("pbstrLogicalPath", Value::optional(self.logical_path.clone()?)),
            "GetComponentName" => ("pbstrComponentName", Value::text(self.component_name.clone()?)),
            _ => return Err(HResult::E_NOTIMPL),
        };
        let code = if managed { HResult::S_OK } else { HResult::S_FALSE };
        Ok(Done::Now(code, Out::values([value])))
    }
}

/// A file set as an object that outlives the document.
fn filedesc(files: ExaminedFiles<'_>) -> Filedesc {
    Filedesc {
        path: files.path().map(str::to_owned).map_err(invalid),
        filespec: files.filespec().map(str::to_owned).map_err(invalid),
        recursive: files.recursive().map_err(invalid),
        alternate: files.alternate_path().map(|path| path.map(str::to_owned)).map_err(invalid),
        backup_type: files.backup_type().map_err(invalid),
    }
}

/// What the methods tell that hand out values; none for those that hand out objects.
fn values_of(metadata: &ExaminedMetadata, method: &str) -> Result<Option<Done>, HResult> {
    let done = match method {
        "GetIdentity" => Done::ok(Out::values(identity(metadata).map_err(invalid)?)),
        "GetBackupSchema" => {
            let schema = metadata.backup_schema().map_err(invalid)?;
            Done::ok(Out::values([("pdwSchemaMask", Value::Number(schema.into()))]))
        }
        "GetFileCounts" => {
            let excludes = metadata.excludes().map_err(invalid)?.count();
            let components = metadata.components().map_err(invalid)?.count();
            let counts = [("pcIncludeFiles", 0), ("pcExcludeFiles", excludes), ("pcComponents", components)];
            Done::ok(Out::values(counts.map(|(name, count)| (name, Value::count(count)))))
        }
        "GetRestoreMethod" => restore_method(metadata),
        // Reserved for the system, and documented as returning no value.
        "GetDocument" | "GetIncludeFile" => Done::nothing(),
        _ => return Ok(None),
    };
    done.map(Some)
}

/// A part of the document, by its index.
fn part_of(metadata: &ExaminedMetadata, call: &MethodCall) -> Result<Object, HResult> {
    let missing = HResult::VSS_E_OBJECT_NOT_FOUND;
    let files = match call.method.method.name {
        "GetComponent" => {
            let found = metadata.components().map_err(invalid)?.nth(call.index("iComponent"));
            return Ok(Object::MetadataComponent(found.ok_or(missing)?.into()));
        }
        "GetExcludeFile" => metadata.excludes().map_err(invalid)?.nth(call.index("iFile")),
        "GetAlternateLocationMapping" => metadata.mappings().map_err(invalid)?.nth(call.index("iMapping")),
        _ => return Err(HResult::E_NOTIMPL),
    };
    files.map(|files| Object::Filedesc(filedesc(files))).ok_or(missing)
}

fn identity(metadata: &ExaminedMetadata) -> Result<[(&'static str, Value); 5], DocumentError> {
    let found = metadata.identity()?;
    Ok([
        ("pidInstance", Value::guid(found.instance.0)),
        ("pidWriter", Value::guid(found.writer.0)),
        ("pbstrWriterName", Value::text(found.name)),
        ("pUsage", Value::text(found.usage.name())),
        ("pSource", Value::text(found.source.name())),
    ])
}

fn identity_ex(metadata: &ExaminedMetadata) -> Result<Done, HResult> {
    let [instance, writer, name, usage, source] = identity(metadata).map_err(invalid)?;
    let instance_name = ("pbstrInstanceName", Value::optional(metadata.instance_name().map_err(invalid)?));
    Done::ok(Out::values([instance, writer, name, instance_name, usage, source]))
}

fn restore_method(metadata: &ExaminedMetadata) -> Result<Done, HResult> {
    let Some(found) = metadata.restore_method().map_err(invalid)? else {
        return Ok(Done::Now(HResult::S_FALSE, Out::Nothing));
    };
    // The service is named for the two methods that need one, and NULL otherwise (page of GetRestoreMethod).
    let stops = matches!(found.method, RestoreMethodKind::StopRestoreStart | RestoreMethodKind::RestoreStopStart);
    Done::ok(Out::values([
        ("pMethod", Value::text(found.method.name())),
        ("pbstrService", Value::optional(found.service.filter(|_| stops))),
        ("pbstrUserProcedure", Value::optional(found.user_procedure)),
        ("pwriterRestore", Value::text(found.writer_restore.name())),
        ("pbRebootRequired", Value::Flag(found.reboot_required)),
        ("pcMappings", Value::count(found.mappings)),
    ]))
}

/// `VSS_COMPONENTINFO`.
fn component_info(info: &ComponentInfo<'_>) -> Result<Value, HResult> {
    let icon = info.icon.map(|text| super::icon::bytes(text).ok_or(HResult::VSS_E_INVALID_XML_DOCUMENT)).transpose()?;
    let size = icon.as_ref().map_or(0, Vec::len);
    let icon = icon.map(|bytes| Value::List(bytes.into_iter().map(|byte| Value::Number(byte.into())).collect()));
    let fields = [
        ("type", Value::text(info.component_type.name())),
        ("bstrLogicalPath", Value::optional(info.logical_path)),
        ("bstrComponentName", Value::text(info.name)),
        ("bstrCaption", Value::optional(info.caption)),
        ("pbIcon", icon.unwrap_or_default()),
        ("cbIcon", Value::count(size)),
        ("bRestoreMetadata", Value::Flag(info.restore_metadata)),
        ("bNotifyOnBackupComplete", Value::Flag(info.notify_on_backup_complete)),
        ("bSelectable", Value::Flag(info.selectable)),
        ("bSelectableForRestore", Value::Flag(info.selectable_for_restore)),
        ("dwComponentFlags", Value::Number(info.flags.into())),
        ("cFileCount", Value::count(info.files)),
        ("cDatabases", Value::count(info.databases)),
        ("cLogFiles", Value::count(info.log_files)),
        ("cDependencies", Value::count(info.dependencies)),
    ];
    Ok(Value::Fields(fields.map(|(name, value)| (name.to_owned(), value)).into()))
}
