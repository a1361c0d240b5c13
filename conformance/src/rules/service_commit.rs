//! Rules that bind the service: the point in time. From the last Freeze to the first Thaw, and the finished copy.
//!
//! ```text
//!   Freeze ► PreCommit ► hold ► Commit ► release ► PostCommit ► Thaw ► PreFinalCommit ► PostSnapshot ► PostFinalCommit
//! ```

use std::collections::BTreeMap;

use vssim_model::api::Out;
use vssim_model::ids::SnapshotSetId;
use vssim_model::states::{SnapshotState, WriterEvent};
use vssim_model::time::Ticks;
use vssim_model::trace::{Consistency, Io};

use crate::catalogue::Bound::Service;
use crate::catalogue::Level::{Fact, Must};
use crate::catalogue::Rule;
use crate::facts::{CallFact, CallbackFact, Facts, Mark, Step};
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "begin-prepare-inside-add",
        requirements: &["PRV-SEQ-023", "PRV-SEQ-001"],
        actor: Service,
        level: Fact,
        sentence: "BeginPrepareSnapshot is called while the requester's AddToSnapshotSet runs.",
        source: "overview-of-processing-a-backup-under-vss.md",
        check: begin_inside_add,
    },
    Rule {
        id: "provider-calls-in-order",
        requirements: &["PRV-SEQ-002", "PRV-SEQ-005", "PRV-SEQ-009"],
        actor: Service,
        level: Fact,
        sentence: "A provider gets Begin, End, PreCommit, Commit, PostCommit, PreFinalCommit and PostFinalCommit in this order, each after the return of the one before.",
        source: "shadow-copy-creation-for-providers.md",
        check: calls_in_order,
    },
    Rule {
        id: "all-frozen-before-precommit",
        requirements: &["PRV-SEQ-005", "WRT-EVT-048"],
        actor: Service,
        level: Fact,
        sentence: "Every writer has handled Freeze before PreCommitSnapshots is called.",
        source: "shadow-copy-creation-for-providers.md",
        check: frozen_before_precommit,
    },
    Rule {
        id: "precommit-before-hold",
        requirements: &["PRV-SEQ-006"],
        actor: Service,
        level: Fact,
        sentence: "Every provider has returned from PreCommitSnapshots before flush and hold begins.",
        source: "shadow-copy-creation-for-providers.md",
        check: precommit_before_hold,
    },
    Rule {
        id: "freeze-before-flush-and-hold",
        requirements: &["PRV-SEQ-031"],
        actor: Service,
        level: Must,
        sentence: "Every writer that takes part is frozen before flush and hold begins.",
        source: "shadow-copy-creation-for-providers.md",
        check: frozen_before_hold,
    },
    Rule {
        id: "commit-while-held",
        requirements: &["PRV-SEQ-026", "SNP-014"],
        actor: Service,
        level: Fact,
        sentence: "CommitSnapshots is called, and every copy fixed, while writes to all volumes of the set are held.",
        source: "overview-of-processing-a-backup-under-vss.md",
        check: commit_while_held,
    },
    Rule {
        id: "release-after-commit",
        requirements: &["SNP-016"],
        actor: Service,
        level: Fact,
        sentence: "Writes are released only after the last provider returned from CommitSnapshots.",
        source: "shadow-copy-creation-for-providers.md",
        check: release_after_commit,
    },
    Rule {
        id: "hold-within-ten-seconds",
        requirements: &["TIM-005", "TIM-006"],
        actor: Service,
        level: Must,
        sentence: "Writes are held for at most ten seconds, from the start of flush and hold to the last release.",
        source: "shadow-copy-creation-for-providers.md",
        check: hold_short,
    },
    Rule {
        id: "no-write-lands-while-held",
        requirements: &["SNP-013", "SNP-014"],
        actor: Service,
        level: Fact,
        sentence: "No write lands on a volume between its hold and its release.",
        source: "shadow-copy-creation-for-providers.md",
        check: no_leak,
    },
    Rule {
        id: "postcommit-before-thaw",
        requirements: &["PRV-SEQ-009", "WRT-EVT-048", "SNP-017"],
        actor: Service,
        level: Fact,
        sentence: "Writers are thawed only after every provider returned from PostCommitSnapshots.",
        source: "the-shadow-copy-creation-process.md",
        check: postcommit_before_thaw,
    },
    Rule {
        id: "final-commit-around-post-snapshot",
        requirements: &["PRV-SEQ-010"],
        actor: Service,
        level: Fact,
        sentence: "PostSnapshot comes after every PreFinalCommitSnapshots and before every PostFinalCommitSnapshots.",
        source: "overview-of-processing-a-backup-under-vss.md",
        check: final_commit,
    },
    Rule {
        id: "snapshot-ends-after-final-commit",
        requirements: &["PRV-SEQ-027"],
        actor: Service,
        level: Fact,
        sentence: "DoSnapshotSet succeeds only after every provider returned from PostFinalCommitSnapshots.",
        source: "overview-of-processing-a-backup-under-vss.md",
        check: ends_last,
    },
    Rule {
        id: "one-time-stamp-per-set",
        requirements: &["SNP-002"],
        actor: Service,
        level: Fact,
        sentence: "All shadow copies of a set carry the same time stamp.",
        source: "the-vss-model.md",
        check: one_time_stamp,
    },
    Rule {
        id: "set-is-one-instant",
        requirements: &["SNP-003", "SNP-005"],
        actor: Service,
        level: Fact,
        sentence: "A set shows one instant on all its volumes: at worst what a sudden power-off would leave.",
        source: "shadow-copy-creation-for-providers.md",
        check: one_instant,
    },
    Rule {
        id: "copy-equals-its-reference",
        requirements: &["SNP-033", "SNP-034"],
        actor: Service,
        level: Fact,
        sentence: "A finished shadow copy holds the bytes of its commit instant, whatever was written since.",
        source: "the-vss-model.md",
        check: copy_equal,
    },
    Rule {
        id: "copy-read-only-once-created",
        requirements: &["SNP-022", "API-042"],
        actor: Service,
        level: Fact,
        sentence: "No write reaches a shadow copy after PostFinalCommitSnapshots.",
        source: "vssgloss-s.md",
        check: read_only,
    },
];

