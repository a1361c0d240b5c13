//! The shadow copies that the service knows: made by it, or found on the volumes when the machine started.

use std::collections::BTreeMap;

use vssim_model::api::{Out, SnapshotProperties};
use vssim_model::context::{Attributes, Context};
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, SnapshotSetId};
use vssim_model::states::SnapshotState;
use vssim_model::tables::ProviderState;
use vssim_model::time::Ticks;

use super::operation::Kind;
use super::{Service, Set, Shadow};
use crate::plan::{ProviderQuestion, ServiceDefect};
use crate::unhashed::Unhashed;

/// Under what name a shadow copy can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exposure {
    /// The drive letter with its colon, the folder, or the share.
    pub name: String,
    /// Of a share, the part of the volume that it shows; empty for all.
    pub path: Option<String>,
    /// Whether it is a share.
    pub remote: bool,
}

/// What the store of a shadow copy says that was there before the service started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The volume.
    pub volume: u16,
    /// Its id.
    pub snapshot: SnapshotId,
    /// Its set.
    pub set: SnapshotSetId,
    /// The context in which it was made.
    pub context: u32,
    /// `VSS_VOLSNAP_ATTR_*`.
    pub attributes: u32,
    /// When it was made (FILETIME).
    pub created: u64,
    /// The machine on which it was made, and the machine whose VSS made it.
    pub machines: [String; 2],
}

/// What is known beside its set of a shadow copy that was there before the service started.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `VSS_VOLSNAP_ATTR_*`.
    pub attributes: u32,
    /// The machine on which it was made, and the machine whose VSS made it.
    pub machines: [String; 2],
}

impl Service {
    /// Shadow copies lie on the volumes of a machine that starts: the system provider has them, and no object made them.
    pub(crate) fn adopt(&mut self, found: &[Found]) {
        let provider = self.plan.providers.iter().position(|provider| provider.system);
        let provider = provider.and_then(|provider| u16::try_from(provider).ok()).unwrap_or(u16::MAX);
        for copy in found {
            let known = self.sets.iter().find(|(_, set)| set.id.0 == copy.set).map(|(number, _)| number);
            let number = known.unwrap_or_else(|| {
                self.sets.insert(Set {
                    id: Unhashed(copy.set),
                    object: u32::MAX,
                    context: copy.context,
                    shadows: Vec::new(),
                    providers: BTreeMap::from([(provider, ProviderState::Created)]),
                })
            });
            self.devices_made.0 += 1;
            let device = Unhashed(self.devices_made.0);
            let committed = Ticks(copy.created.saturating_sub(self.plan.start));
            let Some(set) = self.sets.get_mut(number) else { continue };
            set.shadows.push(Shadow {
                id: Unhashed(copy.snapshot),
                volume: copy.volume,
                provider,
                state: SnapshotState::Created,
                device,
                committed: Unhashed(committed),
                timestamp: Unhashed(copy.created),
                origin: Some(Box::new(Origin { attributes: copy.attributes, machines: copy.machines.clone() })),
                exposed: None,
            });
        }
    }

    /// The finished shadow copy of that id: the number of its set, and its place there.
    pub(super) fn find_copy(&self, id: SnapshotId) -> Option<(u32, usize)> {
        let place = |set: &Set| set.shadows.iter().position(|shadow| shadow.id.0 == id && self.is_there(shadow));
        self.sets.iter().find_map(|(number, set)| Some((number, place(set)?)))
    }

    /// Whether a requester can see the shadow copy: it is finished (API-039), and its provider is registered.
    pub(super) fn is_there(&self, shadow: &Shadow) -> bool {
        shadow.state == SnapshotState::Created && !self.unregistered.contains(&shadow.provider)
    }

    /// The finished set of that id.
    pub(super) fn find_set(&self, id: SnapshotSetId) -> Option<u32> {
        let there = |set: &Set| set.id.0 == id && set.shadows.iter().any(|shadow| self.is_there(shadow));
        self.sets.iter().find(|(_, set)| there(set)).map(|(number, _)| number)
    }

    /// A shadow copy by its place.
    pub(super) fn shadow(&self, (set, index): (u32, usize)) -> Option<(&Set, &Shadow)> {
        let set = self.sets.get(set)?;
        Some((set, set.shadows.get(index)?))
    }

    /// Every finished shadow copy by its place, in the order of their time.
    pub(super) fn all_copies(&self) -> Vec<(u32, usize)> {
        let mut all: Vec<(u64, u32, usize)> = Vec::new();
        for (number, set) in self.sets.iter() {
            let there = set.shadows.iter().enumerate().filter(|(_, shadow)| self.is_there(shadow));
            all.extend(there.map(|(index, shadow)| (shadow.timestamp.0, number, index)));
        }
        all.sort_unstable();
        all.into_iter().map(|(_, number, index)| (number, index)).collect()
    }

    /// Asks a provider about shadow copies that exist. A code that providers may return is passed on, any other one is an unexpected
    /// error of the provider (C-28).
    pub(super) fn ask(&mut self, provider: u16, question: ProviderQuestion) -> Result<(), HResult> {
        match self.answer_of(provider, question) {
            code if code.is_success() => Ok(()),
            code if HResult::PROVIDER_CODES.contains(&code) => Err(code),
            _ => Err(HResult::VSS_E_UNEXPECTED_PROVIDER_ERROR),
        }
    }

