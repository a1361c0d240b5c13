//! Calls of the catalogue as the service, and the library that a caller is linked with, answer them.
//!
//! ```text
//! MethodCall ──► ordered failure? ──► privileges ──► arguments ──► typed? ──► the state table, as ever
//!                                                                    └─ no ──► the module of the interface
//! ```
//!
//! What a call fails with changes nothing.

mod arguments;
mod backup;
mod backup_components;
mod components;
mod components_get;
pub(in crate::service) mod components_set;
#[cfg(test)]
mod components_tests;
mod contexts;
mod create_metadata;
mod enumeration;
mod examine;
mod expose;
mod express;
#[cfg(test)]
mod express_tests;
mod filedesc;
mod functions;
mod handling;
mod icon;
mod injected;
mod objects;
mod recovery;
mod restore;
mod revert;
mod snapshots;
mod status;
mod writer;
mod writer_components;

use vssim_model::api::{Call, MethodCall, Out};
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;

pub use self::backup::WriterChoice;
pub use self::filedesc::Filedesc;
pub use self::objects::{Held, Object};
pub use self::revert::Revert;
pub use self::snapshots::Deletion;
use super::Service;
use crate::message::Slot;
use crate::plan::ActorId;

/// Who calls, from where.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Who.
    pub actor: ActorId,
    /// The call under way.
    pub slot: Slot,
    /// The number of the backup components object that the call is about; 0 for none.
    pub object: u32,
    /// The event whose handler makes the call, of a writer.
    pub delivery: Option<u32>,
}

/// What a method does: answer at once, or later.
pub(in crate::service) enum Done {
    /// It answers with a code of success and what it fills in.
    Now(HResult, Out),
    /// It answers when an operation ends.
    Later,
}

impl Done {
    /// `S_OK` and what is filled in.
    pub(in crate::service) const fn ok(out: Out) -> Result<Done, HResult> {
        Ok(Done::Now(HResult::S_OK, out))
    }

    /// `S_OK` and nothing else.
    pub(in crate::service) const fn nothing() -> Result<Done, HResult> {
        Done::ok(Out::Nothing)
    }
}

impl Service {
    /// A call of the catalogue arrives.
    pub fn method_called(&mut self, caller: Caller, call: &MethodCall, now: Ticks) {
        if let Some(code) = call.injected {
            let code = if code == HResult::VSS_E_UNEXPECTED { self.unexpected() } else { code };
            return self.give(caller.slot, code, Out::Nothing);
        }
        if let Err(code) = self.plan.release.has_method(call.method.interface.name, call.method.method.name) {
            return self.give(caller.slot, code, Out::Nothing);
        }
        if call.unprivileged && call.method.method.documents("E_ACCESSDENIED") {
            return self.give(caller.slot, HResult::E_ACCESSDENIED, Out::Nothing);
        }
        if let Err(code) = arguments::check(call) {
            return self.give(caller.slot, code, Out::Nothing);
        }
        if let Some(typed) = call.typed() {
            if let Err(code) = self.component_type_fits(call) {
                return self.give(caller.slot, code, Out::Nothing);
            }
            return self.typed_called(caller, &typed, now);
        }
        let done = match call.method.interface.name {
            "vsbackup.h" if call.method.method.name == "CreateVssExamineWriterMetadata" => {
                self.create_examine(caller, call)
            }
            "vsbackup.h" => self.backup_function(caller, call, now),
            "vswriter.h" => self.writer_function(caller, call),
            // What is typed has an operation; what is left was called on nothing (docs/choices.md, S-01).
            "IVssAsync" => Err(HResult::E_INVALIDARG),
            "IVssEnumObject" => self.enumeration_method(caller, call),
            "IVssExamineWriterMetadata"
            | "IVssExamineWriterMetadataEx"
            | "IVssExamineWriterMetadataEx2"
            | "IVssWMComponent"
            | "IVssWMFiledesc"
            | "IVssWMDependency" => self.examine_method(caller, call),
            "IVssWriterComponents" | "IVssComponent" | "IVssComponentEx" | "IVssComponentEx2" => {
                self.component_method(caller, call)
            }
            "IVssCreateWriterMetadata" | "IVssCreateWriterMetadataEx" | "IVssCreateExpressWriterMetadata" => {
                self.create_metadata_method(caller, call)
            }
            "IVssExpressWriter" => self.express_writer_method(caller, call),
            _ if matches!(call.method.method.name, "GetWriterMetadata" | "GetWriterMetadataEx") => {
                self.get_writer_metadata(caller, call)
            }
            "CVssWriter" | "CVssWriterEx" | "CVssWriterEx2" => self.writer_method(caller, call, now),
            _ if restore::is_of_restore(call) => self.restore_method(caller, call),
            _ => self.backup_components_method(caller, call, now),
        };
        match done {
            Ok(Done::Now(code, out)) => self.give(caller.slot, code, out),
            Ok(Done::Later) => {}
            Err(code) => self.give(caller.slot, code, Out::Nothing),
        }
    }

    fn typed_called(&mut self, caller: Caller, call: &Call, now: Ticks) {
        match caller.actor {
            ActorId::Requester(requester) => self.requester_calls(caller.slot, requester, caller.object, call, now),
            ActorId::Writer(_) => self.writer_calls(caller.slot, caller.delivery, call),
            _ => self.give(caller.slot, HResult::E_NOTIMPL, Out::Nothing),
        }
    }
}