fn begin_inside_add(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(object) = facts.object_of(set) else { continue };
        for call in set.step(Step::BeginPrepare) {
            let inside = object
                .named("AddToSnapshotSet")
                .any(|add| add.begin < call.begin && add.end.is_none_or(|end| call.end.is_some_and(|done| done < end)));
            findings.check(inside, call.records(), || {
                format!("{} got BeginPrepareSnapshot outside of AddToSnapshotSet", call.provider)
            });
        }
    }
}

fn calls_in_order(facts: &Facts<'_>, findings: &mut Findings) {
    let mut last: BTreeMap<(&str, SnapshotSetId), &CallbackFact<'_>> = BTreeMap::new();
    for call in facts.callbacks.iter().filter(|call| call.step < Step::Abort) {
        let Some(set) = call.set else { continue };
        let Some(before) = last.insert((call.provider, set), call) else { continue };
        let again = before.step == Step::BeginPrepare && call.step == Step::BeginPrepare;
        let next = (before.step as u8).saturating_add(1) == call.step as u8;
        let returned = before.end.is_some_and(|end| end < call.begin);
        findings.check((again || next) && returned, [before.begin.n, call.begin.n], || {
            format!("{} got {} after {}", call.provider, call.method(), before.method())
        });
    }
}

/// Whether every writer of the set had handled Freeze before a mark; each is an occasion.
fn frozen_before(
    facts: &Facts<'_>,
    findings: &mut Findings,
    mark: impl Fn(&crate::facts::SetFacts<'_>) -> Option<Mark>,
    what: &str,
) {
    for set in facts.sets.values() {
        let Some(mark) = mark(set) else { continue };
        for writer in set.participants() {
            let freeze = set.event_to(writer, WriterEvent::Freeze);
            // A writer that failed before accepts no Freeze, and one that is gone gets none.
            let failed = set.event_to(writer, WriterEvent::PrepareForSnapshot).is_some_and(|event| !event.succeeded());
            if facts.was_gone(writer, set.object, Mark::default(), mark) || (freeze.is_none() && failed) {
                continue;
            }
            let kept = freeze.and_then(|event| event.end).is_some_and(|end| end < mark);
            findings.check(kept, [freeze.map_or(0, |event| event.begin.n), mark.n], || {
                format!("{what} before {writer} was frozen")
            });
        }
    }
}

fn frozen_before_precommit(facts: &Facts<'_>, findings: &mut Findings) {
    let first = |set: &crate::facts::SetFacts<'_>| set.step(Step::PreCommit).next().map(|call| call.begin);
    frozen_before(facts, findings, first, "PreCommitSnapshots was called");
}

fn frozen_before_hold(facts: &Facts<'_>, findings: &mut Findings) {
    frozen_before(facts, findings, |set| set.flush, "flush and hold began");
}

fn precommit_before_hold(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(flush) = set.flush else { continue };
        for call in set.step(Step::PreCommit) {
            findings.check(call.end.is_some_and(|end| end < flush), [call.begin.n, flush.n], || {
                format!("flush and hold began before {} had returned from PreCommitSnapshots", call.provider)
            });
        }
    }
}

