//! Express writers: IVssExpressWriter, and the free functions of vswriter.h.
//!
//! ```text
//! CreateVssExpressWriter ─► CreateMetadata ─► AddComponent … ─┐
//!                         └► LoadMetadata ────────────────────┴► Register ─► store of express writers
//! ```
//!
//! An express writer is metadata and nothing else: no process of it runs during a backup.

use vssim_model::api::{MethodCall, Out};
use vssim_model::documents::{ExaminedMetadata, SourceType, UsageType, WriterMetadata};
use vssim_model::hresult::HResult;
use vssim_model::ids::{WriterClassId, WriterInstanceId};

use super::{Caller, Done, Object};
use crate::plan::ActorId;
use crate::service::Service;
use crate::unhashed::Unhashed;

/// An IVssExpressWriter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExpressWriter {
    /// The metadata that it has at last.
    metadata: Option<Metadata>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Metadata {
    /// CreateMetadata handed this object out.
    Created(Unhashed<u32>),
    /// LoadMetadata read it.
    Loaded(Unhashed<ExaminedMetadata>),
}

impl ExpressWriter {
    /// The number of the metadata that CreateMetadata handed out for it.
    pub(super) const fn metadata_made(&self) -> Option<u32> {
        match &self.metadata {
            Some(Metadata::Created(number)) => Some(number.0),
            _ => None,
        }
    }
}

impl Service {
    /// A free function of vswriter.h.
    pub(super) fn express_function(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        match call.method.method.name {
            "CreateVssExpressWriter" | "CreateVssExpressWriterInternal" => {
                let object = self.hand_out(caller, Object::ExpressWriter(ExpressWriter::default()));
                Done::ok(Out::values([("ppWriter", object)]))
            }
            // The base class of a writer calls it, with itself; nobody else has a reason to (page of CreateWriterEx).
            "CreateWriterEx" => {
                let writer = matches!(caller.actor, ActorId::Writer(_));
                let given = !call.argument("pWriter").is_null() && !call.passes_null("pWriterImpl");
                if writer && given { Done::nothing() } else { Err(HResult::E_INVALIDARG) }
            }
            // CreateWriter: not supported, and documented as returning no value.
            _ => Done::nothing(),
        }
    }

    pub(super) fn express_writer_method(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let Object::ExpressWriter(writer) = self.object_of(caller, call)? else { return Err(HResult::E_INVALIDARG) };
        let metadata = writer.metadata.clone();
        match call.method.method.name {
            "CreateMetadata" => self.create_express_metadata(caller, call),
            "LoadMetadata" => self.load_express_metadata(caller, call),
            "Register" => self.register(caller, metadata),
            "Unregister" => {
                self.unregister_express(WriterClassId(call.guid("writerId")))?;
                Done::nothing()
            }
            _ => Err(HResult::E_NOTIMPL),
        }
    }

    fn create_express_metadata(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let usage = UsageType::from_number(call.number("usageType"));
        let known = [UsageType::BootableSystemState, UsageType::SystemService, UsageType::UserData];
        let usage = usage.filter(|usage| known.contains(usage)).ok_or(HResult::E_INVALIDARG)?;
        let name = call.text("writerName").filter(|name| !name.is_empty()).ok_or(HResult::E_INVALIDARG)?;
        let class = WriterClassId(call.guid("writerId"));
        if class == WriterClassId::default() || call.number("reserved") != 0 || call.passes_null("ppMetadata") {
            return Err(HResult::E_INVALIDARG);
        }
        let part = |name| u32::try_from(call.number(name)).map_err(|_| HResult::E_INVALIDARG);
        let version = (part("versionMajor")?, part("versionMinor")?);
        // It stays with the document, whoever registers it when.
        let instance = WriterInstanceId(self.new_guid());
        let mut builder =
            WriterMetadata::build(class, instance, name, usage, SourceType::Other).map_err(|error| error.hresult())?;
        builder.set_instance(None, version).map_err(|error| error.hresult())?;
        let object = self.hand_out(caller, Object::ExpressMetadata(builder.into()));
        if let (Some(number), Object::ExpressWriter(writer)) = (object.as_object(), self.object_of_mut(caller, call)?) {
            writer.metadata = Some(Metadata::Created(number.into()));
        }
        Done::ok(Out::values([("ppMetadata", object)]))
    }

    fn load_express_metadata(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let text = self.text_of_document(call.text("metadata").unwrap_or_default());
        let invalid = |_| HResult::VSS_E_INVALID_XML_DOCUMENT;
        let loaded = ExaminedMetadata::load(text.as_bytes()).map_err(invalid)?;
        // The store goes by the writer's class.
        loaded.identity().map_err(invalid)?;
        if let Object::ExpressWriter(writer) = self.object_of_mut(caller, call)? {
            writer.metadata = Some(Metadata::Loaded(loaded.into()));
        }
        Done::nothing()
    }

    fn register(&mut self, caller: Caller, metadata: Option<Metadata>) -> Result<Done, HResult> {
        let metadata = match metadata {
            Some(Metadata::Loaded(loaded)) => Some(loaded.0),
            Some(Metadata::Created(number)) => match self.held.get_mut(caller.actor, number.0) {
                Some(Object::ExpressMetadata(builder)) => Some(ExaminedMetadata::from(&builder.0.clone().finish())),
                _ => None,
            },
            None => None,
        };
        // Neither CreateMetadata nor LoadMetadata came before (docs/choices.md, S-01).
        let metadata = metadata.ok_or(HResult::VSS_E_BAD_STATE)?;
        self.register_express(metadata)?;
        Done::nothing()
    }
}
