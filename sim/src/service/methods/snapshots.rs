//! Shadow copies that exist: Query, DeleteSnapshots, BreakSnapshotSet.
//!
//! DeleteSnapshots asks the providers for one copy after the other, as a small operation; the others are answered at once.

use vssim_model::api::{Call, MethodCall, Out, SoftwareProviderCall, Value};
use vssim_model::catalogue::number_of;
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId};
use vssim_model::states::SnapshotState;
use vssim_model::tables::{ProviderCallback, SnapshotInput};
use vssim_model::time::Ticks;

use super::objects::Object;
use super::{Caller, Done};
use crate::plan::ProviderQuestion;
use crate::service::operation::Kind;
use crate::service::{Effect, Service, Set, Target};
use crate::unhashed::Unhashed;

/// The class and the version of the system provider, as the registry of every Windows has them.
const SYSTEM_CLASS: Guid = Guid(0x65ee_1dba_8ff4_4a58_ac1c_3470_ee2f_376a);
const SYSTEM_VERSION_ID: Guid = Guid(0x0000_0001_0000_0000_0007_0000_0000_0001);
/// As `vssadmin list providers` prints it.
const SYSTEM_VERSION: &str = "1.0.0.7";

/// DeleteSnapshots under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deletion {
    /// The set.
    pub set: u32,
    /// The places of the shadow copies still to be deleted, the next one last.
    pub left: Vec<usize>,
    /// The one that its provider is deleting.
    pub asked: Option<usize>,
    /// How many were deleted.
    pub deleted: u32,
    /// The one that could not be deleted.
    pub failed: Option<Unhashed<SnapshotId>>,
}

/// An argument as a value of an enumeration.
fn is(call: &MethodCall, parameter: &str, name: &str) -> bool {
    number_of(name) == Some(call.number(parameter))
}

/// An id, which must not be GUID_NULL.
pub(super) fn id_of(call: &MethodCall, parameter: &str) -> Result<Guid, HResult> {
    Some(call.guid(parameter)).filter(|id| *id != Guid::default()).ok_or(HResult::E_INVALIDARG)
}

impl Service {
    /// Query: all providers, or the finished shadow copies of the context (nf-vsbackup-ivssbackupcomponents-query.md).
    pub(super) fn query(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let context = self.querying(caller)?;
        let copies = is(call, "eReturnedObjectsType", "VSS_OBJECT_SNAPSHOT");
        let kinds = copies || is(call, "eReturnedObjectsType", "VSS_OBJECT_PROVIDER");
        let any = call.guid("QueriedObjectId") == Guid::default() && is(call, "eQueriedObjectType", "VSS_OBJECT_NONE");
        if !any || !kinds {
            return Err(HResult::E_INVALIDARG);
        }
        let list = if copies { self.copies_in(context)? } else { self.provider_list() };
        let found = self.hand_out(caller, Object::enumeration(list));
        Done::ok(Out::values([("ppEnum", found)]))
    }

    /// Every provider is asked; what one of them fails with is the answer.
    fn copies_in(&mut self, context: u32) -> Result<Vec<Value>, HResult> {
        for provider in 0..u16::try_from(self.plan.providers.len()).unwrap_or(u16::MAX) {
            if !self.unregistered.contains(&provider) {
                self.ask(provider, ProviderQuestion::Query)?;
            }
        }
        let of_context = |place: &(u32, usize)| {
            self.shadow(*place).is_some_and(|(set, _): (&Set, _)| Service::is_of_context(set, context))
        };
        let places = self.all_copies().into_iter().filter(of_context);
        let properties = places.filter_map(|place| self.properties_of(place));
        Ok(properties.map(|found| object("VSS_OBJECT_SNAPSHOT", "Snap", found.value())).collect())
    }

    fn provider_list(&self) -> Vec<Value> {
        let registered = (0_u16..).zip(&self.plan.providers).filter(|(index, _)| !self.unregistered.contains(index));
        let value = |plan: &crate::plan::ProviderPlan| {
            let (kind, version, version_id, class) = if plan.system {
                ("VSS_PROV_SYSTEM", SYSTEM_VERSION, SYSTEM_VERSION_ID, SYSTEM_CLASS)
            } else {
                // A vendor's numbers are not part of a scenario: its provider has one class and one version.
                ("VSS_PROV_SOFTWARE", "1.0", plan.id.0, plan.id.0)
            };
            let fields = [
                ("m_ProviderId", Value::guid(plan.id.0)),
                ("m_pwszProviderName", Value::text(plan.name.to_string())),
                ("m_eProviderType", Value::text(kind)),
                ("m_pwszProviderVersion", Value::text(version)),
                ("m_ProviderVersionId", Value::guid(version_id)),
                ("m_ClassId", Value::guid(class)),
            ];
            object("VSS_OBJECT_PROVIDER", "Prov", structure(fields))
        };
        registered.map(|(_, plan)| value(plan)).collect()
    }