/// A recorded trace may show flush and hold as phases of the whole set; then there are no single volumes to look at.
fn commit_while_held(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(flush) = set.flush else {
            // A recording without the requester's calls may lack flush and hold as well.
            for call in set.step(Step::Commit).filter(|_| set.object.is_some()) {
                findings.broken(call.records(), format!("{} committed while nothing was held", call.provider));
            }
            continue;
        };
        let held = set.holds.iter().map(|(at, _)| *at).max().unwrap_or(flush);
        let calls = set.step(Step::Commit).map(|call| (call.begin, call.method()));
        for (at, what) in calls.chain(set.commits.iter().map(|(at, _, volume)| (*at, *volume))) {
            if set.hold_limit.is_some_and(|fired| fired.t <= at.t) {
                findings.excused("the hold limit ran out, and the creation fails for that");
                continue;
            }
            let kept = held < at && set.release.is_none_or(|release| at < release);
            findings.check(kept, [flush.n, at.n, set.release.map_or(0, |at| at.n)], || {
                format!("{what} was committed while writes were not held on all volumes")
            });
        }
        for volume in set.volumes() {
            let held = set.holds.is_empty() || set.holds.iter().any(|(_, name)| *name == volume);
            if !held && set.commits.iter().any(|(_, _, name)| *name == volume) {
                findings.broken([flush.n], format!("writes to {volume} were never held"));
            }
        }
    }
}

fn release_after_commit(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(release) = set.release else { continue };
        // The kernel itself releases the writes when the limit runs out (TIM-005), and an abort releases them too.
        if set.hold_limit.is_some_and(|fired| fired.t <= release.t) {
            findings.excused("the hold limit ran out and the kernel let the writes go");
            continue;
        }
        for call in set.step(Step::Commit) {
            findings.check(call.end.is_some_and(|end| end < release), [call.begin.n, release.n], || {
                format!("writes were released before {} had returned from CommitSnapshots", call.provider)
            });
        }
    }
}

const HOLD_LIMIT: Ticks = Ticks::from_secs(10);

fn hold_short(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(flush) = set.flush else { continue };
        // A flush that the limit ends comes to no hold, and so to no release.
        let unheld = set.hold_limit.filter(|_| set.holds.is_empty());
        let last = set.releases.iter().map(|(at, _)| *at).max().or(set.release).or(unheld).unwrap_or(facts.end);
        let held = last.t.saturating_sub(flush.t);
        findings.check(held <= HOLD_LIMIT, [flush.n, last.n], || format!("writes were held for {held}"));
    }
}

