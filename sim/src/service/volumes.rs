//! Volumes of a set: which provider supports one, and BeginPrepareSnapshot inside AddToSnapshotSet.

use vssim_model::api::{Call, SoftwareProviderCall};
use vssim_model::hresult::HResult;
use vssim_model::ids::{ProviderId, SnapshotId};
use vssim_model::states::SnapshotState;
use vssim_model::tables::{ProviderCallback, ProviderState, SnapshotInput};
use vssim_model::time::Ticks;

use super::operation::{Kind, Search};
use super::{Effect, MAXIMUM_VOLUMES, Service, Shadow, Target};
use crate::plan::ServiceDefect;
use crate::unhashed::Unhashed;

/// The most characters of a path, the NUL at its end among them.
const MAX_PATH: usize = 260;

impl Service {
    /// The volume's index by the name that a requester gives.
    pub(super) fn volume(&self, name: &str) -> Result<u16, HResult> {
        // The trailing backslash is required (API-034); no path is longer than MAX_PATH.
        let bare = name.strip_suffix('\\').filter(|_| name.encode_utf16().count() < MAX_PATH);
        let bare = bare.ok_or(HResult::E_INVALIDARG)?;
        let found = (0_u16..).zip(&self.plan.volumes).find(|(_, volume)| {
            volume.name.trim_end_matches('\\').eq_ignore_ascii_case(bare)
                || volume.id.guid_name().eq_ignore_ascii_case(name)
        });
        found.map(|(index, _)| index).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)
    }

    /// The providers to ask: the named one, or software providers before the system provider.
    pub(super) fn search(&self, volume: &str, provider: ProviderId) -> Result<Search, HResult> {
        let volume = self.volume(volume)?;
        if self.is_nested_twice(volume) {
            return Err(HResult::VSS_E_NESTED_VOLUME_LIMIT);
        }
        let mut candidates: Vec<u16> = (0_u16..)
            .zip(&self.plan.providers)
            .filter(|(index, plan)| !self.unregistered.contains(index) && (provider.is_null() || plan.id == provider))
            .map(|(index, _)| index)
            .collect();
        if candidates.is_empty() && !provider.is_null() {
            return Err(HResult::VSS_E_PROVIDER_NOT_REGISTERED);
        }
        // Before Windows 7 nobody makes shadow copies of what lies in a virtual disk.
        if self.host_of(volume).is_some() && !self.plan.release.has_virtual_disks() {
            candidates.clear();
        }
        // The next one stands last: the system provider first in the list is asked last.
        candidates.sort_by_key(|&index| self.plan.providers.get(usize::from(index)).is_some_and(|plan| !plan.system));
        Ok(Search { volume, named: !provider.is_null(), candidates, found: None })
    }

    /// IsVolumeSupported: its page has no `E_INVALIDARG`; a name that cannot be a volume's is one that is not found.
    pub(super) fn search_supported(&self, volume: &str, provider: ProviderId) -> Result<Search, HResult> {
        match self.search(volume, provider) {
            Err(HResult::E_INVALIDARG) => Err(HResult::VSS_E_OBJECT_NOT_FOUND),
            // Nobody supports the volume through a provider that is not there.
            Err(HResult::VSS_E_PROVIDER_NOT_REGISTERED) => {
                let volume = self.volume(volume)?;
                Ok(Search { volume, named: true, candidates: Vec::new(), found: None })
            }
            other => other,
        }
    }

    /// The volume that holds the virtual disk of this one (docs/choices.md, `nested-volumes`).
    fn host_of(&self, volume: u16) -> Option<u16> {
        self.plan.volumes.get(usize::from(volume))?.virtual_disk_on
    }

    /// Whether a volume lies in a virtual disk inside a virtual disk.
    fn is_nested_twice(&self, volume: u16) -> bool {
        let twice = self.host_of(volume).is_some_and(|host| self.host_of(host).is_some());
        twice && self.plan.release.has_virtual_disks()
    }

    /// Whether a set has both a volume and the one that holds its virtual disk.
    pub(super) fn is_nested_in_set(&self, index: u32) -> bool {
        let set = self.objects.get(index).and_then(|object| object.set).and_then(|set| self.sets.get(set));
        let Some(set) = set else { return false };
        let has = |volume: u16| set.shadows.iter().any(|shadow| shadow.volume == volume);
        set.shadows.iter().any(|shadow| self.host_of(shadow.volume).is_some_and(has))
    }

    pub(super) fn check_addition(&self, index: u32, volume: u16, now: Ticks) -> Result<(), HResult> {
        let set = self.objects.get(index).and_then(|object| object.set).and_then(|set| self.sets.get(set));
        let Some(set) = set else { return Err(HResult::VSS_E_BAD_STATE) };
        if set.shadows.iter().any(|shadow| shadow.volume == volume) {
            return Err(HResult::E_INVALIDARG);
        }
        if self.host_of(volume).is_some_and(|host| set.shadows.iter().any(|shadow| shadow.volume == host)) {
            return Err(HResult::VSS_E_NESTED_VOLUME_LIMIT);
        }
        let elsewhere = self.plan.volumes.get(usize::from(volume)).and_then(|plan| plan.created_elsewhere);
        if elsewhere.is_some_and(|(from, to)| from <= now && now < to) {
            return Err(HResult::VSS_E_SNAPSHOT_SET_IN_PROGRESS);
        }
        if set.shadows.len() >= MAXIMUM_VOLUMES {
            return Err(HResult::VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED);
        }
        Ok(())
    }

    /// Asks the next provider whether it supports the volume. False when the search is over.
    pub(super) fn ask_next_provider(&mut self, operation: u32) -> bool {
        let Some(running) = self.operations.get_mut(operation) else { return false };
        let object = running.object;
        let (search, adds) = match &mut running.kind {
            Kind::IsSupported(search) => (search, false),
            Kind::AddVolume(search) => (search, true),
            _ => return false,
        };
        let volume = search.volume;
        if let Some(provider) = search.found {
            return adds && self.begin_prepare(operation, object, provider, volume);
        }
        let Some(provider) = search.candidates.pop() else {
            if adds {
                let named = search.named;
                let code = if named {
                    HResult::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER
                } else {
                    HResult::VSS_E_VOLUME_NOT_SUPPORTED
                };
                running.failure.get_or_insert(code);
            }
            return false;
        };
        let context = self.objects.get(object).map_or(0, |object| object.context);
        let Some(name) = self.plan.volumes.get(usize::from(volume)).map(|volume| volume.id.guid_name()) else {
            return false;
        };
        let step = ProviderCallback::IsVolumeSupported;
        let delivery = self.deliver(Some(operation), Target::Provider(provider, step));
        let call = Call::SoftwareProvider(SoftwareProviderCall::IsVolumeSupported { context, volume: name });
        let set = self.objects.get(object).and_then(|object| object.set).unwrap_or(u32::MAX);
        self.effect(Effect::Callback { delivery, provider, call, step, set, volume: Some(volume) });
        true
    }

    /// A provider said whether it supports the volume: `S_OK` for yes.
    pub(super) fn provider_supports(&mut self, provider: u16, code: HResult, operation: Option<u32>) {
        let Some(running) = operation.and_then(|operation| self.operations.get_mut(operation)) else { return };
        if let Kind::IsSupported(search) | Kind::AddVolume(search) = &mut running.kind
            && code == HResult::S_OK
        {
            search.found = Some(provider);
        }
    }

    /// Enters the volume into the set and calls BeginPrepareSnapshot, inside AddToSnapshotSet.
    fn begin_prepare(&mut self, operation: u32, object: u32, provider: u16, volume: u16) -> bool {
        let snapshot = SnapshotId(self.new_guid());
        self.devices_made.0 += 1;
        let device = Unhashed(self.devices_made.0);
        let Some(context) = self.objects.get(object).map(|object| object.context) else { return false };
        let Some(set) = self.objects.get(object).and_then(|object| object.set) else { return false };
        let Some(name) = self.plan.volumes.get(usize::from(volume)).map(|volume| volume.id.guid_name()) else {
            return false;
        };
        let Some(found) = self.sets.get_mut(set) else { return false };
        let id = found.id.0;
        let state = SnapshotState::Unknown;
        found.providers.entry(provider).or_insert(ProviderState::Idle);
        found.shadows.push(Shadow {
            id: Unhashed(snapshot),
            volume,
            provider,
            state,
            device,
            committed: Unhashed(Ticks::ZERO),
            timestamp: Unhashed(0),
            origin: None,
            exposed: None,
        });
        if self.has(ServiceDefect::BeginPrepareLate) {
            let last = self.sets.get(set).map_or(0, |set| set.shadows.len().saturating_sub(1));
            self.move_shadow(set, last, SnapshotInput::Added);
            if let Some(running) = self.operations.get_mut(operation) {
                running.kind =
                    Kind::BeginPrepare(Search { volume, named: false, candidates: Vec::new(), found: Some(provider) });
            }
            return false;
        }
        if let Some(running) = self.operations.get_mut(operation) {
            let found = Some(provider);
            running.kind = Kind::BeginPrepare(Search { volume, named: false, candidates: Vec::new(), found });
        }
        let step = ProviderCallback::BeginPrepareSnapshot;
        let delivery = self.deliver(Some(operation), Target::Provider(provider, step));
        let begin = SoftwareProviderCall::BeginPrepareSnapshot { set: id, snapshot, volume: name, context };
        self.effect(Effect::Callback {
            delivery,
            provider,
            call: Call::SoftwareProvider(begin),
            step,
            set,
            volume: Some(volume),
        });
        true
    }

    /// A planted defect: what AddToSnapshotSet left out, for every volume of the set.
    pub(super) fn begin_prepare_late(&mut self, operation: u32, object: u32, set: u32) {
        let context = self.objects.get(object).map_or(0, |object| object.context);
        let Some(found) = self.sets.get(set) else { return };
        let id = found.id.0;
        let shadows: Vec<_> =
            found.shadows.iter().map(|shadow| (shadow.id.0, shadow.provider, shadow.volume)).collect();
        let step = ProviderCallback::BeginPrepareSnapshot;
        for (snapshot, provider, volume) in shadows {
            let Some(name) = self.plan.volumes.get(usize::from(volume)).map(|volume| volume.id.guid_name()) else {
                continue;
            };
            let delivery = self.deliver(Some(operation), Target::Provider(provider, step));
            let begin = SoftwareProviderCall::BeginPrepareSnapshot { set: id, snapshot, volume: name, context };
            let call = Call::SoftwareProvider(begin);
            self.effect(Effect::Callback { delivery, provider, call, step, set, volume: Some(volume) });
        }
    }

    /// BeginPrepareSnapshot returned: the shadow copy is being prepared, or the volume is not in the set after all.
    pub(super) fn volume_added(&mut self, operation: u32) -> bool {
        let Some(running) = self.operations.get(operation) else { return false };
        let failed = running.failure.is_some();
        let Some(set) = self.objects.get(running.object).and_then(|object| object.set) else { return false };
        let Some(last) = self.sets.get(set).and_then(|set| set.shadows.len().checked_sub(1)) else { return false };
        if !failed {
            self.move_shadow(set, last, SnapshotInput::Added);
        } else if let Some(set) = self.sets.get_mut(set) {
            set.shadows.pop();
        }
        false
    }
}