    /// DeleteSnapshots: a shadow copy, or a set (nf-vsbackup-ivssbackupcomponents-deletesnapshots.md).
    pub(super) fn delete_snapshots(&mut self, caller: Caller, call: &MethodCall, now: Ticks) -> Result<Done, HResult> {
        let (index, _) = self.living(caller)?;
        let id = call.guid("SourceObjectId");
        let (one, all) = (
            is(call, "eSourceObjectType", "VSS_OBJECT_SNAPSHOT"),
            is(call, "eSourceObjectType", "VSS_OBJECT_SNAPSHOT_SET"),
        );
        if id == Guid::default() || !(one || all) {
            return Err(HResult::E_INVALIDARG);
        }
        let (set, left) = if one {
            let (set, place) = self.find_copy(SnapshotId(id)).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
            (set, vec![place])
        } else {
            let set = self.find_set(SnapshotSetId(id)).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
            let shadows = self.sets.get(set).map(|set| set.shadows.as_slice()).unwrap_or_default();
            let there = shadows.iter().enumerate().filter(|(_, shadow)| self.is_there(shadow));
            (set, there.map(|(place, _)| place).rev().collect())
        };
        let deletion = Deletion { set, left, asked: None, deleted: 0, failed: None };
        self.start_call(caller.slot, index, Kind::Delete(deletion), now);
        Ok(Done::Later)
    }

    /// The provider of a shadow copy answered, and the next copy follows; the first failure ends it. False when it is over.
    pub(in crate::service) fn next_deletion(&mut self, operation: u32) -> bool {
        let Some(running) = self.operations.get_mut(operation) else { return false };
        let failed = running.failure.is_some();
        let Kind::Delete(deletion) = &mut running.kind else { return false };
        let set = deletion.set;
        let asked = deletion.asked.take();
        if let Some(place) = asked.filter(|_| failed) {
            let id = self.sets.get(set).and_then(|set| set.shadows.get(place)).map(|shadow| shadow.id);
            if let Some(Kind::Delete(deletion)) = self.operations.get_mut(operation).map(|running| &mut running.kind) {
                deletion.failed = id;
            }
        } else if let Some(place) = asked {
            deletion.deleted += 1;
            self.move_shadow(set, place, SnapshotInput::Deleted);
        }
        if failed {
            return false;
        }
        let Some(Kind::Delete(deletion)) = self.operations.get_mut(operation).map(|running| &mut running.kind) else {
            return false;
        };
        let there = |place: usize| {
            let shadow = self.sets.get(set)?.shadows.get(place)?;
            // Another loss may have come first.
            (shadow.state == SnapshotState::Created).then_some((shadow.id.0, shadow.provider, shadow.volume))
        };
        let found = std::iter::from_fn(|| deletion.left.pop()).find_map(|place| Some((place, there(place)?)));
        let Some((place, (snapshot, provider, volume))) = found else { return false };
        deletion.asked = Some(place);
        let step = ProviderCallback::DeleteSnapshots;
        let delivery = self.deliver(Some(operation), Target::Provider(provider, step));
        let call = Call::SoftwareProvider(SoftwareProviderCall::DeleteSnapshots { snapshot });
        self.effect(Effect::Callback { delivery, provider, call, step, set, volume: Some(volume) });
        true
    }

    /// What DeleteSnapshots fills in, also when it fails.
    pub(in crate::service) fn deleted(&self, deletion: &Deletion) -> Out {
        let failed = deletion.failed.map(|id| id.0.0).unwrap_or_default();
        Out::values([
            ("plDeletedSnapshots", Value::Number(deletion.deleted.into())),
            ("pNondeletedSnapshotID", Value::guid(failed)),
        ])
    }

    /// BreakSnapshotSet and BreakSnapshotSetEx: only a hardware provider's set can be broken, and there is none
    /// (nf-vsbackup-ivssbackupcomponents-breaksnapshotset.md; docs/choices.md, C-41).
    pub(super) fn break_set(&self, caller: Caller, call: &MethodCall, set: &str) -> Result<Done, HResult> {
        self.living(caller)?;
        let id = id_of(call, set)?;
        check_break_flags(call.number("dwBreakFlags"))?;
        self.find_set(SnapshotSetId(id)).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        Err(HResult::VSS_E_PROVIDER_VETO)
    }
}

/// The break options: masking stands alone, and identities are reverted or not (BRK-007, ne-vss-vss_hardware_options.md).
fn check_break_flags(flags: i64) -> Result<(), HResult> {
    const MASK: i64 = 1;
    const REVERT_ALL: i64 = 4;
    const REVERT_NONE: i64 = 8;
    let known = (0..=15).contains(&flags);
    let both = flags & REVERT_ALL != 0 && flags & REVERT_NONE != 0;
    let masked = flags & MASK != 0 && flags != MASK;
    if known && !both && !masked { Ok(()) } else { Err(HResult::E_INVALIDARG) }
}

/// `VSS_OBJECT_PROP`.
fn object(kind: &str, member: &str, value: Value) -> Value {
    structure([("Type", Value::text(kind)), ("Obj", structure([(member, value)]))])
}

fn structure<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Fields(fields.map(|(name, value)| (name.to_owned(), value)).into())
}
