//! The rules, in modules by the actor that they bind.
//!
//! Each module holds a table of its rules and, below it, a check for each. A check goes through the occasions of its
//! rule and tells [`crate::verdict::Findings`] of each whether the rule was kept. Where the trace does not show what a
//! rule needs, its check stays silent.

pub(crate) mod provider;
pub(crate) mod requester_components;
pub(crate) mod requester_ending;
pub(crate) mod requester_order;
pub(crate) mod restore;
pub(crate) mod service_abort;
pub(crate) mod service_calls;
pub(crate) mod service_commit;
pub(crate) mod service_events;
mod service_order;
pub(crate) mod service_state;
pub(crate) mod writer;

use vssim_model::api::{BackupComponentsCall, Call};
use vssim_model::hresult::HResult;

use crate::catalogue::Rule;
use crate::facts::{CallFact, Mark, Object};

/// The tables, in the order of the catalogue.
pub(crate) const TABLES: [&[Rule]; 11] = [
    requester_order::RULES,
    requester_components::RULES,
    requester_ending::RULES,
    writer::RULES,
    provider::RULES,
    service_events::RULES,
    service_commit::RULES,
    service_abort::RULES,
    service_calls::RULES,
    service_state::RULES,
    restore::RULES,
];

/// The calls of an object between two marks, both left out.
fn between<'a, 't>(object: &'a Object<'t>, from: Mark, to: Mark) -> impl Iterator<Item = &'a CallFact<'t>> {
    object.calls.iter().filter(move |call| call.begin > from && call.begin < to)
}

/// The twelve codes that a provider may return (PRV-ERR-001).
const PROVIDER_CODES: [HResult; 12] = [
    HResult::S_OK,
    HResult::E_OUTOFMEMORY,
    HResult::E_INVALIDARG,
    HResult::E_ACCESSDENIED,
    HResult::VSS_E_BAD_STATE,
    HResult::VSS_E_OBJECT_NOT_FOUND,
    HResult::VSS_E_INSUFFICIENT_STORAGE,
    HResult::VSS_E_VOLUME_NOT_SUPPORTED,
    HResult::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
    HResult::VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED,
    HResult::VSS_E_PROVIDER_VETO,
    HResult::VSS_E_CANNOT_REVERT_DISKID,
];

/// What its page lets BeginPrepareSnapshot return besides (API-044; the closed list lacks them).
const BEGIN_PREPARE_CODES: [HResult; 3] = [
    HResult::VSS_E_UNSUPPORTED_CONTEXT,
    HResult::VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED,
    HResult::VSS_E_NESTED_VOLUME_LIMIT,
];

/// The volume of an AddToSnapshotSet.
fn added_volume<'t>(call: &CallFact<'t>) -> Option<&'t str> {
    match call.call {
        Call::BackupComponents(BackupComponentsCall::AddToSnapshotSet { volume, .. }) => Some(volume),
        _ => None,
    }
}

/// The component of a SetBackupSucceeded.
fn succeeded_component<'t>(call: &CallFact<'t>) -> Option<&'t vssim_model::api::ComponentName> {
    match call.call {
        Call::BackupComponents(BackupComponentsCall::SetBackupSucceeded { component, .. }) => Some(component),
        _ => None,
    }
}
