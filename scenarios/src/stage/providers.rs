//! Providers: their callbacks as scripts, on the pattern of the system provider.

use std::collections::BTreeMap;

use vssim_model::hresult::HResult;
use vssim_model::ids::ProviderId;
use vssim_model::tables::ProviderCallback;
use vssim_sim::actor::system_provider;
use vssim_sim::plan::{Op, ProviderPlan, ProviderQuestion, Span};

use super::machine::span;
use super::{Stager, derived_id, index, sins};
use crate::syntax::machine::{self, Callback, Provider, ProviderKind};

/// The name of the system provider, as `vssadmin list providers` shows it.
const SYSTEM_PROVIDER: &str = "Microsoft Software Shadow Copy provider 1.0";

/// A provider's scripts while they are made.
pub(super) type Callbacks = BTreeMap<ProviderCallback, Vec<Op>>;

/// The id of a provider: what is written, the documented one, or what follows from the name.
pub(super) fn id_of(provider: &Provider) -> ProviderId {
    match (&provider.id, provider.kind.value) {
        (Some(id), _) => ProviderId(id.0),
        (None, ProviderKind::System) => ProviderId::SYSTEM,
        (None, ProviderKind::Software) => ProviderId(derived_id(&["provider", &provider.name.0])),
    }
}

impl Stager<'_> {
    /// The providers. A machine always has the system provider; one that is not written down is quick and good.
    pub(super) fn providers(&self, volumes: usize) -> Vec<ProviderPlan> {
        let providers = &self.scenario.document.machine.providers;
        let mut plans: Vec<ProviderPlan> = providers.iter().map(|it| self.provider(it, volumes)).collect();
        if !plans.iter().any(|plan| plan.system) {
            plans.push(ProviderPlan {
                name: SYSTEM_PROVIDER.into(),
                id: ProviderId::SYSTEM,
                system: true,
                supports: (0..index(volumes)).collect(),
                handlers: system_provider(|_| Span::default()),
                answers: BTreeMap::new(),
            });
        }
        plans
    }

    fn provider(&self, provider: &Provider, volumes: usize) -> ProviderPlan {
        let mut handlers = Callbacks::new();
        for (callback, script) in system_provider(|callback| span(*of(&provider.callbacks, callback).takes)) {
            let mut ops = script.to_vec();
            if let Some(code) = &of(&provider.callbacks, callback).returns {
                fail_with(&mut ops, code.0);
            }
            handlers.insert(callback, ops);
        }
        for sin in &provider.misbehaviours {
            sins::provider(&sin.value, &mut handlers);
        }
        let supports = match &provider.supports {
            Some(names) => {
                names.iter().filter_map(|name| self.scenario.names.volume(name.as_str())).map(index).collect()
            }
            None => (0..index(volumes)).collect(),
        };
        ProviderPlan {
            name: provider.name.0.as_str().into(),
            id: id_of(provider),
            system: provider.kind.value == ProviderKind::System,
            supports,
            handlers: handlers.into_iter().map(|(callback, ops)| (callback, ops.into())).collect(),
            answers: answers(&provider.answers),
        }
    }
}

fn answers(written: &machine::Answers) -> BTreeMap<ProviderQuestion, Vec<HResult>> {
    let of = |question| match question {
        ProviderQuestion::GetSnapshotProperties => &written.get_snapshot_properties,
        ProviderQuestion::Query => &written.query,
        ProviderQuestion::IsVolumeSnapshotted => &written.is_volume_snapshotted,
        ProviderQuestion::SetSnapshotProperty => &written.set_snapshot_property,
        ProviderQuestion::RevertToSnapshot => &written.revert_to_snapshot,
        ProviderQuestion::QueryRevertStatus => &written.query_revert_status,
    };
    let codes = |question| of(question).iter().map(|code| code.0).collect::<Vec<HResult>>();
    let given = ProviderQuestion::ALL.iter().map(|&question| (question, codes(question)));
    given.filter(|(_, codes)| !codes.is_empty()).collect()
}

/// The callback returns this code; with a failure it has done nothing else.
pub(super) fn fail_with(ops: &mut Vec<Op>, code: HResult) {
    ops.retain(|op| matches!(op, Op::Takes(_)) || (code.is_success() && !matches!(op, Op::Answer(_))));
    ops.push(Op::Answer(code));
}

fn of(callbacks: &machine::Callbacks, callback: ProviderCallback) -> &Callback {
    match callback {
        ProviderCallback::IsVolumeSupported => &callbacks.is_volume_supported,
        ProviderCallback::BeginPrepareSnapshot => &callbacks.begin_prepare_snapshot,
        ProviderCallback::EndPrepareSnapshots => &callbacks.end_prepare_snapshots,
        ProviderCallback::PreCommitSnapshots => &callbacks.pre_commit_snapshots,
        ProviderCallback::CommitSnapshots => &callbacks.commit_snapshots,
        ProviderCallback::PostCommitSnapshots => &callbacks.post_commit_snapshots,
        ProviderCallback::PreFinalCommitSnapshots => &callbacks.pre_final_commit_snapshots,
        ProviderCallback::PostFinalCommitSnapshots => &callbacks.post_final_commit_snapshots,
        ProviderCallback::AbortSnapshots => &callbacks.abort_snapshots,
        ProviderCallback::DeleteSnapshots => &callbacks.delete_snapshots,
    }
}
