//! Rules that bind a provider.

use vssim_model::api::{Call, SoftwareProviderCall};
use vssim_model::hresult::HResult;
use vssim_model::ids::SnapshotId;
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;

use super::{BEGIN_PREPARE_CODES, PROVIDER_CODES};
use crate::catalogue::Bound::Provider;
use crate::catalogue::Level::{Must, Should};
use crate::catalogue::Rule;
use crate::facts::{CallbackFact, Facts, Step};
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "provider-returns-documented-codes",
        requirements: &["PRV-ERR-001", "PRV-ERR-003", "API-044"],
        actor: Provider,
        level: Should,
        sentence: "A provider returns only the documented codes, except from AbortSnapshots.",
        source: "error-handling-in-shadow-copy-providers.md",
        check: documented_codes,
    },
    Rule {
        id: "begin-prepare-returns-quickly",
        requirements: &["TIM-011", "TIM-010"],
        actor: Provider,
        level: Must,
        sentence: "BeginPrepareSnapshot starts its work and returns, within a second.",
        source: "required-behaviors-for-shadow-copy-providers.md",
        check: begin_prepare,
    },
    Rule {
        id: "commit-within-a-second",
        requirements: &["API-041", "TIM-007"],
        actor: Provider,
        level: Should,
        sentence: "CommitSnapshots takes less than a second.",
        source: "sdk-api nf-vsprov-ivssprovidercreatesnapshotset-commitsnapshots.md",
        check: commit,
    },
    Rule {
        id: "no-delay-around-commit",
        requirements: &["TIM-009", "TIM-008", "PRV-SEQ-022"],
        actor: Provider,
        level: Must,
        sentence: "PreCommitSnapshots and PostCommitSnapshots add no delay: each takes less than a second.",
        source: "required-behaviors-for-shadow-copy-providers.md",
        check: around_commit,
    },
    Rule {
        id: "commit-finished-on-return",
        requirements: &["PRV-SEQ-007"],
        actor: Provider,
        level: Must,
        sentence: "A shadow copy's content is fixed inside CommitSnapshots and does not go on after its return.",
        source: "shadow-copy-creation-for-providers.md",
        check: commit_inside,
    },
    Rule {
        id: "no-logging-while-frozen",
        requirements: &["PRV-ERR-011"],
        actor: Provider,
        level: Must,
        sentence: "A provider writes to no event log while the writers are frozen.",
        source: "error-handling-in-shadow-copy-providers.md",
        check: no_logging,
    },
];

/// What counts as quick. Only CommitSnapshots has a documented figure (API-041); the pages ask the same of the calls
/// around it in words.
const QUICK: Ticks = Ticks::from_secs(1);

/// Whether a code is one that a provider may return from a call.
pub(super) fn documented(call: &CallbackFact<'_>, code: HResult) -> bool {
    PROVIDER_CODES.contains(&code) || (call.step == Step::BeginPrepare && BEGIN_PREPARE_CODES.contains(&code))
}

fn documented_codes(facts: &Facts<'_>, findings: &mut Findings) {
    for call in facts.callbacks.iter().filter(|call| call.step != Step::Abort) {
        let Some(code) = call.hresult else { continue };
        findings.check(documented(call, code), call.records(), || {
            format!("{} returned {code} from {}", call.provider, call.method())
        });
    }
}

fn begin_prepare(facts: &Facts<'_>, findings: &mut Findings) {
    quick(facts, findings, &[Step::BeginPrepare]);
}

fn commit(facts: &Facts<'_>, findings: &mut Findings) {
    quick(facts, findings, &[Step::Commit]);
}

fn around_commit(facts: &Facts<'_>, findings: &mut Findings) {
    quick(facts, findings, &[Step::PreCommit, Step::PostCommit]);
}

fn quick(facts: &Facts<'_>, findings: &mut Findings, steps: &[Step]) {
    for call in facts.callbacks.iter().filter(|call| steps.contains(&call.step)) {
        let taken = call.end.unwrap_or(facts.end).t.saturating_sub(call.begin.t);
        if call.end.is_none() && taken < QUICK {
            continue;
        }
        findings
            .check(taken < QUICK, call.records(), || format!("{} was in {} for {taken}", call.provider, call.method()));
    }
}

fn commit_inside(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values().filter(|set| set.step(Step::Commit).next().is_some()) {
        for (at, snapshot, volume) in &set.commits {
            // Another provider may be in CommitSnapshots meanwhile. Who makes a copy stands in BeginPrepareSnapshot.
            let maker = set.step(Step::BeginPrepare).find(|call| prepares(call, *snapshot)).map(|call| call.provider);
            let mut of_maker = set.step(Step::Commit).filter(|call| maker.is_none_or(|maker| maker == call.provider));
            let inside = of_maker.any(|call| call.begin < *at && call.end.is_none_or(|end| *at < end));
            findings
                .check(inside, [at.n], || format!("the shadow copy of {volume} was fixed outside of CommitSnapshots"));
        }
    }
}

/// Whether a call is BeginPrepareSnapshot for this shadow copy.
fn prepares(call: &CallbackFact<'_>, wanted: SnapshotId) -> bool {
    matches!(call.call, Call::SoftwareProvider(SoftwareProviderCall::BeginPrepareSnapshot { snapshot, .. })
        if *snapshot == wanted)
}

fn no_logging(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(from) = set.of(WriterEvent::Freeze).map(|event| event.begin).min() else { continue };
        let thawed = set.events.iter().filter(|event| matches!(event.event, WriterEvent::Thaw | WriterEvent::Abort));
        let to = thawed.map(|event| event.begin).min().unwrap_or(facts.end);
        for provider in facts.callbacks.iter().filter(|call| call.set == Some(set.id) && call.step == Step::PreCommit) {
            let entry = facts.log.iter().find(|(at, who, _)| *who == provider.provider && from < *at && *at < to);
            findings.check(entry.is_none(), [entry.map_or(0, |(at, _, _)| at.n)], || {
                format!("{} wrote to an event log while the writers were frozen", provider.provider)
            });
        }
    }
}