    /// What a provider answers this time. A failure stands in the event log.
    pub(super) fn answer_of(&mut self, provider: u16, question: ProviderQuestion) -> HResult {
        let Some(plan) = self.plan.providers.get(usize::from(provider)) else { return HResult::S_OK };
        let Some(answers) = plan.answers.get(&question) else { return HResult::S_OK };
        let id = plan.id;
        let asked = self.asked.entry((provider, question)).or_default();
        let code = answers.get(*asked).or(answers.last()).copied().unwrap_or(HResult::S_OK);
        // What cannot change any more is not counted.
        *asked = (*asked + 1).min(answers.len());
        if code.is_failure() {
            self.log(vssim_model::event_log::provider_error(id, question.name(), code));
        }
        code
    }

    /// The properties of a shadow copy. A requester can only see created ones (API-039).
    pub(super) fn properties(&mut self, snapshot: SnapshotId) -> Result<Out, HResult> {
        let early = self.has(ServiceDefect::SnapshotVisibleEarly);
        let made = |set: &Set| set.shadows.iter().position(|shadow| shadow.id.0 == snapshot);
        let any = || self.sets.iter().find_map(|(number, set)| Some((number, made(set)?)));
        let place = self.find_copy(snapshot).or_else(|| if early { any() } else { None });
        let place = place.ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        let provider = self.shadow(place).map_or(u16::MAX, |(_, shadow)| shadow.provider);
        self.ask(provider, ProviderQuestion::GetSnapshotProperties)?;
        self.properties_of(place)
            .map(|properties| Out::SnapshotProperties(Box::new(properties)))
            .ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)
    }

    /// `VSS_SNAPSHOT_PROP` of a shadow copy.
    pub(super) fn properties_of(&self, place: (u32, usize)) -> Option<SnapshotProperties> {
        let (set, shadow) = self.shadow(place)?;
        let differs = self.has(ServiceDefect::StampsDiffer);
        let apart = if differs { Ticks::from_secs(shadow.device.0.into()) } else { Ticks::ZERO };
        let volume = self.plan.volumes.get(usize::from(shadow.volume))?;
        let provider = self.plan.providers.get(usize::from(shadow.provider))?;
        let machines = match &shadow.origin {
            Some(origin) => origin.machines.clone(),
            None => [self.plan.computer.clone(), self.plan.computer.clone()],
        };
        let [originating_machine, service_machine] = machines;
        let exposed = shadow.exposed.as_ref();
        Some(SnapshotProperties {
            snapshot: shadow.id.0,
            set: set.id.0,
            count: u32::try_from(set.shadows.len()).unwrap_or(u32::MAX),
            device: format!(r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy{}", shadow.device.0),
            volume: volume.id.guid_name(),
            provider: provider.id,
            attributes: self.attributes_of(set, shadow),
            created: shadow.committed.0 + apart,
            timestamp: shadow.timestamp.0 + apart.0,
            originating_machine,
            service_machine,
            exposed_name: exposed.map(|exposed| exposed.name.clone()),
            exposed_path: exposed.and_then(|exposed| exposed.path.clone()),
        })
    }

    /// The attributes of a shadow copy. The system provider copies on write, and its copies are recovered unless the context forbids it
    /// or keeps the writers out; so the copies say that Windows made. NOT_SURFACED is not among them (docs/choices.md, `not-surfaced`).
    fn attributes_of(&self, set: &Set, shadow: &Shadow) -> u32 {
        let mut attributes = match &shadow.origin {
            Some(origin) => Attributes(origin.attributes),
            None => Attributes(set.context),
        };
        let system = self.plan.providers.get(usize::from(shadow.provider)).is_some_and(|provider| provider.system);
        if system && shadow.origin.is_none() {
            attributes = attributes.with(Attributes::DIFFERENTIAL);
            if set.context & (Attributes::NO_AUTORECOVERY.0 | Attributes::NO_WRITERS.0) == 0 {
                attributes = attributes.with(Attributes::AUTORECOVER);
            }
        }
        match &shadow.exposed {
            Some(exposed) if exposed.remote => attributes.with(Attributes::EXPOSED_REMOTELY).0,
            Some(_) => attributes.with(Attributes::EXPOSED_LOCALLY).0,
            None => attributes.0,
        }
    }

    /// The set, the context and the attributes of a shadow copy, created or not.
    pub(crate) fn facts_of(&self, snapshot: SnapshotId) -> Option<(SnapshotSetId, u32, u32)> {
        let (set, shadow) = self
            .sets
            .iter()
            .find_map(|(_, set)| Some((set, set.shadows.iter().find(|shadow| shadow.id.0 == snapshot)?)))?;
        Some((set.id.0, set.context, self.attributes_of(set, shadow)))
    }

    /// Whether a set was made in this context: the same one of the seven, whatever was added to it (docs/choices.md, C-27).
    pub(super) fn is_of_context(set: &Set, context: u32) -> bool {
        let base = |bits| Context::from_bits(bits).ok().map(Context::base);
        context == u32::MAX || base(set.context).is_some_and(|made| base(context) == Some(made))
    }

    /// Sets of which nothing is left and that nobody refers to are forgotten.
    pub(super) fn forget_empty_sets(&mut self) {
        let in_use = |number: u32| {
            let of_object = self.objects.iter().any(|(_, object)| object.set == Some(number));
            let deleted = |kind: &Kind| matches!(kind, Kind::Delete(deletion) if deletion.set == number);
            of_object || self.operations.iter().any(|(_, running)| deleted(&running.kind))
        };
        let gone = |set: &Set| set.shadows.iter().all(|shadow| shadow.state == SnapshotState::Deleted);
        let empty: Vec<u32> = self
            .sets
            .iter()
            .filter(|(number, set)| gone(set) && self.lock != Some(*number) && !in_use(*number))
            .map(|(number, _)| number)
            .collect();
        for number in empty {
            self.sets.remove(number);
        }
    }
}
