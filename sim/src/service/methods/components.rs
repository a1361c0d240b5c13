//! IVssWriterComponents, IVssComponent and its successors.
//!
//! ```text
//! handler ──pComponent──► IVssWriterComponents ──GetComponent──► IVssComponent ─┬─► Get…, Is…   components_get
//!                                                                              └─► Set…, Add…   components_set
//! ```
//!
//! A getter reads the live document of the backup, a setter writes to it.

use vssim_model::api::{MethodCall, Out, Value};
use vssim_model::hresult::HResult;

use super::handling::Handling;
use super::{Caller, Done, Object};
use crate::service::Service;

/// The components of a writer in the document of a backup: what a writer is given with an event, what a requester gets
/// from GetWriterComponents (IVssWriterComponentsExt has no methods of its own).
#[derive(Clone, Copy)]
struct Given {
    backup: u32,
    /// Whose they are, where a handler was given them.
    writer: Option<u16>,
    /// Its place among the document's writers; none if it has no component there.
    place: Option<usize>,
}

impl Service {
    pub(super) fn component_method(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        if call.method.interface.name == "IVssWriterComponents" {
            return self.writer_components_method(caller, call);
        }
        let object = self.object_of(caller, call)?.clone();
        let Object::Component { backup, .. } = object else { return Err(HResult::E_INVALIDARG) };
        if call.method.method.name.starts_with("Set") || call.method.method.name.starts_with("Add") {
            self.change_component(caller, backup, &object, call)
        } else {
            self.read_component(caller, backup, &object, call)
        }
    }

    fn writer_components_method(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let given = match &call.on {
            Value::Null => self.given(caller)?,
            _ => match self.object_of(caller, call)? {
                Object::WriterComponents { backup, writer } => {
                    Given { backup: *backup, writer: None, place: Some(*writer) }
                }
                _ => return Err(HResult::E_INVALIDARG),
            },
        };
        let document = self.objects.get(given.backup).map(|object| &object.document.0).ok_or(HResult::E_INVALIDARG)?;
        let own = given.place.and_then(|place| document.writers().nth(place));
        match call.method.method.name {
            "GetComponentCount" => {
                let count = own.map_or(0, |own| own.components().count());
                Done::ok(Out::values([("pcComponents", Value::count(count))]))
            }
            "GetComponent" => {
                let component = call.index("iComponent");
                let known = own.is_some_and(|own| own.components().nth(component).is_some());
                let writer = given.place.filter(|_| known).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
                let object = self.hand_out(caller, Object::Component { backup: given.backup, writer, component });
                Done::ok(Out::values([("ppComponent", object)]))
            }
            "GetWriterInfo" => {
                if own.is_some_and(|own| own.sound().is_err()) {
                    return Err(HResult::VSS_E_INVALID_XML_DOCUMENT);
                }
                let (instance, class) = match own {
                    Some(own) => (own.instance(), own.writer()),
                    // A writer without a component there knows itself all the same.
                    None => {
                        let index = usize::from(given.writer.ok_or(HResult::E_INVALIDARG)?);
                        let class = self.plan.writers.get(index).map(|plan| plan.class).unwrap_or_default();
                        let instance = self.writers.get(index).map(|writer| writer.instance.0).unwrap_or_default();
                        (instance, class)
                    }
                };
                let (instance, class) = (Value::guid(instance.0), Value::guid(class.0));
                Done::ok(Out::values([("pidInstance", instance), ("pidWriter", class)]))
            }
            _ => Err(HResult::E_NOTIMPL),
        }
    }

    /// What the handler was given as `pComponent`. NULL where a handler has no such parameter, and where components are
    /// not selected (page of OnPrepareBackup).
    fn given(&self, caller: Caller) -> Result<Given, HResult> {
        let handling = self.handling(caller).filter(|handling| handling.has_components());
        let Handling { writer, object: backup, .. } = handling.ok_or(HResult::E_INVALIDARG)?;
        let object = self.objects.get(backup).ok_or(HResult::E_INVALIDARG)?;
        if !object.backup_state.select_components {
            return Err(HResult::E_INVALIDARG);
        }
        let class = self.plan.writers.get(usize::from(writer)).map(|plan| plan.class).unwrap_or_default();
        let instance = self.writers.get(usize::from(writer)).map(|found| found.instance.0).unwrap_or_default();
        let of_class = |own: &vssim_model::documents::WriterComponents<'_>| own.writer() == class;
        let document = &object.document.0;
        let own = document.writers().position(|own| of_class(&own) && own.instance() == instance);
        // The document of a restore names the instances of the backup: what is restored to this writer is its own.
        let restored = || {
            let selected = self.selected_of(backup, writer);
            let known = |own: vssim_model::documents::WriterComponents<'_>| {
                own.components().any(|component| selected.contains(&component.full_name()))
            };
            document.writers().position(|own| of_class(&own) && known(own))
        };
        let place = if object.state.is_restore() { restored().or(own) } else { own };
        Ok(Given { backup, writer: Some(writer), place })
    }
}