fn no_leak(facts: &Facts<'_>, findings: &mut Findings) {
    for _ in facts.sets.values().filter(|set| set.flush.is_some()) {
        findings.occasion();
    }
    for (at, io) in &facts.io {
        if let Io::Leaked { length, .. } = io {
            findings.broken([at.n], format!("a write of {length} bytes landed on a held volume"));
        }
    }
}

fn postcommit_before_thaw(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(thaw) = set.of(WriterEvent::Thaw).next() else { continue };
        let committed: Vec<_> = set.step(Step::Commit).collect();
        for commit in committed {
            let post = set.step(Step::PostCommit).find(|call| call.provider == commit.provider);
            let kept = post.and_then(|call| call.end).is_some_and(|end| end < thaw.begin);
            findings.check(kept, [post.map_or(0, |call| call.begin.n), thaw.begin.n], || {
                format!("Thaw was raised before {} had returned from PostCommitSnapshots", commit.provider)
            });
        }
    }
}

fn final_commit(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let posts: Vec<_> = set.of(WriterEvent::PostSnapshot).collect();
        for call in set.step(Step::PreFinalCommit) {
            for post in &posts {
                findings.check(call.end.is_some_and(|end| end < post.begin), [call.begin.n, post.begin.n], || {
                    format!("{} got PostSnapshot before PreFinalCommitSnapshots of {}", post.writer, call.provider)
                });
            }
        }
        for call in set.step(Step::PostFinalCommit) {
            for post in &posts {
                let handled = post.end.is_some_and(|end| end < call.begin);
                let kept = handled || facts.was_gone(post.writer, set.object, post.begin, call.begin);
                findings.check(kept, [post.begin.n, call.begin.n], || {
                    format!(
                        "{} got PostFinalCommitSnapshots before {} had handled PostSnapshot",
                        call.provider, post.writer
                    )
                });
            }
        }
    }
}

fn ends_last(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(done) = set.creation.as_ref().and_then(CallFact::finished) else { continue };
        for commit in set.step(Step::Commit) {
            let last = set.step(Step::PostFinalCommit).find(|call| call.provider == commit.provider);
            let kept = last.and_then(|call| call.end).is_some_and(|end| end < done);
            findings.check(kept, [last.map_or(0, |call| call.begin.n), done.n], || {
                format!("DoSnapshotSet ended before {} had finished", commit.provider)
            });
        }
    }
}

fn one_time_stamp(facts: &Facts<'_>, findings: &mut Findings) {
    let mut stamps: BTreeMap<SnapshotSetId, (Mark, Ticks)> = BTreeMap::new();
    for call in facts.calls.iter().filter(|call| call.accepted()) {
        let Out::SnapshotProperties(properties) = call.out else { continue };
        let (first, stamp) = *stamps.entry(properties.set).or_insert((call.begin, properties.created));
        findings.check(stamp == properties.created, [first.n, call.begin.n], || {
            format!("two copies of a set are stamped {stamp} and {}", properties.created)
        });
    }
}

fn one_instant(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        for (at, application, state, detail) in &set.consistency {
            findings.check(*state != Consistency::Corrupt, [at.n], || {
                format!("the copy shows no one instant of {application}: {detail}")
            });
        }
    }
}

fn copy_equal(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        for (at, snapshot, different) in &set.compared {
            findings.check(*different == 0, [at.n], || {
                format!("shadow copy {snapshot} differs from its reference in {different} blocks")
            });
        }
    }
}

fn read_only(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let returned = set.step(Step::PostFinalCommit).filter_map(|call| call.end).max();
        let Some(closed) = returned.or(set.reached(SnapshotState::Created)) else { continue };
        findings.occasion();
        for (at, io) in facts.io.iter().filter(|(at, _)| *at > closed) {
            if let Io::SnapshotWrite { snapshot, length, .. } = io
                && facts.set_of.get(snapshot) == Some(&set.id)
            {
                findings.broken([closed.n, at.n], format!("{length} bytes were written to finished copy {snapshot}"));
            }
        }
    }
}
